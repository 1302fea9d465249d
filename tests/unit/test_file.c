/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "pxenc/file.h"

#define STRANGER 54321 /* a uid that is neither root's nor ours */

static struct fault no_fstat, no_read, no_mlock;
static uid_t owner = (uid_t)-1; /* what fstat is to say, -1: the truth */

int __real_fstat(int fd, struct stat *st);
int __wrap_fstat(int fd, struct stat *st);
ssize_t __real_read(int fd, void *data, size_t len);
ssize_t __wrap_read(int fd, void *data, size_t len);
int __real_mlock(const void *address, size_t size);
int __wrap_mlock(const void *address, size_t size);

int __wrap_fstat(int fd, struct stat *st)
{
	int r;

	if (fault_hits(&no_fstat))
		return -1;
	r = __real_fstat(fd, st);
	if (owner != (uid_t)-1)
		st->st_uid = owner;
	return r;
}

ssize_t __wrap_read(int fd, void *data, size_t len)
{
	return fault_hits(&no_read) ? -1 : __real_read(fd, data, len);
}

int __wrap_mlock(const void *address, size_t size)
{
	return fault_hits(&no_mlock) ? -1 : __real_mlock(address, size);
}

static int begin(void **state)
{
	no_fstat = no_read = no_mlock = (struct fault){ 0 };
	owner = (uid_t)-1;
	return temp_dir_make(state);
}

static void check_read(const char *path, const char *wanted, size_t wanted_len)
{
	px_auto(free) char *text = NULL;
	size_t len = 0;

	assert_ok(px_file_read(path, "config", 100, &text, &len));
	assert_int_equal(len, wanted_len);
	assert_memory_equal(text, wanted, wanted_len);
	assert_int_equal(text[len], '\0');
}

/* Refused as a text and as a secret, in one line that names the file and has the word. */
static void check_refused(const char *path, const char *word)
{
	struct px_secret *secret = NULL;
	char *text = NULL;
	size_t len = 7;

	assert_fails(PX_USAGE, px_file_read(path, "config", 100, &text, &len), "config", path,
		     word);
	assert_fails(PX_USAGE, px_file_read_secret(path, "password file", 100, &secret),
		     "password file", path, word);
	assert_null(text);
	assert_null(secret);
	assert_int_equal(len, 7);
}

static void check_secret(const char *path, const char *wanted)
{
	px_auto(secret) struct px_secret *secret = NULL;

	assert_ok(px_file_read_secret(path, "password file", 100, &secret));
	assert_int_equal(px_secret_len(secret), strlen(wanted));
	assert_memory_equal(px_secret_bytes(secret), wanted, strlen(wanted));
}

TEST(a_file_is_read_as_it_is_and_ends_in_a_nul)
{
	check_read(temp_text("f", "one\ntwo\n", 0644), "one\ntwo\n", 8);
	check_read(temp_text("empty", "", 0644), "", 0);
	check_read(temp_text("nul", "a\0b\xff", 0600), "a\0b\xff", 4);
}

TEST(a_symlink_to_a_good_file_is_followed)
{
	const char *link = temp_path("link");

	temp_text("target", "text", 0600);
	assert_int_equal(symlink("target", link), 0);
	check_read(link, "text", 4);
	check_secret(link, "text");
}

TEST(a_symlink_is_judged_by_what_it_leads_to)
{
	const char *writable = temp_path("writable"), *nowhere = temp_path("nowhere");
	const char *loop = temp_path("loop"), *device = temp_path("device");

	temp_text("target", "text", 0666);
	assert_int_equal(symlink("target", writable), 0);
	assert_int_equal(symlink("none", nowhere), 0);
	assert_int_equal(symlink("loop", loop), 0);
	assert_int_equal(symlink("/dev/zero", device), 0);
	check_refused(writable, "write");
	check_refused(nowhere, "No such file");
	check_refused(loop, "symbolic links");
	check_refused(device, "regular");
}

TEST(a_file_that_is_not_there_is_said_so)
{
	check_refused(temp_path("none"), "No such file");
	check_refused("", "No such file");
}

TEST(a_directory_is_refused)
{
	const char *path = temp_path("dir");

	assert_int_equal(mkdir(path, 0700), 0);
	check_refused(path, "regular");
}

TEST(a_fifo_is_refused_without_waiting_for_its_writer)
{
	const char *path = temp_path("fifo");

	assert_int_equal(mkfifo(path, 0600), 0);
	check_refused(path, "regular");
}

TEST(a_socket_and_a_device_are_refused)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	px_auto(fd) int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	const char *path = temp_path("s");

	assert_true(strlen(path) < sizeof(address.sun_path));
	memcpy(address.sun_path, path, strlen(path) + 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	check_refused(path, "cannot open");
	check_refused("/dev/null", "regular");
}

TEST(a_file_that_group_or_others_may_write_is_refused)
{
	check_refused(temp_text("g", "text", 0620), "chmod go-w");
	check_refused(temp_text("o", "text", 0602), "chmod go-w");
	check_refused(temp_text("all", "text", 0666), "chmod go-w");
}

