/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "iam-acls.h"

#include <stdlib.h>
#include <string.h>

#include "iam.h"
#include "json.h"
#include "util.h"

#define SEGMENTS_MAX 4

/* A request for {rid}, {rid}/permissions, {rid}/users/{uid} or {rid}/users/{uid}/{action}. */
struct call {
	struct dcosd_cluster *cluster;
	const struct dcosd_request *request;
	const char *rid;
	const char *uid;		 /* NULL if there is none */
	const char *action;		 /* NULL if there is none */
	struct dcosd_resource *resource; /* NULL if the rid is not known */
};

static void answer_conflict(struct dcosd_answer *answer, const char *description)
{
	dcosd_iam_error(answer, 409, "409 Conflict", description, NULL);
}

static void answer_unknown(struct dcosd_answer *answer, const char *description, const char *code)
{
	dcosd_iam_error(answer, 400, "400 Bad Request", description, code);
}

static void create_acl(const struct call *call, struct dcosd_answer *answer)
{
	DCOSD_CLEANUP_JSON cJSON *body = dcosd_iam_body(call->request, answer);
	const char *description;

	if (!body)
		return;
	description = dcosd_json_string(body, "description");
	if (!description)
		dcosd_iam_error(answer, 400, "Bad Request",
				"Unexpected JSON input. Hint: 'description' is a required property",
				NULL);
	else if (dcosd_acl_create(&call->cluster->acl, call->rid, description))
		dcosd_answer_empty(answer, 201);
	else
		answer_conflict(answer, "The resource has an ACL already.");
}

static char *acl_url(const char *rid)
{
	static const char base[] = DCOSD_IAM_PREFIX "acls/";
	static const char slash[] = "%252F";
	char *url = dcosd_alloc(sizeof(base) + strlen(slash) * strlen(rid));
	char *end = stpcpy(url, base);

	for (; *rid; rid++) {
		if (*rid == '/')
			end = stpcpy(end, slash);
		else
			*end++ = *rid;
	}
	return url;
}

static void read_acl(const struct call *call, struct dcosd_answer *answer)
{
	DCOSD_CLEANUP_FREE char *url = acl_url(call->rid);
	cJSON *acl = cJSON_CreateObject();

	cJSON_AddStringToObject(acl, "rid", call->rid);
	cJSON_AddStringToObject(acl, "description", call->resource->description);
	cJSON_AddStringToObject(acl, "url", url);
	dcosd_answer_json(answer, 200, dcosd_json_pretty(acl));
}

static void delete_acl(const struct call *call, struct dcosd_answer *answer)
{
	dcosd_acl_delete(&call->cluster->acl, call->rid);
	dcosd_answer_empty(answer, 204);
}

static cJSON *actions_of(const struct dcosd_resource *resource, const char *uid)
{
	DCOSD_CLEANUP_FREE char *base = acl_url(resource->rid);
	const struct dcosd_permission *permission;
	cJSON *actions = cJSON_CreateArray();

	for (permission = resource->permissions; permission; permission = permission->next) {
		DCOSD_CLEANUP_FREE char *url = NULL;
		cJSON *action;

		if (strcmp(permission->uid, uid))
			continue;
		url = dcosd_format("%s/users/%s/%s", base, uid, permission->action);
		action = cJSON_CreateObject();
		cJSON_AddStringToObject(action, "name", permission->action);
		cJSON_AddStringToObject(action, "url", url);
		cJSON_AddItemToArray(actions, action);
	}
	return actions;
}

static void read_permissions(const struct call *call, struct dcosd_answer *answer)
{
	cJSON *permissions = cJSON_CreateObject();
	cJSON *users = cJSON_AddArrayToObject(permissions, "users");
	const struct dcosd_account *account = call->cluster->accounts;

	cJSON_AddArrayToObject(permissions, "groups");
	for (; account; account = account->next) {
		DCOSD_CLEANUP_FREE char *url =
			dcosd_format(DCOSD_IAM_PREFIX "users/%s", account->uid);
		cJSON *actions = actions_of(call->resource, account->uid);
		cJSON *user;

		if (!cJSON_GetArraySize(actions)) {
			cJSON_Delete(actions);
			continue;
		}
		user = cJSON_CreateObject();
		cJSON_AddStringToObject(user, "uid", account->uid);
		cJSON_AddStringToObject(user, "userurl", url);
		cJSON_AddItemToObject(user, "actions", actions);
		cJSON_AddItemToArray(users, user);
	}
	dcosd_answer_json(answer, 200, dcosd_json_pretty(permissions));
}

