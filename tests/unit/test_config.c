/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pxenc/config.h"

#define FILE_NAME "/some/config.json"

static const char *default_file; /* stands where PX_CONFIG_FILE is; NULL: there is none */

int __real_access(const char *path, int mode);
int __wrap_access(const char *path, int mode);
int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);

/* No test reads this machine's own config. */
int __wrap_access(const char *path, int mode)
{
	assert_string_equal(path, PX_CONFIG_FILE);
	if (default_file)
		return __real_access(default_file, mode);
	errno = ENOENT;
	return -1;
}

int __wrap_open(const char *path, int flags, ...)
{
	if (default_file && strcmp(path, PX_CONFIG_FILE) == 0)
		path = default_file;
	return __real_open(path, flags, 0600);
}

static int begin(void **state)
{
	static const char *const names[] = { "PXENC_CONFIG", "DCOS_CLUSTER_URL",
					     "DCOS_SECRETS_CA_CERT_FILE",
					     "DCOS_SECRETS_BASE_PATH" };
	size_t i;

	for (i = 0; i < 4; i++)
		unsetenv(names[i]);
	default_file = NULL;
	log_forget();
	return temp_dir_make(state);
}

static enum px_status parse(const char *text, struct px_config **ret_config)
{
	return px_config_parse(text, strlen(text), FILE_NAME, ret_config);
}

static struct px_config *parsed(const char *text)
{
	struct px_config *config = NULL;

	assert_ok(parse(text, &config));
	return config;
}

/* One line, which names the file. */
static void check_refused(const char *text, const char *word, const char *other)
{
	struct px_config *config = NULL;

	assert_fails(PX_USAGE, parse(text, &config), FILE_NAME, word, other);
	assert_null(config);
}

/* The same where the file is said by what comes after. */
static void check_incomplete(const char *text, const char *word, const char *other)
{
	px_auto(config) struct px_config *config = parsed(text);

	assert_fails(PX_USAGE, px_config_complete(config), word, other);
}

static void check_complete(const char *text)
{
	px_auto(config) struct px_config *config = parsed(text);

	assert_ok(px_config_complete(config));
}

#define DCOS(members) "{\"secret\": {\"dcos\": {" members "}}}"

static const char full[] =
	"{\"secret\": {\"secret_type\": \"dcos\",\n"
	" \"cluster_secret_key\": \"pwx/secrets/cluster-wide-secret-key\",\n"
	" \"dcos\": {\"cluster_url\": \"https://master.mesos\",\n"
	"  \"ca_cert_file\": \"/etc/pxenc/dcos-ca.crt\", \"store\": \"vault-2\",\n"
	"  \"base_path\": \"/pwx/secrets/\", \"username_file\": \"/u\", \"password_file\": "
	"\"/p\"}},\n"
	" \"timeout\": 30}\n";

TEST(every_key_of_the_config_is_taken)
{
	px_auto(config) struct px_config *config = parsed(full);

	assert_ok(px_config_complete(config));
	assert_string_equal(config->file, FILE_NAME);
	assert_string_equal(config->cluster_urls[0], "https://master.mesos");
	assert_null(config->cluster_urls[1]);
	assert_string_equal(config->ca_cert_file, "/etc/pxenc/dcos-ca.crt");
	assert_string_equal(config->store, "vault-2");
	assert_string_equal(config->base_path, "pwx/secrets");
	assert_string_equal(config->username_file, "/u");
	assert_string_equal(config->password_file, "/p");
	assert_string_equal(config->cluster_secret_key, "pwx/secrets/cluster-wide-secret-key");
	assert_int_equal(config->timeout, 30);
}

TEST(a_service_account_takes_the_place_of_a_user)
{
	px_auto(config) struct px_config *config = parsed(DCOS("\"service_account_file\": \"/s\""));

	assert_ok(px_config_complete(config));
	assert_string_equal(config->service_account_file, "/s");
	check_incomplete(DCOS("\"service_account_file\": \"/s\", \"username_file\": \"/u\""),
			 FILE_NAME, "username_file");
	check_incomplete(DCOS("\"service_account_file\": \"/s\", \"password_file\": \"/p\""),
			 FILE_NAME, "password_file");
	check_refused(DCOS("\"service_account_file\": {}"), "service_account_file", "string");
}

