/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_DCOS_H
#define PXENC_DCOS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pxenc/json-text.h"
#include "pxenc/route.h"

/*
 * The part of DC/OS that pxenc-fetch speaks: IAM's login and Secrets, as their specifications
 * (ent-iam.yaml, secrets.yaml of DC/OS 2.2) and the real clients have them.
 */

/* What logs in: an ACS token that another process got meanwhile, or a name and what proves it. */
struct px_credentials {
	struct px_secret *acs; /* or NULL, and then the name is there and one of the others */
	char *uid;
	struct px_secret *password;
	struct px_secret *service; /* a service account's login token, in the password's place */
};

void px_credentials_clear(struct px_credentials *credentials);

static inline void px_credentials_cleanup(struct px_credentials *credentials)
{
	px_credentials_clear(credentials);
}

/* Who has the credentials and keeps the ACS token: pxenc, at the other end of the pipe. */
struct px_keeper {
	/* Called when the store wants a login. Any status ends the request. */
	enum px_status (*want_login)(void *arg, struct px_credentials *ret_credentials,
				     struct px_cause *cause);
	/* Called with the ACS token that a login got; expiry in seconds since 1970, or 0. */
	enum px_status (*keep)(void *arg, const struct px_secret *acs, int64_t expiry,
			       struct px_cause *cause);
	void *arg;
};

struct px_dcos;

/* All is kept by reference but store, which is copied, and acs (or NULL), which is taken over. */
enum px_status px_dcos_new(struct px_route *route, const char *store, struct px_secret *acs,
			   const struct px_keeper *keeper, const struct px_listener *listener,
			   struct px_dcos **ret_dcos, struct px_cause *cause) PX_MUST_CHECK;

/* The requests of store.h, by the same names and with the same statuses. */
enum px_status px_dcos_login(struct px_dcos *dcos, struct px_cause *cause) PX_MUST_CHECK;
enum px_status px_dcos_get(struct px_dcos *dcos, const char *path, unsigned int how,
			   struct px_secret **ret_value, struct px_cause *cause) PX_MUST_CHECK;
enum px_status px_dcos_create(struct px_dcos *dcos, const char *path, const struct px_secret *value,
			      struct px_cause *cause) PX_MUST_CHECK;
enum px_status px_dcos_update(struct px_dcos *dcos, const char *path, const struct px_secret *value,
			      struct px_cause *cause) PX_MUST_CHECK;
enum px_status px_dcos_delete(struct px_dcos *dcos, const char *path, struct px_cause *cause)
	PX_MUST_CHECK;
/* *ret_list: the relative paths, each with a NUL at its end. */
enum px_status px_dcos_list(struct px_dcos *dcos, const char *path, struct px_secret **ret_list,
			    struct px_cause *cause) PX_MUST_CHECK;

void px_dcos_free(struct px_dcos **dcos);

static inline void px_dcos_cleanup(struct px_dcos **dcos)
{
	px_dcos_free(dcos);
}

/*
 * The answers' parsers: strings and lengths, no I/O. -EBADMSG for anything else than what is
 * described, NUL in a string ("\u0000") included, since a C library would cut the value there.
 */

/* {"token": "…"} of a login: printable ASCII, at most PX_ACS_MAX bytes. */
int px_dcos_parse_login(const char *json, size_t len, struct px_secret **ret_acs) PX_MUST_CHECK;

/* {"value": "…"} of a secret. */
int px_dcos_parse_value(const char *json, size_t len, struct px_secret **ret_value) PX_MUST_CHECK;

/* {"array": ["…", …]} of a list, as px_dcos_list gives it. */
int px_dcos_parse_list(const char *json, size_t len, struct px_secret **ret_list) PX_MUST_CHECK;

/*
 * A value that Portworx wrote: a JSON object with a string named by the path or its last
 * component. -ENOENT: the value is no such object.
 */
int px_dcos_parse_portworx(const char *value, size_t len, const char *path,
			   struct px_secret **ret_member) PX_MUST_CHECK;

/* A JSON object of texts alone, in members.h's form. -E2BIG: it takes more than PX_MEMBERS_MAX. */
int px_json_members(const char *json, size_t len, struct px_secret **ret_members) PX_MUST_CHECK;

/* Whether an error's body is a JSON object whose description has this text. */
bool px_dcos_error_says(const char *body, size_t len, const char *text);

/* Whether an error's body is as the API's own are: a JSON object with a title and a description. */
bool px_dcos_is_error(const char *body, size_t len);

/* The "exp" claim of a JWT, unverified: seconds since 1970, 0 when it has none that is sane. */
int64_t px_jwt_expiry(const char *jwt, size_t len);

/* A path for a URL: everything but unreserved characters and slashes as %XX. NULL: no memory. */
char *px_url_escape(const char *path);

/*
 * pxenc-fetch after its confinement: reads frames from in and answers to out, until in ends.
 * Returns the exit status. unlocked: tell pxenc that memory is not locked.
 */
int px_fetch_serve(int in, int out, bool unlocked);

/* The answer of a pxenc-fetch that could not confine itself. */
int px_fetch_refuse(int out, const char *step, int error);

#endif
