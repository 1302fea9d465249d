/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libcryptsetup.h>
#include <openssl/evp.h>

#include "../format_volume.h"
#include "luks_samples.h"
#include "pxenc/backup.h"
#include "pxenc/key.h"
#include "pxenc/lock.h"
#include "pxenc/log.h"
#include "pxenc/seal.h"
#include "volume/backup.h"
#include "volume/luks2.h"
#include "volume/mac.h"

/* A header's way from a device to a backup and back, on plain files. */

#define IMAGE_SIZE ((off_t)17 << 20)
#define SECRET "volumes/" SAMPLE_UUID "/1"
#define COPY_SIZE ((size_t)16384)
#define AREA_SIZE ((size_t)258048)

static struct fault no_memfd, no_ftruncate, no_pread, no_pwrite, no_fsync, no_random, no_digest,
	no_mac, no_fstat;

#define WRAP(type, bad, fault, name, params, args)                                                 \
	type __real_##name params;                                                                 \
	type __wrap_##name params;                                                                 \
	type __wrap_##name params                                                                  \
	{                                                                                          \
		return fault_hits(&fault) ? bad : __real_##name args;                              \
	}

WRAP(int, -1, no_memfd, memfd_create, (const char *name, unsigned int flags), (name, flags))
WRAP(int, -1, no_ftruncate, ftruncate, (int fd, off_t size), (fd, size))
WRAP(ssize_t, -1, no_pread, pread, (int fd, void *data, size_t len, off_t at), (fd, data, len, at))
WRAP(ssize_t, -1, no_pwrite, pwrite, (int fd, const void *data, size_t len, off_t at),
     (fd, data, len, at))
WRAP(int, -1, no_fsync, fsync, (int fd), (fd))
WRAP(ssize_t, -1, no_random, getrandom, (void *data, size_t len, unsigned int flags),
     (data, len, flags))
WRAP(EVP_MD_CTX *, NULL, no_digest, EVP_MD_CTX_new, (void), ())
WRAP(int, -EIO, no_mac, px_mac,
     (const struct px_secret *key, const char *salt, const char *info, const void *data, size_t len,
      unsigned char ret_mac[PX_MAC_LEN]),
     (key, salt, info, data, len, ret_mac))
WRAP(int, -1, no_fstat, fstat, (int fd, struct stat *st), (fd, st))

/* libcryptsetup's switch goes one way, and this is one process. */
int __wrap_crypt_metadata_locking(struct crypt_device *cd, int enable);
int __wrap_crypt_metadata_locking(struct crypt_device *cd, int enable)
{
	(void)cd;
	(void)enable;
	return 0;
}

static struct px_secret *key, *other, *volume_key;
static struct px_luks *luks;
static const char *image, *blank;
static uint8_t *bytes;
static size_t len;
static struct px_backup backup;

static const char *make_file(const char *name)
{
	const char *path = temp_file(name, "", 0, 0644);

	assert_int_equal(truncate(path, IMAGE_SIZE), 0);
	return path;
}

static int setup(void **state)
{
	const struct px_luks_params params = {
		.uuid = SAMPLE_UUID,
		.label = "a label",
		.cipher = "aes-xts-plain64",
		.key_bits = 512,
		.secret = SECRET,
		.store = "default",
	};

	if (temp_dir_make(state) < 0 || px_key_generate(&key) < 0 || px_key_generate(&other) < 0)
		return -1;
	image = make_file("image");
	blank = make_file("blank");
	if (format_volume(image, &params, key, &luks) != PX_OK ||
	    px_luks_open_slot(luks, 0, key, &volume_key) < 0 ||
	    px_backup_take(luks, key, &bytes, &len) != PX_OK)
		return -1;
	return px_backup_parse(bytes, len, &backup);
}

static int teardown(void **state)
{
	free(bytes);
	bytes = NULL;
	px_luks_free(&luks);
	px_secret_free(&key);
	px_secret_free(&other);
	px_secret_free(&volume_key);
	return temp_dir_remove(state);
}

