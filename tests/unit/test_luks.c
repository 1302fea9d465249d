/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cjson/cJSON.h>
#include <libcryptsetup.h>

#include "../format_volume.h"
#include "luks_samples.h"
#include "pxenc/key.h"
#include "pxenc/log.h"
#include "pxenc/luks.h"
#include "pxenc/seal.h"

#define IMAGE_SIZE ((off_t)32 << 20)
#define DATA_OFFSET ((off_t)16 << 20)
#define SECRET "volumes/" SAMPLE_UUID "/1"
#define PASSPHRASE "correct horse battery staple"

void *__wrap_malloc(size_t size);

/* libcryptsetup's calls, each of which can be told to fail once, with a message. */
static struct {
	const char *call;
	int result;
	int after; /* how many such calls still succeed */
	const char *message;
} failing;

/* What the call that needs device-mapper got. */
static struct {
	char name[64];
	int slot;
	uint32_t flags;
	int count;
} activation;

static bool fails(const char *call)
{
	if (!failing.call || strcmp(failing.call, call) != 0 || failing.after-- > 0)
		return false;
	failing.call = NULL;
	if (failing.message)
		crypt_log(NULL, CRYPT_LOG_ERROR, failing.message);
	return true;
}

static void fail_next(const char *call, int result, const char *message)
{
	failing.call = call;
	failing.result = result;
	failing.after = 0;
	failing.message = message;
}

#define WRAP(name, params, args)                                                                   \
	int __real_##name params;                                                                  \
	int __wrap_##name params;                                                                  \
	int __wrap_##name params                                                                   \
	{                                                                                          \
		return fails(#name) ? failing.result : __real_##name args;                         \
	}

WRAP(crypt_init, (struct crypt_device * *cd, const char *device), (cd, device))
WRAP(crypt_load, (struct crypt_device * cd, const char *type, void *params), (cd, type, params))
WRAP(crypt_dump_json, (struct crypt_device * cd, const char **json, uint32_t flags),
     (cd, json, flags))
WRAP(crypt_format,
     (struct crypt_device * cd, const char *type, const char *cipher, const char *mode,
      const char *uuid, const char *key, size_t size, void *params),
     (cd, type, cipher, mode, uuid, key, size, params))
WRAP(crypt_keyslot_set_encryption, (struct crypt_device * cd, const char *cipher, size_t size),
     (cd, cipher, size))
WRAP(crypt_keyslot_add_by_volume_key,
     (struct crypt_device * cd, int slot, const char *key, size_t key_size, const char *passphrase,
      size_t size),
     (cd, slot, key, key_size, passphrase, size))
WRAP(px_seal_verify, (const char *json, size_t len, const char *uuid, const struct px_secret *key),
     (json, len, uuid, key))
WRAP(crypt_token_json_set, (struct crypt_device * cd, int token, const char *json),
     (cd, token, json))

/* System calls that fail for no reason that a test could bring about. */
static struct fault no_fstat, no_lseek, no_pread;

int __real_fstat(int fd, struct stat *st);
int __wrap_fstat(int fd, struct stat *st);
off_t __real_lseek(int fd, off_t offset, int whence);
off_t __wrap_lseek(int fd, off_t offset, int whence);
ssize_t __real_pread(int fd, void *data, size_t len, off_t offset);
ssize_t __wrap_pread(int fd, void *data, size_t len, off_t offset);

int __wrap_fstat(int fd, struct stat *st)
{
	return fault_hits(&no_fstat) ? -1 : __real_fstat(fd, st);
}

off_t __wrap_lseek(int fd, off_t offset, int whence)
{
	return fault_hits(&no_lseek) ? -1 : __real_lseek(fd, offset, whence);
}

ssize_t __wrap_pread(int fd, void *data, size_t len, off_t offset)
{
	return fault_hits(&no_pread) ? -1 : __real_pread(fd, data, len, offset);
}

/* A mapping that is mounted cannot be claimed. */
static bool mounted;

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list args;

	if (strcmp(path, "/dev/mapper/pxenc-x") == 0) {
		assert_int_equal(flags & (O_ACCMODE | O_EXCL), O_RDONLY | O_EXCL);
		errno = mounted ? EBUSY : ENOENT;
		return -1;
	}
	va_start(args, flags);
	if ((flags & O_CREAT) != 0)
		mode = va_arg(args, mode_t);
	va_end(args);
	return __real_open(path, flags, mode);
}

/* The PBKDF that was last asked for. Argon2id is done at its least cost, since it is slow. */
static struct crypt_pbkdf_type wanted;

int __real_crypt_set_pbkdf_type(struct crypt_device *cd, const struct crypt_pbkdf_type *pbkdf);
int __wrap_crypt_set_pbkdf_type(struct crypt_device *cd, const struct crypt_pbkdf_type *pbkdf);
int __wrap_crypt_set_pbkdf_type(struct crypt_device *cd, const struct crypt_pbkdf_type *pbkdf)
{
	static const struct crypt_pbkdf_type least = {
		.type = CRYPT_KDF_ARGON2ID,
		.hash = "sha256",
		.iterations = 4,
		.max_memory_kb = 32,
		.parallel_threads = 1,
		.flags = CRYPT_PBKDF_NO_BENCHMARK,
	};

	if (fails("crypt_set_pbkdf_type"))
		return failing.result;
	wanted = *pbkdf;
	if (strcmp(pbkdf->type, CRYPT_KDF_ARGON2ID) == 0)
		pbkdf = &least;
	return __real_crypt_set_pbkdf_type(cd, pbkdf);
}

/* libcryptsetup's switch goes one way; here each test has its own, and one has the real one. */
static struct {
	bool off;
	bool real;
} locks;

int __real_crypt_metadata_locking(struct crypt_device *cd, int enable);
int __wrap_crypt_metadata_locking(struct crypt_device *cd, int enable);
int __wrap_crypt_metadata_locking(struct crypt_device *cd, int enable)
{
	if (locks.real)
		return __real_crypt_metadata_locking(cd, enable);
	if (enable)
		return locks.off ? -EPERM : 0;
	locks.off = true;
	return 0;
}

int __real_crypt_activate_by_passphrase(struct crypt_device *cd, const char *name, int slot,
					const char *passphrase, size_t size, uint32_t flags);
int __wrap_crypt_activate_by_passphrase(struct crypt_device *cd, const char *name, int slot,
					const char *passphrase, size_t size, uint32_t flags);
