/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>
#include <string.h>

#include "luks-private.h"
#include "pxenc/log.h"

/*
 * The data of a volume written anew under another volume key, while it is in use if it is mapped.
 * libcryptsetup keeps the state in the header, so that it can stop and go on at any time: what is
 * being copied is protected by checksums.
 */

/* What is copied at once cannot be reached meanwhile. libcryptsetup would take up to 1 GiB. */
#define MOST_IN_USE (64 * 2048U) /* sectors */

bool px_luks_is_reencrypting(const struct px_luks *luks)
{
	return luks->header->reencrypting || luks->end;
}

enum px_status px_luks_add_volume_key(struct px_luks *luks, int slot, const struct px_secret *key)
{
	int r;

	px_luks_listen();
	r = px_luks_set_pbkdf(luks, key);
	if (r == 0)
		r = px_luks_write_unbound(luks, slot, key);
	if (r < 0)
		return px_luks_failed(luks->device, "a new volume key cannot be made", r);
	return px_luks_refresh(luks);
}

int px_luks_init_reencryption(struct crypt_device *cd, const struct px_luks *luks, const char *name,
			      const struct px_secret *key, uint32_t flags, uint64_t most)
{
	const struct px_token *token = px_luks_token(luks);
	const struct crypt_params_luks2 luks2 = { .sector_size = luks->header->sector_size };
	const struct crypt_params_reencrypt params = {
		.mode = CRYPT_REENCRYPT_REENCRYPT,
		.direction = CRYPT_REENCRYPT_FORWARD,
		.resilience = "checksum",
		.hash = "sha256",
		.max_hotzone_size = most,
		.luks2 = &luks2,
		.flags = flags,
	};

	return crypt_reencrypt_init_by_passphrase(
		cd, name, px_luks_key_text(key), px_secret_len(key), token->keyslot, token->second,
		crypt_get_cipher(cd), crypt_get_cipher_mode(cd), &params);
}

/* What libcryptsetup's callback is given. */
struct listener {
	px_luks_progress *progress;
	void *arg;
	bool stopped;
};

static int hear(uint64_t size, uint64_t offset, void *arg)
{
	struct listener *listener = arg;

	listener->stopped = !listener->progress(offset, size, listener->arg);
	return listener->stopped;
}

static enum px_status run(struct px_luks *luks, const char *name, const struct px_secret *key,
			  struct listener *listener)
{
	int r;

	px_luks_listen();
	r = px_luks_init_reencryption(luks->cd, luks, name, key,
				      luks->header->reencrypting ? CRYPT_REENCRYPT_RESUME_ONLY : 0,
				      name ? MOST_IN_USE : 0);
	if (r == -EBUSY)
		return px_fail(PX_BUSY,
			       "%s is in use by a reencryption that was interrupted: unmount and "
			       "close it, then run pxenc rotate again",
			       luks->device);
	if (r >= 0)
		r = crypt_reencrypt_run(luks->cd, hear, listener);
	if (r < 0)
		return px_luks_failed(luks->device, "its reencryption stopped", r);
	return px_luks_refresh(luks);
}

enum px_status px_luks_reencrypt(struct px_luks *luks, const char *name,
				 const struct px_secret *key, px_luks_progress *progress, void *arg,
				 bool *ret_stopped)
{
	struct listener listener = { .progress = progress, .arg = arg };
	bool resumed = luks->header->reencrypting;
	/* One that is mapped was recovered when it was activated. */
	enum px_status status = name ? PX_OK : px_luks_recover(luks, key, false);

	if (status == PX_OK && (!resumed || luks->header->reencrypting))
		status = run(luks, name, key, &listener);
	if (status == PX_OK)
		*ret_stopped = listener.stopped && luks->header->reencrypting;
	return status;
}

/* All in sectors. */
struct stride {
	uint64_t start, end; /* of the part that was being copied */
	uint64_t most;	     /* what a step may copy */
	uint64_t at;	     /* where the copying stood before it */
	bool begun;
};

/* Called before a step and after it, each time with where it began: one step, if it stays within
 * the part. */
static int hear_stride(uint64_t size, uint64_t offset, void *arg)
{
	struct stride *stride = arg;

	(void)size;
	if (stride->begun)
		return 1;
	stride->begun = true;
	stride->at = offset / 512;
	return stride->at < stride->start || stride->at + stride->most > stride->end;
}

static enum px_status make_stride(struct px_luks *luks, const struct px_secret *key,
				  struct stride *stride)
{
	int r;

	px_luks_listen();
	stride->begun = false;
	r = px_luks_init_reencryption(luks->cd, luks, NULL, key, CRYPT_REENCRYPT_RESUME_ONLY,
				      stride->most);
	if (r >= 0)
		r = crypt_reencrypt_run(luks->cd, hear_stride, stride);
	if (r < 0)
		return px_luks_failed(luks->device, "its reencryption cannot go on", r);
	return px_luks_refresh(luks);
}

enum px_status px_luks_reencrypt_part(struct px_luks *luks, const struct px_secret *key,
				      uint64_t start, uint64_t end)
{
	struct stride stride = { .start = start, .at = start, .end = end };
	enum px_status status = px_luks_recover(luks, key, true);

	/* libcryptsetup may make a step smaller than it is told. */
	while (status == PX_OK && luks->header->reencrypting && stride.at < end) {
		stride.most = end - stride.at;
		status = make_stride(luks, key, &stride);
		if (status == PX_OK && stride.at < start)
			return px_fail(PX_KERNEL,
				       "%s: its reencryption is not where its mapping shows it",
				       luks->device);
	}
	return status;
}
