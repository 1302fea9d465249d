/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_STORE_H
#define PXENC_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "pxenc/account.h"
#include "pxenc/config.h"
#include "pxenc/secret.h"
#include "pxenc/status.h"

/*
 * What pxenc asks of the store. One px_store is one conversation with one pxenc-fetch, which is
 * started at the first question and ended by px_store_free. No function here touches a socket.
 *
 * Paths are full paths in the store (px_path_full). All functions log the cause of a failure
 * and return: PX_UNREACHABLE (by the deadline), PX_UNAUTHENTICATED, PX_FORBIDDEN, PX_NO_SECRET,
 * PX_UNTRUSTED, PX_EXISTS, PX_USAGE (CA file, credentials), PX_NOMEM.
 */
struct px_store;

/* The config is kept by reference and must outlive the store. deadline: see clock.h; it moves on by
 * what the caller takes a second or more for between two questions. */
enum px_status px_store_new(const struct px_config *config, int64_t deadline,
			    struct px_store **ret_store) PX_MUST_CHECK;

enum px_get {
	PX_GET_RAW = 0,
	PX_GET_PASSPHRASE = 1, /* a JSON object with a member named by the path's full text or
				  last component is a Portworx-written secret: that member */
	PX_GET_MAYBE = 2,      /* PX_NO_SECRET is an answer, not an error: nothing is logged */
	PX_GET_VERDICT = 4,    /* the question is whether the store itself grants it: PX_NO_SECRET
				  and PX_FORBIDDEN are answers, and PX_UNTRUSTED where somebody
				  before it, such as a proxy, says so */
};

/*
 * From now on one of the config's URLs alone is asked, with whatever login there is. What it
 * answers without any good one is PX_UNAUTHENTICATED too: who gets that knows that it answers, over
 * TLS that was verified. Before the first question. url is kept by reference.
 */
void px_store_ask_only(struct px_store *store, const char *url);

/* The DC/OS user as whom the last question was asked; NULL: nobody. */
const char *px_store_user(const struct px_store *store);

/* how: an OR of enum px_get. */
enum px_status px_store_get(struct px_store *store, const char *path, unsigned int how,
			    struct px_secret **ret_value) PX_MUST_CHECK;

/*
 * PX_EXISTS when there is one already. When an answer got lost, the truth is settled by a GET
 * and compare, so PX_OK means that the store holds this value, and a failure other than
 * PX_UNREACHABLE that it was not created by us.
 */
enum px_status px_store_create(struct px_store *store, const char *path,
			       const struct px_secret *value) PX_MUST_CHECK;

/* Replaces the value of a secret that exists. */
enum px_status px_store_update(struct px_store *store, const char *path,
			       const struct px_secret *value) PX_MUST_CHECK;

enum px_status px_store_delete(struct px_store *store, const char *path) PX_MUST_CHECK;

/* The same, and PX_OK where there is none. */
enum px_status px_store_drop(struct px_store *store, const char *path) PX_MUST_CHECK;

/* All paths below path ("" is the top), relative to it, sorted; NULL-terminated, caller frees
 * with px_strv_free. An empty folder and none at all look the same. */
enum px_status px_store_list(struct px_store *store, const char *path, char ***ret_paths)
	PX_MUST_CHECK;

/*
 * Has pxenc-fetch take apart a JSON object of texts, wherever it came from, since no program with
 * privileges parses JSON of the network's. *ret_members (see members.h) is NULL where it is none.
 * what: for the message that it is too large (PX_UNTRUSTED).
 */
enum px_status px_store_parse(struct px_store *store, const char *what,
			      const struct px_secret *json, struct px_secret **ret_members)
	PX_MUST_CHECK;

/*
 * Logs in with an account given by hand, whatever is cached, and keeps the ACS token for this
 * cluster on tmpfs, with the base path that later commands are to use; NULL: the config's, as it
 * then is.
 */
enum px_status px_store_login(struct px_store *store, const struct px_account *account,
			      const char *base_path) PX_MUST_CHECK;

/* Forgets every ACS token of this cluster and user of the machine. *ret_any: there was one. */
enum px_status px_store_logout(const struct px_config *config, bool *ret_any) PX_MUST_CHECK;

/* The base path that a login by hand asked for, if one is in force, or one that is kept for
 * restarts: replaces config's. */
enum px_status px_store_session_base(struct px_config *config) PX_MUST_CHECK;

/* The login by hand that is in force. */
struct px_store_session {
	char *uid;	/* NULL: there is none */
	int64_t expiry; /* seconds since 1970 */
	int cache;	/* 0, or the -errno because of which ACS tokens are not kept at all */
};

/* PX_USAGE: the CA file is not fit. PX_NOMEM. The caller frees ret_session->uid. */
enum px_status px_store_session(const struct px_config *config,
				struct px_store_session *ret_session) PX_MUST_CHECK;

struct px_s3_request;

/*
 * Sends a signed request (cloud.h) to its endpoint, which is a stranger to the store: a pxenc-fetch
 * of its own asks it, which is handed no ACS token. ca_file: PEM, in the place of the system's
 * store; NULL: none. PX_OK: the keys are good. PX_UNAUTHENTICATED: they are refused. PX_FORBIDDEN:
 * they may not list. PX_NO_SECRET: there is no such bucket.
 */
enum px_status px_store_try_s3(const struct px_s3_request *request, char *ca_file, int64_t deadline)
	PX_MUST_CHECK;

void px_store_free(struct px_store **store);

static inline void px_store_cleanup(struct px_store **store)
{
	px_store_free(store);
}

#endif
