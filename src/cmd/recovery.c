/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/recovery.h"

#include <stdio.h>
#include <string.h>

#include "pxenc/io.h"
#include "pxenc/key.h"
#include "pxenc/log.h"

/* Not through stdio, which would keep a copy. */
static int show(const char *device, const struct px_secret *key)
{
	int r;

	printf("%s: recovery key, shown this once (cryptsetup open takes it as passphrase):\n",
	       device);
	fflush(stdout);
	r = px_write_all(STDOUT_FILENO, px_secret_bytes(key), px_secret_len(key));
	return r < 0 ? r : px_write_all(STDOUT_FILENO, "\n", 1);
}

/* A recovery key that nobody has seen is a keyslot too many. */
static enum px_status not_shown(struct px_luks *luks, int slot, int r)
{
	enum px_status st = px_luks_destroy_slot(luks, slot);

	return st ? st
		  : px_fail(PX_KERNEL, "the recovery key cannot be shown (%s), and was removed",
			    strerror(-r));
}

enum px_status px_recovery_add(struct px_luks *luks, int slot, const struct px_secret *key)
{
	px_auto(secret) struct px_secret *volume_key = NULL, *recovery = NULL;
	int free_slot = px_luks_free_slot(luks);
	enum px_status st;
	int r;

	if (free_slot < 0)
		return px_fail(PX_USAGE, "%s has no free keyslot for a recovery key",
			       px_luks_device(luks));
	r = px_luks_open_slot(luks, slot, key, &volume_key);
	if (r >= 0)
		r = px_key_generate_recovery(&recovery);
	if (r < 0)
		return px_fail(PX_KERNEL, "%s: cannot make a recovery key: %s",
			       px_luks_device(luks), strerror(-r));
	st = px_luks_add_slot(luks, free_slot, volume_key, recovery);
	if (st)
		return st;
	r = show(px_luks_device(luks), recovery);
	return r < 0 ? not_shown(luks, free_slot, r) : PX_OK;
}
