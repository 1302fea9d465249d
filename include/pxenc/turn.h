/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_TURN_H
#define PXENC_TURN_H

#include "pxenc/cleanup.h"

/*
 * When a machine starts, a thousand volumes may want their keys at once. So many processes at a
 * time have their turn with the store; the others wait, without a deadline.
 */
#define PX_TURNS 8

/*
 * Waits for a turn. *ret_turn is a descriptor: it holds the turn until it is closed, or its process
 * ends, however it ends. dir: px_place_run(), made if it is missing. -errno: there can be no turns
 * in it.
 */
int px_turn_take(const char *dir, int *ret_turn) PX_MUST_CHECK;

#endif
