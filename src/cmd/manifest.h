/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_CMD_MANIFEST_H
#define PXENC_CMD_MANIFEST_H

#include <stddef.h>
#include <stdint.h>

#include "pxenc/backup.h"
#include "pxenc/cleanup.h"

/*
 * The manifest of a header backup: where its parts lie, and what a person wants to know of it. It
 * is text, since people come across it among their secrets:
 *
 *   pxenc header backup 1
 *   uuid 0f3c8e1a-5b7d-4c2e-9a61-d2f4b8c07e35
 *   generation 7
 *   parts a 1
 *   bytes 259123
 *   device 34359738368
 *   time 1795623488
 *   from node7:/dev/sdb
 *   label data
 *
 * Nothing in it is trusted: the backup has its HMAC, and the generation once more.
 */

/* Bytes: with base64 around it, as stores may keep it, a part stays below the limit of 1 MB less
 * 1 KB. Two keyslots fit. */
#define PX_PART_MAX ((size_t)640 << 10)
#define PX_PARTS_MAX (PX_BACKUP_MAX / PX_PART_MAX)

#define PX_MANIFEST_MAX 1024

struct px_manifest {
	char uuid[40];
	uint64_t generation;
	char set;	      /* 'a' or 'b' */
	unsigned int parts;   /* up to PX_PARTS_MAX; 0: the backup was withdrawn */
	uint64_t len;	      /* bytes of the backup */
	uint64_t device_size; /* bytes */
	uint64_t time;	      /* seconds since 1970 */
	char from[128];	      /* the machine and the device that it was taken of */
	char label[48];
};

/* The text, allocated; NULL: out of memory. */
char *px_manifest_format(const struct px_manifest *manifest);

/* No I/O. -EBADMSG. */
int px_manifest_parse(const void *text, size_t len, struct px_manifest *ret_manifest) PX_MUST_CHECK;

#endif
