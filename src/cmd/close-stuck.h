/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_CMD_CLOSE_STUCK_H
#define PXENC_CMD_CLOSE_STUCK_H

#include <stdbool.h>
#include <stddef.h>

#include "pxenc/cleanup.h"
#include "pxenc/status.h"

/*
 * For shutdown: releases every volume of pxenc's that is suspended or whose device was pulled out,
 * so that nobody waits for it any more. What was not written to its disk is lost, so that it asks,
 * if there are any, unless it is forced. All are released at once, and a disk that does not answer
 * holds up none of the others. PX_DECLINED; PX_KERNEL: some could not be released.
 */
enum px_status px_close_stuck(bool force) PX_MUST_CHECK;

/* Releases those whose device was pulled out: they can read and write nothing more. How many there
 * were; PX_KERNEL: some could not be released. */
enum px_status px_close_lost(size_t *ret_count) PX_MUST_CHECK;

#endif
