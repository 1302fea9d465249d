/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/turn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

/*
 * Each byte of a file is a lock. That at 0 is the gate: whoever has it is the next, and the only
 * one who looks again and again for a turn that is free; the others sleep in the kernel's queue.
 * The turns are at 1 and behind. The file stays empty.
 */
#define GATE 0

static int lock(int fd, int command, short type, int at)
{
	struct flock flock = { .l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1 };
	int r;

	do
		r = fcntl(fd, command, &flock);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

static int open_file(const char *dir)
{
	px_auto(free) char *path = NULL;
	int fd;

	if (!dir)
		return -ENOENT;
	if (asprintf(&path, "%s/turns", dir) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	if (mkdir(dir, S_IRWXU) < 0 && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
	return fd < 0 ? -errno : fd;
}

/* -EAGAIN: none is free. */
static int find_turn(int fd)
{
	int r = -EAGAIN;

	for (int turn = 1; turn <= PX_TURNS && r == -EAGAIN; turn++) {
		r = lock(fd, F_OFD_SETLK, F_WRLCK, GATE + turn);
		/* POSIX allows both. */
		if (r == -EACCES)
			r = -EAGAIN;
	}
	return r;
}

static int wait_for_turn(int fd)
{
	const struct timespec moment = { .tv_nsec = 20000000 };
	int r = lock(fd, F_OFD_SETLKW, F_WRLCK, GATE);

	if (r < 0)
		return r;
	while ((r = find_turn(fd)) == -EAGAIN)
		nanosleep(&moment, NULL);
	return r < 0 ? r : lock(fd, F_OFD_SETLK, F_UNLCK, GATE);
}

int px_turn_take(const char *dir, int *ret_turn)
{
	px_auto(fd) int fd = open_file(dir);
	int r = fd < 0 ? fd : wait_for_turn(fd);

	if (r < 0)
		return r;
	*ret_turn = fd;
	fd = -1;
	return 0;
}
