/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plugin/plugin.h"
#include "pxenc/key.h"
#include "pxenc/places.h"

/*
 * The plugin as libcryptsetup sees it, and pxenc as the plugin sees it: a shell script of each
 * test. The four functions of libcryptsetup that the plugin calls are here.
 */
#define DEVICE "/dev/fake"
#define UUID "0f3c8e1a-5b7d-4c2e-9a61-d2f4b8c07e35"
#define JSON "{\"tokens\":{}}"

struct crypt_device {
	const char *device, *uuid, *json;
	int dump_json;
};

static struct crypt_device device;
static const char *program;
static struct fault no_poll, no_read, no_mlock, no_memfd;

/* What was said through the log, and how. */
static struct {
	char text[16384];
	unsigned int errors, normals;
} said;

const char *px_place_pxenc(void)
{
	return program;
}

const char *crypt_get_device_name(struct crypt_device *cd)
{
	return cd->device;
}

const char *crypt_get_uuid(struct crypt_device *cd)
{
	return cd->uuid;
}

int crypt_dump_json(struct crypt_device *cd, const char **json, uint32_t flags)
{
	assert_int_equal(flags, 0);
	*json = cd->json;
	return cd->dump_json;
}

void crypt_log(struct crypt_device *cd, int level, const char *msg)
{
	size_t used = strlen(said.text);

	assert_ptr_equal(cd, &device);
	assert_in_range(strlen(msg), 2, 2000);
	assert_ptr_equal(strchr(msg, '\n'), msg + strlen(msg) - 1);
	said.errors += level == CRYPT_LOG_ERROR;
	said.normals += level == CRYPT_LOG_NORMAL;
	snprintf(said.text + used, sizeof(said.text) - used, "%s", msg);
}

int __real_poll(struct pollfd *fds, nfds_t n, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout);
ssize_t __real_read(int fd, void *data, size_t len);
ssize_t __wrap_read(int fd, void *data, size_t len);
int __real_mlock(const void *address, size_t size);
int __wrap_mlock(const void *address, size_t size);
int __real_memfd_create(const char *name, unsigned int flags);
int __wrap_memfd_create(const char *name, unsigned int flags);

int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout)
{
	return fault_hits(&no_poll) ? -1 : __real_poll(fds, n, timeout);
}

ssize_t __wrap_read(int fd, void *data, size_t len)
{
	return fault_hits(&no_read) ? -1 : __real_read(fd, data, len);
}

int __wrap_mlock(const void *address, size_t size)
{
	return fault_hits(&no_mlock) ? -1 : __real_mlock(address, size);
}

int __wrap_memfd_create(const char *name, unsigned int flags)
{
	return fault_hits(&no_memfd) ? -1 : __real_memfd_create(name, flags);
}

static int open_before;

