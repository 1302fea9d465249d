/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "luks-private.h"
#include "luks2.h"
#include "pxenc/key.h"
#include "pxenc/log.h"
#include "pxenc/seal.h"

#define ADVICE                                                                                     \
	"pxenc header seal shows what was changed, and accepts it; pxenc header restore undoes it"

enum px_status px_luks_find_slot(const struct px_luks *luks, bool named, int *ret_slot)
{
	const struct px_token *token = px_luks_token(luks);

	if (named && !token)
		return px_fail(PX_BAD_HEADER, "%s: it has no LUKS2 token of type " PX_TOKEN_TYPE,
			       luks->device);
	/* While the volume key is changed, it takes the keyslots of both. */
	*ret_slot = named && !luks->header->reencrypting ? token->keyslot : CRYPT_ANY_SLOT;
	return PX_OK;
}

void px_luks_name_secret(struct px_luks *luks, const char *path)
{
	free(luks->secret);
	if (asprintf(&luks->secret, "the secret '%s'", path) < 0)
		luks->secret = NULL;
}

enum px_status px_luks_bad_key(const struct px_luks *luks, int slot)
{
	const char *secret = luks->secret ? luks->secret : "the secret";

	if (slot == CRYPT_ANY_SLOT)
		return px_fail(PX_BAD_KEY,
			       "the key opens no keyslot of %s: see if %s was changed, or name "
			       "another with -o secret=PATH",
			       luks->device, secret);
	return px_fail(PX_BAD_KEY,
		       "the key does not open keyslot %d of %s, which its LUKS2 token "
		       "names: see if %s was changed, or an erase was interrupted",
		       slot, luks->device, secret);
}

/* One argon2id needs up to 1 GiB; many at once would bring the machine down. The lock that
 * libcryptsetup has for this lies where root alone can create it. */
static uint32_t serialized(const struct px_luks *luks)
{
	return geteuid() == 0 && !luks->parallel ? CRYPT_ACTIVATE_SERIALIZE_MEMORY_HARD_PBKDF : 0;
}

void px_luks_set_parallel(struct px_luks *luks)
{
	luks->parallel = true;
}

/* name NULL: a test. Returns -errno of libcryptsetup or the keyslot that was opened. */
static int unlock(struct px_luks *luks, const char *name, int slot, const struct px_secret *key,
		  uint32_t flags)
{
	px_luks_listen();
	return crypt_activate_by_passphrase(luks->cd, name, slot, px_luks_key_text(key),
					    px_secret_len(key), flags | serialized(luks));
}

enum px_status px_luks_test(struct px_luks *luks, const struct px_secret *key, bool named_slot)
{
	int slot = CRYPT_ANY_SLOT;
	enum px_status status = px_luks_find_slot(luks, named_slot, &slot);
	int r;

	if (status != PX_OK)
		return status;
	r = unlock(luks, NULL, slot, key, 0);
	if (r == -EPERM || r == -ENOENT)
		return px_luks_bad_key(luks, slot);
	return r < 0 ? px_luks_failed(luks->device, "the key cannot be tried", r) : PX_OK;
}

enum px_status px_luks_lend_volume_keys(struct px_luks *luks, const struct px_secret *key,
					bool named_slot)
{
	int slot = CRYPT_ANY_SLOT;
	enum px_status status = px_luks_find_slot(luks, named_slot, &slot);
	int r;

	if (status != PX_OK)
		return status;
	r = unlock(luks, NULL, slot, key, CRYPT_ACTIVATE_KEYRING_KEY);
	if (r == -EPERM || r == -ENOENT)
		return px_luks_bad_key(luks, slot);
	return r < 0 ? px_luks_failed(luks->device, "its volume key cannot be lent to the kernel",
				      r)
		     : PX_OK;
}

enum px_status px_luks_open_named(struct px_luks *luks, const struct px_secret *key,
				  struct px_secret **ret_volume_key)
{
	int slot = CRYPT_ANY_SLOT;
	enum px_status status = px_luks_find_slot(luks, true, &slot);
	int r;

	if (status != PX_OK)
		return status;
	r = px_luks_open_slot(luks, slot, key, ret_volume_key);
	if (r == -EPERM)
		return px_luks_bad_key(luks, slot);
	return r < 0 ? px_luks_failed(luks->device, "the key cannot be tried", r) : PX_OK;
}

/*
 * The seal is missing or wrong: the key is another volume's, or somebody changed the header.
 * Whoever reads the message needs to know which, so the key is tried. On a header without a good
 * seal that is as safe as with any passphrase, which no seal protects: the allowlist has let this
 * very copy of the header through, so that the PBKDFs' costs are bounded and the keyslots' ciphers
 * are ours; the key goes nowhere but into a PBKDF; nothing is activated, and a volume key that
 * comes out is dropped.
 */
static enum px_status refuse_unsealed(struct px_luks *luks, const struct px_secret *key,
				      bool named_slot, int r)
{
	enum px_status status = px_luks_test(luks, key, named_slot);

	if (status != PX_OK)
		return status;
	if (r == -ENOENT)
		return px_fail(
			PX_BAD_HEADER,
			"%s: its header has no seal, which a volume with a generated key "
			"must have: it was changed since pxenc sealed it, or is not pxenc's. "
			"It is not opened. " ADVICE,
			luks->device);
	if (r == -EBADMSG)
		return px_fail(PX_BAD_HEADER,
			       "%s: its header's seal is broken: it was changed since pxenc sealed "
			       "it. It is not opened. " ADVICE,
			       luks->device);
	return px_fail(PX_BAD_HEADER, "%s: its header's seal cannot be checked: %s", luks->device,
		       strerror(-r));
}

