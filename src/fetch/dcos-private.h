/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_DCOS_PRIVATE_H
#define PXENC_DCOS_PRIVATE_H

#include <stdbool.h>

#include "pxenc/dcos.h"

struct px_dcos {
	struct px_route *route;
	char *store;
	struct px_secret *acs; /* ACS token; NULL: none, or rejected */
	const struct px_keeper *keeper;
	const struct px_listener *listener;
	unsigned int asked; /* for credentials, in this request */
	bool logged_in;	    /* with credentials, in this request */
};

/* stage: "login", "get". */
void px_dcos_note_time(const struct px_dcos *dcos, const char *stage,
		       const struct px_http_answer *answer);

/* Before each request: what follows belongs to it. */
void px_dcos_begin(struct px_dcos *dcos);

/* Asks with an ACS token, for which it logs in, and once more with a newer one after a 401.
 * *ret_lost: as px_route_ask() says, of any of these questions. */
enum px_status px_dcos_call(struct px_dcos *dcos, struct px_http_request *request,
			    struct px_http_answer *ret_answer, bool *ret_lost,
			    struct px_cause *cause) PX_MUST_CHECK;

#endif
