/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/io.h"

#include <errno.h>
#include <unistd.h>

/* To the end of the file, at most size bytes; how many, or -errno. */
static ssize_t read_up_to(int fd, char *text, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(fd, text + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

int px_read_all(int fd, size_t max, char **ret_text, size_t *ret_len)
{
	px_auto(free) char *text = malloc(max + 1);
	ssize_t n;

	if (!text)
		return -ENOMEM;
	/* One byte more than max, which the NUL takes the place of. */
	n = read_up_to(fd, text, max + 1);
	if (n < 0)
		return (int)n;
	if ((size_t)n > max)
		return -E2BIG;
	text[n] = '\0';
	*ret_text = px_steal(&text);
	*ret_len = (size_t)n;
	return 0;
}

int px_write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

ssize_t px_read_at(int fd, void *to, size_t len, uint64_t at)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(fd, (char *)to + done, len - done, (off_t)(at + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

int px_write_at(int fd, const void *data, size_t len, uint64_t at)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pwrite(fd, (const char *)data + done, len - done, (off_t)(at + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		done += (size_t)n;
	}
	return 0;
}
