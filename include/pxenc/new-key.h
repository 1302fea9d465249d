/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_NEW_KEY_H
#define PXENC_NEW_KEY_H

#include <stdbool.h>

#include "pxenc/resolve.h"
#include "pxenc/session.h"

/* The key that a volume is about to be locked with: at format, enroll and rotate. */

/* What the command line says of it; nothing: the cluster key if one is set, else a generated one.
 */
struct px_new_key_args {
	const char *secret; /* --secret PATH */
	bool cluster_key, generate;
};

struct px_new_key {
	struct px_choice choice; /* where it lies, or is to lie */
	struct px_secret *key;
	bool generated; /* by us, just now: the store does not have it yet */
	bool stored;	/* and now it has, or may have */
};

/* Rows of a command's table of long options, whose values px_new_key_option takes: whether c is one
 * of them. */
/* clang-format off */
#define PX_NEW_KEY_OPTIONS \
	{ "secret", required_argument, NULL, 's' }, \
	{ "cluster-key", no_argument, NULL, 'k' }, \
	{ "generate", no_argument, NULL, 'g' }
/* clang-format on */

bool px_new_key_option(struct px_new_key_args *args, int c);

/* PX_USAGE: more than one was given. */
enum px_status px_new_key_check(const struct px_new_key_args *args) PX_MUST_CHECK;

/* A volume's own keys go with it, so none may lock another one. relative: a path below the base
 * path; uuid: of the volume that it is to lock, NULL: of any. PX_USAGE, PX_NOMEM. */
enum px_status px_new_key_check_path(const char *relative, const char *uuid) PX_MUST_CHECK;

/*
 * Decides which key it is, by px_new_key_check_path. One that is in the store is fetched and
 * checked; one that is generated gets the first path of volumes/UUID/1, volumes/UUID/2, … that is
 * free, and changes nothing yet; it comes after that of the present key, if that is such a one
 * (relative, or NULL): the path of a key that is gone, which an old snapshot may name, is not used
 * again.
 */
enum px_status px_new_key_choose(struct px_session *session, const struct px_new_key_args *args,
				 const char *uuid, const char *present, struct px_new_key *ret_key)
	PX_MUST_CHECK;

/* A generated key alone, for whatever place. PX_KERNEL, PX_NOMEM. */
enum px_status px_new_key_generate(struct px_secret **ret_key) PX_MUST_CHECK;

/*
 * Puts a generated key into the store and reads it back: a store that says yes and keeps nothing
 * would cost the volume at its first close. Any other key is there: PX_OK.
 */
enum px_status px_new_key_store(struct px_session *session, struct px_new_key *key) PX_MUST_CHECK;

/* Deletes what px_new_key_store created, or may have: a key that locks nothing would lie there for
 * ever. px_store_get's and px_store_delete's statuses: it may still be there. */
enum px_status px_new_key_take_back(struct px_session *session, struct px_new_key *key)
	PX_MUST_CHECK;

/* Whether this relative path is that of a key that pxenc generated for this volume. */
bool px_new_key_is_own(const char *relative, const char *uuid);

void px_new_key_clear(struct px_new_key *key);

static inline void px_new_key_cleanup(struct px_new_key *key)
{
	px_new_key_clear(key);
}

#endif
