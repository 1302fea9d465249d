/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_CHILD_H
#define PXENC_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "pxenc/cleanup.h"

/*
 * Programs that pxenc starts: by absolute path, with an environment of PATH and LANG alone,
 * with no descriptor but 0, 1 and 2, with default signals, and killed when pxenc dies.
 */
struct px_child {
	pid_t pid; /* 0: none */
	int pidfd; /* the same process, even when somebody else has reaped it */
	int in;	   /* writes to its standard input; -1 if not piped */
	int out;   /* reads its standard output; -1 if not piped */
	int err;   /* reads its standard error; -1 if not piped */
};

#define PX_CHILD_NONE ((struct px_child){ .pid = 0, .pidfd = -1, .in = -1, .out = -1, .err = -1 })

/* Starts a program with pipes to its stdin and stdout and /dev/null as its stderr. 0 or -errno,
 * exec's own failure included. */
int px_child_start(const char *const argv[], struct px_child *ret_child) PX_MUST_CHECK;

/*
 * Starts a program that finds these bytes in its standard input, with pipes from its stdout and
 * stderr. Fit for other people's processes: nobody waits for it to read, and its end raises no
 * SIGPIPE, since its input is a file in memory. 0 or -errno, exec's own failure included.
 */
int px_child_start_with(const void *input, size_t len, const char *const argv[],
			struct px_child *ret_child) PX_MUST_CHECK;

/*
 * Runs a program to its end with our own stdout and stderr and no input; *ret_status is its exit
 * status (128 + signal if it was killed). 0 or -errno. quiet: what it prints is shown only if it
 * fails, on stderr.
 */
int px_child_run(const char *const argv[], bool quiet, int *ret_status) PX_MUST_CHECK;

/*
 * Closes the pipes, waits until the deadline, then kills; reaps. NULL and none are fine. Its exit
 * status (128 + signal if it was killed); -ECHILD: unknown, since somebody else has reaped it, as a
 * process that ignores SIGCHLD has its children reaped.
 */
int px_child_end(struct px_child *child, int64_t deadline);

static inline void px_child_cleanup(struct px_child *child)
{
	px_child_end(child, 0);
}

#endif
