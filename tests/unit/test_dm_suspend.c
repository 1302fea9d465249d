/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <stdio.h>
#include <string.h>

#include <libdevmapper.h>

#include "pxenc/dm.h"

#define NAME "pxenc-x"

/* What the kernel does, in place of one, and what was asked of it. */
static struct {
	char steps[256];
	int fails_at; /* a task's type whose ioctl fails; -1: none */
	int error;
	unsigned int no_task; /* the nth task cannot be had; 0: all can */
	bool bad_name, bad_sector, bad_message;
	/* Of the task under way. */
	int type;
	bool wipes;
	unsigned int tasks;
} kernel;

static struct dm_task *const the_task = (struct dm_task *)&kernel;

int __wrap_access(const char *path, int mode);
struct dm_task *__wrap_dm_task_create(int type);
int __wrap_dm_task_set_name(struct dm_task *task, const char *name);
int __wrap_dm_task_set_sector(struct dm_task *task, uint64_t sector);
int __wrap_dm_task_set_message(struct dm_task *task, const char *message);
int __wrap_dm_task_run(struct dm_task *task);
int __wrap_dm_task_get_errno(struct dm_task *task);
void __wrap_dm_task_destroy(struct dm_task *task);

int __wrap_access(const char *path, int mode)
{
	(void)path;
	(void)mode;
	return 0;
}

struct dm_task *__wrap_dm_task_create(int type)
{
	if (++kernel.tasks == kernel.no_task)
		return NULL;
	assert_int_equal(kernel.type, -1);
	kernel.type = type;
	kernel.wipes = false;
	return the_task;
}

int __wrap_dm_task_set_name(struct dm_task *task, const char *name)
{
	assert_ptr_equal(task, the_task);
	assert_string_equal(name, NAME);
	return !kernel.bad_name;
}

int __wrap_dm_task_set_sector(struct dm_task *task, uint64_t sector)
{
	assert_ptr_equal(task, the_task);
	assert_int_equal(sector, 0);
	return !kernel.bad_sector;
}

int __wrap_dm_task_set_message(struct dm_task *task, const char *message)
{
	assert_ptr_equal(task, the_task);
	assert_string_equal(message, "key wipe");
	kernel.wipes = true;
	return !kernel.bad_message;
}

static const char *name_of(int type)
{
	switch (type) {
	case DM_DEVICE_SUSPEND:
		return "suspend";
	case DM_DEVICE_RESUME:
		return "resume";
	default:
		assert_int_equal(type, DM_DEVICE_TARGET_MSG);
		assert_true(kernel.wipes);
		return "wipe";
	}
}

int __wrap_dm_task_run(struct dm_task *task)
{
	size_t used = strlen(kernel.steps);

	assert_ptr_equal(task, the_task);
	snprintf(kernel.steps + used, sizeof(kernel.steps) - used, "%s%s", used ? " " : "",
		 name_of(kernel.type));
	return kernel.type != kernel.fails_at;
}

int __wrap_dm_task_get_errno(struct dm_task *task)
{
	assert_ptr_equal(task, the_task);
	return kernel.error;
}

void __wrap_dm_task_destroy(struct dm_task *task)
{
	assert_ptr_equal(task, the_task);
	kernel.type = -1;
}

static int prepare(void **state)
{
	(void)state;
	memset(&kernel, 0, sizeof(kernel));
	kernel.fails_at = kernel.type = -1;
	return 0;
}

/* No task was left behind. */
static int finish(void **state)
{
	(void)state;
	return kernel.type != -1;
}

static void assert_suspended(int r, const char *steps)
{
	kernel.steps[0] = '\0';
	kernel.tasks = 0;
	assert_int_equal(px_dm_suspend(NAME), r);
	assert_string_equal(kernel.steps, steps);
}

TEST(io_comes_to_rest_before_the_key_is_wiped)
{
	assert_suspended(0, "suspend wipe");
}

TEST(a_mapping_that_is_not_there_is_no_entry)
{
	kernel.fails_at = DM_DEVICE_SUSPEND;
	kernel.error = ENXIO;
	assert_suspended(-ENOENT, "suspend");
}

TEST(what_cannot_be_suspended_keeps_its_key)
{
	kernel.fails_at = DM_DEVICE_SUSPEND;
	kernel.error = EBUSY;
	assert_suspended(-EBUSY, "suspend");
	kernel.no_task = 1;
	assert_suspended(-ENOMEM, "");
	kernel.no_task = 0;
	kernel.bad_name = true;
	assert_suspended(-EINVAL, "");
}

TEST(when_the_key_cannot_be_wiped_io_goes_on)
{
	kernel.fails_at = DM_DEVICE_TARGET_MSG;
	kernel.error = EINVAL;
	assert_suspended(-EINVAL, "suspend wipe resume");
	kernel.no_task = 2;
	assert_suspended(-ENOMEM, "suspend resume");
	kernel.no_task = 0;
	kernel.bad_sector = true;
	assert_suspended(-EINVAL, "suspend resume");
	kernel.bad_sector = false;
	kernel.bad_message = true;
	assert_suspended(-EINVAL, "suspend resume");
}

TEST(when_io_cannot_go_on_either_the_first_cause_is_told)
{
	kernel.bad_message = true;
	kernel.fails_at = DM_DEVICE_RESUME;
	kernel.error = EIO;
	assert_suspended(-EINVAL, "suspend resume");
}

#define TESTED(name) cmocka_unit_test_setup_teardown(name, prepare, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTED(io_comes_to_rest_before_the_key_is_wiped),
		TESTED(a_mapping_that_is_not_there_is_no_entry),
		TESTED(what_cannot_be_suspended_keeps_its_key),
		TESTED(when_the_key_cannot_be_wiped_io_goes_on),
		TESTED(when_io_cannot_go_on_either_the_first_cause_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
