/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "rotation.h"

#include <errno.h>
#include <string.h>

#include "pxenc/header-backup.h"
#include "pxenc/key.h"
#include "pxenc/log.h"
#include "pxenc/seal.h"
#include "secret-use.h"

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

/* By which the key at this path is known again; NULL, and no error, if it is not a generated one.
 */
static int mark(const struct px_rotation *rotation, const char *secret, const struct px_secret *key,
		char **ret_mark)
{
	*ret_mark = NULL;
	if (!px_key_is_generated(key))
		return 0;
	return px_seal_mark(px_luks_uuid(rotation->luks), secret, key, ret_mark);
}

static bool is_marked(const struct px_rotation *rotation, const struct px_token_other *other,
		      const struct px_secret *key)
{
	return key && other->proof &&
	       px_seal_check_mark(other->proof, px_luks_uuid(rotation->luks), other->secret, key) ==
		       0;
}

static enum px_status intend(struct px_rotation *rotation, const struct px_new_key *to, int slot)
{
	px_auto(token) struct px_token *token = copy_token(rotation);
	px_auto(free) char *proof = NULL;
	struct px_token_other next = { .keyslot = slot,
				       .secret = to->choice.relative,
				       .keep = rotation->keep_old };
	int r = to->generated ? mark(rotation, next.secret, to->key, &proof) : 0;

	if (r < 0)
		return not_tried(rotation, slot, r);
	next.proof = proof;
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
	px_token_clear_other(&token->next);
	r = px_luks_slot_salt(rotation->luks, token->old.keyslot, &token->old.salt);
	if (r == 0)
		r = mark(rotation, token->old.secret, rotation->key, &token->old.proof);
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
 * Whether the volume's own old secret is to be deleted: it is still the key that it was, and the
 * LUKS2 token that says so is sealed, or of this very run. An edited one could name another
 * volume's key.
 */
static bool is_to_go(const struct px_rotation *rotation, const struct px_token_other *old,
		     const struct px_secret *old_key, const struct px_secret *key)
{
	if (!old_key)
		return false;
	if (is_marked(rotation, old, old_key) &&
	    (px_key_is_generated(key) || px_secret_equal(old_key, rotation->key)))
		return true;
	px_warn("%s: the secret '%s' was its key, as it seems, and is none now: delete it if no "
		"other volume needs it",
		rotation->device, old->secret);
	return false;
}

/* Deletes the old secret, unless a clone on this machine, which has the same uuid, needs it. */
static enum px_status drop_old(struct px_rotation *rotation, const struct px_token_other *old,
			       const struct px_secret *key)
{
	px_auto(choice) struct px_choice choice = { 0 };
	px_auto(secret) struct px_secret *old_key = NULL;
	enum px_status st;
	bool stays;

	st = fetch(rotation, old->secret, &choice, &old_key);
	if (st || !is_to_go(rotation, old, old_key, key))
		return st;
	st = px_secret_stays(rotation->session, rotation->census, choice.path,
			     px_luks_device(rotation->luks), &stays);
	if (st || stays)
		return st;
	/* The header's backup must not need a key that is gone. */
	st = px_header_keep(rotation->session, rotation->luks, key);
	return st ? st : px_store_delete(rotation->session->store, choice.path);
}

/* After the commit: `key` is the volume's. The keyslot goes first, since that needs no store. */
static enum px_status clean(struct px_rotation *rotation, const struct px_secret *key)
{
	/* A change of the header makes another token of the same content. */
	px_auto(token) struct px_token *token = copy_token(rotation);
	const struct px_token_other *old;
	enum px_status st;

	if (!token)
		return px_nomem();
	old = &token->old;
	st = destroy_old(rotation, old);
	if (!st && !old->keep && !rotation->keep_old &&
	    px_new_key_is_own(old->secret, px_luks_uuid(rotation->luks)))
		st = drop_old(rotation, old, key);
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
	if (!st)
		st = px_new_key_take_back(rotation->session, to);
	if (!st)
		st = forget_change(rotation, rotation->key);
	if (st)
		px_warn("%s: the change of its key is half done, and the old key opens it: run "
			"pxenc rotate again",
			rotation->device);
}

enum px_status px_rotation_run(struct px_rotation *rotation, struct px_new_key *to)
{
	enum px_status st;
	int slot;

	st = px_luks_need_slot(rotation->luks, rotation->device, &slot);
	if (!st)
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

/*
 * The keyslot was not added. A key that is in the store may be, by now, that of the volume of which
 * this one is a snapshot: it is taken up if it is the one that was made for this, and never
 * deleted.
 */
static enum px_status take_up(struct px_rotation *rotation, const struct px_secret *key,
			      bool *ret_added)
{
	const struct px_token_other *next = &px_luks_token(rotation->luks)->next;
	int slot = next->keyslot;
	enum px_status st;

	*ret_added = is_marked(rotation, next, key) && !px_luks_has_slot(rotation->luks, slot);
	if (*ret_added) {
		st = px_luks_add_slot(rotation->luks, slot, rotation->volume_key, key);
		return st ? st : prove(rotation, key, slot);
	}
	if (key && px_new_key_is_own(next->secret, px_luks_uuid(rotation->luks)))
		px_warn("%s: the secret '%s' was to be its key and is not: delete it if no other "
			"volume needs it",
			rotation->device, next->secret);
	if (px_luks_has_slot(rotation->luks, slot))
		px_warn("%s: keyslot %d was meant for the secret '%s', which does not open it: if "
			"it is nobody's, cryptsetup luksKillSlot %s %d",
			rotation->device, slot, next->secret, rotation->device, slot);
	return forget_change(rotation, rotation->key);
}

/* Interrupted before the commit: the new key may be in the store and in its keyslot, or not. */
static enum px_status recover_next(struct px_rotation *rotation, bool *ret_done)
{
	const struct px_token_other *next = &px_luks_token(rotation->luks)->next;
	px_auto(choice) struct px_choice choice = { 0 };
	px_auto(secret) struct px_secret *key = NULL;
	bool added = true;
	enum px_status st;
	int r;

	st = fetch(rotation, next->secret, &choice, &key);
	if (st)
		return st;
	r = opens(rotation, next->keyslot, key);
	if (r < 0 && r != -EPERM)
		return not_tried(rotation, next->keyslot, r);
	if (r == -EPERM)
		st = take_up(rotation, key, &added);
	if (st || !added)
		return st;
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
