/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include <libdevmapper.h>

#include "pxenc/dm-stack.h"

#define OLD "aes-xts-plain64 :64:logon:cryptsetup:u-d0"
#define NEW "aes-xts-plain64 :64:logon:cryptsetup:u-d1"

/* A line of a table, as the kernel shows it. */
struct line {
	uint64_t start, length;
	const char *type, *params;
};

/* What the kernel has, in place of one, and what was asked of it. */
static struct {
	const struct line *tables[2]; /* of the volume's mapping, and of its overlay */
	char loaded[512];	      /* a new table */
	char steps[128];	      /* what was run */
	int fails_at;		      /* a task's type whose ioctl fails; -1: none */
	int error;
	unsigned int no_task; /* the nth task cannot be had; 0: all can */
	unsigned int tasks, open;
	bool missing, no_info, no_room, no_cookie;
} kernel;

struct dm_task {
	int type;
	const struct line *table;
};

int __wrap_access(const char *path, int mode);
struct dm_task *__wrap_dm_task_create(int type);
int __wrap_dm_task_set_name(struct dm_task *task, const char *name);
int __wrap_dm_task_set_uuid(struct dm_task *task, const char *uuid);
int __wrap_dm_task_add_target(struct dm_task *task, uint64_t start, uint64_t size, const char *type,
			      const char *params);
int __wrap_dm_task_set_cookie(struct dm_task *task, uint32_t *cookie, uint16_t flags);
int __wrap_dm_udev_wait(uint32_t cookie);
int __wrap_dm_task_run(struct dm_task *task);
int __wrap_dm_task_get_errno(struct dm_task *task);
int __wrap_dm_task_secure_data(struct dm_task *task);
int __wrap_dm_task_no_flush(struct dm_task *task);
int __wrap_dm_task_skip_lockfs(struct dm_task *task);
int __wrap_dm_task_get_info(struct dm_task *task, struct dm_info *info);
void *__wrap_dm_get_next_target(struct dm_task *task, void *next, uint64_t *start, uint64_t *length,
				char **type, char **params);
void __wrap_dm_task_destroy(struct dm_task *task);

int __wrap_access(const char *path, int mode)
{
	(void)path;
	(void)mode;
	return 0;
}

struct dm_task *__wrap_dm_task_create(int type)
{
	struct dm_task *task;

	if (++kernel.tasks == kernel.no_task)
		return NULL;
	task = calloc(1, sizeof(*task));
	task->type = type;
	kernel.open++;
	return task;
}

int __wrap_dm_task_set_name(struct dm_task *task, const char *name)
{
	task->table = kernel.tables[strcmp(name, "x") == 0 ? 0 : 1];
	return 1;
}

int __wrap_dm_task_set_uuid(struct dm_task *task, const char *uuid)
{
	assert_int_equal(task->type, DM_DEVICE_CREATE);
	assert_string_equal(uuid, "CRYPT-SUBDEV-u-x");
	return 1;
}

int __wrap_dm_task_add_target(struct dm_task *task, uint64_t start, uint64_t size, const char *type,
			      const char *params)
{
	size_t used = strlen(kernel.loaded);

	(void)task;
	snprintf(kernel.loaded + used, sizeof(kernel.loaded) - used,
		 "%" PRIu64 " %" PRIu64 " %s %s\n", start, size, type, params);
	return !kernel.no_room;
}

int __wrap_dm_task_set_cookie(struct dm_task *task, uint32_t *cookie, uint16_t flags)
{
	assert_int_equal(task->type, DM_DEVICE_CREATE);
	assert_int_equal(flags, DM_UDEV_DISABLE_SUBSYSTEM_RULES_FLAG |
					DM_UDEV_DISABLE_DISK_RULES_FLAG |
					DM_UDEV_DISABLE_OTHER_RULES_FLAG);
	*cookie = 7;
	return !kernel.no_cookie;
}

int __wrap_dm_udev_wait(uint32_t cookie)
{
	assert_int_equal(cookie, 7);
	return 1;
}

static const char *name_of(int type)
{
	switch (type) {
	case DM_DEVICE_TABLE:
		return "table";
	case DM_DEVICE_RELOAD:
		return "reload";
	case DM_DEVICE_RESUME:
		return "resume";
	case DM_DEVICE_CLEAR:
		return "clear";
	default:
		assert_int_equal(type, DM_DEVICE_CREATE);
		return "create";
	}
}

int __wrap_dm_task_run(struct dm_task *task)
{
	size_t used = strlen(kernel.steps);

	snprintf(kernel.steps + used, sizeof(kernel.steps) - used, "%s%s", used ? " " : "",
		 name_of(task->type));
	return task->type != kernel.fails_at;
}

int __wrap_dm_task_get_errno(struct dm_task *task)
{
	(void)task;
	return kernel.error;
}

int __wrap_dm_task_secure_data(struct dm_task *task)
{
	(void)task;
	return 1;
}

