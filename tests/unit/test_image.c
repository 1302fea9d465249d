/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "luks_samples.h"
#include "pxenc/image.h"
#include "pxenc/key.h"
#include "pxenc/log.h"
#include "pxenc/seal.h"
#include "pxenc/unfinished.h"

#define IMAGE_SIZE ((off_t)20 << 20)
#define SECOND 16384 /* where the second copy of the header begins */

static struct fault no_memfd, no_ftruncate, no_pread, no_pwrite, no_fsync, no_stat, no_open;

/* The device, as the sequence of writes and syncs that it sees: "w0 s w512 …". */
static char seen[512];

static void see_write(off_t at)
{
	size_t len = strlen(seen);

	snprintf(seen + len, sizeof(seen) - len, "w%lu ", (unsigned long)at);
}

int __real_memfd_create(const char *name, unsigned int flags);
int __wrap_memfd_create(const char *name, unsigned int flags);
int __wrap_memfd_create(const char *name, unsigned int flags)
{
	return fault_hits(&no_memfd) ? -1 : __real_memfd_create(name, flags);
}

int __real_ftruncate(int fd, off_t size);
int __wrap_ftruncate(int fd, off_t size);
int __wrap_ftruncate(int fd, off_t size)
{
	return fault_hits(&no_ftruncate) ? -1 : __real_ftruncate(fd, size);
}

ssize_t __real_pread(int fd, void *data, size_t len, off_t at);
ssize_t __wrap_pread(int fd, void *data, size_t len, off_t at);
ssize_t __wrap_pread(int fd, void *data, size_t len, off_t at)
{
	return fault_hits(&no_pread) ? -1 : __real_pread(fd, data, len, at);
}

/* Of more than a sector, half is taken at once, as may happen. */
ssize_t __real_pwrite(int fd, const void *data, size_t len, off_t at);
ssize_t __wrap_pwrite(int fd, const void *data, size_t len, off_t at);
ssize_t __wrap_pwrite(int fd, const void *data, size_t len, off_t at)
{
	if (fault_hits(&no_pwrite))
		return -1;
	if (len <= PX_UNFINISHED_SIZE)
		see_write(at);
	return __real_pwrite(fd, data, len > PX_UNFINISHED_SIZE ? len / 2 : len, at);
}

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
	strncat(seen, "s ", sizeof(seen) - strlen(seen) - 1);
	return fault_hits(&no_fsync) ? -1 : __real_fsync(fd);
}

int __real_stat(const char *path, struct stat *st);
int __wrap_stat(const char *path, struct stat *st);
int __wrap_stat(const char *path, struct stat *st)
{
	return fault_hits(&no_stat) ? -1 : __real_stat(path, st);
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
	bool fails = (flags & O_ACCMODE) == O_RDWR && fault_hits(&no_open);

	return fails ? -1 : __real_open(path, flags, 0600);
}

/* What open becomes, with optimisation, when its flags are no constant. */
int __real___open_2(const char *path, int flags);
int __wrap___open_2(const char *path, int flags);
int __wrap___open_2(const char *path, int flags)
{
	return fault_hits(&no_open) ? -1 : __real___open_2(path, flags);
}

static struct px_secret *generated, *human;

static const struct px_luks_params params = {
	.uuid = SAMPLE_UUID,
	.cipher = "aes-xts-plain64",
	.key_bits = 512,
	.secret = "volumes/" SAMPLE_UUID "/1",
	.store = "default",
};

static int setup(void **state)
{
	no_memfd = no_ftruncate = no_pread = no_pwrite = (struct fault){ 0 };
	no_fsync = no_stat = no_open = (struct fault){ 0 };
	seen[0] = '\0';
	if (px_key_generate(&generated) < 0 || px_secret_from("a passphrase", 12, &human) < 0)
		return -1;
	return temp_dir_make(state);
}