int __wrap_crypt_activate_by_passphrase(struct crypt_device *cd, const char *name, int slot,
					const char *passphrase, size_t size, uint32_t flags)
{
	int r;

	if (fails("crypt_activate_by_passphrase"))
		return failing.result;
	r = __real_crypt_activate_by_passphrase(cd, NULL, slot, passphrase, size, flags);
	if (!name || r < 0)
		return r;
	snprintf(activation.name, sizeof(activation.name), "%s", name);
	activation.slot = slot;
	activation.flags = flags;
	return r;
}

static struct {
	int result;
	uint32_t flags;
	int count;
} deactivation;

int __wrap_crypt_deactivate_by_name(struct crypt_device *cd, const char *name, uint32_t flags);
int __wrap_crypt_deactivate_by_name(struct crypt_device *cd, const char *name, uint32_t flags)
{
	assert_non_null(cd);
	assert_string_equal(name, "pxenc-x");
	deactivation.flags = flags;
	deactivation.count++;
	return deactivation.result;
}

static char directory[256];
static struct px_secret *generated, *human;

static const struct px_luks_params plain_params = {
	.uuid = SAMPLE_UUID,
	.label = "a label",
	.cipher = "aes-xts-plain64",
	.key_bits = 512,
	.secret = SECRET,
	.store = "default",
};

static void make_file(const char *path, off_t size)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	close(fd);
}

/* The data of the sample images is a hole: their headers and first two keyslots are enough. */
static void copy_image(const char *from, const char *to)
{
	static char buffer[1 << 20];
	int in = open(from, O_RDONLY | O_CLOEXEC), out;
	struct stat st;

	assert_true(in >= 0);
	assert_int_equal(fstat(in, &st), 0);
	make_file(to, st.st_size);
	out = open(to, O_WRONLY | O_CLOEXEC);
	assert_int_equal(read(in, buffer, sizeof(buffer)), sizeof(buffer));
	assert_int_equal(write(out, buffer, sizeof(buffer)), sizeof(buffer));
	close(in);
	close(out);
}

static void patch(const char *path, off_t at, const void *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_int_equal(pwrite(fd, bytes, len, at), len);
	close(fd);
}

static void read_at(const char *path, off_t at, void *ret_bytes, size_t len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_int_equal(pread(fd, ret_bytes, len, at), len);
	close(fd);
}

/* A copy of the genuine volume with one text of its JSON replaced, its checksums right. */
static void forge(const char *from, const char *to)
{
	struct luks2_copy copies[2];
	int fd;

	copy_image("genuine", "forged");
	fd = open("forged", O_RDWR | O_CLOEXEC);
	assert_int_equal(luks2_read_both(fd, copies), 0);
	assert_int_equal(luks2_replace(&copies[0], from, to), 0);
	assert_int_equal(luks2_replace(&copies[1], from, to), 0);
	assert_int_equal(luks2_write_both(fd, copies), 0);
	luks2_free(&copies[0]);
	luks2_free(&copies[1]);
	close(fd);
}

/* Runs cryptsetup with some key as its input. False: there is no cryptsetup here, or it failed. */
static bool cryptsetup(const struct px_secret *key, const char *args)
{
	char command[512];
	FILE *input;
	int status;

	snprintf(command, sizeof(command),
		 "PATH=$PATH:/usr/sbin:/sbin cryptsetup -q %s "
		 ">/dev/null 2>&1",
		 args);
	/* cryptsetup --version reads nothing, and may be gone before anything is written. */
	signal(SIGPIPE, SIG_IGN);
	input = popen(command, "w");
	assert_non_null(input);
	fwrite(px_secret_bytes(key), 1, px_secret_len(key), input);
	status = pclose(input);
	return status == 0;
}

#define CHEAP "--pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file -"

static int setup_group(void **state)
{
	struct px_luks *luks = NULL;

	(void)state;
	/* Formatting waits for the disk, of which there is no need here. */
	snprintf(directory, sizeof(directory), "%s/pxenc-luks-XXXXXX",
		 getenv("TMPDIR") ? getenv("TMPDIR") : "/dev/shm");
	if (!mkdtemp(directory) && !mkdtemp(strcpy(directory, "/tmp/pxenc-luks-XXXXXX")))
		return -1;
	if (chmod(directory, 0755) < 0 || chdir(directory) < 0)
		return -1;
	if (px_key_generate(&generated) < 0 ||
	    px_secret_from(PASSPHRASE, strlen(PASSPHRASE), &human) < 0)
		return -1;
	make_file("genuine", IMAGE_SIZE);
	if (format_volume("genuine", &plain_params, generated, &luks) != PX_OK)
		return -1;
	px_luks_free(&luks);
	return 0;
}

static int teardown_group(void **state)
{
	char command[300];

	(void)state;
	px_secret_free(&generated);
	px_secret_free(&human);
	snprintf(command, sizeof(command), "rm -r %s", directory);
	return chdir("/") < 0 ? -1 : system(command);
}

static int prepare(void **state)
{
	(void)state;
	locks.off = locks.real = mounted = false;
	failing.call = NULL;
	memset(&activation, 0, sizeof(activation));
	memset(&deactivation, 0, sizeof(deactivation));
	log_forget();
	return 0;
}

static struct px_luks *load(const char *device)
{
	struct px_luks *luks = NULL;

	assert_ok(px_luks_load(device, &luks));
	return luks;
}

static void assert_not_loaded(const char *device, enum px_status status, const char *complaint)
{
	struct px_luks *luks = NULL;

	assert_fails(status, px_luks_load(device, &luks), complaint);
	assert_null(luks);
}

TEST(a_formatted_volume_is_what_was_asked_for)
{
	struct px_luks *luks = load("genuine");

	assert_string_equal(px_luks_device(luks), "genuine");
	assert_string_equal(px_luks_uuid(luks), SAMPLE_UUID);
	assert_int_equal(px_luks_version(luks), 2);
	assert_string_equal(px_luks_cipher(luks), "aes-xts-plain64");
	assert_int_equal(px_luks_key_bits(luks), 512);
	assert_int_equal(px_luks_token(luks)->keyslot, 0);
	assert_string_equal(px_luks_token(luks)->secret, SECRET);
	assert_string_equal(px_luks_token(luks)->store, "default");
	assert_false(px_luks_token(luks)->auto_open);
	assert_non_null(px_luks_token(luks)->seal);
	px_luks_free(&luks);
	assert_null(luks);
	px_luks_free(&luks);
	px_luks_free(NULL);
}

