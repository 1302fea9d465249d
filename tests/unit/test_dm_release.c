/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <stdio.h>
#include <string.h>

#include <libdevmapper.h>

#include "pxenc/apart.h"
#include "pxenc/dm.h"

#define NAME "pxenc-x"
#define WHOLE "status reload:32768 resume remove nodes"

/* What the kernel has and does, in place of one, and what was asked of it. */
static struct {
	char steps[256];
	int fails_at; /* a task's type whose ioctl fails; -1: none */
	int error;
	bool no_task, bad_name, no_info, no_flag, hangs;
	int exists;
	unsigned int targets;
	unsigned int given; /* targets that were given out */
	/* Of the task under way. */
	int type;
	bool noflush, nolockfs, deferred;
	unsigned int calls; /* of px_apart */
} kernel;

static struct dm_task *const the_task = (struct dm_task *)&kernel;

int __wrap_access(const char *path, int mode);
int __wrap_px_apart(int (*work)(const void *arg), const void *arg, int64_t patience);
struct dm_task *__wrap_dm_task_create(int type);
int __wrap_dm_task_set_name(struct dm_task *task, const char *name);
int __wrap_dm_task_no_flush(struct dm_task *task);
int __wrap_dm_task_skip_lockfs(struct dm_task *task);
int __wrap_dm_task_deferred_remove(struct dm_task *task);
int __wrap_dm_task_add_target(struct dm_task *task, uint64_t start, uint64_t size, const char *type,
			      const char *params);
int __wrap_dm_task_run(struct dm_task *task);
int __wrap_dm_task_get_errno(struct dm_task *task);
int __wrap_dm_task_get_info(struct dm_task *task, struct dm_info *info);
void *__wrap_dm_get_next_target(struct dm_task *task, void *next, uint64_t *start, uint64_t *length,
				char **type, char **params);
void __wrap_dm_task_destroy(struct dm_task *task);
void __wrap_dm_task_update_nodes(void);

static void step(const char *what)
{
	size_t used = strlen(kernel.steps);

	snprintf(kernel.steps + used, sizeof(kernel.steps) - used, "%s%s", used ? " " : "", what);
}

int __wrap_access(const char *path, int mode)
{
	(void)path;
	(void)mode;
	return 0;
}

/* In this very process, where what it does can be seen. */
int __wrap_px_apart(int (*work)(const void *arg), const void *arg, int64_t patience)
{
	int r;

	(void)patience;
	kernel.calls++;
	r = work(arg);
	return kernel.hangs && kernel.calls == 1 ? -ETIMEDOUT : r;
}

struct dm_task *__wrap_dm_task_create(int type)
{
	if (kernel.no_task)
		return NULL;
	assert_int_equal(kernel.type, -1);
	kernel.type = type;
	kernel.noflush = kernel.nolockfs = kernel.deferred = false;
	return the_task;
}

int __wrap_dm_task_set_name(struct dm_task *task, const char *name)
{
	assert_ptr_equal(task, the_task);
	assert_string_equal(name, NAME);
	return !kernel.bad_name;
}

int __wrap_dm_task_no_flush(struct dm_task *task)
{
	assert_ptr_equal(task, the_task);
	kernel.noflush = true;
	return !kernel.no_flag;
}

int __wrap_dm_task_skip_lockfs(struct dm_task *task)
{
	assert_ptr_equal(task, the_task);
	kernel.nolockfs = true;
	return 1;
}

int __wrap_dm_task_deferred_remove(struct dm_task *task)
{
	assert_ptr_equal(task, the_task);
	kernel.deferred = true;
	return 1;
}

int __wrap_dm_task_add_target(struct dm_task *task, uint64_t start, uint64_t size, const char *type,
			      const char *params)
{
	char text[32];

	assert_ptr_equal(task, the_task);
	assert_int_equal(start, 0);
	assert_string_equal(type, "error");
	assert_string_equal(params, "");
	snprintf(text, sizeof(text), "reload:%llu", (unsigned long long)size);
	step(text);
	return !kernel.no_flag;
}

int __wrap_dm_task_run(struct dm_task *task)
{
	assert_ptr_equal(task, the_task);
	switch (kernel.type) {
	case DM_DEVICE_STATUS:
		assert_true(kernel.noflush);
		step("status");
		break;
	case DM_DEVICE_RELOAD: /* has said so with its target */
		break;
	case DM_DEVICE_RESUME: /* either would wait for the disk */
		assert_true(kernel.noflush);
		assert_true(kernel.nolockfs);
		step("resume");
		break;
	case DM_DEVICE_REMOVE:
		assert_true(kernel.deferred);
		step("remove");
		break;
	default:
		assert_int_equal(kernel.type, DM_DEVICE_CLEAR);
		step("clear");
	}
	return kernel.type != kernel.fails_at;
}

