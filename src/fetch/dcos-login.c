/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>
#include <string.h>

#include "answer.h"
#include "dcos-private.h"
#include "pxenc/clock.h"

#define LOGIN_ANSWER_MAX 65536

/* A stale session, a stale cached ACS token, then a login: no request asks more often. */
#define LOGINS_MAX 3

void px_credentials_clear(struct px_credentials *credentials)
{
	px_secret_free(&credentials->acs);
	px_secret_free(&credentials->password);
	px_secret_free(&credentials->service);
	free(credentials->uid);
	credentials->uid = NULL;
}

/* A refusal to log in is no verdict on any secret, so it is never PX_FORBIDDEN; and only the store
 * itself refuses credentials. */
static enum px_status read_login(const struct px_http_answer *answer, const char *uid,
				 struct px_secret **ret_acs, struct px_cause *cause)
{
	int r;

	if (answer->code == 401)
		return px_cause_set(cause, PX_UNAUTHENTICATED,
				    "the store refuses the login of '%s' (401)", uid);
	if (px_answer_is_foreign(answer))
		return px_cause_set(cause, PX_UNTRUSTED,
				    "the answer to the login is a %u that is not the store's own: "
				    "see what stands before cluster_url",
				    answer->code);
	if (answer->code == 403)
		return px_cause_set(cause, PX_UNAUTHENTICATED,
				    "the store does not let '%s' log in (403)", uid);
	if (answer->code != 200)
		return px_answer_unexpected(answer, "the login", cause);
	r = px_answer_has_type(answer, PX_JSON_TYPE)
		    ? px_dcos_parse_login(px_answer_text(answer), px_answer_len(answer), ret_acs)
		    : -ENOENT;
	return r < 0 ? px_answer_not_parsed(r, "the login", cause) : PX_OK;
}

/* {"uid": "…", "password": "…"}, or "token" for a service account. What is no text cannot be said
 * in JSON. */
static enum px_status make_login(const struct px_credentials *credentials,
				 struct px_secret **ret_body, struct px_cause *cause)
{
	const char *name = credentials->service ? "token" : "password";
	const struct px_secret *proof =
		credentials->service ? credentials->service : credentials->password;
	const struct px_json_pair pairs[] = {
		{ "uid", credentials->uid, strlen(credentials->uid) },
		{ name, px_secret_bytes(proof), px_secret_len(proof) },
	};

	if (!px_json_is_text(pairs[0].text, pairs[0].len) ||
	    !px_json_is_text(pairs[1].text, pairs[1].len))
		return px_cause_set(cause, PX_USAGE,
				    "the user name and password must be UTF-8 text");
	return px_json_object(pairs, 2, ret_body) < 0 ? px_cause_nomem(cause) : PX_OK;
}

/* *ret_expired: what a service account signed had expired before the store could be reached. */
static enum px_status log_in(struct px_dcos *dcos, const struct px_credentials *credentials,
			     bool *ret_expired, struct px_cause *cause)
{
	px_auto(http_answer) struct px_http_answer answer = { .code = 0 };
	px_auto(secret) struct px_secret *body = NULL;
	struct px_http_request request = {
		.method = "POST",
		.target = "/acs/api/v1/auth/login",
		.accept = PX_JSON_TYPE,
		.content_type = PX_JSON_TYPE,
		.answer_max = LOGIN_ANSWER_MAX,
		.doing = "logging in",
		.good_until = credentials->service ? px_now_ms() + PX_SERVICE_USE_MS : 0,
	};
	enum px_status st;
	bool lost;

	st = make_login(credentials, &body, cause);
	if (st)
		return st;
	request.body = body;
	st = px_route_ask(dcos->route, &request, &answer, &lost, cause);
	*ret_expired = st == PX_UNREACHABLE && px_route_has_expired(dcos->route);
	if (st)
		return st;
	st = read_login(&answer, credentials->uid, &dcos->acs, cause);
	if (st)
		return st;
	px_dcos_note_time(dcos, "login", &answer);
	dcos->logged_in = true;
	return dcos->keeper->keep(
		dcos->keeper->arg, dcos->acs,
		px_jwt_expiry((const char *)px_secret_bytes(dcos->acs), px_secret_len(dcos->acs)),
		cause);
}

/* An ACS token that the keeper found, or a login with what it gave. */
static enum px_status ask_keeper(struct px_dcos *dcos, bool *ret_expired, struct px_cause *cause)
{
	px_auto(credentials) struct px_credentials credentials = { .acs = NULL };
	enum px_status st;

	*ret_expired = false;
	st = dcos->keeper->want_login(dcos->keeper->arg, &credentials, cause);
	if (st)
		return st;
	if (!credentials.acs)
		return log_in(dcos, &credentials, ret_expired, cause);
	dcos->acs = px_steal(&credentials.acs);
	return PX_OK;
}

/* Gets an ACS token. While the store cannot be reached, this is one login, however often it has to
 * be signed anew. */
static enum px_status authenticate(struct px_dcos *dcos, struct px_cause *cause)
{
	enum px_status st;
	bool expired;

	if (dcos->logged_in)
		return px_cause_set(cause, PX_UNAUTHENTICATED,
				    "the store refuses the ACS token that it just gave (401): "
				    "check the clocks of the cluster's masters");
	if (dcos->asked++ >= LOGINS_MAX)
		return px_cause_set(
			cause, PX_UNAUTHENTICATED,
			"the store refuses one ACS token after the other (401), those "
			"of other processes: check the clocks of the cluster's masters");
	do
		st = ask_keeper(dcos, &expired, cause);
	while (expired);
	return st;
}

enum px_status px_dcos_call(struct px_dcos *dcos, struct px_http_request *request,
			    struct px_http_answer *ret_answer, bool *ret_lost,
			    struct px_cause *cause)
{
	*ret_lost = false;
	for (;;) {
		enum px_status st;
		bool lost;

		if (!dcos->acs) {
			st = authenticate(dcos, cause);
			if (st)
				return st;
		}
		request->acs = dcos->acs;
		px_http_answer_clear(ret_answer);
		st = px_route_ask(dcos->route, request, ret_answer, &lost, cause);
		*ret_lost = *ret_lost || lost;
		if (st || ret_answer->code != 401)
			return st;
		px_secret_free(&dcos->acs);
	}
}

void px_dcos_begin(struct px_dcos *dcos)
{
	dcos->asked = 0;
	dcos->logged_in = false;
}

enum px_status px_dcos_login(struct px_dcos *dcos, struct px_cause *cause)
{
	px_dcos_begin(dcos);
	px_secret_free(&dcos->acs);
	return authenticate(dcos, cause);
}