static int teardown(void **state)
{
	px_secret_free(&generated);
	px_secret_free(&human);
	return temp_dir_remove(state);
}

/* A device that begins with some text and goes on with zeros. */
static void reset(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(__real_pwrite(fd, "what was there", 14, 0), 14);
	assert_int_equal(__real_ftruncate(fd, IMAGE_SIZE), 0);
	close(fd);
}

static const char *device(void)
{
	const char *path = temp_path("device");

	reset(path);
	return path;
}

static struct px_image *build(const char *path)
{
	struct px_image *image = NULL;

	assert_ok(px_image_build(path, &params, generated, &image));
	return image;
}

static void read_sector(const char *path, off_t at, unsigned char ret_sector[PX_UNFINISHED_SIZE])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_int_equal(__real_pread(fd, ret_sector, PX_UNFINISHED_SIZE, at), PX_UNFINISHED_SIZE);
	close(fd);
}

static void assert_untouched(const char *path)
{
	unsigned char sector[PX_UNFINISHED_SIZE];

	read_sector(path, 0, sector);
	assert_string_equal((char *)sector, "what was there");
}

static void assert_unfinished(const char *path)
{
	struct px_luks *luks = NULL;

	assert_fails(PX_NO_VOLUME, px_luks_load(path, &luks),
		     "a format of it was interrupted: run pxenc format again");
	assert_null(luks);
}

TEST(building_touches_nothing)
{
	const char *path = device();
	struct px_image *image = build(path);

	assert_untouched(path);
	assert_string_equal(seen, "");
	px_image_free(&image);
	assert_null(image);
	px_image_free(&image);
	px_image_free(NULL);
}

TEST(a_marked_device_says_that_its_format_was_interrupted)
{
	const char *path = device();
	struct px_image *image = build(path);
	struct px_unfinished unfinished;
	bool marked = false;

	assert_ok(px_image_mark(image));
	assert_unfinished(path);
	assert_ok(px_unfinished_look(path, &marked, &unfinished));
	assert_true(marked);
	assert_string_equal(unfinished.uuid, SAMPLE_UUID);
	assert_int_equal(px_seal_check_proof(unfinished.proof, SAMPLE_UUID, generated), 0);
	px_image_free(&image);
	assert_unfinished(path);
}

TEST(unmarked_it_is_what_it_was)
{
	const char *path = device();
	struct px_image *image = build(path);

	assert_ok(px_image_mark(image));
	assert_ok(px_image_unmark(image));
	assert_untouched(path);
	px_image_free(&image);
}

/* What a power cut leaves behind is decided by this order. */
TEST(the_first_sector_makes_it_a_volume_when_all_else_is_on_the_disk)
{
	const char *path = device();
	struct px_image *image = build(path);
	struct px_luks *luks = NULL;

	assert_ok(px_image_mark(image));
	assert_string_equal(seen, "w0 s ");
	seen[0] = '\0';
	assert_ok(px_image_commit(image));
	assert_non_null(strstr(seen, "s w0 s w16384 s "));
	/* Short writes end in pieces of a sector, none of which is one of these. */
	*strstr(seen, "s w0 s") = '\0';
	assert_null(strstr(seen, "w0 "));
	assert_null(strstr(seen, "s"));
	px_image_free(&image);
	assert_ok(px_luks_load(path, &luks));
	assert_ok(px_luks_test(luks, generated, true));
	px_luks_free(&luks);
}

