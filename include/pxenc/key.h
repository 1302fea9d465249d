/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_KEY_H
#define PXENC_KEY_H

#include <stdbool.h>

#include "pxenc/secret.h"
#include "pxenc/status.h"

/*
 * What a secret's value means as a passphrase.
 *
 * A generated key is text: "pxenc1:" and 86 base64url characters, 512 bits of getrandom(2).
 * It says of itself that it is random, so a cheap PBKDF is enough for it, and the header can be
 * sealed under it. Any other value is taken for a human passphrase. The whole string is the
 * passphrase, so cryptsetup opens the volume with it.
 */
#define PX_KEY_PREFIX "pxenc1:"
#define PX_KEY_GENERATED_LEN (sizeof(PX_KEY_PREFIX) - 1 + 86)

/* The longest passphrase that cryptsetup takes from a terminal. */
#define PX_KEY_MAX 512

/* A new generated key. -errno of getrandom or px_secret_new. */
int px_key_generate(struct px_secret **ret_key) PX_MUST_CHECK;

bool px_key_is_generated(const struct px_secret *key);

/*
 * A recovery key is kept by people, not by the store: 240 bits as eight groups of six characters
 * ("recover-4f2xqa-…"), none of which is mistaken for another. It does not seal, but it is random
 * as well, and says so.
 */
#define PX_KEY_RECOVERY_PREFIX "recover"
#define PX_KEY_RECOVERY_LEN (sizeof(PX_KEY_RECOVERY_PREFIX) - 1 + 8 * 7)

int px_key_generate_recovery(struct px_secret **ret_key) PX_MUST_CHECK;

/* Generated, or a recovery key: a cheap PBKDF is enough for it. */
bool px_key_is_random(const struct px_secret *key);

/* Usable to open a volume: not empty. `path` is for the message. PX_USAGE otherwise. */
enum px_status px_key_check(const struct px_secret *key, const char *path) PX_MUST_CHECK;

/*
 * Fit to lock a volume with: also no trailing newline, no NUL and at most PX_KEY_MAX bytes, so
 * that it can be typed into cryptsetup. PX_USAGE otherwise.
 */
enum px_status px_key_check_new(const struct px_secret *key, const char *path) PX_MUST_CHECK;

#endif
