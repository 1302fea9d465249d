/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
/* The listening socket, on a loopback address only. */
#ifndef DCOSD_LISTEN_H
#define DCOSD_LISTEN_H

/*
 * Listens on "127.0.0.1:PORT", "[::1]:PORT" or the like. Returns the socket and the URL, with the
 * port that port 0 became, to be freed; -1 after saying why not.
 */
int dcosd_listen(const char *address, char **ret_url);

#endif
