/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pxenc/clock.h"
#include "pxenc/console.h"
#include "pxenc/log.h"

static struct fault no_write;
static unsigned int writes;
static char name_of_program[] = "unit";

ssize_t __real_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len);

ssize_t __wrap_write(int fd, const void *data, size_t len)
{
	writes++;
	return fault_hits(&no_write) ? -1 : __real_write(fd, data, len);
}

static char on_console[64];

void __wrap_px_console_say(const char *line);

void __wrap_px_console_say(const char *line)
{
	snprintf(on_console, sizeof(on_console), "%s", line);
}

static int begin(void **state)
{
	(void)state;
	px_log_init(name_of_program, 0);
	log_forget();
	return 0;
}

/* What text looks like in the log. */
static void check_shown(const char *text, const char *wanted)
{
	char line[2048];

	log_forget();
	assert_int_equal(px_fail(PX_USAGE, "%s", text), PX_USAGE);
	snprintf(line, sizeof(line), "unit: %s", wanted);
	assert_string_equal(log_line(0), line);
	assert_int_equal(log_count(), 1);
}

TEST(a_failure_is_one_line_with_the_programs_name_and_returns_its_status)
{
	assert_int_equal(px_fail(PX_BUSY, "%s is %d", "it", 5), PX_BUSY);
	assert_int_equal(log_count(), 1);
	assert_string_equal(log_line(0), "unit: it is 5");
}

TEST(no_memory_says_so)
{
	assert_int_equal(px_nomem(), PX_NOMEM);
	assert_string_equal(log_line(0), "unit: out of memory");
}

TEST(a_warning_says_that_it_is_one)
{
	px_warn("%s", "careful");
	assert_string_equal(log_line(0), "unit: warning: careful");
}

TEST(an_announcement_is_a_warning_and_reaches_the_console_if_that_is_wanted)
{
	px_announce("%s\n%d", "waiting", 1);
	assert_string_equal(log_line(0), "unit: warning: waiting?1");
	assert_string_equal(on_console, "");
	px_log_use_console();
	px_announce("%s\n%d", "waiting", 2);
	assert_string_equal(log_line(1), "unit: warning: waiting?2");
	assert_string_equal(on_console, "unit: warning: waiting?2");
	px_warn("careful");
	assert_string_equal(on_console, "unit: warning: waiting?2");
}

TEST(standard_error_is_the_journals_if_JOURNAL_STREAM_names_it)
{
	char stream[64];
	struct stat st;

	unsetenv("JOURNAL_STREAM");
	assert_false(px_is_on_journal());
	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	assert_true(px_is_on_journal());
	/* A terminal that somebody has opened in a session of theirs inherits the variable alone.
	 */
	setenv("JOURNAL_STREAM", "9:1", 1);
	assert_false(px_is_on_journal());
	unsetenv("JOURNAL_STREAM");
}

TEST(what_a_service_says_is_a_line_like_any)
{
	px_say("%s", "done");
	assert_string_equal(log_line(0), "unit: done");
}

static char diverted[64];

static void keep_failure(const char *text)
{
	snprintf(diverted, sizeof(diverted), "%s", text);
}

TEST(failures_can_be_taken_for_another_place)
{
	px_log_divert(keep_failure);
	assert_int_equal(px_fail(PX_BUSY, "%s\n%d", "it is", 5), PX_BUSY);
	assert_string_equal(diverted, "it is?5");
	assert_silent();
	px_warn("careful");
	assert_string_equal(log_line(0), "unit: warning: careful");
	px_log_divert(NULL);
	assert_int_equal(px_fail(PX_BUSY, "again"), PX_BUSY);
	assert_string_equal(log_line(1), "unit: again");
	assert_string_equal(diverted, "it is?5");
}

TEST(a_process_can_speak_under_another_name)
{
	px_log_init("unit", 1);
	px_log_rename("unit[sda]");
	px_note("loud");
	assert_string_equal(log_line(0), "unit[sda]: loud");
}

