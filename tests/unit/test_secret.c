/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pxenc/secret.h"

#define KEY "correct horse battery staple"

static struct fault no_mmap, no_mlock, no_madvise, no_read;
static struct {
	unsigned int calls;
	bool wiped; /* every byte was zero each time */
	size_t size;
} unmapped;
static size_t read_at_most; /* bytes per read, 0: any */

void *__real_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
int __real_munmap(void *address, size_t size);
int __wrap_munmap(void *address, size_t size);
int __wrap_mlock(const void *address, size_t size);
int __real_madvise(void *address, size_t size, int advice);
int __wrap_madvise(void *address, size_t size, int advice);
ssize_t __real_read(int fd, void *data, size_t len);
ssize_t __wrap_read(int fd, void *data, size_t len);

void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
	if (fault_hits(&no_mmap))
		return MAP_FAILED;
	return __real_mmap(address, size, protection, flags, fd, offset);
}

int __wrap_munmap(void *address, size_t size)
{
	const uint8_t *bytes = address;
	size_t i;

	unmapped.calls++;
	unmapped.size = size;
	for (i = 0; i < size; i++)
		if (bytes[i])
			unmapped.wiped = false;
	return __real_munmap(address, size);
}

/* Straight to the kernel: AddressSanitizer's mlock locks nothing. */
int __wrap_mlock(const void *address, size_t size)
{
	return fault_hits(&no_mlock) ? -1 : (int)syscall(SYS_mlock, address, size);
}

int __wrap_madvise(void *address, size_t size, int advice)
{
	return fault_hits(&no_madvise) ? -1 : __real_madvise(address, size, advice);
}

ssize_t __wrap_read(int fd, void *data, size_t len)
{
	if (fault_hits(&no_read))
		return -1;
	return __real_read(fd, data, read_at_most && read_at_most < len ? read_at_most : len);
}

static int begin(void **state)
{
	(void)state;
	no_mmap = no_mlock = no_madvise = no_read = (struct fault){ 0 };
	unmapped.calls = 0;
	unmapped.wiped = true;
	read_at_most = 0;
	return 0;
}

static struct px_secret *make(const char *text)
{
	struct px_secret *secret = NULL;

	assert_int_equal(px_secret_from(text, strlen(text), &secret), 0);
	return secret;
}

/* Whether the kernel says of the page at address that it has all of these flags ("lo dd wf"). */
static bool page_has(const void *address, const char *flags)
{
	uintptr_t wanted = (uintptr_t)address;
	unsigned long start, end;
	bool here = false, has = false;
	FILE *smaps = fopen("/proc/self/smaps", "re");
	char line[1024], flag[4];

	assert_non_null(smaps);
	while (fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2 && !strstr(line, ": "))
			here = start <= wanted && wanted < end;
		if (!here || strncmp(line, "VmFlags:", 8) != 0)
			continue;
		for (has = true; has && *flags;
		     flags += strcspn(flags, " "), flags += *flags == ' ') {
			snprintf(flag, sizeof(flag), " %.2s", flags);
			has = strstr(line, flag) != NULL;
		}
	}
	fclose(smaps);
	return has;
}

TEST(pages_are_locked_left_out_of_dumps_and_wiped_on_fork)
{
	px_auto(secret) struct px_secret *secret = make(KEY);

	assert_true(page_has(px_secret_bytes(secret), "lo dd wf"));
}

TEST(every_page_of_a_long_secret_is_guarded)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), i;
	px_auto(secret) struct px_secret *secret = NULL;

	assert_int_equal(px_secret_new(8 * page, &secret), 0);
	for (i = 0; i < 8 * page; i += page)
		assert_true(page_has(px_secret_bytes(secret) + i, "lo dd wf"));
	assert_true(page_has(px_secret_bytes(secret) + 8 * page - 1, "lo dd wf"));
}

TEST(other_memory_of_the_process_has_none_of_these)
{
	px_auto(free) char *heap = strdup(KEY);

	assert_false(page_has(heap, "lo"));
	assert_false(page_has(heap, "dd"));
	assert_false(page_has(heap, "wf"));
}

TEST(two_secrets_share_no_page)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	px_auto(secret) struct px_secret *a = make("a"), *b = make("b");

	assert_int_not_equal((uintptr_t)px_secret_bytes(a) / page,
			     (uintptr_t)px_secret_bytes(b) / page);
}

TEST(freeing_a_secret_leaves_its_neighbours_locked)
{
	px_auto(secret) struct px_secret *below = make("below"), *above = make("above");
	struct px_secret *between = make("between");

	px_secret_free(&between);
	assert_true(page_has(px_secret_bytes(below), "lo dd wf"));
	assert_true(page_has(px_secret_bytes(above), "lo dd wf"));
	assert_memory_equal(px_secret_bytes(below), "below", 5);
	assert_memory_equal(px_secret_bytes(above), "above", 5);
}

