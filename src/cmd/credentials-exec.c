/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "credentials.h"
#include "pxenc/cmd.h"
#include "pxenc/io.h"
#include "pxenc/log.h"

/*
 * The command takes our place: its process is ours, so are its signals and its exit status, and
 * nothing of pxenc stays behind to clean up. Google's key, which its libraries want in a file, lies
 * in memory that ends with the command.
 */

struct key_file {
	char path[64]; /* "": there is none */
	int fd;
};

/* By our process id, which will be the command's: what it starts can read it, too, even where its
 * own descriptors were closed. */
static int make_key_file(const char *key, struct key_file *file)
{
	int r;

	file->fd = memfd_create("google-json-key", MFD_ALLOW_SEALING);
	if (file->fd < 0)
		return -errno;
	r = px_write_all(file->fd, key, strlen(key));
	if (r < 0)
		return r;
	if (fchmod(file->fd, S_IRUSR) < 0 ||
	    fcntl(file->fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) <
		    0)
		return -errno;
	snprintf(file->path, sizeof(file->path), "/proc/%d/fd/%d", (int)getpid(), file->fd);
	return 0;
}

/* Our own environment without what is replaced, then the variables, in the secret's pages. */
static char **make_environment(const struct px_secret *members, struct px_secret *variables)
{
	char *next = (char *)px_secret_data(variables);
	const char *end = next + px_secret_len(variables);
	size_t count = 0, n = 0;
	char **env, **all;

	for (env = environ; *env; env++)
		count++;
	/* A variable has at least three bytes: a name, '=' and NUL. */
	all = calloc(count + px_secret_len(variables) / 3 + 1, sizeof(*all));
	if (!all)
		return NULL;
	for (env = environ; *env; env++)
		if (!px_cloud_replaces(members, *env))
			all[n++] = *env;
	for (; next < end; next += strlen(next) + 1)
		all[n++] = next;
	return all;
}

/* A command that does not run gets the statuses that shells give it. */
static enum px_status run(char **command, char **environment)
{
	signal(SIGPIPE, SIG_DFL);
	execvpe(command[0], command, environment);
	return px_fail(errno == ENOENT ? PX_NO_COMMAND : PX_CANNOT_RUN, "cannot run '%s': %s",
		       command[0], strerror(errno));
}

static enum px_status run_with(const struct px_secret *members, char **command)
{
	const char *key = px_cloud_get(members, PX_CLOUD_GOOGLE_JSON_KEY);
	px_auto(secret) struct px_secret *variables = NULL;
	px_auto(free) char **environment = NULL;
	struct key_file file = { .fd = -1 };
	int r = key ? make_key_file(key, &file) : 0;

	if (r < 0)
		return px_fail(PX_KERNEL, "cannot keep google-json-key in memory: %s",
			       strerror(-r));
	if (px_cloud_environment(members, file.path, &variables) < 0)
		return px_nomem();
	environment = make_environment(members, variables);
	return environment ? run(command, environment) : px_nomem();
}

static enum px_status load(const char *name, struct px_secret **ret_members)
{
	px_auto(session) struct px_session session = { 0 };
	enum px_status st;

	st = px_session_open(&session);
	return st ? st : px_credentials_load(&session, name, ret_members);
}

enum px_status px_cmd_credentials_exec(int argc, char **argv)
{
	static const struct option longs[] = { PX_COMMON_OPTIONS, { NULL, 0, NULL, 0 } };
	px_auto(secret) struct px_secret *members = NULL;
	enum px_status st;

	if (px_next_option("credentials exec", argc, argv, "", longs) != -1)
		return PX_USAGE;
	/* getopt moves the name behind the two dashes, which keep the command's options from us. */
	if (argc - optind < 2 || strcmp(argv[optind - 1], "--") != 0)
		return px_usage("credentials exec");
	st = px_credentials_check_name(argv[optind]);
	if (!st)
		st = load(argv[optind], &members);
	return st ? st : run_with(members, argv + optind + 1);
}
