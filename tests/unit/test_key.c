/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "pxenc/key.h"

#define RANDOM_BYTES 64
#define PREFIX_LEN (sizeof(PX_KEY_PREFIX) - 1)

static struct {
	struct fault fault;
	size_t at_most;			 /* bytes per call, 0: any */
	const uint8_t *bytes;		 /* instead of random ones */
	uint8_t given[2 * RANDOM_BYTES]; /* what the callers got */
	size_t len;
	unsigned int flags;
} source;

static struct fault no_mmap;

ssize_t __real_getrandom(void *data, size_t len, unsigned int flags);
ssize_t __wrap_getrandom(void *data, size_t len, unsigned int flags);
void *__real_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);

ssize_t __wrap_getrandom(void *data, size_t len, unsigned int flags)
{
	ssize_t n;

	if (fault_hits(&source.fault))
		return -1;
	if (source.at_most && len > source.at_most)
		len = source.at_most;
	n = __real_getrandom(data, len, flags);
	assert_true(n >= 0 && source.len + (size_t)n <= sizeof(source.given));
	if (source.bytes)
		memcpy(data, source.bytes + source.len, (size_t)n);
	memcpy(source.given + source.len, data, (size_t)n);
	source.len += (size_t)n;
	source.flags |= flags;
	return n;
}

void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
	if (fault_hits(&no_mmap))
		return MAP_FAILED;
	return __real_mmap(address, size, protection, flags, fd, offset);
}

static int begin(void **state)
{
	(void)state;
	memset(&source, 0, sizeof(source));
	no_mmap = (struct fault){ 0 };
	log_forget();
	return 0;
}

static int value_of(char c)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const char *found = strchr(alphabet, c);

	assert_true(c && found);
	return (int)(found - alphabet);
}

/* A decoder of its own, bit by bit: nothing shared with the encoder. */
static void decode(const char *text, uint8_t *bytes)
{
	size_t bit;

	memset(bytes, 0, RANDOM_BYTES);
	for (bit = 0; bit < RANDOM_BYTES * 8; bit++)
		if (value_of(text[bit / 6]) & 1 << (5 - bit % 6))
			bytes[bit / 8] |= (uint8_t)(1 << (7 - bit % 8));
	assert_int_equal(value_of(text[85]) & 0xf, 0);
}

static struct px_secret *generate(void)
{
	struct px_secret *key = NULL;

	assert_int_equal(px_key_generate(&key), 0);
	return key;
}

static struct px_secret *make(const void *data, size_t len)
{
	struct px_secret *secret = NULL;

	assert_int_equal(px_secret_from(data, len, &secret), 0);
	return secret;
}

TEST(a_generated_key_is_the_prefix_and_86_characters)
{
	px_auto(secret) struct px_secret *key = generate();

	assert_int_equal(px_secret_len(key), 93);
	assert_int_equal(PX_KEY_GENERATED_LEN, 93);
	assert_memory_equal(px_secret_bytes(key), "pxenc1:", 7);
	assert_true(px_key_is_generated(key));
}

TEST(it_holds_all_512_bits_that_the_kernel_gave)
{
	uint8_t bytes[RANDOM_BYTES];
	int i;

	for (i = 0; i < 200; i++) {
		px_auto(secret) struct px_secret *key = NULL;

		source.len = 0;
		key = generate();
		assert_int_equal(source.len, RANDOM_BYTES);
		decode((const char *)px_secret_bytes(key) + PREFIX_LEN, bytes);
		assert_memory_equal(bytes, source.given, RANDOM_BYTES);
	}
}

TEST(the_kernels_ordinary_pool_is_asked_and_waited_for)
{
	px_auto(secret) struct px_secret *key = generate();

	assert_non_null(key);
	assert_int_equal(source.flags, 0);
}

