/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_SECRET_H
#define PXENC_SECRET_H

#include <stddef.h>
#include <stdint.h>

#include "pxenc/cleanup.h"

/*
 * The only home of key bytes: pages of their own, locked into memory, left out of core dumps
 * and not inherited by fork (the child sees zeros, but see px_secret_inherit), wiped when freed.
 * Each secret has its own pages, since munlock works on whole pages and would unlock a neighbour.
 */
struct px_secret;

/* The longest secret that the store can hold fits (1 MiB) with its frame. */
#define PX_SECRET_MAX ((size_t)1 << 21)

/*
 * An empty secret with room for capacity bytes.
 * -EINVAL: capacity is 0 or above PX_SECRET_MAX. -ENOMEM: no memory, or it cannot be locked
 * (RLIMIT_MEMLOCK): an unlocked page is not handed out instead.
 */
int px_secret_new(size_t capacity, struct px_secret **ret_secret) PX_MUST_CHECK;

/* A copy of len bytes. Wiping the source is the caller's business. Errors as px_secret_new. */
int px_secret_from(const void *data, size_t len, struct px_secret **ret_secret) PX_MUST_CHECK;

/* Appends; -ENOSPC, and nothing is changed, when it does not fit. */
int px_secret_append(struct px_secret *secret, const void *data, size_t len) PX_MUST_CHECK;

/* The bytes. Valid until the secret is freed; there is no terminating NUL. */
uint8_t *px_secret_data(struct px_secret *secret);
const uint8_t *px_secret_bytes(const struct px_secret *secret);
size_t px_secret_len(const struct px_secret *secret);
size_t px_secret_capacity(const struct px_secret *secret);

/* The secret whose px_secret_data this is: for a library that hands out the bytes alone and gets
 * them back to be freed. NULL for NULL. */
struct px_secret *px_secret_of(void *data);

/* Sets the length after bytes were written through px_secret_data; at most the capacity. */
void px_secret_set_len(struct px_secret *secret, size_t len);

/* Compares in a time that depends on the lengths alone. */
int px_secret_equal(const struct px_secret *a, const struct px_secret *b);

/*
 * Reads a descriptor to its end with read(2): stdio would keep a copy in its buffer.
 * -E2BIG: more than max bytes. Other errors are read's.
 */
int px_secret_read(int fd, size_t max, struct px_secret **ret_secret) PX_MUST_CHECK;

/* Lets the children that are forked from now on have it, who would see zeros. It is theirs until
 * they exec, and stays in memory for as long as its owner lives: a lock is not inherited. -errno.
 */
int px_secret_inherit(struct px_secret *secret) PX_MUST_CHECK;

/* Overwrites a string that the process was given (argv, environment) so that ps cannot see it. */
void px_wipe_string(char *string);

/* Wipes, unmaps and sets *secret to NULL. NULL and *secret == NULL are fine. */
void px_secret_free(struct px_secret **secret);

static inline void px_secret_cleanup(struct px_secret **secret)
{
	px_secret_free(secret);
}

#endif
