/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_VOLUME_DM_PRIVATE_H
#define PXENC_VOLUME_DM_PRIVATE_H

#include <libdevmapper.h>

#include "pxenc/cleanup.h"

/* What the parts of dm.h share. Nobody else includes this. */

/* Runs work with libdevmapper silent, if it may be asked at all; its result, or -errno. */
int px_dm_quietly(int (*work)(const char *name, void *arg), const char *name, void *arg)
	PX_MUST_CHECK;

/* Runs a task that is complete. -ENOENT: there is no such mapping; other -errno. */
int px_dm_run(struct dm_task *task) PX_MUST_CHECK;

#endif
