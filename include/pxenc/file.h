/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_FILE_H
#define PXENC_FILE_H

#include <stddef.h>

#include "pxenc/secret.h"
#include "pxenc/status.h"

/*
 * Files that an administrator names. They are opened once, checked on the descriptor (regular,
 * owned by root or the caller, not writable by anyone else) and read from it.
 */

/* A text file of at most max bytes, NUL-terminated. what: "config", for messages. */
enum px_status px_file_read(const char *path, const char *what, size_t max, char **ret_text,
			    size_t *ret_len) PX_MUST_CHECK;

/* A file that bears a secret: also not readable by group or others. One newline at the end goes. */
enum px_status px_file_read_secret(const char *path, const char *what, size_t max,
				   struct px_secret **ret_secret) PX_MUST_CHECK;

/* The same of a file in $CREDENTIALS_DIRECTORY. The group may seem to read it: systemd lets the
 * unit's user read root's file by an ACL, whose mask stands where the group's bits are. */
enum px_status px_file_read_handed(const char *path, const char *what, size_t max,
				   struct px_secret **ret_secret) PX_MUST_CHECK;

#endif
