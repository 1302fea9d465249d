/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/clock.h"

#include <limits.h>
#include <time.h>

int64_t px_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t px_now_ms(void)
{
	return px_now_us() / 1000;
}

int64_t px_deadline_in(unsigned int seconds)
{
	return seconds ? px_now_ms() + (int64_t)seconds * 1000 : PX_FOREVER;
}

int px_deadline_left(int64_t deadline)
{
	int64_t left;

	if (deadline == PX_FOREVER)
		return -1;
	left = deadline - px_now_ms();
	if (left <= 0)
		return 0;
	return left > INT_MAX ? INT_MAX : (int)left;
}