enum px_status px_luks_verify_seal(struct px_luks *luks, const struct px_secret *key,
				   bool named_slot)
{
	const char *json = NULL;
	enum px_status status;
	int r = -ENOENT; /* LUKS1 has no seals */

	if (!px_key_is_generated(key))
		return PX_OK;
	if (px_luks_version(luks) == 2) {
		/* The library's own copy of the header, which is also what it activates. */
		status = px_luks_json(luks, &json);
		if (status != PX_OK)
			return status;
		r = px_seal_verify(json, strlen(json), px_luks_uuid(luks), key);
	}
	if (r == -ENOMEM)
		return px_nomem();
	return r == 0 ? PX_OK : refuse_unsealed(luks, key, named_slot, r);
}

/*
 * While the volume key is changed, libcryptsetup loads the header once more before it activates: a
 * disk that shows two of them must not get the other one used.
 */
static enum px_status check_activated(struct px_luks *luks, const char *name,
				      const struct px_secret *key)
{
	enum px_status status = px_luks_refresh(luks);

	if (status == PX_OK)
		status = px_luks_verify_seal(luks, key, true);
	if (status != PX_OK && px_luks_deactivate(name, false) != PX_OK)
		px_warn("the mapping %s is of a header that is refused: close it", name);
	return status;
}

enum px_status px_luks_check_current(const struct px_luks *luks)
{
	px_auto(header) struct px_header *now = NULL;
	px_auto(free) char *json = NULL;
	px_auto(fd) int fd = -1;
	struct px_luks2 luks2;
	enum px_status status;
	int r;

	if (px_luks_version(luks) != 2 || luks->header->reencrypting || luks->end)
		return PX_OK;
	fd = open(luks->device, O_RDONLY | O_CLOEXEC);
	r = fd < 0 ? -errno : px_luks2_read(fd, &luks2, &json);
	if (r < 0)
		return px_fail(PX_KERNEL, "%s: its header cannot be read again: %s", luks->device,
			       strerror(-r));
	status = px_header_check(json, strlen(json), luks->device_size, luks->device, &now);
	if (status == PX_OK && now->reencrypting)
		return px_fail(PX_BUSY, "%s: its volume key has just begun to change: try again",
			       luks->device);
	return status;
}

enum px_status px_luks_activate(struct px_luks *luks, const char *name, const struct px_secret *key,
				const struct px_activate *how)
{
	uint32_t flags = (how->readonly ? CRYPT_ACTIVATE_READONLY : 0) |
			 (how->discard ? CRYPT_ACTIVATE_ALLOW_DISCARDS : 0);
	int slot = CRYPT_ANY_SLOT;
	enum px_status status = px_luks_recover(luks, key, false);
	int r;

	if (status == PX_OK)
		status = px_luks_find_slot(luks, how->named_slot, &slot);
	if (status != PX_OK)
		return status;
	r = unlock(luks, name, slot, key, flags);
	if (r == -EPERM || r == -ENOENT)
		return px_luks_bad_key(luks, slot);
	if (r == -EEXIST || r == -EBUSY) {
		px_note("%s: %s", luks->device, px_luks_cause(r));
		return PX_BUSY;
	}
	if (r < 0)
		return px_luks_failed(luks->device, "cannot be activated", r);
	return luks->header->reencrypting ? check_activated(luks, name, key) : PX_OK;
}

/*
 * A filesystem, swap or another mapping claims the device for itself, and waiting does not help;
 * udev and other curious programs only open it. O_EXCL asks for a claim. Opening a mapping reads
 * nothing from the disk below.
 */
static bool is_claimed(const char *name)
{
	char path[256];
	px_auto(fd) int fd = -1;

	snprintf(path, sizeof(path), "/dev/mapper/%s", name);
	fd = open(path, O_RDONLY | O_EXCL | O_CLOEXEC);
	return fd < 0 && errno == EBUSY;
}

static int deactivate(const char *name, bool deferred)
{
	struct crypt_device *cd = NULL;
	int r;

	px_luks_listen();
	/*
	 * A context without a device: else the header would be loaded. libcryptsetup 2.6 reads a
	 * sector of the disk below all the same, and hangs if that does.
	 */
	r = crypt_init(&cd, NULL);
	if (r < 0)
		return r;
	r = crypt_deactivate_by_name(cd, name, deferred ? CRYPT_DEACTIVATE_DEFERRED : 0);
	crypt_free(cd);
	return r;
}

enum px_status px_luks_deactivate(const char *name, bool deferred)
{
	int r = !deferred && is_claimed(name) ? -EBUSY : deactivate(name, deferred);

	if (r == -ENODEV)
		return px_fail(PX_NO_VOLUME, "%s: there is no such mapping", name);
	if (r == -EBUSY)
		return px_fail(PX_BUSY,
			       "%s is in use: unmount it first, or close it with --deferred", name);
	return r < 0 ? px_luks_failed(name, "cannot be deactivated", r) : PX_OK;
}
