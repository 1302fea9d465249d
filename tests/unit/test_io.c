/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pxenc/io.h"

static struct fault no_read, no_write, no_pread, no_pwrite;
static size_t at_most; /* at once; 0: all */

static size_t piece(size_t len)
{
	return at_most && at_most < len ? at_most : len;
}

ssize_t __real_read(int fd, void *data, size_t len);
ssize_t __wrap_read(int fd, void *data, size_t len);
ssize_t __real_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len);
ssize_t __real_pread(int fd, void *data, size_t len, off_t at);
ssize_t __wrap_pread(int fd, void *data, size_t len, off_t at);
ssize_t __real_pwrite(int fd, const void *data, size_t len, off_t at);
ssize_t __wrap_pwrite(int fd, const void *data, size_t len, off_t at);

ssize_t __wrap_read(int fd, void *data, size_t len)
{
	return fault_hits(&no_read) ? -1 : __real_read(fd, data, piece(len));
}

ssize_t __wrap_write(int fd, const void *data, size_t len)
{
	return fault_hits(&no_write) ? -1 : __real_write(fd, data, piece(len));
}

ssize_t __wrap_pread(int fd, void *data, size_t len, off_t at)
{
	return fault_hits(&no_pread) ? -1 : __real_pread(fd, data, piece(len), at);
}

ssize_t __wrap_pwrite(int fd, const void *data, size_t len, off_t at)
{
	return fault_hits(&no_pwrite) ? -1 : __real_pwrite(fd, data, piece(len), at);
}

static int begin(void **state)
{
	(void)state;
	no_read = no_write = no_pread = no_pwrite = (struct fault){ 0 };
	at_most = 0;
	return 0;
}

static int read_pipe(const char *text, size_t max, char **ret_text, size_t *ret_len)
{
	int ends[2], r;

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], text, strlen(text)), strlen(text));
	close(ends[1]);
	r = px_read_all(ends[0], max, ret_text, ret_len);
	close(ends[0]);
	return r;
}

TEST(a_descriptor_is_read_to_its_end_or_not_at_all)
{
	px_auto(free) char *text = NULL;
	char *none = NULL;
	size_t len = 7;

	no_read = (struct fault){ .times = 2, .error = EINTR };
	assert_int_equal(read_pipe("text", 4, &text, &len), 0);
	assert_int_equal(len, 4);
	assert_string_equal(text, "text");
	assert_int_equal(read_pipe("texts", 4, &none, &len), -E2BIG);
	no_read = (struct fault){ .times = 1, .error = EIO };
	assert_int_equal(read_pipe("text", 4, &none, &len), -EIO);
	allocation_fails(1);
	assert_int_equal(read_pipe("text", 4, &none, &len), -ENOMEM);
	allocation_fails(0);
	assert_null(none);
	assert_int_equal(len, 4);
}

static void check_written(const char *text)
{
	px_auto(free) char *seen = calloc(1, 100);
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(px_write_all(ends[1], text, strlen(text)), 0);
	close(ends[1]);
	assert_int_equal(__real_read(ends[0], seen, 99), strlen(text));
	assert_string_equal(seen, text);
	close(ends[0]);
}

TEST(everything_is_written_through_short_writes_and_interruptions)
{
	check_written("whole");
	at_most = 2;
	no_write = (struct fault){ .skip = 1, .times = 2, .error = EINTR };
	check_written("in pieces");
}

TEST(writing_nothing_is_done_at_once)
{
	assert_int_equal(px_write_all(-1, NULL, 0), 0);
}

TEST(a_write_that_fails_gives_its_errno)
{
	px_auto(fd) int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	assert_int_equal(px_write_all(-1, "x", 1), -EBADF);
	at_most = 1;
	no_write = (struct fault){ .skip = 1, .times = 1, .error = ENOSPC };
	assert_int_equal(px_write_all(fd, "xx", 2), -ENOSPC);
}

static int file_of(const char *text)
{
	int fd = memfd_create("file", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(__real_pwrite(fd, text, strlen(text), 0), strlen(text));
	return fd;
}

TEST(a_place_in_a_file_is_read_through_short_reads_and_interruptions)
{
	px_auto(fd) int fd = file_of("abcdefgh");
	char seen[6] = "";

	assert_int_equal(px_read_at(fd, seen, 5, 2), 5);
	assert_string_equal(seen, "cdefg");
	at_most = 2;
	no_pread = (struct fault){ .skip = 1, .times = 2, .error = EINTR };
	memset(seen, 0, sizeof(seen));
	assert_int_equal(px_read_at(fd, seen, 5, 3), 5);
	assert_string_equal(seen, "defgh");
}

TEST(fewer_bytes_are_read_only_where_the_file_ends)
{
	px_auto(fd) int fd = file_of("abcd");
	char seen[6] = "";

	at_most = 1;
	assert_int_equal(px_read_at(fd, seen, 5, 2), 2);
	assert_string_equal(seen, "cd");
	assert_int_equal(px_read_at(fd, seen, 5, 4), 0);
	assert_int_equal(px_read_at(fd, seen, 5, (uint64_t)1 << 40), 0);
}

TEST(a_place_in_a_file_is_written_through_short_writes_and_interruptions)
{
	px_auto(fd) int fd = file_of("abcdefgh");
	char seen[9] = "";

	at_most = 2;
	no_pwrite = (struct fault){ .skip = 1, .times = 2, .error = EINTR };
	assert_int_equal(px_write_at(fd, "12345", 5, 2), 0);
	at_most = 0;
	assert_int_equal(px_read_at(fd, seen, 8, 0), 8);
	assert_string_equal(seen, "ab12345h");
}

TEST(a_place_that_fails_gives_its_errno)
{
	px_auto(fd) int fd = file_of("abcd");
	char seen[4];

	at_most = 1;
	no_pread = (struct fault){ .skip = 1, .times = 1, .error = EIO };
	assert_int_equal(px_read_at(fd, seen, 4, 0), -EIO);
	no_pwrite = (struct fault){ .skip = 1, .times = 1, .error = ENOSPC };
	assert_int_equal(px_write_at(fd, "1234", 4, 0), -ENOSPC);
	assert_int_equal(px_read_at(-1, seen, 4, 0), -EBADF);
	assert_int_equal(px_write_at(-1, "1234", 4, 0), -EBADF);
}

#define io_test(f) cmocka_unit_test_setup(f, begin)

int main(void)
{
	const struct CMUnitTest tests[] = {
		io_test(a_descriptor_is_read_to_its_end_or_not_at_all),
		io_test(everything_is_written_through_short_writes_and_interruptions),
		io_test(writing_nothing_is_done_at_once),
		io_test(a_write_that_fails_gives_its_errno),
		io_test(a_place_in_a_file_is_read_through_short_reads_and_interruptions),
		io_test(fewer_bytes_are_read_only_where_the_file_ends),
		io_test(a_place_in_a_file_is_written_through_short_writes_and_interruptions),
		io_test(a_place_that_fails_gives_its_errno),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