TEST(an_empty_config_is_all_defaults)
{
	px_auto(config) struct px_config *config = parsed("{}");

	assert_ok(px_config_complete(config));
	assert_string_equal(config->cluster_urls[0], "https://master.mesos");
	assert_null(config->ca_cert_file);
	assert_string_equal(config->store, "default");
	assert_string_equal(config->base_path, "");
	assert_null(config->username_file);
	assert_null(config->password_file);
	assert_null(config->cluster_secret_key);
	assert_int_equal(config->timeout, 75);
}

TEST(the_cluster_may_have_many_urls)
{
	px_auto(config) struct px_config *config =
		parsed(DCOS("\"cluster_url\": [\"https://a\", \"https://b:8443/\"]"));

	assert_ok(px_config_complete(config));
	assert_string_equal(config->cluster_urls[0], "https://a");
	assert_string_equal(config->cluster_urls[1], "https://b:8443/");
	assert_null(config->cluster_urls[2]);
}

TEST(the_environment_fills_what_the_config_leaves_out)
{
	px_auto(config) struct px_config *config = parsed("{}");

	setenv("DCOS_CLUSTER_URL", "https://env", 1);
	setenv("DCOS_SECRETS_CA_CERT_FILE", "/env.crt", 1);
	setenv("DCOS_SECRETS_BASE_PATH", "env/base", 1);
	assert_ok(px_config_complete(config));
	assert_string_equal(config->cluster_urls[0], "https://env");
	assert_string_equal(config->ca_cert_file, "/env.crt");
	assert_string_equal(config->base_path, "env/base");
}

TEST(the_config_beats_the_environment)
{
	px_auto(config) struct px_config *config = parsed(full);
	px_auto(config) struct px_config *top = parsed(DCOS("\"base_path\": \"\""));

	setenv("DCOS_CLUSTER_URL", "http://env", 1);
	setenv("DCOS_SECRETS_CA_CERT_FILE", "/env.crt", 1);
	setenv("DCOS_SECRETS_BASE_PATH", "../env", 1);
	assert_ok(px_config_complete(config));
	assert_string_equal(config->cluster_urls[0], "https://master.mesos");
	assert_string_equal(config->ca_cert_file, "/etc/pxenc/dcos-ca.crt");
	assert_string_equal(config->base_path, "pwx/secrets");
	unsetenv("DCOS_CLUSTER_URL");
	assert_ok(px_config_complete(top));
	assert_string_equal(top->base_path, "");
}

TEST(empty_variables_are_none)
{
	px_auto(config) struct px_config *config = parsed("{}");

	setenv("DCOS_CLUSTER_URL", "", 1);
	setenv("DCOS_SECRETS_CA_CERT_FILE", "", 1);
	setenv("DCOS_SECRETS_BASE_PATH", "", 1);
	assert_ok(px_config_complete(config));
	assert_string_equal(config->cluster_urls[0], "https://master.mesos");
	assert_null(config->ca_cert_file);
	assert_string_equal(config->base_path, "");
}

TEST(the_environment_is_checked_like_the_config)
{
	px_auto(config) struct px_config *config = parsed("{}"), *other = parsed("{}");

	setenv("DCOS_CLUSTER_URL", "http://env", 1);
	assert_fails(PX_USAGE, px_config_complete(config), "http://env", "https://");
	unsetenv("DCOS_CLUSTER_URL");
	setenv("DCOS_SECRETS_BASE_PATH", "a/../b", 1);
	assert_fails(PX_USAGE, px_config_complete(other), "a/../b", "base path");
}

TEST(an_unknown_key_is_refused_with_its_place)
{
	check_refused("{\"secrets\": {}}", "\"secrets\"", "the config");
	check_refused("{\"secret\": {\"token\": 1}}", "\"token\"", "in secret");
	check_refused(DCOS("\"cluster_urls\": []"), "\"cluster_urls\"", "secret.dcos");
	check_refused("{\"Timeout\": 1}", "\"Timeout\"", "unknown key");
	check_refused("{\"\": 1}", "\"\"", "unknown key");
}

TEST(an_unknown_key_cannot_drive_the_terminal)
{
	struct px_config *config = NULL;

	log_forget();
	assert_int_equal(parse("{\"\\u001b[2J\\n\\u009b\xff\": 1}", &config), PX_USAGE);
	assert_non_null(strstr(log_line(0), "\"?[2J????\""));
}

