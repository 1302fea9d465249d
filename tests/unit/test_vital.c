/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "pxenc/mount.h"
#include "pxenc/stack.h"
#include "pxenc/vital.h"

/* The volume, and what is stacked upon it in the tests' sysfs. */
#define VOLUME makedev(253, 0)
#define LOGICAL makedev(253, 1)
#define RAID makedev(9, 0)
#define PARTITION makedev(259, 0)
#define OTHER makedev(8, 0)

static struct fault no_readdir, no_getline, no_open;

/* Where the tests' paths lie. */
static struct {
	dev_t device;
	int error;
	const char *asked; /* the path that was asked about last */
} mounted;

struct dirent *__real_readdir(DIR *dir);
struct dirent *__wrap_readdir(DIR *dir);
int __wrap_px_mount_device(const char *path, dev_t *ret_device);
int __wrap_stat(const char *path, struct stat *st);
int __real_stat(const char *path, struct stat *st);
ssize_t __wrap___getdelim(char **line, size_t *size, int delimiter, FILE *file);
ssize_t __wrap_getline(char **line, size_t *size, FILE *file);
ssize_t __real___getdelim(char **line, size_t *size, int delimiter, FILE *file);
int __wrap_ferror(FILE *file);
int __wrap_openat(int at, const char *path, int flags, ...);
int __real_openat(int at, const char *path, int flags, ...);

struct dirent *__wrap_readdir(DIR *dir)
{
	return fault_hits(&no_readdir) ? NULL : __real_readdir(dir);
}

int __wrap_openat(int at, const char *path, int flags, ...)
{
	return fault_hits(&no_open) ? -1 : __real_openat(at, path, flags);
}

int __wrap_px_mount_device(const char *path, dev_t *ret_device)
{
	static char asked[512];

	snprintf(asked, sizeof(asked), "%s", path);
	mounted.asked = asked;
	if (mounted.error)
		return mounted.error;
	*ret_device = mounted.device;
	return 0;
}

/* The nodes that /proc/swaps names are not there on every machine. */
int __wrap_stat(const char *path, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	if (strcmp(path, "/dev/dm-1") == 0 || strcmp(path, "/dev/sda2") == 0) {
		st->st_mode = S_IFBLK;
		st->st_rdev = path[5] == 'd' ? LOGICAL : OTHER;
		return 0;
	}
	if (strcmp(path, "/broken") == 0) {
		errno = EIO;
		return -1;
	}
	return __real_stat(path, st);
}

static bool failed_reading;

/* What glibc makes of getline where it optimises. */
ssize_t __wrap___getdelim(char **line, size_t *size, int delimiter, FILE *file)
{
	failed_reading = fault_hits(&no_getline);
	return failed_reading ? -1 : __real___getdelim(line, size, delimiter, file);
}

ssize_t __wrap_getline(char **line, size_t *size, FILE *file)
{
	return __wrap___getdelim(line, size, '\n', file);
}

int __wrap_ferror(FILE *file)
{
	(void)file;
	return failed_reading;
}

static void make_dir(const char *name)
{
	assert_int_equal(mkdir(temp_path(name), 0755), 0);
}

static void add_device(const char *number)
{
	char path[64];

	make_dir(number);
	snprintf(path, sizeof(path), "%s/holders", number);
	make_dir(path);
}

/* upon: "253:0/holders/dm-1", a folder with the number of what is upon the device. */
static void stack(const char *upon, const char *number)
{
	char path[64];

	make_dir(upon);
	snprintf(path, sizeof(path), "%s/dev", upon);
	temp_file(path, number, strlen(number), 0600);
}

/* A logical volume on the volume, a RAID upon that, which has a partition and comes back to it. */
static int prepare(void **state)
{
	no_readdir = no_getline = no_open = (struct fault){ 0 };
	failed_reading = false;
	mounted.device = OTHER;
	mounted.error = 0;
	mounted.asked = NULL;
	if (temp_dir_make(state) < 0)
		return -1;
	px_stack_set_root(*state);
	px_vital_set_swaps(temp_text("swaps", "Filename\tType\tSize\n", 0600));
	add_device("253:0");
	add_device("253:1");
	add_device("9:0");
	add_device("259:0");
	stack("253:0/holders/dm-1", "253:1\n");
	stack("253:1/holders/md0", "9:0\n");
	stack("9:0/md0p1", "259:0\n");
	temp_text("9:0/md0p1/partition", "1\n", 0600);
	stack("259:0/holders/dm-1", "253:1\n");
	return 0;
}

