/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_HEADER_BACKUP_H
#define PXENC_HEADER_BACKUP_H

#include <stdint.h>

#include "pxenc/luks.h"
#include "pxenc/session.h"

/*
 * Header backups in the store, beside the volume's key: a manifest at volumes/UUID/header, and the
 * backup (backup.h) in parts that fit into one secret each. There are two sets of names for parts,
 * header-a-1 … and header-b-1 …, which are used in turn: the manifest that names the new set
 * replaces the old one when all of that is there, so a crash leaves one backup that is whole.
 */

/*
 * After a change of the header: replaces the backup, if the config wants one of every volume or
 * there is one already. key opens the LUKS2 token's keyslot, by which the backup is proved. While
 * the volume key is being changed, nothing is done: call it when that is over. A backup that was
 * made with another volume key is a clone's: it stays, with a warning. The failures of
 * px_backup_take and of the store.
 */
enum px_status px_header_keep(struct px_session *session, struct px_luks *luks,
			      const struct px_secret *key) PX_MUST_CHECK;

/* The same, whatever the config says; PX_BAD_HEADER: the backup that is there is a clone's. */
enum px_status px_header_put(struct px_session *session, struct px_luks *luks,
			     const struct px_secret *key) PX_MUST_CHECK;

#endif
