/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_APART_H
#define PXENC_APART_H

#include <stdint.h>

#include "pxenc/cleanup.h"

/*
 * A function of ours in a child of its own, for calls that a dead disk can hang: its result, 0 or
 * -errno, or -ETIMEDOUT when it has none by the deadline. Then the child is killed, and left to
 * init where even that cannot end it. -EIO: it was killed by somebody else.
 */
int px_apart(int (*work)(const void *arg), const void *arg, int64_t deadline) PX_MUST_CHECK;

#endif
