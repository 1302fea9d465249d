/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "jwt.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "json.h"
#include "util.h"

char *dcosd_jwt_issue(struct dcosd_key *key, const char *uid, int64_t expiry)
{
	static const char header[] = "{\"typ\":\"JWT\",\"alg\":\"RS256\"}";
	DCOSD_CLEANUP_FREE char *quoted = dcosd_json_quote(uid);
	DCOSD_CLEANUP_FREE char *claims =
		dcosd_format("{\"uid\":%s,\"exp\":%" PRId64 "}", quoted, expiry);
	DCOSD_CLEANUP_FREE char *head = dcosd_base64url_encode(header, strlen(header));
	DCOSD_CLEANUP_FREE char *payload = dcosd_base64url_encode(claims, strlen(claims));
	DCOSD_CLEANUP_FREE char *signed_part = dcosd_format("%s.%s", head, payload);
	DCOSD_CLEANUP_FREE unsigned char *signature = NULL;
	DCOSD_CLEANUP_FREE char *tail = NULL;
	size_t len;

	signature = dcosd_key_sign(key, signed_part, strlen(signed_part), &len);
	if (!signature)
		return NULL;
	tail = dcosd_base64url_encode(signature, len);
	return dcosd_format("%s.%s", signed_part, tail);
}

static cJSON *decode_part(const char *part, size_t len)
{
	size_t json_len;
	DCOSD_CLEANUP_FREE char *json = dcosd_base64url_decode(part, len, &json_len);

	return json ? dcosd_json_parse(json, json_len) : NULL;
}

/* Asked before the signature: "none" and HS256 must not even be tried with this key. */
static bool header_is_rs256(const char *head, size_t len)
{
	DCOSD_CLEANUP_JSON cJSON *header = decode_part(head, len);
	const char *alg = dcosd_json_string(header, "alg");

	return alg && !strcmp(alg, "RS256");
}

static bool signature_is_good(struct dcosd_key *key, const char *token, const char *second_dot)
{
	const char *tail = second_dot + 1;
	size_t len;
	DCOSD_CLEANUP_FREE char *signature = dcosd_base64url_decode(tail, strlen(tail), &len);

	return signature &&
	       dcosd_key_verify(key, token, (size_t)(second_dot - token), signature, len);
}

static bool expired(const cJSON *claims)
{
	const cJSON *exp = cJSON_GetObjectItemCaseSensitive(claims, "exp");

	if (!exp)
		return false;
	return !cJSON_IsNumber(exp) || exp->valuedouble <= (double)dcosd_now();
}

char *dcosd_jwt_verify(struct dcosd_key *key, const char *token)
{
	const char *first_dot = strchr(token, '.');
	const char *second_dot = first_dot ? strchr(first_dot + 1, '.') : NULL;
	DCOSD_CLEANUP_JSON cJSON *claims = NULL;
	const char *uid;

	if (!second_dot || !header_is_rs256(token, (size_t)(first_dot - token)) ||
	    !signature_is_good(key, token, second_dot))
		return NULL;
	claims = decode_part(first_dot + 1, (size_t)(second_dot - first_dot - 1));
	uid = dcosd_json_string(claims, "uid");
	return uid && !expired(claims) ? dcosd_strdup(uid) : NULL;
}
