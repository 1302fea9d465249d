/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "header-list.h"
#include "header-store.h"
#include "header-volume.h"
#include "pxenc/backup.h"
#include "pxenc/cmd.h"
#include "pxenc/key.h"
#include "pxenc/lock.h"
#include "pxenc/log.h"
#include "pxenc/mapping.h"
#include "pxenc/peek.h"
#include "pxenc/probe.h"
#include "pxenc/signals.h"

struct arguments {
	const char *device;
	const char *uuid; /* NULL: the one that the device's header still tells */
	bool force;
};

/* One backup on its way to one device. */
struct job {
	char *path; /* of the device, without links */
	int lock, claim;
	uint64_t size;	       /* of the device */
	struct px_glance seen; /* what is on it */
	struct px_session session;
	struct px_manifest manifest;
	uint8_t *bytes;
	struct px_backup backup; /* points into bytes */
	char name[80];		 /* of the backup, for messages */
	struct px_luks *luks;	 /* the volume that the backup makes */
	struct px_secret *key, *volume_key;
};

static void job_cleanup(struct job *job)
{
	px_secret_free(&job->key);
	px_secret_free(&job->volume_key);
	px_luks_free(&job->luks);
	free(job->bytes);
	px_session_close(&job->session);
	px_fd_cleanup(&job->claim);
	px_fd_cleanup(&job->lock);
	free(job->path);
}

static enum px_status parse(int argc, char **argv, struct arguments *args)
{
	static const struct option longs[] = { PX_COMMON_OPTIONS,
					       { "uuid", required_argument, NULL, 'u' },
					       { "force", no_argument, NULL, 'F' },
					       { NULL, 0, NULL, 0 } };
	int c;

	while ((c = px_next_option("header restore", argc, argv, "", longs)) != -1) {
		if (c == 'u')
			args->uuid = optarg;
		else if (c == 'F')
			args->force = true;
		else
			return PX_USAGE;
	}
	if (argc - optind != 1)
		return px_usage("header restore");
	args->device = argv[optind];
	return PX_OK;
}

static enum px_status look_at_device(const char *device, struct job *job)
{
	enum px_status st;
	off_t end;

	st = px_lock_device(device, &job->path, &job->lock);
	if (st)
		return st;
	end = lseek(job->lock, 0, SEEK_END);
	if (end < 0)
		return px_fail(PX_KERNEL, "%s: its size cannot be found out: %m", job->path);
	job->size = (uint64_t)end;
	return px_header_glance(job->lock, job->path, &job->seen);
}

/* Which volume it was: as told, else by what is left of the header. */
static enum px_status choose_uuid(const struct arguments *args, struct job *job,
				  const char **ret_uuid)
{
	const char *seen = job->seen.names.uuid;

	if (args->uuid && !px_luks_is_uuid(args->uuid))
		return px_fail(PX_USAGE, "'%s' is not a uuid", args->uuid);
	if (!args->uuid && !job->seen.seen)
		return px_header_list(&job->session, job->path, job->size);
	if (args->uuid && job->seen.seen && strcmp(args->uuid, seen) != 0)
		return px_fail(PX_BAD_HEADER,
			       "%s bears the header of volume %s, not of %s: if it is the right "
			       "device all the same, wipe that first: wipefs -a %s",
			       job->path, seen, args->uuid, job->path);
	*ret_uuid = args->uuid ? args->uuid : seen;
	return PX_OK;
}

static enum px_status fetch(const char *uuid, struct job *job)
{
	enum px_status st;

	snprintf(job->name, sizeof(job->name), "the header backup of volume %.36s", uuid);
	st = px_header_find(&job->session, uuid, &job->manifest);
	if (st == PX_NO_SECRET)
		return px_fail(st, "the store has no header backup of volume %s", uuid);
	if (!st && job->manifest.parts == 0)
		return px_fail(PX_NO_SECRET,
			       "the store has no header backup of volume %s: its volume key was "
			       "being changed, and its header with every step",
			       uuid);
	if (!st)
		st = px_header_fetch(&job->session, &job->manifest, &job->bytes);
	if (st)
		return st;
	if (px_backup_parse(job->bytes, (size_t)job->manifest.len, &job->backup) < 0)
		return px_fail(PX_BAD_HEADER, "%s is malformed", job->name);
	if (strcmp(job->backup.names.uuid, uuid) != 0)
		return px_fail(PX_BAD_HEADER, "%s is another volume's (%s)", job->name,
			       job->backup.names.uuid);
	if (job->backup.generation != job->manifest.generation)
		return px_fail(PX_BAD_HEADER,
			       "%s is of generation %" PRIu64 ", its manifest of %" PRIu64
			       ": one of them is not what pxenc wrote last",
			       job->name, job->backup.generation, job->manifest.generation);
	return PX_OK;
}

