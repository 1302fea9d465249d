/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/console.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "pxenc/cleanup.h"

bool px_is_on_journal(void)
{
	const char *journal = getenv("JOURNAL_STREAM");
	char own[64];
	struct stat st;

	if (!journal || fstat(STDERR_FILENO, &st) < 0)
		return false;
	snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return strcmp(journal, own) == 0;
}

void px_console_say(const char *line)
{
	px_auto(fd) int fd = open("/dev/console", O_WRONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);

	if (fd >= 0)
		dprintf(fd, "%s\n", line);
}
