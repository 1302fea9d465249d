/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "hook.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "secrets.h"

static int run(char *const argv[])
{
	int r, status;
	pid_t pid;

	r = posix_spawn(&pid, argv[0], NULL, NULL, argv, environ);
	if (r)
		return r;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return errno;
	return status ? EIO : 0;
}

void dcosd_hook_run(const char *program, const struct dcosd_request *request)
{
	char *const argv[] = { (char *)program, request->method, request->target, NULL };
	int r;

	if (!program || !strcmp(request->method, "GET") ||
	    strncmp(request->path, DCOSD_SECRETS_PREFIX, strlen(DCOSD_SECRETS_PREFIX)) != 0)
		return;
	r = run(argv);
	if (r)
		fprintf(stderr, "pxenc-dcosd: --hook %s: %s\n", program, strerror(r));
}
