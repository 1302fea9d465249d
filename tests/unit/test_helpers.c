/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "pxenc/dm.h"
#include "pxenc/helpers.h"
#include "pxenc/lock.h"
#include "pxenc/mapping.h"

#define DEVNO 7
#define STUCK 100 /* more than can be cleared */

static struct {
	int list, lock, remove;
	size_t helpers;	  /* that are there */
	size_t busy;	  /* of these, in use: the first ones */
	size_t suspended; /* of these: the first ones */
	int release;	  /* what the next release gives */
	bool released;	  /* the volume's own mapping */
	int release_volume;
	bool held; /* the lock, by another */
	unsigned int locked, lists;
} world;

static char name[] = "x-overlay";
static bool temporary;

bool px_mapping_is_temporary(const struct px_mapping *mapping)
{
	assert_string_equal(mapping->name, name);
	return temporary;
}

int px_mapping_helpers(dev_t slave, struct px_mapping **ret_list, size_t *ret_count)
{
	assert_int_equal(slave, DEVNO);
	world.lists++;
	if (world.list < 0)
		return world.list;
	*ret_list = calloc(world.helpers + 1, sizeof(**ret_list));
	assert_non_null(*ret_list);
	for (size_t i = 0; i < world.helpers; i++)
		(*ret_list)[i] =
			(struct px_mapping){ .name = name, .suspended = i < world.suspended };
	*ret_count = world.helpers;
	return 0;
}

void px_mapping_list_free(struct px_mapping **list, size_t count)
{
	(void)count;
	free(*list);
	*list = NULL;
}

/* The upper one of two goes, and then the lower one. */
int px_dm_remove(const char *which)
{
	assert_string_equal(which, name);
	if (world.remove < 0)
		return world.remove;
	if (world.busy > 0) {
		world.busy--;
		return -EBUSY;
	}
	world.helpers--;
	return 0;
}

static char volume[] = "pxenc-x", sdb[] = "sdb";
static struct px_mapping mapping = { .name = volume, .slave = DEVNO, .slave_name = sdb };

int px_dm_release(const char *which)
{
	if (which == volume) {
		world.released = true;
		return world.release_volume;
	}
	assert_string_equal(which, name);
	assert_false(world.released);
	if (world.release == 0) {
		world.suspended--;
		world.helpers--;
	}
	return world.release;
}

bool px_lock_is_held(const char *path)
{
	assert_string_equal(path, "/dev/sdb");
	return world.held;
}

int px_lock_try(const char *path, int *ret_fd)
{
	assert_string_equal(path, "/dev/sdb");
	world.locked++;
	if (world.lock == 0)
		*ret_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return world.lock;
}

static int start(void **state)
{
	(void)state;
	memset(&world, 0, sizeof(world));
	temporary = false;
	mapping.helped = true;
	return 0;
}

TEST(of_a_volume_in_use_what_is_temporary_goes_alone)
{
	world.helpers = 1;
	assert_int_equal(px_helpers_clear_temporary(DEVNO), 0);
	assert_int_equal(world.helpers, 1);
	temporary = true;
	assert_int_equal(px_helpers_clear_temporary(DEVNO), 0);
	assert_int_equal(world.helpers, 0);
	world.helpers = world.busy = 1;
	assert_int_equal(px_helpers_clear_temporary(DEVNO), -EBUSY);
}

TEST(of_those_that_are_left_the_suspended_ones_are_released)
{
	world.helpers = 3;
	assert_false(px_helpers_are_stuck(&mapping));
	world.suspended = 1;
	assert_true(px_helpers_are_stuck(&mapping));
	assert_int_equal(px_helpers_release(&mapping), 0);
	assert_int_equal(world.helpers, 2);
	assert_true(world.released);
	assert_false(px_helpers_are_stuck(&mapping));
}

