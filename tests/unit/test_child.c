/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pxenc/child.h"
#include "pxenc/clock.h"

#define SH(script) ((const char *const[]){ "/bin/sh", "-c", script, NULL })
#define LEAK 77 /* a descriptor that no child may inherit */

static struct fault no_fork, no_pipe2, no_fcntl, no_read, no_waitid, no_poll, no_syscall, no_prctl,
	no_open, no_dup2, no_write, no_lseek, no_memfd, no_go, no_close_range;
static int fcntl_command; /* that no_fcntl is for */
static pid_t parent;	  /* that getppid is to say; 0: the truth */
static void (*at_fork)(void);

pid_t __real_fork(void);
pid_t __wrap_fork(void);
pid_t __wrap___gcov_fork(void);
int __real_pipe2(int ends[2], int flags);
int __wrap_pipe2(int ends[2], int flags);
int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...);
ssize_t __real_read(int fd, void *data, size_t len);
ssize_t __wrap_read(int fd, void *data, size_t len);
int __real_waitid(idtype_t type, id_t id, siginfo_t *info, int options);
int __wrap_waitid(idtype_t type, id_t id, siginfo_t *info, int options);
int __real_poll(struct pollfd *fds, nfds_t n, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout);
long __real_syscall(long number, ...);
long __wrap_syscall(long number, long a, long b, long c, long d);
int __real_prctl(int option, ...);
int __wrap_prctl(int option, unsigned long a);
pid_t __real_getppid(void);
pid_t __wrap_getppid(void);
int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __real_dup2(int from, int to);
int __wrap_dup2(int from, int to);
int __real_close_range(unsigned int first, unsigned int last, int flags);
int __wrap_close_range(unsigned int first, unsigned int last, int flags);
ssize_t __real_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len);
int __real_memfd_create(const char *name, unsigned int flags);
int __wrap_memfd_create(const char *name, unsigned int flags);
off_t __real_lseek(int fd, off_t offset, int whence);
off_t __wrap_lseek(int fd, off_t offset, int whence);
void __real__exit(int status) __attribute__((noreturn));
void __wrap__exit(int status) __attribute__((noreturn));
void __gcov_dump(void) __attribute__((weak));

pid_t __wrap_fork(void)
{
	pid_t pid = fault_hits(&no_fork) ? -1 : __real_fork();

	if (at_fork)
		at_fork();
	return pid;
}

/* What gcc makes of fork with --coverage. */
pid_t __wrap___gcov_fork(void)
{
	return __wrap_fork();
}

int __wrap_pipe2(int ends[2], int flags)
{
	return fault_hits(&no_pipe2) ? -1 : __real_pipe2(ends, flags);
}

int __wrap_fcntl(int fd, int command, ...)
{
	va_list args;
	int value;

	va_start(args, command);
	value = va_arg(args, int);
	va_end(args);
	if (command == fcntl_command && fault_hits(&no_fcntl))
		return -1;
	return __real_fcntl(fd, command, value);
}

ssize_t __wrap_read(int fd, void *data, size_t len)
{
	return fault_hits(&no_read) ? -1 : __real_read(fd, data, len);
}

int __wrap_waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
	return fault_hits(&no_waitid) ? -1 : __real_waitid(type, id, info, options);
}

int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout)
{
	return fault_hits(&no_poll) ? -1 : __real_poll(fds, n, timeout);
}

long __wrap_syscall(long number, long a, long b, long c, long d)
{
	return fault_hits(&no_syscall) ? -1 : __real_syscall(number, a, b, c, d);
}

int __wrap_prctl(int option, unsigned long a)
{
	return fault_hits(&no_prctl) ? -1 : __real_prctl(option, a);
}

pid_t __wrap_getppid(void)
{
	return parent ? parent : __real_getppid();
}

int __wrap_open(const char *path, int flags, ...)
{
	return fault_hits(&no_open) ? -1 : __real_open(path, flags, 0600);
}

int __wrap_dup2(int from, int to)
{
	return fault_hits(&no_dup2) ? -1 : __real_dup2(from, to);
}

/* As Linux 5.10 has it, without any flag. */
int __wrap_close_range(unsigned int first, unsigned int last, int flags)
{
	if (flags) {
		errno = EINVAL;
		return -1;
	}
	return fault_hits(&no_close_range) ? -1 : __real_close_range(first, last, flags);
}

