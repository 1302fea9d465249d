/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_CREDENTIALS_H
#define PXENC_CREDENTIALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pxenc/account.h"
#include "pxenc/config.h"
#include "pxenc/secret.h"
#include "pxenc/status.h"

/* Whose credentials log in when nobody did by hand: the first of these that there is. */
enum px_credentials {
	PX_CREDENTIALS_SERVICE,	 /* service_account_file */
	PX_CREDENTIALS_USER,	 /* username_file and password_file, each else from
				    DCOS_SECRETS_USERNAME and DCOS_SECRETS_PASSWORD */
	PX_CREDENTIALS_KEPT,	 /* a login that was kept for restarts; see persist.h */
	PX_CREDENTIALS_VARIABLE, /* those variables alone */
};

enum px_credentials px_credentials_which(const struct px_config *config);

/* Moves DCOS_SECRETS_PASSWORD out of the environment, where other programs could see it. Once
 * for each process; what was there stays known. PX_NOMEM. */
enum px_status px_login_hide_password(void) PX_MUST_CHECK;

/*
 * Whose credentials they are, and what their ACS token and their refusal are kept under
 * (px_acs_owner). Both are NULL where none are configured. *ret_uid is NULL for a kept login as
 * well: to decrypt it may take a TPM2 its time, so its ciphertext tells it from others. PX_USAGE:
 * a file is not fit. PX_NOMEM.
 */
enum px_status px_login_owner(const struct px_config *config, char **ret_uid, char **ret_owner)
	PX_MUST_CHECK;

/* PX_USAGE: there is none, or its file is not fit. PX_UNAUTHENTICATED: the kept login cannot be
 * decrypted. */
enum px_status px_login_account(const struct px_config *config, int64_t deadline,
				struct px_account *ret_account) PX_MUST_CHECK;

#endif