TEST(known_bits_have_the_known_encoding)
{
	static const uint8_t ones[RANDOM_BYTES] = { [0 ... RANDOM_BYTES - 1] = 0xff };
	static const uint8_t zeros[RANDOM_BYTES];
	px_auto(secret) struct px_secret *key = NULL, *zero = NULL;
	const uint8_t *text;
	size_t i;

	source.bytes = ones;
	key = generate();
	text = px_secret_bytes(key) + PREFIX_LEN;
	for (i = 0; i < 85; i++)
		assert_int_equal(text[i], '_');
	assert_int_equal(text[85], 'w');
	source.len = 0;
	source.bytes = zeros;
	zero = generate();
	text = px_secret_bytes(zero) + PREFIX_LEN;
	for (i = 0; i < 86; i++)
		assert_int_equal(text[i], 'A');
}

TEST(two_keys_differ)
{
	px_auto(secret) struct px_secret *a = generate(), *b = generate();

	assert_false(px_secret_equal(a, b));
}

TEST(short_answers_and_interruptions_still_give_512_bits)
{
	px_auto(secret) struct px_secret *key = NULL;
	uint8_t bytes[RANDOM_BYTES];

	source.at_most = 7;
	source.fault = (struct fault){ .skip = 3, .times = 2, .error = EINTR };
	key = generate();
	assert_int_equal(source.len, RANDOM_BYTES);
	decode((const char *)px_secret_bytes(key) + PREFIX_LEN, bytes);
	assert_memory_equal(bytes, source.given, RANDOM_BYTES);
}

TEST(without_randomness_there_is_no_key)
{
	struct px_secret *key = NULL;

	source.fault = (struct fault){ .times = 1, .error = ENOSYS };
	assert_int_equal(px_key_generate(&key), -ENOSYS);
	source.at_most = 60;
	source.fault = (struct fault){ .skip = 1, .times = 1, .error = EIO };
	assert_int_equal(px_key_generate(&key), -EIO);
	assert_null(key);
}

TEST(without_locked_memory_there_is_no_key)
{
	struct px_secret *key = NULL;

	no_mmap = (struct fault){ .times = 1, .error = ENOMEM };
	assert_int_equal(px_key_generate(&key), -ENOMEM);
	no_mmap = (struct fault){ .skip = 1, .times = 1, .error = ENOMEM };
	assert_int_equal(px_key_generate(&key), -ENOMEM);
	assert_null(key);
	assert_int_equal(source.len, 0);
}

/* A generated key with the byte at i replaced. */
static bool is_generated_with(size_t i, int byte)
{
	px_auto(secret) struct px_secret *key = generate();

	source.len = 0;
	px_secret_data(key)[i] = (uint8_t)byte;
	return px_key_is_generated(key);
}

TEST(a_key_with_another_prefix_is_not_a_generated_one)
{
	assert_false(is_generated_with(0, 'P'));
	assert_false(is_generated_with(5, '2'));
	assert_false(is_generated_with(6, ';'));
	assert_true(is_generated_with(6, ':'));
}

