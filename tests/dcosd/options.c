/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "options.h"

#include <err.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "util.h"

static void help(void)
{
	printf("pxenc-dcosd: a stand-in for the IAM and the Secrets service of DC/OS, for tests "
	       "and\n"
	       "the demo. It is not a secret store: it keeps everything in memory, shows its\n"
	       "passwords in the process list, and breaks on request.\n\n"
	       "pxenc-dcosd --listen ADDRESS:PORT --cert FILE --key FILE [OPTION...]\n"
	       "  --listen ADDRESS:PORT         loopback only; port 0 picks one\n"
	       "  --cert FILE, --key FILE       for TLS, in PEM\n"
	       "  --ca FILE                     served as /ca/dcos-ca.crt\n"
	       "  --user UID:PASSWORD           a regular user\n"
	       "  --service-account UID:FILE    a service account and its public key in PEM\n"
	       "  --grant UID:RID:ACTION        a permission; RID may hold colons\n"
	       "  --secret PATH=VALUE           a text secret\n"
	       "  --secret-file PATH=FILE       a binary secret\n"
	       "  --token-lifetime SECONDS      of ACS tokens, 5 days by default\n"
	       "  --clock-ahead SECONDS         of this machine's clock\n"
	       "  --fault SPEC                  misbehave, see below\n"
	       "  --hook PROGRAM                run PROGRAM METHOD TARGET before a change of "
	       "secrets\n"
	       "  --log FILE                    append a line METHOD PATH STATUS per request\n\n"
	       "When ready it prints: listening on https://ADDRESS:PORT\n\n%s%s",
	       dcosd_fault_help, dcosd_control_help);
	exit(0);
}

static char *read_or_exit(const char *option, const char *file, size_t *ret_len)
{
	char *data = dcosd_read_file(file, ret_len);

	if (!data)
		err(1, "--%s %s", option, file);
	return data;
}

/* Ends TEXT at the separator and returns what is behind it. */
static char *split(const char *option, char *text, char *separator, const char *form)
{
	if (!separator || separator == text)
		errx(1, "--%s %s: expected %s", option, text, form);
	*separator = '\0';
	return separator + 1;
}

static void add_user(struct dcosd_cluster *cluster, char *argument)
{
	char *password = split("user", argument, strchr(argument, ':'), "UID:PASSWORD");

	if (!*password)
		errx(1, "--user %s: the password is empty", argument);
	if (!dcosd_account_add(&cluster->accounts, argument, password, NULL))
		errx(1, "--user %s: this account exists already", argument);
}

static void add_service_account(struct dcosd_cluster *cluster, char *argument)
{
	char *file = split("service-account", argument, strchr(argument, ':'), "UID:FILE");
	struct dcosd_key *key = dcosd_key_load_public(file);

	if (!key)
		errx(1, "--service-account %s: %s holds no RSA public key in PEM", argument, file);
	if (!dcosd_account_add(&cluster->accounts, argument, NULL, key))
		errx(1, "--service-account %s: this account exists already", argument);
}

/* A rid holds colons: the uid ends at the first of the argument, the action starts at the last. */
static void add_grant(struct dcosd_cluster *cluster, char *argument)
{
	static const char form[] = "UID:RID:ACTION";
	char *rid = split("grant", argument, strchr(argument, ':'), form);
	char *action = split("grant", rid, strrchr(rid, ':'), form);
	struct dcosd_resource *resource = dcosd_acl_find(&cluster->acl, rid);

	if (!dcosd_acl_action_exists(action))
		errx(1, "--grant %s:%s:%s: an action is create, read, update, delete or full",
		     argument, rid, action);
	if (!resource)
		resource = dcosd_acl_create(&cluster->acl, rid, rid);
	dcosd_acl_grant(resource, argument, action);
}

static void add_secret(struct dcosd_cluster *cluster, const char *option, const char *path,
		       const char *value, size_t len, bool binary)
{
	if (*path == '/')
		path++;
	if (!dcosd_store_create(&cluster->store, path, value, len, binary))
		errx(1, "--%s %s: this secret exists already", option, path);
}