int __wrap_dm_task_get_errno(struct dm_task *task)
{
	assert_ptr_equal(task, the_task);
	return kernel.error;
}

int __wrap_dm_task_get_info(struct dm_task *task, struct dm_info *info)
{
	assert_ptr_equal(task, the_task);
	memset(info, 0, sizeof(*info));
	info->exists = kernel.exists;
	return !kernel.no_info;
}

/* Two targets at most; none where a process was killed before it loaded a table. */
void *__wrap_dm_get_next_target(struct dm_task *task, void *next, uint64_t *start, uint64_t *length,
				char **type, char **params)
{
	static char text[] = "crypt", empty[] = "";

	assert_ptr_equal(task, the_task);
	*start = next ? 16384 : 0;
	*length = kernel.targets == 2 ? 16384 : 32768;
	*type = kernel.targets ? text : NULL;
	*params = kernel.targets ? empty : NULL;
	kernel.given++;
	return kernel.given < kernel.targets ? the_task : NULL;
}

void __wrap_dm_task_destroy(struct dm_task *task)
{
	assert_ptr_equal(task, the_task);
	kernel.type = -1;
}

void __wrap_dm_task_update_nodes(void)
{
	step("nodes");
}

static int prepare(void **state)
{
	(void)state;
	memset(&kernel, 0, sizeof(kernel));
	kernel.exists = 1;
	kernel.targets = 1;
	kernel.fails_at = kernel.type = -1;
	return 0;
}

/* No task was left behind. */
static int finish(void **state)
{
	(void)state;
	return kernel.type != -1;
}

TEST(the_table_gives_way_to_errors_without_a_flush_and_the_mapping_is_removed)
{
	assert_int_equal(px_dm_release(NAME), 0);
	assert_string_equal(kernel.steps, WHOLE);
}

TEST(the_errors_are_as_long_as_all_targets_of_the_table)
{
	kernel.targets = 2;
	assert_int_equal(px_dm_release(NAME), 0);
	assert_string_equal(kernel.steps, WHOLE);
}

TEST(a_mapping_without_a_table_is_only_removed)
{
	kernel.targets = 0;
	assert_int_equal(px_dm_release(NAME), 0);
	assert_string_equal(kernel.steps, "status remove nodes");
}

TEST(a_mapping_that_is_not_there_is_no_entry)
{
	kernel.exists = 0;
	assert_int_equal(px_dm_release(NAME), -ENOENT);
	kernel.fails_at = DM_DEVICE_STATUS;
	kernel.error = ENXIO;
	assert_int_equal(px_dm_release(NAME), -ENOENT);
}

static void assert_failure(int r, const char *steps)
{
	kernel.steps[0] = '\0';
	kernel.given = 0;
	assert_int_equal(px_dm_release(NAME), r);
	assert_string_equal(kernel.steps, steps);
}

TEST(when_a_step_fails_the_next_are_not_taken_and_no_table_is_left_waiting)
{
	kernel.error = EIO;
	kernel.fails_at = DM_DEVICE_STATUS;
	assert_failure(-EIO, "status nodes clear");
	kernel.fails_at = DM_DEVICE_RELOAD;
	assert_failure(-EIO, "status reload:32768 nodes clear");
	kernel.fails_at = DM_DEVICE_RESUME;
	assert_failure(-EIO, "status reload:32768 resume nodes clear");
	kernel.fails_at = DM_DEVICE_REMOVE;
	assert_failure(-EIO, WHOLE " clear");
}

TEST(what_libdevmapper_does_not_give_is_said_by_errno)
{
	kernel.no_task = true;
	assert_failure(-ENOMEM, "nodes");
	prepare(NULL);
	kernel.bad_name = true;
	assert_failure(-EINVAL, "nodes");
	prepare(NULL);
	kernel.no_flag = true;
	assert_failure(-EINVAL, "nodes clear");
	prepare(NULL);
	kernel.no_info = true;
	assert_failure(-EIO, "status nodes clear");
}

TEST(io_that_does_not_end_is_not_waited_for_and_no_table_is_left_waiting)
{
	kernel.hangs = true;
	assert_failure(-ETIMEDOUT, WHOLE " clear");
}

#define TESTED(name) cmocka_unit_test_setup_teardown(name, prepare, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTED(the_table_gives_way_to_errors_without_a_flush_and_the_mapping_is_removed),
		TESTED(the_errors_are_as_long_as_all_targets_of_the_table),
		TESTED(a_mapping_without_a_table_is_only_removed),
		TESTED(a_mapping_that_is_not_there_is_no_entry),
		TESTED(when_a_step_fails_the_next_are_not_taken_and_no_table_is_left_waiting),
		TESTED(what_libdevmapper_does_not_give_is_said_by_errno),
		TESTED(io_that_does_not_end_is_not_waited_for_and_no_table_is_left_waiting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
