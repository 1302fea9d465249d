/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <libcryptsetup.h>

#include "../format_volume.h"
#include "luks_samples.h"
#include "pxenc/key.h"
#include "pxenc/lock.h"
#include "pxenc/log.h"
#include "pxenc/luks.h"
#include "volume/header-finish.h"
#include "volume/luks2.h"

/* Changes of a header: keyslots and our LUKS2 token, one at a time, on a plain file. */

#define IMAGE_SIZE ((off_t)17 << 20)
#define SECRET "volumes/" SAMPLE_UUID "/1"
#define NEXT_SECRET "volumes/" SAMPLE_UUID "/2"

/* libcryptsetup's calls, each of which can be told to fail once. */
static const char *failing;
static int failure;

static bool fails(const char *call)
{
	if (!failing || strcmp(failing, call) != 0)
		return false;
	failing = NULL;
	crypt_log(NULL, CRYPT_LOG_ERROR, "No luck.\n");
	return true;
}

#define WRAP(name, params, args)                                                                   \
	int __real_##name params;                                                                  \
	int __wrap_##name params;                                                                  \
	int __wrap_##name params                                                                   \
	{                                                                                          \
		return fails(#name) ? failure : __real_##name args;                                \
	}

WRAP(crypt_set_pbkdf_type, (struct crypt_device * cd, const struct crypt_pbkdf_type *pbkdf),
     (cd, pbkdf))
WRAP(crypt_keyslot_set_encryption, (struct crypt_device * cd, const char *cipher, size_t size),
     (cd, cipher, size))
WRAP(crypt_keyslot_add_by_volume_key,
     (struct crypt_device * cd, int slot, const char *key, size_t key_size, const char *passphrase,
      size_t size),
     (cd, slot, key, key_size, passphrase, size))
WRAP(crypt_keyslot_destroy, (struct crypt_device * cd, int slot), (cd, slot))
WRAP(crypt_volume_key_get,
     (struct crypt_device * cd, int slot, char *key, size_t *key_size, const char *passphrase,
      size_t size),
     (cd, slot, key, key_size, passphrase, size))
WRAP(crypt_token_json_set, (struct crypt_device * cd, int token, const char *json),
     (cd, token, json))
WRAP(crypt_dump_json, (struct crypt_device * cd, const char **json, uint32_t flags),
     (cd, json, flags))
WRAP(crypt_set_label, (struct crypt_device * cd, const char *label, const char *subsystem),
     (cd, label, subsystem))

WRAP(crypt_keyslot_add_by_key,
     (struct crypt_device * cd, int slot, const char *volume_key, size_t volume_key_size,
      const char *passphrase, size_t size, uint32_t flags),
     (cd, slot, volume_key, volume_key_size, passphrase, size, flags))
WRAP(crypt_reencrypt_init_by_passphrase,
     (struct crypt_device * cd, const char *name, const char *passphrase, size_t size, int old,
      int new, const char *cipher, const char *mode, const struct crypt_params_reencrypt *params),
     (cd, name, passphrase, size, old, new, cipher, mode, params))
WRAP(crypt_reencrypt_run,
     (struct crypt_device * cd, int (*progress)(uint64_t size, uint64_t offset, void *arg),
      void *arg),
     (cd, progress, arg))

WRAP(crypt_set_data_device, (struct crypt_device * cd, const char *device), (cd, device))
WRAP(px_header_finish, (const char *json, size_t len, char **ret_json), (json, len, ret_json))
WRAP(px_luks2_read, (int fd, struct px_luks2 *ret_header, char **ret_json),
     (fd, ret_header, ret_json))

/* libcryptsetup's switch goes one way, and this is one process; its children have the real one. */
static bool is_child;

int __real_crypt_metadata_locking(struct crypt_device *cd, int enable);
int __wrap_crypt_metadata_locking(struct crypt_device *cd, int enable);
int __wrap_crypt_metadata_locking(struct crypt_device *cd, int enable)
{
	return is_child ? __real_crypt_metadata_locking(cd, enable) : 0;
}

/* Whether F_OFD_SETLK fails, and how. */
static int lock_errno;

int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...)
{
	va_list args;
	void *arg;

	va_start(args, command);
	arg = va_arg(args, void *);
	va_end(args);
	if (command == F_OFD_SETLK && lock_errno) {
		errno = lock_errno;
		return -1;
	}
	return __real_fcntl(fd, command, arg);
}

