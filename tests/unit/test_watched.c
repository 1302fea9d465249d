/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <string.h>

#include "cmd/watched.h"

static struct px_watch watch;

static char one[] = "one", two[] = "two", slave[] = "sdb";

static int finish(void **state)
{
	(void)state;
	px_watch_clear(&watch);
	assert_null(watch.list);
	return 0;
}

/* The volumes that are open now, and whether the first is suspended. */
static void show(size_t count, bool suspended)
{
	const struct px_mapping mappings[] = {
		{ .name = one, .slave_name = slave, .suspended = suspended },
		{ .name = two },
	};

	assert_int_equal(px_watch_update(&watch, mappings, count), 0);
	assert_int_equal(watch.count, count);
}

static enum px_step hear(enum px_verdict verdict)
{
	watch.list[0].verdict = verdict;
	return px_watched_judge(&watch.list[0]);
}

static void done(enum px_step step, bool worked)
{
	px_watched_done(&watch.list[0], step, worked);
}

TEST(volumes_come_and_go_as_they_are_opened_and_closed)
{
	show(2, false);
	assert_string_equal(watch.list[0].name, "one");
	assert_string_equal(watch.list[0].device, "/dev/sdb");
	assert_string_equal(watch.list[1].name, "two");
	assert_null(watch.list[1].device);
	show(1, true);
	assert_string_equal(watch.list[0].name, "one");
	assert_true(watch.list[0].suspended);
	show(0, false);
	show(1, false);
	assert_false(watch.list[0].suspended);
}

TEST(two_refusals_in_a_row_suspend_a_volume)
{
	show(1, false);
	assert_int_equal(hear(PX_VERDICT_GRANTED), PX_STEP_NONE);
	assert_int_equal(hear(PX_VERDICT_FORBIDDEN), PX_STEP_NONE);
	assert_int_equal(hear(PX_VERDICT_GONE), PX_STEP_SUSPEND);
}

/* As with a base path that is wrong: the store has none of the secrets. */
TEST(what_was_never_granted_is_not_suspended_but_doubtful)
{
	show(1, false);
	assert_int_equal(hear(PX_VERDICT_GONE), PX_STEP_NONE);
	assert_false(px_watched_is_doubtful(&watch.list[0]));
	for (int i = 0; i < 10; i++) {
		assert_int_equal(hear(PX_VERDICT_GONE), PX_STEP_NONE);
		assert_true(px_watched_is_doubtful(&watch.list[0]));
	}
	assert_int_equal(hear(PX_VERDICT_GRANTED), PX_STEP_NONE);
	assert_false(px_watched_is_doubtful(&watch.list[0]));
	assert_int_equal(hear(PX_VERDICT_GONE), PX_STEP_NONE);
	assert_int_equal(hear(PX_VERDICT_GONE), PX_STEP_SUSPEND);
	assert_false(px_watched_is_doubtful(&watch.list[0]));
}

TEST(a_secret_whose_name_is_not_known_for_certain_is_not_asked_for)
{
	show(1, false);
	assert_false(px_watched_is_asked(&watch.list[0]));
	assert_int_equal(px_watched_set_secret(&watch.list[0], "volumes/x/1"), 0);
	assert_true(px_watched_is_asked(&watch.list[0]));
	px_watched_set_read(&watch.list[0], false);
	assert_false(px_watched_is_asked(&watch.list[0]));
	px_watched_set_read(&watch.list[0], true);
	assert_true(px_watched_is_asked(&watch.list[0]));
	watch.list[0].nameless = true;
	assert_false(px_watched_is_asked(&watch.list[0]));
}

