/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <stdio.h>
#include <string.h>

#include "pxenc/clock.h"
#include "pxenc/cmd.h"
#include "pxenc/credentials.h"
#include "pxenc/key.h"
#include "pxenc/log.h"
#include "pxenc/persist.h"
#include "pxenc/places.h"
#include "pxenc/store.h"

struct arguments {
	const char *username;
	const char *service_account; /* a file */
	const char *base_path;
	bool from_stdin, persist;
	struct px_account account; /* filled as it becomes known */
};

/* --password exists because people's scripts have it; ps shall not see it for long. */
static enum px_status take_password(struct arguments *args, char *text)
{
	int r;

	px_secret_free(&args->account.password);
	r = px_secret_from(text, strlen(text), &args->account.password);
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
	case 'a':
		args->service_account = optarg;
		return PX_OK;
	case 'b':
		args->base_path = optarg;
		return PX_OK;
	case 'P':
		args->persist = true;
		return PX_OK;
	default:
		return PX_USAGE;
	}
}

/* A user and at most one way to give the password, or a service account. */
static enum px_status check_complete(const struct arguments *args)
{
	bool has_password = args->account.password != NULL;

	if (args->service_account && (args->username || has_password || args->from_stdin))
		return px_fail(PX_USAGE, "--service-account has a name and a key of its own: leave "
					 "out --username, --password and --password-stdin");
	if (!args->service_account && (!args->username || !*args->username))
		return px_fail(PX_USAGE, "who logs in? Give --username USER or --service-account "
					 "FILE");
	if (has_password && args->from_stdin)
		return px_fail(PX_USAGE, "give one of --password and --password-stdin");
	return PX_OK;
}

static enum px_status parse(int argc, char **argv, struct arguments *args)
{
	static const struct option longs[] = { PX_COMMON_OPTIONS,
					       { "username", required_argument, NULL, 'u' },
					       { "password", required_argument, NULL, 'p' },
					       { "password-stdin", no_argument, NULL, 's' },
					       { "service-account", required_argument, NULL, 'a' },
					       { "base-path", required_argument, NULL, 'b' },
					       { "persist", no_argument, NULL, 'P' },
					       { NULL, 0, NULL, 0 } };
	enum px_status st;
	int c;

	while ((c = px_next_option("secrets dcos login", argc, argv, "", longs)) != -1) {
		st = take_option(args, c);
		if (st)
			return st;
	}
	return argc == optind ? check_complete(args) : px_usage("secrets dcos login");
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

static enum px_status get_account(struct arguments *args)
{
	struct px_account *account = &args->account;

	if (args->service_account)
		return px_account_read_service(args->service_account, "service account", account);
	account->uid = strdup(args->username);
	if (!account->uid)
		return px_nomem();
	if (args->from_stdin)
		return password_from_stdin(&account->password);
	if (!account->password)
		return px_prompt_secret("password", &account->password);
	return PX_OK;
}

static enum px_status load_config(const struct arguments *args, struct px_config **ret_config)
{
	px_auto(config) struct px_config *config = NULL;
	enum px_status st;

	st = px_config_load(&config);
	if (!st && args->base_path)
		st = px_config_set_base_path(config, args->base_path);
	if (!st)
		*ret_config = px_steal(&config);
	return st;
}

/* Else it would serve until the ACS token expires, and then quietly give way to somebody else. */
static enum px_status check_persist(const struct px_config *config)
{
	enum px_credentials which = px_credentials_which(config);

	if (which == PX_CREDENTIALS_SERVICE || which == PX_CREDENTIALS_USER)
		return px_fail(PX_USAGE,
			       "the credentials that the config '%s' names come before a login "
			       "that is kept: remove them there, or log in without --persist",
			       config->file);
	return PX_OK;
}

static enum px_status log_in(const struct px_config *config, const struct arguments *args,
			     int64_t deadline)
{
	px_auto(store) struct px_store *store = NULL;
	enum px_status st;

	st = px_store_new(config, deadline, &store);
	return st ? st
		  : px_store_login(store, &args->account,
				   args->base_path ? config->base_path : NULL);
}

/* The login has worked: from here on a failure is that of the keeping alone. */
static enum px_status persist(const struct arguments *args, int64_t deadline)
{
	enum px_status st;
	bool tpm2;

	st = px_persist_save(&args->account, args->base_path, deadline, &tpm2);
	if (st)
		return st;
	printf("the login is kept in '%s', encrypted with %s\n", px_place_credstore_encrypted(),
	       tpm2 ? "this machine's TPM2 and its host key" : "this machine's host key");
	if (!tpm2)
		px_warn("without a TPM2 the host key lies on the same disk: this protects backups, "
			"not a stolen machine");
	return PX_OK;
}

static enum px_status login(struct arguments *args)
{
	px_auto(config) struct px_config *config = NULL;
	enum px_status st;
	int64_t deadline;

	st = load_config(args, &config);
	if (!st && args->persist)
		st = check_persist(config);
	if (!st)
		st = get_account(args);
	if (st)
		return st;
	/* A person types as long as it takes. */
	deadline = px_deadline_in(config->timeout);
	st = log_in(config, args, deadline);
	return st || !args->persist ? st : persist(args, deadline);
}

enum px_status px_cmd_login(int argc, char **argv)
{
	struct arguments args = { 0 };
	enum px_status st;

	st = parse(argc, argv, &args);
	if (!st)
		st = login(&args);
	px_account_clear(&args.account);
	return st;
}

enum px_status px_cmd_logout(int argc, char **argv)
{
	static const struct option longs[] = { PX_COMMON_OPTIONS, { NULL, 0, NULL, 0 } };
	px_auto(config) struct px_config *config = NULL;
	bool any = false, kept = false;
	enum px_status st;

	if (px_next_option("secrets dcos logout", argc, argv, "", longs) != -1)
		return PX_USAGE;
	if (argc != optind)
		return px_usage("secrets dcos logout");
	st = px_persist_forget(&kept);
	if (!st && kept)
		printf("the login that was kept for restarts is forgotten, too\n");
	if (!st)
		st = px_config_load(&config);
	if (!st)
		st = px_store_logout(config, &any);
	if (!st && !any && !kept)
		px_note("there was no login");
	return st;
}
