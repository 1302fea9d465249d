/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pxenc/cmd.h"
#include "pxenc/header-backup.h"
#include "pxenc/key.h"
#include "pxenc/lock.h"
#include "pxenc/log.h"
#include "pxenc/luks.h"
#include "pxenc/new-key.h"
#include "pxenc/recovery.h"
#include "pxenc/signals.h"

/* Key files of cryptsetup may be binary, and large. */
#define PASSPHRASE_MAX ((size_t)1 << 20)

struct arguments {
	const char *device;
	struct px_new_key_args key;
	const char *key_file;	 /* the present passphrase; NULL: neither, so ask for it */
	const char *from_secret; /* or it lies in the store */
	bool recovery, auto_open;
};

/* A volume on its way to its new key. */
struct job {
	const struct arguments *args;
	char *device; /* without links */
	int lock;
	struct px_luks *luks;
	struct px_session session;
	struct px_secret *passphrase, *volume_key;
	struct px_new_key key;
	int slot; /* that the new key opens; -1: none yet */
};

static void job_cleanup(struct job *job)
{
	px_new_key_clear(&job->key);
	px_secret_free(&job->passphrase);
	px_secret_free(&job->volume_key);
	px_session_close(&job->session);
	px_luks_free(&job->luks);
	px_fd_cleanup(&job->lock);
	free(job->device);
}

static enum px_status take_option(struct arguments *args, int c)
{
	if (px_new_key_option(&args->key, c))
		return PX_OK;
	switch (c) {
	case 'f':
		args->key_file = optarg;
		return PX_OK;
	case 'p':
		args->from_secret = optarg;
		return PX_OK;
	case 'r':
		args->recovery = true;
		return PX_OK;
	case 'a':
		args->auto_open = true;
		return PX_OK;
	default:
		return PX_USAGE;
	}
}

static enum px_status parse(int argc, char **argv, struct arguments *args)
{
	static const struct option longs[] = { PX_COMMON_OPTIONS,
					       PX_NEW_KEY_OPTIONS,
					       { "key-file", required_argument, NULL, 'f' },
					       { "present-secret", required_argument, NULL, 'p' },
					       { "recovery-key", no_argument, NULL, 'r' },
					       { "auto", no_argument, NULL, 'a' },
					       { NULL, 0, NULL, 0 } };
	enum px_status st;
	int c;

	while ((c = px_next_option("enroll", argc, argv, "", longs)) != -1) {
		st = take_option(args, c);
		if (st)
			return st;
	}
	if (argc - optind != 1 || (args->key_file && args->from_secret))
		return px_usage("enroll");
	args->device = argv[optind];
	return px_new_key_check(&args->key);
}

static enum px_status load(struct job *job)
{
	enum px_status st;

	st = px_lock_device(job->args->device, &job->device, &job->lock);
	if (!st)
		st = px_luks_load_to_change(job->device, &job->luks);
	if (st)
		return st;
	if (px_luks_version(job->luks) == 1)
		return px_fail(PX_USAGE,
			       "%s is a LUKS1 volume, which has no place for a LUKS2 token: name "
			       "its secret in /etc/fstab or on the command line with "
			       "-o secret=PATH, or convert it with cryptsetup convert --type luks2",
			       job->args->device);
	if (px_luks_token(job->luks))
		return px_fail(PX_EXISTS,
			       "%s is pxenc's already, with the secret '%s': pxenc rotate changes "
			       "its key; if that secret is lost, see LOST KEYS in pxenc(8)",
			       job->args->device, px_luks_token(job->luks)->secret);
	return PX_OK;
}

/* Before the store's clock runs: people take their time. */
static enum px_status ask_passphrase(struct job *job)
{
	if (job->args->key_file)
		return px_read_value(job->args->key_file, PASSPHRASE_MAX, &job->passphrase);
	if (!job->args->from_secret)
		return px_prompt_secret("present passphrase", &job->passphrase);
	return PX_OK;
}

static enum px_status fetch_passphrase(struct job *job)
{
	px_auto(choice) struct px_choice choice = { 0 };
	enum px_status st;

	if (job->passphrase)
		return PX_OK;
	st = px_resolve_path(job->session.config, job->args->from_secret, &choice);
	return st ? st
		  : px_store_get(job->session.store, choice.path, PX_GET_PASSPHRASE,
				 &job->passphrase);
}

static bool ends_in_newline(const struct px_secret *passphrase)
{
	size_t len = px_secret_len(passphrase);

	return len > 0 && px_secret_bytes(passphrase)[len - 1] == '\n';
}

/* Whoever adopts a volume has to be able to open it. */
static enum px_status open_volume(struct job *job)
{
	int r = px_luks_open_slot(job->luks, -1, job->passphrase, &job->volume_key);

	if (r == -EPERM)
		return px_fail(PX_BAD_KEY, "the present passphrase opens no keyslot of %s%s",
			       job->args->device,
			       ends_in_newline(job->passphrase)
				       ? ": it ends with a newline, which counts"
				       : "");
	return r < 0 ? px_fail(PX_KERNEL, "%s cannot be opened: %s", job->args->device,
			       strerror(-r))
		     : PX_OK;
}

