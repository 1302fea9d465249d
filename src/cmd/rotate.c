/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pxenc/cmd.h"
#include "pxenc/header-backup.h"
#include "pxenc/lock.h"
#include "pxenc/log.h"
#include "pxenc/signals.h"
#include "pxenc/unlock.h"
#include "rotation.h"

struct arguments {
	const char *device;
	struct px_new_key_args key;
	bool keep_old;
};

/* What is locked, loaded and fetched for one volume. */
struct job {
	char *device; /* without links */
	int lock;
	struct px_luks *luks;
	struct px_session session;
	struct px_choice choice; /* of the present key */
	struct px_rotation rotation;
};

static void job_cleanup(struct job *job)
{
	px_secret_free(&job->rotation.key);
	px_secret_free(&job->rotation.volume_key);
	px_choice_clear(&job->choice);
	px_session_close(&job->session);
	px_luks_free(&job->luks);
	px_fd_cleanup(&job->lock);
	free(job->device);
}

static enum px_status take_option(struct arguments *args, int c)
{
	switch (c) {
	case 's':
		args->key.secret = optarg;
		return PX_OK;
	case 'k':
		args->key.cluster_key = true;
		return PX_OK;
	case 'g':
		args->key.generate = true;
		return PX_OK;
	case 'K':
		args->keep_old = true;
		return PX_OK;
	default:
		return PX_USAGE;
	}
}

static enum px_status parse(int argc, char **argv, struct arguments *args)
{
	static const struct option longs[] = { PX_COMMON_OPTIONS,
					       { "secret", required_argument, NULL, 's' },
					       { "cluster-key", no_argument, NULL, 'k' },
					       { "generate", no_argument, NULL, 'g' },
					       { "keep-old", no_argument, NULL, 'K' },
					       { NULL, 0, NULL, 0 } };
	enum px_status st;
	int c;

	while ((c = px_next_option("rotate", argc, argv, "", longs)) != -1) {
		st = take_option(args, c);
		if (st)
			return st;
	}
	if (argc - optind != 1)
		return px_usage("rotate");
	args->device = argv[optind];
	return px_new_key_check(&args->key);
}

static enum px_status load(const struct arguments *args, struct job *job)
{
	enum px_status st;

	st = px_lock_device(args->device, &job->device, &job->lock);
	if (!st)
		st = px_luks_load_to_change(job->device, &job->luks);
	if (!st && !px_luks_token(job->luks))
		return px_fail(PX_USAGE, "%s is not pxenc's: pxenc enroll makes it so",
			       args->device);
	return st;
}

/* The present key, on a header that is what was sealed. */
static enum px_status fetch(const struct arguments *args, struct job *job)
{
	const struct px_options options = { .secret = NULL };
	enum px_status st;

	job->rotation = (struct px_rotation){ .device = args->device,
					      .luks = job->luks,
					      .session = &job->session,
					      .keep_old = args->keep_old };
	st = px_unlock_key(job->luks, job->session.config, job->session.store, &options,
			   &job->choice, &job->rotation.key);
	return st ? st : px_luks_verify_seal(job->luks, job->rotation.key, true);
}

/* Which must open the volume. */
static enum px_status open_volume(struct job *job)
{
	int slot = px_luks_token(job->luks)->keyslot;
	int r = px_luks_open_slot(job->luks, slot, job->rotation.key, &job->rotation.volume_key);

	if (r == -EPERM)
		return px_fail(PX_BAD_KEY, "the secret '%s' does not open keyslot %d of %s",
			       job->choice.path, slot, job->rotation.device);
	return r < 0 ? px_fail(PX_KERNEL, "%s cannot be opened: %s", job->rotation.device,
			       strerror(-r))
		     : PX_OK;
}

/* Without being told, a key of the volume's own is followed by another one. */
static enum px_status decide(struct job *job, const struct px_new_key_args *told,
			     struct px_new_key *ret_key)
{
	struct px_new_key_args args = *told;

	if (!args.secret && !args.cluster_key && !args.generate) {
		args.generate = px_new_key_is_own(px_luks_token(job->luks)->secret,
						  px_luks_uuid(job->luks));
		if (!args.generate)
			return px_fail(
				PX_USAGE,
				"the key of %s is '%s', which others may use: say what is to "
				"follow it: --generate, --cluster-key or --secret PATH",
				job->rotation.device, px_luks_token(job->luks)->secret);
	}
	return px_new_key_choose(&job->session, &args, px_luks_uuid(job->luks), ret_key);
}

static void report(const struct job *job, const char *because)
{
	printf("%s: volume %s, key %s (%s) in keyslot %d\n", job->rotation.device,
	       px_luks_uuid(job->luks), px_luks_token(job->luks)->secret, because,
	       px_luks_token(job->luks)->keyslot);
}

static enum px_status change_key(const struct arguments *args, struct job *job)
{
	px_auto(new_key) struct px_new_key key = { .key = NULL };
	enum px_status st;

	st = decide(job, &args->key, &key);
	if (st)
		return st;
	/* A second run of rotate --all, say. */
	if (strcmp(key.choice.relative, px_luks_token(job->luks)->secret) == 0) {
		report(job, "as before");
		return PX_OK;
	}
	st = px_rotation_run(&job->rotation, &key);
	if (!st)
		st = px_header_keep(&job->session, job->luks, key.key);
	if (!st)
		report(job, key.choice.because);
	return st;
}

/* A generated key that an interrupted run had begun with is as good as another one. */
static bool is_served(const struct arguments *args, const struct job *job)
{
	return !args->key.secret && !args->key.cluster_key &&
	       px_new_key_is_own(px_luks_token(job->luks)->secret, px_luks_uuid(job->luks));
}

static enum px_status rotate(const struct arguments *args)
{
	__attribute__((cleanup(job_cleanup))) struct job job = { .lock = -1 };
	enum px_status st;
	bool done;

	st = load(args, &job);
	if (!st)
		st = px_session_open(&job.session);
	if (!st)
		st = fetch(args, &job);
	if (!st)
		st = open_volume(&job);
	if (st)
		return st;
	px_signals_hold();
	st = px_rotation_recover(&job.rotation, &done);
	if (st)
		return st;
	if (done && is_served(args, &job)) {
		st = px_header_keep(&job.session, job.luks, job.rotation.key);
		if (!st)
			report(&job, "begun by a rotate that was interrupted");
		return st;
	}
	return change_key(args, &job);
}

enum px_status px_cmd_rotate(int argc, char **argv)
{
	struct arguments args = { 0 };
	enum px_status st;

	st = parse(argc, argv, &args);
	return st ? st : rotate(&args);
}
