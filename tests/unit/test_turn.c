/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pxenc/turn.h"

static struct fault no_lock;

int __real_fcntl(int fd, int command, struct flock *lock);
int __wrap_fcntl(int fd, int command, struct flock *lock);

int __wrap_fcntl(int fd, int command, struct flock *lock)
{
	return fault_hits(&no_lock) ? -1 : __real_fcntl(fd, command, lock);
}

static int prepare(void **state)
{
	no_lock = (struct fault){ 0 };
	return temp_dir_make(state);
}

static void take(const char *dir, int turns[], int count)
{
	for (int i = 0; i < count; i++) {
		turns[i] = -1;
		assert_int_equal(px_turn_take(dir, &turns[i]), 0);
		assert_true(turns[i] >= 0);
	}
}

static void leave(int turns[], int count)
{
	for (int i = 0; i < count; i++)
		close(turns[i]);
}

/* A process that takes a turn, says so, and keeps it until it is killed. */
static pid_t start_taker(const char *dir, int said)
{
	pid_t pid = fork();
	int turn = -1;

	if (pid != 0)
		return pid;
	alarm(20);
	/* What we inherit would keep our parent's turns: pxenc-fetch inherits nothing. */
	for (int fd = 3; fd < 256; fd++)
		if (fd != said)
			close(fd);
	if (px_turn_take(dir, &turn) < 0 || write(said, "x", 1) != 1)
		_exit(1);
	pause();
	_exit(0);
}

static void end_taker(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* Whether one more process says within the time that it has its turn. */
static bool hears(int said, int milliseconds)
{
	char c;

	for (int waited = 0; waited <= milliseconds; waited += 10) {
		if (read(said, &c, 1) == 1)
			return true;
		usleep(10000);
	}
	return false;
}

TEST(so_many_have_their_turn_and_the_next_waits_for_one_to_end)
{
	const char *dir = *state;
	int turns[PX_TURNS], said[2];
	pid_t pid;

	assert_int_equal(pipe2(said, O_NONBLOCK | O_CLOEXEC), 0);
	take(dir, turns, PX_TURNS);
	pid = start_taker(dir, said[1]);
	assert_true(pid > 0);
	assert_false(hears(said[0], 200));
	close(turns[3]);
	assert_true(hears(said[0], 5000));
	end_taker(pid);
	take(dir, &turns[3], 1);
	leave(turns, PX_TURNS);
	close(said[0]);
	close(said[1]);
}

TEST(many_that_wait_get_their_turn_one_after_another)
{
	enum { WAITING = 5 };
	const char *dir = *state;
	int turns[PX_TURNS], said[2];
	pid_t pids[WAITING];

	assert_int_equal(pipe2(said, O_NONBLOCK | O_CLOEXEC), 0);
	take(dir, turns, PX_TURNS);
	for (int i = 0; i < WAITING; i++)
		assert_true((pids[i] = start_taker(dir, said[1])) > 0);
	for (int i = 0; i < WAITING; i++) {
		assert_false(hears(said[0], 100));
		close(turns[i]);
		assert_true(hears(said[0], 5000));
	}
	for (int i = 0; i < WAITING; i++)
		end_taker(pids[i]);
	leave(turns + WAITING, PX_TURNS - WAITING);
	close(said[0]);
	close(said[1]);
}

/* Killed with a turn, or at the gate: nothing is left of it. */
TEST(a_turn_ends_with_its_process_however_that_ends)
{
	const char *dir = *state;
	int turns[PX_TURNS], said[2];
	pid_t has_it, at_gate;

	assert_int_equal(pipe2(said, O_NONBLOCK | O_CLOEXEC), 0);
	take(dir, turns, PX_TURNS - 1);
	has_it = start_taker(dir, said[1]);
	assert_true(hears(said[0], 5000));
	at_gate = start_taker(dir, said[1]);
	assert_false(hears(said[0], 100));
	end_taker(at_gate);
	end_taker(has_it);
	take(dir, &turns[PX_TURNS - 1], 1);
	leave(turns, PX_TURNS);
	close(said[0]);
	close(said[1]);
}

TEST(the_folder_is_made_and_the_file_is_nobody_elses)
{
	int turn = -1;
	struct stat st;

	assert_int_equal(px_turn_take(temp_path("run"), &turn), 0);
	close(turn);
	assert_int_equal(stat(temp_path("run/turns"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(unlink(temp_path("run/turns")), 0);
	assert_int_equal(rmdir(temp_path("run")), 0);
}

TEST(where_there_can_be_no_turns_it_is_said_so)
{
	int turn = -1;

	assert_int_equal(px_turn_take(NULL, &turn), -ENOENT);
	assert_int_equal(px_turn_take("/nonexistent/dir", &turn), -ENOENT);
	assert_int_equal(symlink("/dev/null", temp_path("turns")), 0);
	assert_int_equal(px_turn_take(*state, &turn), -ELOOP);
	assert_int_equal(unlink(temp_path("turns")), 0);
	no_lock = (struct fault){ .times = 1, .error = ENOLCK };
	assert_int_equal(px_turn_take(*state, &turn), -ENOLCK);
	no_lock = (struct fault){ .skip = 1, .times = 1, .error = ENOLCK };
	assert_int_equal(px_turn_take(*state, &turn), -ENOLCK);
	assert_int_equal(turn, -1);
}

TEST(a_signal_does_not_end_the_waiting)
{
	int turn = -1;

	no_lock = (struct fault){ .times = 2, .error = EINTR };
	take(*state, &turn, 1);
	close(turn);
}

/* The first eight bytes may be refused in either word. */
TEST(a_turn_that_is_taken_is_passed_over_in_both_of_posix_words)
{
	int turn = -1;

	no_lock = (struct fault){ .skip = 1, .times = 3, .error = EACCES };
	take(*state, &turn, 1);
	close(turn);
}

static int attempt(void *dir)
{
	int turn = -1, r = px_turn_take(dir, &turn);

	if (turn >= 0)
		close(turn);
	return r;
}

TEST(running_out_of_memory_is_told)
{
	each_allocation_may_fail(attempt, *state, -ENOMEM);
}

int main(void)
{
#define TURN_TEST(name) cmocka_unit_test_setup_teardown(name, prepare, temp_dir_remove)
	const struct CMUnitTest tests[] = {
		TURN_TEST(so_many_have_their_turn_and_the_next_waits_for_one_to_end),
		TURN_TEST(many_that_wait_get_their_turn_one_after_another),
		TURN_TEST(a_turn_ends_with_its_process_however_that_ends),
		TURN_TEST(the_folder_is_made_and_the_file_is_nobody_elses),
		TURN_TEST(where_there_can_be_no_turns_it_is_said_so),
		TURN_TEST(a_signal_does_not_end_the_waiting),
		TURN_TEST(a_turn_that_is_taken_is_passed_over_in_both_of_posix_words),
		TURN_TEST(running_out_of_memory_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
