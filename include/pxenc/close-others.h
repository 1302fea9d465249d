/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_CLOSE_OTHERS_H
#define PXENC_CLOSE_OTHERS_H

/*
 * In a child: closes what lies above standard error, but for a, b (-1: none) and the kernel's
 * random devices. libcryptsetup opens those once and for all processes to come, and would take its
 * random bytes from whatever file had their numbers next. -errno: not all are closed.
 */
int px_close_others(int a, int b);

#endif
