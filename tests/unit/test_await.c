/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "pxenc/await.h"
#include "pxenc/clock.h"

#define PATIENCE_MS 200

static struct fault no_poll;

int __real_poll(struct pollfd *fds, nfds_t n, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout);

int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout)
{
	return fault_hits(&no_poll) ? -1 : __real_poll(fds, n, timeout);
}

/* A process of ours, and the pipe that it writes to. */
struct other {
	pid_t pid;
	int from;
};

static struct other start(void (*work)(int to))
{
	struct other other;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	other.pid = fork();
	if (other.pid == 0) {
		close(ends[0]);
		work(ends[1]);
		_exit(0);
	}
	assert_true(other.pid > 0);
	close(ends[1]);
	other.from = ends[0];
	return other;
}

static void end(struct other *other)
{
	kill(other->pid, SIGKILL);
	waitpid(other->pid, NULL, 0);
	close(other->from);
}

static void wait_for_nothing(int to)
{
	(void)to;
	for (;;)
		pause();
}

/* Longer than anybody's patience, on a machine that has time for it now and then. */
static void work_long(int to)
{
	int64_t until = px_now_ms() + 4 * (int64_t)PATIENCE_MS;

	while (px_now_ms() < until)
		;
	if (write(to, "x", 1) != 1)
		_exit(1);
}

static void work_on(int to)
{
	(void)to;
	for (volatile unsigned int n = 0;; n++)
		;
}

static void say_nothing(int to)
{
	(void)to;
}

TEST(one_that_works_is_told_from_one_that_waits)
{
	const struct timespec moment = { .tv_nsec = 20000000 };
	struct other other = start(work_on);
	int tries;

	assert_true(px_is_at_work(other.pid));
	end(&other);
	other = start(wait_for_nothing);
	for (tries = 0; tries < 500 && px_is_at_work(other.pid); tries++)
		nanosleep(&moment, NULL);
	assert_false(px_is_at_work(other.pid));
	end(&other);
	assert_false(px_is_at_work(1 << 30));
}

TEST(one_that_waits_is_given_up)
{
	struct other other = start(wait_for_nothing);
	int64_t began = px_now_ms();

	assert_int_equal(px_await(other.from, other.pid, PATIENCE_MS), -ETIMEDOUT);
	assert_true(px_now_ms() - began >= PATIENCE_MS);
	end(&other);
}

TEST(one_that_is_at_work_is_waited_for)
{
	int64_t began = px_now_ms();
	struct other other = start(work_long);

	assert_int_equal(px_await(other.from, other.pid, PATIENCE_MS), 0);
	assert_true(px_now_ms() - began >= 2 * PATIENCE_MS);
	end(&other);
}

TEST(one_that_works_without_an_end_is_given_up_in_the_end)
{
	struct other other = start(work_on);
	int64_t began = px_now_ms();

	assert_int_equal(px_await(other.from, other.pid, 10), -ETIMEDOUT);
	assert_true(px_now_ms() - began >= 500);
	end(&other);
}

TEST(one_that_ends_without_a_word_is_not_waited_for)
{
	struct other other = start(say_nothing);

	no_poll = (struct fault){ .times = 1, .error = EINTR };
	assert_int_equal(px_await(other.from, other.pid, 10000), 0);
	end(&other);
}

TEST(that_nothing_can_be_waited_for_is_an_error)
{
	struct other other = start(wait_for_nothing);

	no_poll = (struct fault){ .times = 1, .error = ENOMEM };
	assert_int_equal(px_await(other.from, other.pid, PATIENCE_MS), -ENOMEM);
	end(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_that_works_is_told_from_one_that_waits),
		cmocka_unit_test(one_that_waits_is_given_up),
		cmocka_unit_test(one_that_is_at_work_is_waited_for),
		cmocka_unit_test(one_that_works_without_an_end_is_given_up_in_the_end),
		cmocka_unit_test(one_that_ends_without_a_word_is_not_waited_for),
		cmocka_unit_test(that_nothing_can_be_waited_for_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