static int open_rw(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void patch(const char *path, off_t at, const void *data, size_t size)
{
	int fd = open_rw(path);

	assert_int_equal(pwrite(fd, data, size, at), size);
	close(fd);
}

static void zero(const char *path, off_t at, size_t size)
{
	uint8_t *zeros = test_calloc(1, size);

	patch(path, at, zeros, size);
	test_free(zeros);
}

/* One text of the image's JSON replaced, its checksums right. */
static void forge(const char *from, const char *to)
{
	struct luks2_copy copies[2] = { { .size = 0 } };
	int fd = open_rw(image);

	assert_int_equal(luks2_read_both(fd, copies), 0);
	assert_int_equal(luks2_replace(&copies[0], from, to), 0);
	assert_int_equal(luks2_replace(&copies[1], from, to), 0);
	assert_int_equal(luks2_write_both(fd, copies), 0);
	luks2_free(&copies[0]);
	luks2_free(&copies[1]);
	close(fd);
}

/* A copy of the image's header, as it lies there. */
static uint8_t *read_copy(off_t at)
{
	uint8_t *copy = test_malloc(COPY_SIZE);
	int fd = open_rw(image);

	assert_int_equal(pread(fd, copy, COPY_SIZE, at), COPY_SIZE);
	close(fd);
	return copy;
}

static int read_header(const char *path, struct px_luks2 *ret_header, char **ret_json)
{
	int fd = open_rw(path), r = px_luks2_read(fd, ret_header, ret_json);

	close(fd);
	return r;
}

TEST(a_header_is_read_from_its_newer_whole_copy)
{
	struct px_luks2 header;
	uint8_t *copy = read_copy(0);
	char *json = NULL;

	assert_int_equal(read_header(image, &header, &json), 0);
	assert_int_equal(header.size, COPY_SIZE);
	assert_string_equal(header.names.uuid, SAMPLE_UUID);
	assert_string_equal(header.names.label, "a label");
	assert_string_equal(header.names.subsystem, "pxenc");
	assert_string_equal(json, (char *)copy + LUKS2_BIN_SIZE);
	free(json);

	zero(image, 0, COPY_SIZE);
	assert_int_equal(read_header(image, &header, &json), 0);
	assert_string_equal(header.names.uuid, SAMPLE_UUID);
	free(json);

	patch(image, 0, copy, COPY_SIZE);
	zero(image, (off_t)COPY_SIZE, COPY_SIZE);
	assert_int_equal(read_header(image, &header, &json), 0);
	header.seqid += 3;
	assert_int_equal(px_luks2_encode(&header, json, strlen(json), COPY_SIZE, copy), 0);
	free(json);
	patch(image, (off_t)COPY_SIZE, copy, COPY_SIZE);
	header.seqid = 0;
	assert_int_equal(read_header(image, &header, &json), 0);
	assert_true(header.seqid > 3);
	free(json);
	zero(image, 0, 2 * COPY_SIZE);
	assert_int_equal(read_header(image, &header, &json), -EBADMSG);
	test_free(copy);
}

TEST(what_is_no_copy_of_a_header_is_none)
{
	/* Magic, version, size, offset, checksum's name, its bytes, and texts without an end. NULL:
	 * the bits of a byte that may be any. */
	static const struct {
		size_t at;
		const char *bytes;
		size_t len;
	} faults[] = {
		{ 0, "M", 1 },
		{ 7, "\1", 1 },
		{ 14, "\1\0", 2 },
		{ 8, "\1", 1 },
		{ 263, "\1", 1 },
		{ 72, "md5", 4 },
		{ 450, NULL, 1 },
		{ LUKS2_AT_UUID, "0123456789012345678901234567890123456789", 40 },
		{ 24, "012345678901234567890123456789012345678901234567", 48 },
		{ 208, "012345678901234567890123456789012345678901234567", 48 },
		{ 5000, NULL, 1 },
	};
	uint8_t *good = read_copy(0), *bad = test_malloc(COPY_SIZE);
	struct px_luks2 header;
	const char *json;

	assert_int_equal(px_luks2_decode(good, COPY_SIZE, 0, &header, &json), 0);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		memcpy(bad, good, COPY_SIZE);
		if (faults[i].bytes)
			memcpy(bad + faults[i].at, faults[i].bytes, faults[i].len);
		else
			bad[faults[i].at] ^= 0xff;
		assert_int_equal(px_luks2_decode(bad, COPY_SIZE, 0, &header, &json), -EBADMSG);
	}
	memcpy(bad, good, COPY_SIZE);
	memset(bad + LUKS2_BIN_SIZE, 'x', COPY_SIZE - LUKS2_BIN_SIZE);
	assert_int_equal(px_luks2_decode(bad, COPY_SIZE, 0, &header, &json), -EBADMSG);
	assert_int_equal(px_luks2_decode(good, COPY_SIZE - 1, 0, &header, &json), -EBADMSG);
	assert_int_equal(px_luks2_decode(good, COPY_SIZE, COPY_SIZE, &header, &json), -EBADMSG);
	test_free(good);
	test_free(bad);
}

