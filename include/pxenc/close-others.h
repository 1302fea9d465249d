/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_CLOSE_OTHERS_H
#define PXENC_CLOSE_OTHERS_H

/*
 * In a child: closes what lies above standard error, but for a, b (-1: none), and for what
 * libcryptsetup and libdevmapper open once and for all processes to come: the kernel's random
 * devices and /dev/mapper/control. They would take the random bytes of a salt from whatever file
 * had the number next.
 */
void px_close_others(int a, int b);

#endif
