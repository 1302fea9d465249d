/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pxenc/clock.h"
#include "pxenc/credentials.h"
#include "pxenc/frame.h"
#include "pxenc/places.h"

static struct fault no_mmap;
static const char *credstore;

void *__real_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);

void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
	if (fault_hits(&no_mmap))
		return MAP_FAILED;
	return __real_mmap(address, size, protection, flags, fd, offset);
}

const char *px_place_credstore(void)
{
	return credstore;
}

const char *px_place_credstore_encrypted(void)
{
	return credstore;
}

const char *px_place_systemd_creds(void)
{
	return "/nowhere/systemd-creds";
}

static int begin(void **state)
{
	credstore = "/nowhere";
	unsetenv("CREDENTIALS_DIRECTORY");
	return temp_dir_make(state);
}

static void check_secret(const struct px_secret *secret, const char *text)
{
	assert_int_equal(px_secret_len(secret), strlen(text));
	assert_memory_equal(px_secret_bytes(secret), text, strlen(text));
}

static struct px_config config_with(const char *username_file, const char *password_file)
{
	struct px_config config = { .timeout = 1 };

	config.username_file = username_file ? strdup(username_file) : NULL;
	config.password_file = password_file ? strdup(password_file) : NULL;
	return config;
}

static void clear_config(struct px_config *config)
{
	free(config->username_file);
	free(config->password_file);
	free(config->service_account_file);
}

/* Whose credentials the config has, and the owner that they make, in `owner`. */
static char owner[2 * PX_UID_MAX];

static enum px_status get_owner(const struct px_config *config, char **ret_uid)
{
	px_auto(free) char *made = NULL;
	enum px_status st = px_login_owner(config, ret_uid, &made);

	snprintf(owner, sizeof(owner), "%s", made ? made : "");
	return st;
}

/* The owner that the config's credentials make now. */
static const char *owner_now(const struct px_config *config)
{
	px_auto(free) char *uid = NULL;

	assert_ok(get_owner(config, &uid));
	return owner;
}

#define auto_config px_cleanup(clear_config) struct px_config

TEST(the_user_name_comes_from_its_file)
{
	auto_config config = config_with(temp_text("username", "portworx\n", 0644), NULL);
	px_auto(free) char *uid = NULL;

	setenv("DCOS_SECRETS_USERNAME", "other", 1);
	assert_ok(get_owner(&config, &uid));
	assert_string_equal(uid, "portworx");
	unsetenv("DCOS_SECRETS_USERNAME");
}

TEST(or_else_from_the_environment)
{
	auto_config config = config_with(NULL, NULL);
	px_auto(free) char *uid = NULL;

	setenv("DCOS_SECRETS_USERNAME", "portworx", 1);
	assert_ok(get_owner(&config, &uid));
	assert_string_equal(uid, "portworx");
	unsetenv("DCOS_SECRETS_USERNAME");
}

TEST(without_either_there_is_no_user)
{
	auto_config config = config_with(NULL, NULL);
	char *uid = (char *)"untouched";

	unsetenv("DCOS_SECRETS_USERNAME");
	assert_ok(get_owner(&config, &uid));
	assert_null(uid);
	setenv("DCOS_SECRETS_USERNAME", "", 1);
	assert_ok(get_owner(&config, &uid));
	assert_null(uid);
}

TEST(a_user_name_that_is_no_line_of_text_is_refused)
{
	auto_config two_lines = config_with(temp_text("two", "a\nb\n", 0600), NULL);
	auto_config empty = config_with(temp_text("empty", "\n", 0600), NULL);
	auto_config missing = config_with(temp_path("missing"), NULL);
	auto_config none = config_with(NULL, NULL);
	char longest[PX_UID_MAX + 2];
	char *uid;

	assert_fails(PX_USAGE, get_owner(&two_lines, &uid), "control character", "two");
	assert_fails(PX_USAGE, get_owner(&empty, &uid), "empty");
	assert_fails(PX_USAGE, get_owner(&missing, &uid), "missing");
	memset(longest, 'u', sizeof(longest));
	longest[PX_UID_MAX + 1] = '\0';
	setenv("DCOS_SECRETS_USERNAME", longest, 1);
	assert_fails(PX_USAGE, get_owner(&none, &uid), "256", "DCOS_SECRETS_USERNAME");
	unsetenv("DCOS_SECRETS_USERNAME");
}

