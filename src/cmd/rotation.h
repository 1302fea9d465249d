/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_CMD_ROTATION_H
#define PXENC_CMD_ROTATION_H

#include "census.h"
#include "pxenc/luks.h"
#include "pxenc/new-key.h"

/*
 * The key of a volume gives way to another. At no instant is the volume without a key that its
 * LUKS2 token names and that the store has:
 *
 *   intend   the token says which keyslot and secret are to come          "next"
 *   store    the new key lies at a new path, and was read back
 *   add      the new keyslot
 *   prove    the new key opens it
 *   commit   one write of the token: the new keyslot, secret and seal    "old"
 *   clean    the old keyslot is destroyed, then the old secret, if it was the volume's own, and no
 *            other device of this machine has it
 *
 * What was interrupted before the commit is gone on with or undone, after it finished. A keyslot
 * is only destroyed when it is known to be ours, by its key or its salt: somebody may have put one
 * of his own there meanwhile.
 */
struct px_rotation {
	const char *device; /* as the user named it, for messages */
	struct px_luks *luks;
	struct px_session *session;
	struct px_secret *key; /* that opens the volume now, its seal verified */
	struct px_secret *volume_key;
	bool keep_old;			/* the old secret stays in the store, for snapshots */
	const struct px_census *census; /* of this machine's devices; NULL: none was taken */
};

/* Finishes or undoes what an interrupted rotation left. *ret_done: it was finished, so the volume
 * has a new key. */
enum px_status px_rotation_recover(struct px_rotation *rotation, bool *ret_done) PX_MUST_CHECK;

/* Changes the key to `to`, which px_new_key_choose chose. After a failure before the commit, the
 * volume is as it was. */
enum px_status px_rotation_run(struct px_rotation *rotation, struct px_new_key *to) PX_MUST_CHECK;

#endif
