/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "pxenc/close-others.h"
#include "pxenc/quiet.h"

static void __attribute__((noreturn))
run(void (*work)(void *arg, int in, int to), void *arg, int in, int to, pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent ||
	    px_quieten(STDIN_FILENO, STDOUT_FILENO) < 0)
		_exit(EXIT_FAILURE);
	px_close_others(in, to);
	work(arg, in, to);
	_exit(EXIT_SUCCESS);
}

int px_worker_start(void (*work)(void *arg, int in, int to), void *arg, int in,
		    struct px_worker *ret_worker)
{
	pid_t pid, parent = getpid();
	int ends[2], r;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		run(work, arg, in, ends[1], parent);
	r = pid < 0 ? -errno : 0;
	close(ends[1]);
	if (r < 0)
		close(ends[0]);
	else
		*ret_worker = (struct px_worker){ .pid = pid, .from = ends[0] };
	return r;
}

void px_worker_be_quiet(void)
{
	(void)px_quieten(STDERR_FILENO, STDERR_FILENO);
}

void px_worker_end(struct px_worker *worker)
{
	px_fd_cleanup(&worker->from);
	while (worker->pid > 0 && waitpid(worker->pid, NULL, 0) < 0 && errno == EINTR)
		;
	*worker = PX_WORKER_NONE;
}

pid_t px_worker_kill(struct px_worker *worker)
{
	pid_t pid = worker->pid;

	px_fd_cleanup(&worker->from);
	*worker = PX_WORKER_NONE;
	if (pid <= 0)
		return 0;
	kill(pid, SIGKILL);
	return px_worker_is_gone(pid) ? 0 : pid;
}

bool px_worker_is_gone(pid_t pid)
{
	return waitpid(pid, NULL, WNOHANG) != 0;
}