static struct px_secret *key, *other;
static struct px_luks *luks;
static const char *image;

static struct px_luks *load(void)
{
	struct px_luks *loaded = NULL;

	assert_int_equal(px_luks_load_to_change(image, &loaded), PX_OK);
	return loaded;
}

/* libcryptsetup's lock for a reencryption is named by the uuid: two runs at once have two. */
static const char *own_uuid(void)
{
	static char uuid[] = SAMPLE_UUID;
	char digits[9];

	snprintf(digits, sizeof(digits), "%08x", (unsigned int)getpid());
	memcpy(uuid, digits, 8);
	return uuid;
}

static int setup(void **state)
{
	const struct px_luks_params params = { .uuid = own_uuid(),
					       .cipher = "aes-xts-plain64",
					       .key_bits = 512,
					       .secret = SECRET,
					       .store = "default" };

	if (temp_dir_make(state) < 0 || px_key_generate(&key) < 0 || px_key_generate(&other) < 0)
		return -1;
	log_forget();
	image = temp_text("image", "", 0600);
	if (truncate(image, IMAGE_SIZE) < 0)
		return -1;
	return format_volume(image, &params, key, &luks) == PX_OK ? 0 : -1;
}

static int teardown(void **state)
{
	failing = NULL;
	lock_errno = 0;
	px_luks_free(&luks);
	px_secret_free(&key);
	px_secret_free(&other);
	return temp_dir_remove(state);
}

/* The header as anybody would find it now is one that its key opens and seals. */
static void assert_sound(const struct px_secret *with)
{
	struct px_luks *again = load();

	assert_ok(px_luks_verify_seal(again, with, true));
	assert_ok(px_luks_test(again, with, true));
	px_luks_free(&again);
}

TEST(keyslots_are_counted_and_the_lowest_free_one_is_found)
{
	assert_true(px_luks_has_slot(luks, 0));
	assert_false(px_luks_has_slot(luks, 1));
	assert_int_equal(px_luks_count_slots(luks), 1);
	assert_int_equal(px_luks_free_slot(luks), 1);
}

TEST(a_keyslot_is_known_by_its_salt)
{
	char *first = NULL, *again = NULL;

	assert_int_equal(px_luks_slot_salt(luks, 0, &first), 0);
	assert_int_equal(px_luks_slot_salt(luks, 1, &again), -ENOENT);
	assert_null(again);
	assert_true(strlen(first) > 20);
	failing = "crypt_dump_json";
	failure = -EIO;
	assert_int_equal(px_luks_slot_salt(luks, 0, &again), -EIO);
	allocation_fails(1);
	assert_true(px_luks_slot_salt(luks, 0, &again) < 0);
	allocation_fails(0);
	free(first);
}

static void add_slot(int slot)
{
	struct px_secret *volume_key = NULL;

	assert_int_equal(px_luks_open_slot(luks, 0, key, &volume_key), 0);
	assert_ok(px_luks_add_slot(luks, slot, volume_key, other));
	px_secret_free(&volume_key);
}

TEST(a_second_key_opens_its_own_keyslot_and_no_other)
{
	struct px_secret *volume_key = NULL, *same = NULL;

	add_slot(4);
	assert_int_equal(px_luks_open_slot(luks, 4, other, &volume_key), 4);
	assert_int_equal(px_luks_open_slot(luks, -1, other, &same), 4);
	assert_true(px_secret_equal(volume_key, same));
	px_secret_free(&same);
	assert_int_equal(px_luks_open_slot(luks, 0, other, &same), -EPERM);
	assert_int_equal(px_luks_open_slot(luks, 7, other, &same), -EPERM);
	assert_null(same);
	assert_true(px_luks_is_volume_key(luks, volume_key));
	px_secret_data(volume_key)[0] ^= 1;
	assert_false(px_luks_is_volume_key(luks, volume_key));
	px_secret_free(&volume_key);
	assert_sound(key);
}

