/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_TESTS_PEERS_H
#define PXENC_TESTS_PEERS_H

#include "pxenc/http.h"

/* Whom the tests of HTTP and of its routes ask, and what. */

static const struct px_peer cluster = {
	.name = "the store",
	.url = "cluster_url",
	.ca = "ca_cert_file",
	.mend = "check ca_cert_file and cluster_url",
};

static const struct px_peer stranger = { .name = "the endpoint",
					 .url = "the endpoint",
					 .ca = "A_FILE",
					 .mend = "mend it",
					 .plain = true };

static const struct px_http_request plain_get = {
	.method = "GET",
	.target = "/secrets/v1/secret/default/a",
	.accept = "*/*",
	.answer_max = 100000,
	.doing = "reading",
};

#endif
