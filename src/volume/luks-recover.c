/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "luks-private.h"
#include "luks2.h"
#include "pxenc/io.h"
#include "pxenc/lock.h"
#include "pxenc/log.h"
#include "pxenc/seal.h"

/*
 * The recovery of what was being copied when a reencryption was killed. When that was the last of
 * it, libcryptsetup destroys the keyslots of the old volume key before it writes a header that can
 * do without them: whoever is killed in between has a header that no key opens, for ever. So it
 * works on a copy of the header in memory, which is written once the data is on the disk: keys that
 * are gone go last.
 */

#define BLOCK ((size_t)4 << 20)

static int copy(int from, int to, uint64_t start, uint64_t end)
{
	px_auto(free) char *block = malloc(BLOCK);

	if (!block)
		return -ENOMEM;
	while (start < end) {
		size_t want = end - start < BLOCK ? (size_t)(end - start) : BLOCK;
		ssize_t n = px_read_at(from, block, want, start);
		int r;

		if (n <= 0)
			return n < 0 ? (int)n : -EIO;
		r = px_write_at(to, block, (size_t)n, start);
		if (r < 0)
			return r;
		start += (uint64_t)n;
	}
	return 0;
}

static int copy_to_disk(int from, int to, uint64_t start, uint64_t end)
{
	int r = copy(from, to, start, end);

	return r == 0 && fsync(to) < 0 ? -errno : r;
}

/* The header as it was before the recovery, and what becomes of it. */
struct copied {
	struct px_luks2 header;
	char *json;
	int memory; /* everything before the data; -1: none */
};

static void copied_cleanup(struct copied *copied)
{
	free(copied->json);
	px_fd_cleanup(&copied->memory);
}

/* What lies on the disk is what was copied: nobody else has gone on with it, or finished. */
static int check_unchanged(int disk, const struct copied *copied)
{
	px_auto(free) char *json = NULL;
	struct px_luks2 header;
	int r = px_luks2_read(disk, &header, &json);

	if (r < 0)
		return r;
	return header.seqid == copied->header.seqid && strcmp(json, copied->json) == 0 ? 0
										       : -ESTALE;
}

/* The second copy of the header, the first, and what of the keyslots changed: at no instant does a
 * header that is whole want what is not there. */
static int write_back(int memory, int disk, uint64_t data_offset)
{
	px_auto(free) char *json = NULL;
	struct px_luks2 header;
	int r = px_luks2_read(memory, &header, &json);

	if (r == 0)
		r = copy_to_disk(memory, disk, header.size, 2 * header.size);
	if (r == 0)
		r = copy_to_disk(memory, disk, 0, header.size);
	return r == 0 ? copy_to_disk(memory, disk, 2 * header.size, data_offset) : r;
}

/* What is in memory is, to the byte, what was let through and verified. */
static bool is_same(const struct px_luks *luks, struct crypt_device *cd, const char *checked)
{
	const char *json = NULL;

	return crypt_dump_json(cd, &json, 0) == 0 && strcmp(json, checked) == 0 &&
	       strcmp(crypt_get_uuid(cd), px_luks_uuid(luks)) == 0;
}

static int recover_in(struct crypt_device *cd, const struct px_luks *luks, const char *checked,
		      const struct px_secret *key)
{
	int r = crypt_load(cd, CRYPT_LUKS2, NULL);

	if (r < 0)
		return r;
	return is_same(luks, cd, checked)
		       ? px_luks_init_reencryption(cd, luks, NULL, key, CRYPT_REENCRYPT_RECOVERY, 0)
		       : -ESTALE;
}

/* The data is mended on the disk, and the header in memory. */
static int recover_to(int memory, const struct px_luks *luks, const char *checked,
		      const struct px_secret *key)
{
	struct crypt_device *cd = NULL;
	char path[64];
	int r;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", memory);
	px_luks_listen();
	r = crypt_init_data_device(&cd, path, luks->device);
	if (r < 0)
		return r;
	r = recover_in(cd, luks, checked, key);
	crypt_free(cd);
	return r;
}

/*
 * A reencryption that another program is at, rather than one that was killed, has libcryptsetup's
 * lock for as long as it works, and the device of a volume that is not mapped for itself. So has
 * libcryptsetup here, and we before and after that: what is copied is at rest, and nothing is
 * written back over what somebody else has written since.
 */
static int claim(const struct px_luks *luks, int disk, bool mapped, int *ret_claim)
{
	return mapped ? 0 : px_device_claim(luks->device, disk, ret_claim);
}

static int take(const struct px_luks *luks, int disk, bool mapped, struct copied *copied)
{
	px_auto(fd) int claimed = -1;
	uint64_t data_offset = px_luks_data_offset(luks);
	int r = claim(luks, disk, mapped, &claimed);

	if (r < 0)
		return r;
	copied->memory = memfd_create("pxenc-header", MFD_CLOEXEC);
	if (copied->memory < 0 || ftruncate(copied->memory, (off_t)data_offset) < 0)
		return -errno;
	r = copy(disk, copied->memory, 0, data_offset);
	return r == 0 ? px_luks2_read(copied->memory, &copied->header, &copied->json) : r;
}

/* The data is on the disk before the header says so. */
static int bring_back(const struct px_luks *luks, int disk, bool mapped,
		      const struct copied *copied)
{
	px_auto(fd) int claimed = -1;
	int r = claim(luks, disk, mapped, &claimed);

	if (r == 0 && fsync(disk) < 0)
		r = -errno;
	if (r == 0)
		r = check_unchanged(disk, copied);
	return r == 0 ? write_back(copied->memory, disk, px_luks_data_offset(luks)) : r;
}

static int recover(const struct px_luks *luks, const char *checked, const struct px_secret *key,
		   bool mapped)
{
	px_auto(fd) int disk = open(luks->device, O_RDWR | O_CLOEXEC);
	px_cleanup(copied_cleanup) struct copied copied = { .memory = -1 };
	int r = disk < 0 ? -errno : take(luks, disk, mapped, &copied);

	if (r == 0)
		r = recover_to(copied.memory, luks, checked, key);
	return r < 0 ? r : bring_back(luks, disk, mapped, &copied);
}

enum px_status px_luks_recover(struct px_luks *luks, const struct px_secret *key, bool mapped)
{
	const char *json = NULL;
	enum px_status status;
	int r;

	if (!luks->header->reencrypting ||
	    crypt_reencrypt_status(luks->cd, NULL) != CRYPT_REENCRYPT_CRASH)
		return PX_OK;
	status = px_luks_json(luks, &json);
	if (status != PX_OK)
		return status;
	r = recover(luks, json, key, mapped);
	if (r == 0)
		r = crypt_load(luks->cd, CRYPT_LUKS2, NULL);
	if (r == -EBUSY || r == -ESTALE)
		return px_fail(PX_BUSY,
			       "%s is being written anew under another volume key by another "
			       "program: wait until that is done",
			       luks->device);
	if (r < 0)
		return px_luks_failed(luks->device, "its reencryption cannot be recovered", r);
	status = px_luks_refresh(luks);
	return status == PX_OK ? px_luks_verify_seal(luks, key, true) : status;
}