TEST(a_header_that_cannot_be_read_or_written_is_an_error)
{
	uint8_t *copy = read_copy(0);
	struct px_luks2 header = { .size = COPY_SIZE };
	const char *text;
	char *json = NULL;

	for (unsigned int skip = 0; skip < 4; skip++) {
		no_pread = (struct fault){ .skip = skip, .times = 99, .error = EIO };
		assert_int_equal(read_header(image, &header, &json), skip < 2 ? -EIO : 0);
		free(json);
		json = NULL;
	}
	/* A sector of the first copy. */
	no_pread = (struct fault){ .times = 1, .error = EIO };
	assert_int_equal(read_header(image, &header, &json), 0);
	free(json);
	json = NULL;
	zero(image, 0, COPY_SIZE);
	no_pread = (struct fault){ .skip = 1, .times = 1, .error = EIO };
	assert_int_equal(read_header(image, &header, &json), -EIO);
	patch(image, 0, copy, COPY_SIZE);
	no_digest = (struct fault){ .times = 1 };
	assert_int_equal(px_luks2_decode(copy, COPY_SIZE, 0, &header, &text), -EIO);
	assert_int_equal(px_luks2_encode(&header, "", COPY_SIZE - LUKS2_BIN_SIZE, 0, copy),
			 -ENOSPC);
	no_random = (struct fault){ .times = 1, .error = EIO };
	assert_int_equal(px_luks2_encode(&header, "{}", 2, 0, copy), -EIO);
	no_digest = (struct fault){ .times = 1 };
	assert_int_equal(px_luks2_encode(&header, "{}", 2, 0, copy), -EIO);
	test_free(copy);
}

static int attempt_read(void *arg)
{
	struct px_luks2 header;
	char *json = NULL;
	int r = read_header(image, &header, &json);

	(void)arg;
	free(json);
	return r;
}

TEST(reading_a_header_runs_out_of_memory_without_a_trace)
{
	each_allocation_may_fail(attempt_read, NULL, -ENOMEM);
}

TEST(a_backup_holds_the_header_and_its_keyslots_and_no_more)
{
	struct px_luks2 header;
	uint8_t *area = test_malloc(AREA_SIZE);
	char *json = NULL;
	int fd = open_rw(image);

	assert_int_equal(px_luks2_read(fd, &header, &json), 0);
	assert_int_equal(backup.generation, header.seqid);
	assert_memory_equal(&backup.names, &header.names, sizeof(header.names));
	assert_int_equal(backup.json_len, strlen(json));
	assert_memory_equal(backup.json, json, backup.json_len);
	assert_int_equal(backup.areas_len, AREA_SIZE);
	assert_int_equal(pread(fd, area, AREA_SIZE, 2 * COPY_SIZE), AREA_SIZE);
	assert_memory_equal(backup.areas, area, AREA_SIZE);
	assert_int_equal(len, PX_BACKUP_HEAD + backup.json_len + AREA_SIZE + PX_BACKUP_MAC);
	free(json);
	test_free(area);
	close(fd);
}

