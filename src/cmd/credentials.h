/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_CMD_CREDENTIALS_H
#define PXENC_CMD_CREDENTIALS_H

#include <stdbool.h>

#include "pxenc/cloud.h"
#include "pxenc/session.h"

/* What the commands on cloud credentials share. */

/* One component of a path. PX_USAGE says what is wrong with it. */
enum px_status px_credentials_check_name(const char *name) PX_MUST_CHECK;

/* Where they lie: the full path of credentials/NAME. */
enum px_status px_credentials_path(const struct px_session *session, const char *name,
				   char **ret_full) PX_MUST_CHECK;

/* Reads them. PX_UNTRUSTED: what lies there is none. */
enum px_status px_credentials_load(struct px_session *session, const char *name,
				   struct px_secret **ret_members) PX_MUST_CHECK;

/*
 * Whether they are good, as far as it can be told: keys of S3 are tried at their endpoint
 * (*ret_tried), a key of Google's is looked at. It may take the config's timeout. wrong: the
 * status of a key that is malformed.
 */
enum px_status px_credentials_prove(struct px_session *session, const struct px_secret *members,
				    enum px_status wrong, bool *ret_tried) PX_MUST_CHECK;

#endif
