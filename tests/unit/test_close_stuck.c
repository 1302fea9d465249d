/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "cmd/close-stuck.h"
#include "pxenc/cmd.h"
#include "pxenc/helpers.h"
#include "pxenc/lock.h"
#include "pxenc/mapping.h"
#include "pxenc/peek.h"
#include "pxenc/stale.h"

static char lost[] = "pxenc-lost", lost_too[] = "pxenc-lost-too", theirs[] = "theirs",
	    suspended[] = "pxenc-suspended", sound[] = "pxenc-sound", held[] = "pxenc-held",
	    disk[] = "sdb";

static struct px_mapping mappings[] = {
	{ .name = lost, .gone = true },
	{ .name = theirs, .gone = true },
	{ .name = suspended, .suspended = true, .slave_name = disk },
	{ .name = sound },
	{ .name = lost_too, .gone = true },
	{ .name = held },
};

static size_t first, count; /* of these, that there are */
static int list_errno;
static enum px_status release;

/* What the processes see that release them. */
static struct {
	bool lost, lost_too, others;
} * released;

int px_mapping_list(struct px_mapping **ret_list, size_t *ret_count)
{
	if (list_errno)
		return -list_errno;
	*ret_list = mappings + first;
	*ret_count = count;
	return 0;
}

void px_mapping_list_free(struct px_mapping **list, size_t n)
{
	(void)list;
	(void)n;
}

enum px_status px_stale_release(const struct px_mapping *mapping)
{
	if (mapping->name == lost)
		released->lost = true;
	else if (mapping->name == lost_too)
		released->lost_too = true;
	else
		released->others = true;
	return mapping->name == lost_too ? release : PX_OK;
}

int px_peek(const char *device, struct px_peek *ret_peek)
{
	(void)device;
	(void)ret_peek;
	return -EINVAL;
}

bool px_helpers_are_stuck(const struct px_mapping *mapping)
{
	return mapping->name == held;
}

/* Of the volume that is suspended: whether somebody is at it, and resumes it. */
static bool has_lock, resumes;

bool px_lock_is_held(const char *path)
{
	(void)path;
	return has_lock;
}

int px_mapping_by_name(const char *name, struct px_mapping *ret_mapping)
{
	(void)name;
	*ret_mapping = (struct px_mapping){ .suspended = !resumes };
	return 0;
}

void px_mapping_clear(struct px_mapping *mapping)
{
	(void)mapping;
}

enum px_status px_confirm(const char *question)
{
	(void)question;
	return PX_DECLINED;
}

static int begin(void **state)
{
	(void)state;
	first = 0;
	count = sizeof(mappings) / sizeof(mappings[0]);
	list_errno = 0;
	release = PX_OK;
	has_lock = resumes = false;
	released = mmap(NULL, sizeof(*released), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	log_forget();
	return released == MAP_FAILED;
}

static int end(void **state)
{
	(void)state;
	return munmap(released, sizeof(*released));
}

TEST(of_the_volumes_that_have_lost_their_disk_ours_are_released_without_a_question)
{
	size_t lost_count = 7;

	assert_int_equal(px_close_lost(&lost_count), PX_OK);
	assert_int_equal(lost_count, 2);
	assert_true(released->lost);
	assert_true(released->lost_too);
	assert_false(released->others);
}

TEST(one_that_cannot_be_released_does_not_keep_the_others)
{
	size_t lost_count = 7;

	release = PX_KERNEL;
	assert_int_equal(px_close_lost(&lost_count), PX_KERNEL);
	assert_int_equal(lost_count, 2);
	assert_true(released->lost);
}

TEST(where_none_has_lost_its_disk_none_is_released)
{
	size_t lost_count = 7;

	first = 1;
	count = 3;
	assert_int_equal(px_close_lost(&lost_count), PX_OK);
	assert_int_equal(lost_count, 0);
	count = 0;
	assert_int_equal(px_close_lost(&lost_count), PX_OK);
	assert_int_equal(lost_count, 0);
	assert_false(released->others);
}

TEST(what_sysfs_cannot_tell_is_an_error)
{
	size_t lost_count = 7;

	list_errno = EMFILE;
	assert_fails(PX_KERNEL, px_close_lost(&lost_count), "/sys");
	assert_int_equal(lost_count, 0);
}

TEST(what_lies_on_a_part_that_is_suspended_is_stuck)
{
	first = 5;
	count = 1;
	assert_int_equal(px_close_stuck(true), PX_OK);
	assert_true(released->others);
}

TEST(what_is_suspended_is_stuck_unless_somebody_changes_it_just_then)
{
	first = 2;
	count = 1;
	assert_int_equal(px_close_stuck(true), PX_OK);
	assert_true(released->others);
	released->others = false;
	has_lock = resumes = true;
	assert_int_equal(px_close_stuck(true), PX_OK);
	assert_false(released->others);
	/* Who has the lock hangs. */
	resumes = false;
	assert_int_equal(px_close_stuck(true), PX_OK);
	assert_true(released->others);
}

#define STUCK_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STUCK_TEST(what_lies_on_a_part_that_is_suspended_is_stuck),
		STUCK_TEST(what_is_suspended_is_stuck_unless_somebody_changes_it_just_then),
		STUCK_TEST(
			of_the_volumes_that_have_lost_their_disk_ours_are_released_without_a_question),
		STUCK_TEST(one_that_cannot_be_released_does_not_keep_the_others),
		STUCK_TEST(where_none_has_lost_its_disk_none_is_released),
		STUCK_TEST(what_sysfs_cannot_tell_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
