/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>

#include "pxenc/cmd.h"
#include "pxenc/key.h"
#include "pxenc/log.h"
#include "pxenc/signals.h"

static bool on_terminal(void)
{
	return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

enum px_status px_confirm(const char *question)
{
	char answer[8] = "";
	ssize_t n;

	if (!on_terminal())
		return px_fail(PX_DECLINED, "%s: not without --force", question);
	fprintf(stderr, "%s. Go on? (type yes) ", question);
	n = read(STDIN_FILENO, answer, sizeof(answer) - 1);
	if (n < 4 || strcmp(answer, "yes\n") != 0)
		return px_fail(PX_DECLINED, "nothing was changed");
	return PX_OK;
}

/* One line without its newline, straight into the secret's pages. */
static enum px_status read_line(struct px_secret **ret_secret)
{
	px_auto(secret) struct px_secret *line = NULL;
	ssize_t n;

	if (px_secret_new(PX_KEY_MAX + 1, &line) < 0)
		return px_nomem();
	do
		n = read(STDIN_FILENO, px_secret_data(line), px_secret_capacity(line));
	while (n < 0 && errno == EINTR);
	if (n <= 1 || px_secret_bytes(line)[n - 1] != '\n')
		return px_fail(PX_USAGE, "nothing was typed, or more than %d bytes", PX_KEY_MAX);
	px_secret_set_len(line, (size_t)n - 1);
	*ret_secret = px_steal(&line);
	return PX_OK;
}

/* Until a line is there, or one of the signals, which are blocked. True: a signal is. */
static bool wait_for_line(void)
{
	sigset_t ends = px_signals_ending(), pending;
	px_auto(fd) int ended = signalfd(-1, &ends, SFD_CLOEXEC);
	struct pollfd fds[] = { { .fd = STDIN_FILENO, .events = POLLIN },
				{ .fd = ended, .events = POLLIN } };

	while (poll(fds, ended < 0 ? 1 : 2, -1) < 0 && errno == EINTR)
		continue;
	sigpending(&pending);
	sigandset(&pending, &pending, &ends);
	return !sigisemptyset(&pending);
}

/* What ends us waits until the terminal echoes again, and no longer; all else until we are done. */
static enum px_status read_unseen(const struct termios *old, struct px_secret **ret_secret)
{
	struct termios silent = *old;
	enum px_status st = PX_OK;
	sigset_t all, before;
	bool ended;

	silent.c_lflag &= ~(tcflag_t)ECHO;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
	ended = wait_for_line();
	if (!ended)
		st = read_line(ret_secret);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, old);
	fputc('\n', stderr);
	sigprocmask(SIG_SETMASK, &before, NULL);
	/* Only where somebody ignores it. */
	return ended ? px_fail(PX_DECLINED, "nothing was changed") : st;
}

enum px_status px_prompt_secret(const char *prompt, struct px_secret **ret_secret)
{
	struct termios old;

	if (!on_terminal() || tcgetattr(STDIN_FILENO, &old) < 0)
		return px_fail(PX_USAGE, "no %s was given, and there is no terminal to ask for it",
			       prompt);
	fprintf(stderr, "%s: ", prompt);
	return read_unseen(&old, ret_secret);
}

enum px_status px_prompt_new_secret(const char *prompt, struct px_secret **ret_secret)
{
	px_auto(secret) struct px_secret *once = NULL, *again = NULL;
	px_auto(free) char *again_prompt = NULL;
	enum px_status st;

	if (asprintf(&again_prompt, "%s again", prompt) < 0) {
		again_prompt = NULL;
		return px_nomem();
	}
	st = px_prompt_secret(prompt, &once);
	if (!st)
		st = px_prompt_secret(again_prompt, &again);
	if (st)
		return st;
	if (!px_secret_equal(once, again))
		return px_fail(PX_USAGE, "the two do not match: nothing was changed");
	*ret_secret = px_steal(&once);
	return PX_OK;
}
