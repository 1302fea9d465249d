/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "format-device.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "pxenc/cleanup.h"
#include "pxenc/cmd.h"
#include "pxenc/log.h"
#include "pxenc/probe.h"

/* Not flock(2), which libcryptsetup takes on plain files; and it ends with our descriptor. */
static enum px_status lock_device(const char *path, int fd)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (fcntl(fd, F_OFD_SETLK, &whole) == 0)
		return PX_OK;
	if (errno == EAGAIN || errno == EACCES)
		return px_fail(PX_BUSY, "%s is being formatted by another pxenc", path);
	return px_fail(PX_KERNEL, "%s cannot be locked: %s", path, strerror(errno));
}

/*
 * While it lasts, udevd looks at nothing on the device (https://systemd.io/BLOCK_DEVICE_LOCKING),
 * and so does not have a volume opened that is half made. It holds the same lock itself for
 * moments.
 */
static enum px_status keep_udev_away(const char *path, int fd)
{
	const struct timespec moment = { .tv_nsec = 20000000 };

	for (int tries = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; tries++) {
		if (errno != EWOULDBLOCK)
			return px_fail(PX_KERNEL, "%s cannot be locked: %s", path, strerror(errno));
		if (tries == 250)
			return px_fail(PX_BUSY, "%s is locked by another program: see lsof %s",
				       path, path);
		nanosleep(&moment, NULL);
	}
	return PX_OK;
}

enum px_status px_target_take(const char *device, struct px_target *ret_target)
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
	status = lock_device(path, fd);
	if (!status && S_ISBLK(st.st_mode))
		status = keep_udev_away(path, fd);
	if (status)
		return status;
	ret_target->path = px_steal(&path);
	ret_target->lock = fd;
	fd = -1;
	return PX_OK;
}

/* O_EXCL on a block device: nobody has it mounted, mapped or swapped on. */
static enum px_status check_unused(const struct px_target *target)
{
	px_auto(fd) int fd = -1;
	struct stat st;

	if (fstat(target->lock, &st) < 0)
		return px_fail(PX_KERNEL, "%s: %s", target->path, strerror(errno));
	if (!S_ISBLK(st.st_mode))
		return PX_OK;
	fd = open(target->path, O_RDONLY | O_CLOEXEC | O_EXCL);
	if (fd < 0 && errno == EBUSY)
		return px_fail(PX_BUSY, "%s is in use: see lsblk %s", target->path, target->path);
	if (fd < 0)
		return px_fail(PX_NO_VOLUME, "cannot open %s: %s", target->path, strerror(errno));
	return PX_OK;
}

enum px_status px_target_check(struct px_target *target, bool force, bool ask)
{
	px_auto(free) char *what = NULL, *question = NULL;
	enum px_status st;

	st = check_unused(target);
	if (st || force || target->agreed)
		return st;
	st = px_probe_contents(target->path, &what);
	if (st || !what)
		return st;
	if (!ask)
		return px_fail(PX_BUSY, "%s holds a %s since a moment ago: nothing was changed",
			       target->path, what);
	if (asprintf(&question, "%s holds a %s, which format would destroy", target->path, what) <
	    0)
		return px_nomem();
	st = px_confirm(question);
	target->agreed = st == PX_OK;
	return st;
}

void px_target_release(struct px_target *target)
{
	free(target->path);
	px_fd_cleanup(&target->lock);
	*target = PX_TARGET_NONE;
}
