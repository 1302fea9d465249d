/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* A header of more bytes than this is no answer of DC/OS. */
#define HEADER_MAX 65536
#define BODY_START 16384

struct px_http {
	CURL *curl; /* its own pool of connections: the one to this address */
	char *url;
	char *where; /* "10.0.0.1:443", for messages */
	struct curl_slist *connect_to;
	const struct px_peer *peer;
	const struct px_secret *ca;
	char error[CURL_ERROR_SIZE];
};

/* One exchange, as the callbacks see it. */
struct exchange {
	struct px_secret *body;
	size_t body_max;
	size_t header_len;
	bool oversize;
	bool nomem;
};

int px_http_init(void)
{
	return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? 0 : -EIO;
}

static void url_cleanup(CURLU **url)
{
	curl_url_cleanup(*url);
}

static bool has_part(CURLU *url, CURLUPart part)
{
	char *text = NULL;
	bool has = curl_url_get(url, part, &text, 0) == CURLUE_OK;

	curl_free(text);
	return has;
}

static int copy_part(CURLU *url, CURLUPart part, char **ret_text)
{
	char *text = NULL;
	size_t len;

	if (curl_url_get(url, part, &text, CURLU_DEFAULT_PORT) != CURLUE_OK)
		return -EINVAL;
	len = strlen(text);
	/* An IPv6 address: getaddrinfo takes it without its brackets. */
	if (text[0] == '[')
		*ret_text = strndup(text + 1, len - 2);
	else
		*ret_text = strdup(text);
	curl_free(text);
	return *ret_text ? 0 : -ENOMEM;
}

static bool has_scheme(const char *url, bool plain)
{
	return strncmp(url, "https://", strlen("https://")) == 0 ||
	       (plain && strncmp(url, "http://", strlen("http://")) == 0);
}

int px_http_split(const char *url, bool plain, char **ret_host, char **ret_port)
{
	__attribute__((cleanup(url_cleanup))) CURLU *parsed = curl_url();
	px_auto(free) char *host = NULL;
	int r;

	if (!parsed)
		return -ENOMEM;
	/* Before libcurl looks: it would take HTTPS:// and a host without any scheme, too. */
	if (!has_scheme(url, plain) || curl_url_set(parsed, CURLUPART_URL, url, 0) != CURLUE_OK ||
	    has_part(parsed, CURLUPART_USER) || has_part(parsed, CURLUPART_PASSWORD) ||
	    has_part(parsed, CURLUPART_QUERY) || has_part(parsed, CURLUPART_FRAGMENT))
		return -EINVAL;
	r = copy_part(parsed, CURLUPART_HOST, &host);
	if (r == 0)
		r = copy_part(parsed, CURLUPART_PORT, ret_port);
	if (r == 0)
		*ret_host = px_steal(&host);
	return r;
}

/* Grows by doubling: a new secret and a copy, since realloc would leave one behind. */
static int make_room(struct exchange *exchange, size_t len)
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
	struct exchange *exchange = arg;
	size_t len = size * count;
	size_t used = exchange->body ? px_secret_len(exchange->body) : 0;

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
	struct exchange *exchange = arg;

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

static int add_line(struct curl_slist **headers, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*headers, line);

	if (!longer)
		return -ENOMEM;
	*headers = longer;
	return 0;
}

static int add_header(struct curl_slist **headers, const char *name, const char *value)
{
	px_auto(free) char *line = NULL;

	if (asprintf(&line, "%s:%s%s", name, *value ? " " : "", value) < 0) {
		line = NULL;
		return -ENOMEM;
	}
	return add_line(headers, line);
}

static int add_authorization(struct curl_slist **headers, const struct px_secret *acs)
{
	static const char name[] = "Authorization: token=";
	px_auto(secret) struct px_secret *line = NULL;
	int r;

	r = px_secret_new(sizeof(name) + px_secret_len(acs), &line);
	if (r == 0)
		r = px_secret_append(line, name, sizeof(name) - 1);
	if (r == 0)
		r = px_secret_append(line, px_secret_bytes(acs), px_secret_len(acs));
	if (r == 0)
		r = px_secret_append(line, "", 1);
	return r < 0 ? r : add_line(headers, (const char *)px_secret_bytes(line));
}

