/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "pxenc/acs.h"
#include "pxenc/child.h"
#include "pxenc/clock.h"
#include "pxenc/cloud.h"
#include "pxenc/config.h"
#include "pxenc/credentials.h"
#include "pxenc/frame.h"
#include "pxenc/log.h"
#include "pxenc/members.h"
#include "pxenc/places.h"
#include "pxenc/store.h"
#include "pxenc/strv.h"

/*
 * The parent's side, against a scripted pxenc-fetch: a forked process that runs `peer` at the
 * other ends of the pipes. When something is not as its script has it, it ends, which no test
 * takes for a success.
 */
static void (*peer)(int in, int out);
static unsigned int starts;
static struct fault no_start, no_mmap, no_flock, no_renameat, no_unlinkat, no_signature;
static const char *run_dir;
static int64_t clock_ahead, signing_takes; /* milliseconds */

const char *px_place_fetch(void)
{
	return "/nowhere/pxenc-fetch";
}

const char *px_place_run(void)
{
	return run_dir;
}

const char *px_place_credstore(void)
{
	return "/nowhere/credstore";
}

const char *px_place_credstore_encrypted(void)
{
	return "/nowhere/credstore.encrypted";
}

const char *px_place_systemd_creds(void)
{
	return "/nowhere/systemd-creds";
}

int __wrap_px_child_start(const char *const argv[], struct px_child *ret_child);
void *__real_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
int __real_flock(int fd, int operation);
int __wrap_flock(int fd, int operation);
int __real_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to);

int __real_unlinkat(int dir, const char *name, int flags);
int __wrap_unlinkat(int dir, const char *name, int flags);

int64_t __real_px_now_ms(void);
int64_t __wrap_px_now_ms(void);

int64_t __wrap_px_now_ms(void)
{
	return __real_px_now_ms() + clock_ahead;
}

int __real_px_account_sign(const struct px_account *account, int64_t now,
			   struct px_secret **ret_token);
int __wrap_px_account_sign(const struct px_account *account, int64_t now,
			   struct px_secret **ret_token);

int __wrap_px_account_sign(const struct px_account *account, int64_t now,
			   struct px_secret **ret_token)
{
	if (fault_hits(&no_signature))
		return -EIO;
	clock_ahead += signing_takes;
	return __real_px_account_sign(account, now, ret_token);
}

static void forget_faults(void)
{
	no_start.times = no_mmap.times = no_flock.times = 0;
	no_renameat.times = no_unlinkat.times = no_signature.times = 0;
	allocation_fails(0);
}

int __wrap_px_child_start(const char *const argv[], struct px_child *ret_child)
{
	int in[2], out[2];

	assert_string_equal(argv[0], px_place_fetch());
	assert_null(argv[1]);
	if (fault_hits(&no_start))
		return -no_start.error;
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	starts++;
	ret_child->pid = fork();
	assert_true(ret_child->pid >= 0);
	if (ret_child->pid == 0) {
		forget_faults();
		close(in[1]);
		close(out[0]);
		peer(in[0], out[1]);
		_exit(0);
	}
	close(in[0]);
	close(out[1]);
	ret_child->pidfd = (int)syscall(SYS_pidfd_open, ret_child->pid, 0);
	assert_true(ret_child->pidfd >= 0);
	ret_child->in = in[1];
	ret_child->out = out[0];
	return 0;
}

void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
	if (fault_hits(&no_mmap))
		return MAP_FAILED;
	return __real_mmap(address, size, protection, flags, fd, offset);
}

int __wrap_flock(int fd, int operation)
{
	return fault_hits(&no_flock) ? -1 : __real_flock(fd, operation);
}

int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	return fault_hits(&no_renameat) ? -1 : __real_renameat(from_dir, from, to_dir, to);
}

int __wrap_unlinkat(int dir, const char *name, int flags)
{
	return fault_hits(&no_unlinkat) ? -1 : __real_unlinkat(dir, name, flags);
}

/* The peer's tongue and ears. */

static uint32_t peer_seq;

static void peer_insist(bool truth)
{
	if (!truth)
		_exit(9);
}

static struct px_frame peer_hear(int in, enum px_frame_type type)
{
	struct px_frame frame;

	if (px_frame_read(in, px_now_ms() + 5000, &frame) < 0 || frame.type != type)
		_exit(9);
	return frame;
}

static bool peer_has(const struct px_frame *frame, enum px_field_tag tag, const char *value)
{
	struct px_field field;

	return px_frame_get(frame, tag, &field) == 0 && field.len == strlen(value) &&
	       memcmp(field.data, value, field.len) == 0;
}

static bool peer_lacks(const struct px_frame *frame, enum px_field_tag tag)
{
	struct px_field field;

	return px_frame_get(frame, tag, &field) == -ENOENT;
}

static void peer_say(int out, struct px_frame *frame)
{
	peer_insist(px_frame_write(out, frame, px_now_ms() + 5000) == 0);
	px_frame_clear(frame);
}

static struct px_frame peer_frame(enum px_frame_type type)
{
	struct px_frame frame;

	peer_insist(px_frame_new(type, peer_seq, 32768, &frame) == 0);
	return frame;
}

static void peer_add(struct px_frame *frame, enum px_field_tag tag, const char *text)
{
	peer_insist(px_frame_add_text(frame, tag, text) == 0);
}

static void peer_number(struct px_frame *frame, enum px_field_tag tag, uint64_t number)
{
	peer_insist(px_frame_add_number(frame, tag, number) == 0);
}

static void peer_answer(int out, uint64_t status, const char *text)
{
	struct px_frame frame = peer_frame(PX_FRAME_ANSWER);

	peer_number(&frame, PX_FIELD_STATUS, status);
	if (text)
		peer_add(&frame, PX_FIELD_TEXT, text);
	peer_say(out, &frame);
}

static void peer_value(int out, const char *value)
{
	struct px_frame frame = peer_frame(PX_FRAME_ANSWER);

	peer_number(&frame, PX_FIELD_STATUS, PX_OK);
	peer_add(&frame, PX_FIELD_VALUE, value);
	peer_say(out, &frame);
}

static void peer_note(int out, uint64_t kind, const char *text)
{
	struct px_frame frame = peer_frame(PX_FRAME_NOTE);

	peer_number(&frame, PX_FIELD_KIND, kind);
	peer_add(&frame, PX_FIELD_TEXT, text);
	peer_say(out, &frame);
}

static void peer_plain(int out, enum px_frame_type type)
{
	struct px_frame frame = peer_frame(type);

	peer_say(out, &frame);
}

static void peer_token(int out, const char *token)
{
	struct px_frame frame = peer_frame(PX_FRAME_TOKEN);

	peer_add(&frame, PX_FIELD_ACS, token);
	peer_number(&frame, PX_FIELD_EXPIRY, (uint64_t)time(NULL) + 7200);
	peer_say(out, &frame);
}

/* The session, which begins with this ACS token or (NULL) none. */
static void peer_session(int in, const char *token)
{
	struct px_frame frame = peer_hear(in, PX_FRAME_SESSION);

	peer_seq = 0;
	peer_insist(token ? peer_has(&frame, PX_FIELD_ACS, token)
			  : peer_lacks(&frame, PX_FIELD_ACS));
	peer_insist(peer_lacks(&frame, PX_FIELD_PASSWORD));
	px_frame_clear(&frame);
}

static void peer_request(int in)
{
	struct px_frame frame = peer_hear(in, PX_FRAME_REQUEST);

	peer_seq = frame.seq;
	px_frame_clear(&frame);
}

/* Session and request, and nothing about them that matters. */
static void peer_begin(int in)
{
	struct px_frame frame = peer_hear(in, PX_FRAME_SESSION);

	px_frame_clear(&frame);
	peer_request(in);
}

static void peer_credentials(int in, int out, const char *uid, const char *password)
{
	struct px_frame frame;

	peer_plain(out, PX_FRAME_WANT_LOGIN);
	frame = peer_hear(in, PX_FRAME_CREDENTIALS);
	peer_insist(peer_has(&frame, PX_FIELD_UID, uid));
	peer_insist(peer_has(&frame, PX_FIELD_PASSWORD, password));
	peer_insist(peer_lacks(&frame, PX_FIELD_ACS));
	px_frame_clear(&frame);
}

static void peer_is_shown(int in, int out, const char *token)
{
	struct px_frame frame;

	peer_plain(out, PX_FRAME_WANT_LOGIN);
	frame = peer_hear(in, PX_FRAME_CREDENTIALS);
	peer_insist(peer_has(&frame, PX_FIELD_ACS, token));
	peer_insist(peer_lacks(&frame, PX_FIELD_PASSWORD));
	px_frame_clear(&frame);
}

/* Waits until pxenc closes its end. */
static void peer_end(int in)
{
	char byte;

	if (read(in, &byte, 1) != 0)
		_exit(9);
}

/* The world of one test. */

static char *urls[] = { (char[]){ "https://m1" }, (char[]){ "https://m2" }, NULL };
static char default_store[] = "default";
static struct px_config config;

static int world_make(void **state)
{
	if (temp_dir_make(state) < 0)
		return -1;
	run_dir = temp_path("run");
	starts = 0;
	clock_ahead = signing_takes = 0;
	config = (struct px_config){
		.cluster_urls = urls,
		.store = default_store,
		.base_path = strdup("pwx"),
		.username_file = strdup(temp_text("username", "bob\n", 0600)),
		.password_file = strdup(temp_text("password", "sesame\n", 0600)),
		.timeout = 5,
	};
	log_forget();
	return 0;
}

static int world_end(void **state)
{
	forget_faults();
	free(config.base_path);
	free(config.ca_cert_file);
	free(config.username_file);
	free(config.password_file);
	free(config.service_account_file);
	unsetenv("CREDENTIALS_DIRECTORY");
	px_log_init("pxenc", 0);
	return temp_dir_remove(state);
}

static void without_credentials(void)
{
	free(config.username_file);
	free(config.password_file);
	config.username_file = config.password_file = NULL;
}

static struct px_store *new_store(void (*script)(int in, int out))
{
	struct px_store *store = NULL;

