/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/await.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOOKS 10	/* that find it waiting, one after the other */
#define LOOKS_MOST 1500 /* whatever they find */

/* "PID (NAME) STATE …", where the name may hold anything. */
bool px_is_at_work(pid_t pid)
{
	px_auto(fd) int fd = -1;
	char path[32], text[256];
	const char *name_end;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
	text[n > 0 ? n : 0] = '\0';
	name_end = strrchr(text, ')');
	return name_end && strncmp(name_end, ") R", 3) == 0;
}

int px_await(int fd, pid_t pid, int64_t patience)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	int idle = 0, r;

	for (int looks = 0; idle < LOOKS && looks < LOOKS_MOST; looks++) {
		r = poll(&ready, 1, (int)(patience / LOOKS));
		if (r > 0)
			return 0;
		if (r < 0 && errno != EINTR)
			return -errno;
		if (r == 0)
			idle = px_is_at_work(pid) ? 0 : idle + 1;
	}
	return -ETIMEDOUT;
}