/*
 * The backup as a volume in memory: the allowlist, the seal, the keyslot, and the HMAC under the
 * volume key that the keyslot holds.
 */
static enum px_status prove(struct job *job)
{
	enum px_status st;
	int r;

	st = px_backup_load(&job->backup, job->size, job->name, &job->luks);
	if (!st)
		st = px_header_key(&job->session, job->luks, &job->key);
	if (!st)
		st = px_luks_verify_seal(job->luks, job->key, true);
	if (!st)
		st = px_luks_open_named(job->luks, job->key, &job->volume_key);
	if (st)
		return st;
	r = px_backup_verify(&job->backup, job->volume_key);
	if (r == -EBADMSG)
		return px_fail(PX_BAD_HEADER,
			       "%s was changed since pxenc wrote it: its HMAC is "
			       "wrong",
			       job->name);
	return r < 0 ? px_fail(PX_KERNEL, "%s cannot be verified: %s", job->name, strerror(-r))
		     : PX_OK;
}

/* The device's own header passes the allowlist, and its own key opens it and has sealed it: then
 * *ret_volume_key is its volume key, else NULL. */
static enum px_status look_if_sound(struct job *job, struct px_secret **ret_volume_key)
{
	px_auto(luks) struct px_luks *luks = NULL;
	px_auto(secret) struct px_secret *key = NULL, *volume_key = NULL;
	struct px_peek peek;
	enum px_status st;
	int r;

	r = px_peek(job->path, &peek);
	/* -EIO: on a sector that the disk cannot read, until it is written to. */
	if (r < 0 && r != -EINVAL && r != -EBADMSG && r != -EIO)
		return px_fail(PX_KERNEL,
			       "whether the header on %s is sound cannot be found out: %s",
			       job->path, strerror(-r));
	if (r < 0 || !*peek.secret)
		return PX_OK;
	st = px_luks_load_to_change(job->path, &luks);
	if (!st)
		st = px_header_key_maybe(&job->session, luks, &key);
	/* A header that was edited may name what nobody may read. */
	if (st)
		return st == PX_NO_SECRET || st == PX_FORBIDDEN ? PX_OK : st;
	if (px_luks_open_slot(luks, px_luks_token(luks)->keyslot, key, &volume_key) >= 0 &&
	    (!px_key_is_generated(key) || px_header_seal_verify(job->lock, key) == 0))
		*ret_volume_key = px_steal(&volume_key);
	return PX_OK;
}

/*
 * A sound header with another volume key is that of the data on this device: the backup is a
 * clone's, which has the same uuid. One that was changed after the backup was taken has keyslots
 * that the backup lacks, or lacks some that were destroyed. What a header says that is not sound
 * counts for nothing.
 */
static enum px_status check_header(struct job *job)
{
	px_auto(secret) struct px_secret *volume_key = NULL;
	enum px_status st;

	if (!job->seen.whole)
		return PX_OK;
	st = look_if_sound(job, &volume_key);
	if (st)
		return st;
	if (volume_key && !px_secret_equal(volume_key, job->volume_key))
		return px_fail(PX_BAD_HEADER,
			       "%s has another volume key than the header on %s, which is sound: "
			       "it is that of a clone with the same uuid, and would cost the data; "
			       "if the header has to go all the same, wipe it first: wipefs -a %s",
			       job->name, job->path, job->path);
	if (job->seen.generation <= job->backup.generation)
		return PX_OK;
	if (volume_key)
		return px_fail(PX_BAD_HEADER,
			       "%s is older (generation %" PRIu64
			       ") than the header on %s (%" PRIu64
			       "), which is sound: pxenc header backup %s replaces it; or, if the "
			       "header has to go, wipe it first: wipefs -a %s",
			       job->name, job->backup.generation, job->path, job->seen.generation,
			       job->path, job->path);
	px_warn("%s: its header says that it is newer than the backup (generation %" PRIu64
		" against %" PRIu64 "), but it is not sound",
		job->path, job->seen.generation, job->backup.generation);
	return PX_OK;
}

