/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "pxenc/clock.h"
#include "pxenc/file.h"

/* What a new program's descriptors 0, 1 and 2 are to be; -1: /dev/null. */
struct stdio {
	int in, out, err;
};

static const char *const clean_env[] = {
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	"LANG=C.UTF-8",
	NULL,
};

/*
 * Moves fd to target, or /dev/null where there is none or our own is closed. Sources lie above 2
 * or are their own target, so no move overwrites another.
 */
static int place(int fd, int target)
{
	if (fd < 0 || fcntl(fd, F_GETFD) < 0)
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (fd == target)
		return fcntl(fd, F_SETFD, 0);
	return fd < 0 ? -1 : dup2(fd, target);
}

static void default_signals(void)
{
	sigset_t none;
	int sig;

	for (sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* In the child. Says by errno over the report pipe, which exec closes, why it did not work. */
static void __attribute__((noreturn))
exec_child(const char *const argv[], struct stdio stdio, pid_t parent, int report)
{
	int error;

	default_signals();
	close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
	errno = 0;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent &&
	    place(stdio.in, STDIN_FILENO) >= 0 && place(stdio.out, STDOUT_FILENO) >= 0 &&
	    place(stdio.err, STDERR_FILENO) >= 0)
		execve(argv[0], (char *const *)argv, (char *const *)clean_env);
	error = errno ? errno : ESRCH;
	if (write(report, &error, sizeof(error)) < 0)
		_exit(126);
	_exit(127);
}

/* Moves a descriptor of ours above 2, where exec_child's moves do not overwrite it. -1: errno. */
static int move_up(int fd)
{
	int high = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	px_fd_cleanup(&fd);
	return high;
}

/* pipe2, with both ends above 2 whatever of 0, 1 and 2 the caller has closed. */
static int high_pipe(int ends[2])
{
	int low[2], r;

	if (pipe2(low, O_CLOEXEC) < 0)
		return -errno;
	ends[0] = move_up(low[0]);
	ends[1] = move_up(low[1]);
	if (ends[0] >= 0 && ends[1] >= 0)
		return 0;
	r = -errno;
	px_fd_cleanup(&ends[0]);
	px_fd_cleanup(&ends[1]);
	return r;
}

/* The exit status as a shell has it; -errno when the child cannot be waited for. */
static int reap(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Forks and waits for exec to succeed. 0 or the errno of what did not work in the child. */
static int spawn(const char *const argv[], struct stdio stdio, pid_t *ret_pid)
{
	pid_t pid, parent = getpid();
	int report[2], error = 0, r;
	ssize_t n;

	r = high_pipe(report);
	if (r < 0)
		return r;
	pid = fork();
	if (pid == 0)
		exec_child(argv, stdio, parent, report[1]);
	error = pid < 0 ? errno : 0;
	close(report[1]);
	if (pid > 0) {
		do
			n = read(report[0], &error, sizeof(error));
		while (n < 0 && errno == EINTR);
		if (n > 0)
			reap(pid);
		else
			*ret_pid = pid;
	}
	close(report[0]);
	return -error;
}

int px_child_start(const char *const argv[], struct px_child *ret_child)
{
	int in[2], out[2], r;

	r = high_pipe(in);
	if (r < 0)
		return r;
	r = high_pipe(out);
	if (r < 0) {
		close(in[0]);
		close(in[1]);
		return r;
	}
	r = spawn(argv, (struct stdio){ .in = in[0], .out = out[1], .err = -1 }, &ret_child->pid);
	close(in[0]);
	close(out[1]);
	if (r < 0) {
		close(in[1]);
		close(out[0]);
		return r;
	}
	ret_child->in = in[1];
	ret_child->out = out[0];
	return 0;
}

/* What a quiet program said before it failed. There is nobody to tell if that cannot be shown. */
static void show_output(int file)
{
	char block[4096];
	ssize_t n;

	lseek(file, 0, SEEK_SET);
	while ((n = read(file, block, sizeof(block))) > 0)
		if (px_write_all(STDERR_FILENO, block, (size_t)n) < 0)
			return;
}

int px_child_run(const char *const argv[], bool quiet, int *ret_status)
{
	px_auto(fd) int output = quiet ? move_up(memfd_create("output", MFD_CLOEXEC)) : -1;
	struct stdio stdio = { .in = -1,
			       .out = quiet ? output : STDOUT_FILENO,
			       .err = quiet ? output : STDERR_FILENO };
	pid_t pid;
	int r;

	r = spawn(argv, stdio, &pid);
	if (r < 0)
		return r;
	r = reap(pid);
	if (r < 0)
		return r;
	if (quiet && r != 0)
		show_output(output);
	*ret_status = r;
	return 0;
}

/* Waits for the process to end without reaping it: true when it did before the deadline. */
static bool ended_by(pid_t pid, int64_t deadline)
{
	struct pollfd fd = { .fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN };
	int r;

	if (fd.fd < 0)
		return false;
	do
		r = poll(&fd, 1, px_deadline_left(deadline));
	while (r < 0 && errno == EINTR);
	close(fd.fd);
	return r > 0;
}

void px_child_end(struct px_child *child, int64_t deadline)
{
	if (!child)
		return;
	px_fd_cleanup(&child->in);
	px_fd_cleanup(&child->out);
	if (child->pid > 0) {
		if (!ended_by(child->pid, deadline))
			kill(child->pid, SIGKILL);
		reap(child->pid);
	}
	*child = PX_CHILD_NONE;
}
