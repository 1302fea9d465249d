/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_SIGNALS_H
#define PXENC_SIGNALS_H

/*
 * From here to the end of the process, SIGINT, SIGTERM, SIGHUP and SIGQUIT find us finishing what
 * we began, not half way: a mapping that is to be marked, a device that is being formatted.
 * Programs that are started get their signals as ever.
 */
void px_signals_hold(void);

#endif
