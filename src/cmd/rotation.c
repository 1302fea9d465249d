/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "rotation.h"

#include <errno.h>
#include <string.h>

#include "pxenc/header-backup.h"
#include "pxenc/key.h"
#include "pxenc/log.h"

/* A secret of a path that the volume's LUKS2 token names; *ret_key is NULL when there is none. */
static enum px_status fetch(struct px_rotation *rotation, const char *relative,
			    struct px_choice *ret_choice, struct px_secret **ret_key)
{
	enum px_status st;

	st = px_resolve_path(rotation->session->config, relative, ret_choice);
	if (!st)
		st = px_store_get(rotation->session->store, ret_choice->path,
				  PX_GET_PASSPHRASE | PX_GET_MAYBE, ret_key);
	return st == PX_NO_SECRET ? PX_OK : st;
}

/* 0, -EPERM or another -errno. */
static int opens(struct px_rotation *rotation, int slot, const struct px_secret *key)
{
	px_auto(secret) struct px_secret *volume_key = NULL;
	int r;

	if (!key)
		return -EPERM;
	r = px_luks_open_slot(rotation->luks, slot, key, &volume_key);
	return r < 0 ? r : 0;
}

static enum px_status not_tried(const struct px_rotation *rotation, int slot, int r)
{
	return px_fail(PX_KERNEL, "%s: keyslot %d cannot be tried: %s", rotation->device, slot,
		       strerror(-r));
}

/* A LUKS2 token like the volume's, to be changed. */
static struct px_token *copy_token(const struct px_rotation *rotation)
{
	return px_token_copy(px_luks_token(rotation->luks));
}

static enum px_status intend(struct px_rotation *rotation, const struct px_new_key *to, int slot)
{
	px_auto(token) struct px_token *token = copy_token(rotation);
	const struct px_token_other next = { .keyslot = slot,
					     .secret = to->choice.relative,
					     .keep = rotation->keep_old };

	if (!token || px_token_set_other(&token->next, &next) < 0)
		return px_nomem();
	return px_luks_set_token(rotation->luks, token, rotation->key);
}

static enum px_status prove(struct px_rotation *rotation, const struct px_secret *key, int slot)
{
	int r = opens(rotation, slot, key);

	return r < 0 ? px_fail(PX_KERNEL, "%s: the new key does not open its keyslot %d: %s",
			       rotation->device, slot, strerror(-r))
		     : PX_OK;
}

/* The old token's keyslot and secret become "old", those of "next" the volume's own. */
static enum px_status commit(struct px_rotation *rotation, const struct px_secret *key)
{
	px_auto(token) struct px_token *token = copy_token(rotation);
	int r;

	if (!token)
		return px_nomem();
	token->old = (struct px_token_other){ .keyslot = token->keyslot,
					      .secret = token->secret,
					      .keep = token->next.keep || rotation->keep_old };
	token->keyslot = token->next.keyslot;
	token->secret = px_steal(&token->next.secret);
	r = px_luks_slot_salt(rotation->luks, token->old.keyslot, &token->old.salt);
	if (r < 0)
		return not_tried(rotation, token->old.keyslot, r);
	return px_luks_set_token(rotation->luks, token, key);
}

/* "next" or "old" is dealt with. */
static enum px_status forget_change(struct px_rotation *rotation, const struct px_secret *key)
{
	px_auto(token) struct px_token *token = copy_token(rotation);

	if (!token)
		return px_nomem();
	px_token_clear_other(&token->next);
	px_token_clear_other(&token->old);
	return px_luks_set_token(rotation->luks, token, key);
}

/* The old keyslot, even if it was half destroyed; not what somebody else has put there since. */
static enum px_status destroy_old(struct px_rotation *rotation, const struct px_token_other *old)
{
	px_auto(free) char *salt = NULL;
	int r = px_luks_slot_salt(rotation->luks, old->keyslot, &salt);

	if (r == -ENOENT || (r == 0 && (!old->salt || strcmp(salt, old->salt) != 0)))
		return PX_OK;
	return r < 0 ? not_tried(rotation, old->keyslot, r)
		     : px_luks_destroy_slot(rotation->luks, old->keyslot);
}

static enum px_status destroy_if(struct px_rotation *rotation, int slot,
				 const struct px_secret *key)
{
	int r = opens(rotation, slot, key);

	if (r == -EPERM)
		return PX_OK;
	return r < 0 ? not_tried(rotation, slot, r) : px_luks_destroy_slot(rotation->luks, slot);
}

/*
 * Whether the old secret may be deleted: it was generated for this volume, and either we have just
 * used it or the token that says so is sealed. An edited one could name another volume's key.
 */
