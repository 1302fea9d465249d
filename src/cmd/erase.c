/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "erase-store.h"
#include "pxenc/backup.h"
#include "pxenc/cmd.h"
#include "pxenc/lock.h"
#include "pxenc/log.h"
#include "pxenc/new-key.h"
#include "pxenc/peek.h"
#include "pxenc/signals.h"
#include "pxenc/unfinished.h"

/*
 * A volume is erased in this order, and each step can be done again:
 *
 *   the other key   of a rotation that is not done, which its keyslot proves
 *   the keyslots    overwritten, so the data is lost from here on, also if the store fails
 *   the backup      of its header
 *   the present key
 *   a word          on what is left in the store, since nothing tells of it later
 *   the header      which told until now which volume it was
 *
 * The present key is the last that leaves the store, since it proves by the header's seal that this
 * is the volume. What nothing proves is left and named (erase-store.h).
 */

/* Where the data of a volume begins by default. */
#define HEADER_SIZE ((uint64_t)16 << 20)

struct job {
	const char *device; /* as the user named it, for messages */
	char *path;	    /* without links */
	int lock, claim;
	struct px_glance seen;
	uint64_t header_size;
	struct px_session session;
	struct px_erasure erasure;
	enum px_status unasked; /* the store could not be asked which of its secrets are its own */
	char *left;		/* in the store; NULL: nothing */
};

static void job_cleanup(struct job *job)
{
	px_session_close(&job->session);
	px_erasure_clear(&job->erasure);
	px_fd_cleanup(&job->claim);
	px_fd_cleanup(&job->lock);
	free(job->left);
	free(job->path);
}

/* Until the end, since people take their time to answer: nobody mounts it meanwhile. */
static enum px_status claim(struct job *job)
{
	int r = px_device_claim(job->path, job->lock, &job->claim);

	if (r == -EBUSY)
		return px_fail(PX_BUSY, "%s is in use: unmount and close it first (see lsblk %s)",
			       job->device, job->device);
	return r < 0 ? px_fail(PX_NO_VOLUME, "cannot open %s: %s", job->device, strerror(-r))
		     : PX_OK;
}

/* A header that pxenc takes; one that it does not is no error here. */
static enum px_status load(struct job *job)
{
	struct px_peek peek;
	int r = px_peek(job->path, &peek);

	if (r == -EINVAL || r == -EBADMSG)
		return PX_OK;
	return r < 0 ? px_fail(PX_KERNEL, "the header on %s cannot be looked at: %s", job->device,
			       strerror(-r))
		     : px_luks_load_to_change(job->path, &job->erasure.luks);
}

static enum px_status find_size(struct job *job)
{
	off_t end = lseek(job->lock, 0, SEEK_END);

	if (end < 0)
		return px_fail(PX_KERNEL, "%s: its size cannot be found out: %m", job->device);
	job->header_size = job->erasure.luks ? px_luks_data_offset(job->erasure.luks) : HEADER_SIZE;
	if (job->header_size > (uint64_t)end)
		job->header_size = (uint64_t)end;
	return PX_OK;
}

static enum px_status look_at_device(struct job *job)
{
	struct px_unfinished unfinished;
	bool marked = false;
	enum px_status st;

	st = px_lock_device(job->device, &job->path, &job->lock);
	if (!st)
		st = claim(job);
	/* What lies behind the mark may be what was there before. */
	if (!st)
		st = px_unfinished_look(job->path, &marked, &unfinished);
	if (!st && marked)
		return px_unfinished_refuse(job->device);
	if (!st)
		st = px_header_glance(job->lock, job->path, &job->seen);
	if (!st && job->seen.seen)
		st = load(job);
	if (st)
		return st;
	job->erasure.device = job->path;
	job->erasure.uuid = job->seen.names.uuid;
	job->erasure.generation = job->seen.generation;
	if (job->erasure.luks
		    ? !px_luks_token(job->erasure.luks)
		    : !job->seen.seen || strcmp(job->seen.names.subsystem, PX_SUBSYSTEM) != 0)
		return px_fail(PX_NO_VOLUME,
			       "%s is not a volume of pxenc: cryptsetup erase destroys the "
			       "keyslots of others",
			       job->device);
	return find_size(job);
}