TEST(the_password_comes_from_its_file_without_the_newline)
{
	auto_config config = config_with(temp_text("username", "u\n", 0644),
					 temp_text("password", "secret\n", 0600));
	px_auto(account) struct px_account account = { .uid = NULL };

	assert_ok(px_login_account(&config, PX_FOREVER, &account));
	assert_string_equal(account.uid, "u");
	assert_null(account.private_key);
	check_secret(account.password, "secret");
}

TEST(a_password_file_that_others_can_read_is_refused)
{
	auto_config config = config_with(temp_text("username", "u\n", 0644),
					 temp_text("password", "secret\n", 0644));
	struct px_account account;

	assert_fails(PX_USAGE, px_login_account(&config, PX_FOREVER, &account), "chmod");
}

TEST(a_password_that_is_nowhere_is_asked_for)
{
	auto_config config = config_with(temp_text("username", "u\n", 0644), NULL);
	struct px_account account;

	assert_fails(PX_USAGE, px_login_account(&config, PX_FOREVER, &account), "password_file",
		     "DCOS_SECRETS_PASSWORD");
}

TEST(a_password_without_a_user_name_is_of_no_use)
{
	auto_config config = config_with(NULL, temp_text("password", "secret\n", 0600));
	struct px_account account;

	unsetenv("DCOS_SECRETS_USERNAME");
	assert_fails(PX_USAGE, px_login_account(&config, PX_FOREVER, &account), "username_file",
		     "DCOS_SECRETS_USERNAME");
}

TEST(a_password_in_the_environment_is_taken_out_of_it)
{
	auto_config config = config_with(NULL, NULL);
	px_auto(account) struct px_account account = { .uid = NULL }, again = { .uid = NULL };
	char *where;

	setenv("DCOS_SECRETS_USERNAME", "u", 1);

	setenv("DCOS_SECRETS_PASSWORD", "from outside", 1);
	where = getenv("DCOS_SECRETS_PASSWORD");
	assert_ok(px_login_hide_password());
	assert_memory_equal(where, "\0\0\0\0\0\0\0\0\0\0\0", 12);
	assert_ok(px_login_account(&config, PX_FOREVER, &account));
	check_secret(account.password, "from outside");
	assert_ok(px_login_hide_password());
	assert_ok(px_login_account(&config, PX_FOREVER, &again));
	check_secret(again.password, "from outside");
	unsetenv("DCOS_SECRETS_USERNAME");
}

