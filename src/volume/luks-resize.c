/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>

#include "luks-private.h"
#include "pxenc/log.h"

#define SECTOR 512

static enum px_status measure(struct px_luks *luks, const char *name,
			      struct crypt_active_device *ret_active)
{
	int r;

	px_luks_listen();
	r = crypt_get_active_device(luks->cd, name, ret_active);
	return r < 0 ? px_luks_failed(name, "its size cannot be found out", r) : PX_OK;
}

static int resize(struct px_luks *luks, const char *name)
{
	px_luks_listen();
	return crypt_resize(luks->cd, name, 0);
}

enum px_status px_luks_resize(struct px_luks *luks, const char *name, const struct px_secret *key,
			      bool named_slot, uint64_t *ret_before, uint64_t *ret_now)
{
	struct crypt_active_device before = { .flags = 0 }, now = { .flags = 0 };
	enum px_status status = measure(luks, name, &before);
	int r;

	/* The kernel is given a new table, which leads to the key in its keyring. */
	if (status == PX_OK && (before.flags & CRYPT_ACTIVATE_KEYRING_KEY))
		status = px_luks_lend_volume_keys(luks, key, named_slot);
	if (status != PX_OK)
		return status;
	r = resize(luks, name);
	if (r < 0)
		return px_luks_failed(name, "cannot be resized", r);
	status = measure(luks, name, &now);
	if (status != PX_OK)
		return status;
	*ret_before = before.size * SECTOR;
	*ret_now = now.size * SECTOR;
	return PX_OK;
}
