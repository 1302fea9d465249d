/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pxenc/clock.h"
#include "pxenc/frame.h"

static struct fault no_mmap, no_poll, no_read, no_write;
static size_t read_at_most; /* bytes per read, 0: any */

void *__real_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
int __real_poll(struct pollfd *fds, nfds_t count, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout);
ssize_t __real_read(int fd, void *data, size_t len);
ssize_t __wrap_read(int fd, void *data, size_t len);
ssize_t __real_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len);

void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
	if (fault_hits(&no_mmap))
		return MAP_FAILED;
	return __real_mmap(address, size, protection, flags, fd, offset);
}

int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout)
{
	return fault_hits(&no_poll) ? -1 : __real_poll(fds, count, timeout);
}

ssize_t __wrap_read(int fd, void *data, size_t len)
{
	if (fault_hits(&no_read))
		return -1;
	return __real_read(fd, data, read_at_most && len > read_at_most ? read_at_most : len);
}

ssize_t __wrap_write(int fd, const void *data, size_t len)
{
	return fault_hits(&no_write) ? -1 : __real_write(fd, data, len);
}

/* "pxF1", type 19, seq 7, 5 bytes */
static const uint8_t good_header[PX_FRAME_HEADER] = { 'p', 'x', 'F', '1', 19, 0, 0, 0,
						      7,   0,	0,   0,	  5,  0, 0, 0 };

static int parse_header(const uint8_t *bytes)
{
	enum px_frame_type type;
	uint32_t seq;
	size_t len;

	return px_frame_parse_header(bytes, &type, &seq, &len);
}

/* The good header with one byte changed. */
static int parse_bent(size_t at, uint8_t byte)
{
	uint8_t bent[PX_FRAME_HEADER];

	memcpy(bent, good_header, sizeof(bent));
	bent[at] = byte;
	return parse_header(bent);
}

TEST(a_header_gives_type_request_and_length)
{
	enum px_frame_type type;
	uint32_t seq;
	size_t len;

	assert_int_equal(px_frame_parse_header(good_header, &type, &seq, &len), 0);
	assert_int_equal(type, PX_FRAME_ANSWER);
	assert_int_equal(seq, 7);
	assert_int_equal(len, 5);
}

TEST(a_header_with_another_magic_is_refused)
{
	size_t i;

	for (i = 0; i < 4; i++)
		assert_int_equal(parse_bent(i, 'X'), -EBADMSG);
}

TEST(a_header_whose_reserved_bytes_are_set_is_refused)
{
	assert_int_equal(parse_bent(6, 1), -EBADMSG);
	assert_int_equal(parse_bent(7, 1), -EBADMSG);
}

TEST(a_frame_longer_than_the_longest_is_refused)
{
	uint8_t header[PX_FRAME_HEADER];

	memcpy(header, good_header, sizeof(header));
	memset(header + 12, 0, 4);
	header[14] = PX_FRAME_MAX >> 16;
	assert_int_equal(parse_header(header), 0);
	header[12] = 1;
	assert_int_equal(parse_header(header), -EBADMSG);
	memset(header + 12, 0xff, 4);
	assert_int_equal(parse_header(header), -EBADMSG);
}

TEST(a_payload_of_no_fields_is_well_formed)
{
	assert_int_equal(px_fields_check((const uint8_t *)"", 0), 0);
}

TEST(a_field_that_ends_beyond_the_payload_is_refused)
{
	const uint8_t long_by_one[] = { 13, 0, 3, 0, 0, 0, 'a', 'b' };
	const uint8_t longest[] = { 13, 0, 0xff, 0xff, 0xff, 0xff, 'a', 'b' };

	assert_int_equal(px_fields_check(long_by_one, sizeof(long_by_one)), -EBADMSG);
	assert_int_equal(px_fields_check(longest, sizeof(longest)), -EBADMSG);
}

TEST(a_payload_that_ends_within_a_field_header_is_refused)
{
	const uint8_t bytes[] = { 13, 0, 0, 0, 0, 0, 13, 0, 0 };

	assert_int_equal(px_fields_check(bytes, sizeof(bytes)), -EBADMSG);
}