	peer = script;
	assert_int_equal(px_store_new(&config, px_now_ms() + 5000 + 8 * signing_takes, &store), 0);
	return store;
}

static struct px_acs_cache *open_cache(void)
{
	struct px_acs_cache *cache = NULL;

	assert_int_equal(px_acs_cache_open(run_dir, urls, NULL, 0, &cache), 0);
	return cache;
}

static const char *owner_with(const char *uid, const char *proof)
{
	px_auto(free) char *made = NULL;
	static char owner[16];

	assert_int_equal(px_acs_owner(uid, proof, strlen(proof), &made), 0);
	snprintf(owner, sizeof(owner), "%s", made);
	return owner;
}

/* Who the config's user is with the config's password. */
static const char *bob(void)
{
	return owner_with("bob", "sesame");
}

static void cache_token(const char *owner, const char *token, const char *base)
{
	px_auto(acs_cache) struct px_acs_cache *cache = open_cache();
	px_auto(acs) struct px_acs acs = { .expiry = time(NULL) + 3600, .uid = strdup("bob") };

	acs.base_path = base ? strdup(base) : NULL;
	assert_int_equal(px_secret_from(token, strlen(token), &acs.token), 0);
	assert_int_equal(px_acs_save(cache, owner, &acs), 0);
}

static bool is_cached(const char *owner, const char *token)
{
	px_auto(acs_cache) struct px_acs_cache *cache = open_cache();
	px_auto(acs) struct px_acs acs = { .token = NULL };

	return px_acs_load(cache, owner, &acs) == 0 && px_secret_len(acs.token) == strlen(token) &&
	       memcmp(px_secret_bytes(acs.token), token, strlen(token)) == 0;
}

/* The status of a get of "pwx/a", whose value, if any, must be "value". */
static enum px_status get_as(struct px_store *store, unsigned int how)
{
	px_auto(secret) struct px_secret *value = NULL;
	enum px_status st = px_store_get(store, "pwx/a", how, &value);

	if (st) {
		assert_null(value);
	} else {
		assert_int_equal(px_secret_len(value), 5);
		assert_memory_equal(px_secret_bytes(value), "value", 5);
	}
	return st;
}

static enum px_status get(struct px_store *store)
{
	return get_as(store, PX_GET_RAW);
}

/* A get in a conversation of its own. */
static enum px_status get_once(void (*script)(int in, int out))
{
	px_auto(store) struct px_store *store = new_store(script);

	return get(store);
}

static struct px_secret *secret(const char *text)
{
	struct px_secret *made = NULL;

	assert_int_equal(px_secret_from(text, strlen(text), &made), 0);
	return made;
}

static enum px_status log_in_with(struct px_store *store, const char *uid, const char *password)
{
	px_auto(account) struct px_account account = { .uid = strdup(uid),
						       .password = secret(password) };

	return px_store_login(store, &account, config.base_path);
}

/* What is asked. */

static void checks_the_session(int in, int out)
{
	struct px_frame frame = peer_hear(in, PX_FRAME_SESSION);
	struct px_field field;
	uint64_t timeout;
	size_t pos = 0;

	peer_insist(frame.seq == 0);
	peer_insist(px_field_next(px_secret_bytes(frame.payload), px_secret_len(frame.payload),
				  &pos, &field) == 0);
	peer_insist(field.tag == PX_FIELD_URL && memcmp(field.data, "https://m1", 10) == 0);
	peer_insist(px_field_next(px_secret_bytes(frame.payload), px_secret_len(frame.payload),
				  &pos, &field) == 0);
	peer_insist(field.tag == PX_FIELD_URL && memcmp(field.data, "https://m2", 10) == 0);
	peer_insist(peer_has(&frame, PX_FIELD_STORE, "default"));
	peer_insist(peer_has(&frame, PX_FIELD_CA, "PEM"));
	peer_insist(px_frame_get_number(&frame, PX_FIELD_TIMEOUT, &timeout) == 0);
	peer_insist(timeout > 4000 && timeout < 5000);
	peer_insist(peer_lacks(&frame, PX_FIELD_ACS) && peer_lacks(&frame, PX_FIELD_PASSWORD));
	peer_request(in);
	peer_value(out, "value");
	peer_end(in);
}

TEST(the_session_hands_over_urls_ca_store_and_time_and_no_credentials)
{
	px_auto(store) struct px_store *store = NULL;

	config.ca_cert_file = strdup(temp_text("ca", "PEM", 0644));
	store = new_store(checks_the_session);
	assert_ok(get(store));
}

static void checks_one_url(int in, int out)
{
	struct px_frame frame = peer_hear(in, PX_FRAME_SESSION);
	struct px_field field;
	size_t pos = 0;

	peer_insist(px_field_next(px_secret_bytes(frame.payload), px_secret_len(frame.payload),
				  &pos, &field) == 0);
	peer_insist(field.tag == PX_FIELD_URL && memcmp(field.data, "https://m2", 10) == 0);
	peer_insist(px_field_next(px_secret_bytes(frame.payload), px_secret_len(frame.payload),
				  &pos, &field) == 0);
	peer_insist(field.tag != PX_FIELD_URL);
	peer_insist(peer_has(&frame, PX_FIELD_ACS, "none"));
	peer_request(in);
	peer_credentials(in, out, "bob", "sesame");
	peer_token(out, "tok");
	peer_value(out, "value");
	peer_end(in);
}

static void checks_one_url_and_token(int in, int out)
{
	peer_session(in, "cached");
	peer_request(in);
	peer_value(out, "value");
	peer_end(in);
}

TEST(one_url_alone_is_asked_before_there_is_a_login)
{
	px_auto(store) struct px_store *store = new_store(checks_one_url);

	px_store_ask_only(store, urls[1]);
	assert_null(px_store_user(store));
	assert_ok(get(store));
	assert_string_equal(px_store_user(store), "bob");
}

TEST(one_url_alone_is_asked_with_the_token_of_its_cluster)
{
	px_auto(store) struct px_store *store = new_store(checks_one_url_and_token);

	cache_token(bob(), "cached", NULL);
	px_store_ask_only(store, urls[1]);
	assert_ok(get(store));
}

TEST(the_session_in_force_has_a_user_and_an_end)
{
	struct px_store_session session;

	assert_ok(px_store_session(&config, &session));
	assert_null(session.uid);
	assert_int_equal(session.cache, 0);
	cache_token(PX_ACS_SESSION, "cached", NULL);
	assert_ok(px_store_session(&config, &session));
	assert_string_equal(session.uid, "bob");
	assert_true(session.expiry > time(NULL));
	free(session.uid);
	config.ca_cert_file = strdup(temp_path("nothing"));
	assert_fails(PX_USAGE, px_store_session(&config, &session), "nothing");
}

static void checks_for_ever(int in, int out)
{
	struct px_frame frame = peer_hear(in, PX_FRAME_SESSION);

	peer_insist(peer_lacks(&frame, PX_FIELD_TIMEOUT));
	peer_insist(peer_lacks(&frame, PX_FIELD_CA));
	peer_request(in);
	peer_value(out, "value");
}

TEST(without_a_deadline_the_session_names_none)
{
	px_auto(store) struct px_store *store = NULL;

	peer = checks_for_ever;
	assert_int_equal(px_store_new(&config, PX_FOREVER, &store), 0);
	assert_ok(get(store));
}

static void answers_slowly(int in, int out)
{
	peer_session(in, NULL);
	peer_request(in);
	poll(NULL, 0, 700);
	peer_value(out, "value");
}

TEST(what_the_caller_takes_between_two_questions_is_not_the_stores_time)
{
	px_auto(store) struct px_store *store = NULL;

	peer = answers_slowly;
	assert_int_equal(px_store_new(&config, px_now_ms() + 2000, &store), 0);
	assert_ok(get(store));
	poll(NULL, 0, 1500);
	assert_ok(get(store));
}

static void checks_requests(int in, int out)
{
	static const struct {
		uint64_t op;
		const char *value;
	} expected[] = { { PX_OP_CREATE, "v1" }, { PX_OP_UPDATE, "v2" }, { PX_OP_DELETE, NULL } };
	size_t i;

	peer_session(in, NULL);
	for (i = 0; i < 3; i++) {
		struct px_frame frame = peer_hear(in, PX_FRAME_REQUEST);
		uint64_t op;

		peer_insist(frame.seq == i + 1);
		peer_seq = frame.seq;
		peer_insist(px_frame_get_number(&frame, PX_FIELD_OP, &op) == 0);
		peer_insist(op == expected[i].op);
		peer_insist(peer_has(&frame, PX_FIELD_PATH, "pwx/a"));
		peer_insist(expected[i].value ? peer_has(&frame, PX_FIELD_VALUE, expected[i].value)
					      : peer_lacks(&frame, PX_FIELD_VALUE));
		peer_answer(out, PX_OK, "");
	}
	peer_end(in);
}

TEST(all_requests_of_a_store_are_one_conversation)
{
	px_auto(store) struct px_store *store = new_store(checks_requests);
	px_auto(secret) struct px_secret *v1 = secret("v1"), *v2 = secret("v2");

	assert_ok(px_store_create(store, "pwx/a", v1));
	assert_ok(px_store_update(store, "pwx/a", v2));
	assert_ok(px_store_delete(store, "pwx/a"));
	assert_int_equal(starts, 1);
}

static void lists(int in, int out)
{
	static const char paths[] = "b\0a/c\0a";
	struct px_frame frame;

	peer_begin(in);
	frame = peer_frame(PX_FRAME_ANSWER);
	peer_number(&frame, PX_FIELD_STATUS, PX_OK);
	peer_insist(px_frame_add(&frame, PX_FIELD_LIST, paths, sizeof(paths)) == 0);
	peer_say(out, &frame);
}

TEST(a_list_is_sorted)
{
	px_auto(store) struct px_store *store = new_store(lists);
	char **paths = NULL;

	assert_ok(px_store_list(store, "", &paths));
	assert_int_equal(px_strv_len(paths), 3);
	assert_string_equal(paths[0], "a");
	assert_string_equal(paths[1], "a/c");
	assert_string_equal(paths[2], "b");
	px_strv_free(&paths);
}

