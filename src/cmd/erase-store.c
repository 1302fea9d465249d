/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "erase-store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "header-store.h"
#include "header-volume.h"
#include "pxenc/backup.h"
#include "pxenc/key.h"
#include "pxenc/log.h"
#include "pxenc/new-key.h"
#include "pxenc/seal.h"
#include "pxenc/strv.h"
#include "secret-use.h"

/* How far keys are looked for that an earlier rotation may have left, when the header's LUKS2 token
 * names none with a higher number. */
#define NUMBERS_MIN 16
#define NUMBERS_MAX 9999

static const struct px_token *token_of(const struct px_erasure *erasure)
{
	return erasure->luks ? px_luks_token(erasure->luks) : NULL;
}

static bool is_own(const struct px_erasure *erasure, const char *relative)
{
	return relative && px_new_key_is_own(relative, erasure->uuid);
}

/*
 * It opens the keyslot that the sealed LUKS2 token names for it, or fits the mark there: the old
 * one's keyslot may be gone, and all are once erase was interrupted. A new one that has no keyslot
 * while the present one does was not made for this volume alone: see take_up in rotation.c.
 */
static bool is_proved(const struct px_erasure *erasure, const struct px_token_other *other,
		      const struct px_secret *key)
{
	px_auto(secret) struct px_secret *volume_key = NULL;
	bool may_lack_slot = other == &token_of(erasure)->old || !erasure->volume_key;

	if (px_luks_open_slot(erasure->luks, other->keyslot, key, &volume_key) >= 0)
		return true;
	return may_lack_slot && other->proof &&
	       px_seal_check_mark(other->proof, erasure->uuid, other->secret, key) == 0;
}

/* The other key of a rotation. One that is to be kept stays. */
static enum px_status prove_other(struct px_erasure *erasure, struct px_session *session)
{
	const struct px_token *token = token_of(erasure);
	const struct px_token_other *other = token->next.secret ? &token->next : &token->old;
	px_auto(secret) struct px_secret *key = NULL;
	px_auto(free) char *full = NULL;
	enum px_status st;

	if (!is_own(erasure, other->secret) || (other == &token->old && other->keep))
		return PX_OK;
	st = px_session_path(session, other->secret, &full);
	if (!st)
		st = px_store_get(session->store, full, PX_GET_PASSPHRASE | PX_GET_MAYBE, &key);
	if (st)
		return st == PX_NO_SECRET ? PX_OK : st;
	if (!is_proved(erasure, other, key))
		return PX_OK;
	erasure->other = other->secret;
	erasure->other_key = px_steal(&key);
	return PX_OK;
}

enum px_status px_erasure_prove(struct px_erasure *erasure, struct px_session *session, int fd)
{
	enum px_status st;
	int r;

	if (!erasure->luks)
		return PX_OK;
	st = px_header_key_maybe(session, erasure->luks, &erasure->key);
	if (st)
		return st == PX_NO_SECRET ? PX_OK : st;
	erasure->sealed = px_key_is_generated(erasure->key) &&
			  strcmp(px_luks_uuid(erasure->luks), erasure->uuid) == 0 &&
			  px_header_seal_verify(fd, erasure->key) == 0;
	r = px_luks_open_slot(erasure->luks, token_of(erasure)->keyslot, erasure->key,
			      &erasure->volume_key);
	if (r == -ENOMEM)
		return px_nomem();
	/* Any other failure is none: the keyslot is gone when erase was interrupted. */
	return erasure->sealed ? prove_other(erasure, session) : PX_OK;
}

bool px_erasure_is_doubtful(const struct px_erasure *erasure)
{
	return !erasure->luks ||
	       (erasure->key && !erasure->sealed && px_key_is_generated(erasure->key));
}

/* Whether a clone on this machine needs a key, too. */
static enum px_status stays(const struct px_erasure *erasure, struct px_session *session,
			    const char *relative, char **ret_full, bool *ret_stays)
{
	enum px_status st = px_session_path(session, relative, ret_full);

	return st ? st : px_secret_stays(session, NULL, *ret_full, erasure->device, ret_stays);
}

enum px_status px_erasure_drop_other(const struct px_erasure *erasure, struct px_session *session)
{
	px_auto(free) char *full = NULL;
	enum px_status st;
	bool kept;

	if (!erasure->other)
		return PX_OK;
	st = stays(erasure, session, erasure->other, &full, &kept);
	return st || kept ? st : px_store_drop(session->store, full);
}

/* By one of the volume's keys: the backup may be that of before the rotation. */
static int open_backup(const struct px_erasure *erasure, struct px_luks *luks,
		       struct px_secret **ret_volume_key)
{
	int slot = px_luks_token(luks)->keyslot;
	int r = px_luks_open_slot(luks, slot, erasure->key, ret_volume_key);

	return r < 0 && erasure->other_key
		       ? px_luks_open_slot(luks, slot, erasure->other_key, ret_volume_key)
		       : r;
}

/*
 * The keyslots are gone when erase was interrupted. The backup's own keyslot then gives the volume
 * key, and the digest in the header says whether it is this volume's.
 */
static bool opens_backup(const struct px_erasure *erasure, const struct px_backup *backup,
			 struct px_secret **ret_volume_key)
{
	px_auto(secret) struct px_secret *volume_key = NULL;
	px_auto(luks) struct px_luks *luks = NULL;