static enum px_status ask(const struct job *job)
{
	px_auto(free) char *question = NULL;

	if (asprintf(&question,
		     "this destroys every key of %s, volume %s%s%s%s: its data is lost for good, "
		     "and that of its snapshots and clones%s",
		     job->device, job->seen.names.uuid, job->seen.names.label[0] ? " '" : "",
		     job->seen.names.label, job->seen.names.label[0] ? "'" : "",
		     px_erasure_is_doubtful(&job->erasure)
			     ? "; nothing proves that it is this volume, so its secrets stay"
			     : "") < 0)
		return px_nomem();
	return px_confirm(question);
}

static enum px_status wipe_keyslots(const struct job *job)
{
	return px_header_wipe(job->lock, job->device, 2 * job->seen.copy_size, job->header_size,
			      true);
}

/* libblkid is to see nothing of it any more. Its two copies come last: what is left of a volume is
 * known for one as long as it can be. */
static enum px_status wipe_header(const struct job *job)
{
	uint64_t copies = 2 * job->seen.copy_size;
	enum px_status st;

	st = px_header_wipe(job->lock, job->device, copies, job->header_size, false);
	return st ? st : px_header_wipe(job->lock, job->device, 0, copies, false);
}

/* Whatever the store says, the keyslots go. */
static enum px_status destroy(struct job *job)
{
	enum px_status st = job->unasked, wiped;

	if (!st)
		st = px_erasure_drop_other(&job->erasure, &job->session);
	wiped = wipe_keyslots(job);
	if (wiped)
		return wiped;
	if (!st)
		st = px_erasure_drop(&job->erasure, &job->session);
	if (!st)
		st = px_erasure_left(&job->erasure, &job->session, &job->left);
	if (st)
		px_warn("the keyslots of %s are destroyed, but not all of its secrets are deleted: "
			"run erase again",
			job->device);
	return st;
}

/* PX_BAD_HEADER: it may be another volume's. */
static enum px_status tell_left(const struct job *job)
{
	const struct px_luks *luks = job->erasure.luks;
	const char *secret = luks ? px_luks_token(luks)->secret : NULL;

	if (job->left && px_erasure_is_doubtful(&job->erasure))
		return px_fail(PX_BAD_HEADER,
			       "the keyslots of %s are destroyed, but nothing proved that it was "
			       "volume %s: left in the store: %s; delete them when no volume, "
			       "snapshot or clone needs them",
			       job->device, job->seen.names.uuid, job->left);
	if (secret && !px_new_key_is_own(secret, job->seen.names.uuid))
		printf("%s: the secret '%s' stays, since others may use it\n", job->device, secret);
	if (job->left)
		printf("%s: left in the store: %s; delete them when no snapshot or clone needs "
		       "them\n",
		       job->device, job->left);
	fflush(stdout);
	return PX_OK;
}

static enum px_status erase(struct job *job)
{
	enum px_status st = destroy(job), told;

	if (st)
		return st;
	told = tell_left(job);
	st = wipe_header(job);
	return st ? st : told;
}

enum px_status px_cmd_erase(int argc, char **argv)
{
	static const struct option longs[] = { PX_COMMON_OPTIONS,
					       { "force", no_argument, NULL, 'F' },
					       { NULL, 0, NULL, 0 } };
	px_cleanup(job_cleanup) struct job job = { .lock = -1, .claim = -1 };
	enum px_status st;
	bool force = false;
	int c;

	while ((c = px_next_option("erase", argc, argv, "", longs)) != -1) {
		if (c != 'F')
			return PX_USAGE;
		force = true;
	}
	if (argc - optind != 1)
		return px_usage("erase");
	job.device = argv[optind];
	st = look_at_device(&job);
	if (!st)
		st = px_session_open(&job.session);
	if (st)
		return st;
	job.unasked = px_erasure_prove(&job.erasure, &job.session, job.lock);
	st = force ? PX_OK : ask(&job);
	/* People take their time: the store's clock runs anew. */
	px_session_close(&job.session);
	if (!st)
		st = px_session_open(&job.session);
	if (st)
		return st;
	/* From here on, what is begun is finished. */
	px_signals_hold();
	st = erase(&job);
	if (!st)
		printf("%s: volume %s is erased\n", job.device, job.seen.names.uuid);
	return st;
}