TEST(an_unknown_tag_is_refused)
{
	uint8_t field[] = { 0, 0, 0, 0, 0, 0 };

	assert_int_equal(px_fields_check(field, sizeof(field)), -EBADMSG);
	field[0] = PX_FIELD_LAST + 1;
	assert_int_equal(px_fields_check(field, sizeof(field)), -EBADMSG);
	field[0] = PX_FIELD_LAST;
	assert_int_equal(px_fields_check(field, sizeof(field)), 0);
	field[1] = 1;
	assert_int_equal(px_fields_check(field, sizeof(field)), -EBADMSG);
}

/* A frame with room, for one test. */
static struct px_frame new_frame(void)
{
	struct px_frame frame;

	assert_int_equal(px_frame_new(PX_FRAME_ANSWER, 3, 256, &frame), 0);
	return frame;
}

TEST(what_is_added_can_be_read)
{
	px_auto(frame) struct px_frame frame = new_frame();
	px_auto(secret) struct px_secret *secret = NULL, *copy = NULL;
	px_auto(free) char *text = NULL;
	uint64_t number;

	assert_int_equal(px_secret_from("a\0b", 3, &secret), 0);
	assert_int_equal(px_frame_add_number(&frame, PX_FIELD_STATUS, 0x123456789abcdef0), 0);
	assert_int_equal(px_frame_add_text(&frame, PX_FIELD_TEXT, "why"), 0);
	assert_int_equal(px_frame_add_secret(&frame, PX_FIELD_VALUE, secret), 0);
	assert_int_equal(px_frame_get_number(&frame, PX_FIELD_STATUS, &number), 0);
	assert_true(number == 0x123456789abcdef0);
	assert_int_equal(px_frame_get_text(&frame, PX_FIELD_TEXT, 3, &text), 0);
	assert_string_equal(text, "why");
	assert_int_equal(px_frame_get_secret(&frame, PX_FIELD_VALUE, 3, &copy), 0);
	assert_true(px_secret_equal(secret, copy));
}

TEST(a_field_that_is_missing_is_told_apart)
{
	px_auto(frame) struct px_frame frame = new_frame();
	struct px_secret *secret;
	uint64_t number;
	char *text;

	assert_int_equal(px_frame_get_number(&frame, PX_FIELD_STATUS, &number), -ENOENT);
	assert_int_equal(px_frame_get_text(&frame, PX_FIELD_TEXT, 9, &text), -ENOENT);
	assert_int_equal(px_frame_get_secret(&frame, PX_FIELD_VALUE, 9, &secret), -ENOENT);
}

TEST(a_field_that_is_there_twice_is_refused)
{
	px_auto(frame) struct px_frame frame = new_frame();
	struct px_field field;

	assert_int_equal(px_frame_add_text(&frame, PX_FIELD_TEXT, "one"), 0);
	assert_int_equal(px_frame_add_text(&frame, PX_FIELD_TEXT, "two"), 0);
	assert_int_equal(px_frame_get(&frame, PX_FIELD_TEXT, &field), -EBADMSG);
}

TEST(a_frame_of_broken_fields_gives_none)
{
	px_auto(frame) struct px_frame frame = new_frame();
	struct px_field field;

	assert_int_equal(px_secret_append(frame.payload, "\x0d\0\xff", 3), 0);
	assert_int_equal(px_frame_get(&frame, PX_FIELD_TEXT, &field), -EBADMSG);
}

TEST(a_number_of_another_size_is_refused)
{
	px_auto(frame) struct px_frame frame = new_frame();
	uint64_t number;

	assert_int_equal(px_frame_add_text(&frame, PX_FIELD_STATUS, "four"), 0);
	assert_int_equal(px_frame_get_number(&frame, PX_FIELD_STATUS, &number), -EBADMSG);
}