TEST(a_destroyed_keyslot_opens_no_more)
{
	struct px_secret *volume_key = NULL;

	add_slot(1);
	assert_ok(px_luks_destroy_slot(luks, 1));
	assert_false(px_luks_has_slot(luks, 1));
	assert_int_equal(px_luks_open_slot(luks, -1, other, &volume_key), -EPERM);
	assert_sound(key);
}

TEST(a_full_header_has_no_free_keyslot)
{
	struct px_secret *volume_key = NULL;
	int slot;

	assert_int_equal(px_luks_open_slot(luks, 0, key, &volume_key), 0);
	for (slot = 1; slot < 32; slot++)
		assert_ok(px_luks_add_slot(luks, slot, volume_key, other));
	assert_int_equal(px_luks_free_slot(luks), -1);
	assert_int_equal(px_luks_count_slots(luks), 32);
	px_secret_free(&volume_key);
}

/* What rotate writes: intent, commit, and the end. */
TEST(the_luks2_token_changes_with_its_seal_in_one_write)
{
	static char next_secret[] = NEXT_SECRET;
	static const struct px_token_other next = { .keyslot = 1,
						    .secret = next_secret,
						    .keep = true };
	struct px_token *token = px_token_copy(px_luks_token(luks));

	add_slot(1);
	assert_int_equal(px_token_set_other(&token->next, &next), 0);
	assert_ok(px_luks_set_token(luks, token, key));
	assert_string_equal(px_luks_token(luks)->next.secret, NEXT_SECRET);
	assert_true(px_luks_token(luks)->next.keep);
	assert_sound(key);

	token->old = (struct px_token_other){ .keyslot = 0, .secret = token->secret };
	token->keyslot = 1;
	token->secret = px_steal(&token->next.secret);
	assert_int_equal(px_luks_slot_salt(luks, 0, &token->old.salt), 0);
	assert_ok(px_luks_set_token(luks, token, other));
	assert_int_equal(px_luks_token(luks)->keyslot, 1);
	assert_string_equal(px_luks_token(luks)->old.secret, SECRET);
	assert_string_equal(px_luks_token(luks)->old.salt, token->old.salt);
	assert_sound(other);

	assert_ok(px_luks_destroy_slot(luks, 0));
	px_token_clear_other(&token->old);
	assert_ok(px_luks_set_token(luks, token, other));
	assert_null(px_luks_token(luks)->old.secret);
	assert_sound(other);
	px_token_free(&token);
}

TEST(a_human_passphrase_does_not_seal)
{
	struct px_token *token = px_token_copy(px_luks_token(luks));
	struct px_secret *human = NULL;

	assert_int_equal(px_secret_from("hunter2", 7, &human), 0);
	assert_ok(px_luks_set_token(luks, token, human));
	assert_null(px_luks_token(luks)->seal);
	px_secret_free(&human);
	px_token_free(&token);
}

TEST(the_luks2_token_is_removed_and_with_it_what_made_the_volume_ours)
{
	struct px_luks *again = NULL;

	assert_ok(px_luks_drop_token(luks));
	assert_ok(px_luks_drop_token(luks));
	assert_ok(px_luks_load(image, &again));
	assert_null(px_luks_token(again));
	px_luks_free(&again);
	failing = "crypt_token_json_set";
	assert_ok(px_luks_drop_token(luks));
}

TEST(the_subsystem_label_is_ours_and_the_label_stays)
{
	struct px_luks *again;

	assert_ok(px_luks_set_subsystem(luks));
	again = load();
	px_luks_free(&again);
	failing = "crypt_set_label";
	failure = -EIO;
	assert_fails(PX_KERNEL, px_luks_set_subsystem(luks), "subsystem label", "No luck.");
	allocation_fails(1);
	assert_fails(PX_NOMEM, px_luks_set_subsystem(luks), "out of memory");
}

