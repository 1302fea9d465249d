/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_IO_H
#define PXENC_IO_H

#include <stdint.h>

#include "pxenc/cleanup.h"

/*
 * Whole reads and writes, through short ones and EINTR. They return 0 or -errno, unless said
 * otherwise.
 */

/* Reads a descriptor to its end: text of at most max bytes, NUL-terminated. -E2BIG: more. */
int px_read_all(int fd, size_t max, char **ret_text, size_t *ret_len) PX_MUST_CHECK;

int px_write_all(int fd, const void *data, size_t len) PX_MUST_CHECK;

/* From this byte of the file on. Returns how many were read, which is fewer than len only where the
 * file ends. */
ssize_t px_read_at(int fd, void *to, size_t len, uint64_t at) PX_MUST_CHECK;

int px_write_at(int fd, const void *data, size_t len, uint64_t at) PX_MUST_CHECK;

#endif
