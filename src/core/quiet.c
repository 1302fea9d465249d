/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/quiet.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int px_quieten(int first, int last)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int r = null < 0 ? -errno : 0;

	for (int fd = first; r == 0 && fd <= last; fd++)
		if (dup2(null, fd) < 0)
			r = -errno;
	if (null > STDERR_FILENO)
		close(null);
	return r;
}