TEST(a_key_given_twice_is_refused)
{
	check_refused("{\"timeout\": 1, \"timeout\": 1}", "\"timeout\"", "twice");
	check_refused("{\"secret\": {}, \"timeout\": 2, \"secret\": {}}", "\"secret\"", "twice");
	check_refused(DCOS("\"store\": \"a\", \"store\": \"b\""), "\"store\"", "twice");
	check_refused(DCOS("\"store\": \"a\", \"st\\u006fre\": \"b\""), "\"store\"", "twice");
}

TEST(a_value_of_the_wrong_type_is_refused)
{
	check_refused("[]", "the config", "object");
	check_refused("null", "the config", "object");
	check_refused("{\"secret\": []}", "secret", "object");
	check_refused("{\"secret\": {\"dcos\": \"x\"}}", "secret.dcos", "object");
	check_refused("{\"secret\": {\"cluster_secret_key\": 5}}", "\"cluster_secret_key\"",
		      "string");
	check_refused("{\"secret\": {\"cluster_secret_key\": \"\"}}", "\"cluster_secret_key\"",
		      "empty");
	check_refused(DCOS("\"ca_cert_file\": null"), "\"ca_cert_file\"", "string");
	check_refused(DCOS("\"store\": true"), "\"store\"", "string");
	check_refused(DCOS("\"store\": \"\""), "\"store\"", "empty");
	check_refused(DCOS("\"base_path\": {}"), "\"base_path\"", "string");
	check_refused(DCOS("\"username_file\": [\"x\"]"), "\"username_file\"", "string");
	check_refused(DCOS("\"password_file\": 0"), "\"password_file\"", "string");
}

TEST(dcos_is_the_only_store_there_is)
{
	check_refused("{\"secret\": {\"secret_type\": \"vault\"}}", "\"secret_type\"", "dcos");
	check_refused("{\"secret\": {\"secret_type\": \"DCOS\"}}", "\"secret_type\"", "dcos");
	check_refused("{\"secret\": {\"secret_type\": 1}}", "\"secret_type\"", "dcos");
}

TEST(a_url_that_is_too_long_is_refused)
{
	px_auto(free) char *url = calloc(1, 600), *text = NULL;

	memset(url, 'a', 599);
	assert_true(asprintf(&text, DCOS("\"cluster_url\": \"https://%s\""), url) > 0);
	check_incomplete(text, "cluster_url", "longer than 511 bytes");
}

TEST(a_url_that_is_no_text_is_refused)
{
	check_refused(DCOS("\"cluster_url\": 5"), "\"cluster_url\"", "URL");
	check_refused(DCOS("\"cluster_url\": \"\""), "\"cluster_url\"", "URL");
	check_refused(DCOS("\"cluster_url\": []"), "\"cluster_url\"", "at least one");
	check_refused(DCOS("\"cluster_url\": [\"https://a\", 5]"), "\"cluster_url\"", "URL");
	check_refused(DCOS("\"cluster_url\": [\"\"]"), "\"cluster_url\"", "URL");
	check_refused(DCOS("\"cluster_url\": {\"a\": \"https://a\"}"), "\"cluster_url\"", "URL");
}

TEST(plain_http_and_other_schemes_are_refused)
{
	check_incomplete(DCOS("\"cluster_url\": \"http://a\""), "http://a", "https://");
	check_incomplete(DCOS("\"cluster_url\": \"a\""), "'a'", "https://");
	check_incomplete(DCOS("\"cluster_url\": \"https:/a\""), "https:/a", "https://");
	check_incomplete(DCOS("\"cluster_url\": \"file:///etc/shadow\""), "file:", "https://");
	check_incomplete(DCOS("\"cluster_url\": [\"https://a\", \"http://b\"]"), "http://b",
			 "https://");
}

TEST(a_url_is_a_host_and_a_port_and_no_more)
{
	static const char *const urls[] = { "https://",
					    "https:///",
					    "https://u@h",
					    "https://u:p@h/",
					    "https://h/path",
					    "https://h?q",
					    "https://h#f",
					    "https://h\\\\x",
					    "https://h x",
					    "https:// h",
					    "https://h//x",
					    "https://:443",
					    "https://h\\nx",
					    "https://h\\t",
					    "https://h/\\r",
					    "https://\\u007f",
					    NULL };
	char text[200];
	size_t i;

	for (i = 0; urls[i]; i++) {
		snprintf(text, sizeof(text), DCOS("\"cluster_url\": \"%s\""), urls[i]);
		check_incomplete(text, "cluster_url", "HOST:PORT");
	}
}

