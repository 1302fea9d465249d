/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "pxenc/block.h"
#include "pxenc/cleanup.h"
#include "pxenc/log.h"

#define UDEV_TRIES 250 /* five seconds; it has the lock for moments itself */

/* Not flock(2), which libcryptsetup takes on plain files; and it ends with our descriptor. */
int px_lock_try(const char *path, int *ret_fd)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = open(path, O_RDWR | O_CLOEXEC), error;

	if (fd < 0)
		return -errno;
	if (fcntl(fd, F_OFD_SETLK, &whole) < 0) {
		error = errno == EAGAIN || errno == EACCES ? EBUSY : errno;
		close(fd);
		return -error;
	}
	*ret_fd = fd;
	return 0;
}

bool px_lock_is_held(const char *path)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	px_auto(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd >= 0 && fcntl(fd, F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
}

enum px_status px_lock_device(const char *device, char **ret_path, int *ret_fd)
{
	px_auto(free) char *path = realpath(device, NULL), *loop = NULL;
	struct stat st;
	int r;

	if (!path || stat(path, &st) < 0)
		return px_fail(PX_NO_VOLUME, "no such device %s: %s", device, strerror(errno));
	if (!S_ISBLK(st.st_mode) && !S_ISREG(st.st_mode))
		return px_fail(PX_NO_VOLUME, "%s is neither a block device nor a file", device);
	/* Who uses that device shows there alone. */
	loop = S_ISREG(st.st_mode) ? px_block_loop_of(&st) : NULL;
	if (loop)
		return px_fail(PX_BUSY, "%s is attached as %s: name that instead", device, loop);
	r = px_lock_try(path, ret_fd);
	if (r == -EBUSY)
		return px_fail(PX_BUSY, "%s is being changed by another pxenc", path);
	if (r < 0)
		return px_fail(r == -ENOLCK ? PX_KERNEL : PX_NO_VOLUME,
			       "cannot open %s, or lock it: %s%s", device, strerror(-r),
			       r == -EACCES ? ": run it as root" : "");
	*ret_path = px_steal(&path);
	return PX_OK;
}

int px_lock_out_udev(int fd)
{
	const struct timespec moment = { .tv_nsec = 20000000 };
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISBLK(st.st_mode))
		return 0;
	for (int tries = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; tries++) {
		if (errno != EWOULDBLOCK)
			return -errno;
		if (tries == UDEV_TRIES)
			return -EBUSY;
		nanosleep(&moment, NULL);
	}
	return 0;
}

int px_device_claim(const char *path, int fd, int *ret_claim)
{
	struct stat st;
	int claim;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISBLK(st.st_mode))
		return 0;
	/* On a block device, O_EXCL claims it. */
	claim = open(path, O_RDONLY | O_CLOEXEC | O_EXCL);
	if (claim < 0)
		return -errno;
	*ret_claim = claim;
	return 0;
}

enum px_status px_device_check_unused(const char *path, int fd)
{
	px_auto(fd) int claim = -1;
	int r = px_device_claim(path, fd, &claim);

	if (r == -EBUSY)
		return px_fail(PX_BUSY, "%s is in use: see lsblk %s", path, path);
	return r < 0 ? px_fail(PX_NO_VOLUME, "cannot open %s: %s", path, strerror(-r)) : PX_OK;
}