TEST(changes_fail_with_the_cause_and_what_was_known_stays_known)
{
	static const struct {
		const char *call, *complaint;
	} cases[] = {
		{ "crypt_set_pbkdf_type", "keyslot cannot be written: No luck." },
		{ "crypt_keyslot_set_encryption", "keyslot cannot be written: No luck." },
		{ "crypt_keyslot_add_by_volume_key", "keyslot cannot be written: No luck." },
		{ "crypt_dump_json", "cannot be shown: No luck." },
	};
	struct px_secret *volume_key = NULL;
	struct px_token *token = px_token_copy(px_luks_token(luks));

	assert_int_equal(px_luks_open_slot(luks, 0, key, &volume_key), 0);
	failure = -EIO;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		failing = cases[i].call;
		assert_fails(PX_KERNEL, px_luks_add_slot(luks, 1, volume_key, other),
			     cases[i].complaint);
		assert_string_equal(px_luks_token(luks)->secret, SECRET);
	}
	failing = "crypt_keyslot_destroy";
	assert_fails(PX_KERNEL, px_luks_destroy_slot(luks, 1), "destroyed: No luck.");
	failing = "crypt_token_json_set";
	assert_fails(PX_KERNEL, px_luks_set_token(luks, token, key), "token cannot be written");
	failing = "crypt_dump_json";
	assert_fails(PX_KERNEL, px_luks_set_token(luks, token, key), "cannot be sealed");
	failing = "crypt_volume_key_get";
	px_secret_free(&volume_key);
	assert_int_equal(px_luks_open_slot(luks, 0, key, &volume_key), -EIO);
	assert_null(volume_key);
	px_token_free(&token);
	assert_sound(key);
}

/* The header's JSON as libcryptsetup has it. */
static char *dump(void)
{
	struct crypt_device *cd = NULL;
	const char *json = NULL;
	cJSON *parsed;
	char *copy;

	assert_int_equal(crypt_init(&cd, image), 0);
	assert_int_equal(crypt_load(cd, CRYPT_LUKS2, NULL), 0);
	assert_int_equal(crypt_dump_json(cd, &json, 0), 0);
	parsed = cJSON_Parse(json);
	copy = cJSON_PrintUnformatted(parsed);
	cJSON_Delete(parsed);
	crypt_free(cd);
	return copy;
}

/* The LUKS2 token says that the volume key is changed, and there is a new one. */
static void announce(void)
{
	struct px_token *token = px_token_copy(px_luks_token(luks));

	assert_ok(px_luks_add_volume_key(luks, 1, key));
	token->reencrypt = true;
	token->second = 1;
	token->both = true;
	assert_ok(px_luks_set_token(luks, token, key));
	px_token_free(&token);
}

static int steps;

/* Stops after some calls. */
static bool step(uint64_t done, uint64_t size, void *arg)
{
	assert_true(done <= size);
	assert_ptr_equal(arg, &steps);
	return --steps > 0;
}

/* Each run in a process of its own would have a context of its own. */
static bool run(int count)
{
	bool stopped = false;

	steps = count;
	px_luks_free(&luks);
	luks = load();
	assert_ok(px_luks_reencrypt(luks, NULL, key, step, &steps, &stopped));
	return stopped;
}

static void assert_openable(void)
{
	struct px_luks *again = load();

	assert_ok(px_luks_verify_seal(again, key, true));
	assert_ok(px_luks_test(again, key, true));
	px_luks_free(&again);
}

TEST(the_volume_key_changes_and_the_seal_holds_all_the_way)
{
	struct px_secret *before = NULL, *after = NULL;
	struct px_token *token;

	assert_int_equal(px_luks_open_slot(luks, 0, key, &before), 0);
	announce();
	assert_openable();
	assert_false(px_luks_is_reencrypting(luks));
	assert_true(run(1));
	assert_true(px_luks_is_reencrypting(luks));
	assert_openable();
	assert_false(run(1000000));
	assert_false(px_luks_is_reencrypting(luks));
	assert_openable();

	assert_int_equal(px_luks_token(luks)->keyslot, 1);
	assert_int_equal(px_luks_token(luks)->second, 1);
	assert_false(px_luks_token(luks)->both);
	assert_int_equal(px_luks_count_slots(luks), 1);
	assert_int_equal(px_luks_open_slot(luks, 1, key, &after), 1);
	assert_false(px_secret_equal(before, after));
	token = px_token_copy(px_luks_token(luks));
	token->reencrypt = false;
	assert_ok(px_luks_set_token(luks, token, key));
	assert_sound(key);
	px_token_free(&token);
	px_secret_free(&before);
	px_secret_free(&after);
}

