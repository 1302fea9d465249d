/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_QUIET_H
#define PXENC_QUIET_H

#include "pxenc/cleanup.h"

/* In a child that a dead disk may hold for ever: /dev/null takes the place of the standard
 * descriptors from first to last, so that nobody waits for the end of what we print. -errno. */
int px_quieten(int first, int last);

#endif