TEST(a_host_may_be_an_address_and_end_in_slashes)
{
	check_complete(DCOS("\"cluster_url\": [\"https://10.0.0.1\", \"https://[fe80::1]:8443\","
			    "\"https://h/\", \"https://h:443//\"]"));
}

TEST(a_base_path_that_is_no_path_is_refused)
{
	static const char *const paths[] = { "a//b", "..", "a/../b", "a%2e", "a b", "./a", NULL };
	struct px_config *config = NULL;
	char text[100];
	size_t i;

	for (i = 0; paths[i]; i++) {
		snprintf(text, sizeof(text), DCOS("\"base_path\": \"%s\""), paths[i]);
		assert_fails(PX_USAGE, parse(text, &config), "base path", paths[i]);
	}
	assert_null(config);
}

TEST(slashes_at_the_ends_of_the_base_path_do_not_count)
{
	px_auto(config) struct px_config *config = parsed("{}");

	assert_ok(px_config_set_base_path(config, "//a/b///"));
	assert_string_equal(config->base_path, "a/b");
	assert_ok(px_config_set_base_path(config, "///"));
	assert_string_equal(config->base_path, "");
	assert_ok(px_config_set_base_path(config, ""));
	assert_string_equal(config->base_path, "");
}

TEST(a_refused_base_path_leaves_the_old_one)
{
	px_auto(config) struct px_config *config = parsed("{}");

	assert_ok(px_config_set_base_path(config, "a"));
	assert_fails(PX_USAGE, px_config_set_base_path(config, "a/.."), "a/..");
	assert_string_equal(config->base_path, "a");
}

TEST(a_store_is_one_word)
{
	check_complete(DCOS("\"store\": \"My-store_2\""));
	check_incomplete(DCOS("\"store\": \"a/b\""), "a/b", "store");
	check_incomplete(DCOS("\"store\": \"..\""), "..", "store");
	check_incomplete(DCOS("\"store\": \"a%2f\""), "%", "store");
	check_incomplete(DCOS("\"store\": \"\xc3\xa4\""), "\xc3\xa4", "store");
}

TEST(a_cluster_secret_key_that_is_no_path_is_refused)
{
	check_incomplete("{\"secret\": {\"cluster_secret_key\": \"a/../b\"}}", "a/../b",
			 "cluster_secret_key");
	check_incomplete("{\"secret\": {\"cluster_secret_key\": \"/\"}}", "empty",
			 "cluster_secret_key");
}

TEST(a_timeout_is_whole_seconds_up_to_a_day)
{
	static const char *const bad[] = { "-1",     "0.5",  "86401", "1e400", "-1e400", "1e20",
					   "\"75\"", "null", "[]",    "true",  "{}",	 NULL };
	px_auto(config) struct px_config *never = parsed("{\"timeout\": 0}");
	px_auto(config) struct px_config *day = parsed("{\"timeout\": 864e2}");
	char text[100];
	size_t i;

	assert_int_equal(never->timeout, 0);
	assert_int_equal(day->timeout, 86400);
	for (i = 0; bad[i]; i++) {
		snprintf(text, sizeof(text), "{\"timeout\": %s}", bad[i]);
		check_refused(text, "\"timeout\"", "seconds");
	}
}

TEST(header_backup_is_true_or_false)
{
	px_auto(config) struct px_config *none = parsed("{}");
	px_auto(config) struct px_config *on = parsed("{\"header_backup\": true}");
	px_auto(config) struct px_config *off = parsed("{\"header_backup\": false}");

	assert_false(none->header_backup);
	assert_true(on->header_backup);
	assert_false(off->header_backup);
	check_refused("{\"header_backup\": 1}", "\"header_backup\"", "true or false");
	check_refused("{\"header_backup\": \"true\"}", "\"header_backup\"", "true or false");
}

TEST(what_is_no_json_is_refused_with_its_line)
{
	check_refused("", "not valid JSON", "line 1");
	check_refused("{", "not valid JSON", "line 1");
	check_refused("{\n\"timeout\": 1,\n}", "not valid JSON", "line 3");
	check_refused("{'timeout': 1}", "not valid JSON", "line 1");
	check_refused("{\"timeout\": 1 // seconds\n}", "not valid JSON", "line 1");
	check_refused("{\"timeout\": \"\\ud800\"}", "not valid JSON", "line 1");
	check_refused("\xff\xfe{}", "not valid JSON", "line 1");
}

