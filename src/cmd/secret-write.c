/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <stdio.h>
#include <string.h>

#include "pxenc/cmd.h"
#include "pxenc/key.h"
#include "pxenc/log.h"
#include "pxenc/new-key.h"
#include "pxenc/session.h"
#include "secret-use.h"

#define VALUE_MAX ((size_t)1 << 20)

struct arguments {
	const char *words; /* which command it is */
	const char *path;
	bool generate, force;
	struct px_secret *value;
};

/* --value exists because the DC/OS page on secrets has it; ps shall not see it for long. */
static enum px_status take_value(struct arguments *args, char *text)
{
	int r;

	r = px_secret_from(text, strlen(text), &args->value);
	px_wipe_string(text);
	if (r < 0)
		return px_nomem();
	px_warn("--value can be seen by every user of this machine: --value-file - cannot");
	return PX_OK;
}

static enum px_status take_option(struct arguments *args, int c)
{
	if (c == 'F') {
		args->force = true;
		return PX_OK;
	}
	if (c == '?')
		return PX_USAGE;
	if (args->value || args->generate)
		return px_fail(PX_USAGE, "give one of --value, --value-file and --generate");
	if (c == 'v' + 256)
		return take_value(args, optarg);
	if (c == 'f')
		return px_read_value(optarg, VALUE_MAX, &args->value);
	args->generate = true;
	return PX_OK;
}

static enum px_status parse(int argc, char **argv, struct arguments *args)
{
	static const struct option longs[] = { PX_COMMON_OPTIONS,
					       { "value", required_argument, NULL, 'v' + 256 },
					       { "value-file", required_argument, NULL, 'f' },
					       { "generate", no_argument, NULL, 'g' },
					       { "force", no_argument, NULL, 'F' },
					       { NULL, 0, NULL, 0 } };
	enum px_status st;
	int c;

	while ((c = px_next_option(args->words, argc, argv, "", longs)) != -1) {
		st = take_option(args, c);
		if (st)
			return st;
	}
	if (argc - optind != 1)
		return px_usage(args->words);
	args->path = argv[optind];
	return PX_OK;
}

static enum px_status get_value(struct arguments *args)
{
	if (args->generate)
		return px_new_key_generate(&args->value);
	if (!args->value)
		return px_prompt_new_secret("value", &args->value);
	if (!px_secret_len(args->value))
		return px_fail(PX_USAGE, "the value is empty: it would be a secret that tells "
					 "nothing");
	return PX_OK;
}

static enum px_status write_value(const struct arguments *args, bool update)
{
	px_auto(session) struct px_session session = { 0 };
	px_auto(free) char *full = NULL;
	enum px_status st;

	st = px_session_open(&session);
	if (!st)
		st = px_session_path(&session, args->path, &full);
	if (st)
		return st;
	return update ? px_store_update(session.store, full, args->value)
		      : px_store_create(session.store, full, args->value);
}

enum px_status px_cmd_secret_create(int argc, char **argv)
{
	struct arguments args = { .words = "secrets create" };
	enum px_status st;

	st = parse(argc, argv, &args);
	if (!st)
		st = get_value(&args);
	if (!st)
		st = write_value(&args, false);
	px_secret_free(&args.value);
	return st;
}

enum px_status px_cmd_secret_update(int argc, char **argv)
{
	struct arguments args = { .words = "secrets update" };
	enum px_status st;

	st = parse(argc, argv, &args);
	if (!st)
		st = get_value(&args);
	/* Its store's clock ends there: people take their time. */
	if (!st && !args.force)
		st = px_secret_confirm("this replaces the value of", args.path);
	if (!st)
		st = write_value(&args, true);
	px_secret_free(&args.value);
	return st;
}
