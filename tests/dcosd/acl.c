/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "acl.h"

#include <stdlib.h>
#include <string.h>

#include "util.h"

bool dcosd_acl_action_exists(const char *action)
{
	static const char *const actions[] = { "create", "read", "update", "delete", "full" };

	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (!strcmp(action, actions[i]))
			return true;
	return false;
}

struct dcosd_resource *dcosd_acl_find(const struct dcosd_acl *acl, const char *rid)
{
	struct dcosd_resource *resource = acl->resources;

	while (resource && strcmp(resource->rid, rid))
		resource = resource->next;
	return resource;
}

struct dcosd_resource *dcosd_acl_create(struct dcosd_acl *acl, const char *rid,
					const char *description)
{
	struct dcosd_resource *resource;

	if (dcosd_acl_find(acl, rid))
		return NULL;
	resource = dcosd_alloc(sizeof(*resource));
	resource->rid = dcosd_strdup(rid);
	resource->description = dcosd_strdup(description);
	resource->next = acl->resources;
	acl->resources = resource;
	return resource;
}

static void free_permission(struct dcosd_permission *permission)
{
	free(permission->uid);
	free(permission->action);
	free(permission);
}

static void free_resource(struct dcosd_resource *resource)
{
	while (resource->permissions) {
		struct dcosd_permission *first = resource->permissions;

		resource->permissions = first->next;
		free_permission(first);
	}
	free(resource->rid);
	free(resource->description);
	free(resource);
}

bool dcosd_acl_delete(struct dcosd_acl *acl, const char *rid)
{
	struct dcosd_resource **link = &acl->resources;
	struct dcosd_resource *found;

	while (*link && strcmp((*link)->rid, rid))
		link = &(*link)->next;
	found = *link;
	if (!found)
		return false;
	*link = found->next;
	free_resource(found);
	return true;
}

bool dcosd_acl_holds(const struct dcosd_resource *resource, const char *uid, const char *action)
{
	const struct dcosd_permission *permission;

	for (permission = resource->permissions; permission; permission = permission->next)
		if (!strcmp(permission->uid, uid) && !strcmp(permission->action, action))
			return true;
	return false;
}

bool dcosd_acl_grant(struct dcosd_resource *resource, const char *uid, const char *action)
{
	struct dcosd_permission *permission;

	if (dcosd_acl_holds(resource, uid, action))
		return false;
	permission = dcosd_alloc(sizeof(*permission));
	permission->uid = dcosd_strdup(uid);
	permission->action = dcosd_strdup(action);
	permission->next = resource->permissions;
	resource->permissions = permission;
	return true;
}

bool dcosd_acl_revoke(struct dcosd_resource *resource, const char *uid, const char *action)
{
	struct dcosd_permission **link = &resource->permissions;
	bool revoked = false;

	while (*link) {
		struct dcosd_permission *permission = *link;

		if (strcmp(permission->uid, uid) ||
		    (action && strcmp(permission->action, action))) {
			link = &permission->next;
			continue;
		}
		*link = permission->next;
		free_permission(permission);
		revoked = true;
	}
	return revoked;
}

/* A wildcard covers what lies below its slash: not the folder itself, nor a sibling "folderX". */
static bool covers(const char *pattern, const char *rid)
{
	size_t len = strlen(pattern);

	if (!strcmp(pattern, rid))
		return true;
	return len > 2 && !strcmp(pattern + len - 2, "/*") && !strncmp(pattern, rid, len - 1) &&
	       rid[len - 1];
}

bool dcosd_acl_allows(const struct dcosd_acl *acl, const char *uid, const char *rid,
		      const char *action)
{
	const struct dcosd_resource *resource;

	for (resource = acl->resources; resource; resource = resource->next)
		if (covers(resource->rid, rid) && (dcosd_acl_holds(resource, uid, action) ||
						   dcosd_acl_holds(resource, uid, "full")))
			return true;
	return dcosd_acl_is_superuser(acl, uid);
}

bool dcosd_acl_is_superuser(const struct dcosd_acl *acl, const char *uid)
{
	const struct dcosd_resource *resource = dcosd_acl_find(acl, "dcos:superuser");

	return resource && dcosd_acl_holds(resource, uid, "full");
}

void dcosd_acl_clear(struct dcosd_acl *acl)
{
	while (acl->resources) {
		struct dcosd_resource *first = acl->resources;

		acl->resources = first->next;
		free_resource(first);
	}
}
