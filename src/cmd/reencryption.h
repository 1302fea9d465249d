/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_CMD_REENCRYPTION_H
#define PXENC_CMD_REENCRYPTION_H

#include "rotation.h"

/*
 * The volume key changes, and all data with it, under the key that the volume has. The LUKS2 token
 * says how far it is, and its seal holds all the way:
 *
 *   intend   "reencrypt"
 *   add      a keyslot with a new volume key, which the same key opens
 *   name     both keyslots in the token
 *   run      libcryptsetup writes the data anew, and drops the old volume key's keyslots at the end
 *   end      the token as before, with the new keyslot
 *
 * What was interrupted before it runs is undone; from then on, it is gone on with.
 */

/* Whether one is under way: then px_reencryption_run goes on with it, or undoes it. */
bool px_reencryption_is_open(const struct px_luks *luks);

/*
 * mapped: the volume's mapping, or NULL. force: keyslots of others may be destroyed; PX_DECLINED
 * without it, and when a signal stops it. *ret_done: false when it was undone. Afterwards the
 * loaded header is of no further use.
 */
enum px_status px_reencryption_run(struct px_rotation *rotation, const char *mapped, bool force,
				   bool *ret_done) PX_MUST_CHECK;

#endif
