/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "pxenc/backup.h"
#include "pxenc/io.h"
#include "pxenc/log.h"

#define BLOCK_SIZE ((size_t)64 << 10)

static int fill(uint8_t *block, size_t len)
{
	while (len > 0) {
		ssize_t n = getrandom(block, len, 0);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			block += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

static int wipe(int fd, uint64_t from, uint64_t to, bool random)
{
	uint8_t block[BLOCK_SIZE] = { 0 };

	while (from < to) {
		size_t len = to - from < BLOCK_SIZE ? (size_t)(to - from) : BLOCK_SIZE;
		int r = random ? fill(block, len) : 0;

		if (r == 0)
			r = px_write_at(fd, block, len, from);
		if (r < 0)
			return r;
		from += len;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

enum px_status px_header_wipe(int fd, const char *device, uint64_t from, uint64_t to, bool random)
{
	int r = wipe(fd, from, to, random);

	return r < 0 ? px_fail(PX_KERNEL, "%s: its header cannot be wiped: %s", device,
			       strerror(-r))
		     : PX_OK;
}
