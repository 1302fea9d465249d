/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/dcos.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "pxenc/clock.h"
#include "pxenc/path.h"
#include "pxenc/store.h"

#define LOGIN_ANSWER_MAX 65536
#define ANSWER_MAX PX_SECRET_MAX
#define JSON_TYPE "application/json"
#define BINARY_TYPE "application/octet-stream"

/* A stale session, a stale cached ACS token, then a login: no request asks more often. */
#define LOGINS_MAX 3

struct px_dcos {
	struct px_route *route;
	char *store;
	struct px_secret *acs; /* NULL: none, or rejected */
	const struct px_keeper *keeper;
	const struct px_listener *listener;
	unsigned int asked; /* for credentials, in this request */
	bool logged_in;	    /* with credentials, in this request */
};

void px_credentials_clear(struct px_credentials *credentials)
{
	px_secret_free(&credentials->acs);
	px_secret_free(&credentials->password);
	px_secret_free(&credentials->service);
	free(credentials->uid);
	credentials->uid = NULL;
}

enum px_status px_dcos_new(struct px_route *route, const char *store, struct px_secret *acs,
			   const struct px_keeper *keeper, const struct px_listener *listener,
			   struct px_dcos **ret_dcos, struct px_cause *cause)
{
	struct px_dcos *dcos = calloc(1, sizeof(*dcos));
	char *copy = strdup(store);

	if (!dcos || !copy) {
		free(dcos);
		free(copy);
		return px_cause_nomem(cause);
	}
	*dcos = (struct px_dcos){
		.route = route, .store = copy, .acs = acs, .keeper = keeper, .listener = listener
	};
	*ret_dcos = dcos;
	return PX_OK;
}

void px_dcos_free(struct px_dcos **dcos)
{
	if (!dcos || !*dcos)
		return;
	px_secret_free(&(*dcos)->acs);
	free((*dcos)->store);
	free(*dcos);
	*dcos = NULL;
}

static void note_time(const struct px_dcos *dcos, const char *stage,
		      const struct px_http_answer *answer)
{
	px_listener_note(dcos->listener, PX_NOTE_DONE, "%s: %.1f ms", stage,
			 (double)answer->total_us / 1000);
}

static const char *body_of(const struct px_http_answer *answer)
{
	return answer->body ? (const char *)px_secret_bytes(answer->body) : "";
}

static size_t body_len(const struct px_http_answer *answer)
{
	return answer->body ? px_secret_len(answer->body) : 0;
}

/* The media type without its parameters. */
static bool has_type(const struct px_http_answer *answer, const char *type)
{
	size_t len = strcspn(answer->content_type, "; \t");

	return len == strlen(type) && strncasecmp(answer->content_type, type, len) == 0;
}

/* What a parser's -errno means for its caller. */
static enum px_status not_parsed(int r, const char *what, struct px_cause *cause)
{
	if (r == -ENOMEM)
		return px_cause_nomem(cause);
	return px_cause_set(cause, PX_UNTRUSTED, "the store's answer to %s cannot be trusted: %s",
			    what, r == -ENOENT ? "it has the wrong type" : "it is malformed");
}

/* Codes that no operation expects. */
static enum px_status unexpected(const struct px_http_answer *answer, const char *what,
				 struct px_cause *cause)
{
	if (answer->code >= 300 && answer->code < 400)
		return px_cause_set(cause, PX_UNTRUSTED,
				    "redirect refused: the answer to %s is %u: set cluster_url to "
				    "the address that it leads to",
				    what, answer->code);
	return px_cause_set(cause, PX_UNTRUSTED, "the store's answer to %s is %u, unexpectedly",
			    what, answer->code);
}

