/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_CMD_PROGRESS_H
#define PXENC_CMD_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/* How far long work is, in one line on a terminal; nothing in a pipe. */
struct px_progress {
	const char *what; /* by reference */
	int64_t since, shown;
	uint64_t first; /* bytes that were done when it began */
	bool on, begun;
};

void px_progress_begin(struct px_progress *progress, const char *what);

/* Bytes. Twice a second at most. */
void px_progress_show(struct px_progress *progress, uint64_t done, uint64_t size);

/* The line goes. */
void px_progress_end(struct px_progress *progress);

#endif
