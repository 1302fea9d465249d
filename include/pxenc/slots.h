/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_SLOTS_H
#define PXENC_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pxenc/cleanup.h"

/*
 * Who may start now, when many volumes are to be unlocked. Cheap keyslots (a random key's) run on
 * each processor. Costly ones have as many places beside these, so that neither waits for the
 * other, and only as long as the memory of all that run fits into what is free: a single argon2id
 * may take a gigabyte.
 */

/* What trying a key costs. */
struct px_cost {
	uint64_t memory; /* bytes; 0 for PBKDF2 */
	bool cheap;	 /* milliseconds, and no memory worth counting */
};

struct px_slots {
	unsigned int places;	    /* of each kind: processors */
	unsigned int cheap, costly; /* that run */
	uint64_t reserved;	    /* bytes of the costly ones that run */
	uint64_t budget;	    /* bytes that were free before the first of these began */
};

/* Whether a place of its kind is free, which asks nothing of the machine. */
bool px_slots_is_free(const struct px_slots *slots, const struct px_cost *cost);

/*
 * Takes a place, if there is one. available: bytes that are free now. One that needs more than
 * there is runs alone: it could never run otherwise, and alone it is what `open` would do.
 */
bool px_slots_take(struct px_slots *slots, const struct px_cost *cost, uint64_t available);

void px_slots_give(struct px_slots *slots, const struct px_cost *cost);

/* Bytes that can be used without swapping. -errno. */
int px_memory_available(uint64_t *ret_bytes) PX_MUST_CHECK;

/* The same in the text of /proc/meminfo. -EBADMSG: it does not say. */
int px_memory_parse(const char *meminfo, uint64_t *ret_bytes) PX_MUST_CHECK;

#endif