/* Replaces one text in a header's JSON and asks the allowlist. */
static enum px_status check_forged(const char *json, const char *from, const char *to)
{
	const char *at = strstr(json, from);
	struct px_header *header = NULL;
	enum px_status status;
	char *forged;

	assert_non_null(at);
	assert_true(asprintf(&forged, "%.*s%s%s", (int)(at - json), json, to, at + strlen(from)) >
		    0);
	log_forget();
	status = px_header_check(forged, strlen(forged), (uint64_t)IMAGE_SIZE, "/dev/sdb", &header);
	px_header_free(&header);
	free(forged);
	return status;
}

TEST(a_header_from_before_the_volume_key_began_to_change_is_outdated)
{
	struct px_luks *before;

	announce();
	before = load();
	assert_ok(px_luks_check_current(before));
	assert_true(run(1));
	assert_fails(PX_BUSY, px_luks_check_current(before), "begun to change");
	assert_ok(px_luks_check_current(luks));
	px_luks_free(&before);
}

TEST(a_forged_reencryption_is_refused)
{
	static const struct {
		const char *from, *to, *complaint;
	} cases[] = {
		{ ",\"reencrypt\":1", "", "exactly one keyslot" },
		{ "\"reencrypt\":1", "\"reencrypt\":2", "is not the second" },
		{ "\"reencrypt\":1", "\"reencrypt\":true", "\"reencrypt\" has the wrong type" },
		{ "aes-xts-plain64\",\"sector_size\":4096,\"flags\":[\"backup-final\"]",
		  "cipher_null-ecb\",\"sector_size\":4096,\"flags\":[\"backup-final\"]",
		  "not one of ours" },
		{ "\"segments\":{\"0\":{\"type\":\"crypt\",\"offset\":\"16777216\"",
		  "\"segments\":{\"0\":{\"type\":\"crypt\",\"offset\":\"0\"",
		  "is not like the others" },
		{ "\"segments\":{\"0\":{\"type\":\"crypt\",\"offset\":\"16777216\"",
		  "\"segments\":{\"0\":{\"type\":\"crypt\",\"offset\":\"17825792\"",
		  "is not like the others" },
		{ "\"iv_tweak\":\"0\"", "\"iv_tweak\":\"8\"", "is not like the others" },
		{ "\"size\":\"dynamic\"", "\"size\":\"1073741824\"",
		  "beyond the end of the device" },
		{ "\"size\":\"dynamic\"", "\"size\":\"0\"", "is not like the others" },
		{ "\"size\":\"dynamic\"", "\"size\":\"100\"", "is not like the others" },
		{ "\"backup-previous\"", "\"backup-final\"", "is not one of a reencryption" },
		{ "\"encryption\":\"aes-xts-plain64\",\"sector_size\":4096}",
		  "\"encryption\":\"cipher_null-ecb\",\"sector_size\":4096}",
		  "is not like the others" },
		{ "\"encryption\":\"aes-xts-plain64\",\"sector_size\":4096}",
		  "\"encryption\":\"aes-xts-plain64\",\"sector_size\":512}",
		  "is not like the others" },
		{ "\"iv_tweak\":\"0\"", "\"iv_tweak\":\"x\"", "is not like the others" },
		{ "\"flags\":[\"backup-final\"]", "\"flags\":[\"backup-moved-segment\"]",
		  "is not one of a reencryption" },
		{ "\"flags\":[\"backup-final\"]", "\"flags\":[\"in-reencryption\"]",
		  "is to end in" },
		{ "\"flags\":[\"backup-final\"]", "\"flags\":7", "has the wrong type" },
		{ "\"type\":\"crypt\"", "\"type\":\"linear\"", "is not one of a reencryption" },
		{ "\"mode\":\"reencrypt\"", "\"mode\":\"decrypt\"", "not one of ours" },
		{ "\"direction\":\"forward\"", "\"direction\":\"backward\"", "not one of ours" },
		{ "\"hash\":\"sha256\",\"sector_size\"", "\"hash\":\"md5\",\"sector_size\"",
		  "not one of ours" },
		{ "\"mode\":\"reencrypt\"", "\"x\":\"reencrypt\"", "is unknown" },
		{ "\"mandatory\":[\"online-reencrypt-v2\"]", "\"mandatory\":[\"x\"]",
		  "requirement \"x\"" },
		{ "\"keyslots\":[\"0\",\"1\"]", "\"keyslots\":[\"7\",\"1\"]",
		  "keyslot 7, which is not there" },
		{ "\"keyslots\":[\"0\",\"1\"]", "\"keyslots\":[\"0\",\"7\"]", "is not the second" },
	};
	char *json;

	announce();
	assert_true(run(1));
	json = dump();
	assert_int_equal(check_forged(json, "{", "{"), PX_OK);
	/* The device has grown since, while the volume was in use. */
	assert_int_equal(check_forged(json, "\"size\":\"dynamic\"", "\"size\":\"4096\""), PX_OK);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (check_forged(json, cases[i].from, cases[i].to) != PX_BAD_HEADER)
			fail_msg("taken: %s -> %s", cases[i].from, cases[i].to);
		assert_logged(cases[i].complaint);
	}
	strstr(json, "\"reencrypt\":1")[strlen("\"reencrypt\":")] = '7';
	assert_int_equal(
		check_forged(json, "\"keyslots\":[\"0\",\"1\"]", "\"keyslots\":[\"0\",\"7\"]"),
		PX_BAD_HEADER);
	assert_logged("keyslot 7, which is not there");
	free(json);
}

