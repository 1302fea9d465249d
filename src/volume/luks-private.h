/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_VOLUME_LUKS_PRIVATE_H
#define PXENC_VOLUME_LUKS_PRIVATE_H

#include <libcryptsetup.h>

#include "pxenc/image.h"
#include "pxenc/luks.h"
#include "pxenc/unfinished.h"

/* What the parts of luks.h share. Nobody else includes this. */

struct px_luks {
	struct crypt_device *cd;
	char *device;
	uint64_t device_size;
	int image; /* a header in memory that stands for the device's; -1: none */
	struct px_header *header;
	char *end; /* the JSON by which its reencryption's end was made up for; NULL: it was not */
	bool parallel; /* with others that open argon2 keyslots */
	char *secret;  /* "the secret 'PATH'", whose value is tried; NULL: nobody said */
};

/* What is known of a device before libcryptsetup sees it. */
struct px_luks_start {
	uint64_t size;
	unsigned char bytes[PX_UNFINISHED_SIZE];
};

struct px_image {
	struct px_luks *luks; /* of the volume in memory, with the device's name and size */
	int memory;	      /* a memfd of the device's size */
	int fd;		      /* the device; -1 until it is marked */
	uint64_t data_offset; /* bytes */
	struct px_unfinished unfinished;
	unsigned char was[PX_UNFINISHED_SIZE]; /* its first sector */
};

/* PX_NO_VOLUME: neither a block device nor a plain file; PX_KERNEL. */
enum px_status px_luks_look_at(const char *device, struct px_luks_start *ret_start) PX_MUST_CHECK;

/* A context for a device whose header is not loaded yet. */
enum px_status px_luks_new(const char *device, struct px_luks **ret_luks) PX_MUST_CHECK;

/* Loads the header of a context, and lets it through the allowlist. */
enum px_status px_luks_load_header(struct px_luks *luks, const struct px_luks_start *start)
	PX_MUST_CHECK;

/* Lets the header that the context has through the allowlist, or refuses it. */
enum px_status px_luks_check(struct px_luks *luks, const struct px_luks_start *start) PX_MUST_CHECK;
enum px_status px_luks1_check(struct px_luks *luks, const struct px_luks_start *start)
	PX_MUST_CHECK;

/* After a change: the same again, for the header as it is now. */
enum px_status px_luks_refresh(struct px_luks *luks) PX_MUST_CHECK;

/* What the key of a keyslot that is written next costs. -errno. */
int px_luks_set_pbkdf(struct px_luks *luks, const struct px_secret *key) PX_MUST_CHECK;

/* Adds a keyslot; volume_key NULL: the one that crypt_format made. -errno. */
int px_luks_write_keyslot(struct px_luks *luks, int slot, const struct px_secret *volume_key,
			  const struct px_secret *key) PX_MUST_CHECK;

/* Adds a keyslot for a new volume key that enciphers nothing yet. -errno. */
int px_luks_write_unbound(struct px_luks *luks, int slot, const struct px_secret *key)
	PX_MUST_CHECK;

/* luks-finish.c: when all that a reencryption has left to do is the end of its header, the loaded
 * volume becomes the finished one, in memory. Anything else stays as it is. PX_KERNEL, PX_NOMEM. */
enum px_status px_luks_make_up(struct px_luks **luks) PX_MUST_CHECK;

/* luks-reencrypt.c: begins a reencryption, loads the state of one that has begun, or recovers what
 * was being copied, in a context for the volume's header. name: its mapping, or NULL; most: what is
 * copied at once, in sectors; 0: as much as libcryptsetup likes. -errno. */
int px_luks_init_reencryption(struct crypt_device *cd, const struct px_luks *luks, const char *name,
			      const struct px_secret *key, uint32_t flags, uint64_t most)
	PX_MUST_CHECK;

/* luks-recover.c: what was being copied when a reencryption was killed, which may have been the
 * last of it; otherwise nothing. mapped: a mapping lies on the device, and so nobody can claim it.
 * PX_BUSY: another program is at it. PX_BAD_HEADER, PX_KERNEL, PX_NOMEM. */
enum px_status px_luks_recover(struct px_luks *luks, const struct px_secret *key, bool mapped)
	PX_MUST_CHECK;

/* luks-backup.c: the areas of a header's keyslots, one behind the other. */
size_t px_header_areas_size(const struct px_header *header);
int px_header_read_areas(int fd, const struct px_header *header, uint8_t *to) PX_MUST_CHECK;

/* The header as the context has it, and valid as long. PX_KERNEL. */
enum px_status px_luks_json(struct px_luks *luks, const char **ret_json) PX_MUST_CHECK;

/* Before a call of libcryptsetup: forgets what it said of errors, and keeps what it says next. */
void px_luks_listen(void);

/* What it said since, or what r says. */
const char *px_luks_cause(int r);

/* Logs a failure that is no fault of the header or the key. PX_NOMEM, PX_BUSY, PX_KERNEL. */
enum px_status px_luks_failed(const char *device, const char *what, int r);

/* CRYPT_ANY_SLOT, or the only one that a key from the LUKS2 token's path may open. PX_BAD_HEADER.
 */
enum px_status px_luks_find_slot(const struct px_luks *luks, bool named, int *ret_slot)
	PX_MUST_CHECK;

/* Logs that the key opens no keyslot, or not the one. PX_BAD_KEY. */
enum px_status px_luks_bad_key(const struct px_luks *luks, int slot);

static inline const char *px_luks_key_text(const struct px_secret *key)
{
	return (const char *)px_secret_bytes(key);
}

#endif
