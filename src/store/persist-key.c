/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/persist.h"

#include <fcntl.h>
#include <string.h>

#include "pxenc/cleanup.h"

/*
 * What systemd-creds encrypts begins with an id that says by which keys. Of the one for the host
 * key alone, 5a1c6a86df9d4096b1d5a65e0862f19a, these are the first 15 bytes in base64.
 */
static const char by_host_key[] = "Whxqht+dQJax1aZeCGLx";

bool px_persist_is_by_host_key(const char *file)
{
	px_auto(fd) int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char start[sizeof(by_host_key) - 1];

	return fd >= 0 && read(fd, start, sizeof(start)) == (ssize_t)sizeof(start) &&
	       memcmp(start, by_host_key, sizeof(start)) == 0;
}
