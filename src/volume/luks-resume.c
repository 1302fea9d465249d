/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>

#include "luks-private.h"

enum px_status px_luks_resume(struct px_luks *luks, const char *name, const struct px_secret *key,
			      bool named_slot)
{
	int slot = CRYPT_ANY_SLOT;
	enum px_status status = px_luks_find_slot(luks, named_slot, &slot);
	int r;

	if (status != PX_OK)
		return status;
	px_luks_listen();
	r = crypt_resume_by_passphrase(luks->cd, name, slot, px_luks_key_text(key),
				       px_secret_len(key));
	if (r == -EPERM || r == -ENOENT)
		return px_luks_bad_key(luks, slot);
	return r < 0 ? px_luks_failed(name, "cannot be resumed", r) : PX_OK;
}