TEST(a_text_that_is_too_long_or_could_drive_a_terminal_is_refused)
{
	static const char *const bad[] = { "abcd", "a\nb", "a\x1b[", "\x7f" };
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		px_auto(frame) struct px_frame frame = new_frame();
		char *text;

		assert_int_equal(px_frame_add_text(&frame, PX_FIELD_TEXT, bad[i]), 0);
		assert_int_equal(px_frame_get_text(&frame, PX_FIELD_TEXT, 3, &text), -EBADMSG);
	}
}

TEST(a_text_with_a_nul_is_refused)
{
	px_auto(frame) struct px_frame frame = new_frame();
	char *text;

	assert_int_equal(px_frame_add(&frame, PX_FIELD_TEXT, "a\0b", 3), 0);
	assert_int_equal(px_frame_get_text(&frame, PX_FIELD_TEXT, 9, &text), -EBADMSG);
}

TEST(a_secret_longer_than_its_bound_is_refused)
{
	px_auto(frame) struct px_frame frame = new_frame();
	struct px_secret *secret;

	assert_int_equal(px_frame_add_text(&frame, PX_FIELD_ACS, "token"), 0);
	assert_int_equal(px_frame_get_secret(&frame, PX_FIELD_ACS, 4, &secret), -EBADMSG);
}

TEST(a_field_that_does_not_fit_leaves_the_frame_as_it_was)
{
	px_auto(frame) struct px_frame frame = { .payload = NULL };

	assert_int_equal(px_frame_new(PX_FRAME_NOTE, 0, PX_FIELD_SIZE(3), &frame), 0);
	assert_int_equal(px_frame_add_text(&frame, PX_FIELD_TEXT, "four"), -ENOSPC);
	assert_int_equal(px_secret_len(frame.payload), 0);
	assert_int_equal(px_frame_add(&frame, PX_FIELD_TEXT, "", PX_FRAME_MAX + 1), -ENOSPC);
	assert_int_equal(px_frame_add_text(&frame, PX_FIELD_TEXT, "yes"), 0);
}

TEST(a_frame_beyond_the_longest_cannot_be_begun)
{
	struct px_frame frame;

	assert_int_equal(px_frame_new(PX_FRAME_NOTE, 0, PX_FRAME_MAX + 1, &frame), -ENOSPC);
}

TEST(without_memory_there_is_no_frame_and_no_copy)
{
	px_auto(frame) struct px_frame frame = new_frame();
	struct px_frame other;
	struct px_secret *secret;
	char *text;

	assert_int_equal(px_frame_add_text(&frame, PX_FIELD_TEXT, "text"), 0);
	no_mmap = (struct fault){ .times = 1, .error = ENOMEM };
	assert_int_equal(px_frame_new(PX_FRAME_NOTE, 0, 1, &other), -ENOMEM);
	no_mmap = (struct fault){ .times = 1, .error = ENOMEM };
	assert_int_equal(px_frame_get_secret(&frame, PX_FIELD_TEXT, 9, &secret), -ENOMEM);
	allocation_fails(1);
	assert_int_equal(px_frame_get_text(&frame, PX_FIELD_TEXT, 9, &text), -ENOMEM);
	allocation_fails(0);
}

/* A pipe for one test; cleaned up with it. */
struct ends {
	int out, in;
};

static void close_ends(const struct ends *ends)
{
	px_fd_cleanup(&ends->out);
	px_fd_cleanup(&ends->in);
}

static struct ends new_pipe(void)
{
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	return (struct ends){ .out = fds[0], .in = fds[1] };
}

#define auto_ends px_cleanup(close_ends) struct ends

TEST(a_frame_goes_through_a_pipe_as_it_was)
{
	px_auto(frame) struct px_frame frame = new_frame(), heard = { .payload = NULL };
	auto_ends ends = new_pipe();

	assert_int_equal(px_frame_add_text(&frame, PX_FIELD_TEXT, "hello"), 0);
	assert_int_equal(px_frame_write(ends.in, &frame, PX_FOREVER), 0);
	read_at_most = 3;
	assert_int_equal(px_frame_read(ends.out, PX_FOREVER, &heard), 0);
	read_at_most = 0;
	assert_int_equal(heard.type, PX_FRAME_ANSWER);
	assert_int_equal(heard.seq, 3);
	assert_true(px_secret_equal(frame.payload, heard.payload));
}

