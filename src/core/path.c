/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/path.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pxenc/printable.h"

static const char *skip_slash(const char *path)
{
	return path[0] == '/' ? path + 1 : path;
}

/* Not even in UTF-8 may a path hold what would drive a terminal that it is shown on. */
static bool has_bad_character(const char *path)
{
	return path[strcspn(path, " %\\?#")] || !px_is_printable(path);
}

/* Whether a component of this length at p is "." or "..". */
static bool is_dots(const char *p, size_t len)
{
	return (len == 1 && p[0] == '.') || (len == 2 && p[0] == '.' && p[1] == '.');
}

static const char *component_fault(const char *path)
{
	for (;;) {
		size_t len = strcspn(path, "/");

		if (!len)
			return "it has an empty component";
		if (is_dots(path, len))
			return "it has a '.' or '..' component";
		if (!path[len])
			return NULL;
		path += len + 1;
	}
}

const char *px_path_fault(const char *path)
{
	path = skip_slash(path);
	if (!*path)
		return "it is empty";
	if (strlen(path) > PX_PATH_MAX)
		return "it is longer than 1024 bytes";
	if (has_bad_character(path))
		return "it has a space, a control character, or one of % \\ ? #";
	return component_fault(path);
}

int px_path_check(const char *path)
{
	return px_path_fault(path) ? -EINVAL : 0;
}

/* The part of path below base, or NULL when path does not start with "base/". */
static const char *below(const char *base, const char *path)
{
	size_t len = strlen(base);

	if (!len)
		return path;
	return strncmp(path, base, len) == 0 && path[len] == '/' ? path + len + 1 : NULL;
}

int px_path_join(const char *base, const char *path, char **ret_full)
{
	char *full;

	if (px_path_check(path) < 0 || strlen(base) + 1 + strlen(path) > PX_PATH_MAX)
		return -EINVAL;
	if (asprintf(&full, "%s%s%s", base, *base ? "/" : "", skip_slash(path)) < 0)
		return -ENOMEM;
	*ret_full = full;
	return 0;
}

int px_path_relative(const char *base, const char *path, char **ret_relative)
{
	const char *relative;
	char *copy;

	if (px_path_check(path) < 0)
		return -EINVAL;
	relative = below(base, skip_slash(path));
	copy = strdup(relative ? relative : skip_slash(path));
	if (!copy)
		return -ENOMEM;
	*ret_relative = copy;
	return 0;
}

int px_path_full(const char *base, const char *path, char **ret_full)
{
	char *relative;
	int r;

	r = px_path_relative(base, path, &relative);
	if (r < 0)
		return r;
	r = px_path_join(base, relative, ret_full);
	free(relative);
	return r;
}

static bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* volumes/UUID/header…: what a header backup is called. */
static bool is_header_backup(const char *path)
{
	const char *slash;

	if (!starts_with(path, "volumes/"))
		return false;
	slash = strchr(path + strlen("volumes/"), '/');
	return slash && starts_with(slash + 1, "header");
}

bool px_path_may_be_key(const char *relative)
{
	return relative[0] != '/' && px_path_check(relative) == 0 &&
	       !starts_with(relative, "pxenc/") && !starts_with(relative, "credentials/") &&
	       !is_header_backup(relative);
}

bool px_path_may_be_store(const char *name)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789-_";
	size_t len = strlen(name);

	return len > 0 && len <= PX_STORE_MAX && strspn(name, allowed) == len;
}
