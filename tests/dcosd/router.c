/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "router.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "iam.h"
#include "jwt.h"
#include "secrets.h"
#include "util.h"

/* Where the token starts in "token=<jwt>" or "Bearer <jwt>"; NULL if it is neither. */
static const char *token_in_authorization(const char *header)
{
	static const char *const schemes[] = { "token=", "Bearer " };

	for (size_t i = 0; header && i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (!strncasecmp(header, schemes[i], strlen(schemes[i])))
			return header + strlen(schemes[i]);
	return NULL;
}

static const char *token_in_cookie(const char *header)
{
	static const char name[] = "dcos-acs-auth-cookie=";

	for (; header; header = strchr(header, ';')) {
		header += strspn(header, "; ");
		if (!strncmp(header, name, strlen(name)))
			return header + strlen(name);
	}
	return NULL;
}

static char *authenticate(const struct dcosd_cluster *cluster, const struct dcosd_request *request)
{
	DCOSD_CLEANUP_FREE char *token = NULL;
	const char *start = token_in_authorization(request->authorization);

	if (!start)
		start = token_in_cookie(request->cookie);
	if (!start)
		return NULL;
	token = dcosd_memdup(start, strcspn(start, "; "));
	return dcosd_jwt_verify(cluster->key, token);
}

static bool path_starts(const struct dcosd_request *request, const char *prefix)
{
	return !strncmp(request->path, prefix, strlen(prefix));
}

static bool is_ca_request(const struct dcosd_cluster *cluster, const struct dcosd_request *request)
{
	return cluster->ca_pem && !strcmp(request->method, "GET") &&
	       !strcmp(request->path, "/ca/dcos-ca.crt");
}

static void answer_authenticated(struct dcosd_cluster *cluster, const struct dcosd_request *request,
				 struct dcosd_answer *answer)
{
	if (path_starts(request, DCOSD_SECRETS_PREFIX))
		dcosd_secrets_answer(cluster, request, answer);
	else if (dcosd_acl_is_superuser(&cluster->acl, request->uid))
		dcosd_iam_answer(cluster, request, answer);
	else
		dcosd_answer_html(answer, 403);
}

static void answer_locked(struct dcosd_cluster *cluster, struct dcosd_request *request,
			  struct dcosd_answer *answer)
{
	if (is_ca_request(cluster, request)) {
		dcosd_answer_bytes(answer, "application/x-x509-ca-cert", cluster->ca_pem,
				   strlen(cluster->ca_pem));
		return;
	}
	if (dcosd_iam_answer_public(cluster, request, answer))
		return;
	if (!path_starts(request, DCOSD_SECRETS_PREFIX) &&
	    !path_starts(request, DCOSD_IAM_PREFIX)) {
		dcosd_answer_html(answer, 404);
		return;
	}
	request->uid = authenticate(cluster, request);
	if (request->uid)
		answer_authenticated(cluster, request, answer);
	else
		dcosd_answer_html(answer, 401);
}

void dcosd_router_answer(struct dcosd_cluster *cluster, struct dcosd_request *request,
			 struct dcosd_answer *answer)
{
	pthread_mutex_lock(&cluster->lock);
	answer_locked(cluster, request, answer);
	pthread_mutex_unlock(&cluster->lock);
	/* The IAM ends each connection: clients must not count on keep-alive. */
	if (path_starts(request, DCOSD_IAM_PREFIX))
		dcosd_answer_add_header(answer, "Connection", dcosd_strdup("close"));
}