/* A refusal that the API did not write: Admin Router's, or some proxy's. */
static bool is_foreign(const struct px_http_answer *answer)
{
	return (answer->code == 403 || answer->code == 404) &&
	       !(has_type(answer, JSON_TYPE) &&
		 px_dcos_is_error(body_of(answer), body_len(answer)));
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
	if (is_foreign(answer))
		return px_cause_set(cause, PX_UNTRUSTED,
				    "the answer to the login is a %u that is not the store's own: "
				    "see what stands before cluster_url",
				    answer->code);
	if (answer->code == 403)
		return px_cause_set(cause, PX_UNAUTHENTICATED,
				    "the store does not let '%s' log in (403)", uid);
	if (answer->code != 200)
		return unexpected(answer, "the login", cause);
	r = has_type(answer, JSON_TYPE)
		    ? px_dcos_parse_login(body_of(answer), body_len(answer), ret_acs)
		    : -ENOENT;
	return r < 0 ? not_parsed(r, "the login", cause) : PX_OK;
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
		.accept = JSON_TYPE,
		.content_type = JSON_TYPE,
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
	note_time(dcos, "login", &answer);
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

	if (dcos->logged_in || dcos->asked++ >= LOGINS_MAX)
		return px_cause_set(cause, PX_UNAUTHENTICATED,
				    "the store refuses the ACS token that it just gave (401): "
				    "check the clocks of the cluster's masters");
	do
		st = ask_keeper(dcos, &expired, cause);
	while (expired);
	return st;
}