/* The volume's own mapping may be open: then all is there but the header. */
static bool is_own_mapping(dev_t device, const char *uuid)
{
	px_auto(mapping) struct px_mapping mapping = { 0 };

	return px_mapping_by_slave(device, &mapping) == 0 && px_mapping_has_uuid(&mapping, uuid);
}

/* Nobody mounts it from now on. While its own mapping is open it cannot be claimed: so again when
 * somebody has answered, since then another may have it. */
static enum px_status claim(struct job *job)
{
	struct stat st;
	int r;

	if (job->claim >= 0)
		return PX_OK;
	r = px_device_claim(job->path, job->lock, &job->claim);
	if (r == -EBUSY && fstat(job->lock, &st) == 0 &&
	    is_own_mapping(st.st_rdev, job->backup.names.uuid))
		return PX_OK;
	if (r == -EBUSY)
		return px_fail(PX_BUSY,
			       "%s is in use by something else than this volume: see lsblk %s",
			       job->path, job->path);
	return r < 0 ? px_fail(PX_NO_VOLUME, "cannot open %s: %s", job->path, strerror(-r)) : PX_OK;
}

/* What somebody should think of who is about to write on the wrong device. */
static enum px_status ask(const struct job *job)
{
	px_auto(free) char *question = NULL, *holds = NULL;
	char other[64] = "";
	enum px_status st;

	st = px_probe_contents(job->path, &holds);
	if (st)
		return st;
	if (job->manifest.device_size != job->size)
		snprintf(other, sizeof(other), ", which had another size (%" PRIu64 " bytes)",
			 job->manifest.device_size);
	if (asprintf(&question,
		     "%s holds %s and has %" PRIu64 " bytes: this writes the header of volume %s "
		     "over it (label '%s', generation %" PRIu64 "), taken of %s%s",
		     job->path, holds ? holds : "nothing that is recognised", job->size,
		     job->backup.names.uuid, job->manifest.label, job->backup.generation,
		     job->manifest.from, other) < 0)
		return px_nomem();
	return px_confirm(question);
}

/* What was written, read again from the device. */
static enum px_status check_written(const struct job *job)
{
	px_auto(luks) struct px_luks *luks = NULL;
	enum px_status st = px_luks_load_to_change(job->path, &luks);

	if (!st)
		st = px_luks_verify_seal(luks, job->key, true);
	return st ? st : px_luks_test(luks, job->key, true);
}

static enum px_status restore(const struct arguments *args, struct job *job)
{
	const char *uuid = NULL;
	enum px_status st;

	st = look_at_device(args->device, job);
	if (!st)
		st = px_session_open(&job->session);
	if (!st)
		st = choose_uuid(args, job, &uuid);
	if (!st)
		st = fetch(uuid, job);
	if (!st)
		st = prove(job);
	if (!st)
		st = check_header(job);
	if (!st)
		st = claim(job);
	if (!st && !args->force)
		st = ask(job);
	if (!st)
		st = claim(job);
	if (st)
		return st;
	/* From here on, what is begun is finished. */
	px_signals_hold();
	st = px_backup_write(&job->backup, job->luks, job->lock, job->path);
	return st ? st : check_written(job);
}

enum px_status px_cmd_header_restore(int argc, char **argv)
{
	px_cleanup(job_cleanup) struct job job = { .lock = -1, .claim = -1 };
	struct arguments args = { .device = NULL };
	enum px_status st;

	st = parse(argc, argv, &args);
	if (!st)
		st = restore(&args, &job);
	if (!st)
		printf("%s: the header of volume %s is restored (generation %" PRIu64 ")\n",
		       args.device, job.backup.names.uuid, job.backup.generation);
	return st;
}
