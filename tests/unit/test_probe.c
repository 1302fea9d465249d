/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <blkid/blkid.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pxenc/child.h"
#include "pxenc/probe.h"

#define MIB ((off_t)1 << 20)

static struct fault no_probe, no_open;

int __real_blkid_do_safeprobe(blkid_probe probe);
int __wrap_blkid_do_safeprobe(blkid_probe probe);
blkid_probe __real_blkid_new_probe_from_filename(const char *path);
blkid_probe __wrap_blkid_new_probe_from_filename(const char *path);

int __wrap_blkid_do_safeprobe(blkid_probe probe)
{
	return fault_hits(&no_probe) ? -1 : __real_blkid_do_safeprobe(probe);
}

blkid_probe __wrap_blkid_new_probe_from_filename(const char *path)
{
	return fault_hits(&no_open) ? NULL : __real_blkid_new_probe_from_filename(path);
}

static int begin(void **state)
{
	no_probe = no_open = (struct fault){ 0 };
	log_forget();
	return temp_dir_make(state);
}

static const char *blank(const char *name, off_t size)
{
	const char *path = temp_text(name, "", 0600);

	assert_int_equal(truncate(path, size), 0);
	return path;
}

/* A sparse file on which a shell command ("mkfs.ext4 -q \"$1\"") has made something. */
static const char *made_by(const char *command, off_t size)
{
	const char *path = blank("image", size);
	int status = -1;

	assert_int_equal(
		px_child_run((const char *const[]){ "/bin/sh", "-c", command, "sh", path, NULL },
			     true, &status),
		0);
	if (status)
		fail_msg("this test needs a command that is missing or failed: %s", command);
	return path;
}

static void put(const char *path, off_t at, const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_int_equal(pwrite(fd, data, len, at), len);
	close(fd);
}

static void check_contents(const char *path, const char *wanted)
{
	char *found = NULL;

	assert_ok(px_probe_contents(path, &found));
	if (wanted)
		assert_string_equal(found, wanted);
	else
		assert_null(found);
	free(found);
}

static void check_filesystem(const char *path, const char *wanted)
{
	px_auto(free) char *type = NULL;

	assert_ok(px_probe_filesystem(path, &type));
	assert_string_equal(type, wanted);
}

static void check_no_filesystem(const char *path)
{
	char *type = NULL;

	assert_fails(PX_MOUNT, px_probe_filesystem(path, &type), path, "no filesystem", "fstype=");
	assert_null(type);
}

static uint32_t crc32(const uint8_t *data, size_t len)
{
	uint32_t crc = ~0U;
	int bit;

	while (len--) {
		crc ^= *data++;
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320U : 0);
	}
	return ~crc;
}

static void put_le(uint8_t *at, uint64_t value, size_t len)
{
	for (; len; len--, value >>= 8)
		*at++ = (uint8_t)value;
}

/* A master boot record with one partition of this type. */
static void write_mbr(const char *path, uint8_t type)
{
	uint8_t sector[512] = { 0 };

	sector[446 + 4] = type;
	put_le(sector + 446 + 8, 1, 4);
	put_le(sector + 446 + 12, 8191, 4);
	sector[510] = 0x55;
	sector[511] = 0xaa;
	put(path, 0, sector, sizeof(sector));
}

/* A GUID partition table without partitions, for a disk of 8192 sectors. */
static void write_gpt(const char *path)
{
	static const uint8_t entries[128 * 128];
	uint8_t header[512] = "EFI PART";

	put_le(header + 8, 0x10000, 4);
	put_le(header + 12, 92, 4);
	put_le(header + 24, 1, 8);
	put_le(header + 32, 8191, 8);
	put_le(header + 40, 34, 8);
	put_le(header + 48, 8158, 8);
	header[56] = 1;
	put_le(header + 72, 2, 8);
	put_le(header + 80, 128, 4);
	put_le(header + 84, 128, 4);
	put_le(header + 88, crc32(entries, sizeof(entries)), 4);
	put_le(header + 16, crc32(header, 92), 4);
	write_mbr(path, 0xee);
	put(path, 512, header, sizeof(header));
}

TEST(an_ext4_filesystem_is_recognised_with_its_label)
{
	const char *path = made_by("mkfs.ext4 -q -F -L backup \"$1\"", 8 * MIB);

	check_contents(path, "ext4 filesystem labelled backup");
	check_filesystem(path, "ext4");
}

TEST(a_filesystem_without_a_label_is_recognised)
{
	check_contents(made_by("mkfs.ext4 -q -F \"$1\"", 8 * MIB), "ext4 filesystem");
}

TEST(an_xfs_filesystem_is_recognised)
{
	const char *path = made_by("mkfs.xfs -q -f -L lbl \"$1\"", 320 * MIB);

	check_contents(path, "xfs filesystem labelled lbl");
	check_filesystem(path, "xfs");
}

TEST(a_luks_volume_is_a_signature_and_no_filesystem)
{
	const char *path = made_by("printf key | cryptsetup -q --disable-locks luksFormat --pbkdf "
				   "pbkdf2 --pbkdf-force-iterations 1000 \"$1\" -",
				   20 * MIB);

	check_contents(path, "crypto_LUKS signature");
	check_no_filesystem(path);
}

