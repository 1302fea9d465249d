/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/peek.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "pxenc/cleanup.h"
#include "pxenc/clock.h"
#include "pxenc/file.h"
#include "pxenc/log.h"
#include "pxenc/luks.h"

#define PATIENCE_SECONDS 2

static void be_silent(const char *line)
{
	(void)line;
}

static void __attribute__((noreturn)) look(const char *device, int to)
{
	px_auto(luks) struct px_luks *luks = NULL;
	const struct px_token *token;
	struct px_peek peek = { 0 };

	px_log_set_sink(be_silent);
	if (px_luks_load(device, &luks))
		_exit(1);
	token = px_luks_token(luks);
	snprintf(peek.cipher, sizeof(peek.cipher), "%s", px_luks_cipher(luks));
	snprintf(peek.uuid, sizeof(peek.uuid), "%s", px_luks_uuid(luks));
	snprintf(peek.secret, sizeof(peek.secret), "%s", token ? token->secret : "");
	if (token && (token->next.secret || token->old.secret))
		snprintf(peek.other, sizeof(peek.other), "%s",
			 token->next.secret ? token->next.secret : token->old.secret);
	snprintf(peek.store, sizeof(peek.store), "%s", token ? token->store : "");
	peek.key_bits = px_luks_key_bits(luks);
	peek.version = px_luks_version(luks);
	_exit(px_write_all(to, &peek, sizeof(peek)) < 0);
}

/* The whole struct at once (it is smaller than PIPE_BUF), or nothing. */
static int read_answer(int from, struct px_peek *ret_peek)
{
	struct pollfd fd = { .fd = from, .events = POLLIN };
	struct px_peek peek;
	int r;

	r = poll(&fd, 1, px_deadline_left(px_deadline_in(PATIENCE_SECONDS)));
	if (r < 0)
		return -errno;
	if (r == 0)
		return -ETIMEDOUT;
	if (read(from, &peek, sizeof(peek)) != sizeof(peek))
		return -EINVAL;
	*ret_peek = peek;
	return 0;
}

int px_peek(const char *device, struct px_peek *ret_peek)
{
	int ends[2], r;
	pid_t pid;

	if (pipe(ends) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		look(device, ends[1]);
	close(ends[1]);
	r = pid < 0 ? -errno : read_answer(ends[0], ret_peek);
	close(ends[0]);
	if (pid > 0) {
		kill(pid, SIGKILL);
		/* A child in uninterruptible sleep is left to init: waiting for it is what we
		 * avoid. */
		waitpid(pid, NULL, r == -ETIMEDOUT ? WNOHANG : 0);
	}
	return r;
}
