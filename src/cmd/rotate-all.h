/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_CMD_ROTATE_ALL_H
#define PXENC_CMD_ROTATE_ALL_H

#include "pxenc/cleanup.h"
#include "pxenc/status.h"

/*
 * Rotates many volumes, one after the other, each in a process of its own: those named, or (none
 * named) all of this machine that are pxenc's. One that fails holds back no other. PX_SOME_FAILED;
 * PX_DECLINED: a signal came, and the rest was left.
 */
enum px_status px_rotate_all(char *const *devices,
			     enum px_status (*rotate)(const char *device, const void *arg),
			     const void *arg) PX_MUST_CHECK;

#endif
