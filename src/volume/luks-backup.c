/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "backup.h"
#include "luks-private.h"
#include "luks2.h"
#include "pxenc/io.h"
#include "pxenc/log.h"
#include "pxenc/seal.h"

/* A header on its way from a device to a backup, and back. */

static enum px_status device_failed(const char *device, const char *what, int r)
{
	if (r == -ENOMEM)
		return px_nomem();
	if (r == -EBADMSG)
		return px_fail(PX_BAD_HEADER, "%s: its header is broken", device);
	return px_fail(PX_KERNEL, "%s: %s: %s", device, what, strerror(-r));
}

size_t px_header_areas_size(const struct px_header *header)
{
	size_t size = 0;

	for (size_t i = 0; i < header->area_count; i++)
		size += header->areas[i].end - header->areas[i].start;
	return size;
}

/* -EIO: the device ends too early. */
static int read_at(int fd, void *to, size_t len, uint64_t at)
{
	ssize_t n = px_read_at(fd, to, len, at);

	if (n < 0)
		return (int)n;
	return (size_t)n == len ? 0 : -EIO;
}

int px_header_read_areas(int fd, const struct px_header *header, uint8_t *to)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < header->area_count; i++) {
		size_t size = header->areas[i].end - header->areas[i].start;

		r = read_at(fd, to, size, header->areas[i].start);
		to += size;
	}
	return r;
}

static int write_areas(int fd, const struct px_header *header, const uint8_t *from)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < header->area_count; i++) {
		size_t size = header->areas[i].end - header->areas[i].start;

		r = px_write_at(fd, from, size, header->areas[i].start);
		from += size;
	}
	return r;
}

/* The bytes of a backup, all but its HMAC. */
static enum px_status collect(int fd, const char *device, uint64_t size, uint8_t **ret_bytes,
			      size_t *ret_len)
{
	px_auto(header) struct px_header *header = NULL;
	px_auto(free) uint8_t *bytes = NULL;
	px_auto(free) char *json = NULL;
	struct px_backup parts = { .len = 0 };
	struct px_luks2 luks2 = { .size = 0 };
	enum px_status status;
	size_t len = 0;
	int r = px_luks2_read(fd, &luks2, &json);

	if (r < 0)
		return device_failed(device, "its header cannot be read", r);
	parts = (struct px_backup){ .generation = luks2.seqid,
				    .names = luks2.names,
				    .json = json,
				    .json_len = strlen(json) };
	status = px_header_check(json, parts.json_len, size, device, &header);
	if (status != PX_OK)
		return status;
	if (header->reencrypting || (header->token && header->token->reencrypt))
		return px_fail(PX_BUSY,
			       "%s: its volume key is being changed, and its header with every "
			       "step: take the backup when that is done (pxenc rotate)",
			       device);
	parts.areas_len = px_header_areas_size(header);
	r = px_backup_build(&parts, &bytes, &len);
	if (r == -E2BIG)
		return px_fail(PX_BAD_HEADER, "%s: its header is too large for a backup", device);
	if (r == 0)
		r = px_header_read_areas(fd, header, bytes + PX_BACKUP_HEAD + parts.json_len);
	if (r < 0)
		return device_failed(device, "its keyslots cannot be read", r);
	*ret_bytes = px_steal(&bytes);
	*ret_len = len;
	return PX_OK;
}

/* One copy of a header, where it belongs. */
static int write_copy(int fd, const struct px_backup *backup, size_t size, uint64_t at)
{
	const struct px_luks2 luks2 = { .size = size,
					.seqid = backup->generation,
					.names = backup->names };
	px_auto(free) uint8_t *bytes = malloc(size);
	int r;

	if (!bytes)
		return -ENOMEM;
	r = px_luks2_encode(&luks2, backup->json, backup->json_len, at, bytes);
	return r < 0 ? r : px_write_at(fd, bytes, size, at);
}

/*
 * The second copy before the first: without a good first one, libcryptsetup looks for the second,
 * so that a header of zeros is broken until it is whole.
 */
static int write_all(int fd, const struct px_backup *backup, const struct px_header *header)
{
	int r = write_areas(fd, header, backup->areas);

	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r == 0)
		r = write_copy(fd, backup, header->copy_size, header->copy_size);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r == 0)
		r = write_copy(fd, backup, header->copy_size, 0);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	return r;
}

/* A file in memory, as large as the device but for its holes, with the header in its place. */
static enum px_status make_image(const struct px_backup *backup, const struct px_header *header,
				 uint64_t size, const char *name, int *ret_fd)
{
	px_auto(fd) int fd = memfd_create("header", MFD_CLOEXEC);
	int r = fd < 0 || ftruncate(fd, (off_t)size) < 0 ? -errno : 0;

	if (r == 0)
		r = write_all(fd, backup, header);
	if (r < 0)
		return device_failed(name, "cannot be laid out in memory", r);
	*ret_fd = fd;
	fd = -1;
	return PX_OK;
}