TEST(only_base64url_characters_make_a_generated_key)
{
	int byte;

	for (byte = 0; byte < 256; byte++) {
		bool good = (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
			    (byte >= '0' && byte <= '9') || byte == '-' || byte == '_';

		assert_int_equal(is_generated_with(PREFIX_LEN, byte), good);
		assert_int_equal(is_generated_with(PX_KEY_GENERATED_LEN - 1, byte), good);
	}
}

TEST(a_key_of_another_length_is_not_a_generated_one)
{
	uint8_t text[PX_KEY_GENERATED_LEN + 1];
	px_auto(secret) struct px_secret *shorter = NULL, *longer = NULL, *newline = NULL;
	px_auto(secret) struct px_secret *prefix = NULL, *empty = NULL;

	memset(text, 'A', sizeof(text));
	memcpy(text, PX_KEY_PREFIX, PREFIX_LEN);
	shorter = make(text, PX_KEY_GENERATED_LEN - 1);
	longer = make(text, PX_KEY_GENERATED_LEN + 1);
	text[PX_KEY_GENERATED_LEN] = '\n';
	newline = make(text, PX_KEY_GENERATED_LEN + 1);
	prefix = make(text, PREFIX_LEN);
	empty = make(NULL, 0);
	assert_false(px_key_is_generated(shorter));
	assert_false(px_key_is_generated(longer));
	assert_false(px_key_is_generated(newline));
	assert_false(px_key_is_generated(prefix));
	assert_false(px_key_is_generated(empty));
}

static void check(const void *data, size_t len, const char *opens, const char *locks)
{
	px_auto(secret) struct px_secret *key = make(data, len);

	if (opens)
		assert_fails(PX_USAGE, px_key_check(key, "a/path"), "a/path", opens);
	else
		assert_ok(px_key_check(key, "a/path"));
	if (locks)
		assert_fails(PX_USAGE, px_key_check_new(key, "a/path"), "a/path", locks);
	else
		assert_ok(px_key_check_new(key, "a/path"));
}

TEST(an_empty_value_is_no_key)
{
	check("", 0, "empty", "empty");
}

TEST(any_text_is_a_key)
{
	check("x", 1, NULL, NULL);
	check("\n\nx", 3, NULL, NULL);
	check("\xff\x80", 2, NULL, NULL);
	check(" ", 1, NULL, NULL);
}

TEST(a_key_that_ends_in_a_newline_opens_but_does_not_lock)
{
	check("secret\n", 7, NULL, "newline");
	check("\n", 1, NULL, "newline");
}

TEST(a_key_that_holds_a_nul_opens_but_does_not_lock)
{
	check("a\0b", 3, NULL, "NUL");
	check("\0", 1, NULL, "NUL");
	check("a\0", 2, NULL, "NUL");
}

TEST(a_key_of_more_than_512_bytes_opens_but_does_not_lock)
{
	char text[PX_KEY_MAX + 1];

	memset(text, 'k', sizeof(text));
	check(text, PX_KEY_MAX, NULL, NULL);
	check(text, PX_KEY_MAX + 1, NULL, "512");
}

TEST(a_refused_key_is_not_shown)
{
	px_auto(secret) struct px_secret *key = make("hunter2\n", 8);

	log_forget();
	assert_int_equal(px_key_check_new(key, "p"), PX_USAGE);
	assert_null(strstr(log_line(0), "hunter2"));
}

TEST(a_generated_key_is_fit_to_lock_with)
{
	px_auto(secret) struct px_secret *key = generate();

	assert_ok(px_key_check_new(key, "p"));
}

#define key_test(f) cmocka_unit_test_setup(f, begin)

int main(void)
{
	const struct CMUnitTest tests[] = {
		key_test(a_generated_key_is_the_prefix_and_86_characters),
		key_test(it_holds_all_512_bits_that_the_kernel_gave),
		key_test(the_kernels_ordinary_pool_is_asked_and_waited_for),
		key_test(known_bits_have_the_known_encoding),
		key_test(two_keys_differ),
		key_test(short_answers_and_interruptions_still_give_512_bits),
		key_test(without_randomness_there_is_no_key),
		key_test(without_locked_memory_there_is_no_key),
		key_test(a_key_with_another_prefix_is_not_a_generated_one),
		key_test(only_base64url_characters_make_a_generated_key),
		key_test(a_key_of_another_length_is_not_a_generated_one),
		key_test(an_empty_value_is_no_key),
		key_test(any_text_is_a_key),
		key_test(a_key_that_ends_in_a_newline_opens_but_does_not_lock),
		key_test(a_key_that_holds_a_nul_opens_but_does_not_lock),
		key_test(a_key_of_more_than_512_bytes_opens_but_does_not_lock),
		key_test(a_refused_key_is_not_shown),
		key_test(a_generated_key_is_fit_to_lock_with),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