ssize_t __wrap_write(int fd, const void *data, size_t len)
{
	/* One byte lets a child go. */
	return fault_hits(len == 1 ? &no_go : &no_write) ? -1 : __real_write(fd, data, len);
}

off_t __wrap_lseek(int fd, off_t offset, int whence)
{
	return fault_hits(&no_lseek) ? -1 : __real_lseek(fd, offset, whence);
}

int __wrap_memfd_create(const char *name, unsigned int flags)
{
	return fault_hits(&no_memfd) ? -1 : __real_memfd_create(name, flags);
}

/* A child that ends here has counted lines too. */
void __wrap__exit(int status)
{
	if (__gcov_dump)
		__gcov_dump();
	__real__exit(status);
}

/* How many descriptors we have open. */
static int count_open(void)
{
	int fd, n = 0;

	for (fd = 0; fd < 256; fd++)
		n += __real_fcntl(fd, F_GETFD) >= 0;
	return n;
}

static int open_before;

static int begin(void **state)
{
	no_fork = no_pipe2 = no_fcntl = no_read = no_waitid = no_poll = (struct fault){ 0 };
	no_go = no_syscall = no_prctl = no_open = no_dup2 = no_write = no_lseek = no_memfd =
		no_close_range = (struct fault){ 0 };
	fcntl_command = -1;
	parent = 0;
	at_fork = NULL;
	open_before = count_open();
	return temp_dir_make(state);
}

/* Whatever a test did, no descriptor and no child (zombies included) is left of it. */
static int end(void **state)
{
	bool leaves = count_open() != open_before;
	bool childless = waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD;

	if (leaves)
		print_error("descriptors were left open\n");
	if (!childless)
		print_error("a child was left\n");
	return temp_dir_remove(state) || leaves || !childless;
}

static struct px_child start(const char *const argv[])
{
	struct px_child child = PX_CHILD_NONE;

	assert_int_equal(px_child_start(argv, &child), 0);
	assert_true(child.pid > 0 && child.in > 2 && child.out > 2);
	return child;
}

/* Everything that a child writes. */
static size_t read_all(int fd, char *data, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while (len < size - 1 && (n = __real_read(fd, data + len, size - 1 - len)) > 0)
		len += (size_t)n;
	data[len] = '\0';
	return len;
}

static void check_output(const char *const argv[], const char *wanted)
{
	struct px_child child = start(argv);
	char seen[4096];

	read_all(child.out, seen, sizeof(seen));
	px_child_end(&child, px_deadline_in(10));
	assert_string_equal(seen, wanted);
}

static bool is_alive(pid_t pid)
{
	return kill(pid, 0) == 0;
}

TEST(what_we_write_is_its_input_and_what_it_writes_is_read)
{
	struct px_child child = start((const char *const[]){ "/bin/cat", NULL });
	char seen[16];

	assert_int_equal(write(child.in, "ping", 4), 4);
	assert_int_equal(read(child.out, seen, sizeof(seen)), 4);
	assert_memory_equal(seen, "ping", 4);
	px_child_end(&child, px_deadline_in(10));
}

TEST(arguments_arrive_as_they_are)
{
	check_output((const char *const[]){ "/bin/sh", "-c", "printf '[%s]' \"$@\"", "sh", "",
					    "a b", "$(x);*\n", "-e", NULL },
		     "[][a b][$(x);*\n][-e]");
}

TEST(the_environment_is_path_and_lang_alone)
{
	setenv("LD_PRELOAD_X", "evil", 1);
	setenv("DCOS_SECRETS_PASSWORD", "hunter2", 1);
	check_output((const char *const[]){ "/usr/bin/env", NULL },
		     "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
		     "LANG=C.UTF-8\n");
	unsetenv("LD_PRELOAD_X");
	unsetenv("DCOS_SECRETS_PASSWORD");
}

TEST(no_descriptor_but_0_1_and_2_is_inherited)
{
	int kept = dup2(STDERR_FILENO, LEAK);

	assert_int_equal(kept, LEAK);
	/* 3 is the directory that ls reads. */
	check_output((const char *const[]){ "/bin/ls", "/proc/self/fd", NULL }, "0\n1\n2\n3\n");
	close(LEAK);
}

TEST(its_standard_error_is_the_null_device)
{
	check_output(SH("readlink /proc/$$/fd/2"), "/dev/null\n");
}