TEST(a_generated_key_opens_it_at_once_and_no_other)
{
	struct px_luks *luks = load("genuine");
	struct px_secret *other = NULL;

	assert_int_equal(px_luks_verify_seal(luks, generated, true), PX_OK);
	assert_int_equal(px_luks_test(luks, generated, true), PX_OK);
	assert_int_equal(px_luks_test(luks, generated, false), PX_OK);
	assert_silent();

	assert_int_equal(px_key_generate(&other), 0);
	assert_int_equal(px_luks_test(luks, other, true), PX_BAD_KEY);
	assert_logged("does not open keyslot 0 of genuine", "if the secret was changed");
	log_forget();
	px_luks_name_secret(luks, "a");
	px_luks_name_secret(luks, "pwx/b");
	assert_int_equal(px_luks_test(luks, other, true), PX_BAD_KEY);
	assert_logged("if the secret 'pwx/b' was changed");
	log_forget();
	assert_int_equal(px_luks_test(luks, other, false), PX_BAD_KEY);
	assert_logged("opens no keyslot of genuine", "if the secret 'pwx/b' was changed");
	px_secret_free(&other);
	px_luks_free(&luks);
}

/* Everything that a generated key's volume costs to open is in these lines. */
TEST(a_generated_key_makes_a_cheap_keyslot_and_digest)
{
	static const char *const parts[] = {
		"\"kdf\":{\"type\":\"pbkdf2\",\"hash\":\"sha512\",\"iterations\":1000,",
		"\"encryption\":\"aes-xts-plain64\",\"key_size\":64}",
		"\"segments\":[\"0\"],\"hash\":\"sha512\",\"iterations\":1000,",
		"\"sector_size\":4096}",
		"\"offset\":\"16777216\"",
		"\"size\":\"dynamic\"",
	};
	struct luks2_copy copies[2];
	int fd = open("genuine", O_RDONLY | O_CLOEXEC);

	assert_int_equal(luks2_read_both(fd, copies), 0);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		assert_non_null(strstr(luks2_json(&copies[0]), parts[i]));
	assert_string_equal((char *)copies[0].bytes + 24, "a label");
	assert_string_equal((char *)copies[0].bytes + 208, PX_SUBSYSTEM);
	assert_string_equal(luks2_json(&copies[0]), luks2_json(&copies[1]));
	luks2_free(&copies[0]);
	luks2_free(&copies[1]);
	close(fd);
}

TEST(cryptsetup_opens_what_we_format)
{
	if (!cryptsetup(generated, "--version"))
		skip();
	assert_true(cryptsetup(generated, "open --test-passphrase --key-file - genuine"));
	assert_false(cryptsetup(human, "open --test-passphrase --key-file - genuine"));
}

TEST(a_human_passphrase_gets_argon2id_and_no_seal)
{
	struct px_luks *luks = NULL;
	struct luks2_copy copies[2];
	int fd;

	make_file("image", IMAGE_SIZE);
	assert_int_equal(format_volume("image", &plain_params, human, &luks), PX_OK);
	assert_string_equal(wanted.type, CRYPT_KDF_ARGON2ID);
	assert_int_equal(wanted.flags & CRYPT_PBKDF_NO_BENCHMARK, 0);
	assert_int_equal(wanted.time_ms, 2000);
	assert_null(px_luks_token(luks)->seal);
	assert_int_equal(px_luks_verify_seal(luks, human, false), PX_OK);
	assert_int_equal(px_luks_test(luks, human, true), PX_OK);
	assert_silent();
	px_luks_free(&luks);

	fd = open("image", O_RDONLY | O_CLOEXEC);
	assert_int_equal(luks2_read_both(fd, copies), 0);
	assert_non_null(strstr(luks2_json(&copies[0]), "\"type\":\"argon2id\""));
	luks2_free(&copies[0]);
	luks2_free(&copies[1]);
	close(fd);
}

/* A plain file whose last two thousand bytes are of no use for sectors of 4096. */
TEST(sectors_are_as_large_as_the_device_allows)
{
	struct px_luks_params params = plain_params;
	struct px_luks *luks = NULL;
	struct luks2_copy copies[2];
	int fd;

	make_file("image", IMAGE_SIZE + 512);
	assert_int_equal(format_volume("image", &params, generated, &luks), PX_OK);
	px_luks_free(&luks);
	fd = open("image", O_RDONLY | O_CLOEXEC);
	assert_int_equal(luks2_read_both(fd, copies), 0);
	assert_non_null(strstr(luks2_json(&copies[0]), "\"sector_size\":512}"));
	luks2_free(&copies[0]);
	luks2_free(&copies[1]);
	close(fd);

	params.sector_size = 1024;
	assert_int_equal(format_volume("image", &params, generated, &luks), PX_USAGE);
	assert_logged("sectors of 1024 bytes do not fit");
}

TEST(what_lay_on_the_device_is_not_recognised_any_more)
{
	static const char magic[] = "EFI PART";
	static char bytes[4096], zeros[4096];
	struct px_luks *luks = NULL;

	make_file("image", IMAGE_SIZE);
	patch("image", 512, magic, sizeof(magic));
	patch("image", 65536 + 64, "_BHRfS_M", 8);
	patch("image", IMAGE_SIZE - 512, magic, sizeof(magic));
	patch("image", IMAGE_SIZE - 65536, "\xfc\x4e\x2b\xa9", 4);
	assert_int_equal(format_volume("image", &plain_params, generated, &luks), PX_OK);
	px_luks_free(&luks);
	read_at("image", IMAGE_SIZE - 4096, bytes, sizeof(bytes));
	assert_memory_equal(bytes, zeros, sizeof(bytes));
	read_at("image", IMAGE_SIZE - 65536, bytes, sizeof(bytes));
	assert_memory_equal(bytes, zeros, sizeof(bytes));
	read_at("image", 512, bytes, sizeof(magic));
	assert_memory_not_equal(bytes, magic, sizeof(magic));
	read_at("image", 65536 + 64, bytes, 8);
	assert_memory_not_equal(bytes, "_BHRfS_M", 8);
}

TEST(a_small_device_is_taken_to_its_last_sector)
{
	struct px_luks *luks = NULL;

	make_file("image", DATA_OFFSET + 4096);
	assert_int_equal(format_volume("image", &plain_params, generated, &luks), PX_OK);
	px_luks_free(&luks);
	make_file("image", DATA_OFFSET);
	assert_int_equal(format_volume("image", &plain_params, generated, &luks), PX_USAGE);
	assert_logged("too small");
}

/* Of every image that a refusal must not touch. */
static void assert_untouched(const char *path)
{
	static unsigned char bytes[1 << 20];
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, IMAGE_SIZE);
	assert_int_equal(st.st_blocks, 0);
	read_at(path, 0, bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++)
		assert_int_equal(bytes[i], 0);
}

