/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_CMD_HEADER_VOLUME_H
#define PXENC_CMD_HEADER_VOLUME_H

#include "pxenc/luks.h"
#include "pxenc/session.h"

/* The key that a volume's own LUKS2 token names, fetched. PX_NO_VOLUME: it has none of ours; the
 * failures of px_unlock_key. */
enum px_status px_header_key(struct px_session *session, struct px_luks *luks,
			     struct px_secret **ret_key) PX_MUST_CHECK;

/* The same, but a secret that is gone is an answer: PX_NO_SECRET, silently. */
enum px_status px_header_key_maybe(struct px_session *session, const struct px_luks *luks,
				   struct px_secret **ret_key) PX_MUST_CHECK;

#endif
