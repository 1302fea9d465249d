/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_SESSION_H
#define PXENC_SESSION_H

#include "pxenc/config.h"
#include "pxenc/status.h"
#include "pxenc/store.h"

/* What every command that talks to the store begins with: the config, with the base path of a
 * login by hand where there is one, and the store. */
struct px_session {
	struct px_config *config;
	struct px_store *store;
};

/* The config alone, with that base path, for commands that meet the store in px_unlock. */
enum px_status px_session_config(struct px_config **ret_config) PX_MUST_CHECK;

enum px_status px_session_open(struct px_session *ret_session) PX_MUST_CHECK;

/* The full path of a secret that a person wrote. PX_USAGE says what is wrong with it. */
enum px_status px_session_path(const struct px_session *session, const char *path, char **ret_full)
	PX_MUST_CHECK;

void px_session_close(struct px_session *session);

static inline void px_session_cleanup(struct px_session *session)
{
	px_session_close(session);
}

#endif
