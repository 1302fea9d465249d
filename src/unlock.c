/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/unlock.h"
#include "pxenc/block.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "pxenc/clock.h"
#include "pxenc/dm.h"
#include "pxenc/helpers.h"
#include "pxenc/key.h"
#include "pxenc/log.h"
#include "pxenc/luks.h"
#include "pxenc/mapping.h"
#include "pxenc/places.h"
#include "pxenc/resolve.h"
#include "pxenc/session.h"
#include "pxenc/signals.h"
#include "pxenc/stale.h"
#include "pxenc/store.h"
#include "pxenc/turn.h"

/* Against one who closes the device just now. */
#define ACTIVATE_TRIES 10

/* One volume on its way from header to mapping. */
struct job {
	const char *device;
	const struct px_options *options;
	struct px_luks *luks; /* its header, loaded and let through */
	dev_t devno;
	int lock;		 /* on a volume whose volume key is being changed; -1: none */
	char *name;		 /* that the mapping is to have */
	struct px_choice choice; /* of the secret */
	struct px_secret *key;
};

static void job_cleanup(struct job *job)
{
	px_secret_free(&job->key);
	px_choice_clear(&job->choice);
	free(job->name);
	px_luks_free(&job->luks);
	px_fd_cleanup(&job->lock);
}

/* Only a block device can carry a mapping; a plain file can be tested. */
static enum px_status find_device(struct job *job)
{
	struct stat st;

	if (stat(job->device, &st) < 0)
		return px_fail(PX_NO_VOLUME, "no such device %s: %s", job->device, strerror(errno));
	if (!S_ISBLK(st.st_mode))
		return px_fail(PX_NO_VOLUME,
			       "%s is not a block device: attach it first "
			       "(losetup --find --show %s)",
			       job->device, job->device);
	job->devno = st.st_rdev;
	return PX_OK;
}

static enum px_status name_mapping(struct job *job)
{
	if (job->options->name)
		job->name = strdup(job->options->name);
	else if (asprintf(&job->name, "pxenc-%s", px_luks_uuid(job->luks)) < 0)
		job->name = NULL;
	return job->name ? PX_OK : px_nomem();
}

/* This device is mapped already: fine, unless it was to have another name or is suspended. */
static enum px_status take_mapping(const struct job *job, const struct px_mapping *mapping,
				   struct px_unlocked *unlocked)
{
	if (job->options->name && strcmp(job->options->name, mapping->name) != 0)
		return px_fail(PX_BUSY,
			       "%s is mapped already, as %s: close that, or leave out the "
			       "name",
			       job->device, mapping->name);
	if (mapping->suspended)
		return px_fail(PX_BUSY,
			       "the mapping %s of %s is suspended: pxenc resume %s, or "
			       "pxenc close --force %s",
			       mapping->name, job->device, mapping->name, mapping->name);
	unlocked->name = strdup(mapping->name);
	return unlocked->name ? PX_OK : px_nomem();
}

/*
 * The mapping of the device, else the one that has its name. One that somebody is just making has
 * its name before it has its device below, and starts suspended: it is given a second.
 */
static int find_mapping(const struct job *job, struct px_mapping *ret_mapping)
{
	const struct timespec moment = { .tv_nsec = 20000000 };
	int tries, r;

	for (tries = 0;; tries++) {
		r = px_mapping_by_slave(job->devno, ret_mapping);
		if (r == -ENOENT)
			r = px_mapping_by_name(job->name, ret_mapping);
		if (r < 0 || tries == 50 || ret_mapping->gone ||
		    (ret_mapping->slave_name && !ret_mapping->suspended))
			return r;
		px_mapping_clear(ret_mapping);
		nanosleep(&moment, NULL);
	}
}

/* A unit tries again what passes by itself: that another device is open under this name does not.
 */
static enum px_status refused(const struct job *job, const struct px_mapping *mapping)
{
	bool clone = mapping->slave_name && mapping->slave != job->devno;

	return job->options->service && clone ? PX_TWIN : PX_BUSY;
}

/* Is the device mapped, or its name taken by another device (a clone has the same uuid)? */
static enum px_status look_for_mapping(const struct job *job, struct px_unlocked *unlocked)
{
	px_auto(mapping) struct px_mapping mapping = { 0 };
	int r;

