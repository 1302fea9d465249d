/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_CMD_AGAIN_H
#define PXENC_CMD_AGAIN_H

#include "pxenc/cleanup.h"
#include "pxenc/luks.h"
#include "pxenc/mapping.h"
#include "pxenc/options.h"
#include "pxenc/resolve.h"
#include "pxenc/secret.h"
#include "pxenc/status.h"

/* A volume that is open, and whose key is wanted once more. */
struct px_again {
	struct px_mapping mapping;
	struct px_luks *luks; /* its header as it is now, let through */
	struct px_choice choice;
	struct px_secret *key;
};

/*
 * For the mapping in *again (px_find_volume), the rest: the same checks as when a volume is opened,
 * and one more: the header on the device is that of the mapping.
 */
enum px_status px_again_fetch(struct px_again *again, const struct px_options *options)
	PX_MUST_CHECK;

void px_again_clear(struct px_again *again);

static inline void px_again_cleanup(struct px_again *again)
{
	px_again_clear(again);
}

/* Parses the arguments of a command that takes NAME|DEVICE and -o OPTIONS. */
enum px_status px_again_parse(const char *words, int argc, char **argv, struct px_options *options,
			      const char **ret_what) PX_MUST_CHECK;

#endif
