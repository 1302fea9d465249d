/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_PERSIST_H
#define PXENC_PERSIST_H

#include <stdbool.h>
#include <stdint.h>

#include "pxenc/account.h"
#include "pxenc/status.h"

/*
 * The login that is kept for restarts, as credentials of systemd's (systemd-creds(1)):
 *
 *   pxenc.login      the account as JSON (account.h), in the encrypted credential store
 *   pxenc.base_path  the base path that it came with, in the plain one; there may be none
 *
 * If systemd handed pxenc.login to the unit that we run in, decrypted, in $CREDENTIALS_DIRECTORY,
 * both are looked for there instead.
 */

/* The file that holds it; NULL: there is none that we may read. Valid until the next call. */
const char *px_persist_file(void);

/* Whether systemd handed it over, decrypted. */
bool px_persist_is_handed(void);

/* What the file holds, encrypted or not: other bytes are another login. PX_USAGE, PX_NOMEM. */
enum px_status px_persist_read(char **ret_bytes, size_t *ret_len) PX_MUST_CHECK;

/* Whether it is encrypted with the host key alone, which lies on the machine's own disk. */
bool px_persist_is_by_host_key(const char *file);

/* Its base path; NULL where it came with none, or there is no login at all. PX_USAGE, PX_NOMEM. */
enum px_status px_persist_base_path(char **ret_base) PX_MUST_CHECK;

/* Decrypts it. PX_UNAUTHENTICATED: that failed. PX_USAGE, PX_UNREACHABLE (deadline), PX_NOMEM. */
enum px_status px_persist_load(int64_t deadline, struct px_account *ret_account) PX_MUST_CHECK;

/*
 * Keeps an account, and a base path or (NULL) none, in place of what was kept before. It is
 * encrypted with a TPM2 and the host key, or the host key alone: *ret_tpm2 tells. PX_BUSY: another
 * had a credential store locked until the deadline. PX_KERNEL, PX_USAGE, PX_NOMEM.
 */
enum px_status px_persist_save(const struct px_account *account, const char *base_path,
			       int64_t deadline, bool *ret_tpm2) PX_MUST_CHECK;

/* Forgets what the credential store holds. *ret_any: there was something. PX_KERNEL. */
enum px_status px_persist_forget(bool *ret_any) PX_MUST_CHECK;

#endif
