/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "pxenc/worker.h"

static struct fault no_fork, no_pipe;
static int control = -1; /* is device-mapper's, for whoever asks what it is */
static bool held;	 /* by a dead disk: who is killed does not die */

pid_t __real_fork(void);
pid_t __wrap_fork(void);
pid_t __wrap___gcov_fork(void);
int __real_fstat(int fd, struct stat *st);
int __wrap_fstat(int fd, struct stat *st);
int __real_pipe2(int ends[2], int flags);
int __wrap_pipe2(int ends[2], int flags);
pid_t __real_waitpid(pid_t pid, int *status, int options);
pid_t __wrap_waitpid(pid_t pid, int *status, int options);

pid_t __wrap_fork(void)
{
	return fault_hits(&no_fork) ? -1 : __real_fork();
}

int __wrap_fstat(int fd, struct stat *st)
{
	int r = __real_fstat(fd, st);

	if (fd == control)
		st->st_rdev = makedev(10, 236);
	return r;
}

/* What gcc makes of fork with --coverage. */
pid_t __wrap___gcov_fork(void)
{
	return __wrap_fork();
}

int __wrap_pipe2(int ends[2], int flags)
{
	return fault_hits(&no_pipe) ? -1 : __real_pipe2(ends, flags);
}

pid_t __wrap_waitpid(pid_t pid, int *status, int options)
{
	return held && options == WNOHANG ? 0 : __real_waitpid(pid, status, options);
}

/* The numbers of the descriptors that are open, but for the one that looks. */
static int count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = -1; /* that one */

	while (dir && readdir(dir))
		count++;
	closedir(dir);
	return count - 2; /* . and .. */
}

static void say(int to, int number)
{
	if (write(to, &number, sizeof(number)) < 0)
		_exit(1);
}

static void double_it(void *arg, int in, int to)
{
	(void)in;
	say(to, 2 * *(const int *)arg);
}

static void count_mine(void *arg, int in, int to)
{
	(void)arg;
	(void)in;
	say(to, count_descriptors());
}

static void pass_on(void *arg, int in, int to)
{
	int number = 0;

	(void)arg;
	if (read(in, &number, sizeof(number)) == sizeof(number))
		say(to, number);
}

static void read_from(void *arg, int in, int to)
{
	char bytes[64];

	(void)in;
	say(to, (int)read(*(const int *)arg, bytes, sizeof(bytes)));
}

static void hang(void *arg, int in, int to)
{
	(void)arg;
	(void)in;
	say(to, 1);
	for (;;)
		pause();
}

static int hear(const struct px_worker *worker)
{
	int number = -1;

	return read(worker->from, &number, sizeof(number)) == sizeof(number) ? number : -1;
}

static void assert_none(const struct px_worker *worker)
{
	assert_int_equal(worker->pid, 0);
	assert_int_equal(worker->from, -1);
}

TEST(a_function_runs_in_a_process_of_its_own)
{
	struct px_worker worker = PX_WORKER_NONE;
	int number = 21, before = count_descriptors();
	pid_t pid;

	assert_int_equal(px_worker_start(double_it, &number, -1, &worker), 0);
	pid = worker.pid;
	assert_int_equal(hear(&worker), 42);
	px_worker_end(&worker);
	assert_none(&worker);
	assert_int_equal(waitpid(pid, NULL, 0), -1);
	assert_int_equal(count_descriptors(), before);
	px_worker_end(&worker);
}

TEST(it_has_no_descriptor_but_the_standard_ones_and_its_own)
{
	struct px_worker worker = PX_WORKER_NONE;
	int low = open("/dev/null", O_RDONLY), in = open("/dev/null", O_RDONLY);
	int high = fcntl(in, F_DUPFD, 100);

	assert_int_equal(px_worker_start(count_mine, NULL, -1, &worker), 0);
	assert_int_equal(hear(&worker), 4);
	px_worker_end(&worker);
	assert_int_equal(px_worker_start(count_mine, NULL, in, &worker), 0);
	assert_int_equal(hear(&worker), 5);
	px_worker_end(&worker);
	assert_int_equal(px_worker_start(count_mine, NULL, high, &worker), 0);
	assert_int_equal(hear(&worker), 5);
	px_worker_end(&worker);
	close(low);
	close(in);
	close(high);
}