/* An empty Expect: libcurl would wait for "100 Continue" before a large body. */
static int make_headers(const struct px_http_request *request, struct curl_slist **ret_headers)
{
	char *const *line = request->headers;
	int r;

	r = add_header(ret_headers, "Accept", request->accept);
	if (r == 0)
		r = add_header(ret_headers, "Expect", "");
	if (r == 0 && request->content_type)
		r = add_header(ret_headers, "Content-Type", request->content_type);
	if (r == 0 && request->acs)
		r = add_authorization(ret_headers, request->acs);
	for (; r == 0 && line && *line; line++)
		r = add_line(ret_headers, *line);
	return r;
}

/* The lines hold the ACS token, or a signature. */
static void headers_cleanup(struct curl_slist **headers)
{
	struct curl_slist *line;

	for (line = *headers; line; line = line->next)
		px_wipe_string(line->data);
	curl_slist_free_all(*headers);
}

static CURLcode set_body(CURL *curl, const struct px_http_request *request)
{
	CURLcode c;

	if (!request->content_type) {
		c = curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
	} else {
		c = curl_easy_setopt(curl, CURLOPT_POST, 1L);
		if (!c)
			c = curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
					     (curl_off_t)px_secret_len(request->body));
		if (!c)
			c = curl_easy_setopt(curl, CURLOPT_POSTFIELDS,
					     (const char *)px_secret_bytes(request->body));
	}
	return c ? c : curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
}

static CURLcode set_times(CURL *curl, int connect_ms, int timeout_ms)
{
	CURLcode c = curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);

	return c ? c : curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
}

static CURLcode set_request(struct px_http *http, const struct px_http_request *request,
			    struct curl_slist *headers, struct exchange *exchange)
{
	px_auto(free) char *url = NULL;
	CURLcode c;

	if (asprintf(&url, "%s%s", http->url, request->target) < 0) {
		url = NULL;
		return CURLE_OUT_OF_MEMORY;
	}
	c = curl_easy_setopt(http->curl, CURLOPT_URL, url);
	if (!c)
		c = set_body(http->curl, request);
	if (!c)
		c = curl_easy_setopt(http->curl, CURLOPT_HTTPHEADER, headers);
	if (!c)
		c = curl_easy_setopt(http->curl, CURLOPT_FRESH_CONNECT, request->fresh ? 1L : 0L);
	if (!c)
		c = curl_easy_setopt(http->curl, CURLOPT_WRITEDATA, exchange);
	if (!c)
		c = curl_easy_setopt(http->curl, CURLOPT_HEADERDATA, exchange);
	return c;
}

static long info(CURL *curl, CURLINFO what)
{
	long value = 0;

	return curl_easy_getinfo(curl, what, &value) == CURLE_OK ? value : 0;
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

	answer->code = (unsigned int)info(curl, CURLINFO_RESPONSE_CODE);
	answer->sent = info(curl, CURLINFO_REQUEST_SIZE) > 0;
	answer->total_us = time_info(curl, CURLINFO_TOTAL_TIME_T);
	if (info(curl, CURLINFO_NUM_CONNECTS) > 0)
		answer->connect_us = time_info(curl, CURLINFO_APPCONNECT_TIME_T);
	if (curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &retry_after) == CURLE_OK)
		answer->retry_after = retry_after > 86400
					      ? 86400
					      : (unsigned int)(retry_after > 0 ? retry_after : 0);
	if (curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type) == CURLE_OK && type)
		snprintf(answer->content_type, sizeof(answer->content_type), "%s", type);
}

/* Whether a failed handshake was just a connection that ended: a server that is starting or a
 * balancer with nothing behind it. libcurl has one code for all, and tells them apart in words. */
static bool was_cut_off(const struct px_http *http)
{
	return strstr(http->error, "SSL_ERROR_SYSCALL") || strstr(http->error, "unexpected eof") ||
	       strstr(http->error, "reset by peer");
}

/* A socket has its own port from the moment on that TCP is connected; libcurl's time of that is not
 * there before TLS is, too. */
