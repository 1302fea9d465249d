/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <libmount/libmount.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "pxenc/mount.h"
#include "pxenc/strv.h"

#define SOURCE "/dev/mapper/vol"
#define DEVNO makedev(253, 7)

/* libmount, as far as px_mount goes: what it was told, and what it is to answer. */
static struct {
	char steps[1024];
	int contexts; /* that are not freed */
	bool no_context, no_table, no_iter;
	const char *failing; /* this step fails */
	int error;
	int mounted; /* what mnt_context_mount returns */
	int excode;
	const char *why;
	const char *mountinfo; /* a file in place of the kernel's */
} world;

static int dummy;

static int step(const char *name, const char *value)
{
	size_t used = strlen(world.steps);

	snprintf(world.steps + used, sizeof(world.steps) - used, "%s%s%s%s", used ? " " : "", name,
		 value ? "=" : "", value ? value : "");
	return world.failing && strcmp(world.failing, name) == 0 ? world.error : 0;
}

struct libmnt_context *__wrap_mnt_new_context(void);
void __wrap_mnt_free_context(struct libmnt_context *context);
int __wrap_mnt_context_enable_fake(struct libmnt_context *context, int enable);
int __wrap_mnt_context_enable_sloppy(struct libmnt_context *context, int enable);
int __wrap_mnt_context_disable_mtab(struct libmnt_context *context, int disable);
int __wrap_mnt_context_set_source(struct libmnt_context *context, const char *source);
int __wrap_mnt_context_set_target(struct libmnt_context *context, const char *target);
int __wrap_mnt_context_set_fstype(struct libmnt_context *context, const char *fstype);
int __wrap_mnt_context_set_options(struct libmnt_context *context, const char *options);
int __wrap_mnt_context_set_target_ns(struct libmnt_context *context, const char *path);
int __wrap_mnt_context_mount(struct libmnt_context *context);
int __wrap_mnt_context_get_excode(struct libmnt_context *context, int r, char *why, size_t size);
struct libmnt_table *__real_mnt_new_table_from_file(const char *path);
struct libmnt_table *__wrap_mnt_new_table_from_file(const char *path);
struct libmnt_iter *__real_mnt_new_iter(int direction);
struct libmnt_iter *__wrap_mnt_new_iter(int direction);

struct libmnt_context *__wrap_mnt_new_context(void)
{
	if (world.no_context)
		return NULL;
	world.contexts++;
	return (struct libmnt_context *)&dummy;
}

void __wrap_mnt_free_context(struct libmnt_context *context)
{
	world.contexts -= context != NULL;
}

int __wrap_mnt_context_enable_fake(struct libmnt_context *context, int enable)
{
	assert_ptr_equal(context, &dummy);
	return enable ? step("fake", NULL) : 0;
}

int __wrap_mnt_context_enable_sloppy(struct libmnt_context *context, int enable)
{
	assert_ptr_equal(context, &dummy);
	return enable ? step("sloppy", NULL) : 0;
}

int __wrap_mnt_context_disable_mtab(struct libmnt_context *context, int disable)
{
	assert_ptr_equal(context, &dummy);
	return disable ? step("no_mtab", NULL) : 0;
}

int __wrap_mnt_context_set_source(struct libmnt_context *context, const char *source)
{
	assert_ptr_equal(context, &dummy);
	return step("source", source);
}

int __wrap_mnt_context_set_target(struct libmnt_context *context, const char *target)
{
	assert_ptr_equal(context, &dummy);
	return step("target", target);
}

int __wrap_mnt_context_set_fstype(struct libmnt_context *context, const char *fstype)
{
	assert_ptr_equal(context, &dummy);
	return step("fstype", fstype);
}

int __wrap_mnt_context_set_options(struct libmnt_context *context, const char *options)
{
	assert_ptr_equal(context, &dummy);
	return step("options", options);
}

int __wrap_mnt_context_set_target_ns(struct libmnt_context *context, const char *path)
{
	assert_ptr_equal(context, &dummy);
	return step("ns", path);
}

int __wrap_mnt_context_mount(struct libmnt_context *context)
{
	assert_ptr_equal(context, &dummy);
	step("mount", NULL);
	return world.mounted;
}

int __wrap_mnt_context_get_excode(struct libmnt_context *context, int r, char *why, size_t size)
{
	assert_ptr_equal(context, &dummy);
	assert_int_equal(r, world.mounted);
	if (world.why)
		snprintf(why, size, "%s", world.why);
	return world.excode;
}

struct libmnt_table *__wrap_mnt_new_table_from_file(const char *path)
{
	assert_string_equal(path, "/proc/self/mountinfo");
	return world.no_table ? NULL : __real_mnt_new_table_from_file(world.mountinfo);
}

struct libmnt_iter *__wrap_mnt_new_iter(int direction)
{
	return world.no_iter ? NULL : __real_mnt_new_iter(direction);
}