/* Or a library that opened them before would read what comes to have their numbers. */
TEST(it_keeps_what_libraries_open_for_good)
{
	static const char *const devices[] = { "/dev/random", "/dev/urandom" };
	struct px_worker worker = PX_WORKER_NONE;
	int other = open("/dev/zero", O_RDONLY), fd;

	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
		fd = open(devices[i], O_RDONLY);
		assert_int_equal(px_worker_start(read_from, &fd, -1, &worker), 0);
		assert_int_equal(hear(&worker), 64);
		px_worker_end(&worker);
		close(fd);
	}
	assert_int_equal(px_worker_start(read_from, &other, -1, &worker), 0);
	assert_int_equal(hear(&worker), -1);
	px_worker_end(&worker);
	/* No machine needs to have device-mapper for this. */
	control = other;
	assert_int_equal(px_worker_start(read_from, &other, -1, &worker), 0);
	assert_int_equal(hear(&worker), 64);
	px_worker_end(&worker);
	control = -1;
	close(other);
}

static void hang_quietly(void *arg, int in, int to)
{
	px_worker_be_quiet();
	hang(arg, in, to);
}

/* The reader of our output, who waits for its end. */
TEST(it_does_not_keep_our_output_open)
{
	struct px_worker worker = PX_WORKER_NONE;
	int ends[2], out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);
	char byte;

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(dup2(ends[1], STDOUT_FILENO), STDOUT_FILENO);
	assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	close(ends[1]);
	assert_int_equal(px_worker_start(hang_quietly, NULL, -1, &worker), 0);
	assert_int_equal(hear(&worker), 1);
	assert_int_equal(dup2(out, STDOUT_FILENO), STDOUT_FILENO);
	assert_int_equal(dup2(err, STDERR_FILENO), STDERR_FILENO);
	assert_int_equal(read(ends[0], &byte, 1), 0);
	px_worker_kill(&worker);
	close(ends[0]);
	close(out);
	close(err);
}

TEST(what_it_is_to_read_stays_the_callers)
{
	struct px_worker worker = PX_WORKER_NONE;
	int ends[2], number = 7;

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], &number, sizeof(number)), sizeof(number));
	assert_int_equal(px_worker_start(pass_on, NULL, ends[0], &worker), 0);
	assert_int_equal(hear(&worker), 7);
	px_worker_end(&worker);
	assert_int_equal(close(ends[0]), 0);
	close(ends[1]);
}

TEST(one_that_hangs_is_killed)
{
	struct px_worker worker = PX_WORKER_NONE;
	pid_t pid;

	assert_int_equal(px_worker_start(hang, NULL, -1, &worker), 0);
	pid = worker.pid;
	assert_int_equal(hear(&worker), 1);
	px_worker_kill(&worker);
	assert_none(&worker);
	/* Reaped already, or now. */
	waitpid(pid, NULL, 0);
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(px_worker_kill(&worker), 0);
}

TEST(one_that_does_not_die_yet_is_left_to_be_reaped)
{
	const struct timespec moment = { .tv_nsec = 20000000 };
	struct px_worker worker = PX_WORKER_NONE;
	pid_t pid;

	assert_int_equal(px_worker_start(hang, NULL, -1, &worker), 0);
	pid = worker.pid;
	assert_int_equal(hear(&worker), 1);
	held = true;
	assert_int_equal(px_worker_kill(&worker), pid);
	assert_none(&worker);
	assert_false(px_worker_is_gone(pid));
	held = false;
	while (!px_worker_is_gone(pid))
		nanosleep(&moment, NULL);
	assert_int_equal(kill(pid, 0), -1);
}

TEST(a_process_that_cannot_be_started_leaves_nothing)
{
	struct px_worker worker = PX_WORKER_NONE;
	int before = count_descriptors();

	no_fork = (struct fault){ .times = 1, .error = EAGAIN };
	assert_int_equal(px_worker_start(hang, NULL, -1, &worker), -EAGAIN);
	no_pipe = (struct fault){ .times = 1, .error = EMFILE };
	assert_int_equal(px_worker_start(hang, NULL, -1, &worker), -EMFILE);
	assert_none(&worker);
	assert_int_equal(count_descriptors(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_function_runs_in_a_process_of_its_own),
		cmocka_unit_test(it_has_no_descriptor_but_the_standard_ones_and_its_own),
		cmocka_unit_test(it_keeps_what_libraries_open_for_good),
		cmocka_unit_test(it_does_not_keep_our_output_open),
		cmocka_unit_test(what_it_is_to_read_stays_the_callers),
		cmocka_unit_test(one_that_hangs_is_killed),
		cmocka_unit_test(one_that_does_not_die_yet_is_left_to_be_reaped),
		cmocka_unit_test(a_process_that_cannot_be_started_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