static enum px_status timed_out(const struct px_http *http, const struct px_http_answer *answer,
				struct px_cause *cause)
{
	const char *what = "connect to";

	if (answer->code)
		what = "the answer of";
	else if (answer->sent)
		what = "waiting for";
	else if (info(http->curl, CURLINFO_LOCAL_PORT) > 0)
		what = "TLS handshake with";
	return px_cause_set(cause, PX_UNREACHABLE, "%s %s: timed out after %.1f s", what,
			    http->where, (double)answer->total_us / 1e6);
}

/* The certificate or TLS itself is wrong. */
static enum px_status not_verified(const struct px_http *http, struct px_cause *cause)
{
	return px_cause_set(cause, PX_UNTRUSTED, "%s at %s cannot be trusted: %s: %s", http->url,
			    http->where, http->error, http->peer->mend);
}

/* An answer that began and did not end well. */
static enum px_status broke_off(const struct px_http *http, const struct exchange *exchange,
				CURLcode c, struct px_cause *cause)
{
	if (exchange->nomem || c == CURLE_OUT_OF_MEMORY)
		return px_cause_nomem(cause);
	if (exchange->oversize)
		return px_cause_set(cause, PX_UNTRUSTED, "the answer of %s is too large",
				    http->where);
	return px_cause_set(cause, PX_UNTRUSTED, "the answer of %s is truncated or malformed: %s",
			    http->where, http->error);
}

static enum px_status dropped(const struct px_http *http, const struct exchange *exchange,
			      CURLcode c, struct px_cause *cause)
{
	if (exchange->header_len)
		return broke_off(http, exchange, c, cause);
	return px_cause_set(cause, PX_UNREACHABLE, "%s dropped the connection", http->where);
}

static enum px_status explain(const struct px_http *http, const struct exchange *exchange,
			      CURLcode c, const struct px_http_answer *answer,
			      struct px_cause *cause)
{
	switch (c) {
	case CURLE_COULDNT_CONNECT:
		return px_cause_set(cause, PX_UNREACHABLE, "connect to %s: %s", http->where,
				    strerror((int)info(http->curl, CURLINFO_OS_ERRNO)));
	case CURLE_OPERATION_TIMEDOUT:
		return timed_out(http, answer, cause);
	case CURLE_GOT_NOTHING:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
		return dropped(http, exchange, c, cause);
	case CURLE_SSL_CONNECT_ERROR:
		if (was_cut_off(http))
			return px_cause_set(cause, PX_UNREACHABLE, "%s dropped the TLS handshake",
					    http->where);
		return not_verified(http, cause);
	case CURLE_PEER_FAILED_VERIFICATION:
		return not_verified(http, cause);
	case CURLE_SSL_CACERT_BADFILE:
		return px_cause_set(cause, PX_USAGE,
				    http->ca ? "%s holds no PEM certificate"
					     : "the system has no CA certificates: set %s or "
					       "install ca-certificates",
				    http->peer->ca);
	default:
		return broke_off(http, exchange, c, cause);
	}
}

enum px_status px_http_ask(struct px_http *http, const struct px_http_request *request,
			   int connect_ms, int timeout_ms, struct px_http_answer *ret_answer,
			   struct px_cause *cause)
{
	__attribute__((cleanup(headers_cleanup))) struct curl_slist *headers = NULL;
	struct exchange exchange = { .body_max = request->answer_max };
	CURLcode c;

	*ret_answer = (struct px_http_answer){ .code = 0 };
	http->error[0] = '\0';
	if (make_headers(request, &headers) < 0)
		return px_cause_nomem(cause);
	c = set_request(http, request, headers, &exchange);
	if (!c)
		c = set_times(http->curl, connect_ms, timeout_ms);
	if (!c)
		c = curl_easy_perform(http->curl);
	read_answer(http->curl, ret_answer);
	ret_answer->body = exchange.body;
	/* libcurl would keep pointers to what ends with this function. */
	curl_easy_setopt(http->curl, CURLOPT_HTTPHEADER, NULL);
	curl_easy_setopt(http->curl, CURLOPT_POSTFIELDS, NULL);
	return c ? explain(http, &exchange, c, ret_answer, cause) : PX_OK;
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