TEST(a_frame_without_fields_goes_through_too)
{
	px_auto(frame) struct px_frame frame = { .payload = NULL }, heard = { .payload = NULL };
	auto_ends ends = new_pipe();

	assert_int_equal(px_frame_new(PX_FRAME_WANT_LOGIN, 1, 0, &frame), 0);
	assert_int_equal(px_frame_write(ends.in, &frame, PX_FOREVER), 0);
	assert_int_equal(px_frame_read(ends.out, PX_FOREVER, &heard), 0);
	assert_int_equal(heard.type, PX_FRAME_WANT_LOGIN);
	assert_int_equal(px_secret_len(heard.payload), 0);
}

/* What px_frame_read makes of some bytes and the end of the stream. */
static int read_bytes(const void *data, size_t len)
{
	px_auto(frame) struct px_frame frame = { .payload = NULL };
	auto_ends ends = new_pipe();

	assert_int_equal(write(ends.in, data, len), len);
	close(ends.in);
	ends.in = -1;
	return px_frame_read(ends.out, PX_FOREVER, &frame);
}

TEST(the_end_of_the_stream_is_told_apart_from_a_frame_cut_short)
{
	assert_int_equal(read_bytes("", 0), -ENODATA);
	assert_int_equal(read_bytes(good_header, 1), -EBADMSG);
	assert_int_equal(read_bytes(good_header, sizeof(good_header)), -EBADMSG);
}

TEST(frame_with_short_payload_is_refused)
{
	uint8_t bytes[PX_FRAME_HEADER + 2];

	memcpy(bytes, good_header, sizeof(good_header));
	memset(bytes + PX_FRAME_HEADER, 0, 2);
	assert_int_equal(read_bytes(bytes, sizeof(bytes)), -EBADMSG);
}

TEST(a_frame_whose_fields_are_malformed_is_refused)
{
	uint8_t bytes[PX_FRAME_HEADER + 5];

	memcpy(bytes, good_header, sizeof(good_header));
	memset(bytes + PX_FRAME_HEADER, 0xff, 5);
	assert_int_equal(read_bytes(bytes, sizeof(bytes)), -EBADMSG);
	bytes[0] = 'P';
	assert_int_equal(read_bytes(bytes, sizeof(bytes)), -EBADMSG);
}

TEST(a_silent_end_is_waited_for_until_the_deadline)
{
	px_auto(frame) struct px_frame frame = { .payload = NULL };
	auto_ends ends = new_pipe();

	assert_int_equal(px_frame_read(ends.out, px_now_ms() + 20, &frame), -ETIMEDOUT);
}

TEST(an_end_that_takes_nothing_is_waited_for_until_the_deadline)
{
	px_auto(frame) struct px_frame frame = { .payload = NULL };
	px_auto(secret) struct px_secret *value = NULL;
	auto_ends ends = new_pipe();

	assert_int_equal(px_secret_new(200000, &value), 0);
	px_secret_set_len(value, 200000);
	assert_int_equal(px_frame_new(PX_FRAME_REQUEST, 1, PX_FIELD_SIZE(200000), &frame), 0);
	assert_int_equal(px_frame_add_secret(&frame, PX_FIELD_VALUE, value), 0);
	assert_int_equal(px_frame_write(ends.in, &frame, px_now_ms() + 20), -ETIMEDOUT);
}

TEST(an_end_that_is_gone_is_an_error)
{
	px_auto(frame) struct px_frame frame = new_frame();
	auto_ends ends = new_pipe();

	/* As both programs do. */
	signal(SIGPIPE, SIG_IGN);
	close(ends.out);
	ends.out = -1;
	assert_int_equal(px_frame_write(ends.in, &frame, PX_FOREVER), -EPIPE);
	signal(SIGPIPE, SIG_DFL);
}