TEST(freeing_wipes_before_it_unmaps)
{
	struct px_secret *secret = make(KEY);

	px_secret_free(&secret);
	assert_null(secret);
	assert_int_equal(unmapped.calls, 1);
	assert_true(unmapped.wiped);
}

TEST(freeing_wipes_what_lies_beyond_the_length_too)
{
	size_t capacity = 3 * (size_t)sysconf(_SC_PAGESIZE);
	struct px_secret *secret = NULL;

	assert_int_equal(px_secret_new(capacity, &secret), 0);
	memset(px_secret_data(secret), 'k', capacity);
	px_secret_set_len(secret, 1);
	px_secret_free(&secret);
	assert_true(unmapped.size > capacity);
	assert_true(unmapped.wiped);
}

TEST(a_forked_child_sees_zeros)
{
	px_auto(secret) struct px_secret *secret = make(KEY);
	const uint8_t *bytes = px_secret_bytes(secret);
	int status, i, seen = 0;
	pid_t pid = fork();

	if (pid == 0) {
		for (i = 0; i < (int)strlen(KEY); i++)
			seen |= bytes[i];
		seen |= (int)px_secret_len(secret);
		_exit(seen ? 1 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_memory_equal(bytes, KEY, strlen(KEY));
}

TEST(a_forked_child_may_free_what_it_did_not_inherit)
{
	px_auto(secret) struct px_secret *secret = make(KEY);
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		int full = px_secret_append(secret, "x", 1);

		px_secret_free(&secret);
		_exit(full == -ENOSPC && !secret ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

TEST(a_forked_child_has_what_it_is_to_inherit)
{
	px_auto(secret) struct px_secret *secret = make(KEY), *other = make(KEY);
	pid_t pid;
	int status;

	assert_int_equal(px_secret_inherit(secret), 0);
	pid = fork();
	if (pid == 0) {
		int same = px_secret_len(secret) == strlen(KEY) &&
			   memcmp(px_secret_bytes(secret), KEY, strlen(KEY)) == 0;

		_exit(same && px_secret_len(other) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

TEST(to_inherit_may_fail)
{
	px_auto(secret) struct px_secret *secret = make(KEY);

	no_madvise = (struct fault){ .times = 1, .error = EINVAL };
	assert_int_equal(px_secret_inherit(secret), -EINVAL);
}

TEST(freeing_nothing_is_fine)
{
	struct px_secret *none = NULL;

	px_secret_free(NULL);
	px_secret_free(&none);
	assert_int_equal(unmapped.calls, 0);
}

TEST(a_new_secret_is_empty_zeroed_and_has_the_room_asked_for)
{
	px_auto(secret) struct px_secret *secret = NULL;
	static const uint8_t zeros[100];

	assert_int_equal(px_secret_new(100, &secret), 0);
	assert_int_equal(px_secret_len(secret), 0);
	assert_int_equal(px_secret_capacity(secret), 100);
	assert_memory_equal(px_secret_bytes(secret), zeros, 100);
}

TEST(no_room_and_too_much_room_are_refused)
{
	struct px_secret *secret = NULL;

	assert_int_equal(px_secret_new(0, &secret), -EINVAL);
	assert_int_equal(px_secret_new(PX_SECRET_MAX + 1, &secret), -EINVAL);
	assert_int_equal(px_secret_new(SIZE_MAX, &secret), -EINVAL);
	assert_null(secret);
}

TEST(the_largest_secret_is_handed_out)
{
	px_auto(secret) struct px_secret *secret = NULL;
	struct rlimit limit;

	getrlimit(RLIMIT_MEMLOCK, &limit);
	if (geteuid() && limit.rlim_cur < 2 * PX_SECRET_MAX) {
		print_message("RLIMIT_MEMLOCK is too low for this test\n");
		skip();
	}
	assert_int_equal(px_secret_new(PX_SECRET_MAX, &secret), 0);
	px_secret_data(secret)[PX_SECRET_MAX - 1] = 1;
}

TEST(without_memory_there_is_no_secret)
{
	struct px_secret *secret = NULL;

	no_mmap = (struct fault){ .times = 1, .error = ENOMEM };
	assert_int_equal(px_secret_new(1, &secret), -ENOMEM);
	no_mmap = (struct fault){ .times = 1, .error = ENOMEM };
	assert_int_equal(px_secret_from("x", 1, &secret), -ENOMEM);
	assert_null(secret);
	assert_int_equal(unmapped.calls, 0);
}

TEST(a_page_that_cannot_be_locked_is_not_handed_out)
{
	static const int errors[] = { ENOMEM, EPERM, EAGAIN };
	struct px_secret *secret = NULL;
	size_t i;

	for (i = 0; i < 3; i++) {
		no_mlock = (struct fault){ .times = 1, .error = errors[i] };
		assert_int_equal(px_secret_new(1, &secret), -ENOMEM);
		assert_int_equal(unmapped.calls, i + 1);
	}
	assert_null(secret);
}

TEST(a_page_that_could_be_dumped_or_inherited_is_not_handed_out)
{
	struct px_secret *secret = NULL;

	no_madvise = (struct fault){ .times = 1, .error = EINVAL };
	assert_int_equal(px_secret_new(1, &secret), -EINVAL);
	no_madvise = (struct fault){ .skip = 1, .times = 1, .error = EINVAL };
	assert_int_equal(px_secret_new(1, &secret), -EINVAL);
	assert_int_equal(unmapped.calls, 2);
	assert_null(secret);
}

TEST(a_copy_has_the_bytes_whatever_they_are)
{
	static const uint8_t bytes[] = { 0, 1, 0, 0xff, '\n', 0 };
	px_auto(secret) struct px_secret *secret = NULL;

	assert_int_equal(px_secret_from(bytes, sizeof(bytes), &secret), 0);
	assert_int_equal(px_secret_len(secret), sizeof(bytes));
	assert_memory_equal(px_secret_bytes(secret), bytes, sizeof(bytes));
}

TEST(a_copy_of_nothing_is_an_empty_secret)
{
	px_auto(secret) struct px_secret *secret = NULL;

	assert_int_equal(px_secret_from(NULL, 0, &secret), 0);
	assert_int_equal(px_secret_len(secret), 0);
}

TEST(appending_stops_at_the_capacity_and_changes_nothing_beyond)
{
	px_auto(secret) struct px_secret *secret = NULL;

	assert_int_equal(px_secret_new(4, &secret), 0);
	assert_int_equal(px_secret_append(secret, "abc", 3), 0);
	assert_int_equal(px_secret_append(secret, "de", 2), -ENOSPC);
	assert_int_equal(px_secret_append(secret, "de", SIZE_MAX), -ENOSPC);
	assert_int_equal(px_secret_append(secret, NULL, 0), 0);
	assert_int_equal(px_secret_len(secret), 3);
	assert_int_equal(px_secret_append(secret, "d", 1), 0);
	assert_memory_equal(px_secret_bytes(secret), "abcd", 4);
	assert_int_equal(px_secret_append(secret, "e", 1), -ENOSPC);
}

TEST(a_length_beyond_the_capacity_is_cut)
{
	px_auto(secret) struct px_secret *secret = make("abcd");

	px_secret_set_len(secret, 5);
	assert_int_equal(px_secret_len(secret), 4);
	px_secret_set_len(secret, SIZE_MAX);
	assert_int_equal(px_secret_len(secret), 4);
	px_secret_set_len(secret, 0);
	assert_int_equal(px_secret_len(secret), 0);
}

TEST(secrets_are_equal_when_all_their_bytes_are)
{
	px_auto(secret) struct px_secret *a = make("abcd"), *same = make("abcd");
	px_auto(secret) struct px_secret *last = make("abce"), *first = make("bbcd");
	px_auto(secret) struct px_secret *longer = make("abcde"), *empty = make("");

	assert_true(px_secret_equal(a, same));
	assert_true(px_secret_equal(a, a));
	assert_true(px_secret_equal(empty, empty));
	assert_false(px_secret_equal(a, last));
	assert_false(px_secret_equal(a, first));
	assert_false(px_secret_equal(a, longer));
	assert_false(px_secret_equal(a, empty));
}

/* A pipe that holds text and is at its end. */
static int pipe_with(const char *text)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], text, strlen(text)), strlen(text));
	close(ends[1]);
	return ends[0];
}

TEST(a_descriptor_is_read_to_its_end)
{
	px_auto(secret) struct px_secret *secret = NULL;
	px_auto(fd) int fd = pipe_with(KEY);

	assert_int_equal(px_secret_read(fd, 512, &secret), 0);
	assert_int_equal(px_secret_len(secret), strlen(KEY));
	assert_memory_equal(px_secret_bytes(secret), KEY, strlen(KEY));
}

TEST(an_empty_descriptor_is_an_empty_secret)
{
	px_auto(secret) struct px_secret *secret = NULL;
	px_auto(fd) int fd = pipe_with("");

	assert_int_equal(px_secret_read(fd, 512, &secret), 0);
	assert_int_equal(px_secret_len(secret), 0);
}

TEST(short_reads_and_interrupted_ones_are_no_end)
{
	px_auto(secret) struct px_secret *secret = NULL;
	px_auto(fd) int fd = pipe_with(KEY);

	read_at_most = 1;
	no_read = (struct fault){ .skip = 3, .times = 2, .error = EINTR };
	assert_int_equal(px_secret_read(fd, strlen(KEY), &secret), 0);
	assert_memory_equal(px_secret_bytes(secret), KEY, strlen(KEY));
}

TEST(more_bytes_than_allowed_are_refused_and_just_as_many_are_not)
{
	px_auto(secret) struct px_secret *secret = NULL;
	px_auto(fd) int long_one = pipe_with("12345"), fits = pipe_with("1234");

	assert_int_equal(px_secret_read(long_one, 4, &secret), -E2BIG);
	assert_null(secret);
	assert_true(unmapped.wiped);
	assert_int_equal(px_secret_read(fits, 4, &secret), 0);
	assert_int_equal(px_secret_len(secret), 4);
}

TEST(a_descriptor_that_fails_leaves_nothing)
{
	struct px_secret *secret = NULL;
	px_auto(fd) int fd = pipe_with(KEY);

	assert_int_equal(px_secret_read(-1, 512, &secret), -EBADF);
	read_at_most = 4;
	no_read = (struct fault){ .skip = 2, .times = 1, .error = EIO };
	assert_int_equal(px_secret_read(fd, 512, &secret), -EIO);
	assert_null(secret);
	assert_int_equal(unmapped.calls, 2);
	assert_true(unmapped.wiped);
}

TEST(reading_without_memory_or_with_too_high_a_limit_fails)
{
	struct px_secret *secret = NULL;
	px_auto(fd) int fd = pipe_with(KEY);

	no_mmap = (struct fault){ .times = 1, .error = ENOMEM };
	assert_int_equal(px_secret_read(fd, 512, &secret), -ENOMEM);
	assert_int_equal(px_secret_read(fd, PX_SECRET_MAX, &secret), -EINVAL);
	assert_int_equal(px_secret_read(fd, SIZE_MAX, &secret), -EINVAL);
	assert_null(secret);
}

TEST(a_wiped_string_is_empty_to_its_last_byte)
{
	static const char zeros[sizeof(KEY)];
	char text[] = KEY, empty[] = "";

	px_wipe_string(text);
	assert_memory_equal(text, zeros, sizeof(text));
	px_wipe_string(empty);
}

TEST(a_secret_is_known_by_its_bytes)
{
	struct px_secret *secret = make("correct horse");

	assert_ptr_equal(px_secret_of(px_secret_data(secret)), secret);
	assert_null(px_secret_of(NULL));
	px_secret_free(&secret);
}

#define secret_test(f) cmocka_unit_test_setup(f, begin)

int main(void)
{
	const struct CMUnitTest tests[] = {
		secret_test(pages_are_locked_left_out_of_dumps_and_wiped_on_fork),
		secret_test(every_page_of_a_long_secret_is_guarded),
		secret_test(other_memory_of_the_process_has_none_of_these),
		secret_test(a_secret_is_known_by_its_bytes),
		secret_test(two_secrets_share_no_page),
		secret_test(freeing_a_secret_leaves_its_neighbours_locked),
		secret_test(freeing_wipes_before_it_unmaps),
		secret_test(freeing_wipes_what_lies_beyond_the_length_too),
		secret_test(a_forked_child_sees_zeros),
		secret_test(a_forked_child_may_free_what_it_did_not_inherit),
		secret_test(a_forked_child_has_what_it_is_to_inherit),
		secret_test(to_inherit_may_fail),
		secret_test(freeing_nothing_is_fine),
		secret_test(a_new_secret_is_empty_zeroed_and_has_the_room_asked_for),
		secret_test(no_room_and_too_much_room_are_refused),
		secret_test(the_largest_secret_is_handed_out),
		secret_test(without_memory_there_is_no_secret),
		secret_test(a_page_that_cannot_be_locked_is_not_handed_out),
		secret_test(a_page_that_could_be_dumped_or_inherited_is_not_handed_out),
		secret_test(a_copy_has_the_bytes_whatever_they_are),
		secret_test(a_copy_of_nothing_is_an_empty_secret),
		secret_test(appending_stops_at_the_capacity_and_changes_nothing_beyond),
		secret_test(a_length_beyond_the_capacity_is_cut),
		secret_test(secrets_are_equal_when_all_their_bytes_are),
		secret_test(a_descriptor_is_read_to_its_end),
		secret_test(an_empty_descriptor_is_an_empty_secret),
		secret_test(short_reads_and_interrupted_ones_are_no_end),
		secret_test(more_bytes_than_allowed_are_refused_and_just_as_many_are_not),
		secret_test(a_descriptor_that_fails_leaves_nothing),
		secret_test(reading_without_memory_or_with_too_high_a_limit_fails),
		secret_test(a_wiped_string_is_empty_to_its_last_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