TEST(a_refusal_to_format_leaves_the_device_as_it_was)
{
	static const char long_label[] = "a label that is longer than the 47 bytes of its field";
	const struct {
		struct px_luks_params params;
		const char *complaint;
	} cases[] = {
		{ { "nonsense", NULL, "aes-xts-plain64", 512, 0, SECRET, "default" },
		  "not a uuid" },
		{ { "0f3c8e1a-5b7d-4c2e-9a61-d2f4b8c07e3/", NULL, "aes-xts-plain64", 512, 0, SECRET,
		    "default" },
		  "not a uuid" },
		{ { SAMPLE_UUID, NULL, "aes-ecb", 512, 0, SECRET, "default" }, "aes-ecb" },
		{ { SAMPLE_UUID, NULL, "cipher_null-ecb", 0, 0, SECRET, "default" },
		  "cipher_null" },
		{ { SAMPLE_UUID, NULL, "aes-xts-plain64", 384, 0, SECRET, "default" }, "384 bits" },
		{ { SAMPLE_UUID, NULL, "aes-xts-plain64", 512, 8192, SECRET, "default" }, "8192" },
		{ { SAMPLE_UUID, NULL, "aes-xts-plain64", 512, 3072, SECRET, "default" }, "3072" },
		{ { SAMPLE_UUID, long_label, "aes-xts-plain64", 512, 0, SECRET, "default" },
		  "label" },
		{ { SAMPLE_UUID, NULL, "aes-xts-plain64", 512, 0, "../x", "default" }, "\"../x\"" },
		{ { SAMPLE_UUID, NULL, "aes-xts-plain64", 512, 0, SECRET, "a/b" }, "\"a/b\"" },
	};
	struct px_secret *empty = NULL;
	struct px_luks *luks = NULL;

	make_file("image", IMAGE_SIZE);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		log_forget();
		assert_int_equal(format_volume("image", &cases[i].params, generated, &luks),
				 PX_USAGE);
		assert_logged(cases[i].complaint);
	}
	log_forget();
	assert_int_equal(px_secret_from("", 0, &empty), 0);
	assert_int_equal(format_volume("image", &plain_params, empty, &luks), PX_USAGE);
	assert_logged("empty");
	px_secret_free(&empty);

	log_forget();
	fail_next("crypt_format", -EBUSY, "Cannot format device image in use.\n");
	assert_int_equal(format_volume("image", &plain_params, generated, &luks), PX_BUSY);
	assert_logged("Cannot format device image in use.");
	assert_null(luks);
	assert_untouched("image");
}

TEST(formatting_stops_at_the_first_failure)
{
	static const struct {
		const char *call;
		int after;
		const char *complaint;
	} cases[] = {
		{ "crypt_set_pbkdf_type", 0, "PBKDF" },
		{ "crypt_format", 0, "cannot be formatted: Two lines." },
		{ "crypt_keyslot_set_encryption", 0, "keyslot cannot be written" },
		{ "crypt_keyslot_add_by_volume_key", 0, "keyslot cannot be written" },
		{ "crypt_token_json_set", 0, "LUKS2 token cannot be written" },
		{ "crypt_dump_json", 0, "cannot be sealed" },
		{ "crypt_dump_json", 1, "cannot be shown" },
	};
	struct px_luks *luks = NULL;

	make_file("image", DATA_OFFSET + (1 << 20));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		log_forget();
		fail_next(cases[i].call, -EIO, "Two\nlines.\n");
		failing.after = cases[i].after;
		assert_int_equal(format_volume("image", &plain_params, generated, &luks),
				 PX_KERNEL);
		assert_logged(cases[i].complaint, "Two lines.");
		assert_null(luks);
	}
}

TEST(what_is_no_volume_is_said_to_be_none)
{
	struct px_luks *luks = NULL;

	make_file("zeros", 1 << 20);
	make_file("empty", 0);
	assert_int_equal(mkdir("dir", 0755), 0);
	assert_int_equal(mkfifo("fifo", 0644), 0);
	assert_not_loaded("zeros", PX_NO_VOLUME, "zeros is not a LUKS volume");
	assert_not_loaded("empty", PX_NO_VOLUME, "empty is not a LUKS volume");
	assert_not_loaded("missing", PX_NO_VOLUME, "missing: cannot be opened: No such file");
	assert_not_loaded("dir", PX_NO_VOLUME, "dir is neither");
	assert_not_loaded("fifo", PX_NO_VOLUME, "fifo is neither");
	log_forget();
	assert_int_equal(format_volume("missing", &plain_params, generated, &luks), PX_NO_VOLUME);
	assert_logged("missing");
}

TEST(a_device_that_cannot_be_read_is_not_called_a_wrong_one)
{
	no_fstat = (struct fault){ .times = 1, .error = EIO };
	assert_not_loaded("genuine", PX_KERNEL, "genuine: Input/output error");
	no_lseek = (struct fault){ .times = 1, .error = EIO };
	assert_not_loaded("genuine", PX_KERNEL, "its size cannot be found out");
	no_pread = (struct fault){ .times = 1, .error = EIO };
	assert_not_loaded("genuine", PX_KERNEL, "cannot be read: Input/output error");
}

TEST(a_failing_library_is_told_from_a_bad_header)
{
	fail_next("crypt_init", -ENOTBLK, "Device genuine is not compatible.\n");
	assert_not_loaded("genuine", PX_NO_VOLUME, "Device genuine is not compatible.");
	fail_next("crypt_init", -ENOMEM, NULL);
	assert_not_loaded("genuine", PX_NOMEM, "out of memory");
	fail_next("crypt_load", -EIO, NULL);
	assert_not_loaded("genuine", PX_KERNEL, "cannot be read: Input/output error");
	fail_next("crypt_load", -ENOMEM, NULL);
	assert_not_loaded("genuine", PX_NOMEM, "out of memory");
	fail_next("crypt_dump_json", -EINVAL, NULL);
	assert_not_loaded("genuine", PX_KERNEL, "cannot be shown");
}

TEST(a_header_without_a_good_copy_is_broken)
{
	copy_image("genuine", "image");
	patch("image", LUKS2_AT_SUM, "\0\0\0", 3);
	patch("image", 16384 + LUKS2_AT_SUM, "\0\0\0", 3);
	assert_not_loaded("image", PX_BAD_HEADER, "broken beyond repair");
	assert_logged("cryptsetup luksHeaderRestore");
}

/* Whether loading an image writes to it when one of its copies is torn. */
static bool mends(off_t copy)
{
	static unsigned char before[65536], after[65536];
	struct px_luks *luks = NULL;

	copy_image("genuine", "image");
	patch("image", copy + LUKS2_AT_SUM, "\0\0\0", 3);
	read_at("image", 0, before, sizeof(before));
	assert_ok(px_luks_load("image", &luks));
	assert_ok(px_luks_verify_seal(luks, generated, true));
	assert_ok(px_luks_test(luks, generated, true));
	px_luks_free(&luks);
	read_at("image", 0, after, sizeof(after));
	return memcmp(before, after, sizeof(after)) != 0;
}