int __wrap_dm_task_no_flush(struct dm_task *task)
{
	assert_int_equal(task->type, DM_DEVICE_RESUME);
	return 1;
}

int __wrap_dm_task_skip_lockfs(struct dm_task *task)
{
	assert_int_equal(task->type, DM_DEVICE_RESUME);
	return 1;
}

int __wrap_dm_task_get_info(struct dm_task *task, struct dm_info *info)
{
	(void)task;
	memset(info, 0, sizeof(*info));
	info->exists = !kernel.missing;
	return !kernel.no_info;
}

/* As libdevmapper does: NULL with the last line, and a line without a type when there is none. */
void *__wrap_dm_get_next_target(struct dm_task *task, void *next, uint64_t *start, uint64_t *length,
				char **type, char **params)
{
	const struct line *line = next ? next : task->table;

	*start = line->start;
	*length = line->length;
	*type = (char *)line->type;
	*params = (char *)line->params;
	return line->type && line[1].type ? (void *)(line + 1) : NULL;
}

void __wrap_dm_task_destroy(struct dm_task *task)
{
	free(task);
	kernel.open--;
}

/* As the kernel writes them: 253:2, 253:1 and 254:16. */
static const struct px_dm_stack stack = {
	.name = "x",
	.overlay = "x-overlay",
	.hotzone = "x-hotzone-forward",
	.overlay_devno = 0xfd02,
	.hotzone_devno = 0xfd01,
	.disk = 0xfe10,
	.data_offset = 32768,
};

static const struct line on_overlay[] = { { 0, 3000, "linear", "253:2 0" }, { .type = NULL } };

/* The first step, one in the middle, the last, and none. */
static const struct line first[] = { { 0, 1000, "crypt", NEW " 0 253:1 0 1 sector_size:4096" },
				     { 1000, 2000, "crypt",
				       OLD " 1000 254:16 33768 1 sector_size:4096" },
				     { .type = NULL } };
static const struct line middle[] = {
	{ 0, 1000, "crypt", NEW " 0 254:16 32768 2 allow_discards sector_size:4096" },
	{ 1000, 1000, "crypt", NEW " 1000 253:1 1000 2 allow_discards sector_size:4096" },
	{ 2000, 1000, "crypt", OLD " 2000 254:16 34768 2 allow_discards sector_size:4096" },
	{ .type = NULL }
};
static const struct line last[] = { { 0, 2000, "crypt", NEW " 0 254:16 32768" },
				    { 2000, 1000, "crypt", NEW " 2000 253:1 2000" },
				    { .type = NULL } };
static const struct line none[] = { { 0, 3000, "crypt", OLD " 0 254:16 32768" }, { .type = NULL } };

static int prepare(void **state)
{
	(void)state;
	memset(&kernel, 0, sizeof(kernel));
	kernel.fails_at = -1;
	kernel.tables[0] = on_overlay;
	return 0;
}

static int finish(void **state)
{
	(void)state;
	return kernel.open != 0;
}

static void assert_hot(const struct line *overlay, uint64_t start, uint64_t end)
{
	struct px_dm_hot hot = { 7, 7 };

	kernel.tables[1] = overlay;
	assert_int_equal(px_dm_stack_hot(&stack, &hot), 0);
	assert_int_equal(hot.start, start);
	assert_int_equal(hot.end, end);
}

static void assert_replaced(const struct line *overlay, const char *table)
{
	kernel.tables[1] = overlay;
	kernel.loaded[0] = kernel.steps[0] = '\0';
	assert_int_equal(px_dm_stack_replace(&stack), 0);
	assert_string_equal(kernel.loaded, table);
	assert_string_equal(kernel.steps, "table reload");
}

TEST(the_part_that_is_copied_is_what_lies_on_the_hotzone)
{
	assert_hot(first, 0, 1000);
	assert_hot(middle, 1000, 2000);
	assert_hot(last, 2000, 3000);
	assert_hot(none, 0, 0);
}

TEST(it_comes_to_lie_on_the_disk_with_the_key_that_it_has)
{
	assert_replaced(first, "0 1000 crypt " NEW " 0 254:16 32768 1 sector_size:4096\n"
			       "1000 2000 crypt " OLD " 1000 254:16 33768 1 sector_size:4096\n");
	assert_replaced(middle,
			"0 2000 crypt " NEW " 0 254:16 32768 2 allow_discards sector_size:4096\n"
			"2000 1000 crypt " OLD
			" 2000 254:16 34768 2 allow_discards sector_size:4096\n");
	assert_replaced(last, "0 3000 crypt " NEW " 0 254:16 32768\n");
	assert_replaced(none, "0 3000 crypt " OLD " 0 254:16 32768\n");
}

