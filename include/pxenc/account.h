/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_ACCOUNT_H
#define PXENC_ACCOUNT_H

#include <stdint.h>

#include "pxenc/secret.h"
#include "pxenc/status.h"

/*
 * A DC/OS account: a name, and what proves it. As text it is a JSON object of strings: "uid", and
 * "private_key" with "scheme", as the DC/OS CLI keeps a service account; or "password", for a
 * user. Other members may be there, such as the CLI's "login_endpoint": nothing is ever sent to an
 * address that this text names.
 */
struct px_account {
	char *uid;
	struct px_secret *password;    /* of a user; or */
	struct px_secret *private_key; /* of a service account, in PEM */
};

/* One line of text that fits a frame; PX_USAGE names `where` it came from. */
enum px_status px_account_check_uid(const char *uid, const char *where) PX_MUST_CHECK;

/* The longest text. */
#define PX_ACCOUNT_MAX 16384

/* Seconds for which a service account's login token is good: the DC/OS clients' own choice. */
#define PX_SERVICE_LIFETIME 60

/* `where` it comes from is for messages: "service_account_file '/etc/…'". PX_USAGE, PX_NOMEM. */
enum px_status px_account_parse(const struct px_secret *json, const char *where,
				struct px_account *ret_account) PX_MUST_CHECK;

/* The text of an account. 0 or -errno. */
int px_account_format(const struct px_account *account, struct px_secret **ret_json) PX_MUST_CHECK;

/* Reads a service account from a file that nobody else can read. what: "service_account_file". */
enum px_status px_account_read_service(const char *file, const char *what,
				       struct px_account *ret_account) PX_MUST_CHECK;

/*
 * Signs a service account's login token: an RS256 JWT (RFC 7519) with its uid, which expires
 * PX_SERVICE_LIFETIME after `now` (seconds since 1970). -EINVAL: the key is no RSA key in PEM, or
 * wants a passphrase. -ENOMEM, -EIO.
 */
int px_account_sign(const struct px_account *account, int64_t now, struct px_secret **ret_token)
	PX_MUST_CHECK;

void px_account_clear(struct px_account *account);

static inline void px_account_cleanup(struct px_account *account)
{
	px_account_clear(account);
}

#endif