TEST(text_after_the_json_is_refused)
{
	px_auto(config) struct px_config *config = parsed(" {} \t\r\n");

	assert_non_null(config);
	check_refused("{} x", "after the JSON", "line 1");
	check_refused("{}\n\n{}", "after the JSON", "line 3");
}

/* cJSON would end the string there: "secret\0x" is not "secret". */
TEST(a_nul_is_refused_wherever_it_is)
{
	static const char in_key[] = "{\"timeout\0x\": 1}",
			  in_value[] = DCOS("\"store\": \"a\0b\"");
	static const char after[] = "{}\0", alone[] = "";
	struct px_config *config = NULL;

	assert_fails(PX_USAGE, px_config_parse(in_key, sizeof(in_key) - 1, FILE_NAME, &config),
		     FILE_NAME, "NUL");
	assert_fails(PX_USAGE, px_config_parse(in_value, sizeof(in_value) - 1, FILE_NAME, &config),
		     FILE_NAME, "NUL");
	assert_fails(PX_USAGE, px_config_parse(after, sizeof(after) - 1, FILE_NAME, &config),
		     FILE_NAME, "NUL");
	assert_fails(PX_USAGE, px_config_parse(alone, 1, FILE_NAME, &config), FILE_NAME, "NUL");
	check_refused("{\"timeout\\u0000x\": 1}", "NUL", "not valid");
	check_refused(DCOS("\"store\": \"a\\u0000b\""), "NUL", "not valid");
	assert_null(config);
}

TEST(a_bomb_of_depth_is_refused)
{
	static char bomb[60000];

	memset(bomb, '[', sizeof(bomb) - 1);
	check_refused(bomb, "not valid JSON", "line 1");
	memset(bomb, 0, sizeof(bomb));
	memset(bomb, '[', 500);
	memset(bomb + 500, ']', 500);
	check_refused(bomb, "the config", "object");
}

TEST(a_text_that_does_not_end_is_not_read_beyond_its_length)
{
	px_auto(free) char *text = malloc(2);
	px_auto(config) struct px_config *config = NULL;

	assert_non_null(text);
	memcpy(text, "{}", 2);
	assert_ok(px_config_parse(text, 2, FILE_NAME, &config));
	memcpy(text, "{\"", 2);
	px_config_free(&config);
	assert_fails(PX_USAGE, px_config_parse(text, 2, FILE_NAME, &config), FILE_NAME);
}

static void check_load(const char *path)
{
	px_auto(config) struct px_config *config = NULL;

	assert_ok(px_config_load(&config));
	assert_string_equal(config->file, path);
	assert_int_equal(config->timeout, 5);
	assert_string_equal(config->store, "default");
}

/* The file that PXENC_CONFIG names is refused, in words that name it. */
static void check_load_refused(const char *path, const char *word)
{
	struct px_config *config = NULL;

	setenv("PXENC_CONFIG", path, 1);
	assert_fails(PX_USAGE, px_config_load(&config), path, word);
	assert_null(config);
}

TEST(the_file_that_pxenc_config_names_is_read)
{
	const char *path = temp_text("c.json", "{\"timeout\": 5}", 0644);

	default_file = temp_text("default.json", "broken", 0644);
	setenv("PXENC_CONFIG", path, 1);
	check_load(path);
}

TEST(an_empty_pxenc_config_names_the_default_file)
{
	default_file = temp_text("default.json", "{\"timeout\": 5}", 0644);
	setenv("PXENC_CONFIG", "", 1);
	check_load(PX_CONFIG_FILE);
	unsetenv("PXENC_CONFIG");
	check_load(PX_CONFIG_FILE);
}

TEST(the_default_file_may_be_missing)
{
	px_auto(config) struct px_config *config = NULL;

	assert_ok(px_config_load(&config));
	assert_string_equal(config->file, PX_CONFIG_FILE);
	assert_int_equal(config->timeout, PX_TIMEOUT_DEFAULT);
	assert_string_equal(config->cluster_urls[0], "https://master.mesos");
}

TEST(a_file_that_was_named_may_not_be_missing)
{
	check_load_refused(temp_path("none"), "No such file");
}

