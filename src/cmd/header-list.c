/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "header-list.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "header-store.h"
#include "pxenc/log.h"
#include "pxenc/path.h"
#include "pxenc/strv.h"

#define SUFFIX "/header"

struct list {
	struct px_manifest *manifests;
	size_t count;
};

static void list_cleanup(struct list *list)
{
	free(list->manifests);
}

/* "UUID/header" becomes the uuid; false: it is something else. */
static bool cut_suffix(char *path)
{
	size_t len = strlen(path), suffix = strlen(SUFFIX);

	if (len <= suffix || strcmp(path + len - suffix, SUFFIX) != 0)
		return false;
	path[len - suffix] = '\0';
	return px_luks_is_uuid(path);
}

static void print(const struct px_manifest *manifest)
{
	time_t seconds = (time_t)manifest->time;
	char date[32] = "-";
	struct tm tm;

	if (localtime_r(&seconds, &tm))
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M", &tm);
	printf("%s  %" PRIu64 " bytes  %s  of %s  %s\n", manifest->uuid, manifest->device_size,
	       date, manifest->from, manifest->label);
}

static void print_some(const struct list *list, uint64_t size, bool same)
{
	for (size_t i = 0; i < list->count; i++)
		if ((list->manifests[i].device_size == size) == same)
			print(&list->manifests[i]);
}

/* A manifest that cannot be trusted has been named, and hides no other. */
static enum px_status add(struct px_session *session, char *path, struct list *list)
{
	struct px_manifest manifest, *grown;
	enum px_status st;

	if (!cut_suffix(path))
		return PX_OK;
	st = px_header_find(session, path, &manifest);
	if (st && st != PX_NO_SECRET && st != PX_BAD_HEADER)
		return st;
	if (st || manifest.parts == 0)
		return PX_OK;
	grown = reallocarray(list->manifests, list->count + 1, sizeof(*grown));
	if (!grown)
		return px_nomem();
	grown[list->count++] = manifest;
	list->manifests = grown;
	return PX_OK;
}

static enum px_status collect(struct px_session *session, struct list *list)
{
	px_auto(strv) char **paths = NULL;
	px_auto(free) char *folder = NULL;
	enum px_status st;

	st = px_session_path(session, "volumes", &folder);
	if (!st)
		st = px_store_list(session->store, folder, &paths);
	for (char **path = paths; !st && path && *path; path++)
		st = add(session, *path, list);
	return st;
}

enum px_status px_header_list(struct px_session *session, const char *device, uint64_t size)
{
	px_cleanup(list_cleanup) struct list list = { NULL, 0 };
	enum px_status st;

	st = collect(session, &list);
	if (st)
		return st;
	if (list.count == 0)
		return px_fail(PX_NO_SECRET, "the store has no header backup of any volume");
	print_some(&list, size, true);
	print_some(&list, size, false);
	return px_fail(PX_USAGE,
		       "nothing is left on %s that tells which volume it was: choose one by "
		       "--uuid",
		       device);
}
