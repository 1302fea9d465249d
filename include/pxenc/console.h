/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_CONSOLE_H
#define PXENC_CONSOLE_H

#include <stdbool.h>

/*
 * The machine's console: who stands before a boot that is held up sees no journal, and systemd
 * gives the units that it makes of fstab and crypttab none (pxenc@.service has it by
 * StandardError=journal+console).
 */

/* Whether standard error leads to the journal, as $JOURNAL_STREAM says (systemd.exec(5)). */
bool px_is_on_journal(void);

/* Writes line and a newline. It never waits, and a console that there is not is no error. */
void px_console_say(const char *line);

#endif