TEST(every_byte_of_a_backup_is_under_its_hmac)
{
	struct px_backup changed;
	size_t at;

	assert_int_equal(px_backup_verify(&backup, volume_key), 0);
	assert_int_equal(px_backup_verify(&backup, key), -EBADMSG);
	for (at = 0; at < len; at += at < 200 ? 1 : 4999) {
		bytes[at] ^= 1;
		if (px_backup_parse(bytes, len, &changed) == 0)
			assert_int_equal(px_backup_verify(&changed, volume_key), -EBADMSG);
		bytes[at] ^= 1;
	}
	bytes[len - 1] ^= 1;
	assert_int_equal(px_backup_verify(&backup, volume_key), -EBADMSG);
	no_mac = (struct fault){ .times = 1 };
	assert_int_equal(px_backup_verify(&backup, volume_key), -EIO);
}

TEST(a_backup_of_the_wrong_shape_is_none)
{
	static const struct {
		size_t at;
		uint8_t byte;
	} faults[] = { { 0, 'P' }, { 3, '2' }, { 4, 0 }, { 7, 0xff }, { 8, 1 }, { 15, 0x80 } };
	struct px_backup parsed;

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		uint8_t before = bytes[faults[i].at];

		bytes[faults[i].at] = faults[i].byte;
		assert_int_equal(px_backup_parse(bytes, len, &parsed), -EBADMSG);
		bytes[faults[i].at] = before;
	}
	assert_int_equal(px_backup_parse(bytes, len - 1, &parsed), -EBADMSG);
	assert_int_equal(px_backup_parse(bytes, PX_BACKUP_HEAD, &parsed), -EBADMSG);
	assert_int_equal(px_backup_parse(bytes, PX_BACKUP_MAX + 1, &parsed), -EBADMSG);
	assert_int_equal(px_backup_sign(bytes, len - 1, volume_key), -EBADMSG);
	for (size_t at = 24; at < PX_BACKUP_HEAD; at += at == 24 ? 40 : 48) {
		uint8_t before[48];

		memcpy(before, bytes + at, 48);
		memset(bytes + at, 'x', 48);
		assert_int_equal(px_backup_parse(bytes, len, &parsed), -EBADMSG);
		memcpy(bytes + at, before, 48);
	}
}

TEST(what_is_too_large_for_a_backup_is_refused)
{
	struct px_backup parts = backup;
	uint8_t *built = NULL;
	size_t built_len = 0;

	parts.areas_len = PX_BACKUP_MAX;
	assert_int_equal(px_backup_build(&parts, &built, &built_len), -E2BIG);
	parts.areas_len = SIZE_MAX;
	assert_int_equal(px_backup_build(&parts, &built, &built_len), -E2BIG);
	parts = backup;
	parts.json_len = PX_BACKUP_MAX + 1;
	assert_int_equal(px_backup_build(&parts, &built, &built_len), -E2BIG);
}

static enum px_status take(const struct px_secret *with)
{
	uint8_t *taken = NULL;
	size_t taken_len = 0;
	enum px_status status = px_backup_take(luks, with, &taken, &taken_len);

	free(taken);
	return status;
}

TEST(a_backup_that_its_key_does_not_prove_is_not_taken)
{
	assert_fails(PX_BAD_KEY, take(other), "does not open keyslot 0");
	forge("\"auto\":false", "\"auto\":true");
	assert_fails(PX_BAD_HEADER, take(key), "seal is broken");
	forge("\"type\":\"pxenc\"", "\"type\":\"pxenk\"");
	assert_fails(PX_NO_VOLUME, take(key), "not a volume of pxenc");
	forge("\"config\":{", "\"config\":{\"flags\":[\"no-such-flag\"],");
	assert_fails(PX_BAD_HEADER, take(key), "no-such-flag");
	zero(image, 0, 2 * COPY_SIZE);
	assert_fails(PX_BAD_HEADER, take(key), "header is broken");
	assert_int_equal(unlink(image), 0);
	assert_fails(PX_NO_VOLUME, take(key), "cannot be opened");
}

TEST(a_keyslot_that_is_damaged_is_not_backed_up)
{
	zero(image, 2 * COPY_SIZE, AREA_SIZE);
	assert_fails(PX_BAD_KEY, take(key), "does not open keyslot 0");
}