/* Replaces texts of the JSON on the disk, in both copies, with their checksums made right. */
static void forge(const char *from, const char *to)
{
	struct luks2_copy copies[2] = { { .bytes = NULL } };
	int fd = open(image, O_RDWR | O_CLOEXEC);

	assert_int_equal(luks2_read_both(fd, copies), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(luks2_replace(&copies[i], from, to), 0);
	}
	assert_int_equal(luks2_write_both(fd, copies), 0);
	luks2_free(&copies[0]);
	luks2_free(&copies[1]);
	close(fd);
}

/* As a process leaves it that is killed when all data has the new volume key. */
static void all_but_the_end(void)
{
	announce();
	assert_true(run(1));
	px_luks_free(&luks);
	forge("\"segments\":[\"0\",\"1\"]", "\"segments\":[\"1\"]");
	forge("\"segments\":[\"2\"]", "\"segments\":[\"0\",\"2\"]");
}

/* As rotate does. */
static void write_end(void)
{
	assert_ok(px_luks_load_to_rotate(image, &luks));
	assert_true(px_luks_lacks_end(luks));
	assert_ok(px_luks_write_end(luks));
	px_luks_free(&luks);
	luks = load();
	assert_false(px_luks_lacks_end(luks));
}

#define HEADER (2 * 16384)

static void read_header(int fd, uint8_t header[HEADER])
{
	assert_int_equal(pread(fd, header, HEADER, 0), HEADER);
}

typedef enum px_status load_function(const char *device, struct px_luks **ret_luks);

/* Whether a process that loads the volume writes to it when its second header copy is torn. */
static bool mends(load_function *load_it)
{
	static uint8_t before[HEADER], after[HEADER];
	int fd = open(image, O_RDWR | O_CLOEXEC), status;
	pid_t child;

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "\0\0\0", 3, HEADER / 2 + LUKS2_AT_SUM), 3);
	read_header(fd, before);
	child = fork();
	if (child == 0) {
		is_child = true;
		_exit((int)load_it(image, &luks));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	read_header(fd, after);
	close(fd);
	return memcmp(before, after, HEADER) != 0;
}

