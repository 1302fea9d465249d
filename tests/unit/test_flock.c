/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "pxenc/clock.h"
#include "pxenc/flock.h"

static struct fault no_flock;

int __real_flock(int fd, int operation);
int __wrap_flock(int fd, int operation);

int __wrap_flock(int fd, int operation)
{
	return fault_hits(&no_flock) ? -1 : __real_flock(fd, operation);
}

static int open_dir(void)
{
	int fd = open(temp_path(""), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

TEST(what_nobody_holds_is_had_at_once_even_when_the_time_is_up)
{
	px_auto(fd) int fd = open_dir();

	assert_int_equal(px_flock_by(fd, 0), 0);
	assert_int_equal(px_flock_by(fd, 0), 0);
}

TEST(what_somebody_holds_is_waited_for_until_the_deadline)
{
	px_auto(fd) int fd = open_dir();
	px_auto(fd) int other = open_dir();
	int64_t start = px_now_ms();

	assert_int_equal(__real_flock(other, LOCK_SH), 0);
	assert_int_equal(px_flock_by(fd, start + 60), -ETIMEDOUT);
	assert_in_range(px_now_ms() - start, 60, 1000);
}

/* The lock goes with the process that holds it. */
TEST(it_is_had_as_soon_as_it_is_free)
{
	static const struct timespec moment = { .tv_nsec = 100000000 };
	px_auto(fd) int fd = open_dir();
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		if (px_flock_by(open_dir(), 0) == 0 && write(ready[1], "", 1) == 1)
			nanosleep(&moment, NULL);
		_exit(0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(px_flock_by(fd, PX_FOREVER), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(ready[0]);
	close(ready[1]);
}

TEST(a_signal_is_no_failure_and_a_failure_is_told)
{
	px_auto(fd) int fd = open_dir();

	no_flock = (struct fault){ .times = 1, .error = EINTR };
	assert_int_equal(px_flock_by(fd, PX_FOREVER), 0);
	no_flock = (struct fault){ .times = 1, .error = ENOLCK };
	assert_int_equal(px_flock_by(fd, PX_FOREVER), -ENOLCK);
}

#define in_dir(test) cmocka_unit_test_setup_teardown(test, temp_dir_make, temp_dir_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_dir(what_nobody_holds_is_had_at_once_even_when_the_time_is_up),
		in_dir(what_somebody_holds_is_waited_for_until_the_deadline),
		in_dir(it_is_had_as_soon_as_it_is_free),
		in_dir(a_signal_is_no_failure_and_a_failure_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
