/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_FLOCK_H
#define PXENC_FLOCK_H

#include <stdint.h>

#include "pxenc/cleanup.h"

/* flock(2) for ourselves alone, by a deadline. It lasts as long as the descriptor, or a copy of it.
 * -ETIMEDOUT, or flock's -errno. */
int px_flock_by(int fd, int64_t deadline) PX_MUST_CHECK;

#endif