TEST(signals_are_neither_ignored_nor_blocked)
{
	sigset_t set, before;

	sigfillset(&set);
	sigdelset(&set, SIGALRM);
	sigprocmask(SIG_BLOCK, &set, &before);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	/* 32 and 33 are the C library's own: whoever started us may ignore them, we cannot. */
	check_output(
		SH("grep -E 'Sig(Blk|Ign)' /proc/self/status | sed 's/0000000180/0000000000/'"),
		"SigBlk:\t0000000000000000\n"
		"SigIgn:\t0000000000000000\n");
	signal(SIGPIPE, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	sigprocmask(SIG_SETMASK, &before, NULL);
}

TEST(a_program_that_is_not_there_cannot_be_started)
{
	struct px_child child = PX_CHILD_NONE;
	const char *missing = temp_path("none"), *text = temp_text("text", "#!", 0644);
	int status = 7;

	assert_int_equal(px_child_start((const char *const[]){ missing, NULL }, &child), -ENOENT);
	assert_int_equal(px_child_start((const char *const[]){ text, NULL }, &child), -EACCES);
	assert_int_equal(px_child_run((const char *const[]){ missing, NULL }, true, &status),
			 -ENOENT);
	assert_int_equal(child.pid, 0);
	assert_int_equal(child.in, -1);
	assert_int_equal(child.out, -1);
	assert_int_equal(status, 7);
}

TEST(a_relative_name_is_not_searched_for)
{
	struct px_child child = PX_CHILD_NONE;

	assert_int_equal(px_child_start((const char *const[]){ "sh", NULL }, &child), -ENOENT);
}

TEST(an_argument_that_the_kernel_does_not_take_is_said_so)
{
	px_auto(free) char *huge = malloc(1 << 20);
	struct px_child child = PX_CHILD_NONE;

	assert_non_null(huge);
	memset(huge, 'x', 1 << 20);
	huge[(1 << 20) - 1] = '\0';
	assert_int_equal(px_child_start((const char *const[]){ "/bin/true", huge, NULL }, &child),
			 -E2BIG);
}

TEST(without_descriptors_nothing_is_started)
{
	struct px_child child = PX_CHILD_NONE;
	unsigned int nth;

	for (nth = 0; nth < 4; nth++) {
		no_pipe2 = (struct fault){ .skip = nth, .times = 1, .error = EMFILE };
		assert_int_equal(px_child_start(SH(":"), &child), -EMFILE);
	}
	fcntl_command = F_DUPFD_CLOEXEC;
	for (nth = 0; nth < 9; nth++) {
		no_fcntl = (struct fault){ .skip = nth, .times = 1, .error = EMFILE };
		assert_int_equal(px_child_start(SH(":"), &child), -EMFILE);
	}
	assert_int_equal(child.pid, 0);
	assert_int_equal(count_open(), open_before);
}

TEST(without_a_process_nothing_is_started)
{
	struct px_child child = PX_CHILD_NONE;
	int status = 7;

	no_fork = (struct fault){ .times = 1, .error = EAGAIN };
	assert_int_equal(px_child_start(SH(":"), &child), -EAGAIN);
	no_fork = (struct fault){ .times = 1, .error = ENOMEM };
	assert_int_equal(px_child_run(SH(":"), true, &status), -ENOMEM);
	assert_int_equal(child.pid, 0);
	assert_int_equal(status, 7);
}

TEST(what_fails_between_fork_and_exec_is_told)
{
	struct px_child child = PX_CHILD_NONE;

	no_prctl = (struct fault){ .times = 1, .error = EINVAL };
	assert_int_equal(px_child_start(SH(":"), &child), -EINVAL);
	no_prctl.times = 0;
	no_dup2 = (struct fault){ .times = 1, .error = EBUSY };
	assert_int_equal(px_child_start(SH(":"), &child), -EBUSY);
	no_dup2 = (struct fault){ .skip = 1, .times = 1, .error = EBUSY };
	assert_int_equal(px_child_start(SH(":"), &child), -EBUSY);
	no_dup2.times = 0;
	no_open = (struct fault){ .times = 1, .error = ENOENT };
	assert_int_equal(px_child_start(SH(":"), &child), -ENOENT);
	no_open.times = 0;
	no_close_range = (struct fault){ .times = 1, .error = EPERM };
	assert_int_equal(px_child_start(SH(":"), &child), -EPERM);
	no_close_range = (struct fault){ .skip = 1, .times = 1, .error = EPERM };
	assert_int_equal(px_child_start(SH(":"), &child), -EPERM);
}

TEST(a_parent_that_died_before_the_child_could_be_tied_to_it_is_noticed)
{
	struct px_child child = PX_CHILD_NONE;

	parent = 1;
	assert_int_equal(px_child_start(SH(":"), &child), -ESRCH);
}

TEST(interruptions_while_starting_and_ending_are_no_failures)
{
	struct px_child child = PX_CHILD_NONE;
	int status = 7;

	no_read = (struct fault){ .times = 2, .error = EINTR };
	no_poll = (struct fault){ .times = 2, .error = EINTR };
	no_waitid = (struct fault){ .times = 2, .error = EINTR };
	assert_int_equal(px_child_start(SH(":"), &child), 0);
	px_child_end(&child, px_deadline_in(10));
	assert_int_equal(no_read.times + no_poll.times + no_waitid.times, 0);
	no_waitid = (struct fault){ .times = 1, .error = EINTR };
	assert_int_equal(px_child_run(SH("exit 3"), false, &status), 0);
	assert_int_equal(status, 3);
	no_waitid = (struct fault){ .times = 1, .error = EINTR };
	assert_int_equal(px_child_start((const char *const[]){ "/none", NULL }, &child), -ENOENT);
}

TEST(a_program_runs_to_its_end_and_its_status_is_the_shells)
{
	int status = 7;

	assert_int_equal(px_child_run(SH(":"), false, &status), 0);
	assert_int_equal(status, 0);
	assert_int_equal(px_child_run(SH("exit 255"), false, &status), 0);
	assert_int_equal(status, 255);
	assert_int_equal(px_child_run(SH("kill -TERM $$"), true, &status), 0);
	assert_int_equal(status, 128 + SIGTERM);
}

TEST(a_program_that_cannot_be_waited_for_is_an_error)
{
	int status = 7;

	no_waitid = (struct fault){ .times = 1, .error = ECHILD };
	assert_int_equal(px_child_run(SH(":"), false, &status), -ECHILD);
	assert_int_equal(status, 7);
	waitpid(-1, NULL, 0);
}

TEST(a_program_that_is_run_has_no_input)
{
	int status = 7;

	assert_int_equal(
		px_child_run(SH("test $(readlink /proc/$$/fd/0) = /dev/null"), false, &status), 0);
	assert_int_equal(status, 0);
	assert_int_equal(px_child_run((const char *const[]){ "/bin/cat", NULL }, false, &status),
			 0);
	assert_int_equal(status, 0);
}

/* Runs a program while our own stdout and stderr are two files; then tells what these hold. */
static int run_into(const char *const argv[], bool quiet, char *ret_out, char *ret_err, size_t size)
{
	int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO), status = -1, r;
	int out_file = open(temp_path("out"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int err_file = open(temp_path("err"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	dup2(out_file, STDOUT_FILENO);
	dup2(err_file, STDERR_FILENO);
	r = px_child_run(argv, quiet, &status);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	lseek(out_file, 0, SEEK_SET);
	lseek(err_file, 0, SEEK_SET);
	read_all(out_file, ret_out, size);
	read_all(err_file, ret_err, size);
	close(out);
	close(err);
	close(out_file);
	close(err_file);
	assert_int_equal(r, 0);
	return status;
}

TEST(a_program_that_is_run_has_our_own_outputs)
{
	char out[64], err[64];

	assert_int_equal(run_into(SH("echo out; echo err >&2"), false, out, err, 64), 0);
	assert_string_equal(out, "out\n");
	assert_string_equal(err, "err\n");
}

TEST(a_quiet_program_that_succeeds_says_nothing)
{
	char out[64], err[64];

	assert_int_equal(run_into(SH("echo out; echo err >&2"), true, out, err, 64), 0);
	assert_string_equal(out, "");
	assert_string_equal(err, "");
}

TEST(a_quiet_program_that_fails_has_its_say_on_standard_error)
{
	char out[64], err[64];

	assert_int_equal(run_into(SH("echo out; echo err >&2; exit 1"), true, out, err, 64), 1);
	assert_string_equal(out, "");
	assert_string_equal(err, "out\nerr\n");
}

TEST(a_quiet_program_may_say_more_than_a_pipe_holds)
{
	static char out[400000], err[400000];

	assert_int_equal(run_into(SH("head -c 300000 /dev/zero | tr '\\0' x; exit 4"), true, out,
				  err, sizeof(err)),
			 4);
	assert_int_equal(strlen(out), 0);
	assert_int_equal(strlen(err), 300000);
}

TEST(what_a_quiet_program_said_may_fail_to_be_shown)
{
	char out[64], err[64];

	no_write = (struct fault){ .times = 1, .error = ENOSPC };
	assert_int_equal(run_into(SH("echo out; exit 1"), true, out, err, 64), 1);
	assert_string_equal(err, "");
	no_write.times = 0;
	fcntl_command = F_DUPFD_CLOEXEC;
	no_fcntl = (struct fault){ .times = 1, .error = EMFILE };
	assert_int_equal(run_into(SH("echo out; exit 1"), true, out, err, 64), 1);
	assert_string_equal(err, "");
}

TEST(more_output_than_a_pipe_holds_is_read_to_its_end)
{
	struct px_child child = start(SH("head -c 300000 /dev/zero | tr '\\0' x"));
	static char seen[400000];

	assert_int_equal(read_all(child.out, seen, sizeof(seen)), 300000);
	px_child_end(&child, px_deadline_in(10));
}

TEST(a_child_that_writes_what_nobody_reads_ends_by_itself)
{
	struct px_child child = start((const char *const[]){ "/bin/cat", "/dev/zero", NULL });
	int64_t since = px_now_ms();

	px_child_end(&child, px_deadline_in(60));
	assert_true(px_now_ms() - since < 30000);
}

TEST(a_child_that_waits_for_input_sees_its_end)
{
	struct px_child child = start((const char *const[]){ "/bin/cat", NULL });
	int64_t since = px_now_ms();

	px_child_end(&child, PX_FOREVER);
	assert_true(px_now_ms() - since < 30000);
}

TEST(a_child_that_ignores_signals_is_killed_at_the_deadline)
{
	struct px_child child = start(SH("trap '' TERM PIPE HUP INT; echo; exec sleep 1000"));
	pid_t pid = child.pid;
	int64_t since = px_now_ms();
	char line[2];

	assert_int_equal(read(child.out, line, 1), 1);
	px_child_end(&child, px_now_ms() + 50);
	assert_in_range(px_now_ms() - since, 50, 30000);
	assert_false(is_alive(pid));
	assert_int_equal(child.pid, 0);
	assert_int_equal(child.in, -1);
	assert_int_equal(child.out, -1);
}

TEST(at_the_end_of_its_scope_a_child_is_killed_at_once)
{
	int64_t since = px_now_ms();
	pid_t pid;

	{
		px_auto(child) struct px_child child = PX_CHILD_NONE;

		assert_int_equal(
			px_child_start((const char *const[]){ "/bin/sleep", "1000", NULL }, &child),
			0);
		pid = child.pid;
	}
	assert_false(is_alive(pid));
	assert_true(px_now_ms() - since < 30000);
}

TEST(a_child_that_cannot_be_watched_is_killed)
{
	struct px_child child = PX_CHILD_NONE;
	pid_t pid;

	no_syscall = (struct fault){ .times = 1, .error = EMFILE };
	assert_int_equal(px_child_start(SH("exec sleep 1000"), &child), -EMFILE);
	assert_int_equal(child.pid, 0);
	child = start(SH("exec sleep 1000"));
	pid = child.pid;
	no_poll = (struct fault){ .times = 1, .error = ENOMEM };
	px_child_end(&child, PX_FOREVER);
	assert_false(is_alive(pid));
	assert_int_equal(child.pid, 0);
}

TEST(the_end_of_a_child_tells_its_status)
{
	struct px_child child = start(SH("exit 11"));

	assert_int_equal(px_child_end(&child, px_deadline_in(10)), 11);
	child = start(SH("exec sleep 1000"));
	assert_int_equal(px_child_end(&child, 0), 128 + SIGKILL);
	assert_int_equal(px_child_end(&child, 0), 0);
}

/* As a shell with `trap '' CHLD` leaves it to the programs that it starts. */
TEST(a_caller_that_has_its_children_reaped_gets_no_status_and_hits_no_other_process)
{
	struct px_child child = PX_CHILD_NONE;

	signal(SIGCHLD, SIG_IGN);
	child = start(SH("exit 11"));
	assert_int_equal(px_child_end(&child, px_deadline_in(10)), -ECHILD);
	child = start(SH("exec sleep 1000"));
	assert_int_equal(px_child_end(&child, 0), -ECHILD);
	assert_int_equal(px_child_start((const char *const[]){ "/none", NULL }, &child), -ENOENT);
	signal(SIGCHLD, SIG_DFL);
}

static int *handled; /* seen by the child as well */

static void count_handled(int sig)
{
	(void)sig;
	(*handled)++;
}

static void raise_winch(void)
{
	raise(SIGWINCH);
}

TEST(no_handler_of_ours_runs_in_the_child)
{
	struct px_child child = PX_CHILD_NONE;

	handled = mmap(NULL, sizeof(*handled), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	assert_ptr_not_equal(handled, MAP_FAILED);
	signal(SIGWINCH, count_handled);
	at_fork = raise_winch; /* in both of them */
	child = start(SH("exit 5"));
	assert_int_equal(px_child_end(&child, px_deadline_in(10)), 5);
	assert_int_equal(*handled, 1);
	signal(SIGWINCH, SIG_DFL);
	munmap(handled, sizeof(*handled));
}

TEST(what_its_input_holds_is_given_at_once_and_both_its_outputs_are_read)
{
	struct px_child child = PX_CHILD_NONE;
	char seen[64];

	assert_int_equal(px_child_start_with("ping", 4, SH("cat; echo err >&2; exit 3"), &child),
			 0);
	assert_int_equal(child.in, -1);
	assert_int_equal(read_all(child.out, seen, sizeof(seen)), 4);
	assert_string_equal(seen, "ping");
	assert_int_equal(read_all(child.err, seen, sizeof(seen)), 4);
	assert_string_equal(seen, "err\n");
	assert_int_equal(px_child_end(&child, px_deadline_in(10)), 3);
}

TEST(input_that_nobody_reads_does_not_matter)
{
	static char much[1 << 20];
	struct px_child child = PX_CHILD_NONE;

	assert_int_equal(px_child_start_with(much, sizeof(much), SH("exec <&-"), &child), 0);
	assert_int_equal(px_child_end(&child, px_deadline_in(10)), 0);
}

TEST(what_cannot_be_started_with_input_leaves_nothing)
{
	const char *const missing[] = { "/none", NULL };
	struct px_child child = PX_CHILD_NONE;
	unsigned int nth;

	assert_int_equal(px_child_start_with("", 0, missing, &child), -ENOENT);
	for (nth = 0; nth < 4; nth++) {
		no_pipe2 = (struct fault){ .skip = nth, .times = 1, .error = EMFILE };
		assert_int_equal(px_child_start_with("", 0, SH(":"), &child), -EMFILE);
	}
	no_pipe2.times = 0;
	no_write = (struct fault){ .times = 1, .error = ENOSPC };
	assert_int_equal(px_child_start_with("xy", 2, SH(":"), &child), -ENOSPC);
	fcntl_command = F_DUPFD_CLOEXEC;
	no_fcntl = (struct fault){ .times = 1, .error = EMFILE };
	assert_int_equal(px_child_start_with("", 0, SH(":"), &child), -EMFILE);
	no_lseek = (struct fault){ .times = 1, .error = EIO };
	assert_int_equal(px_child_start_with("", 0, SH(":"), &child), -EIO);
	no_memfd = (struct fault){ .times = 1, .error = ENOMEM };
	assert_int_equal(px_child_start_with("", 0, SH(":"), &child), -ENOMEM);
	assert_int_equal(child.pid, 0);
}

TEST(ending_no_child_is_fine_and_so_is_ending_twice)
{
	struct px_child child = PX_CHILD_NONE;

	px_child_end(NULL, 0);
	px_child_end(&child, PX_FOREVER);
	child = start(SH(":"));
	px_child_end(&child, px_deadline_in(10));
	px_child_end(&child, px_deadline_in(10));
}

TEST(a_child_dies_with_its_parent)
{
	struct px_child child = PX_CHILD_NONE;
	struct pollfd fd = { .events = POLLIN };
	pid_t middle, orphan = 0;
	int ends[2];
	bool died;

	assert_int_equal(pipe(ends), 0);
	middle = fork();
	if (middle == 0) {
		const char *const argv[] = { "/bin/sleep", "1000", NULL };

		if (px_child_start(argv, &child) == 0 &&
		    write(ends[1], &child.pid, sizeof(child.pid)) > 0)
			pause();
		_exit(1);
	}
	assert_int_equal(read(ends[0], &orphan, sizeof(orphan)), sizeof(orphan));
	fd.fd = (int)syscall(SYS_pidfd_open, orphan, 0);
	kill(middle, SIGKILL);
	waitpid(middle, NULL, 0);
	assert_true(fd.fd >= 0);
	died = poll(&fd, 1, 30000) == 1;
	if (!died)
		kill(orphan, SIGKILL);
	close(fd.fd);
	close(ends[0]);
	close(ends[1]);
	assert_true(died);
}

TEST(a_child_that_cannot_be_let_go_is_ended)
{
	struct px_child child = PX_CHILD_NONE;

	no_go = (struct fault){ .times = 1, .error = EIO };
	assert_int_equal(px_child_start((const char *const[]){ "/bin/true", NULL }, &child), -EIO);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void *start_many(void *failed)
{
	const char *const argv[] = { "/bin/true", NULL };
	int i;

	for (i = 0; i < 300; i++) {
		struct px_child child = PX_CHILD_NONE;

		if (px_child_start(argv, &child) != 0 ||
		    px_child_end(&child, px_deadline_in(30)) != 0)
			*(int *)failed = 1;
	}
	return NULL;
}

TEST(threads_of_a_host_may_start_programs_at_once)
{
	int status = -1, failed[2] = { 0, 0 };
	pthread_t other;
	pid_t pid = fork();

	if (pid == 0) {
		alarm(300);
		if (pthread_create(&other, NULL, start_many, &failed[1]) != 0)
			_exit(2);
		start_many(&failed[0]);
		pthread_join(other, NULL);
		_exit(failed[0] || failed[1]);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* In a process that has closed those of 0, 1 and 2 that closed has a bit for: what works? */
static void check_closed(unsigned int closed, int (*what)(void))
{
	pid_t pid = fork();
	int fd, status = -1;

	if (pid == 0) {
		for (fd = 0; fd < 3; fd++)
			if (closed & 1U << fd)
				close(fd);
		alarm(30);
		_exit(what());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status)
		fail_msg("with %#x closed: step %d (%#x)", closed, WEXITSTATUS(status), status);
}

static int cat_works(void)
{
	struct px_child child = PX_CHILD_NONE;
	char seen[16];

	if (px_child_start((const char *const[]){ "/bin/cat", NULL }, &child) != 0)
		return 1;
	if (child.in < 3 || child.out < 3 || write(child.in, "ping", 4) != 4)
		return 2;
	if (read(child.out, seen, sizeof(seen)) != 4 || memcmp(seen, "ping", 4) != 0)
		return 3;
	px_child_end(&child, px_deadline_in(10));
	return 0;
}

TEST(a_caller_without_0_1_or_2_can_start_programs)
{
	unsigned int closed;

	for (closed = 0; closed < 8; closed++)
		check_closed(closed, cat_works);
}

static int missing_is_told(void)
{
	struct px_child child = PX_CHILD_NONE;
	const char *const argv[] = { "/none", NULL };
	int status = 7;

	if (px_child_start(argv, &child) != -ENOENT || child.pid)
		return 1;
	if (px_child_run(argv, false, &status) != -ENOENT)
		return 2;
	return px_child_run(argv, true, &status) == -ENOENT && status == 7 ? 0 : 3;
}

TEST(a_caller_without_0_1_or_2_is_told_what_cannot_be_started)
{
	unsigned int closed;

	for (closed = 0; closed < 8; closed++)
		check_closed(closed, missing_is_told);
}

/* All three of the program's descriptors are there, whatever of ours are not. */
static int three_descriptors(void)
{
	const char *const argv[] = { "/bin/sh", "-c",
				     "test -e /proc/$$/fd/0 && test -e /proc/$$/fd/1 && "
				     "test -e /proc/$$/fd/2 && printf '' && printf '' >&2",
				     NULL };
	int status = 7;

	if (px_child_run(argv, false, &status) != 0 || status != 0)
		return 1;
	return px_child_run(argv, true, &status) == 0 && status == 0 ? 0 : 2;
}

TEST(a_caller_without_0_1_or_2_runs_programs_that_have_them)
{
	unsigned int closed;

	for (closed = 0; closed < 8; closed++)
		check_closed(closed, three_descriptors);
}

static int output_is_kept(void)
{
	int status = 7, ends[2];
	char seen[16];

	/* Our standard error, at the last: what the program said must get there. */
	if (__real_pipe2(ends, O_CLOEXEC) < 0 || __real_dup2(ends[1], STDERR_FILENO) < 0)
		return 1;
	if (px_child_run(SH("echo said; exit 9"), true, &status) != 0 || status != 9)
		return 2;
	return read(ends[0], seen, sizeof(seen)) == 5 && memcmp(seen, "said\n", 5) == 0 ? 0 : 3;
}

TEST(a_caller_without_0_or_1_is_shown_what_a_quiet_program_said)
{
	check_closed(0, output_is_kept);
	check_closed(1, output_is_kept);
	check_closed(2, output_is_kept);
}

TEST(a_child_that_cannot_tell_why_it_failed_ends_with_126)
{
	int status = 7;

	no_write = (struct fault){ .times = 1, .error = EIO };
	assert_int_equal(px_child_run((const char *const[]){ "/none", NULL }, false, &status), 0);
	assert_int_equal(status, 126);
}

#define child_test(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		child_test(what_we_write_is_its_input_and_what_it_writes_is_read),
		child_test(arguments_arrive_as_they_are),
		child_test(the_environment_is_path_and_lang_alone),
		child_test(no_descriptor_but_0_1_and_2_is_inherited),
		child_test(its_standard_error_is_the_null_device),
		child_test(signals_are_neither_ignored_nor_blocked),
		child_test(a_program_that_is_not_there_cannot_be_started),
		child_test(a_relative_name_is_not_searched_for),
		child_test(an_argument_that_the_kernel_does_not_take_is_said_so),
		child_test(without_descriptors_nothing_is_started),
		child_test(without_a_process_nothing_is_started),
		child_test(what_fails_between_fork_and_exec_is_told),
		child_test(a_parent_that_died_before_the_child_could_be_tied_to_it_is_noticed),
		child_test(interruptions_while_starting_and_ending_are_no_failures),
		child_test(a_program_runs_to_its_end_and_its_status_is_the_shells),
		child_test(a_program_that_cannot_be_waited_for_is_an_error),
		child_test(a_program_that_is_run_has_no_input),
		child_test(a_program_that_is_run_has_our_own_outputs),
		child_test(a_quiet_program_that_succeeds_says_nothing),
		child_test(a_quiet_program_that_fails_has_its_say_on_standard_error),
		child_test(a_quiet_program_may_say_more_than_a_pipe_holds),
		child_test(what_a_quiet_program_said_may_fail_to_be_shown),
		child_test(more_output_than_a_pipe_holds_is_read_to_its_end),
		child_test(a_child_that_writes_what_nobody_reads_ends_by_itself),
		child_test(a_child_that_waits_for_input_sees_its_end),
		child_test(a_child_that_ignores_signals_is_killed_at_the_deadline),
		child_test(at_the_end_of_its_scope_a_child_is_killed_at_once),
		child_test(a_child_that_cannot_be_watched_is_killed),
		child_test(the_end_of_a_child_tells_its_status),
		child_test(
			a_caller_that_has_its_children_reaped_gets_no_status_and_hits_no_other_process),
		child_test(no_handler_of_ours_runs_in_the_child),
		child_test(what_its_input_holds_is_given_at_once_and_both_its_outputs_are_read),
		child_test(input_that_nobody_reads_does_not_matter),
		child_test(what_cannot_be_started_with_input_leaves_nothing),
		child_test(ending_no_child_is_fine_and_so_is_ending_twice),
		child_test(a_child_dies_with_its_parent),
		child_test(a_child_that_cannot_be_let_go_is_ended),
		child_test(threads_of_a_host_may_start_programs_at_once),
		child_test(a_caller_without_0_1_or_2_can_start_programs),
		child_test(a_caller_without_0_1_or_2_is_told_what_cannot_be_started),
		child_test(a_caller_without_0_1_or_2_runs_programs_that_have_them),
		child_test(a_caller_without_0_or_1_is_shown_what_a_quiet_program_said),
		child_test(a_child_that_cannot_tell_why_it_failed_ends_with_126),
	};

	const char *preloaded = getenv("LD_PRELOAD");

	if (preloaded && strstr(preloaded, "vgpreload")) {
		print_message("valgrind has no pidfd_open(2) and dies of a failing execve(2)\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