TEST(notes_and_stages_are_for_verbose_runs)
{
	int64_t since = px_now_us() - 1500;

	px_note("quiet");
	px_stage("quiet", &since);
	assert_silent();
	px_log_init("unit", 1);
	px_note("loud %d", 1);
	assert_string_equal(log_line(0), "unit: loud 1");
	since = px_now_us() - 1500;
	px_stage("seal", &since);
	assert_non_null(strstr(log_line(1), "unit: stage seal: "));
	assert_non_null(strstr(log_line(1), " ms"));
}

TEST(a_stage_begins_where_the_last_one_ended)
{
	int64_t since = 0, now = px_now_us();

	px_stage("first", &since);
	assert_true(since >= now);
}

TEST(control_characters_are_shown_as_question_marks)
{
	check_shown("a\nb\rc\td\x1b[2Je\x7f\x01", "a?b?c?d?[2Je??");
}

TEST(text_in_utf8_is_shown_as_it_is)
{
	check_shown("d\xc3\xa4h \xe2\x82\xac \xf0\x9f\x94\x91 \xef\xbf\xbf \xf4\x8f\xbf\xbf",
		    "d\xc3\xa4h \xe2\x82\xac \xf0\x9f\x94\x91 \xef\xbf\xbf \xf4\x8f\xbf\xbf");
}

TEST(control_characters_of_latin1_are_no_way_to_drive_a_terminal)
{
	check_shown("\xc2\x9b"
		    "2J\xc2\x80\xc2\x9f\xc2\xa0",
		    "??2J????\xc2\xa0");
	check_shown("\x9b"
		    "2J",
		    "?2J");
}

TEST(bytes_that_are_no_utf8_are_shown_as_question_marks)
{
	check_shown("\xff\xfe\x80\xbf", "????");
	check_shown("\xc0\xaf \xc1\xbf", "?? ??");		       /* overlong */
	check_shown("\xe0\x9f\xbf \xf0\x8f\xbf\xbf", "??? ????");      /* overlong */
	check_shown("\xed\xa0\x80", "???");			       /* surrogate */
	check_shown("\xf4\x90\x80\x80 \xf5\x80\x80\x80", "???? ????"); /* beyond Unicode */
	check_shown("\xc3", "?");
	check_shown("\xe2\x82", "??");
	check_shown("\xf0\x9f\x94x", "???x");
}

TEST(a_cut_character_does_not_swallow_the_next)
{
	check_shown("\xc3\nforged", "??forged");
	check_shown("\xe2\x82\x1b[m", "???[m");
}

TEST(line_separators_and_turns_of_direction_are_shown_as_question_marks)
{
	check_shown("a\xe2\x80\xa8"
		    "b\xe2\x80\xa9"
		    "c\xe2\x80\xae"
		    "d",
		    "a???b???c???d");
	check_shown("a\xe2\x81\xa6"
		    "b\xe2\x81\xa9"
		    "c",
		    "a???b???c");
	check_shown("\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa",
		    "\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa");
}

TEST(format_directives_in_a_text_are_text)
{
	check_shown("%s%n%x", "%s%n%x");
}

TEST(a_line_of_a_megabyte_is_cut)
{
	px_auto(free) char *text = malloc((1 << 20) + 1);

	assert_non_null(text);
	memset(text, 'x', 1 << 20);
	text[1 << 20] = '\0';
	px_fail(PX_USAGE, "%s", text);
	assert_int_equal(log_count(), 1);
	assert_in_range(strlen(log_line(0)), 1000, 1023);
}

TEST(a_character_that_is_cut_in_half_goes)
{
	char text[2001];
	const char *line;
	size_t i;

	for (i = 0; i < 2000; i += 2)
		memcpy(text + i, "\xc3\xa4", 2);
	for (i = 0; i < 2; i++) {
		text[2000 - i] = '\0';
		log_forget();
		px_fail(PX_USAGE, "%s%s", i ? "" : "x", text);
		line = log_line(0);
		assert_true(line[strlen(line) - 1] == '?' || line[strlen(line) - 1] == '\xa4');
	}
}

TEST(a_programs_name_longer_than_a_line_leaves_room_for_the_message)
{
	char name[3001];

	memset(name, 'n', 3000);
	name[3000] = '\0';
	px_log_init(name, 0);
	px_fail(PX_USAGE, "the message");
	px_log_init("unit", 0);
	assert_string_equal(log_line(0), "the message");
}

