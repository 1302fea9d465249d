/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "secret-use.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pxenc/block.h"
#include "pxenc/cmd.h"
#include "pxenc/log.h"
#include "pxenc/mapping.h"
#include "pxenc/mount.h"
#include "pxenc/new-key.h"
#include "pxenc/path.h"
#include "pxenc/peek.h"
#include "pxenc/resolve.h"
#include "pxenc/strv.h"

#define VOLUMES "volumes/"

/* What is looked for, and what was found. */
struct search {
	const struct px_config *config;
	const char *full;
	const char *except; /* a device that does not count; NULL: none. Nor do old keys then */
	const struct px_census *census;
	struct px_mapping *mappings;
	size_t mapping_count;
	char **users;
};

static void search_cleanup(struct search *search)
{
	px_mapping_list_free(&search->mappings, search->mapping_count);
	px_strv_free(&search->users);
}

/* Whether a path as a LUKS2 token holds it is the one that is looked for. */
static bool is_it(const struct search *search, const char *relative)
{
	px_auto(free) char *full = NULL;

	return *relative && px_path_join(search->config->base_path, relative, &full) == 0 &&
	       strcmp(full, search->full) == 0;
}

/* The part of a full path below the base path; NULL: it lies elsewhere. */
static const char *below_base(const struct px_config *config, const char *full)
{
	const char *base = config->base_path;
	size_t len = strlen(base);

	if (!len)
		return full;
	return strncmp(full, base, len) == 0 && full[len] == '/' ? full + len + 1 : NULL;
}

static const struct px_mapping *mapping_of(const struct search *search, const char *name)
{
	for (size_t i = 0; i < search->mapping_count; i++)
		if (search->mappings[i].slave_name &&
		    strcmp(search->mappings[i].slave_name, name) == 0)
			return &search->mappings[i];
	return NULL;
}

/* "/dev/sdb (mounted at /data)". */
static int add_user(struct search *search, const char *device, const struct px_mapping *mapping)
{
	px_auto(free) char *source = NULL, *places = NULL, *user = NULL;
	px_auto(strv) char **mounts = NULL;
	int n;

	if (!mapping)
		return px_strv_add(&search->users, device);
	if (asprintf(&source, "/dev/mapper/%s", mapping->name) < 0) {
		source = NULL;
		return -ENOMEM;
	}
	if (px_mount_targets(source, mapping->devno, &mounts) < 0)
		return -ENOMEM;
	places = px_strv_join(mounts, ", ");
	if (!places)
		return -ENOMEM;
	n = *places ? asprintf(&user, "%s (mounted at %s)", device, places)
		    : asprintf(&user, "%s (open as %s)", device, mapping->name);
	if (n < 0) {
		user = NULL;
		return -ENOMEM;
	}
	return px_strv_add(&search->users, user);
}

static int add_unknown(char ***users, const char *device, int r)
{
	px_auto(free) char *user = NULL;
	const char *why = r == -ETIMEDOUT ? "which does not answer"
			  : r == -EBUSY	  ? "which is suspended"
					  : "whose header cannot be read, or is refused";

	if (asprintf(&user, "%s (%s, so nobody knows)", device, why) < 0) {
		user = NULL;
		return -ENOMEM;
	}
	return px_strv_add(users, user);
}

/* The uuid of an open volume, CRYPT-LUKS2-<32 digits>-…, tells its own keys even where its header
 * cannot be read. */
static bool is_own_key(const struct search *search, const struct px_mapping *mapping)
{
	const char *relative = below_base(search->config, search->full);
	const char *digits = mapping->dm_uuid + strlen("CRYPT-LUKS2-");
	char uuid[37];

	if (!relative || strlen(mapping->dm_uuid) < strlen("CRYPT-LUKS2-") + 32)
		return false;
	snprintf(uuid, sizeof(uuid), "%.8s-%.4s-%.4s-%.4s-%.12s", digits, digits + 8, digits + 12,
		 digits + 16, digits + 20);
	return px_new_key_is_own(relative, uuid);
}

static bool is_named(const struct search *search, const struct px_peek *peek)
{
	return is_it(search, peek->secret) || is_it(search, peek->next) ||
	       (!search->except && is_it(search, peek->old));
}

static int peek_at(const struct search *search, const char *name, const char *device,
		   struct px_peek *ret_peek)
{
	const struct px_seen *seen = search->census ? px_census_find(search->census, name) : NULL;

	if (!seen || (seen->r == 0 && is_named(search, &seen->peek)))
		return px_peek(device, ret_peek);
	*ret_peek = seen->peek;
	return seen->r;
}

static int look_at(struct search *search, const char *name, bool suspended)
{
	const struct px_mapping *mapping = mapping_of(search, name);
	px_auto(free) char *device = px_block_path(name);
	struct px_peek peek;
	int r;

	if (!device)
		return -ENOMEM;
	if (search->except && strcmp(device, search->except) == 0)
		return 0;
	r = suspended ? -EBUSY : peek_at(search, name, device, &peek);
	if (r == 0 && is_named(search, &peek))
		return add_user(search, device, mapping);
	if (r < 0 && mapping && is_own_key(search, mapping))
		return add_user(search, device, mapping);
	return r < 0 && r != -EINVAL ? add_unknown(&search->users, device, r) : 0;
}