static void add_text_secret(struct dcosd_cluster *cluster, char *argument)
{
	char *value = split("secret", argument, strchr(argument, '='), "PATH=VALUE");

	add_secret(cluster, "secret", argument, value, strlen(value), false);
}

static void add_binary_secret(struct dcosd_cluster *cluster, char *argument)
{
	char *file = split("secret-file", argument, strchr(argument, '='), "PATH=FILE");
	size_t len = 0;
	DCOSD_CLEANUP_FREE char *value = read_or_exit("secret-file", file, &len);

	add_secret(cluster, "secret-file", argument, value, len, true);
}

static int64_t parse_seconds(const char *option, const char *argument)
{
	char *rest;
	long long seconds = strtoll(argument, &rest, 10);

	if (rest == argument || *rest || seconds < 0 || seconds > 1000000000)
		errx(1, "--%s %s: expected seconds", option, argument);
	return seconds;
}

static int open_log(const char *file)
{
	int fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);

	if (fd < 0)
		err(1, "--log %s", file);
	return fd;
}

static void apply(struct dcosd_options *options, int option, char *argument)
{
	size_t len;

	switch (option) {
	case 'L':
		options->listen = argument;
		break;
	case 'c':
		free(options->cert_pem);
		options->cert_pem = read_or_exit("cert", argument, &len);
		break;
	case 'k':
		free(options->key_pem);
		options->key_pem = read_or_exit("key", argument, &len);
		break;
	case 'a':
		free(options->cluster->ca_pem);
		options->cluster->ca_pem = read_or_exit("ca", argument, &len);
		break;
	case 'u':
		add_user(options->cluster, argument);
		break;
	case 'U':
		add_service_account(options->cluster, argument);
		break;
	case 'g':
		add_grant(options->cluster, argument);
		break;
	case 's':
		add_text_secret(options->cluster, argument);
		break;
	case 'S':
		add_binary_secret(options->cluster, argument);
		break;
	case 't':
		options->cluster->token_lifetime = parse_seconds("token-lifetime", argument);
		break;
	case 'C':
		dcosd_set_clock_ahead(parse_seconds("clock-ahead", argument));
		break;
	case 'f':
		if (!dcosd_faults_add(options->faults, argument))
			errx(1, "--fault %s: see --help for the grammar", argument);
		break;
	case 'H':
		options->hook = argument;
		break;
	case 'l':
		options->log_fd = open_log(argument);
		break;
	case 'h':
		help();
		break;
	default:
		errx(1, "see --help");
	}
}

/* Accounts may come behind the grants that name them, so this is checked last. */
static void check_grants(const struct dcosd_cluster *cluster)
{
	const struct dcosd_resource *resource = cluster->acl.resources;
	const struct dcosd_permission *permission;

	for (; resource; resource = resource->next)
		for (permission = resource->permissions; permission; permission = permission->next)
			if (!dcosd_account_find(cluster->accounts, permission->uid))
				errx(1, "--grant %s:…: there is no such account", permission->uid);
}

void dcosd_options_parse(struct dcosd_options *options, int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "listen", required_argument, NULL, 'L' },
		{ "cert", required_argument, NULL, 'c' },
		{ "key", required_argument, NULL, 'k' },
		{ "ca", required_argument, NULL, 'a' },
		{ "user", required_argument, NULL, 'u' },
		{ "service-account", required_argument, NULL, 'U' },
		{ "grant", required_argument, NULL, 'g' },
		{ "secret", required_argument, NULL, 's' },
		{ "secret-file", required_argument, NULL, 'S' },
		{ "token-lifetime", required_argument, NULL, 't' },
		{ "clock-ahead", required_argument, NULL, 'C' },
		{ "fault", required_argument, NULL, 'f' },
		{ "hook", required_argument, NULL, 'H' },
		{ "log", required_argument, NULL, 'l' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) >= 0)
		apply(options, option, optarg);
	if (optind < argc)
		errx(1, "%s: not an option; see --help", argv[optind]);
	if (!options->listen || !options->cert_pem || !options->key_pem)
		errx(1, "--listen, --cert and --key are needed; see --help");
	check_grants(options->cluster);
}