	r = find_mapping(job, &mapping);
	if (r == -ENOENT)
		return PX_OK;
	if (r < 0)
		return px_block_failed(r);
	if (mapping.gone)
		return px_stale_remove(&mapping);
	if (mapping.slave == job->devno && px_mapping_is_luks(&mapping))
		return take_mapping(job, &mapping, unlocked);
	return px_fail(refused(job, &mapping),
		       "the name %s belongs to another device (%s): if %s is a clone of "
		       "it, give it a name of its own with name=",
		       job->name, mapping.slave_name ? mapping.slave_name : "unknown", job->device);
}

/* A process that was killed may have left mappings, also when it had all but told the LUKS2 token
 * that it is done. */
static bool is_rewritten(const struct px_luks *luks)
{
	const struct px_token *token = px_luks_token(luks);

	return px_luks_is_reencrypting(luks) || (token && token->reencrypt);
}

/* header: what the volume is, and whether there is anything left to do. */
static enum px_status header(struct job *job, bool test, struct px_unlocked *unlocked)
{
	enum px_status st;

	st = test ? px_luks_load(job->device, &job->luks)
		  : px_luks_load_to_open(job->device, &job->luks);
	if (st || test)
		return st;
	st = find_device(job);
	if (!st)
		st = name_mapping(job);
	if (!st)
		st = look_for_mapping(job, unlocked);
	if (!st && is_rewritten(job->luks))
		st = px_helpers_settle(job->device, job->devno, unlocked->name, &job->lock);
	return st;
}

enum px_status px_unlock_fetch(struct px_store *store, const char *path, struct px_secret **ret_key)
{
	px_auto(secret) struct px_secret *key = NULL;
	enum px_status st;

	st = px_store_get(store, path, PX_GET_PASSPHRASE, &key);
	if (!st)
		st = px_key_check(key, path);
	if (!st)
		*ret_key = px_steal(&key);
	return st;
}

enum px_status px_unlock_key(struct px_luks *luks, const struct px_config *config,
			     struct px_store *store, const struct px_options *options,
			     struct px_choice *ret_choice, struct px_secret **ret_key)
{
	px_auto(choice) struct px_choice choice = { 0 };
	enum px_status st;

	st = px_resolve(config, store, options, px_luks_token(luks), &choice);
	if (st)
		return st;
	px_note("%s: secret %s, %s", px_luks_device(luks), choice.path, choice.because);
	px_luks_name_secret(luks, choice.path);
	st = px_unlock_fetch(store, choice.path, ret_key);
	if (st)
		return st;
	*ret_choice = choice;
	choice = (struct px_choice){ 0 };
	return PX_OK;
}

int64_t px_unlock_deadline(const struct px_config *config, const struct px_options *options)
{
	return px_deadline_in(options->has_timeout ? options->timeout : config->timeout);
}

/* A turn is a courtesy to the store: where there can be none, we go on without. */
static void take_turn(const char *device, const struct px_options *options, int *ret_turn)
{
	int r;

	if (!options->service)
		return;
	r = px_turn_take(px_place_run(), ret_turn);
	if (r < 0)
		px_note("%s: no turns are taken: %s", device, strerror(-r));
}

/* The key source of one volume alone. */
struct from_store {
	const struct px_config *config; /* the caller's, or loaded; NULL: not yet */
	const struct px_options *options;
	char *named; /* the secret that the LUKS2 token named; NULL: none was looked for yet */
	struct px_config *loaded;
};

static void from_store_cleanup(struct from_store *from)
{
	px_config_free(&from->loaded);
	free(from->named);
}

static int remember_named(struct from_store *from, const struct px_luks *luks)
{
	const struct px_token *token = px_luks_token(luks);

	free(from->named);
	from->named = strdup(token ? token->secret : "");
	return from->named ? 0 : -ENOMEM;
}

static enum px_status have_config(struct from_store *from)
{
	enum px_status st;

	if (from->config)
		return PX_OK;
	st = px_session_config(&from->loaded);
	from->config = from->loaded;
	return st;
}

/* resolve and fetch: the secret and its value. The store is left before the key is used. */
static enum px_status fetch(void *arg, struct px_luks *luks, struct px_choice *ret_choice,
			    struct px_secret **ret_key)
{
	struct from_store *from = arg;
	px_auto(fd) int turn = -1;
	px_auto(store) struct px_store *store = NULL;
	enum px_status st;

	if (remember_named(from, luks) < 0)
		return px_nomem();
	take_turn(px_luks_device(luks), from->options, &turn);
	st = have_config(from);
	if (!st)
		st = px_store_new(from->config, px_unlock_deadline(from->config, from->options),
				  &store);
	return st ? st
		  : px_unlock_key(luks, from->config, store, from->options, ret_choice, ret_key);
}

