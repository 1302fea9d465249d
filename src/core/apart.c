/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/apart.h"

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pxenc/await.h"
#include "pxenc/close-others.h"
#include "pxenc/quiet.h"

#define GRACE_MS 1000 /* for one that was killed, to be gone */

/* Waits for the process to end without reaping it. 0, -ETIMEDOUT or -errno. */
static int await(pid_t pid, int64_t patience)
{
	px_auto(fd) int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

	return pidfd < 0 ? -errno : px_await(pidfd, pid, patience);
}

static int reap(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

/* Neither a lock of ours nor who reads what we print is to wait for the child. */
static void let_go(void)
{
	(void)px_quieten(STDIN_FILENO, STDERR_FILENO);
	px_close_others(-1, -1);
}

int px_apart(int (*work)(const void *arg), const void *arg, int64_t patience)
{
	pid_t pid = fork();
	int r;

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		let_go();
		_exit(-work(arg));
	}
	r = await(pid, patience);
	if (r == 0)
		return reap(pid);
	kill(pid, SIGKILL);
	/* On its way out it may still undo what it began, and must not do so to what our caller
	 * does next; but one in uninterruptible sleep would hang us as well. */
	if (await(pid, GRACE_MS) == 0)
		waitpid(pid, NULL, WNOHANG);
	return r;
}
