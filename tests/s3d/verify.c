/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "../dcosd/util.h"

#define SKEW_MAX (15 * 60)
#define ALGORITHM "AWS4-HMAC-SHA256"

/* The parts of the Authorization header: owned, "" if they are missing. */
struct claim {
	char *access_key, *day, *region, *service, *ending, *headers, *signature;
};

const char *s3d_header(const struct s3d_request *request, const char *name)
{
	for (size_t i = 0; i < request->header_count; i++)
		if (strcmp(request->headers[i].name, name) == 0)
			return request->headers[i].value;
	return "";
}

/* What lies behind BEFORE, up to one of ENDS. */
static char *part(const char *text, const char *before, const char *ends)
{
	const char *at = strstr(text, before);

	return at ? dcosd_memdup(at + strlen(before), strcspn(at + strlen(before), ends))
		  : dcosd_strdup("");
}

/* The Nth part of Credential=KEY/DAY/REGION/SERVICE/aws4_request. */
static char *scope_part(const char *credential, int n)
{
	while (n-- > 0) {
		credential += strcspn(credential, "/");
		credential += *credential == '/';
	}
	return dcosd_memdup(credential, strcspn(credential, "/"));
}

static struct claim read_claim(const char *authorization)
{
	DCOSD_CLEANUP_FREE char *credential = part(authorization, "Credential=", ", ");

	return (struct claim){
		.access_key = scope_part(credential, 0),
		.day = scope_part(credential, 1),
		.region = scope_part(credential, 2),
		.service = scope_part(credential, 3),
		.ending = scope_part(credential, 4),
		.headers = part(authorization, "SignedHeaders=", ", "),
		.signature = part(authorization, "Signature=", ", "),
	};
}

static void clear_claim(struct claim *claim)
{
	free(claim->access_key);
	free(claim->day);
	free(claim->region);
	free(claim->service);
	free(claim->ending);
	free(claim->headers);
	free(claim->signature);
}

static void hmac(const unsigned char *key, size_t key_len, const char *text, unsigned char out[32])
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = { OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 6),
				OSSL_PARAM_END };
	size_t len;

	if (!EVP_Q_mac(NULL, "HMAC", NULL, NULL, params, key, key_len, (const unsigned char *)text,
		       strlen(text), out, 32, &len) ||
	    len != 32)
		abort();
}

static char *hex(const unsigned char bytes[32])
{
	char *text = dcosd_alloc(65);

	for (int i = 0; i < 32; i++)
		sprintf(text + 2L * i, "%02x", bytes[i]);
	return text;
}