TEST(a_file_of_another_user_is_refused)
{
	const char *path = temp_text("f", "text", 0600);

	owner = STRANGER;
	check_refused(path, "54321");
	owner = 0;
	check_read(path, "text", 4);
}

TEST(a_text_may_be_readable_by_all_but_a_secret_may_not)
{
	static const mode_t modes[] = { 0640, 0604, 0644, 0610, 0601 };
	struct px_secret *secret = NULL;
	size_t i;

	for (i = 0; i < 5; i++) {
		const char *path = temp_text("f", "text", modes[i]);

		check_read(path, "text", 4);
		assert_fails(PX_USAGE, px_file_read_secret(path, "password file", 100, &secret),
			     path, "read", "chmod go-rwx");
	}
	assert_null(secret);
}

TEST(a_secret_loses_one_newline_at_its_end)
{
	check_secret(temp_text("none", "hunter2", 0600), "hunter2");
	check_secret(temp_text("one", "hunter2\n", 0600), "hunter2");
	check_secret(temp_text("two", "hunter2\n\n", 0400), "hunter2\n");
	check_secret(temp_text("inside", "a\nb", 0600), "a\nb");
	check_secret(temp_text("windows", "a\r\n", 0600), "a\r");
}

TEST(an_empty_secret_is_refused)
{
	struct px_secret *secret = NULL;

	assert_fails(PX_USAGE,
		     px_file_read_secret(temp_text("e", "", 0600), "password file", 9, &secret),
		     "empty");
	assert_fails(PX_USAGE,
		     px_file_read_secret(temp_text("n", "\n", 0600), "password file", 9, &secret),
		     "empty");
	assert_null(secret);
}

TEST(a_file_of_just_the_most_bytes_is_read_and_one_more_is_refused)
{
	char bytes[101];

	memset(bytes, 'x', sizeof(bytes));
	check_read(temp_file("fits", bytes, 100, 0600), bytes, 100);
	check_refused(temp_file("longer", bytes, 101, 0600), "longer than 100 bytes");
}

TEST(a_file_of_a_gigabyte_is_not_read_to_its_end)
{
	const char *path = temp_text("huge", "x", 0600);

	assert_int_equal(truncate(path, 1 << 30), 0);
	check_refused(path, "longer than 100 bytes");
}

TEST(a_file_that_cannot_be_examined_or_read_is_said_so)
{
	const char *path = temp_text("f", "text", 0600);

	no_fstat = (struct fault){ .times = 2, .error = EIO };
	check_refused(path, "Input/output error");
	no_read = (struct fault){ .times = 2, .error = EIO };
	check_refused(path, "cannot read");
}

static int read_text(void *path)
{
	px_auto(free) char *text = NULL;
	size_t len;

	return (int)px_file_read(path, "config", 100, &text, &len);
}

TEST(no_memory_is_said_once)
{
	struct px_secret *secret = NULL;
	char *path = strdup(temp_text("f", "text", 0600));

	each_allocation_may_fail(read_text, path, PX_NOMEM);
	no_mlock = (struct fault){ .times = 1, .error = EPERM };
	assert_fails(PX_NOMEM, px_file_read_secret(path, "password file", 100, &secret),
		     "out of memory");
	free(path);
}

TEST(no_descriptor_is_left_open)
{
	int before = open("/dev/null", O_RDONLY), after;

	close(before);
	check_refused(temp_path("none"), "No such file");
	check_refused(temp_text("w", "text", 0666), "write");
	check_read(temp_text("f", "text", 0600), "text", 4);
	check_secret(temp_path("f"), "text");
	after = open("/dev/null", O_RDONLY);
	close(after);
	assert_int_equal(before, after);
}

#define file_test(f) cmocka_unit_test_setup_teardown(f, begin, temp_dir_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		file_test(a_file_is_read_as_it_is_and_ends_in_a_nul),
		file_test(a_symlink_to_a_good_file_is_followed),
		file_test(a_symlink_is_judged_by_what_it_leads_to),
		file_test(a_file_that_is_not_there_is_said_so),
		file_test(a_directory_is_refused),
		file_test(a_fifo_is_refused_without_waiting_for_its_writer),
		file_test(a_socket_and_a_device_are_refused),
		file_test(a_file_that_group_or_others_may_write_is_refused),
		file_test(a_file_of_another_user_is_refused),
		file_test(a_text_may_be_readable_by_all_but_a_secret_may_not),
		file_test(a_secret_loses_one_newline_at_its_end),
		file_test(an_empty_secret_is_refused),
		file_test(a_file_of_just_the_most_bytes_is_read_and_one_more_is_refused),
		file_test(a_file_of_a_gigabyte_is_not_read_to_its_end),
		file_test(a_file_that_cannot_be_examined_or_read_is_said_so),
		file_test(no_memory_is_said_once),
		file_test(no_descriptor_is_left_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