/* Answers a list with these bytes. */
static const char *list_bytes;
static size_t list_len;

static void lists_bytes(int in, int out)
{
	struct px_frame frame;

	peer_begin(in);
	frame = peer_frame(PX_FRAME_ANSWER);
	peer_number(&frame, PX_FIELD_STATUS, PX_OK);
	peer_insist(px_frame_add(&frame, PX_FIELD_LIST, list_bytes, list_len) == 0);
	peer_say(out, &frame);
}

static enum px_status list_of(const char *bytes, size_t len)
{
	px_auto(store) struct px_store *store = new_store(lists_bytes);
	char **paths = NULL;
	enum px_status st;

	list_bytes = bytes;
	list_len = len;
	st = px_store_list(store, "", &paths);
	if (st)
		assert_null(paths);
	else
		assert_int_equal(px_strv_len(paths), 0);
	px_strv_free(&paths);
	return st;
}

TEST(an_empty_list_is_a_list)
{
	assert_ok(list_of("", 0));
}

TEST(a_list_that_is_malformed_is_not_trusted)
{
	assert_fails(PX_UNTRUSTED, list_of("a", 1), "understood");
	assert_fails(PX_UNTRUSTED, list_of("a\0\0", 3), "understood");
	assert_fails(PX_UNTRUSTED, list_of("a\x1b[\0", 4), "understood");
	assert_fails(PX_UNTRUSTED, list_of("a\nb\0", 4), "understood");
}

static void answers_ok(int in, int out)
{
	peer_begin(in);
	peer_answer(out, PX_OK, NULL);
}

TEST(a_success_without_what_was_asked_for_is_not_trusted)
{
	px_auto(store) struct px_store *store = new_store(answers_ok);
	char **paths = NULL;

	assert_fails(PX_UNTRUSTED, px_store_list(store, "", &paths), "understood");
	assert_fails(PX_UNTRUSTED, get_once(answers_ok), "understood");
}

/* Failures that pxenc-fetch reports. */

static enum px_status peer_status;
static const char *peer_text;

static void fails(int in, int out)
{
	peer_begin(in);
	peer_answer(out, peer_status, peer_text);
	peer_request(in);
	peer_answer(out, peer_status, peer_text);
	peer_end(in);
}

static struct px_store *failing_store(enum px_status status, const char *text)
{
	peer_status = status;
	peer_text = text;
	return new_store(fails);
}

TEST(a_failure_is_told_in_the_words_of_who_knows)
{
	static const enum px_status all[] = { PX_USAGE, PX_UNREACHABLE, PX_UNTRUSTED, PX_EXISTS,
					      PX_KERNEL };
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		px_auto(store) struct px_store *store = failing_store(all[i], "the very cause");

		assert_fails(all[i], get(store), "the very cause");
	}
}

TEST(forbidden_comes_with_the_grant_to_give)
{
	px_auto(store) struct px_store *store = NULL;
	char **paths;

	cache_token(bob(), "tok", NULL);
	store = failing_store(PX_FORBIDDEN, "no access (403)");
	assert_fails(PX_FORBIDDEN, get(store),
		     "no access (403): grant it: dcos security org users "
		     "grant bob 'dcos:secrets:default:/pwx/a' read");
	assert_fails(PX_FORBIDDEN, px_store_list(store, "pwx", &paths),
		     "grant bob 'dcos:secrets:list:default:/pwx' read");
}

TEST(a_path_that_a_shell_would_run_stands_in_quotes_or_in_no_command)
{
	px_auto(store) struct px_store *store = failing_store(PX_FORBIDDEN, "no");
	px_auto(secret) struct px_secret *value = secret("x");

	assert_fails(PX_FORBIDDEN, px_store_create(store, "pwx/a;reboot|$(reboot)`reboot`", value),
		     "USER 'dcos:secrets:default:/pwx/a;reboot|$(reboot)`reboot`' full");
	assert_fails(PX_FORBIDDEN, px_store_create(store, "pwx/a';reboot;'", value),
		     "no: DC/OS has to grant it to the user USER");
	assert_null(strstr(log_line(0), "dcos security"));
}

TEST(without_a_token_the_grant_names_no_user)
{
	px_auto(store) struct px_store *store = failing_store(PX_FORBIDDEN, "no");

	assert_fails(PX_FORBIDDEN, get(store), "users grant USER 'dcos:secrets");
}

TEST(a_login_that_is_forbidden_has_no_grant)
{
	px_auto(store) struct px_store *store = failing_store(PX_FORBIDDEN, "may not log in");

	assert_fails(PX_FORBIDDEN, log_in_with(store, "bob", "sesame"), "may not log in");
	assert_null(strstr(log_line(0), "grant"));
}

TEST(a_secret_that_may_be_missing_is_missed_in_silence)
{
	px_auto(store) struct px_store *store = failing_store(PX_NO_SECRET, "no secret 'pwx/a'");

	log_forget();
	assert_int_equal(get_as(store, PX_GET_MAYBE), PX_NO_SECRET);
	assert_silent();
	assert_fails(PX_NO_SECRET, get(store), "no secret 'pwx/a'", "pxenc secrets list");
}

TEST(a_secret_that_may_be_gone_is_dropped_in_silence)
{
	px_auto(store) struct px_store *store = failing_store(PX_NO_SECRET, "no secret 'pwx/a'");

	assert_ok(px_store_drop(store, "pwx/a"));
	assert_fails(PX_NO_SECRET, px_store_delete(store, "pwx/a"), "no secret 'pwx/a'");
}

TEST(a_secret_that_may_not_be_dropped_is_an_error)
{
	px_auto(store) struct px_store *store = failing_store(PX_FORBIDDEN, "not allowed");

	assert_fails(PX_FORBIDDEN, px_store_drop(store, "pwx/a"), "not allowed");
}

TEST(a_verdict_is_an_answer_and_everything_else_is_said)
{
	px_auto(store) struct px_store *refused = failing_store(PX_FORBIDDEN, "no access");
	px_auto(store) struct px_store *gone = NULL, *proxy = NULL;

	log_forget();
	assert_int_equal(get_as(refused, PX_GET_VERDICT), PX_FORBIDDEN);
	gone = failing_store(PX_NO_SECRET, "no secret");
	assert_int_equal(get_as(gone, PX_GET_VERDICT), PX_NO_SECRET);
	assert_silent();
	proxy = failing_store(PX_UNTRUSTED, "not the store's own");
	assert_fails(PX_UNTRUSTED, get_as(proxy, PX_GET_VERDICT), "not the store's own");
}

TEST(a_helper_without_memory_is_told_apart)
{
	px_auto(store) struct px_store *store = failing_store(PX_NOMEM, "out of memory");

	assert_fails(PX_NOMEM, get(store), "RLIMIT_MEMLOCK");
}

TEST(a_token_that_is_refused_although_it_is_new_is_no_matter_of_the_password)
{
	px_auto(store) struct px_store *store = failing_store(PX_UNAUTHENTICATED, "refused it");

	assert_fails(PX_UNAUTHENTICATED, get(store), "refused it");
	assert_null(strstr(log_line(0), "password_file"));
}

/* Notes. */

static void says_notes(int in, int out)
{
	peer_begin(in);
	peer_note(out, PX_NOTE_DOING, "resolving m1");
	peer_note(out, PX_NOTE_DONE, "resolve m1: 1.0 ms");
	peer_note(out, PX_NOTE_WAIT, "waiting for the store: refused");
	peer_note(out, PX_NOTE_WAIT, "waiting for the store: again");
	peer_value(out, "value");
}

TEST(a_wait_is_told_once)
{
	log_forget();
	assert_int_equal(get_once(says_notes), PX_OK);
	assert_logged("warning: waiting for the store: refused");
}

TEST(the_time_of_a_stage_is_told_to_those_who_ask)
{
	px_log_init("pxenc", 1);
	log_forget();
	assert_int_equal(get_once(says_notes), PX_OK);
	assert_int_equal(log_count(), 2);
	assert_non_null(strstr(log_line(0), "resolve m1: 1.0 ms"));
}

static void notes_of_the_session(int in, int out)
{
	struct px_frame frame = peer_hear(in, PX_FRAME_SESSION);

	px_frame_clear(&frame);
	peer_seq = 0;
	peer_note(out, PX_NOTE_DONE, "memory is not locked");
	peer_request(in);
	peer_value(out, "value");
}

TEST(a_note_may_belong_to_the_session)
{
	assert_ok(get_once(notes_of_the_session));
}

/* A pxenc-fetch that was taken over, or is broken. */

static void says_garbage(int in, int out)
{
	peer_begin(in);
	if (write(out, "HTTP/1.1 200 OK\r\n\r\n", 19) != 19)
		_exit(9);
	peer_end(in);
}

static void answers_another_request(int in, int out)
{
	peer_begin(in);
	peer_seq += 1;
	peer_value(out, "value");
	peer_end(in);
}

static void answers_before_it_was_asked(int in, int out)
{
	peer_begin(in);
	peer_seq = 0;
	peer_value(out, "value");
	peer_end(in);
}

static void says_what_pxenc_says(int in, int out)
{
	peer_begin(in);
	peer_plain(out, PX_FRAME_CREDENTIALS);
	peer_end(in);
}

static void answers_an_unknown_status(int in, int out)
{
	peer_begin(in);
	peer_answer(out, PX_SOME_FAILED, "text");
	peer_end(in);
}

static void answers_a_huge_status(int in, int out)
{
	peer_begin(in);
	peer_answer(out, 0x100000000, "text");
	peer_end(in);
}

static void answers_no_status(int in, int out)
{
	peer_begin(in);
	peer_plain(out, PX_FRAME_ANSWER);
	peer_end(in);
}

static void fails_without_a_word(int in, int out)
{
	peer_begin(in);
	peer_answer(out, PX_FORBIDDEN, NULL);
	peer_end(in);
}

static void fails_with_an_escape(int in, int out)
{
	peer_begin(in);
	peer_answer(out, PX_FORBIDDEN, "\x1b[2J");
	peer_end(in);
}

static void notes_of_no_kind(int in, int out)
{
	peer_begin(in);
	peer_note(out, 99, "text");
	peer_end(in);
}

