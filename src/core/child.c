/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "pxenc/clock.h"
#include "pxenc/io.h"

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

/* What parent and child share until exec closes it. */
struct leash {
	int hold[2];   /* the child waits for a byte */
	int report[2]; /* the child says by errno why it did not work */
	pid_t parent;
};

/* For a byte, since no end of the pipe may ever come: a child that another thread of ours started
 * meanwhile has its other end as well, and waits for its own. */
static bool may_go(const struct leash *leash)
{
	ssize_t n;
	char byte;

	do
		n = read(leash->hold[0], &byte, 1);
	while (n < 0 && errno == EINTR);
	return n == 1;
}

/* All above standard error but the pipe that tells of failures, which exec closes. That it close
 * all of them is a flag that came with Linux 5.11. */
static int close_others(const struct leash *leash)
{
	unsigned int report = (unsigned int)leash->report[1], first = STDERR_FILENO + 1;

	if (report > first && close_range(first, report - 1, 0) < 0)
		return -1;
	return close_range(report + 1, ~0U, 0);
}

static void __attribute__((noreturn))
exec_child(const char *const argv[], struct stdio stdio, const struct leash *leash)
{
	int error;

	default_signals();
	errno = 0;
	/* Bound to its parent first: that one may die while it is waited for. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == leash->parent && may_go(leash) &&
	    place(stdio.in, STDIN_FILENO) >= 0 && place(stdio.out, STDOUT_FILENO) >= 0 &&
	    place(stdio.err, STDERR_FILENO) >= 0 && close_others(leash) == 0)
		execve(argv[0], (char *const *)argv, (char *const *)clean_env);
	error = errno ? errno : ESRCH;
	if (write(leash->report[1], &error, sizeof(error)) < 0)
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
static int reap(int pidfd)
{
	siginfo_t info = { .si_code = 0 };

	while (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0)
		if (errno != EINTR)
			return -errno;
	return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

static void close_pipe(const int ends[2])
{
	close(ends[0]);
	close(ends[1]);
}

/* Two pipes or none. */
static int high_pipes(int one[2], int other[2])
{
	int r;

	r = high_pipe(one);
	if (r < 0)
		return r;
	r = high_pipe(other);
	if (r < 0)
		close_pipe(one);
	return r;
}

/* A descriptor for the process that has just been forked. -errno: there is none, nor the process.
 */
static int watch(pid_t pid)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0), r;

	if (pidfd >= 0)
		pidfd = move_up(pidfd);
	if (pidfd >= 0)
		return pidfd;
	r = -errno;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return r;
}

/* No handler of ours shall run in the child, where it might write into what we share with it. */
static pid_t fork_undisturbed(const char *const argv[], struct stdio stdio,
			      const struct leash *leash)
{
	sigset_t all, before;
	int error;
	pid_t pid;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	pid = fork();
	if (pid == 0)
		exec_child(argv, stdio, leash);
	error = errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	errno = error;
	return pid;
}

/* Lets the child go on, and waits for exec to succeed. 0 or the -errno of what did not work. */
static int let_go(struct leash *leash)
{
	int error = 0;
	ssize_t n;

	/* The pipe is empty, and its other end is open here: this neither waits nor fails. */
	if (write(leash->hold[1], "", 1) < 0)
		return -errno;
	close(leash->report[1]);
	leash->report[1] = -1;
	do
		n = read(leash->report[0], &error, sizeof(error));
	while (n < 0 && errno == EINTR);
	return n > 0 ? -error : 0;
}

/* The child waits until it is watched: where nobody reaps it but the kernel, it could be gone. */
static int spawn_on(struct leash *leash, const char *const argv[], struct stdio stdio,
		    struct px_child *ret_child)
{
	pid_t pid = fork_undisturbed(argv, stdio, leash);
	int pidfd = pid < 0 ? -errno : watch(pid);
	int r = pidfd < 0 ? pidfd : let_go(leash);

	if (r == 0) {
		ret_child->pid = pid;
		ret_child->pidfd = pidfd;
	} else if (pidfd >= 0) {
		/* One that could not be let go would wait for ever. */
		kill(pid, SIGKILL);
		reap(pidfd);
		close(pidfd);
	}
	return r;
}

/* Forks and waits for exec to succeed. 0 or the -errno of what did not work. */
static int spawn(const char *const argv[], struct stdio stdio, struct px_child *ret_child)
{
	struct leash leash = { .parent = getpid() };
	int r;

	r = high_pipes(leash.hold, leash.report);
	if (r < 0)
		return r;
	r = spawn_on(&leash, argv, stdio, ret_child);
	for (int i = 0; i < 2; i++) {
		px_fd_cleanup(&leash.hold[i]);
		px_fd_cleanup(&leash.report[i]);
	}
	return r;
}

int px_child_start(const char *const argv[], struct px_child *ret_child)
{
	int in[2], out[2], r;

	r = high_pipes(in, out);
	if (r < 0)
		return r;
	r = spawn(argv, (struct stdio){ .in = in[0], .out = out[1], .err = -1 }, ret_child);
	if (r < 0) {
		close_pipe(in);
		close_pipe(out);
		return r;
	}
	close(in[0]);
	close(out[1]);
	ret_child->in = in[1];
	ret_child->out = out[0];
	return 0;
}

/* A file in memory, to be read from its start. */
static int file_with(const void *data, size_t len)
{
	px_auto(fd) int fd = memfd_create("input", MFD_CLOEXEC);
	int r, made;

	if (fd >= 0)
		fd = move_up(fd);
	if (fd < 0)
		return -errno;
	r = px_write_all(fd, data, len);
	if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = -errno;
	if (r < 0)
		return r;
	made = fd;
	fd = -1;
	return made;
}

int px_child_start_with(const void *data, size_t len, const char *const argv[],
			struct px_child *ret_child)
{
	px_auto(fd) int input = file_with(data, len);
	int out[2], err[2], r;

	if (input < 0)
		return input;
	r = high_pipes(out, err);
	if (r < 0)
		return r;
	r = spawn(argv, (struct stdio){ .in = input, .out = out[1], .err = err[1] }, ret_child);
	if (r < 0) {
		close_pipe(out);
		close_pipe(err);
		return r;
	}
	close(out[1]);
	close(err[1]);
	ret_child->out = out[0];
	ret_child->err = err[0];
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
	struct px_child child = PX_CHILD_NONE;
	int r;

	r = spawn(argv, stdio, &child);
	if (r < 0)
		return r;
	r = reap(child.pidfd);
	close(child.pidfd);
	if (r < 0)
		return r;
	if (quiet && r != 0)
		show_output(output);
	*ret_status = r;
	return 0;
}

/* Waits for the process to end without reaping it: true when it did before the deadline. */
static bool ended_by(int pidfd, int64_t deadline)
{
	struct pollfd fd = { .fd = pidfd, .events = POLLIN };
	int r;

	do
		r = poll(&fd, 1, px_deadline_left(deadline));
	while (r < 0 && errno == EINTR);
	return r > 0;
}

int px_child_end(struct px_child *child, int64_t deadline)
{
	int status = 0;

	if (!child)
		return 0;
	px_fd_cleanup(&child->in);
	px_fd_cleanup(&child->out);
	px_fd_cleanup(&child->err);
	if (child->pid > 0) {
		if (!ended_by(child->pidfd, deadline))
			syscall(SYS_pidfd_send_signal, child->pidfd, SIGKILL, NULL, 0);
		status = reap(child->pidfd);
		close(child->pidfd);
	}
	*child = PX_CHILD_NONE;
	return status;
}
