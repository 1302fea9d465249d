/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_SIGNALS_H
#define PXENC_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

/* Those by which a person ends us, or the end of the terminal does: SIGINT, SIGTERM, SIGHUP and
 * SIGQUIT. */
sigset_t px_signals_ending(void);

/*
 * From here to the end of the process, they find us finishing what we began, not half way: a
 * mapping that is to be marked, a device that is being formatted. Programs that are started get
 * their signals as ever.
 */
void px_signals_hold(void);

/* Whether a person has asked us to stop (SIGINT, SIGTERM) since they are held back. SIGHUP does not
 * ask: what takes hours runs on when the terminal goes. */
bool px_signals_ask_to_stop(void);

#endif
