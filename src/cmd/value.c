/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "pxenc/cmd.h"
#include "pxenc/log.h"

enum px_status px_read_value(const char *file, size_t max, struct px_secret **ret_value)
{
	px_auto(fd) int fd = strcmp(file, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
						    : open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int r = fd < 0 ? -errno : px_secret_read(fd, max, ret_value);

	if (r == -ENOMEM)
		return px_nomem();
	if (r == -E2BIG)
		return px_fail(PX_USAGE, "cannot read the value from '%s': more than %zu bytes",
			       file, max);
	return r < 0 ? px_fail(PX_USAGE, "cannot read the value from '%s': %s", file, strerror(-r))
		     : PX_OK;
}
