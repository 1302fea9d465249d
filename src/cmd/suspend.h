/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_CMD_SUSPEND_H
#define PXENC_CMD_SUSPEND_H

#include "pxenc/cleanup.h"
#include "pxenc/options.h"
#include "pxenc/status.h"

/* What the commands do, for pxenc guard as well. what: NAME or DEVICE. libcryptsetup is used: one
 * volume per process. */
enum px_status px_suspend(const char *what) PX_MUST_CHECK;
enum px_status px_resume(const char *what, const struct px_options *options) PX_MUST_CHECK;

#endif