static void read_user(const struct call *call, struct dcosd_answer *answer)
{
	cJSON *list = cJSON_CreateObject();

	cJSON_AddItemToObject(list, "array", actions_of(call->resource, call->uid));
	dcosd_answer_json(answer, 200, dcosd_json_pretty(list));
}

static void grant(const struct call *call, struct dcosd_answer *answer)
{
	if (!dcosd_acl_action_exists(call->action))
		answer_unknown(answer, "The action is not known.", "ERR_INVALID_DATA");
	else if (dcosd_acl_grant(call->resource, call->uid, call->action))
		dcosd_answer_empty(answer, 204);
	else
		answer_conflict(answer, "The user has this permission already.");
}

/* Both for one action and for every one. */
static void revoke(const struct call *call, struct dcosd_answer *answer)
{
	if (dcosd_acl_revoke(call->resource, call->uid, call->action))
		dcosd_answer_empty(answer, 204);
	else if (call->action)
		answer_unknown(answer, "The action is unknown for the user in this ACL.",
			       "ERR_ACTION_NOT_YET_STORED");
	else
		answer_unknown(answer, "The user is not part of this ACL.", "ERR_USER_NOT_IN_ACL");
}

static void query(const struct call *call, struct dcosd_answer *answer)
{
	cJSON *allowed = cJSON_CreateObject();

	cJSON_AddBoolToObject(allowed, "allowed",
			      dcosd_acl_holds(call->resource, call->uid, call->action));
	dcosd_answer_json(answer, 200, dcosd_json_pretty(allowed));
}

enum shape { ACL, PERMISSIONS, USER, ACTION };

struct verb {
	enum shape shape;
	const char *method;
	void (*run)(const struct call *call, struct dcosd_answer *answer);
};

static const struct verb *find_verb(enum shape shape, const char *method)
{
	static const struct verb verbs[] = {
		{ ACL, "PUT", create_acl },    { ACL, "GET", read_acl },
		{ ACL, "DELETE", delete_acl }, { PERMISSIONS, "GET", read_permissions },
		{ USER, "GET", read_user },    { USER, "DELETE", revoke },
		{ ACTION, "PUT", grant },      { ACTION, "GET", query },
		{ ACTION, "DELETE", revoke },
	};

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (verbs[i].shape == shape && !strcmp(verbs[i].method, method))
			return &verbs[i];
	return NULL;
}

static void decode_slashes(char *rid)
{
	char *escape = rid;

	while ((escape = strstr(escape, "%2F"))) {
		*escape++ = '/';
		memmove(escape, escape + 2, strlen(escape + 2) + 1);
	}
}

/* Cuts PATH into the parts of CALL; false if it names nothing here. */
static bool parse_path(char *path, struct call *call, enum shape *ret_shape)
{
	char *segments[SEGMENTS_MAX] = { NULL };
	size_t count = 0;

	for (; path && count < SEGMENTS_MAX; count++)
		segments[count] = strsep(&path, "/");
	if (path || !*segments[0])
		return false;
	decode_slashes(segments[0]);
	call->rid = segments[0];
	call->uid = segments[2];
	call->action = segments[3];
	if (count == 1) {
		*ret_shape = ACL;
		return true;
	}
	if (count == 2) {
		*ret_shape = PERMISSIONS;
		return !strcmp(segments[1], "permissions");
	}
	*ret_shape = count == 3 ? USER : ACTION;
	return !strcmp(segments[1], "users");
}

void dcosd_iam_acls(struct dcosd_cluster *cluster, const struct dcosd_request *request,
		    const char *path, struct dcosd_answer *answer)
{
	DCOSD_CLEANUP_FREE char *segments = dcosd_strdup(path);
	struct call call = { .cluster = cluster, .request = request };
	const struct verb *verb;
	enum shape shape;

	if (!parse_path(segments, &call, &shape)) {
		dcosd_answer_html(answer, 404);
		return;
	}
	verb = find_verb(shape, request->method);
	call.resource = dcosd_acl_find(&cluster->acl, call.rid);
	if (!verb)
		dcosd_answer_html(answer, 405);
	else if (!call.resource && verb->run != create_acl)
		answer_unknown(answer, "Protected resource with this rid not known.",
			       "ERR_UNKNOWN_RESOURCE_ID");
	else if (call.uid && !dcosd_account_find(cluster->accounts, call.uid))
		answer_unknown(answer, "User with this uid not known.", "ERR_UNKNOWN_USER_ID");
	else
		verb->run(&call, answer);
}