TEST(a_volume_key_that_is_being_changed_has_no_backup)
{
	forge("\"auto\":false", "\"auto\":false,\"reencrypt\":1");
	assert_fails(PX_BUSY, take(key), "volume key is being changed");
}

TEST(taking_a_backup_fails_with_the_cause)
{
	no_pread = (struct fault){ .times = 99, .error = EIO };
	assert_fails(PX_KERNEL, take(key), "its header cannot be read", "Input/output");
	no_pread = (struct fault){ .skip = 4, .times = 1, .error = EIO };
	assert_fails(PX_KERNEL, take(key), "its keyslots cannot be read");
	no_memfd = (struct fault){ .times = 1, .error = EMFILE };
	assert_fails(PX_KERNEL, take(key), "cannot be laid out in memory", "Too many");
	no_ftruncate = (struct fault){ .times = 1, .error = EFBIG };
	assert_fails(PX_KERNEL, take(key), "cannot be laid out in memory", "too large");
	no_mac = (struct fault){ .skip = 1, .times = 1 };
	assert_fails(PX_KERNEL, take(key), "cannot be signed");
	assert_int_equal(truncate(image, 100000), 0);
	assert_fails(PX_KERNEL, take(key), "its keyslots cannot be read", "Input/output");
}

static int attempt_take(void *arg)
{
	(void)arg;
	return (int)take(key);
}

TEST(taking_a_backup_runs_out_of_memory_without_a_trace)
{
	each_allocation_may_fail(attempt_take, NULL, PX_NOMEM);
}

static enum px_status load(uint64_t size, struct px_luks **ret_luks)
{
	return px_backup_load(&backup, size, "the backup", ret_luks);
}

TEST(a_backup_is_a_volume_in_memory)
{
	struct px_luks *loaded = NULL;

	assert_ok(load(UINT64_C(1) << 44, &loaded));
	assert_string_equal(px_luks_device(loaded), "the backup");
	assert_string_equal(px_luks_uuid(loaded), SAMPLE_UUID);
	assert_int_equal(px_luks_device_size(loaded), UINT64_C(1) << 44);
	assert_int_equal(px_luks_data_offset(loaded), 16 << 20);
	assert_ok(px_luks_verify_seal(loaded, key, true));
	assert_ok(px_luks_test(loaded, key, true));
	assert_fails(PX_BAD_KEY, px_luks_test(loaded, other, true), "the backup");
	px_luks_free(&loaded);
}

TEST(a_backup_passes_the_allowlist_or_is_refused)
{
	struct px_luks *loaded = NULL;
	char *json = test_malloc(backup.json_len + 1);

	assert_fails(PX_BAD_HEADER, load(1 << 20, &loaded), "the backup", "beyond the device");
	memcpy(json, backup.json, backup.json_len);
	json[backup.json_len] = '\0';
	memcpy(strstr(json, "aes-xts-plain64\",\"sector_size"), "cipher_null-ecb", 15);
	backup.json = json;
	assert_fails(PX_BAD_HEADER, load(IMAGE_SIZE, &loaded), "cipher_null-ecb");
	assert_int_equal(px_backup_parse(bytes, len, &backup), 0);
	backup.areas_len -= 4096;
	assert_fails(PX_BAD_HEADER, load(IMAGE_SIZE, &loaded), "does not hold the keyslots");
	assert_int_equal(px_backup_parse(bytes, len, &backup), 0);
	backup.names.uuid[0] = 'x';
	assert_fails(PX_BAD_HEADER, load(IMAGE_SIZE, &loaded), "uuid is malformed");
	test_free(json);
}

/* As restore writes it, with everything that is proved before. */
static enum px_status write_to(const char *path)
{
	struct px_luks *loaded = NULL;
	enum px_status status;
	int fd = open_rw(path);

	assert_ok(load(IMAGE_SIZE, &loaded));
	status = px_backup_write(&backup, loaded, fd, path);
	px_luks_free(&loaded);
	close(fd);
	return status;
}

static void assert_opens(const char *path)
{
	struct px_luks *loaded = NULL;

	assert_ok(px_luks_load_to_change(path, &loaded));
	assert_ok(px_luks_verify_seal(loaded, key, true));
	assert_ok(px_luks_test(loaded, key, true));
	px_luks_free(&loaded);
}

