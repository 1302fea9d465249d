/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <string.h>
#include <time.h>

#include "pxenc/clock.h"
#include "pxenc/helpers.h"
#include "pxenc/stale.h"

static char name[] = "pxenc-x", slave[] = "sdb";
static const struct px_mapping lost = {
	.name = name, .devno = 7, .slave_name = slave, .gone = true
};

static struct {
	int release;
	unsigned int released, looks, users_go_after;
	dev_t devno;
	bool gone;
	int64_t now;
} world;

int px_helpers_release(const struct px_mapping *mapping)
{
	assert_string_equal(mapping->name, name);
	world.released++;
	return world.release;
}

int px_mapping_by_name(const char *which, struct px_mapping *ret_mapping)
{
	assert_string_equal(which, name);
	if (++world.looks > world.users_go_after)
		return -ENOENT;
	*ret_mapping = (struct px_mapping){ .devno = world.devno, .gone = world.gone };
	return 0;
}

void px_mapping_clear(struct px_mapping *mapping)
{
	*mapping = (struct px_mapping){ 0 };
}

int __wrap_nanosleep(const struct timespec *time, struct timespec *left);

int __wrap_nanosleep(const struct timespec *time, struct timespec *left)
{
	(void)left;
	world.now += time->tv_nsec / 1000000;
	return 0;
}

int64_t __wrap_px_deadline_in(unsigned int seconds);
int __wrap_px_deadline_left(int64_t deadline);

int64_t __wrap_px_deadline_in(unsigned int seconds)
{
	return world.now + (int64_t)seconds * 1000;
}

int __wrap_px_deadline_left(int64_t deadline)
{
	return deadline > world.now ? (int)(deadline - world.now) : 0;
}

static int prepare(void **state)
{
	(void)state;
	memset(&world, 0, sizeof(world));
	world.devno = lost.devno;
	world.gone = true;
	world.now = 1000;
	return 0;
}

TEST(a_lost_mapping_is_released_and_that_is_all)
{
	assert_ok(px_stale_release(&lost));
	assert_int_equal(world.released, 1);
	assert_int_equal(world.looks, 0);
	world.release = -ENOENT; /* somebody was quicker */
	assert_ok(px_stale_release(&lost));
}

TEST(what_cannot_be_released_is_said)
{
	world.release = -ETIMEDOUT;
	assert_fails(PX_KERNEL, px_stale_release(&lost), name, "cannot be released");
	assert_fails(PX_KERNEL, px_stale_remove(&lost), name);
	world.release = -ENOMEM;
	assert_fails(PX_NOMEM, px_stale_release(&lost), "memory");
}

TEST(a_lost_mapping_that_nobody_uses_is_gone_at_once)
{
	assert_ok(px_stale_remove(&lost));
	assert_int_equal(world.looks, 1);
	assert_int_equal(world.now, 1000);
}

TEST(its_users_get_some_seconds_to_go)
{
	world.users_go_after = 100;
	assert_ok(px_stale_remove(&lost));
	assert_in_range(world.now, 5000, 9000);
}

TEST(users_that_stay_are_named_and_how_to_find_them)
{
	struct px_mapping nameless = lost;

	world.users_go_after = 1000000;
	assert_fails(PX_BUSY, px_stale_remove(&lost), "sdb was pulled out",
		     "findmnt /dev/mapper/pxenc-x", "fuser");
	assert_in_range(world.now, 5000, 60000);
	nameless.slave_name = NULL;
	assert_fails(PX_BUSY, px_stale_remove(&nameless), "pxenc-x was pulled out");
}

TEST(another_mapping_of_that_name_is_not_waited_for)
{
	world.users_go_after = 1000000;
	world.devno = 8;
	assert_ok(px_stale_remove(&lost));
	world.devno = lost.devno; /* the number can be given anew */
	world.gone = false;
	assert_ok(px_stale_remove(&lost));
	assert_int_equal(world.now, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_lost_mapping_is_released_and_that_is_all, prepare),
		cmocka_unit_test_setup(what_cannot_be_released_is_said, prepare),
		cmocka_unit_test_setup(a_lost_mapping_that_nobody_uses_is_gone_at_once, prepare),
		cmocka_unit_test_setup(its_users_get_some_seconds_to_go, prepare),
		cmocka_unit_test_setup(users_that_stay_are_named_and_how_to_find_them, prepare),
		cmocka_unit_test_setup(another_mapping_of_that_name_is_not_waited_for, prepare),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
