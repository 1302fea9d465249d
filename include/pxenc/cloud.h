/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_CLOUD_H
#define PXENC_CLOUD_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "pxenc/secret.h"

/*
 * Cloud credentials: a JSON object of texts in the store, at credentials/NAME under the base path.
 *
 *   {"provider":"s3","s3-access-key":"…","s3-secret-key":"…","s3-endpoint":"minio:9000"}
 *
 * Its members have the names of the options of `credentials create`, which are pxctl's; here they
 * come in members.h's form. Nothing here does I/O. Functions return 0 or -errno.
 */
#define PX_CLOUD_FOLDER "credentials"

enum px_cloud_field {
	PX_CLOUD_PROVIDER,
	PX_CLOUD_S3_ACCESS_KEY,
	PX_CLOUD_S3_SECRET_KEY,
	PX_CLOUD_S3_REGION,
	PX_CLOUD_S3_ENDPOINT,
	PX_CLOUD_S3_DISABLE_SSL,
	PX_CLOUD_S3_STORAGE_CLASS,
	PX_CLOUD_DISABLE_PATH_STYLE,
	PX_CLOUD_USE_IAM,
	PX_CLOUD_BUCKET,
	PX_CLOUD_AZURE_ACCOUNT_NAME,
	PX_CLOUD_AZURE_ACCOUNT_KEY,
	PX_CLOUD_GOOGLE_PROJECT_ID,
	PX_CLOUD_GOOGLE_JSON_KEY,
	PX_CLOUD_ENCRYPTION_PASSPHRASE,
	PX_CLOUD_FIELDS, /* how many there are */
};

const char *px_cloud_name(enum px_cloud_field field);

/* Never to be shown. */
bool px_cloud_is_secret(enum px_cloud_field field);

/* Present, with the value "true", or absent. */
bool px_cloud_is_flag(enum px_cloud_field field);

/* NULL: they have none. */
const char *px_cloud_get(const struct px_secret *members, enum px_cloud_field field);

/* Whether their provider is the one of that name. */
bool px_cloud_is_of(const struct px_secret *members, const char *provider);

/* What names them to a person: access key, account or project. NULL: none. */
const char *px_cloud_account(const struct px_secret *members);

/*
 * Whether they are complete and each member has the form that it should. -EINVAL: fault says what
 * is wrong, and never quotes a value.
 */
#define PX_CLOUD_FAULT_SIZE 160
int px_cloud_check(const struct px_secret *members, char fault[PX_CLOUD_FAULT_SIZE]) PX_MUST_CHECK;

/* The same for the members of Google's JSON key, of a service account. */
int px_cloud_check_google(const struct px_secret *key, char fault[PX_CLOUD_FAULT_SIZE])
	PX_MUST_CHECK;

/* The JSON object. */
int px_cloud_json(const struct px_secret *members, struct px_secret **ret_json) PX_MUST_CHECK;

/*
 * The environment of a command that is to use them: "NAME=value", each with a NUL at its end.
 * key_file: where Google's JSON key can be read.
 */
int px_cloud_environment(const struct px_secret *members, const char *key_file,
			 struct px_secret **ret_variables) PX_MUST_CHECK;

/* Whether a variable ("NAME=value") that the command would inherit is about the same, so that it
 * must go: a session token, say, that belongs to other keys. */
bool px_cloud_replaces(const struct px_secret *members, const char *variable);

/* A signed request that shows whether keys of S3 are good. Strings are owned. */
struct px_s3_request {
	char *url;	/* scheme, host and port */
	char *target;	/* path and query */
	char **headers; /* "Name: value"; NULL-terminated */
};

/* -EIO: libcrypto fails. They have been checked, and are of S3, with keys. */
int px_s3_request(const struct px_secret *members, time_t when, struct px_s3_request *ret_request)
	PX_MUST_CHECK;

void px_s3_request_clear(struct px_s3_request *request);

static inline void px_s3_request_cleanup(struct px_s3_request *request)
{
	px_s3_request_clear(request);
}

#endif
