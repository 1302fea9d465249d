/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_HTTP_PRIVATE_H
#define PXENC_HTTP_PRIVATE_H

#include <curl/curl.h>

#include "pxenc/http.h"

struct px_http {
	CURL *curl; /* its own pool of connections: the one to this address */
	char *url;
	char *where; /* "10.0.0.1:443", for messages */
	struct curl_slist *connect_to;
	const struct px_peer *peer;
	const struct px_secret *ca;
	char error[CURL_ERROR_SIZE];
};

/* One exchange, as libcurl's callbacks see it. */
struct px_exchange {
	struct px_secret *body;
	size_t body_max;
	size_t header_len;
	bool oversize;
	bool nomem;
};

/* http-request.c: the lines of the question's header, which hold the ACS token or a signature; the
 * question itself. libcurl keeps pointers to both. -ENOMEM. */
int px_http_headers(const struct px_http_request *request, struct curl_slist **ret_headers)
	PX_MUST_CHECK;
void px_http_headers_cleanup(struct curl_slist **headers);
CURLcode px_http_set_request(const struct px_http *http, const struct px_http_request *request,
			     struct curl_slist *headers) PX_MUST_CHECK;

/* http-failure.c: what libcurl's code means, and what can be done about it. */
enum px_status px_http_explain(const struct px_http *http, const struct px_exchange *exchange,
			       CURLcode c, const struct px_http_answer *answer,
			       struct px_cause *cause);

static inline long px_http_info(CURL *curl, CURLINFO what)
{
	long value = 0;

	return curl_easy_getinfo(curl, what, &value) == CURLE_OK ? value : 0;
}

#endif
