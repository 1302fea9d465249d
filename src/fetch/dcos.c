/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "answer.h"
#include "dcos-private.h"
#include "pxenc/path.h"
#include "pxenc/store.h"

#define ANSWER_MAX PX_SECRET_MAX
#define BINARY_TYPE "application/octet-stream"

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

void px_dcos_note_time(const struct px_dcos *dcos, const char *stage,
		       const struct px_http_answer *answer)
{
	px_listener_note(dcos->listener, PX_NOTE_DONE, "%s: %.1f ms", stage,
			 (double)answer->total_us / 1000);
}

/* What has no such page says so in HTML: a balancer without a server, or what is at a wrong URL. It
 * knows nothing of secrets. */
static bool is_a_page(const struct px_http_answer *answer)
{
	return px_answer_has_type(answer, "text/html");
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
		if (is_a_page(answer))
			return px_cause_set(cause, PX_UNTRUSTED,
					    "the answer to %s is a page that is not found (404), "
					    "and not the store's: does cluster_url lead to DC/OS?",
					    doing);
		if (px_dcos_error_says(px_answer_text(answer), px_answer_len(answer),
				       "store not found"))
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
		return px_answer_unexpected(answer, doing, cause);
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

#define auto_question px_cleanup(question_cleanup) struct question

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

	if (px_answer_has_type(answer, BINARY_TYPE))
		r = px_secret_from(px_answer_text(answer), px_answer_len(answer), ret_value);
	else if (px_answer_has_type(answer, PX_JSON_TYPE))
		r = px_dcos_parse_value(px_answer_text(answer), px_answer_len(answer), ret_value);
	return r < 0 ? px_answer_not_parsed(r, doing, cause) : PX_OK;
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
		return px_answer_not_parsed(r, path, cause);
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
		st = px_dcos_call(dcos, &question.request, &answer, &lost, cause);
	if (st)
		return st;
	px_dcos_note_time(dcos, "get", &answer);
	if (how & PX_GET_VERDICT && px_answer_is_foreign(&answer))
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

	px_dcos_begin(dcos);
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
		question->request.content_type = PX_JSON_TYPE;
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
	st = px_dcos_call(dcos, &question.request, &answer, ret_lost, cause);
	if (st)
		return st;
	px_dcos_note_time(dcos, "write", &answer);
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

	px_dcos_begin(dcos);
	st = write_value(dcos, "PUT", path, value, &lost, cause);
	return st && lost ? settle(dcos, path, value, cause) : st;
}

enum px_status px_dcos_update(struct px_dcos *dcos, const char *path, const struct px_secret *value,
			      struct px_cause *cause)
{
	bool lost; /* to write the same value twice is no harm */

	px_dcos_begin(dcos);
	return write_value(dcos, "PATCH", path, value, &lost, cause);
}

enum px_status px_dcos_delete(struct px_dcos *dcos, const char *path, struct px_cause *cause)
{
	px_auto(http_answer) struct px_http_answer answer = { .code = 0 };
	auto_question question = { .target = NULL };
	enum px_status st;
	bool lost;

	px_dcos_begin(dcos);
	st = make_question(dcos, "DELETE", "deleting", path, "", &question, cause);
	if (st)
		return st;
	question.request.fresh = true;
	st = px_dcos_call(dcos, &question.request, &answer, &lost, cause);
	if (st)
		return st;
	px_dcos_note_time(dcos, "delete", &answer);
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

	px_dcos_begin(dcos);
	st = make_question(dcos, "GET", "listing", path, "?list=true", &question, cause);
	if (!st)
		st = px_dcos_call(dcos, &question.request, &answer, &lost, cause);
	if (st)
		return st;
	px_dcos_note_time(dcos, "list", &answer);
	if (answer.code != 200)
		return refused(dcos, &answer, path, question.doing, cause);
	r = px_answer_has_type(&answer, PX_JSON_TYPE)
		    ? px_dcos_parse_list(px_answer_text(&answer), px_answer_len(&answer), ret_list)
		    : -ENOENT;
	return r < 0 ? px_answer_not_parsed(r, question.doing, cause) : PX_OK;
}
