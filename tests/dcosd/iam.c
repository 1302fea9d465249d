/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "iam.h"

#include <stdlib.h>
#include <string.h>

#include "iam-acls.h"
#include "iam-login.h"
#include "json.h"
#include "uri.h"
#include "util.h"

void dcosd_iam_error(struct dcosd_answer *answer, unsigned int status, const char *title,
		     const char *description, const char *code)
{
	DCOSD_CLEANUP_FREE char *quoted = dcosd_json_quote(description);
	DCOSD_CLEANUP_FREE char *last = code ? dcosd_format(", \"code\": \"%s\"", code) : NULL;

	dcosd_answer_json(answer, status,
			  dcosd_format("{\"title\": \"%s\", \"description\": %s%s}", title, quoted,
				       last ? last : ""));
	dcosd_answer_add_header(answer, "vary", dcosd_strdup("Accept"));
	if (status == 401)
		dcosd_answer_add_header(answer, "WWW-Authenticate", dcosd_strdup("acsjwt"));
}

cJSON *dcosd_iam_body(const struct dcosd_request *request, struct dcosd_answer *answer)
{
	const char *type = request->content_type;
	cJSON *body;

	/* The IAM goes by Content-Length: a chunked body is none to it. */
	if (request->chunked || !request->body_len ||
	    dcosd_media_type_is(type, "application/x-www-form-urlencoded")) {
		dcosd_iam_error(answer, 400, "Bad Request",
				"Request has bad Content-Type or lacks JSON data", NULL);
		return NULL;
	}
	if (!dcosd_media_type_is(type, "application/json")) {
		dcosd_iam_error(answer, 415, "Unsupported media type",
				"Unexpected or undefined Content-Type", NULL);
		return NULL;
	}
	body = dcosd_json_parse(request->body, request->body_len);
	if (cJSON_IsObject(body))
		return body;
	dcosd_iam_error(answer, 400, "Bad Request", "Cannot decode JSON body", NULL);
	cJSON_Delete(body);
	return NULL;
}

static void answer_jwks(const struct dcosd_cluster *cluster, struct dcosd_answer *answer)
{
	DCOSD_CLEANUP_FREE char *n = dcosd_key_modulus(cluster->key);
	DCOSD_CLEANUP_FREE char *e = dcosd_key_exponent(cluster->key);
	cJSON *jwks = cJSON_CreateObject();
	cJSON *jwk = cJSON_CreateObject();

	cJSON_AddItemToArray(cJSON_AddArrayToObject(jwks, "keys"), jwk);
	cJSON_AddStringToObject(jwk, "kty", "RSA");
	cJSON_AddStringToObject(jwk, "use", "sig");
	cJSON_AddStringToObject(jwk, "alg", "RS256");
	cJSON_AddStringToObject(jwk, "n", n);
	cJSON_AddStringToObject(jwk, "e", e);
	dcosd_answer_json(answer, 200, dcosd_json_pretty(jwks));
}

static void answer_user(struct dcosd_cluster *cluster, const char *uid, struct dcosd_answer *answer)
{
	const struct dcosd_account *account = dcosd_account_find(cluster->accounts, uid);
	DCOSD_CLEANUP_FREE char *text = NULL;
	cJSON *user;

	if (!account) {
		text = dcosd_format("User with uid `%s` not known.", uid);
		dcosd_iam_error(answer, 400, "400 Bad Request", text, "ERR_UNKNOWN_USER_ID");
		return;
	}
	text = dcosd_format(DCOSD_IAM_PREFIX "users/%s", uid);
	user = cJSON_CreateObject();
	cJSON_AddStringToObject(user, "uid", uid);
	cJSON_AddStringToObject(user, "description", uid);
	cJSON_AddStringToObject(user, "url", text);
	cJSON_AddBoolToObject(user, "is_remote", false);
	cJSON_AddBoolToObject(user, "is_service", account->public_key != NULL);
	cJSON_AddStringToObject(user, "provider_type", "internal");
	cJSON_AddStringToObject(user, "provider_id", "");
	dcosd_answer_json(answer, 200, dcosd_json_pretty(user));
}

bool dcosd_iam_answer_public(struct dcosd_cluster *cluster, const struct dcosd_request *request,
			     struct dcosd_answer *answer)
{
	if (!strcmp(request->path, DCOSD_IAM_PREFIX "auth/login") &&
	    !strcmp(request->method, "POST"))
		dcosd_iam_login(cluster, request, answer);
	else if (!strcmp(request->path, DCOSD_IAM_PREFIX "auth/jwks") &&
		 !strcmp(request->method, "GET"))
		answer_jwks(cluster, answer);
	else
		return false;
	return true;
}

void dcosd_iam_answer(struct dcosd_cluster *cluster, const struct dcosd_request *request,
		      struct dcosd_answer *answer)
{
	DCOSD_CLEANUP_FREE char *path = dcosd_uri_decode(request->path);
	const char *rest = path ? path + strlen(DCOSD_IAM_PREFIX) : "";
	bool get = !strcmp(request->method, "GET");

	if (!strncmp(rest, "acls/", 5))
		dcosd_iam_acls(cluster, request, rest + 5, answer);
	else if (get && !strncmp(rest, "users/", 6) && !strchr(rest + 6, '/'))
		answer_user(cluster, rest + 6, answer);
	else
		dcosd_answer_html(answer, 404);
}
