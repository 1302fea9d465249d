/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "pxenc/block.h"
#include "pxenc/cmd.h"
#include "pxenc/header-backup.h"
#include "pxenc/helpers.h"
#include "pxenc/lock.h"
#include "pxenc/log.h"
#include "pxenc/mapping.h"
#include "pxenc/revive.h"
#include "pxenc/signals.h"
#include "pxenc/unlock.h"
#include "reencryption.h"
#include "rotate-all.h"

struct arguments {
	const char *device;
	struct px_new_key_args key;
	bool keep_old, reencrypt, force, all;
	const struct px_census *census; /* NULL: none was taken */
};

/* What is locked, loaded and fetched for one volume. */
struct job {
	char *device; /* without links */
	int lock;
	struct px_luks *luks;
	struct px_session session;
	struct px_choice choice; /* of the present key */
	struct px_rotation rotation;
	struct px_mapping mapping; /* of the device; no name: it is not mapped */
	dev_t devno;		   /* of the device; 0: it is a file */
};

/* All but the lock. */
static void unload(struct job *job)
{
	px_secret_free(&job->rotation.key);
	px_secret_free(&job->rotation.volume_key);
	px_choice_clear(&job->choice);
	px_session_close(&job->session);
	px_luks_free(&job->luks);
}

static void job_cleanup(struct job *job)
{
	unload(job);
	px_mapping_clear(&job->mapping);
	px_fd_cleanup(&job->lock);
	free(job->device);
}

static enum px_status take_option(struct arguments *args, int c)
{
	if (px_new_key_option(&args->key, c))
		return PX_OK;
	switch (c) {
	case 'K':
		args->keep_old = true;
		return PX_OK;
	case 'R':
		args->reencrypt = true;
		return PX_OK;
	case 'F':
		args->force = true;
		return PX_OK;
	case 'A':
		args->all = true;
		return PX_OK;
	default:
		return PX_USAGE;
	}
}

static enum px_status parse(int argc, char **argv, struct arguments *args)
{
	static const struct option longs[] = { PX_COMMON_OPTIONS,
					       PX_NEW_KEY_OPTIONS,
					       { "keep-old", no_argument, NULL, 'K' },
					       { "reencrypt", no_argument, NULL, 'R' },
					       { "force", no_argument, NULL, 'F' },
					       { "all", no_argument, NULL, 'A' },
					       { NULL, 0, NULL, 0 } };
	enum px_status st;
	int c;

	while ((c = px_next_option("rotate", argc, argv, "", longs)) != -1) {
		st = take_option(args, c);
		if (st)
			return st;
	}
	if (!args->all && argc - optind != 1)
		return px_usage("rotate");
	args->device = argv[optind];
	return px_new_key_check(&args->key);
}

static enum px_status load(const struct arguments *args, struct job *job)
{
	enum px_status st;

	st = px_luks_load_to_rotate(job->device, &job->luks);
	if (!st && px_luks_version(job->luks) == 1)
		return px_fail(PX_USAGE,
			       "%s is a LUKS1 volume, which has no place for a LUKS2 token: change "
			       "its key with cryptsetup, or convert it first with cryptsetup "
			       "convert --type luks2",
			       args->device);
	if (!st && !px_luks_token(job->luks))
		return px_fail(PX_NO_VOLUME,
			       "%s is not a volume of pxenc: pxenc enroll makes it one",
			       args->device);
	return st ? st : px_session_open(&job->session);
}

/* The present key, on a header that is what was sealed. */
static enum px_status fetch(const struct arguments *args, struct job *job)
{
	const struct px_options options = { .secret = NULL };
	enum px_status st;

	job->rotation = (struct px_rotation){ .device = args->device,
					      .luks = job->luks,
					      .session = &job->session,
					      .keep_old = args->keep_old,
					      .census = args->census };
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
static bool is_told(const struct arguments *args, const struct job *job)
{
	return args->key.secret || args->key.cluster_key || args->key.generate ||
	       px_new_key_is_own(px_luks_token(job->luks)->secret, px_luks_uuid(job->luks));
}

static bool is_under_way(const struct job *job)
{
	const struct px_token *token = px_luks_token(job->luks);

	return token->next.secret || token->old.secret || token->reencrypt;
}

/* To go on with what was interrupted nobody needs to be told what follows it. */
static enum px_status check_told(const struct arguments *args, const struct job *job)
{
	const char *secret = px_luks_token(job->luks)->secret;

	if (is_told(args, job) || (is_under_way(job) && !args->reencrypt))
		return PX_OK;
	return px_fail(PX_USAGE,
		       "the key of %s is '%s', which others may use: say what is to follow it: "
		       "--generate, --cluster-key or --secret PATH",
		       job->rotation.device, secret);
}

static enum px_status decide(struct job *job, const struct px_new_key_args *told,
			     struct px_new_key *ret_key)
{
	struct px_new_key_args args = *told;

	args.generate = args.generate || (!args.secret && !args.cluster_key);
	return px_new_key_choose(&job->session, &args, px_luks_uuid(job->luks),
				 px_luks_token(job->luks)->secret, ret_key);
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
		st = px_header_keep(&job->session, job->luks, job->rotation.key);
		if (!st)
			report(job, "as before");
		return st;
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

/* Everything that a change needs; each part of a rotation begins with it. */
static enum px_status begin(const struct arguments *args, struct job *job)
{
	enum px_status st;