static void notes_with_an_escape(int in, int out)
{
	peer_begin(in);
	peer_note(out, PX_NOTE_WAIT, "a\nb");
	peer_end(in);
}

static void gives_a_token_unasked(int in, int out)
{
	peer_begin(in);
	peer_token(out, "tok");
	peer_end(in);
}

static void gives_an_empty_token(int in, int out)
{
	peer_begin(in);
	peer_credentials(in, out, "bob", "sesame");
	peer_plain(out, PX_FRAME_TOKEN);
	peer_end(in);
}

static void wants_two_passwords(int in, int out)
{
	peer_begin(in);
	peer_credentials(in, out, "bob", "sesame");
	peer_plain(out, PX_FRAME_WANT_LOGIN);
	peer_end(in);
}

static void wants_another_after_the_token(int in, int out)
{
	peer_begin(in);
	peer_credentials(in, out, "bob", "sesame");
	peer_token(out, "tok");
	peer_plain(out, PX_FRAME_WANT_LOGIN);
	peer_end(in);
}

TEST(what_pxenc_fetch_may_not_say_is_not_trusted)
{
	static void (*const bad[])(int in, int out) = {
		says_garbage,	      answers_another_request,	 answers_before_it_was_asked,
		says_what_pxenc_says, answers_an_unknown_status, answers_a_huge_status,
		answers_no_status,    fails_without_a_word,	 fails_with_an_escape,
		notes_of_no_kind,     notes_with_an_escape,	 gives_a_token_unasked,
		gives_an_empty_token, wants_two_passwords,	 wants_another_after_the_token,
	};
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		px_auto(acs_cache) struct px_acs_cache *cache = open_cache();

		px_acs_drop(cache, "bob");
		assert_fails(PX_UNTRUSTED, get_once(bad[i]), "pxenc-fetch");
	}
}

static void ends(int in, int out)
{
	peer_begin(in);
	peer_note(out, PX_NOTE_DOING, "resolving m1");
}

TEST(an_end_without_an_answer_names_what_was_going_on)
{
	assert_fails(PX_KERNEL, get_once(ends), "ended unexpectedly", "while resolving m1");
}

static void ends_at_once(int in, int out)
{
	(void)in;
	(void)out;
}

TEST(an_end_before_the_first_word_is_no_broken_pipe)
{
	assert_fails(PX_KERNEL, get_once(ends_at_once), "while starting");
}

static void refuses_to_run(int in, int out)
{
	(void)in;
	peer_seq = 0;
	peer_answer(out, PX_KERNEL, "it cannot set up seccomp");
}

TEST(a_helper_that_cannot_confine_itself_has_the_last_word)
{
	px_auto(store) struct px_store *store = new_store(refuses_to_run);

	assert_fails(PX_KERNEL, get(store), "it cannot set up seccomp");
	peer = answers_ok;
	assert_ok(px_store_delete(store, "pwx/a"));
	assert_int_equal(starts, 2);
}

static void hangs(int in, int out)
{
	peer_begin(in);
	peer_note(out, PX_NOTE_DOING, "resolving master.mesos");
	pause();
}

TEST(a_helper_that_hangs_is_killed_at_the_deadline)
{
	px_auto(store) struct px_store *store = NULL;
	int64_t start = px_now_ms();

	peer = hangs;
	assert_int_equal(px_store_new(&config, px_now_ms() + 1000, &store), 0);
	assert_fails(PX_UNREACHABLE, get(store), "in time", "while resolving master.mesos");
	assert_in_range(px_now_ms() - start, 990, 9000);
}

static void is_ended_by_its_alarm(int in, int out)
{
	(void)out;
	peer_begin(in);
	poll(NULL, 0, 100);
}

TEST(a_helper_that_ends_at_the_deadline_was_too_slow)
{
	px_auto(store) struct px_store *store = NULL;

	peer = is_ended_by_its_alarm;
	assert_int_equal(px_store_new(&config, px_now_ms() + 200, &store), 0);
	assert_fails(PX_UNREACHABLE, get(store), "in time");
}

TEST(a_deadline_that_has_passed_is_no_time)
{
	px_auto(store) struct px_store *store = NULL;

	peer = hangs;
	assert_int_equal(px_store_new(&config, px_now_ms() - 1, &store), 0);
	assert_fails(PX_UNREACHABLE, get(store), "in time");
}

TEST(a_helper_that_is_not_installed_is_named)
{
	no_start = (struct fault){ .times = 1, .error = ENOENT };
	assert_fails(PX_KERNEL, get_once(answers_ok), "/nowhere/pxenc-fetch", "No such file");
}

static void deaf(int in, int out)
{
	(void)in;
	(void)out;
	pause();
}

TEST(a_helper_that_takes_no_request_is_waited_for_until_the_deadline)
{
	px_auto(store) struct px_store *store = NULL;
	px_auto(secret) struct px_secret *value = NULL;

	assert_int_equal(px_secret_new(300000, &value), 0);
	px_secret_set_len(value, 300000);
	peer = deaf;
	assert_int_equal(px_store_new(&config, px_now_ms() + 100, &store), 0);
	assert_fails(PX_UNREACHABLE, px_store_create(store, "pwx/a", value), "in time");
}

TEST(a_value_larger_than_a_frame_is_a_usage_error)
{
	px_auto(store) struct px_store *store = new_store(answers_ok);
	px_auto(secret) struct px_secret *value = NULL;

	assert_int_equal(px_secret_new(PX_SECRET_MAX, &value), 0);
	px_secret_set_len(value, PX_SECRET_MAX);
	assert_fails(PX_USAGE, px_store_create(store, "pwx/a", value), "too large");
	assert_int_equal(starts, 0);
}

static void answers_with_a_value(int in, int out)
{
	peer_begin(in);
	peer_value(out, "value");
	peer_end(in);
}

TEST(a_missing_ca_file_stops_before_anything_is_started)
{
	px_auto(store) struct px_store *store = new_store(answers_ok);
	bool any;

	config.ca_cert_file = strdup(temp_path("no-ca"));
	assert_fails(PX_USAGE, get(store), "no-ca");
	assert_fails(PX_USAGE, px_store_logout(&config, &any), "no-ca");
	assert_int_equal(starts, 0);
}

TEST(a_user_name_file_that_is_unfit_stops_before_anything_is_started)
{
	free(config.username_file);
	config.username_file = strdup(temp_path("no-name"));
	assert_fails(PX_USAGE, get_once(answers_ok), "no-name");
	assert_int_equal(starts, 0);
}

/* Anew, because of a file that was replaced. */

