/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_PLACES_H
#define PXENC_PLACES_H

/*
 * Where things lie on this machine. The program has these compiled in, and no environment
 * variable has a say in them while it runs as root; the copy that the tests run from the build
 * folder links others (tests/places.c, tests/plugin-place.c).
 */

/* The absolute path of pxenc, for the plugin. */
const char *px_place_pxenc(void);

/* The absolute path of pxenc-fetch. */
const char *px_place_fetch(void);

/* The folder for ACS tokens, on tmpfs: root's is /run/pxenc; a user's lies in XDG_RUNTIME_DIR.
 * NULL: there is none, and nothing is cached. */
const char *px_place_run(void);

/* The credential stores of systemd, where a login is kept for restarts. */
const char *px_place_credstore(void);
const char *px_place_credstore_encrypted(void);

/* What comes before /sys, /lib/modules and /dev where the kernel is asked what it can do: "". */
const char *px_place_kernel(void);

/* The absolute path of systemd-creds(1). */
const char *px_place_systemd_creds(void);

#endif
