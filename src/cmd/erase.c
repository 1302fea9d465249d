/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "header-store.h"
#include "header-volume.h"
#include "pxenc/backup.h"
#include "pxenc/cmd.h"
#include "pxenc/key.h"
#include "pxenc/lock.h"
#include "pxenc/log.h"
#include "pxenc/new-key.h"
#include "pxenc/peek.h"
#include "pxenc/signals.h"

/*
 * A volume is erased in this order, and each step can be done again:
 *
 *   the keyslots    overwritten, so the data is lost from here on
 *   the secrets     that pxenc generated for it, but for the present one
 *   the backup      of its header
 *   the present secret
 *   the header      which told until now which volume it was
 *
 * The present secret is the last that leaves the store, since it proves by the header's seal that
 * this is the volume: an edited uuid would else make us delete another volume's key.
 */

/* Where the data of a volume begins by default. */
#define HEADER_SIZE ((uint64_t)16 << 20)

/* How far keys are looked for that an earlier rotation may have left, when the header's LUKS2 token
 * names none with a higher number. */
#define NUMBERS_MIN 16
#define NUMBERS_MAX 9999

struct job {
	const char *device; /* as the user named it, for messages */
	char *path;	    /* without links */
	int lock;
	struct px_glance seen;
	struct px_luks *luks; /* NULL: the header is broken, or refused */
	uint64_t header_size;
	struct px_session session;
	bool proven;		/* that it is the volume that its uuid says */
	enum px_status unasked; /* the store could not be asked for that */
};

static void job_cleanup(struct job *job)
{
	px_session_close(&job->session);
	px_luks_free(&job->luks);
	px_fd_cleanup(&job->lock);
	free(job->path);
}

static enum px_status check_unused(const struct job *job)
{
	int r = px_device_unused(job->path, job->lock);

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

	return px_peek(job->path, &peek) == 0 ? px_luks_load_to_change(job->path, &job->luks)
					      : PX_OK;
}

static enum px_status find_size(struct job *job)
{
	off_t end = lseek(job->lock, 0, SEEK_END);

	if (end < 0)
		return px_fail(PX_KERNEL, "%s: its size cannot be found out: %m", job->device);
	job->header_size = job->luks ? px_luks_data_offset(job->luks) : HEADER_SIZE;
	if (job->header_size > (uint64_t)end)
		job->header_size = (uint64_t)end;
	return PX_OK;
}

static enum px_status look_at_device(struct job *job)
{
	enum px_status st;

	st = px_lock_device(job->device, &job->path, &job->lock);
	if (!st)
		st = check_unused(job);
	if (!st)
		st = px_header_glance(job->lock, job->path, &job->seen);
	if (!st && job->seen.seen)
		st = load(job);
	if (st)
		return st;
	if (job->luks ? !px_luks_token(job->luks)
		      : !job->seen.seen || strcmp(job->seen.names.subsystem, PX_SUBSYSTEM) != 0)
		return px_fail(PX_NO_VOLUME,
			       "%s is not a volume of pxenc: cryptsetup erase destroys the "
			       "keyslots of others",
			       job->device);
	return find_size(job);
}

/* The seal, or where the key makes none, the keyslot. */
static bool proves(const struct job *job, const struct px_secret *key)
{
	px_auto(secret) struct px_secret *volume_key = NULL;

	if (px_key_is_generated(key))
		return px_header_seal_verify(job->lock, key) == 0;
	return px_luks_open_slot(job->luks, px_luks_token(job->luks)->keyslot, key, &volume_key) >=
	       0;
}

/* A missing secret proves nothing, and is no failure: it may have been deleted by an erase that was
 * interrupted. What else goes wrong is said now, and decides later. */
static void prove(struct job *job)
{
	px_auto(secret) struct px_secret *key = NULL;

	if (!job->luks)
		return;
	job->unasked = px_header_key_maybe(&job->session, job->luks, &key);
	if (job->unasked == PX_OK)
		job->proven = proves(job, key);
	else if (job->unasked == PX_NO_SECRET)
		job->unasked = PX_OK;
}

static enum px_status ask(const struct job *job)
{
	px_auto(free) char *question = NULL;

	if (asprintf(&question,
		     "this destroys every key of %s, volume %s%s%s%s: its data is lost for good, "
		     "and that of its snapshots and clones%s",
		     job->device, job->seen.names.uuid, job->seen.names.label[0] ? " '" : "",
		     job->seen.names.label, job->seen.names.label[0] ? "'" : "",
		     job->proven || job->unasked
			     ? ""
			     : "; nothing proves that it is this volume, whose secrets go too") < 0)
		return px_nomem();
	return px_confirm(question);
}

/* The number at the end of an own secret's path; 0: it is none. */
static unsigned int number_of(const char *relative, const char *uuid)
{
	if (!relative || !px_new_key_is_own(relative, uuid))
		return 0;
	return (unsigned int)strtoul(strrchr(relative, '/') + 1, NULL, 10);
}

static enum px_status number_path(struct job *job, unsigned int number, char **ret_full)
{
	char path[80];

