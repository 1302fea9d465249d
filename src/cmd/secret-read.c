/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "pxenc/cmd.h"
#include "pxenc/io.h"
#include "pxenc/log.h"
#include "pxenc/printable.h"
#include "pxenc/session.h"
#include "pxenc/strv.h"
#include "show-json.h"

static const struct option no_options[] = { PX_COMMON_OPTIONS, { NULL, 0, NULL, 0 } };

/* The value as it is; on a terminal, the prompt begins a line of its own. */
static enum px_status print_value(const struct px_secret *value)
{
	int r;

	r = px_write_all(STDOUT_FILENO, px_secret_bytes(value), px_secret_len(value));
	if (!r && isatty(STDOUT_FILENO))
		r = px_write_all(STDOUT_FILENO, "\n", 1);
	return r < 0 ? px_fail(PX_KERNEL, "cannot write the value: %s", strerror(-r)) : PX_OK;
}

enum px_status px_cmd_secret_get(int argc, char **argv)
{
	px_auto(session) struct px_session session = { 0 };
	px_auto(secret) struct px_secret *value = NULL;
	px_auto(free) char *full = NULL;
	enum px_status st;

	if (px_next_option("secrets get", argc, argv, "", no_options) != -1)
		return PX_USAGE;
	if (argc - optind != 1)
		return px_usage("secrets get");
	st = px_session_open(&session);
	if (!st)
		st = px_session_path(&session, argv[optind], &full);
	if (!st)
		st = px_store_get(session.store, full, PX_GET_RAW, &value);
	return st ? st : print_value(value);
}

static enum px_status print_json(char *const *paths)
{
	cJSON *array = cJSON_CreateStringArray((const char *const *)paths, (int)px_strv_len(paths));
	enum px_status st = px_show_json(array);

	cJSON_Delete(array);
	return st;
}

/* As text, a line is a path: other people's names must not make two of one, or worse. */
static enum px_status print_list(char *const *paths, bool json)
{
	if (json)
		return print_json(paths);
	for (; paths && *paths; paths++) {
		px_make_printable(*paths);
		puts(*paths);
	}
	return PX_OK;
}

/* As the administrator grants it, and as DC/OS's own tools write it, with a slash or without. */
static bool is_base_path(const struct px_config *config, const char *path)
{
	size_t len = strlen(config->base_path);

	path += *path == '/';
	return len > 0 && strncmp(path, config->base_path, len) == 0 &&
	       (path[len] == '\0' || strcmp(path + len, "/") == 0);
}

static enum px_status list(const char *path, bool json)
{
	px_auto(session) struct px_session session = { 0 };
	px_auto(strv) char **paths = NULL;
	px_auto(free) char *full = NULL;
	enum px_status st;

	st = px_session_open(&session);
	if (!st && path && !is_base_path(session.config, path))
		st = px_session_path(&session, path, &full);
	if (!st)
		st = px_store_list(session.store, full ? full : session.config->base_path, &paths);
	return st ? st : print_list(paths, json);
}

enum px_status px_cmd_secret_list(int argc, char **argv)
{
	static const struct option longs[] = { PX_COMMON_OPTIONS,
					       { "json", no_argument, NULL, 'j' },
					       { NULL, 0, NULL, 0 } };
	bool json = false;
	int c;

	while ((c = px_next_option("secrets list", argc, argv, "", longs)) != -1) {
		if (c != 'j')
			return PX_USAGE;
		json = true;
	}
	if (argc - optind > 1)
		return px_usage("secrets list");
	return list(argv[optind], json);
}
