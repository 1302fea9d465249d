/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/close-others.h"

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Descriptors with higher numbers are closed unseen: what is opened for good is opened early. */
#define SEEN 1024

/* These have the same numbers on every Linux: see the kernel's admin-guide/devices.txt and, for
 * device-mapper, linux/miscdevice.h. */
static bool is_a_librarys(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && (st->st_rdev == makedev(1, 8) ||	  /* /dev/random */
					st->st_rdev == makedev(1, 9) ||	  /* /dev/urandom */
					st->st_rdev == makedev(10, 236)); /* /dev/mapper/control */
}

static int above(int end, int fd)
{
	return fd < end ? end : fd + 1;
}

void px_close_others(int a, int b)
{
	int end = above(above(SEEN, a), b);
	struct stat st;

	for (int fd = STDERR_FILENO + 1; fd < end; fd++)
		if (fd != a && fd != b && fstat(fd, &st) == 0 && !is_a_librarys(&st))
			close(fd);
	close_range((unsigned int)end, ~0U, 0);
}