/* For that, libcryptsetup would have to lock the volume, and wait for whoever writes it. */
TEST(who_reads_a_volume_that_is_written_anew_leaves_its_torn_header_alone)
{
	announce();
	assert_true(run(1));
	px_luks_free(&luks);
	assert_false(mends(px_luks_load));
	assert_true(mends(px_luks_load_to_open));
	assert_true(mends(px_luks_load_to_change));
	assert_false(run(1000000));
	px_luks_free(&luks);
	assert_false(mends(px_luks_load_to_open));
	luks = load();
}

TEST(the_end_of_a_reencryption_that_is_missing_is_made_up_for)
{
	struct stat before, after;

	all_but_the_end();
	assert_int_equal(stat(image, &before), 0);
	assert_ok(px_luks_load(image, &luks));
	assert_true(px_luks_is_reencrypting(luks));
	assert_int_equal(px_luks_count_slots(luks), 1);
	assert_ok(px_luks_verify_seal(luks, key, true));
	assert_ok(px_luks_test(luks, key, true));
	px_luks_free(&luks);
	assert_int_equal(stat(image, &after), 0);
	assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof(before.st_mtim));

	assert_fails(PX_BUSY, px_luks_load_to_change(image, &luks), "run pxenc rotate first");
	write_end();
	assert_false(px_luks_is_reencrypting(luks));
	assert_int_equal(px_luks_token(luks)->keyslot, 1);
	assert_int_equal(px_luks_token(luks)->second, 1);
	assert_false(px_luks_token(luks)->both);
	assert_openable();
}

TEST(an_end_that_cannot_be_made_up_for_is_said)
{
	all_but_the_end();
	failing = "px_header_finish";
	failure = -EINVAL;
	assert_fails(PX_KERNEL, px_luks_load(image, &luks), "cannot be made up for");
	failing = "crypt_set_data_device";
	failure = -EINVAL;
	assert_fails(PX_KERNEL, px_luks_load(image, &luks), "No luck.");
	failing = "px_luks2_read";
	failure = -EIO;
	assert_fails(PX_KERNEL, px_luks_load_to_rotate(image, &luks), "cannot be made up for");
	assert_null(luks);
	assert_ok(px_luks_load_to_rotate(image, &luks));
	failing = "px_luks2_read";
	assert_fails(PX_KERNEL, px_luks_write_end(luks), "cannot be made up for");
	px_luks_free(&luks);
	write_end();
}

TEST(what_is_not_at_its_end_is_not_finished)
{
	char *json, *finished = NULL;

	announce();
	assert_true(run(1));
	json = dump();
	assert_int_equal(px_header_finish(json, strlen(json), &finished), -ENOENT);
	assert_int_equal(px_header_finish("{}", 2, &finished), -ENOENT);
	assert_int_equal(px_header_finish("{", 1, &finished), -EINVAL);
	assert_null(finished);
	free(json);
}

static int finish(void *arg)
{
	char *finished = NULL;
	int r = px_header_finish(arg, strlen(arg), &finished);

	free(finished);
	/* cJSON does not tell its lack of memory from what it cannot parse. */
	return r == -EINVAL ? -ENOMEM : r;
}

TEST(finishing_without_memory_fails)
{
	char *json;

	all_but_the_end();
	json = dump();
	each_allocation_may_fail(finish, json, -ENOMEM);
	free(json);
	write_end();
}

TEST(a_reencryption_fails_with_the_cause)
{
	bool stopped;

	failure = -EIO;
	failing = "crypt_keyslot_add_by_key";
	assert_fails(PX_KERNEL, px_luks_add_volume_key(luks, 1, key), "No luck.");
	announce();
	failing = "crypt_reencrypt_run";
	assert_fails(PX_KERNEL, px_luks_reencrypt(luks, NULL, key, step, &steps, &stopped),
		     "stopped: No luck.");
	failing = "crypt_reencrypt_init_by_passphrase";
	failure = -EBUSY;
	assert_fails(PX_BUSY, px_luks_reencrypt(luks, NULL, key, step, &steps, &stopped),
		     "unmount and close it");
	assert_openable();
}