/* Each write and each sync of the commit fails in turn. */
TEST(until_then_nobody_recognises_a_volume)
{
	static struct fault *const faults[] = { &no_pwrite, &no_fsync };
	unsigned char sector[PX_UNFINISHED_SIZE];
	const char *path = device();
	struct px_luks *luks = NULL;

	for (size_t i = 0; i < 2; i++) {
		unsigned int skip = 0;

		for (;; skip++) {
			struct px_image *image;
			bool committed;

			reset(path);
			image = build(path);

			assert_ok(px_image_mark(image));
			*faults[i] = (struct fault){ .skip = skip, .times = 1, .error = EIO };
			log_forget();
			if (px_image_commit(image) == PX_OK) {
				px_image_free(&image);
				break;
			}
			assert_logged("cannot be written: Input/output error");
			px_image_free(&image);
			read_sector(path, 0, sector);
			committed = memcmp(sector, "LUKS", 4) == 0;
			if (committed) {
				assert_ok(px_luks_load(path, &luks));
				px_luks_free(&luks);
				continue;
			}
			assert_unfinished(path);
			read_sector(path, SECOND, sector);
			assert_memory_not_equal(sector, "SKUL", 4);
		}
		assert_true(skip > 2);
		*faults[i] = (struct fault){ 0 };
	}
}

TEST(reading_the_header_back_from_memory_may_fail)
{
	const char *path = device();
	struct px_image *image = build(path);

	assert_ok(px_image_mark(image));
	for (unsigned int skip = 0; skip < 2; skip++) {
		no_pread = (struct fault){ .skip = skip, .times = 1, .error = EIO };
		assert_fails(PX_KERNEL, px_image_commit(image), "cannot be written");
		assert_unfinished(path);
	}
	/* The last but one is the first sector. */
	no_pread = (struct fault){ .skip = 1 + 16, .times = 1, .error = EIO };
	assert_fails(PX_KERNEL, px_image_commit(image), "cannot be written");
	assert_unfinished(path);
	px_image_free(&image);
}

TEST(a_mark_that_cannot_be_written_is_none)
{
	const char *path = device();
	struct px_image *image = build(path);

	no_fsync = (struct fault){ .times = 1, .error = EIO };
	assert_fails(PX_KERNEL, px_image_mark(image), "cannot be written: Input/output error");
	assert_untouched(path);
	px_image_free(&image);

	image = build(path);
	no_fsync = (struct fault){ .times = 2, .error = EIO };
	assert_fails(PX_KERNEL, px_image_mark(image), "cannot be written: Input/output error");
	no_fsync = (struct fault){ .times = 1, .error = EIO };
	assert_fails(PX_KERNEL, px_image_unmark(image), "cannot be written: Input/output error");
	px_image_free(&image);
}

TEST(a_device_that_cannot_be_had_is_not_marked)
{
	const char *path = device();
	struct px_image *image = build(path);

	no_stat = (struct fault){ .times = 1, .error = ENOENT };
	assert_fails(PX_NO_VOLUME, px_image_mark(image), "No such file");
	no_open = (struct fault){ .times = 1, .error = EBUSY };
	assert_fails(PX_BUSY, px_image_mark(image), "cannot be written: Device or resource busy");
	no_open = (struct fault){ .times = 1, .error = EROFS };
	assert_fails(PX_KERNEL, px_image_mark(image), "Read-only file system");
	no_pread = (struct fault){ .times = 1, .error = EIO };
	assert_fails(PX_KERNEL, px_image_mark(image), "cannot be read: Input/output error");
	assert_untouched(path);
	px_image_free(&image);
}

TEST(without_memory_for_the_header_nothing_is_built)
{
	const char *path = device();
	struct px_image *image = NULL;

	no_memfd = (struct fault){ .times = 1, .error = EMFILE };
	assert_fails(PX_KERNEL, px_image_build(path, &params, generated, &image),
		     "no memory file for its header: Too many open files");
	no_ftruncate = (struct fault){ .times = 1, .error = EFBIG };
	assert_fails(PX_KERNEL, px_image_build(path, &params, generated, &image),
		     "no memory file for its header: File too large");
	assert_null(image);
}