TEST(a_config_that_others_may_write_is_refused)
{
	check_load_refused(temp_text("w.json", "{}", 0666), "chmod go-w");
	check_load_refused(temp_text("g.json", "{}", 0664), "chmod go-w");
}

TEST(a_config_that_is_no_file_is_refused)
{
	const char *fifo = temp_path("fifo");

	assert_int_equal(mkfifo(fifo, 0600), 0);
	check_load_refused(fifo, "regular");
	check_load_refused("/dev/null", "regular");
	check_load_refused("/", "regular");
}

TEST(a_config_of_more_than_64_kib_is_refused)
{
	static char text[65537];

	memset(text, ' ', sizeof(text));
	memcpy(text, "{}", 2);
	check_load_refused(temp_file("c.json", text, sizeof(text), 0600), "65536");
}

TEST(a_broken_config_is_refused_at_load)
{
	struct px_config *config = NULL;

	check_load_refused(temp_text("c.json", "{", 0600), "not valid JSON");
	setenv("PXENC_CONFIG", temp_text("d.json", DCOS("\"cluster_url\": \"http://a\""), 0600), 1);
	assert_fails(PX_USAGE, px_config_load(&config), "http://a");
	assert_null(config);
}

static int load(void *arg)
{
	px_auto(config) struct px_config *config = NULL;

	(void)arg;
	return (int)px_config_load(&config);
}

TEST(no_memory_is_said_once)
{
	each_allocation_may_fail(load, NULL, PX_NOMEM);
	setenv("DCOS_SECRETS_CA_CERT_FILE", "/c", 1);
	setenv("PXENC_CONFIG", temp_file("c.json", full, sizeof(full) - 1, 0600), 1);
	each_allocation_may_fail(load, NULL, PX_NOMEM);
}

TEST(freeing_nothing_is_fine)
{
	struct px_config *none = NULL;

	px_config_free(NULL);
	px_config_free(&none);
	assert_null(none);
}

#define config_test(f) cmocka_unit_test_setup_teardown(f, begin, temp_dir_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		config_test(every_key_of_the_config_is_taken),
		config_test(a_service_account_takes_the_place_of_a_user),
		config_test(an_empty_config_is_all_defaults),
		config_test(the_cluster_may_have_many_urls),
		config_test(the_environment_fills_what_the_config_leaves_out),
		config_test(the_config_beats_the_environment),
		config_test(empty_variables_are_none),
		config_test(the_environment_is_checked_like_the_config),
		config_test(an_unknown_key_is_refused_with_its_place),
		config_test(an_unknown_key_cannot_drive_the_terminal),
		config_test(a_key_given_twice_is_refused),
		config_test(a_value_of_the_wrong_type_is_refused),
		config_test(dcos_is_the_only_store_there_is),
		config_test(a_url_that_is_too_long_is_refused),
		config_test(a_url_that_is_no_text_is_refused),
		config_test(plain_http_and_other_schemes_are_refused),
		config_test(a_url_is_a_host_and_a_port_and_no_more),
		config_test(a_host_may_be_an_address_and_end_in_slashes),
		config_test(a_base_path_that_is_no_path_is_refused),
		config_test(slashes_at_the_ends_of_the_base_path_do_not_count),
		config_test(a_refused_base_path_leaves_the_old_one),
		config_test(a_store_is_one_word),
		config_test(a_cluster_secret_key_that_is_no_path_is_refused),
		config_test(a_timeout_is_whole_seconds_up_to_a_day),
		config_test(header_backup_is_true_or_false),
		config_test(what_is_no_json_is_refused_with_its_line),
		config_test(text_after_the_json_is_refused),
		config_test(a_nul_is_refused_wherever_it_is),
		config_test(a_bomb_of_depth_is_refused),
		config_test(a_text_that_does_not_end_is_not_read_beyond_its_length),
		config_test(the_file_that_pxenc_config_names_is_read),
		config_test(an_empty_pxenc_config_names_the_default_file),
		config_test(the_default_file_may_be_missing),
		config_test(a_file_that_was_named_may_not_be_missing),
		config_test(a_config_that_others_may_write_is_refused),
		config_test(a_config_that_is_no_file_is_refused),
		config_test(a_config_of_more_than_64_kib_is_refused),
		config_test(a_broken_config_is_refused_at_load),
		config_test(no_memory_is_said_once),
		config_test(freeing_nothing_is_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
