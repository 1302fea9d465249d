/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/route.h"

#define FIRST_MS 250U
#define LAST_MS 4000U

/* Half of it is certain, half is chance: a site that powers up must not ask in step. */
int px_backoff_ms(unsigned int round, unsigned int random)
{
	unsigned int full = round < 4 ? FIRST_MS << round : LAST_MS;

	return (int)(full / 2 + random % (full / 2 + 1));
}
