/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pxenc/apart.h"

static struct fault no_fork, no_waitpid, no_poll, no_syscall;

pid_t __real_fork(void);
pid_t __wrap_fork(void);
pid_t __wrap___gcov_fork(void);
pid_t __real_waitpid(pid_t pid, int *status, int options);
pid_t __wrap_waitpid(pid_t pid, int *status, int options);
int __real_poll(struct pollfd *fds, nfds_t n, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout);
long __real_syscall(long number, ...);
long __wrap_syscall(long number, long a, long b);
void __real__exit(int status) __attribute__((noreturn));
void __wrap__exit(int status) __attribute__((noreturn));
void __gcov_dump(void) __attribute__((weak));

pid_t __wrap_fork(void)
{
	return fault_hits(&no_fork) ? -1 : __real_fork();
}

/* What gcc makes of fork with --coverage. */
pid_t __wrap___gcov_fork(void)
{
	return __wrap_fork();
}

pid_t __wrap_waitpid(pid_t pid, int *status, int options)
{
	return fault_hits(&no_waitpid) ? -1 : __real_waitpid(pid, status, options);
}

int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout)
{
	return fault_hits(&no_poll) ? -1 : __real_poll(fds, n, timeout);
}

long __wrap_syscall(long number, long a, long b)
{
	return fault_hits(&no_syscall) ? -1 : __real_syscall(number, a, b);
}

/* A child that ends here has counted lines too. */
void __wrap__exit(int status)
{
	if (__gcov_dump)
		__gcov_dump();
	__real__exit(status);
}

static int begin(void **state)
{
	(void)state;
	no_fork = no_waitpid = no_poll = no_syscall = (struct fault){ 0 };
	return 0;
}

/* No child is left, zombies included. One that was given up ends in a moment. */
static int end(void **state)
{
	(void)state;
	while (__real_waitpid(-1, NULL, 0) > 0)
		;
	return errno != ECHILD;
}

/* What the child does. */
struct work {
	int result;
	int signal; /* that it dies of; 0: none */
	bool hangs;
	int open; /* a descriptor that it must not have; 0: none */
	struct stat *output;
};

static int work(const void *arg)
{
	const struct work *work = arg;

	if (work->open &&
	    (fcntl(work->open, F_GETFD) != -1 || fstat(STDOUT_FILENO, work->output) < 0))
		return -EBADF;
	if (work->hangs)
		pause();
	if (work->signal)
		raise(work->signal);
	return work->result;
}

static int call(struct work what, int64_t patience)
{
	return px_apart(work, &what, patience);
}

TEST(a_function_runs_in_a_child_and_its_result_comes_back)
{
	struct work what = { 0 };

	assert_int_equal(call(what, 10000), 0);
	what.result = -ENOENT;
	assert_int_equal(call(what, 10000), -ENOENT);
	what.result = -EHWPOISON; /* the largest there is */
	no_waitpid = (struct fault){ .times = 1, .error = EINTR };
	no_poll = (struct fault){ .times = 1, .error = EINTR };
	assert_int_equal(call(what, 10000), -EHWPOISON);
}

/* Whoever waits for the end of a pipe, or for a lock, does not wait for a child that hangs. */
TEST(the_child_has_no_descriptor_of_ours_and_prints_nothing)
{
	struct stat null, *output = mmap(NULL, sizeof(*output), PROT_READ | PROT_WRITE,
					 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int ends[2];

	assert_ptr_not_equal(output, MAP_FAILED);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(call((struct work){ .open = ends[1], .output = output }, 10000), 0);
	assert_int_equal(stat("/dev/null", &null), 0);
	assert_int_equal(output->st_rdev, null.st_rdev);
	close(ends[0]);
	close(ends[1]);
	munmap(output, sizeof(*output));
}

TEST(a_function_that_does_not_end_is_given_up_and_killed)
{
	assert_int_equal(call((struct work){ .hangs = true }, 50), -ETIMEDOUT);
	/* It is gone, and reaped. */
	assert_int_equal(__real_waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

TEST(a_child_that_cannot_be_watched_is_killed)
{
	const struct work what = { .hangs = true };

	no_syscall = (struct fault){ .times = 1, .error = ENOSYS };
	assert_int_equal(call(what, 10000), -ENOSYS);
	no_poll = (struct fault){ .times = 1, .error = ENOMEM };
	assert_int_equal(call(what, 10000), -ENOMEM);
	/* Nor afterwards: then it is left to init. */
	no_poll = (struct fault){ .times = 2, .error = ENOMEM };
	assert_int_equal(call(what, 10000), -ENOMEM);
}

TEST(a_child_that_was_killed_or_cannot_be_had_or_reaped_is_an_error)
{
	struct work what = { .signal = SIGKILL };

	assert_int_equal(call(what, 10000), -EIO);
	no_fork = (struct fault){ .times = 1, .error = EAGAIN };
	assert_int_equal(call(what, 10000), -EAGAIN);
	what.signal = 0;
	no_waitpid = (struct fault){ .times = 1, .error = ECHILD };
	assert_int_equal(call(what, 10000), -ECHILD);
}

#define TESTED(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTED(a_function_runs_in_a_child_and_its_result_comes_back),
		TESTED(the_child_has_no_descriptor_of_ours_and_prints_nothing),
		TESTED(a_function_that_does_not_end_is_given_up_and_killed),
		TESTED(a_child_that_cannot_be_watched_is_killed),
		TESTED(a_child_that_was_killed_or_cannot_be_had_or_reaped_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
