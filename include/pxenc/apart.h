/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_APART_H
#define PXENC_APART_H

#include <stdint.h>

#include "pxenc/cleanup.h"

/*
 * A function of ours in a child of its own, for calls that a dead disk can hang: its result, 0 or
 * -errno, or -ETIMEDOUT when it has waited `patience` milliseconds (await.h). Then the child is
 * killed, and gone when this returns; where even that cannot end it within a second, it is left to
 * init. -EIO: it was killed by somebody else. The child has none of our descriptors but those of
 * close-others.h, and prints nothing.
 */
int px_apart(int (*work)(const void *arg), const void *arg, int64_t patience) PX_MUST_CHECK;

#endif