static bool may_delete(const struct px_rotation *rotation, const struct px_token_other *old,
		       const struct px_secret *old_key, const struct px_secret *key)
{
	return !old->keep && px_new_key_is_own(old->secret, px_luks_uuid(rotation->luks)) &&
	       (px_key_is_generated(key) || px_secret_equal(old_key, rotation->key));
}

/* After the commit: `key` is the volume's. */
static enum px_status clean(struct px_rotation *rotation, const struct px_secret *key)
{
	const struct px_token_other *old = &px_luks_token(rotation->luks)->old;
	px_auto(choice) struct px_choice choice = { 0 };
	px_auto(secret) struct px_secret *old_key = NULL;
	enum px_status st;
	bool goes;

	st = fetch(rotation, old->secret, &choice, &old_key);
	if (st)
		return st;
	goes = old_key && may_delete(rotation, old, old_key, key);
	st = destroy_old(rotation, old);
	/* The header's backup must not need a key that is gone. */
	if (!st && goes)
		st = px_header_keep(rotation->session, rotation->luks, key);
	if (!st && goes)
		st = px_store_delete(rotation->session->store, choice.path);
	return st ? st : forget_change(rotation, key);
}

/* The volume has its new key, whatever comes now. */
static enum px_status clean_up(struct px_rotation *rotation, const struct px_secret *key)
{
	enum px_status st = clean(rotation, key);

	if (st)
		px_warn("%s has its new key, but the old one is not gone yet: run pxenc rotate "
			"again",
			rotation->device);
	return st;
}

/* Before the commit, and something failed: the volume as it was. A commit that failed may have
 * written one copy of the header, so the token goes back to the intent first. */
static void undo(struct px_rotation *rotation, struct px_new_key *to, int slot)
{
	enum px_status st = intend(rotation, to, slot);

	if (!st)
		st = destroy_if(rotation, slot, to->key);
	if (!st) {
		px_new_key_take_back(rotation->session, to);
		st = forget_change(rotation, rotation->key);
	}
	if (st)
		px_warn("%s: the change of its key is half done, and the old key opens it: run "
			"pxenc rotate again",
			rotation->device);
}

enum px_status px_rotation_run(struct px_rotation *rotation, struct px_new_key *to)
{
	int slot = px_luks_free_slot(rotation->luks);
	enum px_status st;

	if (slot < 0)
		return px_fail(PX_USAGE,
			       "%s has no free keyslot: remove one with cryptsetup luksKillSlot",
			       rotation->device);
	st = intend(rotation, to, slot);
	if (st)
		return st;
	st = px_new_key_store(rotation->session, to);
	if (!st)
		st = px_luks_add_slot(rotation->luks, slot, rotation->volume_key, to->key);
	if (!st)
		st = prove(rotation, to->key, slot);
	if (!st)
		st = commit(rotation, to->key);
	if (st) {
		undo(rotation, to, slot);
		return st;
	}
	return clean_up(rotation, to->key);
}

/* Nothing was done but the intent, and perhaps a key put into the store, which locks nothing. */
static enum px_status drop_next(struct px_rotation *rotation, const struct px_choice *choice,
				const struct px_secret *key)
{
	enum px_status st = PX_OK;

	if (key && px_new_key_is_own(choice->relative, px_luks_uuid(rotation->luks)) &&
	    px_key_is_generated(rotation->key))
		st = px_store_delete(rotation->session->store, choice->path);
	return st ? st : forget_change(rotation, rotation->key);
}

/* Interrupted before the commit: the new key may be in the store and in its keyslot, or not. */
static enum px_status recover_next(struct px_rotation *rotation, bool *ret_done)
{
	const struct px_token_other *next = &px_luks_token(rotation->luks)->next;
	px_auto(choice) struct px_choice choice = { 0 };
	px_auto(secret) struct px_secret *key = NULL;
	enum px_status st;
	int r;

	st = fetch(rotation, next->secret, &choice, &key);
	if (st)
		return st;
	r = opens(rotation, next->keyslot, key);
	if (r == -EPERM)
		return drop_next(rotation, &choice, key);
	if (r < 0)
		return not_tried(rotation, next->keyslot, r);
	st = commit(rotation, key);
	if (!st)
		st = clean_up(rotation, key);
	if (st)
		return st;
	px_secret_free(&rotation->key);
	rotation->key = px_steal(&key);
	*ret_done = true;
	return PX_OK;
}

enum px_status px_rotation_recover(struct px_rotation *rotation, bool *ret_done)
{
	const struct px_token *token = px_luks_token(rotation->luks);
	enum px_status st;

	*ret_done = false;
	if (token->next.secret)
		return recover_next(rotation, ret_done);
	if (!token->old.secret)
		return PX_OK;
	st = clean_up(rotation, rotation->key);
	*ret_done = st == PX_OK;
	return st;
}