static size_t open_descriptors(void)
{
	size_t count = 0;
	int fd;

	for (fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* Its CA and its cache, too, are read and opened anew, and what there was is gone. */
TEST(a_store_that_was_not_ready_may_be_asked_again)
{
	px_auto(store) struct px_store *store = new_store(answers_with_a_value);
	size_t before;

	config.ca_cert_file = strdup(temp_text("ca", "PEM\n", 0644));
	assert_int_equal(chmod(config.password_file, 0644), 0);
	before = open_descriptors();
	assert_fails(PX_USAGE, get(store), "chmod");
	assert_fails(PX_USAGE, get(store), "chmod");
	assert_int_equal(open_descriptors(), before);
	assert_int_equal(starts, 0);
	assert_int_equal(chmod(config.password_file, 0600), 0);
	assert_ok(get(store));
}

static void asks_to_be_started_again(int in, int out)
{
	peer_begin(in);
	if (starts == 1) {
		peer_plain(out, PX_FRAME_AGAIN);
		peer_end(in);
	}
	peer_value(out, "value");
}

TEST(a_helper_is_started_again_when_it_asks_for_it)
{
	assert_ok(get_once(asks_to_be_started_again));
	assert_int_equal(starts, 2);
}

static void asks_while_it_logs_in(int in, int out)
{
	peer_begin(in);
	peer_credentials(in, out, "bob", "sesame");
	if (starts == 1) {
		peer_plain(out, PX_FRAME_AGAIN);
		peer_end(in);
	}
	peer_token(out, "tok");
	peer_value(out, "value");
}

TEST(a_helper_that_is_started_again_may_ask_for_the_password_again)
{
	assert_ok(get_once(asks_while_it_logs_in));
	assert_int_equal(starts, 2);
}

static void asks_for_ever(int in, int out)
{
	peer_begin(in);
	peer_plain(out, PX_FRAME_AGAIN);
	peer_end(in);
}

TEST(a_helper_is_started_again_until_the_deadline_only)
{
	px_auto(store) struct px_store *store = NULL;

	peer = asks_for_ever;
	assert_int_equal(px_store_new(&config, px_now_ms() + 2000, &store), 0);
	assert_fails(PX_UNREACHABLE, get(store), "in time");
	assert_in_range(starts, 2, 10);
}

static void asks_and_cannot_be_started(int in, int out)
{
	peer_begin(in);
	peer_plain(out, PX_FRAME_AGAIN);
	peer_end(in);
}

TEST(a_helper_that_cannot_be_started_again_is_an_error)
{
	no_start = (struct fault){ .skip = 1, .times = 1, .error = ENOENT };
	assert_fails(PX_KERNEL, get_once(asks_and_cannot_be_started), "cannot run");
}

/* Logins. */

static void logs_in(int in, int out)
{
	peer_session(in, NULL);
	peer_request(in);
	peer_credentials(in, out, "bob", "sesame");
	peer_token(out, "fresh");
	peer_value(out, "value");
	peer_request(in);
	peer_value(out, "value");
	peer_end(in);
}

static void has_the_token(int in, int out)
{
	peer_session(in, "fresh");
	peer_request(in);
	peer_value(out, "value");
	peer_end(in);
}

TEST(the_password_is_handed_over_when_it_is_wanted_and_the_token_kept)
{
	px_auto(store) struct px_store *store = new_store(logs_in);

	assert_ok(get(store));
	assert_ok(get(store));
	assert_true(is_cached(bob(), "fresh"));
	assert_ok(get_once(has_the_token));
}

TEST(a_session_goes_before_the_token_of_the_configured_user)
{
	cache_token(bob(), "configured", NULL);
	cache_token(PX_ACS_SESSION, "fresh", "pwx");
	assert_ok(get_once(has_the_token));
}

static void rejects_the_session(int in, int out)
{
	peer_session(in, "by-hand");
	peer_request(in);
	peer_is_shown(in, out, "configured");
	peer_credentials(in, out, "bob", "sesame");
	peer_token(out, "fresh");
	peer_value(out, "value");
	peer_end(in);
}

TEST(rejected_tokens_are_dropped_one_after_another_before_a_login)
{
	cache_token(PX_ACS_SESSION, "by-hand", "pwx");
	cache_token(bob(), "configured", NULL);
	assert_ok(get_once(rejects_the_session));
	assert_false(is_cached(PX_ACS_SESSION, "by-hand"));
	assert_true(is_cached(bob(), "fresh"));
}

static void rejects_what_is_old(int in, int out)
{
	peer_session(in, "old");
	peer_request(in);
	cache_token(bob(), "of-another-process", NULL);
	peer_is_shown(in, out, "of-another-process");
	peer_value(out, "value");
	peer_end(in);
}

TEST(a_token_that_another_process_got_meanwhile_saves_a_login)
{
	cache_token(bob(), "old", NULL);
	assert_ok(get_once(rejects_what_is_old));
}

static void wants_too_often(int in, int out)
{
	static char token[] = "token 0";
	int i;

	peer_begin(in);
	for (i = 0; i < 4; i++) {
		token[6]++;
		cache_token(bob(), token, NULL);
		peer_plain(out, PX_FRAME_WANT_LOGIN);
		if (i < 3) {
			struct px_frame frame = peer_hear(in, PX_FRAME_CREDENTIALS);

			px_frame_clear(&frame);
		}
	}
	peer_end(in);
}

TEST(tokens_are_not_handed_out_for_ever)
{
	assert_fails(PX_UNTRUSTED, get_once(wants_too_often), "too many logins");
}

static void refuses_the_login(int in, int out)
{
	peer_begin(in);
	peer_credentials(in, out, "bob", "sesame");
	peer_answer(out, PX_UNAUTHENTICATED, "refuses the login of 'bob' (401)");
	peer_end(in);
}

static void wants_a_login_in_vain(int in, int out)
{
	peer_begin(in);
	peer_plain(out, PX_FRAME_WANT_LOGIN);
	peer_end(in);
}

TEST(a_refused_login_says_what_to_mend_and_is_not_repeated_at_once)
{
	assert_fails(PX_UNAUTHENTICATED, get_once(refuses_the_login), "(401): mend",
		     "password_file");
	assert_fails(PX_UNAUTHENTICATED, get_once(wants_a_login_in_vain), "'bob' 0 s ago",
		     "not asked again for 30 s", "password_file");
}

static void refuses_a_wrong_password(int in, int out)
{
	peer_begin(in);
	peer_credentials(in, out, "bob", "wrong");
	peer_answer(out, PX_UNAUTHENTICATED, "refuses the login of 'bob' (401)");
	peer_end(in);
}

TEST(a_corrected_password_is_tried_at_once)
{
	temp_text("password", "wrong\n", 0600);
	assert_fails(PX_UNAUTHENTICATED, get_once(refuses_a_wrong_password), "mend");
	temp_text("password", "sesame\n", 0600);
	assert_ok(get_once(logs_in));
}

TEST(a_password_file_that_is_written_anew_with_the_same_password_is_not)
{
	assert_fails(PX_UNAUTHENTICATED, get_once(refuses_the_login), "mend");
	temp_text("password.new", "sesame", 0600);
	assert_int_equal(rename(temp_path("password.new"), config.password_file), 0);
	assert_fails(PX_UNAUTHENTICATED, get_once(wants_a_login_in_vain), "not asked again");
}

TEST(a_refused_login_with_credentials_of_the_environment_names_the_variables)
{
	without_credentials();
	setenv("DCOS_SECRETS_USERNAME", "bob", 1);
	setenv("DCOS_SECRETS_PASSWORD", "sesame", 1);
	assert_fails(PX_UNAUTHENTICATED, get_once(refuses_the_login), "DCOS_SECRETS_PASSWORD");
	unsetenv("DCOS_SECRETS_USERNAME");
}

TEST(without_credentials_the_advice_is_to_log_in)
{
	without_credentials();
	assert_fails(PX_UNAUTHENTICATED, get_once(wants_a_login_in_vain),
		     "log in: pxenc secrets dcos login");
}

TEST(a_password_file_that_is_unfit_stops_the_login)
{
	assert_int_equal(chmod(config.password_file, 0644), 0);
	assert_fails(PX_USAGE, get_once(wants_a_login_in_vain), "chmod");
}

TEST(a_login_of_another_process_is_waited_for_until_the_deadline)
{
	px_auto(acs_cache) struct px_acs_cache *cache = open_cache();
	px_auto(store) struct px_store *store = NULL;

	assert_int_equal(px_acs_lock(cache, PX_FOREVER), 0);
	peer = wants_a_login_in_vain;
	assert_int_equal(px_store_new(&config, px_now_ms() + 1000, &store), 0);
	assert_fails(PX_UNREACHABLE, get(store), "another pxenc was logging in at https://");
}

TEST(a_lock_that_does_not_work_does_not_stop_a_login)
{
	no_flock = (struct fault){ .times = 1, .error = ENOLCK };
	assert_ok(get_once(logs_in));
}

TEST(a_token_that_cannot_be_kept_serves_all_the_same)
{
	no_renameat = (struct fault){ .times = 1, .error = ENOSPC };
	assert_ok(get_once(logs_in));
	assert_false(is_cached(bob(), "fresh"));
}

TEST(a_refusal_that_cannot_be_remembered_is_no_matter)
{
	no_renameat = (struct fault){ .times = 1, .error = ENOSPC };
	assert_fails(PX_UNAUTHENTICATED, get_once(refuses_the_login), "mend");
	assert_ok(get_once(logs_in));
}

TEST(without_a_folder_nothing_is_cached)
{
	run_dir = NULL;
	assert_ok(get_once(logs_in));
	assert_ok(get_once(logs_in));
}

static void ends_when_it_has_the_password(int in, int out)
{
	peer_begin(in);
	peer_plain(out, PX_FRAME_WANT_LOGIN);
}

TEST(a_helper_that_ends_before_it_has_the_password_is_no_broken_pipe)
{
	assert_fails(PX_KERNEL, get_once(ends_when_it_has_the_password), "ended unexpectedly");
}

/* By hand. */

static void logs_in_by_hand(int in, int out)
{
	struct px_frame frame = peer_hear(in, PX_FRAME_SESSION);
	uint64_t op;

	px_frame_clear(&frame);
	frame = peer_hear(in, PX_FRAME_REQUEST);
	peer_insist(px_frame_get_number(&frame, PX_FIELD_OP, &op) == 0 && op == PX_OP_LOGIN);
	peer_seq = frame.seq;
	px_frame_clear(&frame);
	peer_credentials(in, out, "eve", "open");
	peer_token(out, "fresh");
	peer_answer(out, PX_OK, "");
	peer_end(in);
}

static enum px_status login(void (*script)(int in, int out))
{
	px_auto(store) struct px_store *store = new_store(script);

	return log_in_with(store, "eve", "open");
}

TEST(a_login_by_hand_is_kept_as_the_session_with_its_base_path)
{
	assert_ok(login(logs_in_by_hand));
	assert_true(is_cached(PX_ACS_SESSION, "fresh"));
	free(config.base_path);
	config.base_path = strdup("other");
	assert_ok(px_store_session_base(&config));
	assert_string_equal(config.base_path, "pwx");
	assert_ok(get_once(has_the_token));
}

static void rejects_what_it_is_shown(int in, int out)
{
	peer_session(in, "by-hand");
	peer_request(in);
	peer_plain(out, PX_FRAME_WANT_LOGIN);
	peer_end(in);
}

/* Below it the configured user would find nothing, or leave what nobody finds again. */
TEST(a_base_path_that_came_with_a_login_by_hand_ends_with_it)
{
	cache_token(bob(), "configured", NULL);
	cache_token(PX_ACS_SESSION, "by-hand", "pwx");
	assert_ok(px_store_session_base(&config));
	assert_fails(PX_UNAUTHENTICATED, get_once(rejects_what_it_is_shown),
		     "login by hand is over", "'pwx'");
	assert_true(is_cached(bob(), "configured"));
	assert_false(is_cached(PX_ACS_SESSION, "by-hand"));
}

TEST(a_login_by_hand_without_a_base_path_follows_the_config)
{
	px_auto(store) struct px_store *store = new_store(logs_in_by_hand);
	px_auto(account) struct px_account account = { .uid = strdup("eve"),
						       .password = secret("open") };

	assert_ok(px_store_login(store, &account, NULL));
	assert_true(is_cached(PX_ACS_SESSION, "fresh"));
	free(config.base_path);
	config.base_path = strdup("other");
	assert_ok(px_store_session_base(&config));
	assert_string_equal(config.base_path, "other");
}

TEST(a_login_by_hand_takes_no_cached_token_for_an_answer)
{
	cache_token(bob(), "configured", NULL);
	cache_token(PX_ACS_SESSION, "by-hand", NULL);
	assert_ok(login(logs_in_by_hand));
	assert_true(is_cached(PX_ACS_SESSION, "fresh"));
	assert_true(is_cached(bob(), "configured"));
}

static void refuses_the_hand(int in, int out)
{
	peer_begin(in);
	peer_credentials(in, out, "eve", "open");
	peer_answer(out, PX_UNAUTHENTICATED, "refuses the login of 'eve' (401)");
	peer_end(in);
}

TEST(a_refused_login_by_hand_may_be_repeated_at_once)
{
	assert_fails(PX_UNAUTHENTICATED, login(refuses_the_hand),
		     "check the user name and the password");
	assert_ok(login(logs_in_by_hand));
}

TEST(a_login_by_hand_does_not_mind_that_the_configured_credentials_are_unfit)
{
	assert_int_equal(unlink(config.username_file), 0);
	assert_ok(login(logs_in_by_hand));
}

TEST(a_login_by_hand_needs_a_place_to_be_kept)
{
	run_dir = NULL;
	assert_fails(PX_USAGE, login(wants_a_login_in_vain), "XDG_RUNTIME_DIR");
}

TEST(a_login_by_hand_that_cannot_be_kept_is_an_error)
{
	no_renameat = (struct fault){ .times = 1, .error = ENOSPC };
	assert_fails(PX_KERNEL, login(logs_in_by_hand), "cannot be kept", "No space");
}

TEST(a_login_by_hand_needs_a_name_and_a_password_that_fit)
{
	px_auto(store) struct px_store *store = new_store(answers_ok);
	char longest[PX_PASSWORD_MAX + 2];

	assert_fails(PX_USAGE, log_in_with(store, "a\nb", "open"), "--username");
	memset(longest, 'p', sizeof(longest));
	longest[PX_PASSWORD_MAX + 1] = '\0';
	assert_fails(PX_USAGE, log_in_with(store, "eve", longest), "4096");
	assert_int_equal(starts, 0);
}

/* A service account: its key stays here. */

static char *pem; /* one for all tests */

static int make_pem(void **state)
{
	EVP_PKEY *key = EVP_RSA_gen(2048);
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long len;

	(void)state;
	if (PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1)
		return -1;
	len = BIO_get_mem_data(bio, &text);
	pem = strndup(text, (size_t)len);
	BIO_free(bio);
	EVP_PKEY_free(key);
	return 0;
}

static int free_pem(void **state)
{
	(void)state;
	free(pem);
	return 0;
}

static void with_service_account(const char *key)
{
	char json[8192], *out = json + sprintf(json, "{\"scheme\":\"RS256\",\"uid\":\"svc\","
						     "\"private_key\":\"");

	for (; *key; key++)
		out += sprintf(out, *key == '\n' ? "\\n" : "%c", *key);
	sprintf(out, "\"}\n");
	without_credentials();
	free(config.service_account_file);
	config.service_account_file = strdup(temp_file("service.json", json, strlen(json), 0600));
}

static struct px_frame peer_service(int in, int out)
{
	struct px_frame frame;

	peer_plain(out, PX_FRAME_WANT_LOGIN);
	frame = peer_hear(in, PX_FRAME_CREDENTIALS);
	peer_insist(peer_has(&frame, PX_FIELD_UID, "svc"));
	peer_insist(peer_lacks(&frame, PX_FIELD_PASSWORD) && peer_lacks(&frame, PX_FIELD_ACS));
	return frame;
}

/* It is handed over, and nothing about it matters. */
static void peer_gets_service(int in, int out)
{
	struct px_frame frame = peer_service(in, out);

	px_frame_clear(&frame);
}

/* A JWT has three parts, and these are what the key's bytes are not in. */
static void logs_in_as_a_service(int in, int out)
{
	struct px_field field;
	struct px_frame frame;
	size_t i, dots = 0;

	peer_begin(in);
	frame = peer_service(in, out);
	peer_insist(px_frame_get(&frame, PX_FIELD_SERVICE, &field) == 0);
	for (i = 0; i < field.len; i++)
		dots += field.data[i] == '.';
	peer_insist(dots == 2);
	peer_insist(!memmem(px_secret_bytes(frame.payload), px_secret_len(frame.payload), pem + 100,
			    32));
	px_frame_clear(&frame);
	peer_token(out, "fresh");
	peer_value(out, "value");
	peer_end(in);
}

TEST(a_service_account_hands_over_what_it_signed_and_not_its_key)
{
	with_service_account(pem);
	assert_ok(get_once(logs_in_as_a_service));
	assert_true(is_cached(owner_with("svc", pem), "fresh"));
	assert_ok(get_once(has_the_token));
}

static void refuses_the_service(int in, int out)
{
	peer_begin(in);
	peer_gets_service(in, out);
	peer_answer(out, PX_UNAUTHENTICATED, "refuses the login of 'svc' (401)");
	peer_end(in);
}

TEST(a_service_account_that_is_refused_is_remembered_until_its_key_is_another)
{
	px_auto(free) char *mended = NULL;

	assert_true(asprintf(&mended, "%s\n", pem) > 0);
	with_service_account(pem);
	assert_fails(PX_UNAUTHENTICATED, get_once(refuses_the_service), "(401): mend",
		     "service_account_file", "clock");
	assert_fails(PX_UNAUTHENTICATED, get_once(wants_a_login_in_vain), "'svc' 0 s ago",
		     "service_account_file");
	with_service_account(mended);
	assert_ok(get_once(logs_in_as_a_service));
}

static enum px_status login_by_hand_of_a_service(void (*script)(int in, int out))
{
	px_auto(store) struct px_store *store = new_store(script);
	px_auto(account) struct px_account account = { .uid = strdup("svc"),
						       .private_key = secret(pem) };

	return px_store_login(store, &account, NULL);
}

/* Each time it is another, and it is one login. */
static void reaches_the_store_at_last(int in, int out)
{
	struct px_frame frame;
	size_t i;

	peer_begin(in);
	for (i = 0; i < 5; i++) {
		struct px_field field;

		frame = peer_service(in, out);
		peer_insist(px_frame_get(&frame, PX_FIELD_SERVICE, &field) == 0);
		px_frame_clear(&frame);
	}
	peer_token(out, "fresh");
	peer_answer(out, PX_OK, "");
	peer_end(in);
}

static void reaches_it_for_a_value(int in, int out)
{
	peer_begin(in);
	peer_gets_service(in, out);
	peer_gets_service(in, out);
	peer_token(out, "fresh");
	peer_value(out, "value");
	peer_end(in);
}

TEST(a_service_account_signs_again_when_what_it_signed_has_grown_old)
{
	with_service_account(pem);
	signing_takes = 15000;
	assert_ok(get_once(reaches_it_for_a_value));
	assert_true(is_cached(owner_with("svc", pem), "fresh"));
	assert_ok(login_by_hand_of_a_service(reaches_the_store_at_last));
	assert_true(is_cached(PX_ACS_SESSION, "fresh"));
}

TEST(but_not_sooner)
{
	with_service_account(pem);
	signing_takes = 14000;
	assert_fails(PX_UNTRUSTED, get_once(reaches_it_for_a_value), "too many logins");
	assert_fails(PX_UNTRUSTED, login_by_hand_of_a_service(reaches_the_store_at_last),
		     "too many logins");
}

static void wants_another_after_an_old_token(int in, int out)
{
	peer_begin(in);
	peer_gets_service(in, out);
	peer_token(out, "fresh");
	peer_plain(out, PX_FRAME_WANT_LOGIN);
	peer_end(in);
}

TEST(nor_once_there_is_an_acs_token)
{
	with_service_account(pem);
	signing_takes = 60000;
	assert_fails(PX_UNTRUSTED, get_once(wants_another_after_an_old_token), "too many logins");
}

static void loses_the_key(int in, int out)
{
	peer_begin(in);
	peer_gets_service(in, out);
	peer_insist(unlink(config.service_account_file) == 0);
	peer_plain(out, PX_FRAME_WANT_LOGIN);
	peer_end(in);
}

TEST(a_service_account_that_is_gone_by_then_is_named)
{
	with_service_account(pem);
	signing_takes = 15000;
	assert_fails(PX_USAGE, get_once(loses_the_key), "service_account_file");
}

TEST(a_key_that_does_not_sign_is_named)
{
	with_service_account("no key at all");
	assert_fails(PX_USAGE, get_once(wants_a_login_in_vain), "private key of 'svc'");
}

TEST(a_libcrypto_that_does_not_sign_is_no_matter_of_the_store)
{
	with_service_account(pem);
	no_signature = (struct fault){ .times = 1 };
	assert_fails(PX_KERNEL, get_once(wants_a_login_in_vain), "libcrypto cannot sign", "'svc'");
}

TEST(a_service_account_that_is_unfit_stops_before_anything_is_started)
{
	with_service_account(pem);
	assert_int_equal(chmod(config.service_account_file, 0644), 0);
	assert_fails(PX_USAGE, get_once(answers_ok), "chmod");
	assert_int_equal(starts, 0);
}

static void logs_in_a_service_by_hand(int in, int out)
{
	peer_begin(in);
	peer_gets_service(in, out);
	peer_token(out, "fresh");
	peer_answer(out, PX_OK, "");
	peer_end(in);
}

TEST(a_service_account_may_log_in_by_hand)
{
	assert_ok(login_by_hand_of_a_service(logs_in_a_service_by_hand));
	assert_true(is_cached(PX_ACS_SESSION, "fresh"));
	assert_fails(PX_UNAUTHENTICATED, login_by_hand_of_a_service(refuses_the_service),
		     "public key", "clock");
}

/* A login that was kept, as systemd hands it over. */

/* To a unit, in a folder of its own. */
static void hand_over_to(const char *unit, const char *password)
{
	char json[128], name[64];

	snprintf(json, sizeof(json), "{\"uid\":\"bob\",\"password\":\"%s\"}", password);
	without_credentials();
	snprintf(name, sizeof(name), "%s/pxenc.login", unit);
	mkdir(temp_path(unit), 0700);
	unlink(temp_path(name));
	temp_file(name, json, strlen(json), 0400);
	setenv("CREDENTIALS_DIRECTORY", temp_path(unit), 1);
}

static void with_kept_login(const char *password)
{
	hand_over_to(".", password);
}

TEST(a_kept_login_serves_when_nobody_is_configured)
{
	with_kept_login("sesame");
	assert_ok(get_once(logs_in));
	assert_true(is_cached(bob(), "fresh"));
	with_kept_login("sesame");
	assert_ok(get_once(has_the_token));
}

TEST(units_that_are_handed_the_same_login_share_its_token)
{
	hand_over_to("a.service", "sesame");
	assert_ok(get_once(logs_in));
	hand_over_to("b.service", "sesame");
	assert_ok(get_once(has_the_token));
}

TEST(and_one_that_is_handed_another_gets_no_token_of_theirs)
{
	cache_token(bob(), "fresh", NULL);
	hand_over_to("a.service", "wrong");
	assert_fails(PX_UNAUTHENTICATED, get_once(refuses_a_wrong_password), "log in again");
}

TEST(a_login_that_is_handed_over_and_refused_is_remembered_for_every_unit)
{
	hand_over_to("a.service", "sesame");
	assert_fails(PX_UNAUTHENTICATED, get_once(refuses_the_login), "login --persist");
	hand_over_to("b.service", "sesame");
	assert_fails(PX_UNAUTHENTICATED, get_once(wants_a_login_in_vain), "'bob' 0 s ago",
		     "login --persist");
	hand_over_to("a.service", "sesame");
	assert_fails(PX_UNAUTHENTICATED, get_once(wants_a_login_in_vain), "'bob' 0 s ago");
}

TEST(and_corrected_it_is_tried_at_once)
{
	hand_over_to("a.service", "wrong");
	assert_fails(PX_UNAUTHENTICATED, get_once(refuses_a_wrong_password), "login --persist");
	hand_over_to("a.service", "sesame");
	assert_ok(get_once(logs_in));
}

TEST(a_kept_login_that_is_unfit_stops_before_anything_is_started)
{
	with_kept_login("sesame");
	assert_int_equal(chmod(temp_path("pxenc.login"), 0444), 0);
	assert_fails(PX_USAGE, get_once(wants_a_login_in_vain), "chmod");
	assert_int_equal(starts, 0);
}

TEST(the_base_path_of_a_kept_login_holds_when_it_is_in_force)
{
	with_kept_login("sesame");
	temp_text("pxenc.base_path", "kept/base\n", 0400);
	assert_ok(px_store_session_base(&config));
	assert_string_equal(config.base_path, "kept/base");
	cache_token(PX_ACS_SESSION, "tok", "by/hand");
	assert_ok(px_store_session_base(&config));
	assert_string_equal(config.base_path, "by/hand");
	assert_int_equal(unlink(temp_path("pxenc.base_path")), 0);
	temp_text("pxenc.base_path", "no//path", 0400);
	assert_ok(px_store_logout(&config, &(bool){ false }));
	assert_fails(PX_USAGE, px_store_session_base(&config), "no//path");
	config.username_file = strdup("/u");
	assert_ok(px_store_session_base(&config));
}

TEST(without_a_session_the_base_path_stays)
{
	assert_ok(px_store_session_base(&config));
	assert_string_equal(config.base_path, "pwx");
	cache_token(PX_ACS_SESSION, "tok", NULL);
	assert_ok(px_store_session_base(&config));
	assert_string_equal(config.base_path, "pwx");
}

TEST(a_logout_forgets_every_token)
{
	bool any = false;

	cache_token(bob(), "tok", NULL);
	cache_token(PX_ACS_SESSION, "tok", NULL);
	assert_ok(px_store_logout(&config, &any));
	assert_true(any);
	assert_ok(px_store_logout(&config, &any));
	assert_false(any);
}

TEST(a_logout_without_a_folder_is_fine)
{
	bool any = true;

	run_dir = NULL;
	assert_ok(px_store_logout(&config, &any));
	assert_false(any);
}

TEST(a_logout_that_cannot_remove_says_so)
{
	bool any;

	cache_token(bob(), "tok", NULL);
	no_unlinkat = (struct fault){ .times = 1, .error = EROFS };
	assert_fails(PX_KERNEL, px_store_logout(&config, &any), "cannot remove", "Read-only");
	allocation_fails(1);
	assert_fails(PX_NOMEM, px_store_logout(&config, &any), "out of memory");
	allocation_fails(0);
}

/* JSON, which pxenc-fetch takes apart. */

static const char *parsed; /* NULL: no value in the answer */
static size_t parsed_len;

static void parses(int in, int out)
{
	struct px_frame frame;
	uint64_t op;

	peer_session(in, NULL);
	frame = peer_hear(in, PX_FRAME_REQUEST);
	peer_seq = frame.seq;
	peer_insist(px_frame_get_number(&frame, PX_FIELD_OP, &op) == 0 && op == PX_OP_PARSE);
	peer_insist(peer_has(&frame, PX_FIELD_PATH, "pwx/c"));
	peer_insist(peer_has(&frame, PX_FIELD_VALUE, "{json}"));
	if (!parsed) {
		peer_answer(out, PX_OK, "");
		return;
	}
	frame = peer_frame(PX_FRAME_ANSWER);
	peer_number(&frame, PX_FIELD_STATUS, PX_OK);
	peer_insist(px_frame_add(&frame, PX_FIELD_VALUE, parsed, parsed_len) == 0);
	peer_say(out, &frame);
}

static enum px_status parse(const char *answer, size_t len, struct px_secret **ret_members)
{
	px_auto(secret) struct px_secret *json = secret("{json}");
	px_auto(store) struct px_store *store = new_store(parses);

	parsed = answer;
	parsed_len = len;
	return px_store_parse(store, "pwx/c", json, ret_members);
}

TEST(an_object_comes_back_as_its_members)
{
	px_auto(secret) struct px_secret *members = NULL;

	assert_ok(parse("a\0b\0", 4, &members));
	assert_string_equal(px_members_get(members, "a"), "b");
}

TEST(what_is_no_object_has_no_members)
{
	struct px_secret *members = NULL;

	assert_ok(parse(NULL, 0, &members));
	assert_null(members);
}

TEST(members_that_are_none_are_not_trusted)
{
	struct px_secret *members = NULL;

	assert_fails(PX_UNTRUSTED, parse("a\0b", 3, &members), "cannot be understood");
	assert_fails(PX_UNTRUSTED, parse("\0b\0", 3, &members), "cannot be understood");
	assert_null(members);
}

TEST(members_that_are_too_many_to_look_at_are_not_trusted)
{
	px_auto(free) char *many = calloc(1, PX_MEMBERS_MAX + 2);
	struct px_secret *members = NULL;

	memset(many, 'a', PX_MEMBERS_MAX - 2);
	assert_ok(parse(many, PX_MEMBERS_MAX, &members));
	px_secret_free(&members);
	memset(many, 'a', PX_MEMBERS_MAX - 1);
	assert_fails(PX_UNTRUSTED, parse(many, PX_MEMBERS_MAX + 1, &members),
		     "cannot be understood");
	assert_null(members);
}

/* A stranger. */

static const char *s3_text;
static uint64_t s3_status;

static void is_strange(int in, int out)
{
	struct px_frame frame = peer_hear(in, PX_FRAME_SESSION);
	uint64_t op;

	peer_insist(peer_has(&frame, PX_FIELD_URL, "http://minio:9000"));
	peer_insist(peer_has(&frame, PX_FIELD_CA, "PEM"));
	peer_insist(peer_lacks(&frame, PX_FIELD_STORE) && peer_lacks(&frame, PX_FIELD_ACS));
	frame = peer_hear(in, PX_FRAME_REQUEST);
	peer_seq = frame.seq;
	peer_insist(px_frame_get_number(&frame, PX_FIELD_OP, &op) == 0 && op == PX_OP_S3);
	peer_insist(peer_has(&frame, PX_FIELD_PATH, "/?x=y"));
	peer_insist(peer_has(&frame, PX_FIELD_LINE, "Host: m"));
	peer_answer(out, s3_status, s3_text);
}

static enum px_status try_s3(void (*who)(int in, int out), uint64_t status, const char *text)
{
	char *lines[] = { (char[]){ "Host: m" }, NULL };
	const struct px_s3_request request = { .url = (char[]){ "http://minio:9000" },
					       .target = (char[]){ "/?x=y" },
					       .headers = lines };
	px_auto(free) char *ca = strdup(temp_text("bundle", "PEM", 0644));

	peer = who;
	s3_status = status;
	s3_text = text;
	return px_store_try_s3(&request, ca, px_now_ms() + 2000);
}

TEST(a_stranger_is_handed_the_request_and_nothing_of_the_stores)
{
	/* There is a token, and credentials in the environment: they stay where they are. */
	cache_token(bob(), "tok", NULL);
	assert_ok(try_s3(is_strange, PX_OK, ""));
}

TEST(a_stranger_fails_in_its_own_words)
{
	assert_fails(PX_UNAUTHENTICATED, try_s3(is_strange, PX_UNAUTHENTICATED, "no such key"),
		     "no such key");
	assert_fails(PX_UNREACHABLE, try_s3(is_strange, PX_UNREACHABLE, "nobody there"),
		     "nobody there: check its address");
	assert_fails(PX_NOMEM, try_s3(is_strange, PX_NOMEM, "x"), "RLIMIT_MEMLOCK");
}

static void wants_a_login(int in, int out)
{
	struct px_frame frame;

	peer_hear(in, PX_FRAME_SESSION);
	frame = peer_hear(in, PX_FRAME_REQUEST);
	peer_seq = frame.seq;
	frame = peer_frame(PX_FRAME_WANT_LOGIN);
	peer_say(out, &frame);
	frame = peer_hear(in, PX_FRAME_CREDENTIALS);
}

TEST(a_stranger_gets_no_login)
{
	cache_token(bob(), "tok", NULL);
	assert_fails(PX_UNTRUSTED, try_s3(wants_a_login, PX_OK, ""), "cannot be understood");
}

static void is_silent(int in, int out)
{
	(void)out;
	peer_hear(in, PX_FRAME_SESSION);
	peer_hear(in, PX_FRAME_REQUEST);
	poll(NULL, 0, 60000);
}

TEST(a_stranger_that_hangs_is_named)
{
	assert_fails(PX_UNREACHABLE, try_s3(is_silent, PX_OK, ""),
		     "the endpoint did not answer in time", "check its address");
}

static int try_life(void *arg)
{
	(void)arg;
	return (int)try_s3(is_strange, PX_OK, "");
}

/* Memory. */

TEST(a_stranger_needs_memory)
{
	unsigned int n;
	int r;

	for (n = 0;; n++) {
		log_forget();
		no_mmap = (struct fault){ .skip = n, .times = 1, .error = ENOMEM };
		r = try_life(NULL);
		if (no_mmap.times)
			break;
		assert_int_equal(r, PX_NOMEM);
		assert_logged("out of memory");
	}
	no_mmap.times = 0;
	assert_int_equal(r, PX_OK);
	assert_true(n > 2);
	allocation_fails(4); /* after those of the test's own: the store itself */
	r = try_life(NULL);
	allocation_fails(0);
	assert_int_equal(r, PX_NOMEM);
}

static int a_whole_life(void *arg)
{
	px_auto(store) struct px_store *store = NULL;
	px_auto(secret) struct px_secret *value = NULL;
	enum px_status st;

	(void)arg;
	peer = logs_in;
	st = px_store_new(&config, px_now_ms() + 5000, &store);
	if (!st)
		st = px_store_get(store, "pwx/a", PX_GET_RAW, &value);
	return (int)st;
}

TEST(every_allocation_may_fail)
{
	run_dir = NULL;
	each_allocation_may_fail(a_whole_life, NULL, PX_NOMEM);
}

TEST(locked_memory_may_run_out_at_any_point)
{
	unsigned int n;
	int r;

	run_dir = NULL;
	for (n = 0;; n++) {
		log_forget();
		no_mmap = (struct fault){ .skip = n, .times = 1, .error = ENOMEM };
		r = a_whole_life(NULL);
		if (no_mmap.times)
			break;
		assert_int_equal(r, PX_NOMEM);
		assert_logged("out of memory");
	}
	assert_int_equal(r, PX_OK);
	assert_true(n > 5);
}

static int service_life(void *arg)
{
	px_auto(store) struct px_store *store = NULL;
	px_auto(secret) struct px_secret *value = NULL;
	enum px_status st;

	(void)arg;
	peer = logs_in_as_a_service;
	st = px_store_new(&config, px_now_ms() + 5000, &store);
	if (!st)
		st = px_store_get(store, "pwx/a", PX_GET_RAW, &value);
	return (int)st;
}

TEST(a_service_account_needs_memory)
{
	unsigned int n;
	int r = PX_NOMEM;

	with_service_account(pem);
	run_dir = NULL;
	each_allocation_may_fail(service_life, NULL, PX_NOMEM);
	for (n = 0; r != PX_OK; n++) {
		log_forget();
		no_mmap = (struct fault){ .skip = n, .times = 1, .error = ENOMEM };
		r = service_life(NULL);
		assert_true(r == PX_OK || r == PX_NOMEM);
	}
	assert_int_equal(no_mmap.times, 1);
}

static int list_life(void *arg)
{
	px_auto(store) struct px_store *store = NULL;
	char **paths = NULL;
	enum px_status st;

	peer = arg ? lists : lists_bytes;
	st = px_store_new(&config, px_now_ms() + 5000, &store);
	if (!st)
		st = px_store_list(store, "", &paths);
	px_strv_free(&paths);
	return (int)st;
}

TEST(a_list_needs_memory)
{
	run_dir = NULL;
	list_len = 0;
	each_allocation_may_fail(list_life, &config, PX_NOMEM);
	each_allocation_may_fail(list_life, NULL, PX_NOMEM);
}

TEST(freeing_nothing_is_fine)
{
	struct px_store *store = NULL;

	px_store_free(NULL);
	px_store_free(&store);
}

#define in_world(test) cmocka_unit_test_setup_teardown(test, world_make, world_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_world(the_session_hands_over_urls_ca_store_and_time_and_no_credentials),
		in_world(one_url_alone_is_asked_before_there_is_a_login),
		in_world(one_url_alone_is_asked_with_the_token_of_its_cluster),
		in_world(the_session_in_force_has_a_user_and_an_end),
		in_world(without_a_deadline_the_session_names_none),
		in_world(what_the_caller_takes_between_two_questions_is_not_the_stores_time),
		in_world(all_requests_of_a_store_are_one_conversation),
		in_world(a_list_is_sorted),
		in_world(an_empty_list_is_a_list),
		in_world(a_list_that_is_malformed_is_not_trusted),
		in_world(a_success_without_what_was_asked_for_is_not_trusted),
		in_world(a_failure_is_told_in_the_words_of_who_knows),
		in_world(forbidden_comes_with_the_grant_to_give),
		in_world(a_path_that_a_shell_would_run_stands_in_quotes_or_in_no_command),
		in_world(without_a_token_the_grant_names_no_user),
		in_world(a_login_that_is_forbidden_has_no_grant),
		in_world(a_secret_that_may_be_missing_is_missed_in_silence),
		in_world(a_secret_that_may_be_gone_is_dropped_in_silence),
		in_world(a_secret_that_may_not_be_dropped_is_an_error),
		in_world(a_verdict_is_an_answer_and_everything_else_is_said),
		in_world(a_helper_without_memory_is_told_apart),
		in_world(a_token_that_is_refused_although_it_is_new_is_no_matter_of_the_password),
		in_world(a_wait_is_told_once),
		in_world(the_time_of_a_stage_is_told_to_those_who_ask),
		in_world(a_note_may_belong_to_the_session),
		in_world(what_pxenc_fetch_may_not_say_is_not_trusted),
		in_world(an_end_without_an_answer_names_what_was_going_on),
		in_world(an_end_before_the_first_word_is_no_broken_pipe),
		in_world(a_helper_that_cannot_confine_itself_has_the_last_word),
		in_world(a_helper_that_hangs_is_killed_at_the_deadline),
		in_world(a_helper_that_ends_at_the_deadline_was_too_slow),
		in_world(a_deadline_that_has_passed_is_no_time),
		in_world(a_helper_that_is_not_installed_is_named),
		in_world(a_helper_that_takes_no_request_is_waited_for_until_the_deadline),
		in_world(a_value_larger_than_a_frame_is_a_usage_error),
		in_world(a_missing_ca_file_stops_before_anything_is_started),
		in_world(a_user_name_file_that_is_unfit_stops_before_anything_is_started),
		in_world(a_store_that_was_not_ready_may_be_asked_again),
		in_world(a_helper_is_started_again_when_it_asks_for_it),
		in_world(a_helper_that_is_started_again_may_ask_for_the_password_again),
		in_world(a_helper_is_started_again_until_the_deadline_only),
		in_world(a_helper_that_cannot_be_started_again_is_an_error),
		in_world(the_password_is_handed_over_when_it_is_wanted_and_the_token_kept),
		in_world(a_session_goes_before_the_token_of_the_configured_user),
		in_world(rejected_tokens_are_dropped_one_after_another_before_a_login),
		in_world(a_token_that_another_process_got_meanwhile_saves_a_login),
		in_world(tokens_are_not_handed_out_for_ever),
		in_world(a_refused_login_says_what_to_mend_and_is_not_repeated_at_once),
		in_world(a_corrected_password_is_tried_at_once),
		in_world(a_password_file_that_is_written_anew_with_the_same_password_is_not),
		in_world(a_refused_login_with_credentials_of_the_environment_names_the_variables),
		in_world(without_credentials_the_advice_is_to_log_in),
		in_world(a_password_file_that_is_unfit_stops_the_login),
		in_world(a_login_of_another_process_is_waited_for_until_the_deadline),
		in_world(a_lock_that_does_not_work_does_not_stop_a_login),
		in_world(a_token_that_cannot_be_kept_serves_all_the_same),
		in_world(a_refusal_that_cannot_be_remembered_is_no_matter),
		in_world(without_a_folder_nothing_is_cached),
		in_world(a_helper_that_ends_before_it_has_the_password_is_no_broken_pipe),
		in_world(a_login_by_hand_is_kept_as_the_session_with_its_base_path),
		in_world(a_base_path_that_came_with_a_login_by_hand_ends_with_it),
		in_world(a_login_by_hand_without_a_base_path_follows_the_config),
		in_world(a_login_by_hand_takes_no_cached_token_for_an_answer),
		in_world(a_refused_login_by_hand_may_be_repeated_at_once),
		in_world(a_login_by_hand_does_not_mind_that_the_configured_credentials_are_unfit),
		in_world(a_login_by_hand_needs_a_place_to_be_kept),
		in_world(a_login_by_hand_that_cannot_be_kept_is_an_error),
		in_world(a_login_by_hand_needs_a_name_and_a_password_that_fit),
		in_world(a_service_account_hands_over_what_it_signed_and_not_its_key),
		in_world(a_service_account_that_is_refused_is_remembered_until_its_key_is_another),
		in_world(a_service_account_signs_again_when_what_it_signed_has_grown_old),
		in_world(but_not_sooner),
		in_world(nor_once_there_is_an_acs_token),
		in_world(a_service_account_that_is_gone_by_then_is_named),
		in_world(a_key_that_does_not_sign_is_named),
		in_world(a_libcrypto_that_does_not_sign_is_no_matter_of_the_store),
		in_world(a_service_account_that_is_unfit_stops_before_anything_is_started),
		in_world(a_service_account_may_log_in_by_hand),
		in_world(a_kept_login_serves_when_nobody_is_configured),
		in_world(units_that_are_handed_the_same_login_share_its_token),
		in_world(and_one_that_is_handed_another_gets_no_token_of_theirs),
		in_world(a_login_that_is_handed_over_and_refused_is_remembered_for_every_unit),
		in_world(and_corrected_it_is_tried_at_once),
		in_world(a_kept_login_that_is_unfit_stops_before_anything_is_started),
		in_world(the_base_path_of_a_kept_login_holds_when_it_is_in_force),
		in_world(without_a_session_the_base_path_stays),
		in_world(a_logout_forgets_every_token),
		in_world(a_logout_without_a_folder_is_fine),
		in_world(a_logout_that_cannot_remove_says_so),
		in_world(an_object_comes_back_as_its_members),
		in_world(what_is_no_object_has_no_members),
		in_world(members_that_are_none_are_not_trusted),
		in_world(members_that_are_too_many_to_look_at_are_not_trusted),
		in_world(a_stranger_is_handed_the_request_and_nothing_of_the_stores),
		in_world(a_stranger_fails_in_its_own_words),
		in_world(a_stranger_gets_no_login),
		in_world(a_stranger_that_hangs_is_named),
		in_world(a_stranger_needs_memory),
		in_world(every_allocation_may_fail),
		in_world(locked_memory_may_run_out_at_any_point),
		in_world(a_service_account_needs_memory),
		in_world(a_list_needs_memory),
		in_world(freeing_nothing_is_fine),
	};

	/* As pxenc does. */
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, make_pem, free_pem);
}