/* Of a thousand volumes hardly one has any. */
TEST(a_mapping_without_helpers_is_released_and_none_are_looked_for)
{
	mapping.helped = false;
	world.helpers = world.suspended = 1;
	assert_false(px_helpers_are_stuck(&mapping));
	assert_int_equal(px_helpers_release(&mapping), 0);
	assert_true(world.released);
	assert_int_equal(world.lists, 0);
	world.release_volume = -ETIMEDOUT;
	assert_int_equal(px_helpers_release(&mapping), -ETIMEDOUT);
}

TEST(those_of_another_pxenc_that_is_at_work_are_not_stuck)
{
	world.helpers = world.suspended = 1;
	world.held = true;
	assert_false(px_helpers_are_stuck(&mapping));
}

TEST(one_that_cannot_be_released_is_an_error_and_one_that_has_gone_is_none)
{
	world.helpers = world.suspended = 1;
	world.release = -ETIMEDOUT;
	assert_int_equal(px_helpers_release(&mapping), -ETIMEDOUT);
	assert_false(world.released);
	world.release = -ENOENT;
	assert_int_equal(px_helpers_release(&mapping), 0);
	assert_true(world.released);
	world.list = -EIO;
	assert_int_equal(px_helpers_release(&mapping), -EIO);
	assert_false(px_helpers_are_stuck(&mapping));
}

TEST(a_device_without_helpers_is_not_opened)
{
	assert_int_equal(px_helpers_clear_left(DEVNO, "sdb"), 0);
	assert_int_equal(world.locked, 0);
}

TEST(what_was_left_behind_is_removed_the_upper_ones_first)
{
	world.helpers = 2;
	world.busy = 1;
	assert_int_equal(px_helpers_clear_left(DEVNO, "sdb"), 0);
	assert_int_equal(world.locked, 1);
	assert_int_equal(world.helpers, 0);
}

TEST(the_helpers_of_another_pxenc_that_is_at_work_are_let_be)
{
	world.helpers = 2;
	world.lock = -EBUSY;
	assert_int_equal(px_helpers_clear_left(DEVNO, "sdb"), 0);
	assert_int_equal(world.helpers, 2);
}

TEST(a_device_that_cannot_be_locked_is_an_error_and_nothing_is_removed)
{
	world.helpers = 2;
	world.lock = -EACCES;
	assert_int_equal(px_helpers_clear_left(DEVNO, "sdb"), -EACCES);
	assert_int_equal(world.helpers, 2);
}

TEST(what_is_still_in_use_is_said)
{
	world.helpers = 1;
	world.busy = STUCK;
	assert_int_equal(px_helpers_clear_left(DEVNO, "sdb"), -EBUSY);
}

TEST(what_sysfs_or_device_mapper_says_is_passed_on)
{
	world.list = -EIO;
	assert_int_equal(px_helpers_clear_left(DEVNO, "sdb"), -EIO);
	assert_int_equal(px_helpers_clear(DEVNO), -EIO);
	world.list = 0;
	world.helpers = 1;
	world.remove = -ENXIO;
	assert_int_equal(px_helpers_clear_left(DEVNO, "sdb"), -ENXIO);
}

#define TESTED(name) cmocka_unit_test_setup(name, start)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTED(a_device_without_helpers_is_not_opened),
		TESTED(what_was_left_behind_is_removed_the_upper_ones_first),
		TESTED(the_helpers_of_another_pxenc_that_is_at_work_are_let_be),
		TESTED(a_device_that_cannot_be_locked_is_an_error_and_nothing_is_removed),
		TESTED(what_is_still_in_use_is_said),
		TESTED(of_those_that_are_left_the_suspended_ones_are_released),
		TESTED(a_mapping_without_helpers_is_released_and_none_are_looked_for),
		TESTED(those_of_another_pxenc_that_is_at_work_are_not_stuck),
		TESTED(one_that_cannot_be_released_is_an_error_and_one_that_has_gone_is_none),
		TESTED(of_a_volume_in_use_what_is_temporary_goes_alone),
		TESTED(what_sysfs_or_device_mapper_says_is_passed_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
