/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_CMD_SECRET_USE_H
#define PXENC_CMD_SECRET_USE_H

#include "census.h"
#include "pxenc/session.h"

/*
 * Whether anything would be cut off without a secret, and what: the volumes of this machine whose
 * LUKS2 token names it, open or not; all that the cluster-wide key locks; the volume, wherever it
 * is, whose own key or header backup it is. Only then is somebody asked, or --force wanted: else
 * every script would say --force, and it would protect nothing.
 */

/* The words that go on "this deletes 'PATH', "; NULL: nothing is known of. full: as the store has
 * the path. PX_KERNEL, PX_NOMEM, the store's failures. */
enum px_status px_secret_use(const struct px_session *session, const char *full, char **ret_use)
	PX_MUST_CHECK;

/*
 * Before a secret is deleted since a device has no more use for it: whether another device of this
 * machine than that one (without links) has it for its key, as a clone may, or does not answer;
 * which one is said. A key that a device had before its own does not count: it opens without it,
 * and it may be the same disk by another path. census: what was seen a while ago, of which nothing
 * is looked at anew but what had this secret, and what was not there then; NULL: all is. PX_KERNEL,
 * PX_NOMEM.
 */
enum px_status px_secret_stays(const struct px_session *session, const struct px_census *census,
			       const char *full, const char *device, bool *ret_stays) PX_MUST_CHECK;

/*
 * Whether a device of this machine other than that one (without links) is a volume with this uuid,
 * as a clone is, or nobody knows: it is said, with what stays for its sake ("the header backup").
 */
enum px_status px_uuid_stays(const char *uuid, const char *device, const char *what,
			     bool *ret_stays) PX_MUST_CHECK;

/* Asks whether to do this ("this deletes") to a secret, with what px_secret_use says of it. PX_OK
 * without a question where that is nothing. PX_DECLINED. */
enum px_status px_secret_confirm(const char *doing, const char *path) PX_MUST_CHECK;

#endif