static int look_at_all(struct search *search)
{
	px_auto(strv) char **names = NULL, **suspended = NULL;
	int r = px_mapping_list(&search->mappings, &search->mapping_count);

	if (r == 0)
		r = px_block_list(&names, &suspended);
	for (char **name = names; r == 0 && name && *name; name++)
		r = look_at(search, *name, false);
	for (char **name = suspended; r == 0 && name && *name; name++)
		r = look_at(search, *name, true);
	return r;
}

static enum px_status find_users(struct search *search, char **ret_users)
{
	int r = look_at_all(search);

	if (r == -ENOMEM)
		return px_nomem();
	if (r < 0)
		return px_fail(PX_KERNEL, "cannot look for the volumes of this machine: %s",
			       strerror(-r));
	if (!search->users)
		return PX_OK;
	*ret_users = px_strv_join(search->users, ", ");
	return *ret_users ? PX_OK : px_nomem();
}

/* The cluster setting names it, or the config does. */
static enum px_status is_cluster_key(const struct px_session *session, const char *full,
				     bool *ret_is)
{
	px_auto(choice) struct px_choice choice = { 0 };
	enum px_status st;

	st = px_resolve_cluster(session->config, session->store, &choice);
	*ret_is = st == PX_OK && strcmp(choice.path, full) == 0;
	return st == PX_NO_SECRET ? PX_OK : st;
}

enum px_status px_secret_use(const struct px_session *session, const char *full, char **ret_use)
{
	px_cleanup(search_cleanup) struct search search = { .config = session->config,
							    .full = full };
	const char *relative = below_base(session->config, full);
	px_auto(free) char *users = NULL;
	enum px_status st;
	bool cluster = false;
	int n;

	st = find_users(&search, &users);
	if (!st)
		st = is_cluster_key(session, full, &cluster);
	if (st)
		return st;
	if (users)
		n = asprintf(ret_use, "%s of %s on this machine",
			     cluster ? "the cluster-wide key, and that" : "the key", users);
	else if (cluster)
		n = asprintf(ret_use, "the cluster-wide key, which no volume of this machine uses, "
				      "but others' may");
	else if (relative && strcmp(relative, PX_CLUSTER_SETTING) == 0)
		n = asprintf(ret_use, "the setting that names the cluster-wide key");
	else if (relative && strncmp(relative, VOLUMES, strlen(VOLUMES)) == 0)
		n = asprintf(ret_use, "the key or header backup of a volume that is not on this "
				      "machine");
	else
		return PX_OK;
	if (n < 0) {
		*ret_use = NULL;
		return px_nomem();
	}
	return PX_OK;
}

enum px_status px_secret_stays(const struct px_session *session, const struct px_census *census,
			       const char *full, const char *device, bool *ret_stays)
{
	px_cleanup(search_cleanup) struct search search = {
		.config = session->config, .full = full, .except = device, .census = census
	};
	px_auto(free) char *users = NULL;
	enum px_status st;

	st = find_users(&search, &users);
	if (st)
		return st;
	if (users)
		px_warn("the secret '%s' stays: it is the key of %s, too", full, users);
	*ret_stays = users != NULL;
	return PX_OK;
}

static enum px_status find_uuid(const struct px_census *census, const char *uuid,
				const char *device, char ***users)
{
	for (size_t i = 0; i < census->count; i++) {
		const struct px_seen *seen = &census->seen[i];
		px_auto(free) char *path = px_block_path(seen->name);
		int r = 0;

		if (!path)
			return px_nomem();
		if (strcmp(path, device) == 0)
			continue;
		if (seen->r == 0 && strcmp(seen->peek.uuid, uuid) == 0)
			r = px_strv_add(users, path);
		else if (seen->r < 0 && seen->r != -EINVAL)
			r = add_unknown(users, path, seen->r);
		if (r < 0)
			return px_nomem();
	}
	return PX_OK;
}

enum px_status px_uuid_stays(const char *uuid, const char *device, const char *what,
			     bool *ret_stays)
{
	px_auto(census) struct px_census census = { 0 };
	px_auto(strv) char **found = NULL;
	px_auto(free) char *users = NULL;
	enum px_status st = px_census_take(&census);

	if (!st)
		st = find_uuid(&census, uuid, device, &found);
	if (st || !found)
		return st;
	users = px_strv_join(found, ", ");
	if (!users)
		return px_nomem();
	px_warn("%s of volume %s stays: its uuid may be that of %s, too", what, uuid, users);
	*ret_stays = true;
	return PX_OK;
}

enum px_status px_secret_confirm(const char *doing, const char *path)
{
	px_auto(session) struct px_session session = { 0 };
	px_auto(free) char *full = NULL, *use = NULL, *question = NULL;
	enum px_status st;

	st = px_session_open(&session);
	if (!st)
		st = px_session_path(&session, path, &full);
	if (!st)
		st = px_secret_use(&session, full, &use);
	if (st || !use)
		return st;
	if (asprintf(&question, "%s '%s', %s", doing, full, use) < 0) {
		question = NULL;
		return px_nomem();
	}
	return px_confirm(question);
}