TEST(a_programs_name_cannot_forge_a_line_either)
{
	px_log_init("evil\nname", 0);
	px_fail(PX_USAGE, "text");
	px_log_init("unit", 0);
	assert_string_equal(log_line(0), "evil?name: text");
}

TEST(a_message_that_cannot_be_formatted_is_not_logged)
{
	static const wchar_t no_character[] = { 0x110000, 0 };

	assert_int_equal(px_fail(PX_BUSY, "%ls", no_character), PX_BUSY);
	assert_silent();
}

/* Standard error is a file while text is logged; returns what it holds then. */
static void log_to_file(const char *text, char *ret_seen, size_t size)
{
	int saved = dup(STDERR_FILENO), fd;
	ssize_t n;

	fd = open(temp_path("stderr"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(saved >= 0 && fd >= 0);
	dup2(fd, STDERR_FILENO);
	px_log_set_sink(NULL);
	writes = 0;
	px_fail(PX_USAGE, "%s", text);
	log_forget();
	dup2(saved, STDERR_FILENO);
	n = pread(fd, ret_seen, size - 1, 0);
	assert_true(n >= 0);
	ret_seen[n] = '\0';
	close(fd);
	close(saved);
}

TEST(lines_go_to_standard_error_each_by_one_write)
{
	char seen[256];

	log_to_file("two\nlines", seen, sizeof(seen));
	assert_string_equal(seen, "unit: two?lines\n");
	assert_int_equal(writes, 1);
}

TEST(the_longest_line_still_ends_in_a_newline)
{
	char text[3001], seen[4096];

	memset(text, 'x', 3000);
	text[3000] = '\0';
	log_to_file(text, seen, sizeof(seen));
	assert_in_range(strlen(seen), 1000, 1024);
	assert_ptr_equal(strchr(seen, '\n'), seen + strlen(seen) - 1);
}

TEST(a_standard_error_that_cannot_be_written_is_no_reason_to_stop)
{
	char seen[256];

	no_write = (struct fault){ .times = 1, .error = ENOSPC };
	log_to_file("lost", seen, sizeof(seen));
	assert_string_equal(seen, "");
	no_write = (struct fault){ .times = 2, .error = EINTR };
	log_to_file("kept", seen, sizeof(seen));
	assert_string_equal(seen, "unit: kept\n");
}

#define log_test(f) cmocka_unit_test_setup(f, begin)
#define file_test(f) cmocka_unit_test_setup_teardown(f, temp_dir_make, temp_dir_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		log_test(a_failure_is_one_line_with_the_programs_name_and_returns_its_status),
		log_test(no_memory_says_so),
		log_test(a_warning_says_that_it_is_one),
		log_test(an_announcement_is_a_warning_and_reaches_the_console_if_that_is_wanted),
		log_test(standard_error_is_the_journals_if_JOURNAL_STREAM_names_it),
		log_test(what_a_service_says_is_a_line_like_any),
		log_test(failures_can_be_taken_for_another_place),
		log_test(a_process_can_speak_under_another_name),
		log_test(notes_and_stages_are_for_verbose_runs),
		log_test(a_stage_begins_where_the_last_one_ended),
		log_test(control_characters_are_shown_as_question_marks),
		log_test(text_in_utf8_is_shown_as_it_is),
		log_test(control_characters_of_latin1_are_no_way_to_drive_a_terminal),
		log_test(bytes_that_are_no_utf8_are_shown_as_question_marks),
		log_test(a_cut_character_does_not_swallow_the_next),
		log_test(line_separators_and_turns_of_direction_are_shown_as_question_marks),
		log_test(format_directives_in_a_text_are_text),
		log_test(a_line_of_a_megabyte_is_cut),
		log_test(a_character_that_is_cut_in_half_goes),
		log_test(a_programs_name_longer_than_a_line_leaves_room_for_the_message),
		log_test(a_programs_name_cannot_forge_a_line_either),
		log_test(a_message_that_cannot_be_formatted_is_not_logged),
		file_test(lines_go_to_standard_error_each_by_one_write),
		file_test(the_longest_line_still_ends_in_a_newline),
		file_test(a_standard_error_that_cannot_be_written_is_no_reason_to_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
