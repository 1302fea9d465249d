/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_RESOLVE_H
#define PXENC_RESOLVE_H

#include "pxenc/cleanup.h"
#include "pxenc/config.h"
#include "pxenc/options.h"
#include "pxenc/status.h"
#include "pxenc/store.h"
#include "pxenc/token.h"

/*
 * Which secret opens which volume: option › LUKS2 token › cluster setting in the store › config.
 *
 * The cluster setting lies at pxenc/cluster under the base path and is a path relative to it, as
 * plain text: the process with privileges parses no JSON that came over the network.
 */
#define PX_CLUSTER_SETTING "pxenc/cluster"

struct px_choice {
	char *path;	     /* full path in the store */
	char *relative;	     /* the same below the base path, as the LUKS2 token holds it */
	const char *because; /* "by the volume's LUKS2 token", for -v */
	bool named_slot;     /* the LUKS2 token's keyslot is the one that it opens */
};

/* The secret that opens a volume. token: the volume's, or NULL. PX_USAGE when nothing names one;
 * PX_BAD_HEADER, and all of px_store_get's. */
enum px_status px_resolve(const struct px_config *config, struct px_store *store,
			  const struct px_options *options, const struct px_token *token,
			  struct px_choice *ret_choice) PX_MUST_CHECK;

/* A path that a person wrote, as a choice: PX_USAGE when it is malformed or may not be a key. */
enum px_status px_resolve_path(const struct px_config *config, const char *path,
			       struct px_choice *ret_choice) PX_MUST_CHECK;

/*
 * The cluster-wide key: the setting in the store, else the config's. Only "there is none" falls
 * through; PX_NO_SECRET, silently, when neither names one.
 */
enum px_status px_resolve_cluster(const struct px_config *config, struct px_store *store,
				  struct px_choice *ret_choice) PX_MUST_CHECK;

void px_choice_clear(struct px_choice *choice);

static inline void px_choice_cleanup(struct px_choice *choice)
{
	px_choice_clear(choice);
}

#endif