/* Or who breaks it would keep the volume open. */
TEST(a_header_that_stays_unreadable_names_what_it_named_last)
{
	show(1, false);
	for (int i = 0; i < 3; i++)
		px_watched_set_read(&watch.list[0], false);
	assert_true(px_watched_is_unreadable(&watch.list[0]));
	assert_false(px_watched_is_asked(&watch.list[0]));
	px_watched_set_read(&watch.list[0], true);
	assert_int_equal(px_watched_set_secret(&watch.list[0], "volumes/x/1"), 0);

	/* A rotation may be under way for two rounds. */
	for (int i = 0; i < 2; i++) {
		px_watched_set_read(&watch.list[0], false);
		assert_false(px_watched_is_unreadable(&watch.list[0]));
		assert_false(px_watched_is_asked(&watch.list[0]));
	}
	for (int i = 0; i < 2; i++) {
		px_watched_set_read(&watch.list[0], false);
		assert_true(px_watched_is_unreadable(&watch.list[0]));
		assert_true(px_watched_is_asked(&watch.list[0]));
	}
	px_watched_set_read(&watch.list[0], true);
	assert_false(px_watched_is_unreadable(&watch.list[0]));
	px_watched_set_read(&watch.list[0], false);
	assert_false(px_watched_is_asked(&watch.list[0]));
}

TEST(what_names_no_secret_is_not_asked_for_however_long_it_is_unreadable)
{
	show(1, false);
	assert_int_equal(px_watched_set_secret(&watch.list[0], "volumes/x/1"), 0);
	watch.list[0].nameless = true;
	for (int i = 0; i < 3; i++)
		px_watched_set_read(&watch.list[0], false);
	assert_false(px_watched_is_unreadable(&watch.list[0]));
	assert_false(px_watched_is_asked(&watch.list[0]));
}

TEST(a_grant_between_two_refusals_starts_the_count_anew)
{
	show(1, false);
	assert_int_equal(hear(PX_VERDICT_GONE), PX_STEP_NONE);
	assert_int_equal(hear(PX_VERDICT_GRANTED), PX_STEP_NONE);
	assert_int_equal(hear(PX_VERDICT_GONE), PX_STEP_NONE);
	assert_int_equal(hear(PX_VERDICT_GONE), PX_STEP_SUSPEND);
}

TEST(what_is_no_verdict_suspends_nothing_however_often_it_comes)
{
	show(1, false);
	for (int i = 0; i < 10; i++)
		assert_int_equal(hear(PX_VERDICT_NONE), PX_STEP_NONE);
	assert_int_equal(hear(PX_VERDICT_FORBIDDEN), PX_STEP_NONE);
	for (int i = 0; i < 10; i++)
		assert_int_equal(hear(PX_VERDICT_NONE), PX_STEP_NONE);
}

TEST(refusals_of_another_secret_do_not_count)
{
	show(1, false);
	assert_int_equal(px_watched_set_secret(&watch.list[0], "volumes/x/1"), 0);
	assert_int_equal(hear(PX_VERDICT_GRANTED), PX_STEP_NONE);
	assert_int_equal(hear(PX_VERDICT_GONE), PX_STEP_NONE);
	assert_int_equal(px_watched_set_secret(&watch.list[0], "volumes/x/1"), 0);
	assert_int_equal(px_watched_set_secret(&watch.list[0], "volumes/x/2"), 0);
	assert_string_equal(watch.list[0].secret, "volumes/x/2");
	assert_int_equal(hear(PX_VERDICT_GONE), PX_STEP_NONE);
	assert_int_equal(px_watched_set_secret(&watch.list[0], "volumes/x/2"), 0);
	/* And what was granted is the other one. */
	assert_int_equal(hear(PX_VERDICT_GONE), PX_STEP_NONE);
	assert_true(px_watched_is_doubtful(&watch.list[0]));
	assert_int_equal(hear(PX_VERDICT_GRANTED), PX_STEP_NONE);
	assert_int_equal(hear(PX_VERDICT_GONE), PX_STEP_NONE);
	assert_int_equal(px_watched_set_secret(&watch.list[0], "volumes/x/2"), 0);
	assert_int_equal(hear(PX_VERDICT_GONE), PX_STEP_SUSPEND);
}

/* A volume that the guard has suspended. */
static void be_suspended(void)
{
	show(1, false);
	hear(PX_VERDICT_GRANTED);
	hear(PX_VERDICT_FORBIDDEN);
	assert_int_equal(hear(PX_VERDICT_FORBIDDEN), PX_STEP_SUSPEND);
	done(PX_STEP_SUSPEND, true);
	show(1, true);
}

