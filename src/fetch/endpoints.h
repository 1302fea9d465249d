/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_ENDPOINTS_H
#define PXENC_ENDPOINTS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pxenc/http.h"

/* Where a peer can be asked, and what is known of each place. */

#define PX_ENDPOINTS_MAX 32

/* One URL of the peer. */
struct px_site {
	char *url; /* without a slash at its end */
	char *host;
	char *port;
	bool resolved; /* in this round of waiting */
};

/* One address of a site. */
struct px_endpoint {
	const struct px_site *site;
	char address[INET6_ADDRSTRLEN];
	struct px_http *http; /* owned; NULL until it is asked first */
	unsigned int named;   /* the pass in which its name led to it last */
	unsigned int pass;    /* when it was asked last */
	int connect_ms;	      /* what it is given to connect */
	int64_t dead_until;   /* it timed out: not before this, if there is another */
	int64_t not_before;   /* it said so (Retry-After) */
};

struct px_endpoints {
	struct px_site *sites; /* in the order of the config */
	size_t site_count;
	struct px_endpoint list[PX_ENDPOINTS_MAX];
	size_t count;
	struct px_endpoint *preferred; /* the one that answered last; NULL: none did */
	unsigned int pass;	       /* in each, every endpoint is asked once */
};

/* PX_USAGE names a URL that cannot be one of the peer's; PX_NOMEM. */
enum px_status px_endpoints_init(struct px_endpoints *endpoints, const struct px_peer *peer,
				 char *const *urls, struct px_cause *cause) PX_MUST_CHECK;

/* Adds what is new to what is known; an address that is gone from the DNS costs little, until
 * others need its place. 0 or a getaddrinfo error. */
int px_endpoints_resolve(struct px_endpoints *endpoints, struct px_site *site) PX_MUST_CHECK;

/* Whether it may be asked in this pass, at px_now_ms(): one that timed out only if all have. */
bool px_endpoints_is_due(const struct px_endpoints *endpoints, const struct px_endpoint *endpoint,
			 int64_t now);

/* When the first may be asked by its own word, in px_now_ms(); 0: there is none. */
int64_t px_endpoints_earliest(const struct px_endpoints *endpoints);

/* "https://a at 10.0.0.1, 10.0.0.2; https://b" */
void px_endpoints_describe(const struct px_endpoints *endpoints, char *text, size_t size);

void px_endpoints_clear(struct px_endpoints *endpoints);

#endif
