/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_CMD_HEADER_STORE_H
#define PXENC_CMD_HEADER_STORE_H

#include <inttypes.h>

#include "manifest.h"
#include "pxenc/header-backup.h"

/* How a header backup lies in the store. */

/* The manifest of a volume's backup. PX_NO_SECRET, silently: there is none. PX_BAD_HEADER: it is
 * malformed, or another volume's; the store's failures. */
enum px_status px_header_find(struct px_session *session, const char *uuid,
			      struct px_manifest *ret_manifest) PX_MUST_CHECK;

/*
 * Puts a backup (manifest->len bytes) into manifest->set, reads it back, then writes the manifest,
 * then deletes the parts that old names (NULL: there was none).
 */
enum px_status px_header_store(struct px_session *session, const struct px_manifest *manifest,
			       const struct px_manifest *old, const uint8_t *bytes) PX_MUST_CHECK;

/* The bytes of a backup, manifest->len of them. PX_BAD_HEADER: a part has another length. */
enum px_status px_header_fetch(struct px_session *session, const struct px_manifest *manifest,
			       uint8_t **ret_bytes) PX_MUST_CHECK;

/* Deletes all that there is of a volume's backups, whole or not. */
enum px_status px_header_drop(struct px_session *session, const char *uuid) PX_MUST_CHECK;

#endif
