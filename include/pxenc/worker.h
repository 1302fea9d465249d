/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_WORKER_H
#define PXENC_WORKER_H

#include <stdbool.h>
#include <sys/types.h>

#include "pxenc/cleanup.h"

/*
 * A function in a process of its own: for a disk that may hang, so that it can be killed, and for
 * libraries that keep process globals. It is a copy of this process, except that secrets are wiped
 * (secret.h) and that it has none of our descriptors but standard error and those of
 * close-others.h: 0 and 1 are /dev/null, since whoever reads our output would wait for a process
 * that a dead disk holds. When its parent dies it gets SIGTERM, which lets it finish what must not
 * be left half way (signals.h).
 */
struct px_worker {
	pid_t pid; /* 0: none */
	int from;  /* reads what it says; -1: none */
};

#define PX_WORKER_NONE ((struct px_worker){ .pid = 0, .from = -1 })

/*
 * Runs work(arg, in, to): `in` is a descriptor of the caller's that it is to keep (-1: none; it
 * stays the caller's here), `to` is what the caller reads as `from`. The process ends with the
 * function. 0 or -errno.
 */
int px_worker_start(void (*work)(void *arg, int in, int to), void *arg, int in,
		    struct px_worker *ret_worker) PX_MUST_CHECK;

/* For the function itself, when it has nothing to say on standard error: whoever reads that would
 * wait for it, too. */
void px_worker_be_quiet(void);

/* Waits for one that has said all. */
void px_worker_end(struct px_worker *worker);

/*
 * Kills it, and waits for nothing: a process that a dead disk holds does not die before the disk
 * answers. Its pid, if it is still there; else 0. Who ends soon leaves it to init, others have
 * px_worker_is_gone.
 */
pid_t px_worker_kill(struct px_worker *worker);

/* Whether one that was killed has died since; then it is reaped. */
bool px_worker_is_gone(pid_t pid) PX_MUST_CHECK;

#endif
