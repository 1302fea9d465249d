/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "secrets.h"

#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "uri.h"
#include "util.h"

#define OCTET_STREAM "application/octet-stream"

/* The documented limit, "about 1 MB less about 1 KB". */
#define VALUE_MAX ((1U << 20) - (1U << 10))

/* A request to /secret/{store}/{path} whose sender may make it. */
struct operation {
	struct dcosd_store *store;
	const struct dcosd_request *request;
	const char *path; /* decoded, without a leading slash */
};

static void answer_missing(struct dcosd_answer *answer)
{
	dcosd_answer_error(answer, 404, "The secret does not exist.");
}

static void read_secret(const struct operation *op, struct dcosd_answer *answer)
{
	const struct dcosd_secret *secret = dcosd_store_find(op->store, op->path);
	DCOSD_CLEANUP_FREE char *quoted = NULL;

	if (!secret) {
		answer_missing(answer);
	} else if (!dcosd_accepts(op->request->accept,
				  secret->binary ? OCTET_STREAM : "application/json")) {
		dcosd_answer_error(answer, 406, "The secret is not of an accepted type.");
	} else if (secret->binary) {
		dcosd_answer_bytes(answer, OCTET_STREAM, secret->value, secret->len);
	} else {
		quoted = dcosd_json_quote(secret->value);
		dcosd_answer_json(answer, 200, dcosd_format("{\"value\":%s}", quoted));
	}
}

/* What the path is called inside the folder; NULL if it lies elsewhere. */
static const char *name_in_folder(const char *path, const char *folder, size_t folder_len)
{
	if (!folder_len)
		return path;
	return !strncmp(path, folder, folder_len) && path[folder_len] == '/' ? path + folder_len + 1
									     : NULL;
}

/* Recursive and relative; a leaf, a partial name and nothing at all have an empty list. */
static void list_secrets(const struct operation *op, struct dcosd_answer *answer)
{
	cJSON *list = cJSON_CreateObject();
	cJSON *array = cJSON_AddArrayToObject(list, "array");
	size_t len = strlen(op->path);
	const struct dcosd_secret *secret;

	while (len && op->path[len - 1] == '/')
		len--;
	for (secret = op->store->first; secret; secret = secret->next) {
		const char *name = name_in_folder(secret->path, op->path, len);

		if (name)
			cJSON_AddItemToArray(array, cJSON_CreateString(name));
	}
	dcosd_answer_json(answer, 200, dcosd_json_compact(list));
}

/* The value that the request carries, to be freed; otherwise NULL, and the answer is set. */
static char *sent_value(const struct dcosd_request *request, struct dcosd_answer *answer,
			size_t *ret_len, bool *ret_binary)
{
	bool binary = dcosd_media_type_is(request->content_type, OCTET_STREAM);
	DCOSD_CLEANUP_JSON cJSON *json = NULL;
	const char *value = request->body;
	size_t len = request->body_len;

	if (!binary && !request->body_too_large) {
		json = dcosd_json_parse(request->body, request->body_len);
		value = dcosd_json_string(json, "value");
		if (!value) {
			dcosd_answer_error(answer, 400,
					   "The body is no JSON object with a string 'value'.");
			return NULL;
		}
		len = strlen(value);
	}
	if (request->body_too_large || len > VALUE_MAX) {
		dcosd_answer_error(answer, 413, "The value is too large.");
		return NULL;
	}
	*ret_len = len;
	*ret_binary = binary;
	return dcosd_memdup(value, len);
}

static bool names_a_secret(const char *path)
{
	size_t len = strlen(path);

	return len && path[0] != '/' && path[len - 1] != '/' && !strstr(path, "//");
}

static void create_secret(const struct operation *op, struct dcosd_answer *answer)
{
	DCOSD_CLEANUP_FREE char *value = NULL;
	size_t len;
	bool binary;

	if (!names_a_secret(op->path)) {
		dcosd_answer_error(answer, 400, "The path has an empty component.");
		return;
	}
	value = sent_value(op->request, answer, &len, &binary);
	if (!value)
		return;
	if (dcosd_store_create(op->store, op->path, value, len, binary))
		dcosd_answer_empty(answer, 201);
	else
		dcosd_answer_error(answer, 409, "The secret already exists.");
}