/* The last test: after it, this process has no locks. */
TEST(loading_a_torn_header_writes_nothing)
{
	/* Until now the locks were on: all volumes here were formatted under them. */
	locks.real = true;
	assert_int_equal(crypt_metadata_locking(NULL, 1), 0);
	assert_false(mends(0));
	assert_false(mends(16384));
}

/* In a process of its own, since it gives up its rights. */
TEST(anyone_who_can_read_an_image_can_test_a_key)
{
	pid_t child;
	int status;

	if (geteuid() != 0)
		skip();
	copy_image("genuine", "image");
	assert_int_equal(chmod("image", 0444), 0);
	child = fork();
	if (child == 0) {
		struct px_luks *luks = NULL;
		struct px_secret *key = NULL;

		/* Secrets are not inherited. */
		if (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0 ||
		    px_secret_from("x", 1, &key) < 0)
			_exit(1);
		_exit(px_luks_load("image", &luks) != PX_OK	    ? 2
		      : px_luks_test(luks, key, true) != PX_BAD_KEY ? 3
								    : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

TEST(a_forged_header_is_refused)
{
	static const struct {
		const char *from, *to, *complaint;
	} cases[] = {
		{ "aes-xts-plain64\",\"sector_size\"", "cipher_null-ecb\",\"sector_size\"",
		  "\"cipher_null-ecb\"" },
		{ "aes-xts-plain64\",\"sector_size\"", "aes-ecb\",\"sector_size\"", "\"aes-ecb\"" },
		{ "aes-xts-plain64\",\"sector_size\"", "capi:xts(aes)-plain64\",\"sector_size\"",
		  "capi:" },
		{ "\"offset\":\"16777216\"", "\"offset\":\"33554432\"", "beyond the device" },
		{ "\"size\":\"dynamic\"", "\"size\":\"1048576\"", "whole device" },
		{ SECRET, "pxenc/cluster", "cannot be the path of a key" },
		{ "\"version\":1", "\"version\":2", "newer pxenc" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		forge(cases[i].from, cases[i].to);
		assert_not_loaded("forged", PX_BAD_HEADER, cases[i].complaint);
	}
}

TEST(what_the_allowlist_cannot_see_breaks_the_seal)
{
	static const char *const changes[][2] = {
		{ "\"sector_size\":4096", "\"sector_size\":512" },
		{ "\"offset\":\"16777216\"", "\"offset\":\"16781312\"" },
		{ "aes-xts-plain64\",\"sector_size\"", "serpent-xts-plain64\",\"sector_size\"" },
		{ "\"keyslots_size\":\"16744448\"",
		  "\"keyslots_size\":\"16744448\",\"flags\":[\"allow-discards\"]" },
		{ "\"auto\":false", "\"auto\":true" },
		{ "/1\"", "/7\"" },
	};

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct px_luks *luks;

		forge(changes[i][0], changes[i][1]);
		log_forget();
		luks = load("forged");
		/* The key itself opens the forgery: libcryptsetup sees nothing wrong. */
		assert_int_equal(px_luks_test(luks, generated, true), PX_OK);
		assert_fails(PX_BAD_HEADER, px_luks_verify_seal(luks, generated, true),
			     "forged: its header's seal is broken", "pxenc header seal");
		assert_fails(PX_BAD_HEADER, px_luks_verify_seal(luks, generated, false),
			     "seal is broken");
		px_luks_free(&luks);
	}
}

/* A copy of the genuine volume whose LUKS2 token has no seal. */
static void forge_without_seal(void)
{
	struct px_luks *luks = load("genuine");
	char seal[128];

	snprintf(seal, sizeof(seal), ",\"seal\":\"%s\"", px_luks_token(luks)->seal);
	px_luks_free(&luks);
	forge(seal, "");
}

TEST(a_missing_seal_is_a_broken_one)
{
	struct px_luks *luks;

	forge_without_seal();
	luks = load("forged");
	assert_null(px_luks_token(luks)->seal);
	assert_fails(PX_BAD_HEADER, px_luks_verify_seal(luks, generated, true), "has no seal");
	assert_fails(PX_BAD_HEADER, px_luks_verify_seal(luks, generated, false), "has no seal");
	px_luks_free(&luks);
}

/* As when the secret was overwritten, or the caller named another volume's. */
TEST(a_key_of_another_volume_is_not_blamed_on_the_header)
{
	static const char *const devices[] = { "genuine", "forged", "image" };
	struct px_secret *other = NULL;
	struct px_luks *luks = NULL;

	assert_int_equal(px_key_generate(&other), 0);
	forge_without_seal();
	make_file("image", IMAGE_SIZE);
	assert_ok(format_volume("image", &plain_params, human, &luks));
	px_luks_free(&luks);
	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
		luks = load(devices[i]);
		assert_fails(PX_BAD_KEY, px_luks_verify_seal(luks, other, true),
			     "does not open keyslot 0 of", devices[i]);
		assert_fails(PX_BAD_KEY, px_luks_verify_seal(luks, other, false),
			     "opens no keyslot of", devices[i]);
		px_luks_free(&luks);
	}
	px_secret_free(&other);
}

TEST(a_seal_that_cannot_be_checked_is_no_good_one)
{
	struct px_luks *luks = load("genuine");

	fail_next("px_seal_verify", -EIO, NULL);
	assert_fails(PX_BAD_HEADER, px_luks_verify_seal(luks, generated, true),
		     "seal cannot be checked: Input/output error");
	fail_next("px_seal_verify", -ENOMEM, NULL);
	assert_fails(PX_NOMEM, px_luks_verify_seal(luks, generated, true), "out of memory");
	px_luks_free(&luks);

	forge_without_seal();
	luks = load("forged");
	fail_next("crypt_activate_by_passphrase", -EIO, NULL);
	assert_fails(PX_KERNEL, px_luks_verify_seal(luks, generated, true), "cannot be tried");
	px_luks_free(&luks);
}

TEST(a_malformed_uuid_is_refused)
{
	struct luks2_copy copies[2];
	int fd;

	forge("\"version\":1", "\"version\":1");
	fd = open("forged", O_RDWR | O_CLOEXEC);
	assert_int_equal(luks2_read_both(fd, copies), 0);
	strcpy((char *)copies[0].bytes + LUKS2_AT_UUID, "../../../../etc/passwd");
	strcpy((char *)copies[1].bytes + LUKS2_AT_UUID, "../../../../etc/passwd");
	assert_int_equal(luks2_write_both(fd, copies), 0);
	luks2_free(&copies[0]);
	luks2_free(&copies[1]);
	close(fd);
	assert_not_loaded("forged", PX_BAD_HEADER, "uuid is malformed");
}

/* What somebody else has loaded from the genuine image. */
static char *their_json(void)
{
	struct crypt_device *cd = NULL;
	const char *json = NULL;
	char *copy;

	assert_int_equal(crypt_init(&cd, "genuine"), 0);
	assert_int_equal(crypt_load(cd, CRYPT_LUKS2, NULL), 0);
	assert_int_equal(crypt_dump_json(cd, &json, 0), 0);
	copy = strdup(json);
	crypt_free(cd);
	return copy;
}

TEST(a_header_that_somebody_else_loaded_is_compared_to_the_byte)
{
	px_auto(luks) struct px_luks *luks = load("genuine");
	px_auto(free) char *json = their_json();
	size_t len = strlen(json);
	char *edited = strstr(json, "\"auto\":false");

	assert_ok(px_luks_compare(luks, SAMPLE_UUID, json, len));
	assert_fails(PX_BAD_HEADER, px_luks_compare(luks, SAMPLE_UUID, json, len - 1), "genuine",
		     "changed");
	assert_fails(PX_BAD_HEADER, px_luks_compare(luks, SAMPLE_UUID, json, len + 1), "changed");
	assert_fails(PX_BAD_HEADER, px_luks_compare(luks, SAMPLE_UUID, "", 0), "changed");
	assert_fails(PX_BAD_HEADER,
		     px_luks_compare(luks, "0f3c8e1a-5b7d-4c2e-9a61-d2f4b8c07e36", json, len),
		     "changed");
	assert_non_null(edited);
	edited[8] = 'F';
	assert_fails(PX_BAD_HEADER, px_luks_compare(luks, SAMPLE_UUID, json, len), "changed");
	fail_next("crypt_dump_json", -EINVAL, NULL);
	assert_fails(PX_KERNEL, px_luks_compare(luks, SAMPLE_UUID, json, len), "genuine");
}

TEST(a_volume_of_cryptsetups_has_no_token_of_ours)
{
	struct px_luks *luks;

	make_file("image", IMAGE_SIZE);
	if (!cryptsetup(human, "luksFormat --type luks2 " CHEAP " image"))
		skip();
	luks = load("image");
	assert_int_equal(px_luks_version(luks), 2);
	assert_null(px_luks_token(luks));
	assert_int_equal(px_luks_verify_seal(luks, human, false), PX_OK);
	assert_int_equal(px_luks_test(luks, human, false), PX_OK);
	assert_silent();
	assert_int_equal(px_luks_test(luks, human, true), PX_BAD_HEADER);
	assert_logged("no LUKS2 token");
	log_forget();
	assert_int_equal(px_luks_activate(luks, "pxenc-x", human,
					  &(struct px_activate){ .named_slot = true }),
			 PX_BAD_HEADER);
	assert_logged("no LUKS2 token");
	px_luks_free(&luks);
}

static bool make_luks1(const struct px_secret *key)
{
	make_file("luks1", 8 << 20);
	return cryptsetup(key, "luksFormat --type luks1 --hash sha256 -s 512 "
			       "--pbkdf-force-iterations 1000 --key-file - luks1");
}

TEST(luks1_volumes_open_too)
{
	struct px_luks *luks;

	if (!make_luks1(human))
		skip();
	luks = load("luks1");
	assert_int_equal(px_luks_version(luks), 1);
	assert_string_equal(px_luks_cipher(luks), "aes-xts-plain64");
	assert_int_equal(px_luks_key_bits(luks), 512);
	assert_null(px_luks_token(luks));
	assert_int_equal(px_luks_test(luks, human, false), PX_OK);
	assert_int_equal(px_luks_verify_seal(luks, human, false), PX_OK);
	assert_int_equal(px_luks_activate(luks, "pxenc-x", human, &(struct px_activate){ 0 }),
			 PX_OK);
	assert_silent();
	/* A generated key that is not this volume's. */
	assert_fails(PX_BAD_KEY, px_luks_verify_seal(luks, generated, false),
		     "opens no keyslot of luks1");
	px_luks_free(&luks);
}

/* Nothing tells whether their headers are as they were. */
TEST(a_generated_key_opens_no_volume_without_our_luks2_token)
{
	struct px_luks *luks;

	if (!make_luks1(generated))
		skip();
	luks = load("luks1");
	assert_fails(PX_BAD_HEADER, px_luks_verify_seal(luks, generated, false), "has no seal");
	px_luks_free(&luks);

	make_file("image", IMAGE_SIZE);
	assert_true(cryptsetup(generated, "luksFormat --type luks2 " CHEAP " image"));
	luks = load("image");
	assert_fails(PX_BAD_HEADER, px_luks_verify_seal(luks, generated, false), "has no seal");
	assert_fails(PX_BAD_HEADER, px_luks_verify_seal(luks, generated, true), "no LUKS2 token");
	px_luks_free(&luks);

	make_file("image", IMAGE_SIZE);
	assert_true(cryptsetup(human, "luksFormat --type luks2 " CHEAP " image"));
	luks = load("image");
	assert_fails(PX_BAD_KEY, px_luks_verify_seal(luks, generated, false), "opens no keyslot");
	px_luks_free(&luks);
}

/* LUKS1's header has no checksum at all. */
TEST(a_forged_luks1_header_is_refused)
{
	static const struct {
		off_t at;
		const char *bytes;
		size_t len;
		const char *complaint;
	} cases[] = {
		{ 8, "cipher_null\0", 12, "cipher" },	  { 40, "ecb\0", 4, "cipher" },
		{ 40, "xts-plain\0", 10, NULL },	  { 72, "whirlpool\0", 10, "PBKDF2" },
		{ 104, "\x00\x10\x00\x00", 4, "offset" }, { 104, "\x00\x00\x00\x00", 4, "offset" },
		{ 104, "\x7f\x00\x00\x00", 4, "offset" }, { 164, "\xff\xff\xff\xff", 4, "PBKDF2" },
		{ 168, "no uuid\0", 8, "uuid" },	  { 212, "\xff\xff\xff\xff", 4, "PBKDF2" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct px_luks *luks;

		if (!make_luks1(human))
			skip();
		patch("luks1", cases[i].at, cases[i].bytes, cases[i].len);
		log_forget();
		if (cases[i].complaint) {
			assert_not_loaded("luks1", PX_BAD_HEADER, cases[i].complaint);
			continue;
		}
		luks = load("luks1");
		assert_string_equal(px_luks_cipher(luks), "aes-xts-plain");
		px_luks_free(&luks);
	}
}

#define SERIALIZE CRYPT_ACTIVATE_SERIALIZE_MEMORY_HARD_PBKDF

TEST(activation_uses_the_named_slot_and_the_flags)
{
	struct px_luks *luks = load("genuine");
	const struct px_activate read_only = { .named_slot = true, .readonly = true };
	const struct px_activate discard = { .discard = true };

	assert_int_equal(px_luks_activate(luks, "pxenc-x", generated, &read_only), PX_OK);
	assert_string_equal(activation.name, "pxenc-x");
	assert_int_equal(activation.slot, 0);
	assert_int_equal(activation.flags & ~SERIALIZE, CRYPT_ACTIVATE_READONLY);
	assert_int_equal(px_luks_activate(luks, "pxenc-x", generated, &discard), PX_OK);
	assert_int_equal(activation.slot, CRYPT_ANY_SLOT);
	assert_int_equal(activation.flags & ~SERIALIZE, CRYPT_ACTIVATE_ALLOW_DISCARDS);
	/* The volume key goes through the keyring by itself; the flag would mean something else. */
	assert_int_equal(activation.flags & CRYPT_ACTIVATE_KEYRING_KEY, 0);
	assert_int_equal(!!(activation.flags & SERIALIZE), geteuid() == 0);
	assert_silent();
	px_luks_free(&luks);
}

TEST(who_schedules_by_memory_is_not_serialized)
{
	struct px_luks *luks = load("genuine");

	px_luks_set_parallel(luks);
	assert_int_equal(px_luks_activate(luks, "pxenc-x", generated, &(struct px_activate){ 0 }),
			 PX_OK);
	assert_int_equal(activation.flags & SERIALIZE, 0);
	assert_silent();
	px_luks_free(&luks);
}

/* A keyslot of each kind, and what each costs. */
TEST(what_a_key_costs_is_known_before_it_is_tried)
{
	struct px_luks *luks = load("genuine");
	struct px_cost cost = px_luks_cost(luks, true);

	assert_true(cost.cheap);
	assert_int_equal(cost.memory, 0);
	cost = px_luks_cost(luks, false);
	assert_true(cost.cheap);
	px_luks_free(&luks);

	make_file("image", IMAGE_SIZE);
	if (!cryptsetup(human, "luksFormat --type luks2 --pbkdf argon2id --pbkdf-memory 32768 "
			       "--pbkdf-force-iterations 4 --pbkdf-parallel 1 --key-file - image"))
		skip();
	luks = load("image");
	cost = px_luks_cost(luks, true); /* without a LUKS2 token of ours: any keyslot */
	assert_false(cost.cheap);
	assert_int_equal(cost.memory, 32768 * 1024);
	px_luks_free(&luks);

	make_file("image", IMAGE_SIZE);
	assert_true(cryptsetup(human, "luksFormat --type luks2 --pbkdf pbkdf2 "
				      "--pbkdf-force-iterations 200000 --key-file - image"));
	luks = load("image");
	cost = px_luks_cost(luks, false);
	assert_false(cost.cheap);
	assert_int_equal(cost.memory, 0);
	px_luks_free(&luks);
}

TEST(our_label_is_seen_without_a_look_at_the_rest)
{
	bool labelled = false;

	copy_image("genuine", "image");
	patch("image", LUKS2_BIN_SIZE, "no JSON", 7);
	assert_ok(px_luks_look_for_label("image", &labelled));
	assert_true(labelled);
	patch("image", 208, "other\0", 6);
	assert_ok(px_luks_look_for_label("image", &labelled));
	assert_false(labelled);
	labelled = true;
	make_file("image", 4096);
	assert_ok(px_luks_look_for_label("image", &labelled));
	assert_false(labelled);
	assert_fails(PX_NO_VOLUME, px_luks_look_for_label("nowhere", &labelled), "nowhere");
}

TEST(activation_fails_with_the_cause)
{
	static const struct {
		int result;
		enum px_status status;
		const char *message, *complaint;
	} cases[] = {
		{ -EPERM, PX_BAD_KEY, NULL, "does not open keyslot 0 of genuine" },
		{ -ENOENT, PX_BAD_KEY, NULL, "does not open keyslot 0 of genuine" },
		{ -EEXIST, PX_BUSY, "Device pxenc-x already exists.\n", NULL },
		{ -EBUSY, PX_BUSY, "Device genuine is in use.\n", NULL },
		{ -ENOMEM, PX_NOMEM, NULL, "out of memory" },
		{ -EINVAL, PX_KERNEL, "device-mapper: reload ioctl failed\n",
		  "genuine: cannot be activated: device-mapper: reload ioctl failed" },
		{ -EIO, PX_KERNEL, NULL, "Input/output error" },
	};
	struct px_luks *luks = load("genuine");

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		log_forget();
		fail_next("crypt_activate_by_passphrase", cases[i].result, cases[i].message);
		assert_int_equal(px_luks_activate(luks, "pxenc-x", generated,
						  &(struct px_activate){ .named_slot = true }),
				 cases[i].status);
		if (cases[i].complaint)
			assert_logged(cases[i].complaint);
		else
			assert_silent();
	}
	log_forget();
	fail_next("crypt_activate_by_passphrase", -EIO, NULL);
	assert_int_equal(px_luks_test(luks, generated, true), PX_KERNEL);
	assert_logged("cannot be tried");
	log_forget();
	fail_next("crypt_dump_json", -EINVAL, NULL);
	assert_int_equal(px_luks_verify_seal(luks, generated, true), PX_KERNEL);
	assert_logged("cannot be shown");
	px_luks_free(&luks);
}

TEST(libcryptsetups_remarks_are_for_the_curious)
{
	struct px_luks *luks = load("genuine");

	crypt_log(NULL, CRYPT_LOG_NORMAL, "WARNING: something\n");
	crypt_log(NULL, CRYPT_LOG_VERBOSE, "Keyslot 0 unlocked.\n");
	assert_silent();
	px_log_init("pxenc", 1);
	crypt_log(NULL, CRYPT_LOG_NORMAL, "WARNING: something\n");
	px_log_init("pxenc", 0);
	assert_logged("libcryptsetup: WARNING: something");
	px_luks_free(&luks);
}

TEST(deactivation_needs_neither_force_nor_the_header)
{
	assert_ok(px_luks_deactivate("pxenc-x", false));
	assert_int_equal(deactivation.count, 1);
	assert_int_equal(deactivation.flags, 0);
}

TEST(deactivation_of_what_is_mounted_is_not_tried)
{
	mounted = true;
	assert_fails(PX_BUSY, px_luks_deactivate("pxenc-x", false), "pxenc-x is in use");
	assert_int_equal(deactivation.count, 0);
	assert_ok(px_luks_deactivate("pxenc-x", true));
	assert_int_equal(deactivation.count, 1);
}

TEST(deactivation_fails_with_the_cause)
{
	deactivation.result = -EBUSY;
	assert_int_equal(px_luks_deactivate("pxenc-x", false), PX_BUSY);
	assert_logged("pxenc-x is in use");

	log_forget();
	deactivation.result = -ENODEV;
	assert_int_equal(px_luks_deactivate("pxenc-x", false), PX_NO_VOLUME);
	assert_logged("no such mapping");

	log_forget();
	deactivation.result = -EINVAL;
	assert_int_equal(px_luks_deactivate("pxenc-x", false), PX_KERNEL);
	assert_logged("cannot be deactivated: Invalid argument");

	log_forget();
	fail_next("crypt_init", -ENOMEM, NULL);
	assert_int_equal(px_luks_deactivate("pxenc-x", false), PX_NOMEM);
	assert_logged("out of memory");
}

TEST(deferred_deactivation_does_not_wait)
{
	assert_int_equal(px_luks_deactivate("pxenc-x", true), PX_OK);
	assert_int_equal(deactivation.flags, CRYPT_DEACTIVATE_DEFERRED);
	assert_int_equal(deactivation.count, 1);
}

static int load_and_free(void *device)
{
	struct px_luks *luks = NULL;
	enum px_status status = px_luks_load(device, &luks);

	px_luks_free(&luks);
	return (int)status;
}

static int format_and_free(void *device)
{
	struct px_luks *luks = NULL;
	enum px_status status = format_volume(device, &plain_params, generated, &luks);

	px_luks_free(&luks);
	return (int)status;
}

TEST(running_out_of_memory_is_said)
{
	char genuine[] = "genuine", image[] = "image", luks1[] = "luks1";

	each_allocation_may_fail(load_and_free, genuine, PX_NOMEM);
	make_file(image, DATA_OFFSET + 4096);
	each_allocation_may_fail(format_and_free, image, PX_NOMEM);
	if (make_luks1(human))
		each_allocation_may_fail(load_and_free, luks1, PX_NOMEM);
}

/* Which does not tell lack of memory from a text that is no JSON. */
TEST(cjson_running_out_of_memory_is_no_success)
{
	cJSON_Hooks hooks = { .malloc_fn = __wrap_malloc, .free_fn = free };
	char image[] = "image";
	int status;

	cJSON_InitHooks(&hooks);
	make_file(image, DATA_OFFSET + 4096);
	/* The LUKS2 token is the first that is made of JSON. */
	for (unsigned int n = 5; n < 12; n++) {
		log_forget();
		allocation_fails(n);
		status = format_and_free(image);
		allocation_fails(0);
		assert_int_equal(status, PX_NOMEM);
		assert_logged("out of memory");
	}
	cJSON_InitHooks(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_formatted_volume_is_what_was_asked_for, prepare),
		cmocka_unit_test_setup(a_generated_key_opens_it_at_once_and_no_other, prepare),
		cmocka_unit_test_setup(a_generated_key_makes_a_cheap_keyslot_and_digest, prepare),
		cmocka_unit_test_setup(cryptsetup_opens_what_we_format, prepare),
		cmocka_unit_test_setup(a_human_passphrase_gets_argon2id_and_no_seal, prepare),
		cmocka_unit_test_setup(sectors_are_as_large_as_the_device_allows, prepare),
		cmocka_unit_test_setup(what_lay_on_the_device_is_not_recognised_any_more, prepare),
		cmocka_unit_test_setup(a_small_device_is_taken_to_its_last_sector, prepare),
		cmocka_unit_test_setup(a_refusal_to_format_leaves_the_device_as_it_was, prepare),
		cmocka_unit_test_setup(formatting_stops_at_the_first_failure, prepare),
		cmocka_unit_test_setup(what_is_no_volume_is_said_to_be_none, prepare),
		cmocka_unit_test_setup(a_device_that_cannot_be_read_is_not_called_a_wrong_one,
				       prepare),
		cmocka_unit_test_setup(a_failing_library_is_told_from_a_bad_header, prepare),
		cmocka_unit_test_setup(a_header_without_a_good_copy_is_broken, prepare),
		cmocka_unit_test_setup(anyone_who_can_read_an_image_can_test_a_key, prepare),
		cmocka_unit_test_setup(a_forged_header_is_refused, prepare),
		cmocka_unit_test_setup(what_the_allowlist_cannot_see_breaks_the_seal, prepare),
		cmocka_unit_test_setup(a_missing_seal_is_a_broken_one, prepare),
		cmocka_unit_test_setup(a_key_of_another_volume_is_not_blamed_on_the_header,
				       prepare),
		cmocka_unit_test_setup(a_seal_that_cannot_be_checked_is_no_good_one, prepare),
		cmocka_unit_test_setup(a_malformed_uuid_is_refused, prepare),
		cmocka_unit_test_setup(a_header_that_somebody_else_loaded_is_compared_to_the_byte,
				       prepare),
		cmocka_unit_test_setup(a_volume_of_cryptsetups_has_no_token_of_ours, prepare),
		cmocka_unit_test_setup(luks1_volumes_open_too, prepare),
		cmocka_unit_test_setup(a_generated_key_opens_no_volume_without_our_luks2_token,
				       prepare),
		cmocka_unit_test_setup(a_forged_luks1_header_is_refused, prepare),
		cmocka_unit_test_setup(activation_uses_the_named_slot_and_the_flags, prepare),
		cmocka_unit_test_setup(who_schedules_by_memory_is_not_serialized, prepare),
		cmocka_unit_test_setup(what_a_key_costs_is_known_before_it_is_tried, prepare),
		cmocka_unit_test_setup(our_label_is_seen_without_a_look_at_the_rest, prepare),
		cmocka_unit_test_setup(activation_fails_with_the_cause, prepare),
		cmocka_unit_test_setup(libcryptsetups_remarks_are_for_the_curious, prepare),
		cmocka_unit_test_setup(deactivation_needs_neither_force_nor_the_header, prepare),
		cmocka_unit_test_setup(deactivation_of_what_is_mounted_is_not_tried, prepare),
		cmocka_unit_test_setup(deactivation_fails_with_the_cause, prepare),
		cmocka_unit_test_setup(deferred_deactivation_does_not_wait, prepare),
		cmocka_unit_test_setup(running_out_of_memory_is_said, prepare),
		cmocka_unit_test_setup(cjson_running_out_of_memory_is_no_success, prepare),
		cmocka_unit_test_setup(loading_a_torn_header_writes_nothing, prepare),
	};

	return cmocka_run_group_tests(tests, setup_group, teardown_group);
}
