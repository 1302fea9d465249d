/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "reencryption.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "progress.h"
#include "pxenc/cleanup.h"
#include "pxenc/header-backup.h"
#include "pxenc/log.h"
#include "pxenc/signals.h"

#define NONE (-1)

bool px_reencryption_is_open(const struct px_luks *luks)
{
	return px_luks_token(luks)->reencrypt;
}

/* The keyslot of the new volume key, and whether it is there; NONE: the volume key is that which it
 * is to be. */
static enum px_status set_token(struct px_rotation *rotation, int second, bool both)
{
	px_auto(token) struct px_token *token = px_token_copy(px_luks_token(rotation->luks));

	if (!token)
		return px_nomem();
	token->reencrypt = second != NONE;
	token->second = second;
	token->both = both;
	return px_luks_set_token(rotation->luks, token, rotation->key);
}

static enum px_status check_others(const struct px_rotation *rotation, bool force)
{
	unsigned int count = px_luks_count_slots(rotation->luks);

	if (force || count <= 1)
		return PX_OK;
	return px_fail(PX_DECLINED,
		       "%s has %u other keyslot%s (a recovery key is one), which a reencryption "
		       "destroys: not without --force",
		       rotation->device, count - 1, count > 2 ? "s" : "");
}

/*
 * Nothing was written under the new volume key yet: its keyslot goes, if it was made. Before the
 * LUKS2 token names it, it is known by its key, since somebody may have put one of his own there;
 * afterwards by the token, since no key opens it once its area is wiped.
 */
static enum px_status undo(struct px_rotation *rotation)
{
	px_auto(secret) struct px_secret *volume_key = NULL;
	int slot = px_luks_token(rotation->luks)->second;
	enum px_status st = PX_OK;

	if (!px_luks_token(rotation->luks)->both && px_luks_is_unbound(rotation->luks, slot) &&
	    px_luks_open_slot(rotation->luks, slot, rotation->key, &volume_key) >= 0)
		st = set_token(rotation, slot, true);
	if (!st && px_luks_token(rotation->luks)->both && px_luks_is_unbound(rotation->luks, slot))
		st = px_luks_destroy_slot(rotation->luks, slot);
	return st ? st : set_token(rotation, NONE, false);
}

static enum px_status make_second(struct px_rotation *rotation, int slot)
{
	enum px_status st = px_header_keep(rotation->session, rotation->luks, rotation->key);

	if (!st)
		st = px_luks_add_volume_key(rotation->luks, slot, rotation->key);
	return st ? st : set_token(rotation, slot, true);
}

static enum px_status prepare(struct px_rotation *rotation, bool force)
{
	enum px_status st = check_others(rotation, force);
	int slot;

	if (!st)
		st = px_luks_need_slot(rotation->luks, rotation->device, &slot);
	if (!st)
		st = set_token(rotation, slot, false);
	if (st)
		return st;
	st = make_second(rotation, slot);
	if (!st)
		return PX_OK;
	if (undo(rotation) != PX_OK)
		px_warn("%s: its reencryption has not begun, and its header still says so: pxenc "
			"rotate %s",
			rotation->device, rotation->device);
	else if (px_header_keep(rotation->session, rotation->luks, rotation->key) != PX_OK)
		px_warn("%s: its header has no backup: pxenc header backup %s", rotation->device,
			rotation->device);
	return st;
}

/* All data has the new volume key, whose keyslot is ours from now on. */
static bool is_done(const struct px_luks *luks)
{
	const struct px_token *token = px_luks_token(luks);

	return token->keyslot == token->second ||
	       (token->both && px_luks_is_unbound(luks, token->keyslot));
}

/* libcryptsetup calls it done even where it could not destroy the keyslot of the old volume key. */
static enum px_status finish(struct px_rotation *rotation)
{
	px_auto(token) struct px_token *token = px_token_copy(px_luks_token(rotation->luks));

	if (!token)
		return px_nomem();
	if (px_luks_is_unbound(rotation->luks, token->keyslot) &&
	    px_luks_destroy_slot(rotation->luks, token->keyslot) != PX_OK)
		px_warn("%s: keyslot %d, which opens no data any more, stays", rotation->device,
			token->keyslot);
	token->keyslot = token->second;
	token->reencrypt = token->both = false;
	return px_luks_set_token(rotation->luks, token, rotation->key);
}

static bool progress(uint64_t done, uint64_t size, void *arg)
{
	px_progress_show(arg, done, size);
	return !px_signals_ask_to_stop();
}

/* Killed while the volume is in use, we would leave a part of it out of reach. The kernel, when it
 * is short of memory, is to choose another. */
static void outlive_shortage(void)
{
	static const char never[] = "-1000";
	px_auto(fd) int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, never, strlen(never)) < 0)
		px_note("the kernel may kill this process when memory is short: %s",
			strerror(errno));
}

static enum px_status run(struct px_rotation *rotation, const char *mapped, bool *ret_done)
{
	struct px_progress bar;
	enum px_status st;
	bool stopped = false;

	if (mapped)
		outlive_shortage();
	px_progress_begin(&bar, rotation->device);
	st = px_luks_reencrypt(rotation->luks, mapped, rotation->key, progress, &bar, &stopped);
	px_progress_end(&bar);
	if (st && mapped)
		px_warn("%s: a part of it may be out of reach until pxenc rotate is run again; if "
			"that fails as well, pxenc close --force %s",
			rotation->device, mapped);
	if (st)
		return st;
	if (stopped)
		return px_fail(PX_DECLINED,
			       "%s: stopped; it can be used as ever, and pxenc rotate goes on with "
			       "it",
			       rotation->device);
	*ret_done = true;
	return finish(rotation);
}

enum px_status px_reencryption_run(struct px_rotation *rotation, const char *mapped, bool force,
				   bool *ret_done)
{
	bool fresh = !px_reencryption_is_open(rotation->luks);
	enum px_status st;

	*ret_done = false;
	if (fresh) {
		st = prepare(rotation, force);
		return st ? st : run(rotation, mapped, ret_done);
	}
	if (px_luks_is_reencrypting(rotation->luks))
		return run(rotation, mapped, ret_done);
	/* It ended, and only the token does not say so; or it never ran. */
	*ret_done = is_done(rotation->luks);
	return *ret_done ? finish(rotation) : undo(rotation);
}