TEST(a_backup_that_is_written_opens_from_either_copy)
{
	struct px_luks2 header;
	char *json = NULL;

	assert_ok(write_to(blank));
	assert_opens(blank);
	assert_int_equal(read_header(blank, &header, &json), 0);
	assert_int_equal(header.seqid, backup.generation);
	free(json);
	zero(blank, 0, COPY_SIZE);
	assert_opens(blank);
	assert_ok(write_to(blank));
	zero(blank, (off_t)COPY_SIZE, COPY_SIZE);
	assert_opens(blank);
}

/* The calls that lay it out in memory come first. */
#define WRITES 3

TEST(a_write_that_stops_anywhere_leaves_it_broken_or_restored_and_can_be_done_again)
{
	for (unsigned int i = 0; i < 2 * WRITES; i++) {
		struct fault *fault = i < WRITES ? &no_pwrite : &no_fsync;
		struct px_luks2 header;
		char *json = NULL;
		int r;

		zero(blank, 0, 2 * COPY_SIZE + AREA_SIZE);
		*fault = (struct fault){ .skip = WRITES + i % WRITES, .times = 1, .error = EIO };
		assert_fails(PX_KERNEL, write_to(blank), "header cannot be written",
			     "Input/output");
		r = read_header(blank, &header, &json);
		free(json);
		if (r == 0)
			assert_opens(blank);
		else
			assert_int_equal(r, -EBADMSG);
		assert_ok(write_to(blank));
		assert_opens(blank);
	}
}

static enum px_status glance(struct px_glance *ret_glance)
{
	int fd = open_rw(image);
	enum px_status status = px_header_glance(fd, "image", ret_glance);

	close(fd);
	return status;
}

TEST(what_is_left_of_a_header_tells_whose_it_was)
{
	struct px_glance seen;

	assert_ok(glance(&seen));
	assert_true(seen.seen && seen.whole);
	assert_int_equal(seen.copy_size, COPY_SIZE);
	assert_int_equal(seen.generation, backup.generation);
	no_pread = (struct fault){ .skip = 1, .times = 1, .error = EIO };
	assert_ok(glance(&seen));
	assert_true(seen.seen && seen.whole);
	patch(image, 5000, "\1", 1);
	patch(image, COPY_SIZE + 5000, "\1", 1);
	assert_ok(glance(&seen));
	assert_true(seen.seen && !seen.whole);
	assert_string_equal(seen.names.uuid, SAMPLE_UUID);
	zero(image, 0, COPY_SIZE);
	assert_ok(glance(&seen));
	assert_true(seen.seen && !seen.whole);
	assert_string_equal(seen.names.uuid, SAMPLE_UUID);
	patch(image, COPY_SIZE + LUKS2_AT_UUID, "x", 1);
	assert_ok(glance(&seen));
	assert_false(seen.seen);
	zero(image, 0, 2 * COPY_SIZE);
	assert_ok(glance(&seen));
	assert_false(seen.seen || seen.whole);
	no_pread = (struct fault){ .times = 1, .error = EIO };
	assert_fails(PX_KERNEL, glance(&seen), "image", "cannot be read");
	no_pread = (struct fault){ .skip = 10, .times = 1, .error = EIO };
	assert_fails(PX_KERNEL, glance(&seen), "cannot be read");
}

TEST(the_seal_on_a_device_is_seen_without_loading_it)
{
	int fd = open_rw(image);

	assert_int_equal(px_header_seal_verify(fd, key), 0);
	assert_int_equal(px_header_seal_verify(fd, other), -EBADMSG);
	forge("\"auto\":false", "\"auto\":true");
	assert_int_equal(px_header_seal_verify(fd, key), -EBADMSG);
	zero(image, 0, 2 * COPY_SIZE);
	assert_int_equal(px_header_seal_verify(fd, key), -EBADMSG);
	close(fd);
}