/* libcryptsetup knows the image by its descriptor, people by a name. */
static enum px_status load_image(int *fd, const char *name, struct px_luks **ret_luks)
{
	px_auto(luks) struct px_luks *luks = NULL;
	struct px_luks_start start;
	enum px_status status;
	char path[32], *copy;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", *fd);
	status = px_luks_look_at(path, &start);
	if (status == PX_OK)
		status = px_luks_new(path, &luks);
	if (status != PX_OK)
		return status;
	luks->image = *fd;
	*fd = -1;
	copy = strdup(name);
	if (!copy)
		return px_nomem();
	free(luks->device);
	luks->device = copy;
	status = px_luks_load_header(luks, &start);
	if (status == PX_OK)
		*ret_luks = px_steal(&luks);
	return status;
}

enum px_status px_backup_load(const struct px_backup *backup, uint64_t device_size,
			      const char *name, struct px_luks **ret_luks)
{
	px_auto(header) struct px_header *header = NULL;
	px_auto(fd) int image = -1;
	enum px_status status;

	status = px_header_check(backup->json, backup->json_len, device_size, name, &header);
	if (status != PX_OK)
		return status;
	if (px_header_areas_size(header) != backup->areas_len)
		return px_fail(PX_BAD_HEADER, "%s: it does not hold the keyslots that it names",
			       name);
	status = make_image(backup, header, device_size, name, &image);
	return status == PX_OK ? load_image(&image, name, ret_luks) : status;
}

/* Its seal, and its keyslot opened with the key: a backup that was never tried is none. */
static enum px_status prove(const struct px_backup *backup, uint64_t size, const char *device,
			    const struct px_secret *key, struct px_secret **ret_volume_key)
{
	px_auto(luks) struct px_luks *luks = NULL;
	enum px_status status = px_backup_load(backup, size, device, &luks);

	if (status == PX_OK && !px_luks_token(luks))
		return px_fail(PX_NO_VOLUME,
			       "%s is not a volume of pxenc: its header has no LUKS2 token of "
			       "type " PX_TOKEN_TYPE,
			       device);
	if (status == PX_OK)
		status = px_luks_verify_seal(luks, key, true);
	if (status == PX_OK)
		status = px_luks_open_named(luks, key, ret_volume_key);
	return status;
}

enum px_status px_backup_take(const struct px_luks *luks, const struct px_secret *key,
			      uint8_t **ret_bytes, size_t *ret_len)
{
	px_auto(fd) int fd = open(luks->device, O_RDONLY | O_CLOEXEC);
	px_auto(secret) struct px_secret *volume_key = NULL;
	px_auto(free) uint8_t *bytes = NULL;
	struct px_backup backup;
	enum px_status status;
	size_t len = 0;
	int r;

	if (fd < 0)
		return px_fail(PX_NO_VOLUME, "%s: cannot be opened: %m", luks->device);
	status = collect(fd, luks->device, luks->device_size, &bytes, &len);
	if (status != PX_OK)
		return status;
	r = px_backup_parse(bytes, len, &backup);
	if (r < 0)
		return device_failed(luks->device, "its backup is malformed", r);
	status = prove(&backup, luks->device_size, luks->device, key, &volume_key);
	if (status != PX_OK)
		return status;
	r = px_backup_sign(bytes, len, volume_key);
	if (r < 0)
		return device_failed(luks->device, "its backup cannot be signed", r);
	*ret_bytes = px_steal(&bytes);
	*ret_len = len;
	return PX_OK;
}

enum px_status px_header_glance(int fd, const char *device, struct px_glance *ret_glance)
{
	px_auto(free) char *json = NULL;
	struct px_luks2 luks2 = { .size = 0 };
	int r = px_luks2_read(fd, &luks2, &json);
	bool whole = r == 0, unread = r == -EIO;

	if (r == -EBADMSG || r == -EIO)
		r = px_luks2_glance_at(fd, &luks2);
	/* Nobody knows what is where the disk cannot read. */
	if (r == -EBADMSG && unread)
		r = -EIO;
	if (r < 0 && r != -EBADMSG)
		return device_failed(device, "cannot be read", r);
	*ret_glance = (struct px_glance){ .seen = r == 0 && px_luks_is_uuid(luks2.names.uuid),
					  .whole = whole,
					  .copy_size = luks2.size,
					  .generation = luks2.seqid,
					  .names = luks2.names };
	return PX_OK;
}

int px_header_seal_verify(int fd, const struct px_secret *key)
{
	px_auto(free) char *json = NULL;
	struct px_luks2 luks2;
	int r = px_luks2_read(fd, &luks2, &json);

	return r < 0 ? r : px_seal_verify(json, strlen(json), luks2.names.uuid, key);
}

enum px_status px_backup_write(const struct px_backup *backup, const struct px_luks *luks, int fd,
			       const char *device)
{
	int r = write_all(fd, backup, luks->header);

	return r < 0 ? device_failed(device, "its header cannot be written", r) : PX_OK;
}
