/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_AWAIT_H
#define PXENC_AWAIT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "pxenc/cleanup.h"

/* Whether a process is at work, as /proc has it. One that is not waits, for a disk or for another
 * process, or has ended. */
bool px_is_at_work(pid_t pid);

/*
 * Waits until fd, a pidfd or what a process of ours writes to, has something to read or has lost
 * its other end. The process is given up once it has not been seen at work for `patience`
 * milliseconds: it waits for a disk that does not answer. One that merely has little of a busy
 * machine is waited for, 150 times as long. 0, -ETIMEDOUT or -errno.
 */
int px_await(int fd, pid_t pid, int64_t patience) PX_MUST_CHECK;

#endif