	if (px_backup_load(backup, px_luks_device_size(erasure->luks), "the header backup",
			   &luks) ||
	    !px_luks_token(luks) || open_backup(erasure, luks, &volume_key) < 0 ||
	    !px_luks_is_volume_key(erasure->luks, volume_key))
		return false;
	*ret_volume_key = px_steal(&volume_key);
	return true;
}

static enum px_status is_own_backup(const struct px_erasure *erasure, struct px_session *session,
				    const struct px_manifest *manifest, bool *ret_own)
{
	px_auto(secret) struct px_secret *volume_key = NULL;
	px_auto(free) uint8_t *bytes = NULL;
	struct px_backup backup;
	enum px_status st;

	st = px_header_fetch(session, manifest, &bytes);
	if (st)
		return st;
	/* A newer one was taken of a clone that has changed since. */
	if (px_backup_parse(bytes, (size_t)manifest->len, &backup) < 0 ||
	    backup.generation > erasure->generation)
		return PX_OK;
	if (erasure->volume_key)
		*ret_own = px_backup_verify(&backup, erasure->volume_key) == 0;
	else
		*ret_own = opens_backup(erasure, &backup, &volume_key) &&
			   px_backup_verify(&backup, volume_key) == 0;
	return PX_OK;
}

/* One that was withdrawn, or never got its manifest, holds no header: the seal suffices. */
static enum px_status drop_backup(const struct px_erasure *erasure, struct px_session *session)
{
	struct px_manifest manifest;
	bool own = erasure->sealed, stays = false;
	enum px_status st;

	st = px_header_find(session, erasure->uuid, &manifest);
	if (!st && manifest.parts > 0) {
		own = false;
		st = is_own_backup(erasure, session, &manifest, &own);
		/* A part is missing, or has another length: whose it was, nobody knows. */
		if (st == PX_NO_SECRET)
			return PX_OK;
		if (!st && own)
			st = px_uuid_stays(erasure->uuid, erasure->device, "the header backup",
					   &stays);
	}
	if (st == PX_BAD_HEADER)
		return PX_OK;
	if (st && st != PX_NO_SECRET)
		return st;
	return own && !stays ? px_header_drop(session, erasure->uuid) : PX_OK;
}

enum px_status px_erasure_drop(const struct px_erasure *erasure, struct px_session *session)
{
	px_auto(free) char *full = NULL;
	enum px_status st = PX_OK;
	bool kept = false;

	if (!erasure->key)
		return PX_OK;
	if (erasure->sealed && is_own(erasure, token_of(erasure)->secret))
		st = stays(erasure, session, token_of(erasure)->secret, &full, &kept);
	/* Who needs the key needs the backup. */
	if (st || kept)
		return st;
	st = drop_backup(erasure, session);
	return st || !full ? st : px_store_drop(session->store, full);
}

/* Up to which number keys are looked for. */
static unsigned long last_number(const struct px_erasure *erasure)
{
	const struct px_token *token = token_of(erasure);
	const char *const paths[] = { token ? token->secret : NULL,
				      token ? token->next.secret : NULL,
				      token ? token->old.secret : NULL };
	unsigned long last = NUMBERS_MIN;

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		unsigned long number = 0;

		if (is_own(erasure, paths[i]))
			number = strtoul(strrchr(paths[i], '/') + 1, NULL, 10);
		last = number > last ? number : last;
	}
	return last < NUMBERS_MAX ? last : NUMBERS_MAX;
}

/* Adds volumes/UUID/name to the list if the store has it. */
static enum px_status look_for(const struct px_erasure *erasure, struct px_session *session,
			       const char *name, char ***paths)
{
	px_auto(secret) struct px_secret *value = NULL;
	px_auto(free) char *full = NULL;
	enum px_status st;
	char path[80];

	snprintf(path, sizeof(path), "volumes/%s/%s", erasure->uuid, name);
	st = px_session_path(session, path, &full);
	if (!st)
		st = px_store_get(session->store, full, PX_GET_RAW | PX_GET_MAYBE, &value);
	if (st)
		return st == PX_NO_SECRET ? PX_OK : st;
	return px_strv_add(paths, path) < 0 ? px_nomem() : PX_OK;
}

/* One by one, since who may delete a volume's keys need not be allowed to list. */
enum px_status px_erasure_left(const struct px_erasure *erasure, struct px_session *session,
			       char **ret_left)
{
	static const char *const backups[] = { "header", "header-a-1", "header-b-1" };
	unsigned long last = last_number(erasure);
	px_auto(strv) char **paths = NULL;
	enum px_status st = PX_OK;
	char name[24];

	for (unsigned long number = 1; !st && number <= last; number++) {
		snprintf(name, sizeof(name), "%lu", number);
		st = look_for(erasure, session, name, &paths);
	}
	for (size_t i = 0; !st && i < sizeof(backups) / sizeof(*backups); i++)
		st = look_for(erasure, session, backups[i], &paths);
	if (st || !paths)
		return st;
	*ret_left = px_strv_join(paths, ", ");
	return *ret_left ? PX_OK : px_nomem();
}

void px_erasure_clear(struct px_erasure *erasure)
{
	px_secret_free(&erasure->key);
	px_secret_free(&erasure->other_key);
	px_secret_free(&erasure->volume_key);
	px_luks_free(&erasure->luks);
}
