/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "http-private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A header of more bytes than this is no answer of DC/OS. */
#define HEADER_MAX 65536
#define BODY_START 16384

int px_http_init(void)
{
	return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? 0 : -EIO;
}

/* Grows by doubling: a new secret and a copy, since realloc would leave one behind. */
static int make_room(struct px_exchange *exchange, size_t len)
{
	size_t used = exchange->body ? px_secret_len(exchange->body) : 0;
	size_t capacity = exchange->body ? px_secret_capacity(exchange->body) : 0;
	struct px_secret *grown;
	int r;

	if (len <= capacity - used)
		return 0;
	capacity = capacity ? 2 * capacity : BODY_START;
	while (capacity < used + len)
		capacity *= 2;
	r = px_secret_new(capacity < exchange->body_max ? capacity : exchange->body_max, &grown);
	if (r < 0)
		return r;
	if (exchange->body)
		r = px_secret_append(grown, px_secret_bytes(exchange->body), used);
	px_secret_free(&exchange->body);
	exchange->body = grown;
	return r;
}

static size_t take_body(char *data, size_t size, size_t count, void *arg)
{
	struct px_exchange *exchange = arg;
	size_t len = size * count;
	size_t used = exchange->body ? px_secret_len(exchange->body) : 0;

	if (len == 0)
		return 0;
	if (len > exchange->body_max - used) {
		exchange->oversize = true;
		return 0;
	}
	if (make_room(exchange, len) < 0 || px_secret_append(exchange->body, data, len) < 0) {
		exchange->nomem = true;
		return 0;
	}
	return len;
}

static size_t count_header(char *data, size_t size, size_t count, void *arg)
{
	struct px_exchange *exchange = arg;

	(void)data;
	exchange->header_len += size * count;
	exchange->oversize = exchange->header_len > HEADER_MAX;
	return exchange->oversize ? 0 : size * count;
}

/* libcurl copies what it is handed. Nothing of it is turned off: only this CA counts. */
static CURLcode set_trust(CURL *curl, const struct px_secret *ca)
{
	struct curl_blob blob = { .flags = CURL_BLOB_NOCOPY };
	CURLcode c;

	c = curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
	if (!c)
		c = curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
	if (!c)
		c = curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (c || !ca)
		return c;
	/* NOCOPY: libcurl only reads it, but takes a pointer that could write. */
	blob.data = px_secret_data((struct px_secret *)(uintptr_t)ca);
	blob.len = px_secret_len(ca);
	c = curl_easy_setopt(curl, CURLOPT_CAINFO, NULL);
	if (!c)
		c = curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
	return c ? c : curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &blob);
}

/* HTTP/2 where TLS agrees on it. A libcurl that was built without it refuses, and speaks
 * HTTP/1.1. */
static CURLcode set_version(CURL *curl)
{
	CURLcode c = curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);

	return c == CURLE_UNSUPPORTED_PROTOCOL ? CURLE_OK : c;
}

/* What holds for every question. */
static CURLcode set_manners(CURL *curl, const struct px_peer *peer)
{
	static const struct {
		CURLoption option;
		long value;
	} manners[] = {
		{ CURLOPT_NOSIGNAL, 1 },
		{ CURLOPT_FOLLOWLOCATION, 0 },
		{ CURLOPT_NETRC, CURL_NETRC_IGNORED },
		{ CURLOPT_HTTP09_ALLOWED, 0 },
		{ CURLOPT_PATH_AS_IS, 1 },
		{ CURLOPT_TCP_NODELAY, 1 },
	};
	CURLcode c =
		curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, peer->plain ? "http,https" : "https");
	size_t i;

	for (i = 0; !c && i < sizeof(manners) / sizeof(manners[0]); i++)
		c = curl_easy_setopt(curl, manners[i].option, manners[i].value);
	if (!c)
		c = set_version(curl);
	if (!c)
		c = curl_easy_setopt(curl, CURLOPT_PROXY, "");
	if (!c)
		c = curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
	if (!c)
		c = curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, count_header);
	return c;
}

/* "::address:port": whatever host and port the URL has, connect there. TLS still checks the
 * URL's host. Without a name to resolve libcurl starts no thread for it. */
static int set_address(struct px_http *http, const char *address, const char *port)
{
	bool ipv6 = strchr(address, ':') != NULL;
	px_auto(free) char *connect_to = NULL;

	/* A string that asprintf failed to make is undefined. */
	if (asprintf(&http->where, ipv6 ? "[%s]:%s" : "%s:%s", address, port) < 0) {
		http->where = NULL;
		return -ENOMEM;
	}
	if (asprintf(&connect_to, "::%s", http->where) < 0) {
		connect_to = NULL;
		return -ENOMEM;
	}
	http->connect_to = curl_slist_append(NULL, connect_to);
	return http->connect_to ? 0 : -ENOMEM;
}

