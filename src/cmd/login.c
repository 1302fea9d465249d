/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <string.h>

#include "pxenc/clock.h"
#include "pxenc/cmd.h"
#include "pxenc/key.h"
#include "pxenc/log.h"
#include "pxenc/store.h"

struct arguments {
	const char *username;
	const char *base_path;
	bool from_stdin;
	struct px_secret *password;
};

/* --password exists because people's scripts have it; ps shall not see it for long. */
static enum px_status take_password(struct arguments *args, char *text)
{
	int r;

	px_secret_free(&args->password);
	r = px_secret_from(text, strlen(text), &args->password);
	px_wipe_string(text);
	if (r < 0)
		return px_nomem();
	px_warn("--password can be seen by every user of this machine: --password-stdin cannot");
	return PX_OK;
}

static enum px_status take_option(struct arguments *args, int c)
{
	switch (c) {
	case 'u':
		args->username = optarg;
		return PX_OK;
	case 'p':
		return take_password(args, optarg);
	case 's':
		args->from_stdin = true;
		return PX_OK;
	case 'b':
		args->base_path = optarg;
		return PX_OK;
	default:
		return PX_USAGE;
	}
}

static enum px_status parse(int argc, char **argv, struct arguments *args)
{
	static const struct option longs[] = { PX_COMMON_OPTIONS,
					       { "username", required_argument, NULL, 'u' },
					       { "password", required_argument, NULL, 'p' },
					       { "password-stdin", no_argument, NULL, 's' },
					       { "base-path", required_argument, NULL, 'b' },
					       { NULL, 0, NULL, 0 } };
	enum px_status st;
	int c;

	while ((c = px_next_option("secrets dcos login", argc, argv, "", longs)) != -1) {
		st = take_option(args, c);
		if (st)
			return st;
	}
	if (argc != optind || !args->username || !*args->username ||
	    (args->password && args->from_stdin))
		return px_usage("secrets dcos login");
	return PX_OK;
}

/* A password file's newline at the end is not part of the password. */
static enum px_status password_from_stdin(struct px_secret **ret_password)
{
	px_auto(secret) struct px_secret *password = NULL;
	size_t len;
	int r;

	r = px_secret_read(STDIN_FILENO, 4096, &password);
	if (r < 0)
		return px_fail(PX_USAGE, "cannot read the password from standard input: %s",
			       strerror(-r));
	len = px_secret_len(password);
	if (len && px_secret_bytes(password)[len - 1] == '\n')
		px_secret_set_len(password, len - 1);
	if (!px_secret_len(password))
		return px_fail(PX_USAGE, "the password on standard input is empty");
	*ret_password = px_steal(&password);
	return PX_OK;
}

static enum px_status get_password(struct arguments *args)
{
	if (args->from_stdin)
		return password_from_stdin(&args->password);
	if (!args->password)
		return px_prompt_secret("password", &args->password);
	return PX_OK;
}

static enum px_status login(const struct arguments *args)
{
	px_auto(config) struct px_config *config = NULL;
	px_auto(store) struct px_store *store = NULL;
	enum px_status st;

	st = px_config_load(&config);
	if (!st && args->base_path)
		st = px_config_set_base_path(config, args->base_path);
	if (!st)
		st = px_store_new(config, px_deadline_in(config->timeout), &store);
	if (!st)
		st = px_store_login(store, args->username, args->password);
	return st;
}

enum px_status px_cmd_login(int argc, char **argv)
{
	struct arguments args = { 0 };
	enum px_status st;

	st = parse(argc, argv, &args);
	if (!st)
		st = get_password(&args);
	if (!st)
		st = login(&args);
	px_secret_free(&args.password);
	return st;
}

enum px_status px_cmd_logout(int argc, char **argv)
{
	static const struct option longs[] = { PX_COMMON_OPTIONS, { NULL, 0, NULL, 0 } };
	px_auto(config) struct px_config *config = NULL;
	enum px_status st;
	bool any = false;

	if (px_next_option("secrets dcos logout", argc, argv, "", longs) != -1)
		return PX_USAGE;
	if (argc != optind)
		return px_usage("secrets dcos logout");
	st = px_config_load(&config);
	if (!st)
		st = px_store_logout(config, &any);
	if (!st && !any)
		px_note("there was no login");
	return st;
}
