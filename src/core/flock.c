/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/flock.h"

#include <errno.h>
#include <sys/file.h>
#include <time.h>

#include "pxenc/clock.h"

#define STEP_MS 20

/* flock(2) knows no deadline: it is asked again and again. */
int px_flock_by(int fd, int64_t deadline)
{
	static const struct timespec step = { 0, STEP_MS * 1000000L };

	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (px_deadline_left(deadline) == 0)
			return -ETIMEDOUT;
		nanosleep(&step, NULL);
	}
	return 0;
}