int px_http_new(const struct px_peer *peer, const char *url, const char *address, const char *port,
		const struct px_secret *ca, struct px_http **ret_http)
{
	struct px_http *http = calloc(1, sizeof(*http));
	CURLcode c = CURLE_OUT_OF_MEMORY;

	if (!http)
		return -ENOMEM;
	http->peer = peer;
	http->ca = ca;
	http->url = strdup(url);
	http->curl = curl_easy_init();
	if (http->url && http->curl && set_address(http, address, port) == 0) {
		c = set_manners(http->curl, peer);
		if (!c)
			c = set_trust(http->curl, ca);
		if (!c)
			c = curl_easy_setopt(http->curl, CURLOPT_CONNECT_TO, http->connect_to);
		if (!c)
			c = curl_easy_setopt(http->curl, CURLOPT_ERRORBUFFER, http->error);
	}
	if (c) {
		px_http_free(&http);
		return -ENOMEM;
	}
	*ret_http = http;
	return 0;
}

static CURLcode set_exchange(CURL *curl, struct px_exchange *exchange)
{
	CURLcode c = curl_easy_setopt(curl, CURLOPT_WRITEDATA, exchange);

	return c ? c : curl_easy_setopt(curl, CURLOPT_HEADERDATA, exchange);
}

static CURLcode set_times(CURL *curl, int connect_ms, int timeout_ms)
{
	CURLcode c = curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);

	return c ? c : curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
}

static int64_t time_info(CURL *curl, CURLINFO what)
{
	curl_off_t us = 0;

	return curl_easy_getinfo(curl, what, &us) == CURLE_OK ? us : 0;
}

static void read_answer(CURL *curl, struct px_http_answer *answer)
{
	char *type = NULL;
	curl_off_t retry_after = 0;

	answer->code = (unsigned int)px_http_info(curl, CURLINFO_RESPONSE_CODE);
	answer->sent = px_http_info(curl, CURLINFO_REQUEST_SIZE) > 0;
	answer->total_us = time_info(curl, CURLINFO_TOTAL_TIME_T);
	if (px_http_info(curl, CURLINFO_NUM_CONNECTS) > 0)
		answer->connect_us = time_info(curl, CURLINFO_APPCONNECT_TIME_T);
	if (curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &retry_after) == CURLE_OK)
		answer->retry_after = retry_after > 86400
					      ? 86400
					      : (unsigned int)(retry_after > 0 ? retry_after : 0);
	if (curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type) == CURLE_OK && type)
		snprintf(answer->content_type, sizeof(answer->content_type), "%s", type);
}

enum px_status px_http_ask(struct px_http *http, const struct px_http_request *request,
			   int connect_ms, int timeout_ms, struct px_http_answer *ret_answer,
			   struct px_cause *cause)
{
	px_cleanup(px_http_headers_cleanup) struct curl_slist *headers = NULL;
	struct px_exchange exchange = { .body_max = request->answer_max };
	CURLcode c;

	*ret_answer = (struct px_http_answer){ .code = 0 };
	http->error[0] = '\0';
	if (px_http_headers(request, &headers) < 0)
		return px_cause_nomem(cause);
	c = px_http_set_request(http, request, headers);
	if (!c)
		c = set_exchange(http->curl, &exchange);
	if (!c)
		c = set_times(http->curl, connect_ms, timeout_ms);
	if (!c)
		c = curl_easy_perform(http->curl);
	read_answer(http->curl, ret_answer);
	ret_answer->body = exchange.body;
	/* libcurl would keep pointers to what ends with this function. */
	curl_easy_setopt(http->curl, CURLOPT_HTTPHEADER, NULL);
	curl_easy_setopt(http->curl, CURLOPT_POSTFIELDS, NULL);
	return c ? px_http_explain(http, &exchange, c, ret_answer, cause) : PX_OK;
}

void px_http_answer_clear(struct px_http_answer *answer)
{
	px_secret_free(&answer->body);
}

void px_http_free(struct px_http **http)
{
	if (!http || !*http)
		return;
	curl_easy_cleanup((*http)->curl);
	curl_slist_free_all((*http)->connect_to);
	free((*http)->url);
	free((*http)->where);
	free(*http);
	*http = NULL;
}