TEST(what_is_not_libcryptsetups_is_let_be)
{
	static const struct line strange[][4] = {
		{ { 0, 3000, "linear", "253:1 0" } },
		{ { 0, 3000, "crypt", NEW " 0 /dev/sda 0" } },
		{ { 0, 3000, "crypt", NEW } },
		{ { 0, 3000, "crypt", NEW " 0 253:1 8" } },
		{ { 0, 1000, "crypt", NEW " 0 253:1 0" },
		  { 1000, 1000, "crypt", NEW " 1000 253:1 1000" } },
	};
	struct px_dm_hot hot;
	size_t i;

	for (i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
		kernel.tables[1] = strange[i];
		kernel.steps[0] = '\0';
		assert_int_equal(px_dm_stack_hot(&stack, &hot), -EINVAL);
		assert_int_equal(px_dm_stack_replace(&stack), -EINVAL);
		assert_string_equal(kernel.steps, "table table");
	}
}

TEST(a_mapping_lies_on_its_overlay_or_does_not)
{
	static const struct line elsewhere[] = { { 0, 3000, "linear", "253:9 0" },
						 { .type = NULL } };
	static const struct line empty[] = { { .type = NULL } };
	bool used = false;

	assert_int_equal(px_dm_stack_is_used(&stack, &used), 0);
	assert_true(used);
	kernel.tables[0] = elsewhere;
	assert_int_equal(px_dm_stack_is_used(&stack, &used), 0);
	assert_false(used);
	kernel.tables[0] = none;
	assert_int_equal(px_dm_stack_is_used(&stack, &used), 0);
	assert_false(used);
	kernel.tables[0] = empty;
	assert_int_equal(px_dm_stack_is_used(&stack, &used), 0);
	assert_false(used);
}

TEST(a_mapping_is_resumed_and_a_table_forgotten)
{
	assert_int_equal(px_dm_resume("x"), 0);
	assert_int_equal(px_dm_forget("x"), 0);
	assert_string_equal(kernel.steps, "resume clear");
	kernel.no_task = kernel.tasks + 1;
	assert_int_equal(px_dm_resume("x"), -ENOMEM);
	kernel.no_task = kernel.tasks + 1;
	assert_int_equal(px_dm_forget("x"), -ENOMEM);
}

TEST(an_alias_is_the_whole_device_and_not_udevs)
{
	assert_int_equal(px_dm_alias("x-revive", "CRYPT-SUBDEV-u-x", makedev(254, 16), 4000), 0);
	assert_string_equal(kernel.loaded, "0 4000 linear 254:16 0\n");
	assert_string_equal(kernel.steps, "create");
	kernel.no_cookie = true;
	assert_int_equal(px_dm_alias("x-revive", "CRYPT-SUBDEV-u-x", makedev(254, 16), 4000), -EIO);
	kernel.no_task = kernel.tasks + 1;
	assert_int_equal(px_dm_alias("x-revive", "CRYPT-SUBDEV-u-x", makedev(254, 16), 4000),
			 -ENOMEM);
}

TEST(what_device_mapper_says_is_passed_on)
{
	struct px_dm_hot hot;
	bool used;

	kernel.tables[1] = middle;
	kernel.fails_at = DM_DEVICE_TABLE;
	kernel.error = ENXIO;
	assert_int_equal(px_dm_stack_hot(&stack, &hot), -ENOENT);
	assert_int_equal(px_dm_stack_is_used(&stack, &used), -ENOENT);
	assert_int_equal(px_dm_stack_replace(&stack), -ENOENT);
	kernel.fails_at = DM_DEVICE_RELOAD;
	kernel.error = ENOKEY;
	assert_int_equal(px_dm_stack_replace(&stack), -ENOKEY);
	kernel.fails_at = -1;
	kernel.no_info = true;
	assert_int_equal(px_dm_stack_hot(&stack, &hot), -EIO);
	kernel.no_info = false;
	kernel.missing = true;
	assert_int_equal(px_dm_stack_hot(&stack, &hot), -ENOENT);
	kernel.missing = false;
	kernel.no_room = true;
	assert_int_equal(px_dm_stack_replace(&stack), -ENOMEM);
	kernel.tables[1] = first;
	assert_int_equal(px_dm_stack_replace(&stack), -ENOMEM);
	kernel.no_task = kernel.tasks + 1;
	assert_int_equal(px_dm_stack_replace(&stack), -ENOMEM);
	kernel.no_task = kernel.tasks + 2;
	assert_int_equal(px_dm_stack_replace(&stack), -ENOMEM);
}

#define TESTED(test) cmocka_unit_test_setup_teardown(test, prepare, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {

		TESTED(the_part_that_is_copied_is_what_lies_on_the_hotzone),
		TESTED(it_comes_to_lie_on_the_disk_with_the_key_that_it_has),
		TESTED(what_is_not_libcryptsetups_is_let_be),
		TESTED(a_mapping_lies_on_its_overlay_or_does_not),
		TESTED(a_mapping_is_resumed_and_a_table_forgotten),
		TESTED(an_alias_is_the_whole_device_and_not_udevs),
		TESTED(what_device_mapper_says_is_passed_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
