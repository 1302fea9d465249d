/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_CLOCK_H
#define PXENC_CLOCK_H

#include <stdint.h>

/* A deadline is a point of the monotonic clock in milliseconds; PX_FOREVER never comes. */
#define PX_FOREVER INT64_MAX

int64_t px_now_us(void);
int64_t px_now_ms(void);

/* The deadline that lies `seconds` ahead; 0 seconds is PX_FOREVER, as in the config. */
int64_t px_deadline_in(unsigned int seconds);

/* Milliseconds left, as poll(2) takes them: 0 when past, -1 for PX_FOREVER. */
int px_deadline_left(int64_t deadline);

#endif