TEST(interruptions_are_no_failures)
{
	px_auto(frame) struct px_frame frame = new_frame(), heard = { .payload = NULL };
	auto_ends ends = new_pipe();

	assert_int_equal(px_frame_add_text(&frame, PX_FIELD_TEXT, "text"), 0);
	no_poll = no_write = (struct fault){ .times = 1, .error = EINTR };
	assert_int_equal(px_frame_write(ends.in, &frame, PX_FOREVER), 0);
	no_poll = no_read = (struct fault){ .times = 1, .error = EINTR };
	assert_int_equal(px_frame_read(ends.out, PX_FOREVER, &heard), 0);
}

TEST(a_failing_call_is_passed_on)
{
	px_auto(frame) struct px_frame frame = new_frame(), heard = { .payload = NULL };
	auto_ends ends = new_pipe();

	no_poll = (struct fault){ .times = 1, .error = EFAULT };
	assert_int_equal(px_frame_write(ends.in, &frame, PX_FOREVER), -EFAULT);
	no_write = (struct fault){ .times = 1, .error = EIO };
	assert_int_equal(px_frame_write(ends.in, &frame, PX_FOREVER), -EIO);
	assert_int_equal(px_frame_write(ends.in, &frame, PX_FOREVER), 0);
	no_read = (struct fault){ .times = 1, .error = EIO };
	assert_int_equal(px_frame_read(ends.out, PX_FOREVER, &heard), -EIO);
	no_mmap = (struct fault){ .times = 1, .error = ENOMEM };
	assert_int_equal(px_frame_read(ends.out, PX_FOREVER, &heard), -ENOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_gives_type_request_and_length),
		cmocka_unit_test(a_header_with_another_magic_is_refused),
		cmocka_unit_test(a_header_whose_reserved_bytes_are_set_is_refused),
		cmocka_unit_test(a_frame_longer_than_the_longest_is_refused),
		cmocka_unit_test(a_payload_of_no_fields_is_well_formed),
		cmocka_unit_test(a_field_that_ends_beyond_the_payload_is_refused),
		cmocka_unit_test(a_payload_that_ends_within_a_field_header_is_refused),
		cmocka_unit_test(an_unknown_tag_is_refused),
		cmocka_unit_test(what_is_added_can_be_read),
		cmocka_unit_test(a_field_that_is_missing_is_told_apart),
		cmocka_unit_test(a_field_that_is_there_twice_is_refused),
		cmocka_unit_test(a_frame_of_broken_fields_gives_none),
		cmocka_unit_test(a_number_of_another_size_is_refused),
		cmocka_unit_test(a_text_that_is_too_long_or_could_drive_a_terminal_is_refused),
		cmocka_unit_test(a_text_with_a_nul_is_refused),
		cmocka_unit_test(a_secret_longer_than_its_bound_is_refused),
		cmocka_unit_test(a_field_that_does_not_fit_leaves_the_frame_as_it_was),
		cmocka_unit_test(a_frame_beyond_the_longest_cannot_be_begun),
		cmocka_unit_test(without_memory_there_is_no_frame_and_no_copy),
		cmocka_unit_test(a_frame_goes_through_a_pipe_as_it_was),
		cmocka_unit_test(a_frame_without_fields_goes_through_too),
		cmocka_unit_test(the_end_of_the_stream_is_told_apart_from_a_frame_cut_short),
		cmocka_unit_test(frame_with_short_payload_is_refused),
		cmocka_unit_test(a_frame_whose_fields_are_malformed_is_refused),
		cmocka_unit_test(a_silent_end_is_waited_for_until_the_deadline),
		cmocka_unit_test(an_end_that_takes_nothing_is_waited_for_until_the_deadline),
		cmocka_unit_test(an_end_that_is_gone_is_an_error),
		cmocka_unit_test(interruptions_are_no_failures),
		cmocka_unit_test(a_failing_call_is_passed_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