/* Who does not know the key cannot point to it, so that it would be deleted. */
TEST(a_proof_is_for_one_uuid_and_one_key)
{
	px_auto(free) char *proof = NULL;

	assert_int_equal(px_seal_prove(SAMPLE_UUID, generated, &proof), 0);
	assert_int_equal(strlen(proof), 43);
	assert_int_equal(px_seal_check_proof(proof, SAMPLE_UUID, generated), 0);
	assert_int_equal(px_seal_check_proof(proof, SAMPLE_UUID, human), -EBADMSG);
	assert_int_equal(
		px_seal_check_proof(proof, "0f3c8e1a-5b7d-4c2e-9a61-d2f4b8c07e30", generated),
		-EBADMSG);
	assert_int_equal(px_seal_check_proof("", SAMPLE_UUID, generated), -EBADMSG);
}

TEST(a_mark_is_read_as_it_was_written)
{
	const struct px_unfinished with = { SAMPLE_UUID,
					    "0123456789012345678901234567890123456789abc" };
	const struct px_unfinished without = { SAMPLE_UUID, "" };
	unsigned char sector[PX_UNFINISHED_SIZE];
	struct px_unfinished found;

	px_unfinished_format(&with, sector);
	assert_true(px_unfinished_parse(sector, &found));
	assert_string_equal(found.uuid, with.uuid);
	assert_string_equal(found.proof, with.proof);
	px_unfinished_format(&without, sector);
	assert_true(px_unfinished_parse(sector, &found));
	assert_string_equal(found.uuid, without.uuid);
	assert_string_equal(found.proof, "");
}

TEST(a_damaged_mark_is_a_mark_that_names_nothing)
{
	const struct px_unfinished whole = { SAMPLE_UUID,
					     "0123456789012345678901234567890123456789abc" };
	static const char *const damages[][2] = {
		{ "uuid=", "guid=" },
		{ "proof=", "proof:" },
		{ SAMPLE_UUID, "../../../../../../../../../../etc/pas" },
		{ "abc\n", "abcd" },
	};
	unsigned char sector[PX_UNFINISHED_SIZE];
	struct px_unfinished found;
	char *at;

	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		px_unfinished_format(&whole, sector);
		at = strstr((char *)sector, damages[i][0]);
		assert_non_null(at);
		memcpy(at, damages[i][1], strlen(damages[i][0]));
		assert_true(px_unfinished_parse(sector, &found));
		assert_string_equal(found.uuid, "");
		assert_string_equal(found.proof, "");
	}
	memset(sector, 'x', sizeof(sector));
	assert_false(px_unfinished_parse(sector, &found));
	memset(sector, 0, sizeof(sector));
	assert_false(px_unfinished_parse(sector, &found));
}

TEST(a_device_that_cannot_be_looked_at_is_said)
{
	struct px_unfinished found;
	bool marked = false;

	assert_fails(PX_NO_VOLUME, px_unfinished_look("/nonexistent", &marked, &found),
		     "cannot be opened");
	assert_false(marked);
	assert_ok(px_unfinished_look(device(), &marked, &found));
	assert_false(marked);
}

int main(void)
{
#define IMAGE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		IMAGE_TEST(building_touches_nothing),
		IMAGE_TEST(a_marked_device_says_that_its_format_was_interrupted),
		IMAGE_TEST(unmarked_it_is_what_it_was),
		IMAGE_TEST(the_first_sector_makes_it_a_volume_when_all_else_is_on_the_disk),
		IMAGE_TEST(until_then_nobody_recognises_a_volume),
		IMAGE_TEST(reading_the_header_back_from_memory_may_fail),
		IMAGE_TEST(a_mark_that_cannot_be_written_is_none),
		IMAGE_TEST(a_device_that_cannot_be_had_is_not_marked),
		IMAGE_TEST(without_memory_for_the_header_nothing_is_built),
		IMAGE_TEST(a_proof_is_for_one_uuid_and_one_key),
		IMAGE_TEST(a_mark_is_read_as_it_was_written),
		IMAGE_TEST(a_damaged_mark_is_a_mark_that_names_nothing),
		IMAGE_TEST(a_device_that_cannot_be_looked_at_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