static char *sha256(const char *text)
{
	unsigned char hash[32];

	if (!EVP_Q_digest(NULL, "SHA256", NULL, text, strlen(text), hash, NULL))
		abort();
	return hex(hash);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The query as it came, sorted, and a name without "=" given one. */
static char *canonical_query(const char *query)
{
	DCOSD_CLEANUP_FREE char *copy = dcosd_strdup(query);
	char *parts[32], *joined = dcosd_strdup(""), *rest = copy, *one;
	size_t count = 0;

	while ((one = strsep(&rest, "&")) && count < 32)
		if (*one)
			parts[count++] = one;
	qsort(parts, count, sizeof(*parts), compare);
	for (size_t i = 0; i < count; i++) {
		char *longer = dcosd_format("%s%s%s%s", joined, i ? "&" : "", parts[i],
					    strchr(parts[i], '=') ? "" : "=");

		free(joined);
		joined = longer;
	}
	return joined;
}

/* Those that the claim lists, in its order, which must be that of the alphabet. */
static char *canonical_headers(const struct s3d_request *request, const char *list)
{
	DCOSD_CLEANUP_FREE char *copy = dcosd_strdup(list);
	char *lines = dcosd_strdup(""), *rest = copy, *name, *last = NULL;

	while ((name = strsep(&rest, ";"))) {
		char *longer = dcosd_format("%s%s:%s\n", lines, name, s3d_header(request, name));

		free(lines);
		lines = longer;
		if (last && strcmp(last, name) >= 0)
			*lines = '\0';
		last = name;
	}
	return lines;
}

static char *canonical_request(const struct s3d_request *request, const struct claim *claim)
{
	const char *question = strchrnul(request->target, '?');
	DCOSD_CLEANUP_FREE char *path =
		dcosd_memdup(request->target, (size_t)(question - request->target));
	DCOSD_CLEANUP_FREE char *query = canonical_query(*question ? question + 1 : "");
	DCOSD_CLEANUP_FREE char *headers = canonical_headers(request, claim->headers);

	return dcosd_format("%s\n%s\n%s\n%s\n%s\n%s", request->method, path, query, headers,
			    claim->headers, s3d_header(request, "x-amz-content-sha256"));
}

/* The signature that the request should have. */
static char *sign(const struct s3d_request *request, const struct claim *claim, const char *secret)
{
	DCOSD_CLEANUP_FREE char *canonical = canonical_request(request, claim);
	DCOSD_CLEANUP_FREE char *hash = sha256(canonical);
	DCOSD_CLEANUP_FREE char *text = dcosd_format(ALGORITHM "\n%s\n%s/%s/%s/aws4_request\n%s",
						     s3d_header(request, "x-amz-date"), claim->day,
						     claim->region, claim->service, hash);
	DCOSD_CLEANUP_FREE char *first = dcosd_format("AWS4%s", secret);
	unsigned char day[32], region[32], service[32], key[32], signature[32];

	hmac((const unsigned char *)first, strlen(first), claim->day, day);
	hmac(day, 32, claim->region, region);
	hmac(region, 32, claim->service, service);
	hmac(service, 32, "aws4_request", key);
	hmac(key, 32, text, signature);
	return hex(signature);
}

/* Whether the time in the header is near enough, and on the claim's day. */
static int is_in_time(const char *date, const char *day, time_t now)
{
	struct tm utc = { 0 };
	const char *end = strptime(date, "%Y%m%dT%H%M%SZ", &utc);
	double skew;

	if (!end || *end || strncmp(date, day, 8) != 0)
		return 0;
	skew = difftime(timegm(&utc), now);
	return skew < SKEW_MAX && skew > -SKEW_MAX;
}

static int signs_enough(const char *headers)
{
	DCOSD_CLEANUP_FREE char *list = dcosd_format(";%s;", headers);

	return strstr(list, ";host;") && strstr(list, ";x-amz-date;") &&
	       strstr(list, ";x-amz-content-sha256;");
}

char *s3d_access_key(const struct s3d_request *request)
{
	struct claim claim = read_claim(s3d_header(request, "authorization"));
	char *key = dcosd_strdup(claim.access_key);

	clear_claim(&claim);
	return key;
}

static const char *judge(const struct s3d_request *request, const struct claim *claim,
			 const char *secret, const char *region, time_t now)
{
	DCOSD_CLEANUP_FREE char *wanted = NULL;
	const char *authorization = s3d_header(request, "authorization");

	if (strncmp(authorization, ALGORITHM " ", strlen(ALGORITHM) + 1) != 0 ||
	    strcmp(claim->ending, "aws4_request") != 0 || strcmp(claim->service, "s3") != 0 ||
	    strcmp(claim->region, region) != 0 || !signs_enough(claim->headers))
		return "AuthorizationHeaderMalformed";
	if (!is_in_time(s3d_header(request, "x-amz-date"), claim->day, now))
		return "RequestTimeTooSkewed";
	wanted = sign(request, claim, secret);
	return strcmp(wanted, claim->signature) == 0 ? NULL : "SignatureDoesNotMatch";
}

const char *s3d_verify(const struct s3d_request *request, const char *secret, const char *region,
		       time_t now)
{
	struct claim claim = read_claim(s3d_header(request, "authorization"));
	const char *code = judge(request, &claim, secret, region, now);

	clear_claim(&claim);
	return code;
}
