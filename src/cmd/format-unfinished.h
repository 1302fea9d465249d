/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_CMD_FORMAT_UNFINISHED_H
#define PXENC_CMD_FORMAT_UNFINISHED_H

#include "pxenc/session.h"
#include "pxenc/status.h"

/* A key that locks nothing would lie in the store for ever. */

/* The path of the key that the volume on a device has for itself alone, as its header says. Freed
 * by the caller; NULL: there is none, or nobody can tell. */
char *px_format_own_key(const char *device);

/* Deletes what lies at a path, if anything does. */
enum px_status px_format_forget(struct px_session *session, const char *path) PX_MUST_CHECK;

/* Deletes the key that an interrupted format of this device made, and no other's; nor one that
 * another device of this machine has. device: without links. */
enum px_status px_format_clear(struct px_session *session, const char *device) PX_MUST_CHECK;

#endif