static int clean_up(void **state)
{
	px_stack_set_root(NULL);
	px_vital_set_swaps(NULL);
	return temp_dir_remove(state);
}

TEST(a_stack_is_all_that_lies_upon_a_device_and_each_once)
{
	px_auto(stack) struct px_stack stack = { .devices = NULL };

	assert_int_equal(px_stack_above(VOLUME, &stack), 0);
	assert_int_equal(stack.count, 4);
	assert_int_equal(stack.devices[0], VOLUME);
	assert_true(px_stack_has(&stack, LOGICAL));
	assert_true(px_stack_has(&stack, RAID));
	assert_true(px_stack_has(&stack, PARTITION));
	assert_false(px_stack_has(&stack, OTHER));
}

TEST(a_device_that_nothing_lies_upon_is_its_own_stack)
{
	px_auto(stack) struct px_stack stack = { .devices = NULL };

	assert_int_equal(rmdir(temp_path("259:0/holders/dm-1")) < 0 ? 0 : -1, 0);
	add_device("8:0");
	assert_int_equal(px_stack_above(OTHER, &stack), 0);
	assert_int_equal(stack.count, 1);
}

TEST(what_goes_while_it_is_looked_at_lies_upon_nothing)
{
	px_auto(stack) struct px_stack stack = { .devices = NULL };

	assert_int_equal(unlink(temp_path("253:1/holders/md0/dev")), 0);
	assert_int_equal(px_stack_above(VOLUME, &stack), 0);
	assert_int_equal(stack.count, 2);
}

static int stack_fails(void)
{
	struct px_stack stack = { .count = 7 };
	int r = px_stack_above(VOLUME, &stack);

	assert_int_equal(stack.count, 7);
	return r;
}

TEST(a_stack_that_cannot_be_read_is_an_error)
{
	no_readdir = (struct fault){ .skip = 1, .times = 1, .error = EIO };
	assert_int_equal(stack_fails(), -EIO);
	no_open = (struct fault){ .times = 1, .error = EACCES };
	assert_int_equal(stack_fails(), -EACCES);
	temp_text("253:1/holders/md0/dev", "what?\n", 0600);
	assert_int_equal(stack_fails(), -EINVAL);
	px_stack_set_root("/nonexistent");
	assert_int_equal(stack_fails(), -ENOENT);
}

TEST(a_device_without_holders_is_an_error)
{
	assert_int_equal(rmdir(temp_path("9:0/holders")), 0);
	assert_int_equal(stack_fails(), -ENOENT);
}

TEST(a_root_that_is_longer_than_any_path_is_an_error)
{
	static char longest[5000];

	memset(longest, 'x', sizeof(longest) - 1);
	px_stack_set_root(longest);
	assert_int_equal(stack_fails(), -ENAMETOOLONG);
}

static const char *const paths[] = { "/nonexistent", "/", NULL };

/* What of the paths or the swaps is found; the caller frees. */
static char *vital(void)
{
	char *what = NULL;

	assert_int_equal(px_vital_on(VOLUME, paths, &what), 0);
	return what;
}

static int vital_fails(void)
{
	static char untouched[] = "untouched";
	char *what = untouched;
	int r = px_vital_on(VOLUME, paths, &what);

	assert_ptr_equal(what, untouched);
	return r;
}

TEST(a_path_that_lies_anywhere_on_the_stack_is_found)
{
	const dev_t devices[] = { VOLUME, LOGICAL, RAID, PARTITION };

	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
		px_auto(free) char *what = NULL;

		mounted.device = devices[i];
		what = vital();
		assert_string_equal(what, "/");
	}
}

TEST(what_lies_elsewhere_or_is_not_there_is_not_vital)
{
	assert_null(vital());
	assert_string_equal(mounted.asked, "/");
}

TEST(a_path_is_looked_at_without_its_links)
{
	const char *link = temp_path("link");
	const char *const linked[] = { link, NULL };
	px_auto(free) char *what = NULL;

	assert_int_equal(symlink("/proc", link), 0);
	mounted.device = VOLUME;
	assert_int_equal(px_vital_on(VOLUME, linked, &what), 0);
	assert_string_equal(what, "/proc");
}

static void swap(const char *text)
{
	px_vital_set_swaps(temp_file("swaps", text, strlen(text), 0600));
}