	snprintf(path, sizeof(path), "volumes/%s/%u", job->seen.names.uuid, number);
	return px_session_path(&job->session, path, ret_full);
}

static enum px_status drop_number(struct job *job, unsigned int number)
{
	px_auto(free) char *full = NULL;
	enum px_status st;

	st = number_path(job, number, &full);
	return st ? st : px_store_drop(job->session.store, full);
}

/* Up to which number keys are looked for; 0 is a path that is none. */
static unsigned int last_number(const struct px_token *token, const char *uuid)
{
	const char *const paths[] = { token ? token->secret : NULL,
				      token ? token->next.secret : NULL,
				      token ? token->old.secret : NULL };
	unsigned int last = NUMBERS_MIN;

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		unsigned int number = number_of(paths[i], uuid);

		last = number > last ? number : last;
	}
	return last < NUMBERS_MAX ? last : NUMBERS_MAX;
}

/* All that pxenc put there for this volume, the present key last. A cluster key, or a secret of the
 * user's, stays. */
static enum px_status delete_secrets(struct job *job)
{
	const struct px_token *token = job->luks ? px_luks_token(job->luks) : NULL;
	const char *uuid = job->seen.names.uuid;
	unsigned int present = token ? number_of(token->secret, uuid) : 0;
	unsigned int number, last = last_number(token, uuid);
	enum px_status st = PX_OK;

	for (number = 1; !st && number <= last; number++)
		if (number != present)
			st = drop_number(job, number);
	if (!st)
		st = px_header_drop(&job->session, uuid);
	if (!st && present)
		st = drop_number(job, present);
	return st;
}

static enum px_status wipe_keyslots(const struct job *job)
{
	return px_header_wipe(job->lock, job->device, 2 * job->seen.copy_size, job->header_size,
			      true);
}

/* libblkid is to see nothing of it any more. */
static enum px_status wipe_header(const struct job *job)
{
	return px_header_wipe(job->lock, job->device, 0, job->header_size, false);
}

/* PX_NO_SECRET, silently: there is no key of this number. */
static enum px_status find_number(struct job *job, unsigned int number)
{
	px_auto(secret) struct px_secret *key = NULL;
	px_auto(free) char *full = NULL;
	enum px_status st;

	st = number_path(job, number, &full);
	return st ? st : px_store_get(job->session.store, full, PX_GET_RAW | PX_GET_MAYBE, &key);
}

/* Whether the store has anything of the volume that the uuid names. */
static enum px_status anything_left(struct job *job, bool *ret_left)
{
	const char *uuid = job->seen.names.uuid;
	unsigned int last = last_number(job->luks ? px_luks_token(job->luks) : NULL, uuid);
	struct px_manifest manifest;
	enum px_status st;

	st = px_header_find(&job->session, uuid, &manifest);
	for (unsigned int number = 1; st == PX_NO_SECRET && number <= last; number++)
		st = find_number(job, number);
	*ret_left = st == PX_OK;
	return st == PX_NO_SECRET ? PX_OK : st;
}

/* agreed: somebody read that nothing proves which volume it is, and said yes. */
static enum px_status erase(struct job *job, bool agreed)
{
	enum px_status st = wipe_keyslots(job);
	bool left = false;

	if (st)
		return st;
	st = job->unasked;
	if (!st && (job->proven || agreed))
		st = delete_secrets(job);
	else if (!st)
		st = anything_left(job, &left);
	if (st) {
		px_warn("the keyslots of %s are destroyed, but not all of its secrets are deleted: "
			"run erase again",
			job->device);
		return st;
	}
	st = wipe_header(job);
	if (!st && left)
		return px_fail(PX_BAD_HEADER,
			       "%s is erased, but nothing proved that it was volume %s, whose "
			       "secrets and header backup are still there: pxenc secrets delete "
			       "volumes/%s/…",
			       job->device, job->seen.names.uuid, job->seen.names.uuid);
	return st;
}

static void report(const struct job *job)
{
	const struct px_token *token = job->luks ? px_luks_token(job->luks) : NULL;

	printf("%s: volume %s is erased\n", job->device, job->seen.names.uuid);
	if (token && !px_new_key_is_own(token->secret, job->seen.names.uuid))
		printf("%s: the secret '%s' stays, since others may use it\n", job->device,
		       token->secret);
}

enum px_status px_cmd_erase(int argc, char **argv)
{
	static const struct option longs[] = { PX_COMMON_OPTIONS,
					       { "force", no_argument, NULL, 'F' },
					       { NULL, 0, NULL, 0 } };
	__attribute__((cleanup(job_cleanup))) struct job job = { .lock = -1 };
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
	prove(&job);
	st = force ? PX_OK : ask(&job);
	/* People take their time: the store's clock runs anew. */
	px_session_close(&job.session);
	if (!st)
		st = px_session_open(&job.session);
	if (st)
		return st;
	/* From here on, what is begun is finished. */
	px_signals_hold();
	st = erase(&job, !force);
	if (!st)
		report(&job);
	return st;
}