/* Asks with an ACS token, and once more with a newer one after a 401. */
static enum px_status call(struct px_dcos *dcos, struct px_http_request *request,
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

static void begin(struct px_dcos *dcos)
{
	dcos->asked = 0;
	dcos->logged_in = false;
}

/* The codes that every operation on a secret shares. */
static enum px_status refused(const struct px_dcos *dcos, const struct px_http_answer *answer,
			      const char *path, const char *doing, struct px_cause *cause)
{
	switch (answer->code) {
	case 403:
		return px_cause_set(cause, PX_FORBIDDEN, "the store refuses access to '%s' (403)",
				    path);
	case 404:
		if (px_dcos_error_says(body_of(answer), body_len(answer), "store not found"))
			return px_cause_set(cause, PX_USAGE,
					    "DC/OS has no store '%s' (404): mend \"store\" in the "
					    "config; \"default\" is the usual one",
					    dcos->store);
		return px_cause_set(cause, PX_NO_SECRET, "the store has no secret '%s' (404)",
				    path);
	case 409:
		return px_cause_set(cause, PX_EXISTS, "the secret '%s' exists already (409)", path);
	case 413:
		return px_cause_set(cause, PX_USAGE,
				    "the value of '%s' is too large for the store "
				    "(413): it takes about 1 MB",
				    path);
	default:
		return unexpected(answer, doing, cause);
	}
}

/* One question about one path. Owned strings go with it. */
struct question {
	struct px_http_request request;
	char *target;
	char *doing;
	struct px_secret *body;
};

static void question_cleanup(struct question *question)
{
	free(question->target);
	free(question->doing);
	px_secret_free(&question->body);
}

#define auto_question __attribute__((cleanup(question_cleanup))) struct question

static enum px_status make_question(const struct px_dcos *dcos, const char *method,
				    const char *verb, const char *path, const char *query,
				    struct question *question, struct px_cause *cause)
{
	px_auto(free) char *store = px_url_escape(dcos->store);
	px_auto(free) char *escaped = px_url_escape(path);

	if (!store || !escaped ||
	    asprintf(&question->target, "/secrets/v1/secret/%s/%s%s", store, escaped, query) < 0) {
		question->target = NULL;
		return px_cause_nomem(cause);
	}
	if (asprintf(&question->doing, "%s '%s'", verb, path) < 0) {
		question->doing = NULL;
		return px_cause_nomem(cause);
	}
	question->request = (struct px_http_request){ .method = method,
						      .target = question->target,
						      .accept = "*/*",
						      .answer_max = ANSWER_MAX,
						      .doing = question->doing };
	return PX_OK;
}

static enum px_status read_value(const struct px_http_answer *answer, const char *doing,
				 struct px_secret **ret_value, struct px_cause *cause)
{
	int r = -ENOENT;

	if (has_type(answer, BINARY_TYPE))
		r = px_secret_from(body_of(answer), body_len(answer), ret_value);
	else if (has_type(answer, JSON_TYPE))
		r = px_dcos_parse_value(body_of(answer), body_len(answer), ret_value);
	return r < 0 ? not_parsed(r, doing, cause) : PX_OK;
}

/* Replaces the value by the member of it that is the passphrase, if Portworx wrote it. */
static enum px_status pick_passphrase(const char *path, struct px_secret **value,
				      struct px_cause *cause)
{
	px_auto(secret) struct px_secret *member = NULL;
	int r;

	r = px_dcos_parse_portworx((const char *)px_secret_bytes(*value), px_secret_len(*value),
				   path, &member);
	if (r == -ENOENT)
		return PX_OK;
	if (r < 0)
		return not_parsed(r, path, cause);
	px_secret_free(value);
	*value = px_steal(&member);
	return PX_OK;
}

static enum px_status get(struct px_dcos *dcos, const char *path, unsigned int how,
			  struct px_secret **ret_value, struct px_cause *cause)
{
	px_auto(http_answer) struct px_http_answer answer = { .code = 0 };
	auto_question question = { .target = NULL };
	enum px_status st;
	bool lost;

	st = make_question(dcos, "GET", "reading", path, "", &question, cause);
	if (!st)
		st = call(dcos, &question.request, &answer, &lost, cause);
	if (st)
		return st;
	note_time(dcos, "get", &answer);
	if (how & PX_GET_VERDICT && is_foreign(&answer))
		return px_cause_set(cause, PX_UNTRUSTED,
				    "the answer to %s is a %u that is not the store's own",
				    question.doing, answer.code);
	if (answer.code != 200)
		return refused(dcos, &answer, path, question.doing, cause);
	return read_value(&answer, question.doing, ret_value, cause);
}

enum px_status px_dcos_get(struct px_dcos *dcos, const char *path, unsigned int how,
			   struct px_secret **ret_value, struct px_cause *cause)
{
	px_auto(secret) struct px_secret *value = NULL;
	enum px_status st;

	begin(dcos);
	st = get(dcos, path, how, &value, cause);
	if (!st && how & PX_GET_PASSPHRASE)
		st = pick_passphrase(path, &value, cause);
	if (st)
		return st;
	*ret_value = px_steal(&value);
	return PX_OK;
}

/* {"value": "…"} for a text, the bytes themselves for anything else. */
static int set_value(struct question *question, const struct px_secret *value)
{
	const struct px_json_pair pair = { "value", px_secret_bytes(value), px_secret_len(value) };

	if (px_json_is_text(pair.text, pair.len)) {
		question->request.content_type = JSON_TYPE;
		question->request.body = NULL;
		return px_json_object(&pair, 1, &question->body);
	}
	question->request.content_type = BINARY_TYPE;
	return px_secret_from(pair.text, pair.len, &question->body);
}

static enum px_status write_value(struct px_dcos *dcos, const char *method, const char *path,
				  const struct px_secret *value, bool *ret_lost,
				  struct px_cause *cause)
{
	px_auto(http_answer) struct px_http_answer answer = { .code = 0 };
	auto_question question = { .target = NULL };
	enum px_status st;
	int r;

	*ret_lost = false;
	st = make_question(dcos, method, "writing", path, "", &question, cause);
	if (st)
		return st;
	r = set_value(&question, value);
	if (r == -E2BIG)
		return px_cause_set(cause, PX_USAGE, "the value of '%s' is too large for the store",
				    path);
	if (r < 0)
		return px_cause_nomem(cause);
	question.request.body = question.body;
	question.request.fresh = true;
	st = call(dcos, &question.request, &answer, ret_lost, cause);
	if (st)
		return st;
	note_time(dcos, "write", &answer);
	if (answer.code < 200 || answer.code >= 300)
		return refused(dcos, &answer, path, question.doing, cause);
	return PX_OK;
}

/*
 * A create whose answer got lost may have worked: what the store holds now tells. Any doubt that
 * is left is PX_UNREACHABLE, so that every other failure means "not created".
 */
static enum px_status settle(struct px_dcos *dcos, const char *path, const struct px_secret *value,
			     struct px_cause *cause)
{
	const struct px_cause failure = *cause;
	px_auto(secret) struct px_secret *found = NULL;
	enum px_status st;

	st = failure.status == PX_UNREACHABLE ? PX_UNREACHABLE
					      : get(dcos, path, PX_GET_RAW, &found, cause);
	if (st == PX_OK && px_secret_equal(found, value))
		return PX_OK;
	if (st == PX_OK)
		return px_cause_set(cause, PX_EXISTS, "the secret '%s' exists already (409)", path);
	if (st == PX_NO_SECRET && failure.status != PX_EXISTS) {
		*cause = failure;
		return failure.status;
	}
	return px_cause_set(cause, PX_UNREACHABLE,
			    "an answer got lost, so whether '%s' was created is not known: %.300s",
			    path, cause->text);
}

enum px_status px_dcos_create(struct px_dcos *dcos, const char *path, const struct px_secret *value,
			      struct px_cause *cause)
{
	enum px_status st;
	bool lost;

	begin(dcos);
	st = write_value(dcos, "PUT", path, value, &lost, cause);
	return st && lost ? settle(dcos, path, value, cause) : st;
}

enum px_status px_dcos_update(struct px_dcos *dcos, const char *path, const struct px_secret *value,
			      struct px_cause *cause)
{
	bool lost; /* to write the same value twice is no harm */

	begin(dcos);
	return write_value(dcos, "PATCH", path, value, &lost, cause);
}

enum px_status px_dcos_delete(struct px_dcos *dcos, const char *path, struct px_cause *cause)
{
	px_auto(http_answer) struct px_http_answer answer = { .code = 0 };
	auto_question question = { .target = NULL };
	enum px_status st;
	bool lost;

	begin(dcos);
	st = make_question(dcos, "DELETE", "deleting", path, "", &question, cause);
	if (st)
		return st;
	question.request.fresh = true;
	st = call(dcos, &question.request, &answer, &lost, cause);
	if (st)
		return st;
	note_time(dcos, "delete", &answer);
	if (answer.code >= 200 && answer.code < 300)
		return PX_OK;
	st = refused(dcos, &answer, path, question.doing, cause);
	/* Gone, and it was us: the first answer got lost. */
	return st == PX_NO_SECRET && lost ? PX_OK : st;
}

enum px_status px_dcos_list(struct px_dcos *dcos, const char *path, struct px_secret **ret_list,
			    struct px_cause *cause)
{
	px_auto(http_answer) struct px_http_answer answer = { .code = 0 };
	auto_question question = { .target = NULL };
	enum px_status st;
	bool lost;
	int r;

	begin(dcos);
	st = make_question(dcos, "GET", "listing", path, "?list=true", &question, cause);
	if (!st)
		st = call(dcos, &question.request, &answer, &lost, cause);
	if (st)
		return st;
	note_time(dcos, "list", &answer);
	if (answer.code != 200)
		return refused(dcos, &answer, path, question.doing, cause);
	r = has_type(&answer, JSON_TYPE)
		    ? px_dcos_parse_list(body_of(&answer), body_len(&answer), ret_list)
		    : -ENOENT;
	return r < 0 ? not_parsed(r, question.doing, cause) : PX_OK;
}

enum px_status px_dcos_login(struct px_dcos *dcos, struct px_cause *cause)
{
	begin(dcos);
	px_secret_free(&dcos->acs);
	return authenticate(dcos, cause);
}
