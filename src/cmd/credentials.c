/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "credentials.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "pxenc/clock.h"
#include "pxenc/log.h"
#include "pxenc/path.h"

/* AWS's own name for a file of CA certificates that counts in the place of the system's. */
#define CA_VARIABLE "AWS_CA_BUNDLE"

enum px_status px_credentials_check_name(const char *name)
{
	const char *fault = strchr(name, '/') ? "it has a slash" : px_path_fault(name);

	return fault ? px_fail(PX_USAGE, "'%s' is no name of credentials: %s", name, fault) : PX_OK;
}

enum px_status px_credentials_path(const struct px_session *session, const char *name,
				   char **ret_full)
{
	px_auto(free) char *relative = NULL;
	int r;

	if (asprintf(&relative, PX_CLOUD_FOLDER "/%s", name) < 0) {
		relative = NULL;
		return px_nomem();
	}
	r = px_path_join(session->config->base_path, relative, ret_full);
	if (r == -ENOMEM)
		return px_nomem();
	return r < 0 ? px_fail(PX_USAGE, "'%s' is too long below the base path", name) : PX_OK;
}

enum px_status px_credentials_load(struct px_session *session, const char *name,
				   struct px_secret **ret_members)
{
	px_auto(secret) struct px_secret *value = NULL, *members = NULL;
	px_auto(free) char *full = NULL;
	char fault[PX_CLOUD_FAULT_SIZE];
	enum px_status st;

	st = px_credentials_path(session, name, &full);
	if (!st)
		st = px_store_get(session->store, full, PX_GET_RAW | PX_GET_MAYBE, &value);
	if (st == PX_NO_SECRET)
		return px_fail(st,
			       "there are no credentials '%s': pxenc credentials list shows what "
			       "there is",
			       full);
	if (!st)
		st = px_store_parse(session->store, full, value, &members);
	if (st)
		return st;
	if (!members)
		return px_fail(PX_UNTRUSTED,
			       "'%s' holds no credentials: it is no JSON object of "
			       "texts",
			       full);
	if (px_cloud_check(members, fault) < 0)
		return px_fail(PX_UNTRUSTED, "'%s' holds no credentials that can be used: %s", full,
			       fault);
	*ret_members = px_steal(&members);
	return PX_OK;
}

static enum px_status try_s3(const struct px_session *session, const struct px_secret *members)
{
	px_auto(s3_request) struct px_s3_request request = { .url = NULL };
	char *ca_file = getenv(CA_VARIABLE);
	int r;

	if (px_cloud_get(members, PX_CLOUD_S3_DISABLE_SSL)) {
		px_warn("s3-disable-ssl: without TLS, whoever is on the way reads and changes what "
			"goes to the endpoint");
		ca_file = NULL;
	}
	r = px_s3_request(members, time(NULL), &request);
	if (r == -ENOMEM)
		return px_nomem();
	if (r < 0)
		return px_fail(PX_KERNEL, "cannot sign a request: libcrypto fails");
	return px_store_try_s3(&request, ca_file && *ca_file ? ca_file : NULL,
			       px_deadline_in(session->config->timeout));
}

static enum px_status look_at_google(struct px_session *session, const struct px_secret *members,
				     enum px_status wrong)
{
	const char *text = px_cloud_get(members, PX_CLOUD_GOOGLE_JSON_KEY);
	px_auto(secret) struct px_secret *json = NULL, *key = NULL;
	char fault[PX_CLOUD_FAULT_SIZE];
	enum px_status st;

	if (px_secret_from(text, strlen(text), &json) < 0)
		return px_nomem();
	st = px_store_parse(session->store, "google-json-key", json, &key);
	if (st)
		return st;
	if (!key)
		return px_fail(wrong, "google-json-key is no JSON object of texts");
	return px_cloud_check_google(key, fault) < 0 ? px_fail(wrong, "%s", fault) : PX_OK;
}

enum px_status px_credentials_prove(struct px_session *session, const struct px_secret *members,
				    enum px_status wrong, bool *ret_tried)
{
	bool has_keys = px_cloud_get(members, PX_CLOUD_S3_SECRET_KEY) != NULL;

	*ret_tried = has_keys;
	if (has_keys)
		return try_s3(session, members);
	return px_cloud_is_of(members, "google") ? look_at_google(session, members, wrong) : PX_OK;
}