static int begin(void **state)
{
	memset(&world, 0, sizeof(world));
	log_forget();
	return temp_dir_make(state);
}

static int end(void **state)
{
	int contexts = world.contexts;

	return temp_dir_remove(state) || contexts;
}

static enum px_status mount_it(void)
{
	static const struct px_mount mount = { .source = SOURCE,
					       .target = "/data",
					       .fstype = "ext4",
					       .options = "ro",
					       .target_ns = "1234" };

	return px_mount(&mount);
}

TEST(a_mount_tells_libmount_what_it_was_told)
{
	static const struct px_mount mount = { .source = SOURCE,
					       .target = "/data",
					       .fstype = "ext4" };

	assert_ok(px_mount(&mount));
	assert_string_equal(world.steps, "source=" SOURCE " target=/data fstype=ext4 mount");
	assert_int_equal(world.contexts, 0);
}

TEST(options_and_flags_are_passed_on)
{
	static const struct px_mount mount = { .source = SOURCE,
					       .target = "/data",
					       .fstype = "xfs",
					       .options = "ro,noatime",
					       .target_ns = "1234",
					       .fake = true,
					       .no_mtab = true,
					       .sloppy = true };

	assert_ok(px_mount(&mount));
	assert_string_equal(world.steps, "fake sloppy no_mtab source=" SOURCE " target=/data "
					 "fstype=xfs options=ro,noatime ns=1234 mount");
}

TEST(libmounts_own_words_say_why_it_failed)
{
	world.mounted = -2;
	world.excode = 32;
	world.why = "mount point does not exist";
	assert_fails(PX_MOUNT, mount_it(), SOURCE, "ext4", "/data", "mount point does not exist");
	assert_int_equal(world.contexts, 0);
}

TEST(without_libmounts_words_there_are_some_of_our_own)
{
	world.mounted = 1;
	world.excode = 1;
	assert_fails(PX_MOUNT, mount_it(), SOURCE, "mount failed");
}

TEST(what_libmount_takes_for_a_success_is_one)
{
	world.mounted = 5;
	assert_ok(mount_it());
}

TEST(what_libmount_does_not_take_stops_before_the_mount)
{
	static const char *const steps[] = { "source", "target", "fstype", "options", "ns", NULL };
	size_t i;

	world.error = -EINVAL;
	for (i = 0; steps[i]; i++) {
		world.failing = steps[i];
		world.steps[0] = '\0';
		assert_fails(PX_MOUNT, mount_it(), SOURCE, "/data", "Invalid argument");
		assert_null(strstr(world.steps, "mount"));
		assert_int_equal(world.contexts, 0);
	}
}

TEST(no_memory_for_a_mount_is_said_once)
{
	world.no_context = true;
	assert_fails(PX_NOMEM, mount_it(), "out of memory");
	world.no_context = false;
	world.failing = "options";
	world.error = -ENOMEM;
	assert_fails(PX_NOMEM, mount_it(), "out of memory");
	assert_int_equal(world.contexts, 0);
}

static const char mountinfo[] = "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
				"22 21 0:20 / /proc rw - proc proc rw\n"
				"23 21 253:7 / /data rw - ext4 /dev/mapper/vol rw\n"
				"24 21 253:7 /sub /by\\040number rw - ext4 /dev/dm-7 rw\n"
				"25 21 0:55 / /btrfs rw - btrfs /dev/mapper/vol rw\n"
				"26 21 253:8 / /other rw - ext4 /dev/mapper/vol2 rw\n"
				"27 21 0:60 / /tmp rw - tmpfs none rw\n";

static void see(const char *text, size_t len)
{
	world.mountinfo = temp_file("mountinfo", text, len, 0600);
}

TEST(a_mapping_is_found_by_its_path_and_by_its_number)
{
	px_auto(strv) char **targets = NULL;

	see(mountinfo, sizeof(mountinfo) - 1);
	assert_int_equal(px_mount_targets(SOURCE, DEVNO, &targets), 0);
	assert_int_equal(px_strv_len(targets), 3);
	assert_string_equal(targets[0], "/data");
	assert_string_equal(targets[1], "/by number");
	assert_string_equal(targets[2], "/btrfs");
}

TEST(a_mapping_that_is_not_mounted_has_no_targets)
{
	char **targets = NULL;

	see(mountinfo, sizeof(mountinfo) - 1);
	assert_int_equal(px_mount_targets("/dev/mapper/none", makedev(253, 99), &targets), 0);
	assert_null(targets);
	assert_int_equal(px_mount_targets("/dev/mapper/vo", makedev(253, 99), &targets), 0);
	assert_null(targets);
	see("", 0);
	assert_int_equal(px_mount_targets(SOURCE, DEVNO, &targets), 0);
	assert_null(targets);
}

