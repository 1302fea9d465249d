/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "pxenc/cleanup.h"
#include "pxenc/log.h"

/* Not flock(2), which libcryptsetup takes on plain files; and it ends with our descriptor. */
static enum px_status lock(const char *path, int fd)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (fcntl(fd, F_OFD_SETLK, &whole) == 0)
		return PX_OK;
	if (errno == EAGAIN || errno == EACCES)
		return px_fail(PX_BUSY, "%s is being changed by another pxenc", path);
	return px_fail(PX_KERNEL, "%s cannot be locked: %s", path, strerror(errno));
}

enum px_status px_lock_device(const char *device, char **ret_path, int *ret_fd)
{
	px_auto(free) char *path = realpath(device, NULL);
	px_auto(fd) int fd = -1;
	enum px_status status;
	struct stat st;

	if (!path || stat(path, &st) < 0)
		return px_fail(PX_NO_VOLUME, "no such device %s: %s", device, strerror(errno));
	if (!S_ISBLK(st.st_mode) && !S_ISREG(st.st_mode))
		return px_fail(PX_NO_VOLUME, "%s is neither a block device nor a file", device);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return px_fail(PX_NO_VOLUME, "cannot open %s: %s", device, strerror(errno));
	status = lock(path, fd);
	if (status)
		return status;
	*ret_path = px_steal(&path);
	*ret_fd = fd;
	fd = -1;
	return PX_OK;
}

int px_device_unused(const char *path, int fd)
{
	px_auto(fd) int claim = -1;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISBLK(st.st_mode))
		return 0;
	/* On a block device, O_EXCL claims it. */
	claim = open(path, O_RDONLY | O_CLOEXEC | O_EXCL);
	return claim < 0 ? -errno : 0;
}
