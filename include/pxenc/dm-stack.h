/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_DM_STACK_H
#define PXENC_DM_STACK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "pxenc/cleanup.h"

/*
 * The mappings by which libcryptsetup writes a volume anew while it is in use: the volume's own
 * lies on an overlay, whose table has one key for what is written anew and another for the rest;
 * in between, the part that is being copied lies on the hotzone, which is the disk once more and
 * waits (is suspended) until that part is done. All return -ENOENT if there is no such mapping, or
 * device-mapper's -errno.
 */
struct px_dm_stack {
	const char *name;    /* the volume's mapping */
	const char *overlay; /* what lies below it */
	const char *hotzone;
	dev_t overlay_devno, hotzone_devno;
	dev_t disk;
	uint64_t data_offset; /* where the data begins on it, in sectors */
};

/* The part of the volume that is being copied, in sectors from its start. end 0: there is none. */
struct px_dm_hot {
	uint64_t start, end;
};

/* Whether the volume's mapping lies on its overlay. */
int px_dm_stack_is_used(const struct px_dm_stack *stack, bool *ret_used) PX_MUST_CHECK;

/* What the overlay shows to be on the hotzone. -EINVAL: its table is not libcryptsetup's. */
int px_dm_stack_hot(const struct px_dm_stack *stack, struct px_dm_hot *ret_hot) PX_MUST_CHECK;

/*
 * Gives the volume's mapping the table of its overlay, with the hot part on the disk itself, under
 * the key that it has on the hotzone: so that part must have been written. It comes to be used with
 * px_dm_resume. A key that lies in a keyring must be in the caller's. -EINVAL as above.
 */
int px_dm_stack_replace(const struct px_dm_stack *stack) PX_MUST_CHECK;

/* Ends the wait of a suspended mapping, and has one with a new table use it. Nothing is flushed. */
int px_dm_resume(const char *name) PX_MUST_CHECK;

/* Drops a table that did not come to be used. */
int px_dm_forget(const char *name) PX_MUST_CHECK;

/* Makes a mapping that is the whole device once more. */
int px_dm_alias(const char *name, const char *dm_uuid, dev_t device, uint64_t sectors)
	PX_MUST_CHECK;

#endif
