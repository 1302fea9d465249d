/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_STORE_CREDSTORE_H
#define PXENC_STORE_CREDSTORE_H

#include <stdbool.h>
#include <stdint.h>

#include "pxenc/cleanup.h"
#include "pxenc/secret.h"
#include "pxenc/status.h"

/*
 * systemd's credential stores on this machine: the encrypted one has the login that is kept, the
 * plain one its base path. Both change together or not at all, whoever else is at it and whatever
 * fails.
 */
#define PX_CREDSTORE_LOGIN "pxenc.login"
#define PX_CREDSTORE_BASE "pxenc.base_path"

/*
 * Puts a login, encrypted, and its base path or (NULL) none in place of what was there. PX_BUSY:
 * another had a store locked until the deadline. PX_KERNEL, PX_USAGE.
 */
enum px_status px_credstore_put(const char *base_path, const struct px_secret *ciphertext,
				int64_t deadline) PX_MUST_CHECK;

/* Removes both. *ret_any: there was a login. -errno. */
int px_credstore_forget(bool *ret_any) PX_MUST_CHECK;

#endif
