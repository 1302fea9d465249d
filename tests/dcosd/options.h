/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
/* The command line. */
#ifndef DCOSD_OPTIONS_H
#define DCOSD_OPTIONS_H

#include "cluster.h"
#include "fault.h"

struct dcosd_options {
	const char *listen;
	int log_fd; /* -1: no log */
	char *cert_pem;
	char *key_pem;
	struct dcosd_cluster *cluster; /* filled with accounts, grants and secrets */
	struct dcosd_faults *faults;
	const char *hook; /* NULL: none */
};

/* Exits with a message and status 1 if something is wrong; --help exits with 0. */
void dcosd_options_parse(struct dcosd_options *options, int argc, char **argv);

#endif