static int count_open(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static int begin(void **state)
{
	no_poll = no_read = no_mlock = no_memfd = (struct fault){ 0 };
	memset(&said, 0, sizeof(said));
	device = (struct crypt_device){ DEVICE, UUID, JSON, 0 };
	open_before = count_open();
	/* Nothing here may take for ever. */
	alarm(60);
	return temp_dir_make(state);
}

/* Whatever a test did, no descriptor and no process is left of it, zombies included. */
static int end(void **state)
{
	bool leaves = count_open() != open_before;
	bool childless = waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD;

	alarm(0);
	if (leaves)
		print_error("descriptors were left open\n");
	if (!childless)
		print_error("a child was left\n");
	return temp_dir_remove(state) || leaves || !childless;
}

#define PXENC_IS(script) (program = temp_text("pxenc", "#!/bin/sh\n" script "\n", 0755))

static int ask(char **buffer, size_t *len)
{
	return cryptsetup_token_open(&device, 0, buffer, len, NULL);
}

static void check_key(const char *wanted)
{
	char *buffer = NULL;
	size_t len = 0;

	assert_int_equal(ask(&buffer, &len), 0);
	assert_int_equal(len, strlen(wanted));
	assert_memory_equal(buffer, wanted, len);
	cryptsetup_token_buffer_free(buffer, len);
}

/* No key, this error, and one line, which has the word. */
static void check_refused(int r, const char *word)
{
	char *buffer = NULL;
	size_t len = 7;

	memset(&said, 0, sizeof(said));
	assert_int_equal(ask(&buffer, &len), r);
	assert_null(buffer);
	assert_int_equal(len, 7);
	if (said.errors != 1 || said.normals != 0 || !strstr(said.text, word))
		fail_msg("%u lines were said, not one with '%s': %s", said.errors, word, said.text);
}

TEST(the_key_that_pxenc_prints_is_handed_over)
{
	PXENC_IS("printf 'correct horse'");
	check_key("correct horse");
	assert_int_equal(said.errors + said.normals, 0);
}

TEST(pxenc_gets_the_loaded_header_and_whose_it_is)
{
	char wanted[256];

	snprintf(wanted, sizeof(wanted), "[token-key][--][%s][%s]%s", DEVICE, UUID, JSON);
	PXENC_IS("printf '[%s]' \"$@\"; cat");
	check_key(wanted);
}

TEST(pxenc_is_told_to_use_the_console_too_if_its_host_speaks_to_the_journal)
{
	char stream[64], wanted[256];
	struct stat st;

	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	snprintf(wanted, sizeof(wanted), "[token-key][--console][--][%s][%s]", DEVICE, UUID);
	PXENC_IS("printf '[%s]' \"$@\"");
	check_key(wanted);
	unsetenv("JOURNAL_STREAM");
}

TEST(pxenc_gets_nothing_else_from_its_host)
{
	int kept = open("/dev/null", O_RDONLY);

	setenv("LD_PRELOAD_X", "evil", 1);
	setenv("PXENC_CONFIG", "/tmp/evil", 1);
	/* 3 is the folder that ls reads; PWD is the shell's own. */
	PXENC_IS("env | grep -v ^PWD= | sort | tr '\\n' ' '; ls /proc/self/fd | tr '\\n' ' '");
	check_key("LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "
		  "0 1 2 3 ");
	unsetenv("LD_PRELOAD_X");
	unsetenv("PXENC_CONFIG");
	close(kept);
}

TEST(a_key_in_pieces_is_put_together)
{
	PXENC_IS("printf 'correct '; sleep 0.1; printf horse");
	no_read = (struct fault){ .skip = 1, .times = 1, .error = EINTR };
	no_poll = (struct fault){ .times = 2, .error = EINTR };
	check_key("correct horse");
}

TEST(the_longest_key_is_taken_and_a_longer_one_is_not)
{
	char longest[PX_KEY_MAX + 1];

	memset(longest, 'x', PX_KEY_MAX);
	longest[PX_KEY_MAX] = '\0';
	PXENC_IS("head -c 512 /dev/zero | tr '\\0' x");
	check_key(longest);
	PXENC_IS("head -c 513 /dev/zero | tr '\\0' x");
	check_refused(-ENOENT, "too much");
	PXENC_IS("cat /dev/zero");
	check_refused(-ENOENT, "too much");
}

TEST(no_key_at_all_is_no_key)
{
	PXENC_IS("exit 0");
	check_refused(-ENOENT, "nothing for a key");
}

static bool page_is_gone(const void *address)
{
	return msync((void *)((uintptr_t)address & ~(uintptr_t)4095), 4096, MS_ASYNC) < 0 &&
	       errno == ENOMEM;
}

TEST(the_key_is_gone_after_its_use)
{
	char *buffer = NULL;
	size_t len = 0;

	PXENC_IS("printf 'correct horse'");
	assert_int_equal(ask(&buffer, &len), 0);
	assert_false(page_is_gone(buffer));
	cryptsetup_token_buffer_free(buffer, len);
	assert_true(page_is_gone(buffer));
	cryptsetup_token_buffer_free(NULL, 0);
}

TEST(what_pxenc_says_of_a_failure_is_passed_on)
{
	PXENC_IS("echo 'pxenc: no such secret' >&2; exit 9");
	check_refused(-ENOENT, "pxenc: no such secret\n");
	PXENC_IS("printf 'pxenc: the end has no newline' >&2; exit 11");
	check_refused(-ENOENT, "pxenc: the end has no newline\n");
}

TEST(a_key_from_a_pxenc_that_failed_is_not_taken)
{
	PXENC_IS("printf 'correct horse'; echo 'pxenc: but no' >&2; exit 11");
	check_refused(-ENOENT, "but no");
}

TEST(a_store_that_cannot_be_reached_is_not_ready)
{
	PXENC_IS("echo 'pxenc: the store cannot be reached' >&2; exit 6");
	check_refused(-EAGAIN, "cannot be reached");
}

TEST(memory_that_pxenc_lacks_is_told_as_such)
{
	PXENC_IS("echo 'pxenc: out of memory' >&2; exit 3");
	check_refused(-ENOMEM, "out of memory");
}

TEST(warnings_come_while_it_goes_on)
{
	PXENC_IS("echo 'pxenc: warning: waiting' >&2; printf 'correct horse'");
	check_key("correct horse");
	assert_int_equal(said.errors, 1);
	assert_string_equal(said.text, "pxenc: warning: waiting\n");
}

TEST(what_is_said_cannot_drive_a_terminal_or_forge_a_second_line)
{
	PXENC_IS("printf 'a\\033[2Jb\\000c\\rd\\n' >&2; exit 11");
	check_refused(-ENOENT, "a?[2Jb?c?d\n");
}

TEST(a_line_without_end_is_cut)
{
	PXENC_IS("head -c 3000 /dev/zero | tr '\\0' x >&2; exit 11");
	assert_int_equal(ask(&(char *){ NULL }, &(size_t){ 0 }), -ENOENT);
	assert_int_equal(said.errors, 3);
	assert_int_equal(strlen(said.text), 3003);
}

TEST(a_header_larger_than_a_pipe_needs_no_reader)
{
	static char large[1 << 20];

	memset(large, ' ', sizeof(large) - 1);
	device.json = large;
	PXENC_IS("exec <&-; printf 'correct horse'");
	check_key("correct horse");
	PXENC_IS("wc -c | tr -d ' \\n'");
	check_key("1048575");
}

TEST(a_pxenc_that_is_missing_is_said_to_be)
{
	program = temp_path("none");
	check_refused(-ENOENT, "install pxenc completely");
	program = temp_text("pxenc", "no program", 0644);
	check_refused(-ENOENT, "Permission denied");
}

TEST(a_pxenc_that_a_signal_ends_is_said_to_be)
{
	PXENC_IS("kill -TERM $$");
	check_refused(-ENOENT, "ended by signal 15");
}

TEST(a_pxenc_that_stays_after_its_last_word_is_killed)
{
	PXENC_IS("exec >&- 2>&-; exec sleep 1000");
	check_refused(-ENOENT, "ended by signal 9");
}

TEST(a_host_that_ignores_sigchld_is_served_as_well)
{
	signal(SIGCHLD, SIG_IGN);
	PXENC_IS("printf 'correct horse'");
	check_key("correct horse");
	PXENC_IS("echo 'pxenc: no such secret' >&2; exit 9");
	check_refused(-ENOENT, "no such secret");
	PXENC_IS("head -c 513 /dev/zero");
	check_refused(-ENOENT, "too much");
	signal(SIGCHLD, SIG_DFL);
}

TEST(a_host_keeps_its_signals)
{
	struct sigaction action;
	sigset_t mask;

	signal(SIGPIPE, SIG_DFL);
	PXENC_IS("exec <&-; exit 9");
	assert_int_equal(ask(&(char *){ NULL }, &(size_t){ 0 }), -ENOENT);
	sigaction(SIGPIPE, NULL, &action);
	assert_ptr_equal(action.sa_handler, SIG_DFL);
	sigprocmask(SIG_BLOCK, NULL, &mask);
	assert_false(sigismember(&mask, SIGTERM));
}

TEST(a_context_without_a_header_is_refused)
{
	PXENC_IS("printf 'correct horse'");
	device.dump_json = -EINVAL;
	check_refused(-ENOENT, "no LUKS2 header");
	device.dump_json = 0;
	device.uuid = NULL;
	check_refused(-ENOENT, "no LUKS2 header");
	device.uuid = UUID;
	device.device = NULL;
	check_refused(-ENOENT, "no LUKS2 header");
}

TEST(memory_that_cannot_be_locked_is_told)
{
	PXENC_IS("printf 'correct horse'");
	no_mlock = (struct fault){ .times = 1, .error = EPERM };
	check_refused(-ENOMEM, "RLIMIT_MEMLOCK");
	no_memfd = (struct fault){ .times = 1, .error = ENOMEM };
	check_refused(-ENOMEM, "cannot run");
	no_memfd = (struct fault){ .times = 1, .error = EMFILE };
	check_refused(-ENOENT, "cannot run");
	no_poll = (struct fault){ .times = 1, .error = EINVAL };
	check_refused(-ENOENT, "cannot be waited for: Invalid");
}

static void check_dump(const char *json, const char *wanted)
{
	memset(&said, 0, sizeof(said));
	cryptsetup_token_dump(&device, json);
	assert_int_equal(said.errors, 0);
	assert_string_equal(said.text, wanted);
}

TEST(luksdump_shows_the_token_readably)
{
	check_dump(
		"{\"type\":\"pxenc\",\"keyslots\":[\"0\"],\"version\":1,\"secret_type\":\"dcos\","
		"\"store\":\"default\",\"secret\":\"volumes/0f3c/1\",\"auto\":true,"
		"\"seal\":\"xuhv\"}",
		"\tVersion:    1\n"
		"\tStore type: dcos\n"
		"\tStore:      default\n"
		"\tSecret:     volumes/0f3c/1\n"
		"\tAuto-open:  yes\n"
		"\tSealed:     yes\n");
	check_dump("{ \"auto\" : false , \"secret\" : \"a\" }", "\tSecret:     a\n"
								"\tAuto-open:  no\n"
								"\tSealed:     no\n");
}

TEST(luksdump_shows_a_change_of_the_key)
{
	check_dump("{\"secret\":\"a/1\",\"next\":{\"slot\":1,\"secret\":\"a/2\",\"keep\":false}}",
		   "\tSecret:     a/1\n"
		   "\tNext:       {\"slot\":1,\"secret\":\"a/2\",\"keep\":false}\n"
		   "\tAuto-open:  no\n"
		   "\tSealed:     no\n");
}

TEST(a_hostile_token_drives_no_terminal_and_forges_no_line)
{
	char json[4096], wanted[4096];

	check_dump("{\"secret\":\"a\033[2J\r\n\tSealed:     yes\\u001b\"}",
		   "\tSecret:     a?[2J???Sealed:     yes\\u001b\n"
		   "\tAuto-open:  no\n"
		   "\tSealed:     no\n");
	/* What is longer than any path is cut. */
	snprintf(json, sizeof(json), "{\"secret\":\"%03000d\"}", 0);
	snprintf(wanted, sizeof(wanted),
		 "\tSecret:     %0511d\n\tAuto-open:  no\n\tSealed:     no\n", 0);
	check_dump(json, wanted);
}

/* The member "m" of an object. */
static void check_member(const char *json, bool is_string, const char *wanted)
{
	struct px_member member = { .text = NULL };

	if (!px_plugin_member(json, "m", &member))
		fail_msg("no member m in %s", json);
	assert_int_equal(member.is_string, is_string);
	assert_int_equal(member.len, strlen(wanted));
	assert_memory_equal(member.text, wanted, strlen(wanted));
}

static void check_no_member(const char *json)
{
	struct px_member member;

	/* With nothing readable behind it, for the sanitizer. */
	px_auto(free) char *copy = strdup(json);

	if (px_plugin_member(copy, "m", &member))
		fail_msg("a member m in %s", json);
}

TEST(a_member_is_found_by_its_name_alone)
{
	check_member("{\"m\":1}", false, "1");
	check_member("{\"m\":\"\"}", true, "");
	check_member(" { \"l\" : \"m\" , \"m\" : \"v\" } ", true, "v");
	check_member("{\"a\":{\"m\":1},\"b\":[{\"m\":2},\"}\"],\"m\":3}", false, "3");
	check_member("{\"a\":\"\\\"m\\\":1,\",\"m\":\"x\\\"y\\\\\"}", true, "x\\\"y\\\\");
	check_member("{\"m\":{\"m\":[1,2]},\"m\":3}", false, "{\"m\":[1,2]}");
	check_no_member("{\"mm\":1,\"\":2,\"l\":\"m\"}");
	check_no_member("{}");
}

TEST(malformed_text_has_no_member_and_is_not_read_beyond_its_end)
{
	static const char whole[] = "{\"a\":{\"b\":[\"\\\\\",\"\\\"\"]},\"m\":1}";
	char part[sizeof(whole)];

	for (size_t len = 0; len < sizeof(whole) - sizeof("\"m\":1}"); len++) {
		snprintf(part, sizeof(part), "%.*s", (int)len, whole);
		check_no_member(part);
	}
	check_member(whole, false, "1");
	check_no_member("[\"m\",1]");
	check_no_member("{\"a\" \"m\":1}");
	check_no_member("{\"a\":1}\"m\":1}");
	check_no_member("{m:1}");
}

static void check_invalid(const char *json)
{
	memset(&said, 0, sizeof(said));
	assert_int_equal(cryptsetup_token_validate(&device, json), -EINVAL);
	assert_int_equal(said.errors, 1);
}

TEST(what_is_no_token_of_ours_is_not_taken_for_one)
{
	assert_int_equal(cryptsetup_token_validate(&device, "{\"version\":1,\"secret\":\"a\"}"), 0);
	/* A newer one is for a newer pxenc, and pxenc says so. */
	assert_int_equal(cryptsetup_token_validate(&device, "{\"version\":9,\"secret\":\"a\"}"), 0);
	assert_int_equal(said.errors, 0);
	check_invalid("{\"version\":1}");
	check_invalid("{\"secret\":\"a\"}");
	check_invalid("{\"version\":1,\"secret\":1}");
	check_invalid("");
}

TEST(the_plugin_tells_its_version)
{
	assert_true(cryptsetup_token_version()[0] >= '0' && cryptsetup_token_version()[0] <= '9');
}

#define plugin_test(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		plugin_test(the_key_that_pxenc_prints_is_handed_over),
		plugin_test(pxenc_gets_the_loaded_header_and_whose_it_is),
		plugin_test(pxenc_is_told_to_use_the_console_too_if_its_host_speaks_to_the_journal),
		plugin_test(pxenc_gets_nothing_else_from_its_host),
		plugin_test(a_key_in_pieces_is_put_together),
		plugin_test(the_longest_key_is_taken_and_a_longer_one_is_not),
		plugin_test(no_key_at_all_is_no_key),
		plugin_test(the_key_is_gone_after_its_use),
		plugin_test(what_pxenc_says_of_a_failure_is_passed_on),
		plugin_test(a_key_from_a_pxenc_that_failed_is_not_taken),
		plugin_test(a_store_that_cannot_be_reached_is_not_ready),
		plugin_test(memory_that_pxenc_lacks_is_told_as_such),
		plugin_test(warnings_come_while_it_goes_on),
		plugin_test(what_is_said_cannot_drive_a_terminal_or_forge_a_second_line),
		plugin_test(a_line_without_end_is_cut),
		plugin_test(a_header_larger_than_a_pipe_needs_no_reader),
		plugin_test(a_pxenc_that_is_missing_is_said_to_be),
		plugin_test(a_pxenc_that_a_signal_ends_is_said_to_be),
		plugin_test(a_pxenc_that_stays_after_its_last_word_is_killed),
		plugin_test(a_host_that_ignores_sigchld_is_served_as_well),
		plugin_test(a_host_keeps_its_signals),
		plugin_test(a_context_without_a_header_is_refused),
		plugin_test(memory_that_cannot_be_locked_is_told),
		plugin_test(luksdump_shows_the_token_readably),
		plugin_test(luksdump_shows_a_change_of_the_key),
		plugin_test(a_hostile_token_drives_no_terminal_and_forges_no_line),
		plugin_test(a_member_is_found_by_its_name_alone),
		plugin_test(malformed_text_has_no_member_and_is_not_read_beyond_its_end),
		plugin_test(what_is_no_token_of_ours_is_not_taken_for_one),
		plugin_test(the_plugin_tells_its_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
