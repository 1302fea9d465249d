/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <string.h>
#include <unistd.h>

#include "pxenc/slots.h"

#define GIB ((uint64_t)1 << 30)

static const struct px_cost cheap = { .cheap = true };
static const struct px_cost slow = { .memory = 0 };
static const struct px_cost large = { .memory = GIB };

static struct fault no_open, no_read;

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
ssize_t __real_read(int fd, void *data, size_t len);
ssize_t __wrap_read(int fd, void *data, size_t len);

int __wrap_open(const char *path, int flags, ...)
{
	return fault_hits(&no_open) ? -1 : __real_open(path, flags);
}

ssize_t __wrap_read(int fd, void *data, size_t len)
{
	return fault_hits(&no_read) ? -1 : __real_read(fd, data, len);
}

TEST(cheap_ones_run_on_each_processor)
{
	struct px_slots slots = { .places = 2 };

	assert_true(px_slots_take(&slots, &cheap, 0));
	assert_true(px_slots_is_free(&slots, &cheap));
	assert_true(px_slots_take(&slots, &cheap, 0));
	assert_false(px_slots_is_free(&slots, &cheap));
	assert_true(px_slots_is_free(&slots, &slow));
	assert_false(px_slots_take(&slots, &cheap, 0));
	px_slots_give(&slots, &cheap);
	assert_true(px_slots_take(&slots, &cheap, 0));
}

TEST(costly_ones_have_places_of_their_own)
{
	struct px_slots slots = { .places = 1 };

	assert_true(px_slots_take(&slots, &slow, 0));
	assert_false(px_slots_take(&slots, &slow, 8 * GIB));
	assert_true(px_slots_take(&slots, &cheap, 0));
}

TEST(their_memory_together_is_never_more_than_what_was_free)
{
	struct px_slots slots = { .places = 64 };
	uint64_t used = 0;

	/* Memory counts as used some time after it was given: the free figure lags behind. */
	while (px_slots_take(&slots, &large, 8 * GIB))
		used += GIB;
	assert_true(used <= 8 * GIB);
	assert_int_equal(used / GIB, 7); /* an eighth is left for others */
	px_slots_give(&slots, &large);
	assert_true(px_slots_take(&slots, &large, 8 * GIB));
	assert_false(px_slots_take(&slots, &large, 8 * GIB));
}

TEST(nor_is_the_next_one_more_than_what_is_free_now)
{
	struct px_slots slots = { .places = 64 };

	assert_true(px_slots_take(&slots, &large, 8 * GIB));
	assert_false(px_slots_take(&slots, &large, GIB));
	assert_true(px_slots_take(&slots, &large, 2 * GIB));
}

TEST(one_that_needs_more_than_there_is_runs_alone)
{
	struct px_slots slots = { .places = 64 };

	assert_true(px_slots_take(&slots, &large, 0));
	assert_false(px_slots_take(&slots, &large, 0));
	assert_false(px_slots_take(&slots, &large, 8 * GIB));
	assert_true(px_slots_take(&slots, &slow, 0));
	px_slots_give(&slots, &slow);
	px_slots_give(&slots, &large);
	assert_int_equal(slots.reserved, 0);
	assert_true(px_slots_take(&slots, &large, 0));
}

TEST(the_kernel_says_what_is_available)
{
	uint64_t bytes = 0;

	assert_int_equal(
		px_memory_parse("MemTotal:  8 kB\nMemFree: 1 kB\nMemAvailable:    4 kB\n", &bytes),
		0);
	assert_int_equal(bytes, 4096);
	assert_int_equal(px_memory_parse("MemTotal: 8 kB\n", &bytes), -EBADMSG);
	assert_int_equal(px_memory_parse("\nMemAvailable: none\n", &bytes), -EBADMSG);
	assert_int_equal(px_memory_parse("\nMemAvailable: 18446744073709551615 kB\n", &bytes),
			 -EBADMSG);
	assert_int_equal(bytes, 4096);
}

TEST(this_machines_memory_is_known)
{
	uint64_t bytes = 0;

	assert_int_equal(px_memory_available(&bytes), 0);
	assert_true(bytes > 1 << 20);
	no_open = (struct fault){ .times = 1, .error = EMFILE };
	assert_int_equal(px_memory_available(&bytes), -EMFILE);
	no_read = (struct fault){ .times = 1, .error = EIO };
	assert_int_equal(px_memory_available(&bytes), -EIO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cheap_ones_run_on_each_processor),
		cmocka_unit_test(costly_ones_have_places_of_their_own),
		cmocka_unit_test(their_memory_together_is_never_more_than_what_was_free),
		cmocka_unit_test(nor_is_the_next_one_more_than_what_is_free_now),
		cmocka_unit_test(one_that_needs_more_than_there_is_runs_alone),
		cmocka_unit_test(the_kernel_says_what_is_available),
		cmocka_unit_test(this_machines_memory_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