TEST(a_swap_that_is_a_device_of_the_stack_is_found)
{
	px_auto(free) char *what = NULL;

	swap("Filename Type\n/dev/sda2 partition 1\n/dev/dm-1\tpartition\t1\n");
	what = vital();
	assert_string_equal(what, "the swap /dev/dm-1");
}

TEST(a_swap_file_that_lies_on_the_stack_is_found_whatever_its_name)
{
	const char *file = temp_text("a b\\c", "swap", 0600);
	char text[512];
	px_auto(free) char *what = NULL, *escaped = NULL;
	size_t dir = (size_t)(strrchr(file, '/') - file);

	escaped = strndup(file, dir);
	snprintf(text, sizeof(text), "Filename\n%s/a\\040b\\134c file 1\n", escaped);
	swap(text);
	assert_null(vital());
	assert_string_equal(mounted.asked, file);
	mounted.device = RAID;
	/* The paths come first: ask about none. */
	assert_int_equal(px_vital_on(VOLUME, paths + 2, &what), 0);
	assert_non_null(strstr(what, "the swap /"));
	assert_non_null(strstr(what, "/a b\\c"));
}

TEST(a_machine_without_swap_has_none_that_is_vital)
{
	px_vital_set_swaps("/nonexistent");
	assert_null(vital());
	swap("Filename\n/gone/swap file 1\n");
	assert_null(vital());
	swap("Filename\n/trailing\\04 file 1\n");
	assert_null(vital());
}

TEST(whatever_cannot_be_found_out_is_an_error)
{
	static const char *const broken[] = { "/proc/self/mem/x/", "/", NULL };
	char *what = NULL;

	mounted.error = -ENOMEM;
	assert_int_equal(vital_fails(), -ENOMEM);
	mounted.error = 0;
	assert_int_equal(px_vital_on(VOLUME, broken, &what), 0);
	assert_null(what);
	swap("Filename\n/broken file 1\n");
	assert_int_equal(vital_fails(), -EIO);
	no_getline = (struct fault){ .times = 1, .error = EIO };
	swap("Filename\n");
	assert_int_equal(vital_fails(), -EIO);
	px_stack_set_root("/nonexistent");
	assert_int_equal(vital_fails(), -ENOENT);
}

TEST(swaps_that_cannot_be_opened_are_an_error)
{
	px_vital_set_swaps("/proc/self/mem/x");
	assert_int_equal(vital_fails(), -ENOTDIR);
}

TEST(a_loop_of_links_is_an_error)
{
	const char *link = temp_path("loop");
	const char *const looped[] = { link, NULL };
	char *what = NULL;

	assert_int_equal(symlink("loop", link), 0);
	assert_int_equal(px_vital_on(VOLUME, looped, &what), -ELOOP);
}

static int look(void *unused)
{
	px_auto(free) char *what = NULL;

	(void)unused;
	return px_vital_on(VOLUME, paths + 2, &what);
}

TEST(running_out_of_memory_is_said)
{
	swap("Filename\n/dev/dm-1 partition 1\n");
	each_allocation_may_fail(look, NULL, -ENOMEM);
}

#define TESTED(name) cmocka_unit_test_setup_teardown(name, prepare, clean_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTED(a_stack_is_all_that_lies_upon_a_device_and_each_once),
		TESTED(a_device_that_nothing_lies_upon_is_its_own_stack),
		TESTED(what_goes_while_it_is_looked_at_lies_upon_nothing),
		TESTED(a_stack_that_cannot_be_read_is_an_error),
		TESTED(a_device_without_holders_is_an_error),
		TESTED(a_root_that_is_longer_than_any_path_is_an_error),
		TESTED(a_path_that_lies_anywhere_on_the_stack_is_found),
		TESTED(what_lies_elsewhere_or_is_not_there_is_not_vital),
		TESTED(a_path_is_looked_at_without_its_links),
		TESTED(a_swap_that_is_a_device_of_the_stack_is_found),
		TESTED(a_swap_file_that_lies_on_the_stack_is_found_whatever_its_name),
		TESTED(a_machine_without_swap_has_none_that_is_vital),
		TESTED(whatever_cannot_be_found_out_is_an_error),
		TESTED(swaps_that_cannot_be_opened_are_an_error),
		TESTED(a_loop_of_links_is_an_error),
		TESTED(running_out_of_memory_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