TEST(what_the_guard_has_suspended_it_resumes_when_it_is_granted)
{
	be_suspended();
	assert_int_equal(hear(PX_VERDICT_FORBIDDEN), PX_STEP_NONE);
	assert_int_equal(hear(PX_VERDICT_NONE), PX_STEP_NONE);
	assert_int_equal(hear(PX_VERDICT_GRANTED), PX_STEP_RESUME);
	done(PX_STEP_RESUME, true);
	show(1, false);
	assert_false(watch.list[0].ours);
	assert_int_equal(hear(PX_VERDICT_GRANTED), PX_STEP_NONE);
}

TEST(what_somebody_else_has_suspended_is_left_as_it_is)
{
	show(1, true);
	assert_int_equal(hear(PX_VERDICT_GRANTED), PX_STEP_NONE);
	assert_int_equal(hear(PX_VERDICT_GONE), PX_STEP_NONE);
	assert_int_equal(hear(PX_VERDICT_GONE), PX_STEP_NONE);
	assert_int_equal(hear(PX_VERDICT_GRANTED), PX_STEP_NONE);
}

TEST(what_somebody_else_has_resumed_and_suspended_again_is_theirs)
{
	be_suspended();
	show(1, false);
	show(1, true);
	assert_int_equal(hear(PX_VERDICT_GRANTED), PX_STEP_NONE);
}

TEST(what_is_resumed_while_it_is_refused_is_suspended_again_after_two_more)
{
	be_suspended();
	show(1, false);
	assert_int_equal(hear(PX_VERDICT_FORBIDDEN), PX_STEP_NONE);
	assert_int_equal(hear(PX_VERDICT_FORBIDDEN), PX_STEP_SUSPEND);
}

/* Before it was once seen suspended. */
TEST(what_is_closed_and_opened_between_two_rounds_has_no_refusals)
{
	show(1, false);
	hear(PX_VERDICT_GRANTED);
	hear(PX_VERDICT_GONE);
	assert_int_equal(hear(PX_VERDICT_GONE), PX_STEP_SUSPEND);
	done(PX_STEP_SUSPEND, true);
	show(1, false);
	assert_false(watch.list[0].ours);
	assert_int_equal(hear(PX_VERDICT_GONE), PX_STEP_NONE);
	assert_int_equal(hear(PX_VERDICT_GONE), PX_STEP_SUSPEND);
}

/* What was refused while it was suspended by somebody else. */
TEST(what_somebody_else_has_resumed_has_no_refusals)
{
	show(1, false);
	hear(PX_VERDICT_GRANTED);
	show(1, true);
	hear(PX_VERDICT_GONE);
	assert_int_equal(hear(PX_VERDICT_GONE), PX_STEP_NONE);
	show(1, false);
	assert_int_equal(hear(PX_VERDICT_GONE), PX_STEP_NONE);
	assert_int_equal(hear(PX_VERDICT_GONE), PX_STEP_SUSPEND);
}

TEST(a_step_that_failed_is_taken_again_and_complains_once)
{
	show(1, false);
	hear(PX_VERDICT_GRANTED);
	hear(PX_VERDICT_GONE);
	assert_int_equal(hear(PX_VERDICT_GONE), PX_STEP_SUSPEND);
	done(PX_STEP_SUSPEND, false);
	assert_true(watch.list[0].complained);
	assert_false(watch.list[0].ours);
	show(1, false);
	assert_int_equal(hear(PX_VERDICT_GONE), PX_STEP_SUSPEND);
	assert_true(watch.list[0].complained);
	/* What it could not do is not wanted any more: the next failure is another one. */
	hear(PX_VERDICT_GRANTED);
	assert_false(watch.list[0].complained);

	be_suspended();
	assert_int_equal(hear(PX_VERDICT_GRANTED), PX_STEP_RESUME);
	done(PX_STEP_RESUME, false);
	show(1, true);
	assert_int_equal(hear(PX_VERDICT_GRANTED), PX_STEP_RESUME);
	assert_true(watch.list[0].complained);
	done(PX_STEP_RESUME, true);
	assert_false(watch.list[0].complained);
}

