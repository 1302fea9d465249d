/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_UNLOCK_H
#define PXENC_UNLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "pxenc/cleanup.h"
#include "pxenc/config.h"
#include "pxenc/luks.h"
#include "pxenc/options.h"
#include "pxenc/resolve.h"
#include "pxenc/status.h"
#include "pxenc/store.h"

struct px_unlocked {
	char *name;   /* of the mapping; NULL after a test */
	bool created; /* by us; else it was there already, on this very device */
};

/*
 * Opens the volume on device: the story of the design, from the header to the mapping. config NULL:
 * that of the session, as it is when the store is to be asked. test: proves the key and makes no
 * mapping (no device-mapper is needed, and a plain file will do). *ret_unlocked must be zeroed; it
 * names nothing after a failure.
 */
enum px_status px_unlock(const char *device, const struct px_config *config,
			 const struct px_options *options, bool test,
			 struct px_unlocked *ret_unlocked) PX_MUST_CHECK;

/* Where the key of a loaded volume comes from. A failure has been logged. */
struct px_key_source {
	enum px_status (*get)(void *arg, struct px_luks *luks, struct px_choice *ret_choice,
			      struct px_secret **ret_key);
	void *arg;
};

/* The same with a key from elsewhere than the store, for who has fetched many at once. */
enum px_status px_unlock_with(const char *device, const struct px_options *options, bool test,
			      const struct px_key_source *source, struct px_unlocked *ret_unlocked)
	PX_MUST_CHECK;

/* The deadline of a command's questions to the store, by option or config. */
int64_t px_unlock_deadline(const struct px_config *config, const struct px_options *options);

/* The value of the secret at a full path, if it can be a key. */
enum px_status px_unlock_fetch(struct px_store *store, const char *path, struct px_secret **ret_key)
	PX_MUST_CHECK;

/*
 * Resolve and fetch alone: which secret opens a loaded volume, and its value. The seal is still to
 * be verified (px_luks_verify_seal) before the key is used.
 */
enum px_status px_unlock_key(struct px_luks *luks, const struct px_config *config,
			     struct px_store *store, const struct px_options *options,
			     struct px_choice *ret_choice, struct px_secret **ret_key)
	PX_MUST_CHECK;

void px_unlocked_clear(struct px_unlocked *unlocked);

static inline void px_unlocked_cleanup(struct px_unlocked *unlocked)
{
	px_unlocked_clear(unlocked);
}

#endif