TEST(swap_space_is_a_signature_and_no_filesystem)
{
	const char *path = made_by("mkswap -q -L sw \"$1\"", 8 * MIB);

	check_contents(path, "swap signature labelled sw");
	check_no_filesystem(path);
}

TEST(a_partition_table_is_recognised)
{
	const char *gpt = blank("gpt", 4 * MIB), *mbr = blank("mbr", 4 * MIB);

	write_gpt(gpt);
	check_contents(gpt, "gpt partition table");
	check_no_filesystem(gpt);
	write_mbr(mbr, 0x83);
	check_contents(mbr, "dos partition table");
	check_no_filesystem(mbr);
}

TEST(zeros_and_nothing_at_all_are_no_contents)
{
	const char *zeros = blank("zeros", 8 * MIB), *empty = blank("empty", 0);

	check_contents(zeros, NULL);
	check_no_filesystem(zeros);
	check_contents(empty, NULL);
	check_no_filesystem(empty);
}

TEST(random_bytes_are_no_contents)
{
	check_contents(made_by("yes pxenc | head -c 1000000 > \"$1\"", 0), NULL);
}

/* Signatures of two filesystems: an xfs whose second kilobyte was an ext4's. */
static const char *two_filesystems(void)
{
	return made_by("mkfs.ext4 -q -F \"$1\" && "
		       "head -c 2048 \"$1\" | tail -c 1024 > \"$1.ext4\" && truncate -s 0 \"$1\" &&"
		       "truncate -s 320M \"$1\" && mkfs.xfs -q -f \"$1\" && "
		       "dd if=\"$1.ext4\" of=\"$1\" bs=1024 seek=1 conv=notrunc status=none",
		       8 * MIB);
}

TEST(signatures_that_contradict_each_other_are_refused)
{
	const char *path = two_filesystems();
	char *what = NULL;

	assert_fails(PX_KERNEL, px_probe_contents(path, &what), path, "contradict", "wipefs");
	assert_fails(PX_MOUNT, px_probe_filesystem(path, &what), path, "more than one", "fstype=");
	assert_null(what);
}

TEST(a_device_that_cannot_be_opened_is_said_so)
{
	const char *none = temp_path("none"), *dir = temp_path("dir"), *fifo = temp_path("fifo");
	char *what = NULL;

	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	alarm(30); /* a FIFO must not be waited for */
	assert_fails(PX_NO_VOLUME, px_probe_contents(none, &what), none, "No such file");
	assert_fails(PX_NO_VOLUME, px_probe_filesystem(none, &what), none, "No such file");
	assert_fails(PX_NO_VOLUME, px_probe_contents(dir, &what), dir);
	assert_fails(PX_NO_VOLUME, px_probe_contents(fifo, &what), fifo);
	assert_fails(PX_NO_VOLUME, px_probe_contents("/dev/null", &what), "/dev/null");
	alarm(0);
	no_open = (struct fault){ .times = 1, .error = 0 };
	assert_fails(PX_NO_VOLUME, px_probe_contents(none, &what), "Input/output error");
	assert_null(what);
}

TEST(a_device_that_cannot_be_read_is_said_so)
{
	const char *path = blank("zeros", 8 * MIB);
	char *what = NULL;

	no_probe = (struct fault){ .times = 2, .error = EIO };
	assert_fails(PX_KERNEL, px_probe_contents(path, &what), path, "Input/output error");
	assert_fails(PX_KERNEL, px_probe_filesystem(path, &what), path, "Input/output error");
	assert_null(what);
}

static int contents(void *path)
{
	char *what = NULL;
	enum px_status st = px_probe_contents(path, &what);

	if (st)
		assert_null(what);
	free(what);
	return (int)st;
}

static int filesystem(void *path)
{
	char *type = NULL;
	enum px_status st = px_probe_filesystem(path, &type);

	if (st)
		assert_null(type);
	free(type);
	return (int)st;
}

TEST(no_memory_is_said_once_and_describes_nothing)
{
	char *path = strdup(made_by("mkfs.ext4 -q -F \"$1\"", 8 * MIB));
	const char *mbr = blank("mbr", 4 * MIB);

	each_allocation_may_fail(contents, path, PX_NOMEM);
	each_allocation_may_fail(filesystem, path, PX_NOMEM);
	free(path);
	write_mbr(mbr, 0x83);
	path = strdup(mbr);
	each_allocation_may_fail(contents, path, PX_NOMEM);
	free(path);
}

#define probe_test(f) cmocka_unit_test_setup_teardown(f, begin, temp_dir_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		probe_test(an_ext4_filesystem_is_recognised_with_its_label),
		probe_test(a_filesystem_without_a_label_is_recognised),
		probe_test(an_xfs_filesystem_is_recognised),
		probe_test(a_luks_volume_is_a_signature_and_no_filesystem),
		probe_test(swap_space_is_a_signature_and_no_filesystem),
		probe_test(a_partition_table_is_recognised),
		probe_test(zeros_and_nothing_at_all_are_no_contents),
		probe_test(random_bytes_are_no_contents),
		probe_test(signatures_that_contradict_each_other_are_refused),
		probe_test(a_device_that_cannot_be_opened_is_said_so),
		probe_test(a_device_that_cannot_be_read_is_said_so),
		probe_test(no_memory_is_said_once_and_describes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