TEST(the_sealed_text_of_a_loaded_header_is_that_of_its_backup)
{
	char *loaded = NULL, *backed_up = NULL;

	assert_ok(px_luks_sealed(luks, &loaded));
	assert_int_equal(px_seal_text(backup.json, backup.json_len, SAMPLE_UUID, &backed_up), 0);
	assert_string_equal(loaded, backed_up);
	free(loaded);
	free(backed_up);
}

TEST(wiping_takes_the_piece_that_was_named)
{
	static uint8_t before[400000], after[400000];
	int fd = open_rw(image);

	memset(before, 'x', sizeof(before));
	assert_int_equal(pwrite(fd, before, sizeof(before), 0), sizeof(before));
	assert_ok(px_header_wipe(fd, "image", 1000, 300000, false));
	assert_int_equal(pread(fd, after, sizeof(after), 0), sizeof(after));
	memset(before + 1000, 0, 299000);
	assert_memory_equal(after, before, sizeof(before));
	assert_ok(px_header_wipe(fd, "image", 1000, 300000, true));
	assert_int_equal(pread(fd, after, sizeof(after), 0), sizeof(after));
	assert_memory_equal(after, before, 1000);
	assert_memory_equal(after + 300000, before + 300000, 100000);
	assert_memory_not_equal(after + 1000, before + 1000, 64);
	assert_memory_not_equal(after + 299900, before + 299900, 64);
	close(fd);
}

TEST(wiping_fails_with_the_cause)
{
	int fd = open_rw(image);

	no_pwrite = (struct fault){ .skip = 1, .times = 1, .error = ENOSPC };
	assert_fails(PX_KERNEL, px_header_wipe(fd, "image", 0, 300000, false), "cannot be wiped",
		     "No space");
	no_fsync = (struct fault){ .times = 1, .error = EIO };
	assert_fails(PX_KERNEL, px_header_wipe(fd, "image", 0, 300000, false), "cannot be wiped");
	no_random = (struct fault){ .times = 1, .error = ENOSYS };
	assert_fails(PX_KERNEL, px_header_wipe(fd, "image", 0, 300000, true), "cannot be wiped");
	no_random = (struct fault){ .times = 1, .error = EINTR };
	assert_ok(px_header_wipe(fd, "image", 0, 300000, true));
	close(fd);
}

TEST(a_plain_file_is_nobodys)
{
	int fd = open_rw(image), claim = -1;

	assert_int_equal(px_device_claim(image, fd, &claim), 0);
	assert_int_equal(claim, -1);
	no_fstat = (struct fault){ .times = 1, .error = EBADF };
	assert_int_equal(px_device_claim(image, fd, &claim), -EBADF);
	close(fd);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_header_is_read_from_its_newer_whole_copy),
		CASE(what_is_no_copy_of_a_header_is_none),
		CASE(a_header_that_cannot_be_read_or_written_is_an_error),
		CASE(reading_a_header_runs_out_of_memory_without_a_trace),
		CASE(a_backup_holds_the_header_and_its_keyslots_and_no_more),
		CASE(every_byte_of_a_backup_is_under_its_hmac),
		CASE(a_backup_of_the_wrong_shape_is_none),
		CASE(what_is_too_large_for_a_backup_is_refused),
		CASE(a_backup_that_its_key_does_not_prove_is_not_taken),
		CASE(a_keyslot_that_is_damaged_is_not_backed_up),
		CASE(a_volume_key_that_is_being_changed_has_no_backup),
		CASE(taking_a_backup_fails_with_the_cause),
		CASE(taking_a_backup_runs_out_of_memory_without_a_trace),
		CASE(a_backup_is_a_volume_in_memory),
		CASE(a_backup_passes_the_allowlist_or_is_refused),
		CASE(a_backup_that_is_written_opens_from_either_copy),
		CASE(a_write_that_stops_anywhere_leaves_it_broken_or_restored_and_can_be_done_again),
		CASE(what_is_left_of_a_header_tells_whose_it_was),
		CASE(the_seal_on_a_device_is_seen_without_loading_it),
		CASE(the_sealed_text_of_a_loaded_header_is_that_of_its_backup),
		CASE(wiping_takes_the_piece_that_was_named),
		CASE(wiping_fails_with_the_cause),
		CASE(a_plain_file_is_nobodys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