TEST(a_volume_with_a_step_under_way_is_kept_even_when_it_is_closed)
{
	show(1, false);
	watch.list[0].pid = 77;
	assert_int_equal(px_watch_update(&watch, NULL, 0), 0);
	assert_int_equal(watch.count, 1);
	watch.list[0].pid = 0;
	show(0, false);
}

/* Nobody else would reap it. */
TEST(a_volume_with_a_look_unanswered_is_kept_when_it_is_closed_but_not_asked_for)
{
	show(1, false);
	assert_int_equal(px_watched_set_secret(&watch.list[0], "volumes/x/1"), 0);
	watch.list[0].looking = 77;
	assert_int_equal(px_watch_update(&watch, NULL, 0), 0);
	assert_int_equal(watch.count, 1);
	assert_false(px_watched_is_asked(&watch.list[0]));
	watch.list[0].looking = 0;
	show(0, false);
}

TEST(a_volume_that_has_lost_its_device_has_none_whatever_has_its_name_now)
{
	const struct px_mapping lost = { .name = one, .slave_name = slave, .gone = true };

	show(1, false);
	assert_int_equal(px_watch_update(&watch, &lost, 1), 0);
	assert_null(watch.list[0].device);
}

static int take_in(void *unused)
{
	const struct px_mapping mappings[] = {
		{ .name = one, .slave_name = slave },
		{ .name = two },
	};
	int r = px_watch_update(&watch, mappings, 2);

	(void)unused;
	if (r == 0)
		r = px_watched_set_secret(&watch.list[0], "volumes/x/1");
	px_watch_clear(&watch);
	return r;
}

TEST(running_out_of_memory_is_said)
{
	each_allocation_may_fail(take_in, NULL, -ENOMEM);
}

/* The volumes after the one that there was no memory for were not seen, and are not closed. */
TEST(a_list_that_was_not_taken_in_to_its_end_closes_nothing)
{
	static char three[] = "three";
	const struct px_mapping mappings[] = { { .name = three } };

	show(2, false);
	allocation_fails(1);
	assert_int_equal(px_watch_update(&watch, mappings, 1), -ENOMEM);
	allocation_fails(0);
	assert_int_equal(watch.count, 2);
}

#define TESTED(name) cmocka_unit_test_teardown(name, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTED(volumes_come_and_go_as_they_are_opened_and_closed),
		TESTED(two_refusals_in_a_row_suspend_a_volume),
		TESTED(what_was_never_granted_is_not_suspended_but_doubtful),
		TESTED(a_secret_whose_name_is_not_known_for_certain_is_not_asked_for),
		TESTED(a_header_that_stays_unreadable_names_what_it_named_last),
		TESTED(what_names_no_secret_is_not_asked_for_however_long_it_is_unreadable),
		TESTED(a_grant_between_two_refusals_starts_the_count_anew),
		TESTED(what_is_no_verdict_suspends_nothing_however_often_it_comes),
		TESTED(refusals_of_another_secret_do_not_count),
		TESTED(what_the_guard_has_suspended_it_resumes_when_it_is_granted),
		TESTED(what_somebody_else_has_suspended_is_left_as_it_is),
		TESTED(what_somebody_else_has_resumed_and_suspended_again_is_theirs),
		TESTED(what_is_resumed_while_it_is_refused_is_suspended_again_after_two_more),
		TESTED(what_is_closed_and_opened_between_two_rounds_has_no_refusals),
		TESTED(what_somebody_else_has_resumed_has_no_refusals),
		TESTED(a_step_that_failed_is_taken_again_and_complains_once),
		TESTED(a_volume_with_a_step_under_way_is_kept_even_when_it_is_closed),
		TESTED(a_volume_with_a_look_unanswered_is_kept_when_it_is_closed_but_not_asked_for),
		TESTED(a_volume_that_has_lost_its_device_has_none_whatever_has_its_name_now),
		TESTED(running_out_of_memory_is_said),
		TESTED(a_list_that_was_not_taken_in_to_its_end_closes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
