/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_BACKUP_H
#define PXENC_BACKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pxenc/cleanup.h"
#include "pxenc/luks.h"
#include "pxenc/secret.h"
#include "pxenc/status.h"

/*
 * The backup of a LUKS2 header: what it takes to write the header anew, and no more.
 *
 *   offset  bytes  numbers are little-endian, texts padded with NULs
 *        0      4  magic "pxB1"
 *        4      4  length J of the JSON
 *        8      8  length A of the keyslots' areas
 *       16      8  generation: the sequence number that LUKS2 counts up at each change
 *       24     40  uuid
 *       64     48  label
 *      112     48  subsystem
 *      160      J  the JSON as it lies on the disk, without the NUL at its end
 *    160+J      A  the areas of all keyslots, in the order of their names in the JSON
 *  160+J+A     32  HMAC-SHA256 of all before
 *
 * Where the areas lie, and how long they are, the JSON tells. Salts and checksums of the two copies
 * are made anew.
 *
 * The HMAC's key comes from the volume key, info "pxenc header backup v1". It is had by opening the
 * backup's own keyslot, which whoever restores has to do anyway. A key from the secret would, under
 * a human passphrase, be a cheaper way to guess it than argon2id.
 */
#define PX_BACKUP_MAGIC "pxB1"
#define PX_BACKUP_HEAD 160
#define PX_BACKUP_MAC 32

/* 32 keyslots of 252 KiB and their JSON are less. */
#define PX_BACKUP_MAX ((size_t)10 << 20)

struct px_backup_names {
	char uuid[40], label[48], subsystem[48];
};

/* What was parsed; it points into the bytes. */
struct px_backup {
	const uint8_t *bytes;
	size_t len;
	uint64_t generation;
	struct px_backup_names names;
	const char *json;
	size_t json_len;
	const uint8_t *areas;
	size_t areas_len;
};

/* No more than the layout: nothing in it is trusted yet. -EBADMSG. */
int px_backup_parse(const void *bytes, size_t len, struct px_backup *ret_backup) PX_MUST_CHECK;

/* -EBADMSG: it was not made by one who has the volume key, or was changed. -ENOMEM, -EIO. */
int px_backup_verify(const struct px_backup *backup, const struct px_secret *volume_key)
	PX_MUST_CHECK;

/*
 * Takes a backup of the header on the volume's device, as it lies there now, and proves it: it goes
 * through the allowlist, its seal is verified, and its keyslot opened with key. PX_NO_VOLUME: the
 * volume has no LUKS2 token of ours; PX_BUSY: its volume key is being changed; PX_BAD_HEADER,
 * PX_BAD_KEY, PX_KERNEL, PX_NOMEM.
 */
enum px_status px_backup_take(const struct px_luks *luks, const struct px_secret *key,
			      uint8_t **ret_bytes, size_t *ret_len) PX_MUST_CHECK;

/*
 * Loads a backup as the volume that it would be on a device of this size, in memory, and lets it
 * through the allowlist; nothing is written. name is for messages. PX_BAD_HEADER, PX_KERNEL,
 * PX_NOMEM.
 */
enum px_status px_backup_load(const struct px_backup *backup, uint64_t device_size,
			      const char *name, struct px_luks **ret_luks) PX_MUST_CHECK;

/* What a device's own header says of itself, broken or not. */
struct px_glance {
	bool seen;	  /* the start of one of its copies at least is there, with a uuid */
	bool whole;	  /* and one copy is, by its checksum */
	size_t copy_size; /* bytes of each copy, so the keyslots begin at twice that */
	uint64_t generation;
	struct px_backup_names names;
};

/* PX_KERNEL: the device cannot be read; PX_NOMEM. */
enum px_status px_header_glance(int fd, const char *device, struct px_glance *ret_glance)
	PX_MUST_CHECK;

/* Whether the header on a device has the seal that key makes. Silent: -ENOENT, -EBADMSG and others,
 * as px_seal_verify, and when no copy is whole. */
int px_header_seal_verify(int fd, const struct px_secret *key) PX_MUST_CHECK;

/*
 * Writes a backup that was loaded to a device: keyslots, second copy, first copy, each on the disk
 * before the next is begun. PX_KERNEL, PX_NOMEM.
 */
enum px_status px_backup_write(const struct px_backup *backup, const struct px_luks *luks, int fd,
			       const char *device) PX_MUST_CHECK;

/*
 * Overwrites a piece of a header's space, with random bytes or with zeros, and waits until that is
 * on the disk. PX_KERNEL.
 */
enum px_status px_header_wipe(int fd, const char *device, uint64_t from, uint64_t to, bool random)
	PX_MUST_CHECK;

#endif
