/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_CMD_ERASE_STORE_H
#define PXENC_CMD_ERASE_STORE_H

#include <stdbool.h>

#include "pxenc/luks.h"
#include "pxenc/session.h"

/*
 * What leaves the store with an erased volume. A uuid proves nothing, since snapshots and clones
 * have the same one and anybody can edit it: so only what the volume proves to be its own is
 * deleted, and all else below volumes/UUID is left and named.
 */
struct px_erasure {
	const char *device;    /* without links */
	const char *uuid;      /* that the header says */
	uint64_t generation;   /* likewise */
	struct px_luks *luks;  /* NULL: the header is broken, or refused */
	struct px_secret *key; /* that its LUKS2 token names; NULL: it is gone, or was not had */
	struct px_secret *volume_key; /* NULL: the key does not open the keyslot (any more) */
	bool sealed;		      /* the header has the seal that the key makes */
	const char *other; /* path of the other key, proved, of a rotation that is not done; NULL */
	struct px_secret *other_key;
};

/*
 * Fetches the keys and tries them; to be called while the keyslots are there. A missing secret is
 * no failure, since an erase that was interrupted may have deleted it. fd: the device's.
 */
enum px_status px_erasure_prove(struct px_erasure *erasure, struct px_session *session, int fd)
	PX_MUST_CHECK;

/* The header names a key of its own, which says that the header is not what it was locked with; or
 * there is no header that could name one. */
bool px_erasure_is_doubtful(const struct px_erasure *erasure);

/* Deletes the other key of the rotation: while the keyslots are there, since they prove the most.
 */
enum px_status px_erasure_drop_other(const struct px_erasure *erasure, struct px_session *session)
	PX_MUST_CHECK;

/* Deletes the header's backup, then the present key; neither if another volume of this machine has
 * that key, and not the backup if another has that uuid or it is newer than the volume's header. */
enum px_status px_erasure_drop(const struct px_erasure *erasure, struct px_session *session)
	PX_MUST_CHECK;

/* What is there below volumes/UUID, "volumes/UUID/1, volumes/UUID/header"; NULL: nothing. */
enum px_status px_erasure_left(const struct px_erasure *erasure, struct px_session *session,
			       char **ret_left) PX_MUST_CHECK;

void px_erasure_clear(struct px_erasure *erasure);

#endif