/* As the guard forks, to resume a volume, when it has asked the store already. */
TEST(a_password_that_was_in_the_environment_is_known_to_a_forked_child)
{
	auto_config config = config_with(NULL, NULL);
	pid_t pid;
	int status;

	setenv("DCOS_SECRETS_USERNAME", "u", 1);
	setenv("DCOS_SECRETS_PASSWORD", "from outside", 1);
	assert_ok(px_login_hide_password());
	pid = fork();
	if (pid == 0) {
		struct px_account account;

		if (px_login_hide_password() || px_login_account(&config, PX_FOREVER, &account))
			_exit(2);
		_exit(px_secret_len(account.password) == 12 &&
				      memcmp(px_secret_bytes(account.password), "from outside",
					     12) == 0
			      ? 0
			      : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	unsetenv("DCOS_SECRETS_USERNAME");
}

TEST(a_password_in_the_environment_needs_locked_memory)
{
	auto_config config = config_with(NULL, NULL);
	struct px_account account;

	setenv("DCOS_SECRETS_USERNAME", "u", 1);
	setenv("DCOS_SECRETS_PASSWORD", "again", 1);
	no_mmap = (struct fault){ .times = 1, .error = ENOMEM };
	assert_fails(PX_NOMEM, px_login_hide_password(), "out of memory");
	assert_ok(px_login_hide_password());
	no_mmap = (struct fault){ .times = 1, .error = ENOMEM };
	assert_fails(PX_NOMEM, px_login_account(&config, PX_FOREVER, &account), "out of memory");
	unsetenv("DCOS_SECRETS_USERNAME");
}

TEST(a_password_in_the_environment_has_the_bound_of_one_in_a_file)
{
	auto_config config = config_with(NULL, NULL);
	px_auto(free) char *password = calloc(1, PX_PASSWORD_MAX + 2);
	struct px_account account;

	memset(password, 'p', PX_PASSWORD_MAX + 1);
	setenv("DCOS_SECRETS_USERNAME", "u", 1);
	setenv("DCOS_SECRETS_PASSWORD", password, 1);
	assert_ok(px_login_hide_password());
	assert_fails(PX_USAGE, px_login_account(&config, PX_FOREVER, &account),
		     "DCOS_SECRETS_PASSWORD is longer than 4096 bytes");
	setenv("DCOS_SECRETS_PASSWORD", "again", 1);
	assert_ok(px_login_hide_password());
	unsetenv("DCOS_SECRETS_USERNAME");
}

static int get_uid(void *arg)
{
	px_auto(free) char *uid = NULL;

	return (int)get_owner(arg, &uid);
}

TEST(a_user_name_needs_memory)
{
	auto_config none = config_with(NULL, NULL);
	auto_config file = config_with(temp_text("username", "u\n", 0600), NULL);

	setenv("DCOS_SECRETS_USERNAME", "u", 1);
	each_allocation_may_fail(get_uid, &none, PX_NOMEM);
	each_allocation_may_fail(get_uid, &file, PX_NOMEM);
	unsetenv("DCOS_SECRETS_USERNAME");
}

TEST(the_owner_is_the_user_and_a_mark_of_the_password)
{
	auto_config config = config_with(temp_text("username", "u\n", 0600),
					 temp_text("password", "one\n", 0600));
	char before[sizeof(owner)];

	snprintf(before, sizeof(before), "%s", owner_now(&config));
	assert_memory_equal(before, "u\n", 2);
	assert_int_equal(strlen(before), 6);
	temp_text("password", "one\n", 0600);
	assert_string_equal(owner_now(&config), before);
	temp_text("password", "two\n", 0600);
	assert_string_not_equal(owner_now(&config), before);
	temp_text("password", "one\n", 0600);
	temp_text("username", "v\n", 0600);
	assert_string_not_equal(strchr(owner_now(&config), '\n'), strchr(before, '\n'));
}

TEST(a_password_file_that_is_unfit_has_no_owner)
{
	auto_config config = config_with(temp_text("username", "u\n", 0600), temp_path("missing"));
	char *uid = (char *)"untouched";

	assert_fails(PX_USAGE, get_owner(&config, &uid), "password_file");
	assert_null(uid);
	assert_string_equal(owner, "");
}

/* A service account. */

#define SERVICE "{\"uid\":\"svc\",\"private_key\":\"PEM\",\"scheme\":\"RS256\"}\n"

static struct px_config service_config(mode_t mode)
{
	struct px_config config = { .timeout = 1 };

	config.service_account_file = strdup(temp_text("service.json", SERVICE, mode));
	return config;
}

TEST(a_service_account_comes_from_its_file)
{
	auto_config config = service_config(0600);
	px_auto(account) struct px_account account = { .uid = NULL };
	px_auto(free) char *uid = NULL;

	setenv("DCOS_SECRETS_USERNAME", "other", 1);
	assert_int_equal(px_credentials_which(&config), PX_CREDENTIALS_SERVICE);
	assert_ok(get_owner(&config, &uid));
	assert_string_equal(uid, "svc");
	assert_ok(px_login_account(&config, PX_FOREVER, &account));
	assert_string_equal(account.uid, "svc");
	check_secret(account.private_key, "PEM");
	assert_null(account.password);
	unsetenv("DCOS_SECRETS_USERNAME");
}

TEST(a_service_account_file_that_others_can_read_is_refused)
{
	auto_config config = service_config(0640);
	struct px_account account;
	char *uid;

	assert_fails(PX_USAGE, get_owner(&config, &uid), "service_account_file", "chmod");
	assert_fails(PX_USAGE, px_login_account(&config, PX_FOREVER, &account), "chmod");
}

TEST(the_owner_of_a_service_account_tells_its_key)
{
	auto_config config = service_config(0600);
	char before[sizeof(owner)];

	snprintf(before, sizeof(before), "%s", owner_now(&config));
	assert_memory_equal(before, "svc\n", 4);
	temp_text("service.json", "{\"uid\":\"svc\",\"private_key\":\"MEP\",\"scheme\":\"RS256\"}",
		  0600);
	assert_string_not_equal(owner_now(&config), before);
	temp_text("service.json", SERVICE " ", 0600);
	assert_string_equal(owner_now(&config), before);
}

/* A login that was kept, as systemd hands it to a unit. */

static void hand_over(const char *text)
{
	temp_file("pxenc.login", text, strlen(text), 0400);
	setenv("CREDENTIALS_DIRECTORY", temp_path(""), 1);
}

TEST(a_kept_login_comes_after_the_config_and_before_the_environment)
{
	auto_config none = config_with(NULL, NULL);
	auto_config user = config_with(temp_text("username", "u\n", 0644), NULL);
	auto_config password = config_with(NULL, temp_text("password", "p\n", 0600));
	auto_config service = service_config(0600);
	px_auto(account) struct px_account account = { .uid = NULL };
	px_auto(free) char *uid = NULL;

	setenv("DCOS_SECRETS_USERNAME", "variable", 1);
	assert_int_equal(px_credentials_which(&none), PX_CREDENTIALS_VARIABLE);
	hand_over("{\"uid\":\"kept\",\"password\":\"p\"}");
	assert_int_equal(px_credentials_which(&none), PX_CREDENTIALS_KEPT);
	assert_int_equal(px_credentials_which(&user), PX_CREDENTIALS_USER);
	assert_int_equal(px_credentials_which(&password), PX_CREDENTIALS_USER);
	assert_int_equal(px_credentials_which(&service), PX_CREDENTIALS_SERVICE);
	assert_ok(get_owner(&none, &uid));
	assert_string_equal(uid, "kept");
	assert_ok(px_login_account(&none, PX_FOREVER, &account));
	assert_string_equal(account.uid, "kept");
	unsetenv("DCOS_SECRETS_USERNAME");
}

/* Wherever systemd put it: each unit has a folder of its own, and a file anew at each start. */
TEST(the_owner_of_a_login_that_is_handed_over_is_its_user_and_a_mark_of_the_password)
{
	auto_config none = config_with(NULL, NULL);
	char before[sizeof(owner)];

	hand_over("{\"uid\":\"kept\",\"password\":\"p\"}");
	snprintf(before, sizeof(before), "%s", owner_now(&none));
	assert_memory_equal(before, "kept\n", 5);
	assert_int_equal(unlink(temp_path("pxenc.login")), 0);
	hand_over("{ \"password\": \"p\", \"uid\": \"kept\" }");
	assert_string_equal(owner_now(&none), before);
	assert_int_equal(unlink(temp_path("pxenc.login")), 0);
	hand_over("{\"uid\":\"kept\",\"password\":\"q\"}");
	assert_string_not_equal(owner_now(&none), before);
}

/* Nothing is decrypted to know it. */
TEST(the_owner_of_a_login_that_is_kept_is_nobody_and_a_mark_of_what_it_is_encrypted_as)
{
	auto_config none = config_with(NULL, NULL);
	px_auto(free) char *uid = NULL;
	char before[sizeof(owner)];

	credstore = temp_path("");
	temp_text("pxenc.login", "ciphertext", 0400);
	assert_ok(get_owner(&none, &uid));
	assert_null(uid);
	assert_int_equal(strlen(owner), 5);
	snprintf(before, sizeof(before), "%s", owner);
	assert_int_equal(unlink(temp_path("pxenc.login")), 0);
	temp_text("pxenc.login", "another", 0400);
	assert_string_not_equal(owner_now(&none), before);
	assert_int_equal(truncate(temp_path("pxenc.login"), 200000), 0);
	assert_fails(PX_USAGE, get_owner(&none, &uid), "longer than");
}

#define in_dir(test) cmocka_unit_test_setup_teardown(test, begin, temp_dir_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_dir(the_user_name_comes_from_its_file),
		in_dir(or_else_from_the_environment),
		in_dir(without_either_there_is_no_user),
		in_dir(a_user_name_that_is_no_line_of_text_is_refused),
		in_dir(the_password_comes_from_its_file_without_the_newline),
		in_dir(a_password_file_that_others_can_read_is_refused),
		in_dir(a_password_that_is_nowhere_is_asked_for),
		in_dir(a_password_without_a_user_name_is_of_no_use),
		in_dir(a_password_in_the_environment_is_taken_out_of_it),
		in_dir(a_password_that_was_in_the_environment_is_known_to_a_forked_child),
		in_dir(a_password_in_the_environment_needs_locked_memory),
		in_dir(a_password_in_the_environment_has_the_bound_of_one_in_a_file),
		in_dir(a_user_name_needs_memory),
		in_dir(the_owner_is_the_user_and_a_mark_of_the_password),
		in_dir(a_password_file_that_is_unfit_has_no_owner),
		in_dir(a_service_account_comes_from_its_file),
		in_dir(a_service_account_file_that_others_can_read_is_refused),
		in_dir(the_owner_of_a_service_account_tells_its_key),
		in_dir(a_kept_login_comes_after_the_config_and_before_the_environment),
		in_dir(the_owner_of_a_login_that_is_handed_over_is_its_user_and_a_mark_of_the_password),
		in_dir(the_owner_of_a_login_that_is_kept_is_nobody_and_a_mark_of_what_it_is_encrypted_as),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