static void update_secret(const struct operation *op, struct dcosd_answer *answer)
{
	struct dcosd_secret *secret = dcosd_store_find(op->store, op->path);
	DCOSD_CLEANUP_FREE char *value = NULL;
	size_t len;
	bool binary;

	if (!secret) {
		answer_missing(answer);
		return;
	}
	value = sent_value(op->request, answer, &len, &binary);
	if (!value)
		return;
	dcosd_secret_update(secret, value, len, binary);
	dcosd_answer_empty(answer, 204);
}

static void delete_secret(const struct operation *op, struct dcosd_answer *answer)
{
	if (dcosd_store_delete(op->store, op->path))
		dcosd_answer_empty(answer, 204);
	else
		answer_missing(answer);
}

struct verb {
	const char *method;
	const char *rid_prefix;
	const char *action;
	void (*run)(const struct operation *op, struct dcosd_answer *answer);
};

static const struct verb *find_verb(const struct dcosd_request *request)
{
	static const struct verb list = { "GET", "dcos:secrets:list:default:/", "read",
					  list_secrets };
	static const struct verb verbs[] = {
		{ "GET", "dcos:secrets:default:/", "read", read_secret },
		{ "PUT", "dcos:secrets:default:/", "create", create_secret },
		{ "PATCH", "dcos:secrets:default:/", "update", update_secret },
		{ "DELETE", "dcos:secrets:default:/", "delete", delete_secret },
	};

	if (!strcmp(request->method, "GET") && dcosd_uri_query_has(request->query, "list=true"))
		return &list;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (!strcmp(request->method, verbs[i].method))
			return &verbs[i];
	return NULL;
}

/* PLACE is "{store}/{path}", decoded. Denied comes before missing: a 404 would tell too much. */
static void answer_secret(struct dcosd_cluster *cluster, const struct dcosd_request *request,
			  const char *place, struct dcosd_answer *answer)
{
	const struct verb *verb = find_verb(request);
	size_t store_len = strcspn(place, "/");
	struct operation op = { &cluster->store, request, place + store_len };
	DCOSD_CLEANUP_FREE char *rid = NULL;

	if (*op.path == '/')
		op.path++;
	if (store_len != strlen("default") || strncmp(place, "default", store_len)) {
		dcosd_answer_error(answer, 404, "store not found");
		return;
	}
	if (!verb) {
		dcosd_answer_error(answer, 405, "The method is not allowed here.");
		return;
	}
	rid = dcosd_format("%s%s", verb->rid_prefix, op.path);
	if (dcosd_acl_allows(&cluster->acl, request->uid, rid, verb->action))
		verb->run(&op, answer);
	else
		dcosd_answer_error(answer, 403, "The user lacks the permission for this.");
}

static void answer_seal_status(const char *store, struct dcosd_answer *answer)
{
	if (strcmp(store, "default"))
		dcosd_answer_error(answer, 404, "store not found");
	else
		dcosd_answer_json(answer, 200,
				  dcosd_strdup("{\"sealed\":false,\"threshold\":1,\"shares\":1,"
					       "\"progress\":0}"));
}

/* What of PATH follows PREFIX; NULL if it does not start so. */
static const char *behind(const char *path, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(path, prefix, len) ? NULL : path + len;
}

void dcosd_secrets_answer(struct dcosd_cluster *cluster, const struct dcosd_request *request,
			  struct dcosd_answer *answer)
{
	DCOSD_CLEANUP_FREE char *path = dcosd_uri_decode(request->path);
	bool get = !strcmp(request->method, "GET");
	const char *rest;

	if (!path)
		dcosd_answer_error(answer, 400, "The path has a bad percent-encoding.");
	else if ((rest = behind(path, DCOSD_SECRETS_PREFIX "secret/")))
		answer_secret(cluster, request, rest, answer);
	else if (get && (rest = behind(path, DCOSD_SECRETS_PREFIX "seal-status/")))
		answer_seal_status(rest, answer);
	else if (get && !strcmp(path, DCOSD_SECRETS_PREFIX "ping"))
		dcosd_answer_bytes(answer, "text/plain", "pong", 4);
	else
		dcosd_answer_html(answer, 404);
}
