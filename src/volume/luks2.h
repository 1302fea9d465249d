/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_VOLUME_LUKS2_H
#define PXENC_VOLUME_LUKS2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pxenc/backup.h"
#include "pxenc/cleanup.h"

/*
 * A LUKS2 header as it lies on a disk ("LUKS2 On-Disk Format Specification", 1.1): two copies, one
 * at the start and one right behind it, each of a binary part and a JSON area. libcryptsetup does
 * not tell the sequence number, which is the generation of a backup, and does not write a header
 * that it did not make.
 */
#define PX_LUKS2_BIN_SIZE 4096
#define PX_LUKS2_SIZE_MIN ((size_t)16 << 10)
#define PX_LUKS2_SIZE_MAX ((size_t)4 << 20)

/* What the binary part says. */
struct px_luks2 {
	size_t size; /* bytes of one copy, JSON area included */
	uint64_t seqid;
	struct px_backup_names names;
};

/*
 * One copy, offset bytes from the start of the device, with its checksum. *ret_json points into
 * bytes. -EBADMSG: it is none, or a broken one; -EIO: libcrypto failed.
 */
int px_luks2_decode(const uint8_t *bytes, size_t len, uint64_t offset, struct px_luks2 *ret_header,
		    const char **ret_json) PX_MUST_CHECK;

/* The bytes of a copy that begins so; 0: it is none. */
size_t px_luks2_size(const uint8_t start[PX_LUKS2_BIN_SIZE], uint64_t offset);

/* What the start of a copy says, checksum or not. -EBADMSG: it does not look like one. */
int px_luks2_glance(const uint8_t start[PX_LUKS2_BIN_SIZE], uint64_t offset,
		    struct px_luks2 *ret_header) PX_MUST_CHECK;

/* The copy for this offset, header->size bytes, with a new salt and its checksum. -ENOSPC: the JSON
 * is too long; -EIO. */
int px_luks2_encode(const struct px_luks2 *header, const char *json, size_t json_len,
		    uint64_t offset, uint8_t *bytes) PX_MUST_CHECK;

/* The newer of the two copies on a disk that are whole. -EBADMSG: none is; -ENOMEM, -errno. */
int px_luks2_read(int fd, struct px_luks2 *ret_header, char **ret_json) PX_MUST_CHECK;

/* What the start of a copy says where none is whole: the first that looks like one. -EBADMSG: none
 * does; -errno. */
int px_luks2_glance_at(int fd, struct px_luks2 *ret_header) PX_MUST_CHECK;

#endif
