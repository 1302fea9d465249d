/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
/* HTTPS: turns what libmicrohttpd receives into requests, and answers into what it sends. */
#ifndef DCOSD_SERVER_H
#define DCOSD_SERVER_H

#include "cluster.h"
#include "fault.h"

struct dcosd_server;

struct dcosd_server_config {
	int listen_fd; /* closed when the server stops */
	const char *cert_pem;
	const char *key_pem;
	int log_fd; /* -1: no log */
	struct dcosd_cluster *cluster;
	struct dcosd_faults *faults;
	const char *hook; /* NULL: none; see hook.h */
};

/* Serves in threads of its own, with a copy of CONFIG; NULL if TLS does not start. */
struct dcosd_server *dcosd_server_start(const struct dcosd_server_config *config);
/* Ends every connection, whatever state it is in. */
void dcosd_server_stop(struct dcosd_server *server);

#endif