struct change {
	struct px_token *token;
	struct px_secret *volume_key;
};

static int set_token(void *arg)
{
	struct change *change = arg;

	return (int)px_luks_set_token(luks, change->token, key);
}

static int copy_token(void *arg)
{
	struct px_token *copy = px_token_copy(arg);
	int r = copy ? px_token_set_other(&copy->next, &copy->old) : -ENOMEM;

	px_token_free(&copy);
	return r;
}

TEST(running_out_of_memory_is_said)
{
	static char old_secret[] = NEXT_SECRET, salt[] = "c2FsdA==";
	static const struct px_token_other old = { .keyslot = 1,
						   .secret = old_secret,
						   .salt = salt };
	struct change change = { .token = px_token_copy(px_luks_token(luks)) };

	assert_int_equal(px_token_set_other(&change.token->old, &old), 0);
	each_allocation_may_fail(copy_token, change.token, -ENOMEM);
	each_allocation_may_fail(set_token, &change, PX_NOMEM);
	px_token_free(&change.token);
}

TEST(a_device_is_changed_by_one_at_a_time)
{
	char *path = NULL, *again = NULL;
	int fd = -1, second = -1;

	assert_ok(px_lock_device(image, &path, &fd));
	assert_fails(PX_BUSY, px_lock_device(image, &again, &second), "another pxenc");
	assert_int_equal(second, -1);
	close(fd);
	assert_ok(px_lock_device(image, &again, &second));
	assert_string_equal(path, again);
	close(second);
	free(path);
	free(again);
}

TEST(what_cannot_be_locked_is_said)
{
	char *path = NULL;
	int fd = -1;

	assert_fails(PX_NO_VOLUME, px_lock_device("/nothing/there", &path, &fd), "no such device");
	assert_fails(PX_NO_VOLUME, px_lock_device("/dev/null", &path, &fd), "neither a block");
	lock_errno = ENOLCK;
	assert_fails(PX_KERNEL, px_lock_device(image, &path, &fd), "or lock it");
	assert_null(path);
	assert_int_equal(fd, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			keyslots_are_counted_and_the_lowest_free_one_is_found, setup, teardown),
		cmocka_unit_test_setup_teardown(a_keyslot_is_known_by_its_salt, setup, teardown),
		cmocka_unit_test_setup_teardown(a_second_key_opens_its_own_keyslot_and_no_other,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_destroyed_keyslot_opens_no_more, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_header_has_no_free_keyslot, setup, teardown),
		cmocka_unit_test_setup_teardown(the_luks2_token_changes_with_its_seal_in_one_write,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_human_passphrase_does_not_seal, setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_luks2_token_is_removed_and_with_it_what_made_the_volume_ours, setup,
			teardown),
		cmocka_unit_test_setup_teardown(the_subsystem_label_is_ours_and_the_label_stays,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			changes_fail_with_the_cause_and_what_was_known_stays_known, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			the_volume_key_changes_and_the_seal_holds_all_the_way, setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_end_of_a_reencryption_that_is_missing_is_made_up_for, setup, teardown),
		cmocka_unit_test_setup_teardown(
			who_reads_a_volume_that_is_written_anew_leaves_its_torn_header_alone, setup,
			teardown),
		cmocka_unit_test_setup_teardown(an_end_that_cannot_be_made_up_for_is_said, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_is_not_at_its_end_is_not_finished, setup,
						teardown),
		cmocka_unit_test_setup_teardown(finishing_without_memory_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_header_from_before_the_volume_key_began_to_change_is_outdated, setup,
			teardown),
		cmocka_unit_test_setup_teardown(a_forged_reencryption_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(a_reencryption_fails_with_the_cause, setup,
						teardown),
		cmocka_unit_test_setup_teardown(running_out_of_memory_is_said, setup, teardown),
		cmocka_unit_test_setup_teardown(a_device_is_changed_by_one_at_a_time, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_locked_is_said, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