/*
 * The keyslot that the new key opens: of an enroll that was interrupted, or because the volume has
 * the cluster's passphrase already. With a generated key of this volume's, that is looked for too.
 */
static enum px_status find_keyslot(struct job *job, const struct px_secret *key)
{
	px_auto(secret) struct px_secret *volume_key = NULL;
	int r = px_luks_open_slot(job->luks, -1, key, &volume_key);

	if (r >= 0 && px_secret_equal(volume_key, job->volume_key))
		job->slot = r;
	return r == -ENOMEM ? px_nomem() : PX_OK;
}

/* The first key of this volume's that lies in the store already, if it opens the volume. */
static enum px_status take_up(struct job *job)
{
	px_auto(new_key) struct px_new_key key = { .key = NULL };
	char path[64];
	enum px_status st;

	snprintf(path, sizeof(path), "volumes/%s/1", px_luks_uuid(job->luks));
	st = px_resolve_path(job->session.config, path, &key.choice);
	if (!st)
		st = px_store_get(job->session.store, key.choice.path, PX_GET_RAW | PX_GET_MAYBE,
				  &key.key);
	if (st)
		return st == PX_NO_SECRET ? PX_OK : st;
	st = find_keyslot(job, key.key);
	if (st || job->slot < 0) {
		px_warn("the secret '%s' opens no keyslot of %s: an enroll was interrupted, or it "
			"may be a clone's: look before you delete it",
			key.choice.path, job->args->device);
		return st;
	}
	key.choice.because = "of an enroll that was interrupted";
	px_new_key_clear(&job->key);
	job->key = key;
	key = (struct px_new_key){ .key = NULL };
	return PX_OK;
}

static enum px_status choose_key(struct job *job)
{
	enum px_status st;

	st = px_new_key_choose(&job->session, &job->args->key, px_luks_uuid(job->luks), NULL,
			       &job->key);
	if (st)
		return st;
	return job->key.generated ? take_up(job) : find_keyslot(job, job->key.key);
}

/* The key is in the store before a keyslot needs it. */
static enum px_status add_keyslot(struct job *job)
{
	enum px_status st;
	int slot;

	if (job->slot >= 0)
		return PX_OK;
	st = px_luks_need_slot(job->luks, job->args->device, &slot);
	if (!st)
		st = px_new_key_store(&job->session, &job->key);
	if (!st)
		st = px_luks_add_slot(job->luks, slot, job->volume_key, job->key.key);
	if (!st)
		job->slot = slot;
	return st;
}

/* The LUKS2 token is what makes the volume pxenc's, so it comes last. */
static enum px_status write_token(struct job *job)
{
	struct px_token token = { .keyslot = job->slot,
				  .store = job->session.config->store,
				  .secret = job->key.choice.relative,
				  .auto_open = job->args->auto_open };
	enum px_status st;

	st = px_luks_set_subsystem(job->luks);
	return st ? st : px_luks_set_token(job->luks, &token, job->key.key);
}

/* Back to the volume as it was; a keyslot that stays is said. */
static void take_back(struct job *job, int before)
{
	/* A LUKS2 token whose writing failed may be there all the same, and names the keyslot. */
	enum px_status st = px_luks_drop_token(job->luks);

	if (!st && job->slot >= 0 && job->slot != before)
		st = px_luks_destroy_slot(job->luks, job->slot);
	if (st) {
		px_warn("%s: keyslot %d is left: run enroll again", job->args->device, job->slot);
		return;
	}
	if (px_new_key_take_back(&job->session, &job->key) != PX_OK)
		px_warn("the generated key at '%s' may be in the store, and locks nothing: delete "
			"it",
			job->key.choice.path);
}

static enum px_status adopt(struct job *job)
{
	enum px_status st;
	int before = job->slot;

	px_signals_hold();
	st = add_keyslot(job);
	if (!st)
		st = write_token(job);
	if (st)
		take_back(job, before);
	return st;
}

static enum px_status enroll(const struct arguments *args)
{
	px_cleanup(job_cleanup) struct job job = { .args = args, .lock = -1, .slot = -1 };
	enum px_status st;

	st = load(&job);
	if (!st)
		st = ask_passphrase(&job);
	if (!st)
		st = px_session_open(&job.session);
	if (!st)
		st = fetch_passphrase(&job);
	if (!st)
		st = open_volume(&job);
	if (!st)
		st = choose_key(&job);
	if (!st)
		st = adopt(&job);
	if (st)
		return st;
	printf("%s: volume %s, key %s (%s) in keyslot %d; its other keyslots are as they were\n",
	       args->device, px_luks_uuid(job.luks), job.key.choice.path, job.key.choice.because,
	       job.slot);
	if (args->recovery)
		st = px_recovery_add(job.luks, job.slot, job.key.key);
	return st ? st : px_header_keep(&job.session, job.luks, job.key.key);
}

enum px_status px_cmd_enroll(int argc, char **argv)
{
	struct arguments args = { 0 };
	enum px_status st;

	st = parse(argc, argv, &args);
	return st ? st : enroll(&args);
}
