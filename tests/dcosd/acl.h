/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
/*
 * Who may do what: for each protected resource, the actions that each user is permitted. A resource
 * id such as "dcos:secrets:default:/pwx/secrets/key" starts the path with a slash, which the
 * Secrets API does not.
 */
#ifndef DCOSD_ACL_H
#define DCOSD_ACL_H

#include <stdbool.h>

struct dcosd_permission {
	char *uid;
	char *action;
	struct dcosd_permission *next;
};

struct dcosd_resource {
	char *rid;
	char *description;
	struct dcosd_permission *permissions;
	struct dcosd_resource *next;
};

struct dcosd_acl {
	struct dcosd_resource *resources;
};

/* Whether this is one of the actions create, read, update, delete and full. */
bool dcosd_acl_action_exists(const char *action);

struct dcosd_resource *dcosd_acl_find(const struct dcosd_acl *acl, const char *rid);
/* NULL if the resource exists already. */
struct dcosd_resource *dcosd_acl_create(struct dcosd_acl *acl, const char *rid,
					const char *description);
/* False if there is no such resource. */
bool dcosd_acl_delete(struct dcosd_acl *acl, const char *rid);

/* Exactly this permission, no wider one. */
bool dcosd_acl_holds(const struct dcosd_resource *resource, const char *uid, const char *action);
/* False if the user holds it already. */
bool dcosd_acl_grant(struct dcosd_resource *resource, const char *uid, const char *action);
/* ACTION may be NULL: every one. False if there was nothing to revoke. */
bool dcosd_acl_revoke(struct dcosd_resource *resource, const char *uid, const char *action);

/*
 * Whether the user may act: by this resource or one with a trailing wildcard that covers it, by the
 * action or "full", or as a superuser.
 */
bool dcosd_acl_allows(const struct dcosd_acl *acl, const char *uid, const char *rid,
		      const char *action);
bool dcosd_acl_is_superuser(const struct dcosd_acl *acl, const char *uid);

void dcosd_acl_clear(struct dcosd_acl *acl);

#endif
