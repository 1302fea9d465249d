/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "pxenc/io.h"
#include "pxenc/log.h"

static enum px_status check_owner(const struct stat *st, const char *path, const char *what)
{
	if (!S_ISREG(st->st_mode))
		return px_fail(PX_USAGE, "%s '%s' is not a regular file", what, path);
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return px_fail(PX_USAGE, "%s '%s' belongs to uid %u: chown it to root", what, path,
			       (unsigned int)st->st_uid);
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return px_fail(PX_USAGE, "others may write to %s '%s': chmod go-w %s", what, path,
			       path);
	return PX_OK;
}

/* O_NONBLOCK: a FIFO in the place of a file must not hang us before it is looked at. */
static enum px_status open_checked(const char *path, const char *what, mode_t forbidden,
				   int *ret_fd)
{
	px_auto(fd) int fd = -1;
	enum px_status status;
	struct stat st;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0)
		return px_fail(PX_USAGE, "cannot open %s '%s': %s: mend its path or its mode", what,
			       path, strerror(errno));
	status = check_owner(&st, path, what);
	if (status)
		return status;
	if (st.st_mode & forbidden)
		return px_fail(PX_USAGE, "others may read %s '%s': chmod go-rwx %s", what, path,
			       path);
	*ret_fd = fd;
	fd = -1;
	return PX_OK;
}

/* What goes wrong when a file that was opened well is read. */
static enum px_status not_read(const char *path, const char *what, size_t max, int r)
{
	if (r == -E2BIG)
		return px_fail(PX_USAGE, "%s '%s' is longer than %zu bytes", what, path, max);
	if (r == -ENOMEM)
		return px_nomem();
	return px_fail(PX_USAGE, "cannot read %s '%s': %s", what, path, strerror(-r));
}

enum px_status px_file_read(const char *path, const char *what, size_t max, char **ret_text,
			    size_t *ret_len)
{
	px_auto(fd) int fd = -1;
	enum px_status status;
	int r;

	status = open_checked(path, what, 0, &fd);
	if (status)
		return status;
	r = px_read_all(fd, max, ret_text, ret_len);
	return r < 0 ? not_read(path, what, max, r) : PX_OK;
}

static enum px_status read_secret(const char *path, const char *what, size_t max, mode_t forbidden,
				  struct px_secret **ret_secret)
{
	px_auto(secret) struct px_secret *content = NULL;
	px_auto(fd) int fd = -1;
	enum px_status status;
	size_t len;
	int r;

	status = open_checked(path, what, forbidden, &fd);
	if (status)
		return status;
	r = px_secret_read(fd, max, &content);
	if (r < 0)
		return not_read(path, what, max, r);
	len = px_secret_len(content);
	if (len && px_secret_bytes(content)[len - 1] == '\n')
		px_secret_set_len(content, len - 1);
	if (!px_secret_len(content))
		return px_fail(PX_USAGE, "%s '%s' is empty", what, path);
	*ret_secret = px_steal(&content);
	return PX_OK;
}

enum px_status px_file_read_secret(const char *path, const char *what, size_t max,
				   struct px_secret **ret_secret)
{
	return read_secret(path, what, max, S_IRWXG | S_IRWXO, ret_secret);
}

enum px_status px_file_read_handed(const char *path, const char *what, size_t max,
				   struct px_secret **ret_secret)
{
	return read_secret(path, what, max, S_IWGRP | S_IRWXO, ret_secret);
}