/* PX_BUSY, silently, when the device or the name is taken. */
static enum px_status activate_once(const struct job *job)
{
	struct px_activate how = { .named_slot = job->choice.named_slot,
				   .readonly = job->options->readonly,
				   .discard = job->options->discard };

	return px_luks_activate(job->luks, job->name, job->key, &how);
}

/* A key takes its time to be tried. Where libcryptsetup has mappings of its own below, for a cipher
 * that libcrypto lacks, a reencryption that began meanwhile has not kept us out. */
static enum px_status keep_mapping(struct job *job, struct px_unlocked *unlocked)
{
	enum px_status st = px_luks_check_current(job->luks);

	if (st) {
		if (px_dm_release(job->name) < 0)
			px_warn("the mapping %s stays: pxenc close --force %s", job->name,
				job->name);
		return st;
	}
	unlocked->created = true;
	unlocked->name = px_steal(&job->name);
	return PX_OK;
}

/*
 * unlock: somebody may have been quicker since we looked; then the mapping is there. Or it was, and
 * has just been removed: then the device is free in a moment.
 */
static enum px_status activate(struct job *job, struct px_unlocked *unlocked)
{
	const struct timespec moment = { .tv_nsec = 50000000 };
	enum px_status st;
	int tries;

	/* SIGKILL alone leaves a mapping, which the next open or mount takes over. */
	px_signals_hold();
	for (tries = 0; tries < ACTIVATE_TRIES; tries++) {
		st = px_luks_check_current(job->luks);
		if (st)
			return st;
		st = activate_once(job);
		if (st != PX_BUSY)
			return st ? st : keep_mapping(job, unlocked);
		st = look_for_mapping(job, unlocked);
		if (st || unlocked->name)
			return st;
		nanosleep(&moment, NULL);
	}
	return px_fail(PX_BUSY,
		       "%s is in use by something else: see lsblk %s; if that shows "
		       "nothing, a process was killed half way: pxenc close --force %s",
		       job->device, job->device, job->name);
}

enum px_status px_unlock_with(const char *device, const struct px_options *options, bool test,
			      const struct px_key_source *source, struct px_unlocked *ret_unlocked)
{
	/* A link of /dev/disk that moves while we wait for the store must not move us. */
	px_auto(free) char *canonical = realpath(device, NULL);
	px_cleanup(job_cleanup) struct job job = {
		.device = canonical ? canonical : device,
		.options = options,
		.lock = -1,
	};
	int64_t since = px_now_us();
	enum px_status st;

	st = header(&job, test, ret_unlocked);
	px_stage("header", &since);
	if (st)
		px_unlocked_clear(ret_unlocked);
	if (st || ret_unlocked->name)
		return st;
	st = source->get(source->arg, job.luks, &job.choice, &job.key);
	px_stage("fetch", &since);
	if (st)
		return st;
	st = px_luks_verify_seal(job.luks, job.key, job.choice.named_slot);
	px_stage("seal", &since);
	if (st)
		return st;
	st = test ? px_luks_test(job.luks, job.key, job.choice.named_slot)
		  : activate(&job, ret_unlocked);
	px_stage("unlock", &since);
	return st;
}

/* Whether somebody has changed the volume's key since its header was loaded. */
static bool was_rotated(const char *device, const char *named)
{
	px_auto(luks) struct px_luks *luks = NULL;
	const struct px_token *token;

	if (px_luks_load_to_open(device, &luks) != PX_OK)
		return false;
	token = px_luks_token(luks);
	if (!token || strcmp(token->secret, named) == 0)
		return false;
	px_warn("%s: its key was changed just now: once more", device);
	return true;
}

enum px_status px_unlock(const char *device, const struct px_config *config,
			 const struct px_options *options, bool test,
			 struct px_unlocked *ret_unlocked)
{
	px_cleanup(from_store_cleanup) struct from_store from = { config, options, NULL, NULL };
	const struct px_key_source source = { fetch, &from };
	enum px_status st;

	st = px_unlock_with(device, options, test, &source, ret_unlocked);
	/* One rotation is enough to get in our way, two are not to be expected. */
	if ((st == PX_NO_SECRET || st == PX_BAD_KEY) && from.named &&
	    was_rotated(device, from.named))
		st = px_unlock_with(device, options, test, &source, ret_unlocked);
	return st;
}

void px_unlocked_clear(struct px_unlocked *unlocked)
{
	free(unlocked->name);
	*unlocked = (struct px_unlocked){ 0 };
}