TEST(without_memory_no_targets_are_told)
{
	char **targets = NULL;
	unsigned int nth;

	see(mountinfo, sizeof(mountinfo) - 1);
	world.no_table = true;
	assert_int_equal(px_mount_targets(SOURCE, DEVNO, &targets), -ENOMEM);
	assert_false(px_mounted_at(SOURCE, DEVNO, "/"));
	world.no_table = false;
	world.no_iter = true;
	assert_int_equal(px_mount_targets(SOURCE, DEVNO, &targets), -ENOMEM);
	world.no_iter = false;
	for (nth = 1; nth <= 6; nth++) {
		allocation_fails(nth);
		assert_int_equal(px_mount_targets(SOURCE, DEVNO, &targets), -ENOMEM);
		allocation_fails(0);
		assert_null(targets);
	}
}

TEST(a_target_is_compared_as_it_resolves)
{
	char *dir = realpath(temp_path("."), NULL), text[4096];
	const char *link = temp_path("link"), *other = temp_path("other");
	int len;

	len = snprintf(text, sizeof(text), "23 21 253:7 / %s rw - ext4 /dev/mapper/vol rw\n", dir);
	see(text, (size_t)len);
	assert_int_equal(symlink(dir, link), 0);
	assert_int_equal(mkdir(other, 0700), 0);
	assert_true(px_mounted_at(SOURCE, DEVNO, dir));
	assert_true(px_mounted_at(SOURCE, DEVNO, link));
	assert_true(px_mounted_at(SOURCE, DEVNO, temp_path("other/..//.")));
	assert_false(px_mounted_at(SOURCE, DEVNO, other));
	assert_false(px_mounted_at("/dev/mapper/x", makedev(253, 8), dir));
	free(dir);
}

TEST(nothing_is_mounted_at_a_target_that_is_not_there)
{
	see(mountinfo, sizeof(mountinfo) - 1);
	assert_false(px_mounted_at(SOURCE, DEVNO, temp_path("none")));
	assert_false(px_mounted_at(SOURCE, DEVNO, ""));
}

/* At places that are there on every machine: libmount looks. */
TEST(a_path_lies_on_the_device_of_the_innermost_mount)
{
	static const char text[] = "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
				   "22 21 253:7 / /proc rw - ext4 /dev/mapper/vol rw\n"
				   "23 22 253:8 / /proc/sys rw - ext4 /dev/mapper/vol2 rw\n"
				   "24 23 253:9 / /proc/sys rw - ext4 /dev/mapper/vol3 rw\n"
				   "25 21 0:55 / /dev rw - btrfs /dev/null rw\n"
				   "26 21 0:56 / /sys rw - btrfs /nonexistent rw\n";
	dev_t device = 0;

	see(text, sizeof(text) - 1);
	assert_int_equal(px_mount_device("/", &device), 0);
	assert_int_equal(device, makedev(8, 1));
	assert_int_equal(px_mount_device("/etc", &device), 0);
	assert_int_equal(device, makedev(8, 1));
	assert_int_equal(px_mount_device("/proc", &device), 0);
	assert_int_equal(device, makedev(253, 7));
	assert_int_equal(px_mount_device("/proc/self/task", &device), 0);
	assert_int_equal(device, makedev(253, 7));
	/* Of two mounts at one place, the later one hides the other. */
	assert_int_equal(px_mount_device("/proc/sys/kernel", &device), 0);
	assert_int_equal(device, makedev(253, 9));
	/* The device that btrfs names; its own number where that is not there. */
	assert_int_equal(px_mount_device("/dev/zero", &device), 0);
	assert_int_equal(device, makedev(1, 3));
	assert_int_equal(px_mount_device("/sys", &device), 0);
	assert_int_equal(device, makedev(0, 56));
}

TEST(a_path_without_a_mount_or_memory_has_no_device)
{
	dev_t device = 7;

	see("", 0);
	assert_int_equal(px_mount_device("/etc", &device), -ENOENT);
	world.no_table = true;
	assert_int_equal(px_mount_device("/etc", &device), -ENOMEM);
	assert_int_equal(device, 7);
}

#define mount_test(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		mount_test(a_mount_tells_libmount_what_it_was_told),
		mount_test(options_and_flags_are_passed_on),
		mount_test(libmounts_own_words_say_why_it_failed),
		mount_test(without_libmounts_words_there_are_some_of_our_own),
		mount_test(what_libmount_takes_for_a_success_is_one),
		mount_test(what_libmount_does_not_take_stops_before_the_mount),
		mount_test(no_memory_for_a_mount_is_said_once),
		mount_test(a_mapping_is_found_by_its_path_and_by_its_number),
		mount_test(a_mapping_that_is_not_mounted_has_no_targets),
		mount_test(without_memory_no_targets_are_told),
		mount_test(a_target_is_compared_as_it_resolves),
		mount_test(nothing_is_mounted_at_a_target_that_is_not_there),
		mount_test(a_path_lies_on_the_device_of_the_innermost_mount),
		mount_test(a_path_without_a_mount_or_memory_has_no_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
