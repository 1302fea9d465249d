/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/image.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "luks-private.h"
#include "pxenc/io.h"
#include "pxenc/log.h"

#define BLOCK ((size_t)1 << 20)
#define SECTOR PX_UNFINISHED_SIZE

/* In the LUKS2 binary header: the size of one copy, big-endian. */
#define SIZE_AT 8

/* At the device's end some leave signatures of their own: GPT, RAID, ZFS. */
#define TAIL_SIZE ((uint64_t)1 << 20)

static int write_start(const struct px_image *image, const unsigned char *sector)
{
	int r = px_write_at(image->fd, sector, PX_UNFINISHED_SIZE, 0);

	return r == 0 && fsync(image->fd) < 0 ? -errno : r;
}

/* O_EXCL on a block device: nobody has it mounted, mapped or swapped on, or will meanwhile. */
static enum px_status open_device(struct px_image *image)
{
	const char *device = image->luks->device;
	struct stat st;

	if (stat(device, &st) < 0)
		return px_fail(PX_NO_VOLUME, "%s: %m", device);
	image->fd = open(device, O_RDWR | O_CLOEXEC | (S_ISBLK(st.st_mode) ? O_EXCL : 0));
	if (image->fd < 0)
		return px_fail(errno == EBUSY ? PX_BUSY : PX_KERNEL, "%s: cannot be written: %m",
			       device);
	return PX_OK;
}

static enum px_status not_written(const struct px_image *image, int r)
{
	return px_fail(PX_KERNEL, "%s: cannot be written: %s", image->luks->device, strerror(-r));
}

enum px_status px_image_mark(struct px_image *image)
{
	unsigned char mark[PX_UNFINISHED_SIZE];
	enum px_status status = open_device(image);
	ssize_t n;
	int r;

	if (status != PX_OK)
		return status;
	n = px_read_at(image->fd, image->was, sizeof(image->was), 0);
	if (n != sizeof(image->was))
		return px_fail(PX_KERNEL, "%s: cannot be read: %s", image->luks->device,
			       n < 0 ? strerror((int)-n) : "it is too small");
	px_unfinished_format(&image->unfinished, mark);
	r = write_start(image, mark);
	if (r == 0)
		return PX_OK;
	status = not_written(image, r);
	/* There is no more to be done about a disk that fails. */
	if (write_start(image, image->was) < 0)
		px_note("%s: nor can its first sector be put back", image->luks->device);
	return status;
}

enum px_status px_image_unmark(struct px_image *image)
{
	int r = write_start(image, image->was);

	return r < 0 ? not_written(image, r) : PX_OK;
}

/* Where the second copy of the header begins: what the first says of its own size. */
static int find_second(const struct px_image *image, uint64_t *ret_at)
{
	uint64_t size;

	if (px_read_at(image->memory, &size, sizeof(size), SIZE_AT) != sizeof(size))
		return -EIO;
	*ret_at = be64toh(size);
	return 0;
}

/* The header and its keyslots, but for the first sectors of both copies, by which others would
 * recognise a volume. */
static int copy_body(const struct px_image *image, unsigned char *block, uint64_t second)
{
	uint64_t at = SECTOR;
	int r = 0;

	while (r == 0 && at < image->data_offset) {
		ssize_t n = px_read_at(image->memory, block, BLOCK - at % BLOCK, at);

		if (n <= 0)
			return n < 0 ? (int)n : -EIO;
		if (second >= at && second < at + (uint64_t)n)
			memset(block + (second - at), 0, SECTOR);
		r = px_write_at(image->fd, block, (size_t)n, at);
		at += (uint64_t)n;
	}
	return r;
}

/* What lies at the device's end would be recognised by others. */
static int wipe_tail(const struct px_image *image, unsigned char *block)
{
	uint64_t size = image->luks->device_size;
	uint64_t data = size - image->data_offset;
	uint64_t len = data < TAIL_SIZE ? data : TAIL_SIZE;

	memset(block, 0, BLOCK);
	return px_write_at(image->fd, block, (size_t)len, size - len);
}

static int copy_sector(const struct px_image *image, uint64_t at)
{
	unsigned char sector[SECTOR];
	ssize_t n = px_read_at(image->memory, sector, sizeof(sector), at);
	int r;

	if (n != sizeof(sector))
		return n < 0 ? (int)n : -EIO;
	r = px_write_at(image->fd, sector, sizeof(sector), at);
	return r == 0 && fsync(image->fd) < 0 ? -errno : r;
}

static int write_volume(const struct px_image *image, unsigned char *block)
{
	uint64_t second;
	int r = find_second(image, &second);

	if (r == 0)
		r = copy_body(image, block, second);
	if (r == 0)
		r = wipe_tail(image, block);
	if (r == 0 && fsync(image->fd) < 0)
		r = -errno;
	/* Instead of the mark: from here on it is a volume. */
	if (r == 0)
		r = copy_sector(image, 0);
	return r == 0 ? copy_sector(image, second) : r;
}

enum px_status px_image_commit(struct px_image *image)
{
	px_auto(free) unsigned char *block = malloc(BLOCK);
	int r;

	if (!block)
		return px_nomem();
	r = write_volume(image, block);
	return r < 0 ? not_written(image, r) : PX_OK;
}

void px_image_free(struct px_image **image)
{
	if (!image || !*image)
		return;
	px_luks_free(&(*image)->luks);
	px_fd_cleanup(&(*image)->memory);
	px_fd_cleanup(&(*image)->fd);
	free(*image);
	*image = NULL;
}
