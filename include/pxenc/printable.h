/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_PRINTABLE_H
#define PXENC_PRINTABLE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Text that comes from a header, a server or a file name must not drive a terminal or forge a
 * line. Printable is UTF-8 without control characters (C0, C1), line separators, and characters
 * that turn the direction of what follows. A lone byte above 0x7f is not UTF-8, and a control
 * character for many a terminal.
 */
bool px_is_printable(const char *text);

/* Puts a '?' in the place of each byte that is not printable. */
void px_make_printable(char *text);

/* Characters of a printable text, which is columns but for East Asian and combining ones. */
size_t px_printable_width(const char *text);

#endif