	st = load(args, job);
	if (!st)
		st = fetch(args, job);
	if (!st)
		st = open_volume(job);
	if (st || !px_luks_lacks_end(job->luks))
		return st;
	/* Its seal is right, so the end of its reencryption may be written. */
	st = px_luks_write_end(job->luks);
	unload(job);
	return st ? st : begin(args, job);
}

static enum px_status find_mapping(struct job *job)
{
	struct stat st;
	int r;

	if (stat(job->device, &st) < 0)
		return px_fail(PX_NO_VOLUME, "%s: %s", job->device, strerror(errno));
	r = S_ISBLK(st.st_mode) ? px_mapping_by_slave(st.st_rdev, &job->mapping) : -ENOENT;
	if (r < 0 && r != -ENOENT)
		return px_block_failed(r);
	if (job->mapping.suspended)
		return px_fail(PX_BUSY, "the mapping %s of %s is suspended: resume it first",
			       job->mapping.name, job->device);
	job->devno = S_ISBLK(st.st_mode) ? st.st_rdev : 0;
	return PX_OK;
}

/* The lock is ours, so helpers below it are of one who was killed. */
static enum px_status settle(const struct arguments *args, struct job *job)
{
	px_auto(secret) struct px_secret *key = NULL;
	enum px_status st = find_mapping(job);
	int r;

	if (st || job->devno == 0)
		return st;
	if (!job->mapping.name && args->all)
		return px_fail(PX_DECLINED,
			       "%s is not open on this machine, and nobody knows whether it is on "
			       "another one, where reencrypting it here would destroy it: if it is "
			       "not, rotate it without --all",
			       args->device);
	if (!job->mapping.name) {
		st = px_helpers_settle_unmapped(job->device, job->devno);
		/* Before its header says that it is reencrypted. */
		return st ? st : px_device_check_unused(job->device, job->lock);
	}
	r = px_helpers_count(job->devno);
	if (r < 0)
		return px_block_failed(r);
	if (r == 0)
		return PX_OK;
	/* libcryptsetup has one volume at a time. */
	key = px_steal(&job->rotation.key);
	unload(job);
	st = px_revive(job->device, job->devno, job->mapping.name, key);
	return st ? st : begin(args, job);
}

/* The volume key, if it is to change or was changing. Hours may pass, so all is loaded anew. */
static enum px_status reencrypt(const struct arguments *args, struct job *job)
{
	bool again = px_reencryption_is_open(job->luks) && args->reencrypt, done = false;
	enum px_status st;

	if (!args->reencrypt && !px_reencryption_is_open(job->luks))
		return PX_OK;
	st = settle(args, job);
	if (!st)
		st = px_reencryption_run(&job->rotation, job->mapping.name, args->force, &done);
	if (st)
		return st;
	unload(job);
	st = begin(args, job);
	if (st && done)
		px_warn("%s: all of its data has the new volume key; not done yet are its key and "
			"its header backup: pxenc rotate %s, without --reencrypt",
			args->device, args->device);
	if (!st)
		st = px_header_keep(&job->session, job->luks, job->rotation.key);
	if (st || done || !again)
		return st;
	/* It had not begun to write, and was undone; now it is asked for. */
	px_mapping_clear(&job->mapping);
	return reencrypt(args, job);
}

static enum px_status rotate(const struct arguments *args)
{
	px_cleanup(job_cleanup) struct job job = { .lock = -1 };
	enum px_status st;
	bool done, told;

	st = px_lock_device(args->device, &job.device, &job.lock);
	/* Before a reencryption that may take hours. */
	if (!st)
		st = begin(args, &job);
	if (!st)
		st = check_told(args, &job);
	if (st)
		return st;
	px_signals_hold();
	told = is_told(args, &job);
	st = px_rotation_recover(&job.rotation, &done);
	if (!st)
		st = reencrypt(args, &job);
	if (st)
		return st;
	/* What was interrupted is done; after a reencryption the key changes all the same. */
	if (told && (!done || args->reencrypt || !is_served(args, &job)))
		return change_key(args, &job);
	st = px_header_keep(&job.session, job.luks, job.rotation.key);
	if (!st)
		report(&job, done ? "begun by a rotate that was interrupted" : "as before");
	return st;
}

static enum px_status rotate_one(const char *device, const void *arg)
{
	struct arguments args = *(const struct arguments *)arg;

	args.device = device;
	return rotate(&args);
}

/* The devices of the machine are looked at once, and not once for each volume; but during a
 * reencryption hours pass, and what was seen before them counts for nothing. */
static enum px_status rotate_all(char *const *devices, struct arguments *args)
{
	px_auto(census) struct px_census census = { 0 };
	enum px_status st = PX_OK;

	if (!args->reencrypt) {
		st = px_census_take(&census);
		args->census = &census;
	}
	return st ? st : px_rotate_all(devices, rotate_one, args);
}

enum px_status px_cmd_rotate(int argc, char **argv)
{
	struct arguments args = { 0 };
	enum px_status st;

	st = parse(argc, argv, &args);
	if (st)
		return st;
	return args.all ? rotate_all(argv + optind, &args) : rotate(&args);
}
