/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <curl/curl.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <time.h>

#include "pxenc/clock.h"
#include "pxenc/http.h"
#include "pxenc/sandbox.h"

/*
 * Two doubles: of libcurl, for http.c, and of http.c and the resolver, for the routes. Time is
 * ours in the latter: it passes when somebody sleeps.
 */

static struct fault no_mmap, no_init, no_setopt, no_http2, no_slist, no_url, no_global,
	no_getrandom, interrupted;

/* What libcurl was told last, by option. */
static struct {
	CURLoption option;
	intptr_t value;
} told[64];
static size_t told_count;
static struct curl_blob told_blob;
static char told_url[256], told_text[8][256];
static size_t told_text_count;

/* What it is to answer. */
static struct {
	CURLcode result;
	const char *error;
	size_t header_bytes;
	const char *body;
	size_t body_len, chunk;
	long code, request_size, connects, os_errno, local_port;
	curl_off_t retry_after, total_us, appconnect_us;
	const char *content_type;
} net;

void *__real_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
CURL *__real_curl_easy_init(void);
CURL *__wrap_curl_easy_init(void);
CURLcode __real_curl_easy_setopt(CURL *curl, CURLoption option, ...);
CURLcode __wrap_curl_easy_setopt(CURL *curl, CURLoption option, ...);
CURLcode __wrap_curl_easy_perform(CURL *curl);
CURLcode __wrap_curl_easy_getinfo(CURL *curl, CURLINFO what, ...);
struct curl_slist *__real_curl_slist_append(struct curl_slist *list, const char *text);
struct curl_slist *__wrap_curl_slist_append(struct curl_slist *list, const char *text);
CURLU *__real_curl_url(void);
CURLU *__wrap_curl_url(void);
CURLcode __wrap_curl_global_init(long flags);

void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
	if (fault_hits(&no_mmap))
		return MAP_FAILED;
	return __real_mmap(address, size, protection, flags, fd, offset);
}

CURL *__wrap_curl_easy_init(void)
{
	return fault_hits(&no_init) ? NULL : __real_curl_easy_init();
}

static void remember(CURLoption option, intptr_t value)
{
	size_t i;

	for (i = 0; i < told_count && told[i].option != option; i++)
		;
	if (i == told_count)
		told_count++;
	told[i].option = option;
	told[i].value = value;
}

static intptr_t value_of(CURLoption option)
{
	size_t i;

	for (i = 0; i < told_count; i++)
		if (told[i].option == option)
			return told[i].value;
	return -1;
}

static void remember_headers(const struct curl_slist *line)
{
	for (told_text_count = 0; line; line = line->next)
		snprintf(told_text[told_text_count++], sizeof(told_text[0]), "%s", line->data);
}

CURLcode __wrap_curl_easy_setopt(CURL *curl, CURLoption option, ...)
{
	intptr_t value;
	va_list args;

	va_start(args, option);
	value = va_arg(args, intptr_t);
	va_end(args);
	if (option == CURLOPT_HTTP_VERSION && fault_hits(&no_http2))
		return CURLE_UNSUPPORTED_PROTOCOL;
	if (fault_hits(&no_setopt))
		return CURLE_OUT_OF_MEMORY;
	remember(option, value);
	if (option == CURLOPT_CAINFO_BLOB)
		told_blob = *(const struct curl_blob *)value;
	if (option == CURLOPT_URL)
		snprintf(told_url, sizeof(told_url), "%s", (const char *)value);
	if (option == CURLOPT_HTTPHEADER && value)
		remember_headers((const struct curl_slist *)value);
	return __real_curl_easy_setopt(curl, option, value);
}

/* Feeds the callbacks that were set, as libcurl does. */
CURLcode __wrap_curl_easy_perform(CURL *curl)
{
	curl_write_callback header = (curl_write_callback)value_of(CURLOPT_HEADERFUNCTION);
	curl_write_callback body = (curl_write_callback)value_of(CURLOPT_WRITEFUNCTION);
	static char line[1024];
	size_t left, done;

	(void)curl;
	for (left = net.header_bytes; left; left -= left < sizeof(line) ? left : sizeof(line)) {
		size_t len = left < sizeof(line) ? left : sizeof(line);

		if (header(line, 1, len, (void *)value_of(CURLOPT_HEADERDATA)) != len)
			return CURLE_WRITE_ERROR;
	}
	for (done = 0; done < net.body_len; done += net.chunk) {
		size_t len = net.body_len - done < net.chunk ? net.body_len - done : net.chunk;

		if (body((char *)(uintptr_t)net.body + done, 1, len,
			 (void *)value_of(CURLOPT_WRITEDATA)) != len)
			return CURLE_WRITE_ERROR;
	}
	if (net.error)
		snprintf((char *)value_of(CURLOPT_ERRORBUFFER), CURL_ERROR_SIZE, "%s", net.error);
	return net.result;
}

static bool number_info(CURLINFO what, long *value)
{
	switch (what) {
	case CURLINFO_RESPONSE_CODE:
		*value = net.code;
		return true;
	case CURLINFO_REQUEST_SIZE:
		*value = net.request_size;
		return true;
	case CURLINFO_NUM_CONNECTS:
		*value = net.connects;
		return true;
	case CURLINFO_OS_ERRNO:
		*value = net.os_errno;
		return true;
	case CURLINFO_LOCAL_PORT:
		*value = net.local_port;
		return true;
	default:
		return false;
	}
}

CURLcode __wrap_curl_easy_getinfo(CURL *curl, CURLINFO what, ...)
{
	va_list args;
	void *out;

	(void)curl;
	va_start(args, what);
	out = va_arg(args, void *);
	va_end(args);
	if (number_info(what, out))
		return CURLE_OK;
	if (what == CURLINFO_RETRY_AFTER)
		*(curl_off_t *)out = net.retry_after;
	else if (what == CURLINFO_TOTAL_TIME_T)
		*(curl_off_t *)out = net.total_us;
	else if (what == CURLINFO_APPCONNECT_TIME_T)
		*(curl_off_t *)out = net.appconnect_us;
	else
		*(const char **)out = net.content_type;
	return CURLE_OK;
}

struct curl_slist *__wrap_curl_slist_append(struct curl_slist *list, const char *text)
{
	return fault_hits(&no_slist) ? NULL : __real_curl_slist_append(list, text);
}

CURLU *__wrap_curl_url(void)
{
	return fault_hits(&no_url) ? NULL : __real_curl_url();
}

CURLcode __wrap_curl_global_init(long flags)
{
	(void)flags;
	return fault_hits(&no_global) ? CURLE_FAILED_INIT : CURLE_OK;
}

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

/* URLs. */

static int split(const char *url, const char *host, const char *port)
{
	px_auto(free) char *got_host = NULL, *got_port = NULL;
	int r = px_http_split(url, false, &got_host, &got_port);

	if (r == 0 && host) {
		assert_string_equal(got_host, host);
		assert_string_equal(got_port, port);
	}
	return r;
}

TEST(a_url_is_split_into_host_and_port)
{
	assert_int_equal(split("https://master.mesos", "master.mesos", "443"), 0);
	assert_int_equal(split("https://master.mesos:8443", "master.mesos", "8443"), 0);
	assert_int_equal(split("https://10.0.0.1:1", "10.0.0.1", "1"), 0);
	assert_int_equal(split("https://[fd00::1]:8443", "fd00::1", "8443"), 0);
}

TEST(a_url_that_is_not_https_with_host_and_port_alone_is_refused)
{
	static const char *const bad[] = { "http://m",	    "HTTPS://m",    "m",
					   "https://",	    "https://u@m",  "https://u:p@m",
					   "https://m?q=1", "https://m#f",  "https://m:port",
					   "ftp://m",	    "https://:p@m", "" };
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(split(bad[i], NULL, NULL), -EINVAL);
}

TEST(a_url_without_tls_is_for_those_who_allow_it)
{
	px_auto(free) char *host = NULL, *port = NULL;

	assert_int_equal(px_http_split("http://minio:9000", true, &host, &port), 0);
	assert_string_equal(host, "minio");
	assert_string_equal(port, "9000");
	free(host);
	free(port);
	host = port = NULL;
	assert_int_equal(px_http_split("http://minio", true, &host, &port), 0);
	assert_string_equal(port, "80");
	assert_int_equal(px_http_split("ftp://minio", true, &host, &port), -EINVAL);
}

static int split_one(void *arg)
{
	return split(arg, NULL, NULL);
}

TEST(splitting_needs_memory)
{
	char url[] = "https://[::1]:8443", name[] = "https://m";

	each_allocation_may_fail(split_one, url, -ENOMEM);
	each_allocation_may_fail(split_one, name, -ENOMEM);
	no_url = (struct fault){ .times = 1, .error = ENOMEM };
	assert_int_equal(split("https://m", NULL, NULL), -ENOMEM);
}

TEST(libcurl_is_loaded_or_not)
{
	assert_int_equal(px_http_init(), 0);
	no_global = (struct fault){ .times = 1, .error = EIO };
	assert_int_equal(px_http_init(), -EIO);
}

/* One exchange. */

enum px_status __real_px_http_ask(struct px_http *http, const struct px_http_request *request,
				  int connect_ms, int timeout_ms, struct px_http_answer *answer,
				  struct px_cause *cause);
int __real_px_http_new(const struct px_peer *peer, const char *url, const char *address,
		       const char *port, const struct px_secret *ca, struct px_http **ret_http);

static void http_cleanup(struct px_http **http)
{
	px_http_free(http);
}

#define auto_http __attribute__((cleanup(http_cleanup))) struct px_http

static struct px_http *new_http(const struct px_secret *ca)
{
	struct px_http *http = NULL;

	told_count = told_text_count = 0;
	assert_int_equal(
		__real_px_http_new(&cluster, "https://m:8443", "10.0.0.1", "8443", ca, &http), 0);
	return http;
}

static const struct px_http_request plain_get = {
	.method = "GET",
	.target = "/secrets/v1/secret/default/a",
	.accept = "*/*",
	.answer_max = 100000,
	.doing = "reading",
};

/* net answers 200 with a body, in chunks. */
static void answer_with(const char *body, size_t len, size_t chunk)
{
	memset(&net, 0, sizeof(net));
	net.header_bytes = 100;
	net.body = body;
	net.body_len = len;
	net.chunk = chunk;
	net.code = 200;
	net.request_size = 80;
	net.content_type = "application/json; charset=utf-8";
	net.connects = 1;
	net.appconnect_us = 5000;
	net.total_us = 9000;
}

/* The status of a plain GET, with net as it is. */
static enum px_status ask_plainly(struct px_cause *cause)
{
	px_auto(http_answer) struct px_http_answer answer = { .code = 0 };
	auto_http *http = new_http(NULL);

	return __real_px_http_ask(http, &plain_get, PX_CONNECT_MS, 1000, &answer, cause);
}

TEST(tls_is_always_verified_and_nothing_leads_elsewhere)
{
	auto_http *http = new_http(NULL);

	assert_non_null(http);
	assert_int_equal(value_of(CURLOPT_SSL_VERIFYPEER), 1);
	assert_int_equal(value_of(CURLOPT_SSL_VERIFYHOST), 2);
	assert_int_equal(value_of(CURLOPT_SSLVERSION), CURL_SSLVERSION_TLSv1_2);
	assert_string_equal((const char *)value_of(CURLOPT_PROTOCOLS_STR), "https");
	assert_int_equal(value_of(CURLOPT_FOLLOWLOCATION), 0);
	assert_string_equal((const char *)value_of(CURLOPT_PROXY), "");
	assert_int_equal(value_of(CURLOPT_NETRC), CURL_NETRC_IGNORED);
	assert_int_equal(value_of(CURLOPT_NOSIGNAL), 1);
	assert_int_equal(value_of(CURLOPT_HTTP09_ALLOWED), 0);
	assert_int_equal(value_of(CURLOPT_PATH_AS_IS), 1);
	assert_int_equal(value_of(CURLOPT_CAINFO_BLOB), -1);
}

TEST(http_2_is_spoken_over_tls_if_this_libcurl_can)
{
	auto_http *http = new_http(NULL), *older = NULL;

	assert_non_null(http);
	assert_int_equal(value_of(CURLOPT_HTTP_VERSION), CURL_HTTP_VERSION_2TLS);
	no_http2 = (struct fault){ .times = 1, .error = 0 };
	older = new_http(NULL);
	assert_non_null(older);
	assert_int_equal(no_http2.times, 0);
}

TEST(a_peer_may_be_spoken_to_without_tls_and_nothing_else_is_loosened)
{
	auto_http *http = NULL;

	told_count = told_text_count = 0;
	assert_int_equal(__real_px_http_new(&stranger, "http://m", "10.0.0.1", "80", NULL, &http),
			 0);
	assert_string_equal((const char *)value_of(CURLOPT_PROTOCOLS_STR), "http,https");
	assert_int_equal(value_of(CURLOPT_SSL_VERIFYPEER), 1);
	assert_int_equal(value_of(CURLOPT_SSL_VERIFYHOST), 2);
	assert_int_equal(value_of(CURLOPT_FOLLOWLOCATION), 0);
}

TEST(header_lines_are_sent_as_they_are)
{
	px_auto(http_answer) struct px_http_answer answer = { .code = 0 };
	char *lines[] = { (char[]){ "Host: m" }, (char[]){ "X-Amz-Date: now" }, NULL };
	struct px_http_request request = plain_get;
	struct px_cause cause;
	auto_http *http = new_http(NULL);

	request.headers = lines;
	answer_with("", 0, 1);
	assert_int_equal(__real_px_http_ask(http, &request, PX_CONNECT_MS, 5000, &answer, &cause),
			 PX_OK);
	assert_int_equal(told_text_count, 4);
	assert_string_equal(told_text[2], "Host: m");
	assert_string_equal(told_text[3], "X-Amz-Date: now");
}

TEST(a_ca_that_is_handed_over_is_the_only_one_that_counts)
{
	px_auto(secret) struct px_secret *ca = NULL;
	auto_http *http = NULL;

	assert_int_equal(px_secret_from("PEM", 3, &ca), 0);
	http = new_http(ca);
	assert_int_equal(value_of(CURLOPT_CAINFO), 0);
	assert_int_equal(value_of(CURLOPT_CAPATH), 0);
	assert_int_equal(told_blob.len, 3);
	assert_ptr_equal(told_blob.data, px_secret_bytes(ca));
}

TEST(the_address_is_pinned)
{
	struct px_http *http = new_http(NULL);

	assert_string_equal(((struct curl_slist *)value_of(CURLOPT_CONNECT_TO))->data,
			    "::10.0.0.1:8443");
	px_http_free(&http);
	assert_null(http);
	assert_int_equal(__real_px_http_new(&cluster, "https://m", "fd00::1", "443", NULL, &http),
			 0);
	assert_string_equal(((struct curl_slist *)value_of(CURLOPT_CONNECT_TO))->data,
			    "::[fd00::1]:443");
	px_http_free(&http);
	px_http_free(&http);
	px_http_free(NULL);
}

TEST(a_body_is_sent_with_its_length_and_without_waiting)
{
	px_auto(http_answer) struct px_http_answer answer = { .code = 0 };
	px_auto(secret) struct px_secret *body = NULL, *acs = NULL;
	struct px_http_request request = plain_get;
	struct px_cause cause;
	auto_http *http = new_http(NULL);

	assert_int_equal(px_secret_from("{}", 2, &body), 0);
	assert_int_equal(px_secret_from("tok", 3, &acs), 0);
	request.method = "PUT";
	request.content_type = "application/json";
	request.body = body;
	request.acs = acs;
	request.fresh = true;
	answer_with("", 0, 1);
	assert_int_equal(__real_px_http_ask(http, &request, PX_CONNECT_MS, 5000, &answer, &cause),
			 PX_OK);
	assert_string_equal(told_url, "https://m:8443/secrets/v1/secret/default/a");
	assert_string_equal((const char *)value_of(CURLOPT_CUSTOMREQUEST), "PUT");
	assert_int_equal(value_of(CURLOPT_POSTFIELDSIZE_LARGE), 2);
	assert_int_equal(value_of(CURLOPT_FRESH_CONNECT), 1);
	assert_int_equal(value_of(CURLOPT_TIMEOUT_MS), 5000);
	assert_int_equal(value_of(CURLOPT_CONNECTTIMEOUT_MS), PX_CONNECT_MS);
	assert_int_equal(told_text_count, 4);
	assert_string_equal(told_text[0], "Accept: */*");
	assert_string_equal(told_text[1], "Expect:");
	assert_string_equal(told_text[2], "Content-Type: application/json");
	assert_string_equal(told_text[3], "Authorization: token=tok");
	assert_int_equal(value_of(CURLOPT_POSTFIELDS), 0);
	assert_int_equal(value_of(CURLOPT_HTTPHEADER), 0);
	assert_null(answer.body);
}

TEST(a_question_without_a_body_has_neither_type_nor_token)
{
	struct px_cause cause;

	answer_with("x", 1, 1);
	assert_int_equal(ask_plainly(&cause), PX_OK);
	assert_int_equal(value_of(CURLOPT_HTTPGET), 1);
	assert_int_equal(value_of(CURLOPT_FRESH_CONNECT), 0);
	assert_int_equal(told_text_count, 2);
}

TEST(an_answer_comes_in_pieces_and_is_put_together)
{
	px_auto(http_answer) struct px_http_answer answer = { .code = 0 };
	static char body[50000];
	struct px_cause cause;
	auto_http *http = new_http(NULL);

	memset(body, 'b', sizeof(body));
	body[49999] = 'e';
	answer_with(body, sizeof(body), 7000);
	net.retry_after = 3;
	assert_int_equal(__real_px_http_ask(http, &plain_get, PX_CONNECT_MS, 1000, &answer, &cause),
			 PX_OK);
	assert_int_equal(px_secret_len(answer.body), sizeof(body));
	assert_memory_equal(px_secret_bytes(answer.body), body, sizeof(body));
	assert_int_equal(answer.code, 200);
	assert_string_equal(answer.content_type, "application/json; charset=utf-8");
	assert_int_equal(answer.retry_after, 3);
	assert_int_equal(answer.connect_us, 5000);
	assert_int_equal(answer.total_us, 9000);
	assert_true(answer.sent);
}

TEST(a_kept_connection_takes_no_time_to_connect)
{
	px_auto(http_answer) struct px_http_answer answer = { .code = 0 };
	struct px_cause cause;
	auto_http *http = new_http(NULL);

	answer_with("x", 1, 1);
	net.connects = 0;
	net.content_type = NULL;
	net.retry_after = 1000000;
	assert_int_equal(__real_px_http_ask(http, &plain_get, PX_CONNECT_MS, 1000, &answer, &cause),
			 PX_OK);
	assert_int_equal(answer.connect_us, 0);
	assert_string_equal(answer.content_type, "");
	assert_int_equal(answer.retry_after, 86400);
}

TEST(an_answer_of_just_the_longest_is_taken_and_a_longer_one_refused)
{
	static char body[100001];
	struct px_cause cause;

	answer_with(body, 100000, 30000);
	assert_int_equal(ask_plainly(&cause), PX_OK);
	answer_with(body, 100001, 30000);
	assert_int_equal(ask_plainly(&cause), PX_UNTRUSTED);
	assert_non_null(strstr(cause.text, "10.0.0.1:8443 is too large"));
}

TEST(headers_without_an_end_are_refused)
{
	struct px_cause cause;

	answer_with("x", 1, 1);
	net.header_bytes = 65537;
	assert_int_equal(ask_plainly(&cause), PX_UNTRUSTED);
	assert_non_null(strstr(cause.text, "too large"));
}

static void check_cause(CURLcode result, const char *error, enum px_status status, const char *text)
{
	struct px_cause cause;

	net.result = result;
	net.error = error;
	assert_int_equal(ask_plainly(&cause), status);
	assert_int_equal(cause.status, status);
	if (!strstr(cause.text, text))
		fail_msg("'%s' is not in: %s", text, cause.text);
}

TEST(before_an_answer_a_failure_may_be_mended_by_asking_again)
{
	answer_with("", 0, 1);
	net.header_bytes = 0;
	net.code = net.request_size = net.local_port = 0;
	net.os_errno = ECONNREFUSED;
	check_cause(CURLE_COULDNT_CONNECT, "", PX_UNREACHABLE,
		    "connect to 10.0.0.1:8443: Connection refused");
	check_cause(CURLE_OPERATION_TIMEDOUT, "", PX_UNREACHABLE,
		    "connect to 10.0.0.1:8443: timed");
	net.local_port = 40000;
	check_cause(CURLE_OPERATION_TIMEDOUT, "", PX_UNREACHABLE, "TLS handshake with 10.0.0.1");
	check_cause(CURLE_SSL_CONNECT_ERROR, "OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection",
		    PX_UNREACHABLE, "dropped the TLS handshake");
	check_cause(CURLE_SSL_CONNECT_ERROR, "SSL routines::unexpected eof while reading",
		    PX_UNREACHABLE, "dropped the TLS handshake");
	check_cause(CURLE_SSL_CONNECT_ERROR, "OpenSSL SSL_connect: Connection reset by peer",
		    PX_UNREACHABLE, "dropped the TLS handshake");
	net.request_size = 80;
	check_cause(CURLE_OPERATION_TIMEDOUT, "", PX_UNREACHABLE, "waiting for 10.0.0.1:8443");
	check_cause(CURLE_GOT_NOTHING, "", PX_UNREACHABLE, "10.0.0.1:8443 dropped the connection");
	check_cause(CURLE_RECV_ERROR, "", PX_UNREACHABLE, "dropped the connection");
	check_cause(CURLE_SEND_ERROR, "", PX_UNREACHABLE, "dropped the connection");
	check_cause(CURLE_HTTP2, "", PX_UNREACHABLE, "dropped the connection");
	check_cause(CURLE_HTTP2_STREAM, "", PX_UNREACHABLE, "dropped the connection");
	net.code = 200;
	check_cause(CURLE_OPERATION_TIMEDOUT, "", PX_UNREACHABLE, "the answer of 10.0.0.1:8443");
}

TEST(an_answer_that_begins_and_breaks_off_is_not_trusted)
{
	answer_with("", 0, 1);
	check_cause(CURLE_RECV_ERROR, "unexpected eof", PX_UNTRUSTED, "truncated");
	check_cause(CURLE_HTTP2_STREAM, "stream 1 was not closed cleanly", PX_UNTRUSTED,
		    "truncated");
	check_cause(CURLE_PARTIAL_FILE, "18 bytes missing", PX_UNTRUSTED, "18 bytes missing");
	check_cause(CURLE_WEIRD_SERVER_REPLY, "", PX_UNTRUSTED, "malformed");
	check_cause(CURLE_UNSUPPORTED_PROTOCOL, "Received HTTP/0.9", PX_UNTRUSTED, "HTTP/0.9");
}

TEST(a_certificate_that_is_wrong_is_not_trusted)
{
	answer_with("", 0, 1);
	check_cause(CURLE_PEER_FAILED_VERIFICATION, "SSL certificate problem: self-signed",
		    PX_UNTRUSTED, "https://m:8443 at 10.0.0.1:8443 cannot be trusted: SSL cert");
	check_cause(CURLE_SSL_CONNECT_ERROR, "tlsv1 alert protocol version", PX_UNTRUSTED,
		    "protocol version");
}

TEST(a_ca_without_a_certificate_is_a_matter_of_the_config)
{
	px_auto(http_answer) struct px_http_answer answer = { .code = 0 };
	px_auto(secret) struct px_secret *ca = NULL;
	struct px_cause cause;
	auto_http *http = NULL;

	answer_with("", 0, 1);
	check_cause(CURLE_SSL_CACERT_BADFILE, "", PX_USAGE, "install ca-certificates");
	assert_int_equal(px_secret_from("no PEM", 6, &ca), 0);
	http = new_http(ca);
	assert_int_equal(__real_px_http_ask(http, &plain_get, PX_CONNECT_MS, 1000, &answer, &cause),
			 PX_USAGE);
	assert_non_null(strstr(cause.text, "ca_cert_file holds no PEM certificate"));
}

TEST(text_of_a_server_drives_no_terminal)
{
	answer_with("", 0, 1);
	check_cause(CURLE_PARTIAL_FILE, "a\nb\x1b[2J\x7f", PX_UNTRUSTED, "a b [2J ");
}

static int new_one(void *arg)
{
	struct px_http *http = NULL;
	int r = __real_px_http_new(&cluster, "https://m", "10.0.0.1", "443", arg, &http);

	px_http_free(&http);
	return r;
}

TEST(a_connection_needs_memory)
{
	px_auto(secret) struct px_secret *ca = NULL;
	unsigned int n;

	assert_int_equal(px_secret_from("PEM", 3, &ca), 0);
	each_allocation_may_fail(new_one, ca, -ENOMEM);
	no_init = (struct fault){ .times = 1, .error = ENOMEM };
	assert_int_equal(new_one(NULL), -ENOMEM);
	no_slist = (struct fault){ .times = 1, .error = ENOMEM };
	assert_int_equal(new_one(NULL), -ENOMEM);
	for (n = 0;; n++) {
		no_setopt = (struct fault){ .skip = n, .times = 1, .error = ENOMEM };
		if (new_one(ca) == 0)
			break;
	}
	no_setopt.times = 0;
	assert_true(n > 15);
}

static struct px_http *oom_http;

static int ask_for_memory(void *arg)
{
	px_auto(http_answer) struct px_http_answer answer = { .code = 0 };
	struct px_cause cause;
	enum px_status st = __real_px_http_ask(oom_http, arg, PX_CONNECT_MS, 1000, &answer, &cause);

	if (st == PX_NOMEM)
		assert_string_equal(cause.text, "out of memory");
	return st == PX_NOMEM ? -ENOMEM : (int)st;
}

TEST(an_exchange_needs_memory)
{
	px_auto(secret) struct px_secret *body = NULL;
	struct px_http_request request = plain_get;
	static char bytes[40000];
	auto_http *http = new_http(NULL);
	unsigned int n;

	oom_http = http;
	assert_int_equal(px_secret_from("{}", 2, &body), 0);
	request.content_type = "text/plain";
	request.body = request.acs = body;
	answer_with(bytes, sizeof(bytes), 10000);
	each_allocation_may_fail(ask_for_memory, &request, -ENOMEM);
	for (n = 0; n < 4; n++) {
		no_slist = (struct fault){ .skip = n, .times = 1, .error = ENOMEM };
		assert_int_equal(ask_for_memory(&request), -ENOMEM);
	}
	for (n = 0; n < 3; n++) {
		no_mmap = (struct fault){ .skip = n, .times = 1, .error = ENOMEM };
		assert_int_equal(ask_for_memory(&request), -ENOMEM);
	}
	for (n = 0; n < 8; n++) {
		no_setopt = (struct fault){ .skip = n, .times = 1, .error = ENOMEM };
		assert_int_equal(ask_for_memory(&request), -ENOMEM);
	}
	no_setopt.times = no_slist.times = no_mmap.times = 0;
	assert_int_equal(ask_for_memory(&request), 0);
}

/* Names. */

static int resolve_error;
static const char *resolve_to[8]; /* NULL-terminated */
#define MANY 40			  /* addresses of the host "many" */
static unsigned int resolved;
static struct fault no_name;

int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
		       struct addrinfo **list);
void __wrap_freeaddrinfo(struct addrinfo *list);
int __real_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
		       struct addrinfo **list);
void __real_freeaddrinfo(struct addrinfo *list);
int __real_getnameinfo(const struct sockaddr *address, socklen_t len, char *host, socklen_t hostlen,
		       char *port, socklen_t portlen, int flags);
int __wrap_getnameinfo(const struct sockaddr *address, socklen_t len, char *host, socklen_t hostlen,
		       char *port, socklen_t portlen, int flags);

/* What a host leads to that has another address each time, or more than there is room for. */
static size_t addresses_of(const char *host, char (*addresses)[INET6_ADDRSTRLEN])
{
	size_t i;

	if (strcmp(host, "rolls") == 0) {
		snprintf(addresses[0], INET6_ADDRSTRLEN, "10.0.1.%u", resolved);
		return 1;
	}
	if (strcmp(host, "many") == 0) {
		for (i = 0; i < MANY; i++)
			snprintf(addresses[i], INET6_ADDRSTRLEN, "10.0.2.%zu", i + 1);
		return MANY;
	}
	for (i = 0; resolve_to[i]; i++)
		snprintf(addresses[i], INET6_ADDRSTRLEN, "%s", resolve_to[i]);
	return i;
}

/* A list of numeric addresses, joined from the real thing; a host "dead" does not resolve. */
int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
		       struct addrinfo **list)
{
	char addresses[MANY][INET6_ADDRSTRLEN];
	struct addrinfo **tail = list;
	size_t i, count;

	resolved++;
	if (resolve_error && strcmp(host, "live") != 0)
		return resolve_error;
	*list = NULL;
	count = addresses_of(host, addresses);
	for (i = 0; i < count; i++) {
		assert_int_equal(__real_getaddrinfo(addresses[i], port, hints, tail), 0);
		tail = &(*tail)->ai_next;
	}
	return 0;
}

void __wrap_freeaddrinfo(struct addrinfo *list)
{
	while (list) {
		struct addrinfo *next = list->ai_next;

		list->ai_next = NULL;
		__real_freeaddrinfo(list);
		list = next;
	}
}

int __wrap_getnameinfo(const struct sockaddr *address, socklen_t len, char *host, socklen_t hostlen,
		       char *port, socklen_t portlen, int flags)
{
	if (fault_hits(&no_name))
		return EAI_OVERFLOW;
	return __real_getnameinfo(address, len, host, hostlen, port, portlen, flags);
}

static void names_resolve_to(const char *first, const char *second, const char *third)
{
	memset(resolve_to, 0, sizeof(resolve_to));
	resolve_to[0] = first;
	resolve_to[1] = second;
	resolve_to[2] = third;
	resolve_error = 0;
}

TEST(a_name_has_numeric_addresses_in_the_resolvers_order)
{
	char addresses[2][INET6_ADDRSTRLEN];
	size_t count = 0;

	names_resolve_to("fd00::1", "10.0.0.1", "10.0.0.2");
	assert_int_equal(px_http_resolve("live", "443", addresses, 2, &count), 0);
	assert_int_equal(count, 2);
	assert_string_equal(addresses[0], "fd00::1");
	assert_string_equal(addresses[1], "10.0.0.1");
}

TEST(a_name_without_an_address_is_an_error)
{
	char addresses[2][INET6_ADDRSTRLEN];
	size_t count;

	names_resolve_to("10.0.0.1", NULL, NULL);
	no_name = (struct fault){ .times = 1, .error = 0 };
	assert_int_equal(px_http_resolve("live", "443", addresses, 2, &count), EAI_NONAME);
	resolve_error = EAI_AGAIN;
	assert_int_equal(px_http_resolve("m", "443", addresses, 2, &count), EAI_AGAIN);
}

/* Routes, with a clock of their own. */

static int64_t clock_ms;
static bool clock_is_ours;
static bool shut_out;

int64_t __real_px_now_ms(void);
int64_t __wrap_px_now_ms(void);
int __real_px_deadline_left(int64_t deadline);
int __wrap_px_deadline_left(int64_t deadline);
int __wrap_nanosleep(const struct timespec *wanted, struct timespec *left);
ssize_t __real_getrandom(void *data, size_t len, unsigned int flags);
ssize_t __wrap_getrandom(void *data, size_t len, unsigned int flags);
bool __wrap_px_sandbox_is_outdated(void);
int __wrap_px_http_new(const struct px_peer *peer, const char *url, const char *address,
		       const char *port, const struct px_secret *ca, struct px_http **ret_http);
enum px_status __wrap_px_http_ask(struct px_http *http, const struct px_http_request *request,
				  int connect_ms, int timeout_ms, struct px_http_answer *answer,
				  struct px_cause *cause);

int64_t __wrap_px_now_ms(void)
{
	return clock_is_ours ? clock_ms : __real_px_now_ms();
}

int __wrap_px_deadline_left(int64_t deadline)
{
	if (!clock_is_ours || deadline == PX_FOREVER)
		return __real_px_deadline_left(deadline);
	return deadline > clock_ms ? (int)(deadline - clock_ms) : 0;
}

int __wrap_nanosleep(const struct timespec *wanted, struct timespec *left)
{
	int64_t ms = wanted->tv_sec * 1000 + wanted->tv_nsec / 1000000;

	if (fault_hits(&interrupted)) {
		*left = *wanted;
		return -1;
	}
	clock_ms += ms;
	return 0;
}

ssize_t __wrap_getrandom(void *data, size_t len, unsigned int flags)
{
	return fault_hits(&no_getrandom) ? -1 : __real_getrandom(data, len, flags);
}

bool __wrap_px_sandbox_is_outdated(void)
{
	return shut_out;
}

/* Who was asked, in order: "10.0.0.1 10.0.0.2 ". Of very many, the last. */
static char asked[512];
static struct {
	struct px_http *http;
	char address[INET6_ADDRSTRLEN];
} handles[64];
static size_t handle_count;
static int asked_timeout, asked_connect;

#define FAR_MS 5000 /* what an address that is far away takes to connect */

/* What an address does. */
enum conduct { ANSWERS, REFUSES, HANGS, IS_FAR, DROPS, SEALED, WAITS, MISTRUSTED };
static struct {
	const char *address; /* "*": any that is not named before */
	enum conduct conduct;
	int64_t until; /* then it answers */
} conducts[4];

int __wrap_px_http_new(const struct px_peer *peer, const char *url, const char *address,
		       const char *port, const struct px_secret *ca, struct px_http **ret_http)
{
	int r = __real_px_http_new(peer, url, address, port, ca, ret_http);

	if (r == 0) {
		handles[handle_count].http = *ret_http;
		snprintf(handles[handle_count++].address, INET6_ADDRSTRLEN, "%s", address);
	}
	return r;
}

static const char *address_of(const struct px_http *http)
{
	size_t i;

	for (i = handle_count; i-- > 0;)
		if (handles[i].http == http)
			return handles[i].address;
	fail_msg("an unknown connection was asked");
	return "";
}

static enum conduct conduct_of(const char *address)
{
	size_t i;

	for (i = 0; i < 4 && conducts[i].address; i++)
		if (strcmp(conducts[i].address, address) == 0 ||
		    strcmp(conducts[i].address, "*") == 0)
			return clock_ms < conducts[i].until ? conducts[i].conduct : ANSWERS;
	return ANSWERS;
}

enum px_status __wrap_px_http_ask(struct px_http *http, const struct px_http_request *request,
				  int connect_ms, int timeout_ms, struct px_http_answer *answer,
				  struct px_cause *cause)
{
	const char *address = address_of(http);
	enum conduct conduct = conduct_of(address);

	(void)request;
	if (strlen(asked) > sizeof(asked) - 64)
		asked[0] = '\0';
	strcat(strcat(asked, address), " ");
	asked_timeout = timeout_ms;
	asked_connect = connect_ms;
	*answer = (struct px_http_answer){ .code = 200, .sent = true };
	if (conduct == IS_FAR && connect_ms < FAR_MS)
		conduct = HANGS;
	switch (conduct) {
	case REFUSES:
		answer->sent = false;
		return px_cause_set(cause, PX_UNREACHABLE, "connect to %s: refused", address);
	case HANGS:
		answer->sent = false;
		clock_ms += timeout_ms < connect_ms ? timeout_ms : connect_ms;
		return px_cause_set(cause, PX_UNREACHABLE, "connect to %s: timed out", address);
	case IS_FAR:
		clock_ms += FAR_MS;
		return PX_OK;
	case DROPS:
		return px_cause_set(cause, PX_UNREACHABLE, "%s dropped it", address);
	case WAITS:
		answer->retry_after = 7;
		answer->code = 429;
		return PX_OK;
	case SEALED:
		answer->code = 503;
		return PX_OK;
	case MISTRUSTED:
		answer->sent = false;
		return px_cause_set(cause, PX_UNTRUSTED, "a bad certificate");
	default:
		answer->connect_us = 1000;
		clock_ms += 1;
		return PX_OK;
	}
}

static char noted[2048];
static unsigned int waits;

static void note(void *arg, enum px_note_kind kind, const char *text)
{
	(void)arg;
	if (kind == PX_NOTE_WAIT)
		waits++;
	snprintf(noted + strlen(noted), sizeof(noted) - strlen(noted), "%s|", text);
}

static const struct px_listener listener = { note, NULL };

static struct px_route *new_route(const char *first, const char *second, int64_t deadline)
{
	char *urls[] = { (char *)(uintptr_t)first, (char *)(uintptr_t)second, NULL };
	struct px_route *route = NULL;
	struct px_cause cause;

	clock_is_ours = true;
	clock_ms = 1000000;
	memset(conducts, 0, sizeof(conducts));
	asked[0] = noted[0] = '\0';
	waits = resolved = 0;
	handle_count = 0;
	shut_out = false;
	if (deadline != PX_FOREVER)
		deadline += clock_ms;
	assert_int_equal(px_route_new(&cluster, urls, NULL, deadline, &listener, &route, &cause),
			 PX_OK);
	return route;
}

static void behaves(size_t i, const char *address, enum conduct conduct, int64_t ms)
{
	conducts[i].address = address;
	conducts[i].conduct = conduct;
	conducts[i].until = ms < 0 ? INT64_MAX : clock_ms + ms;
}

static struct px_cause route_cause;
static bool route_lost;

/* A question that is good for that long; 0: for ever. */
static enum px_status ask_for(struct px_route *route, int64_t ms)
{
	px_auto(http_answer) struct px_http_answer answer = { .code = 0 };
	struct px_http_request request = plain_get;
	enum px_status st;

	asked[0] = '\0';
	request.good_until = ms ? clock_ms + ms : 0;
	st = px_route_ask(route, &request, &answer, &route_lost, &route_cause);
	if (!st)
		assert_int_equal(answer.code, 200);
	return st;
}

static enum px_status ask_route(struct px_route *route)
{
	return ask_for(route, 0);
}

TEST(the_first_address_of_the_first_url_is_asked_first)
{
	px_auto(route) struct px_route *route = new_route("https://a/", "https://b", 75000);

	names_resolve_to("10.0.0.1", "10.0.0.2", NULL);
	assert_int_equal(ask_route(route), PX_OK);
	assert_string_equal(asked, "10.0.0.1 ");
	assert_int_equal(resolved, 1);
	assert_false(route_lost);
	assert_ptr_equal(strstr(noted, "resolving a|resolve a: "), noted);
	assert_non_null(strstr(noted, " ms|reading at https://a (10.0.0.1)|connect and TLS "
				      "10.0.0.1: 1.0 ms|"));
}

TEST(the_address_that_answered_is_asked_first_from_then_on)
{
	px_auto(route) struct px_route *route = new_route("https://a", NULL, 75000);

	names_resolve_to("10.0.0.1", "10.0.0.2", NULL);
	behaves(0, "10.0.0.1", REFUSES, -1);
	assert_int_equal(ask_route(route), PX_OK);
	assert_string_equal(asked, "10.0.0.1 10.0.0.2 ");
	assert_int_equal(ask_route(route), PX_OK);
	assert_string_equal(asked, "10.0.0.2 ");
	assert_int_equal(resolved, 1);
	assert_int_equal(waits, 0);
}

TEST(the_next_url_is_asked_when_every_address_of_the_first_fails)
{
	px_auto(route) struct px_route *route = new_route("https://dead", "https://live", 75000);

	names_resolve_to("10.0.0.3", NULL, NULL);
	resolve_error = EAI_NONAME;
	assert_int_equal(ask_route(route), PX_OK);
	assert_string_equal(asked, "10.0.0.3 ");
	assert_int_equal(resolved, 2);
	assert_int_equal(waits, 0);
}

TEST(a_master_that_is_sealed_is_passed_over_and_its_question_counts_as_sent)
{
	px_auto(route) struct px_route *route = new_route("https://a", NULL, 75000);

	names_resolve_to("10.0.0.1", "10.0.0.2", NULL);
	behaves(0, "10.0.0.1", SEALED, -1);
	assert_int_equal(ask_route(route), PX_OK);
	assert_string_equal(asked, "10.0.0.1 10.0.0.2 ");
	assert_true(route_lost);
}

TEST(an_address_that_times_out_costs_its_timeout_once)
{
	px_auto(route) struct px_route *route = new_route("https://a", NULL, 75000);

	names_resolve_to("10.0.0.1", "10.0.0.2", NULL);
	behaves(0, "10.0.0.1", HANGS, -1);
	behaves(1, "10.0.0.2", SEALED, 10000);
	assert_int_equal(ask_route(route), PX_OK);
	assert_ptr_equal(strstr(asked + 1, "10.0.0.1"), NULL);
	assert_in_range(clock_ms, 1010000, 1016000);
}

TEST(addresses_that_all_time_out_are_tried_again_and_again)
{
	px_auto(route) struct px_route *route = new_route("https://a", NULL, 75000);

	names_resolve_to("10.0.0.1", "10.0.0.2", NULL);
	behaves(0, "10.0.0.1", HANGS, 20000);
	behaves(1, "10.0.0.2", HANGS, -1);
	assert_int_equal(ask_route(route), PX_OK);
	assert_in_range(clock_ms, 1020000, 1032000);
	assert_int_equal(waits, 1);
}

TEST(an_address_that_timed_out_is_given_twice_the_time_when_it_is_its_turn_again)
{
	px_auto(route) struct px_route *route = new_route("https://a", NULL, 75000);

	names_resolve_to("10.0.0.1", NULL, NULL);
	behaves(0, "10.0.0.1", IS_FAR, -1);
	assert_int_equal(ask_route(route), PX_OK);
	assert_string_equal(asked, "10.0.0.1 10.0.0.1 10.0.0.1 ");
	assert_in_range(clock_ms, 1011000, 1012000);
	assert_false(route_lost);
}

TEST(and_keeps_it_for_the_next_connection)
{
	px_auto(route) struct px_route *route = new_route("https://a", NULL, 75000);

	names_resolve_to("10.0.0.1", NULL, NULL);
	behaves(0, "10.0.0.1", IS_FAR, -1);
	assert_int_equal(ask_route(route), PX_OK);
	assert_int_equal(ask_route(route), PX_OK);
	assert_string_equal(asked, "10.0.0.1 ");
}

TEST(one_that_is_refused_is_given_no_more)
{
	px_auto(route) struct px_route *route = new_route("https://a", NULL, 75000);

	names_resolve_to("10.0.0.1", NULL, NULL);
	behaves(0, "10.0.0.1", REFUSES, 20000);
	assert_int_equal(ask_route(route), PX_OK);
	assert_int_equal(asked_connect, PX_CONNECT_MS);
}

TEST(the_time_to_connect_has_a_bound_and_one_question_a_smaller_one_near_the_deadline)
{
	px_auto(route) struct px_route *route = new_route("https://a", NULL, 75000);

	names_resolve_to("10.0.0.1", NULL, NULL);
	behaves(0, "10.0.0.1", HANGS, 40000);
	assert_int_equal(ask_route(route), PX_OK);
	assert_int_equal(asked_connect, PX_CONNECT_MAX_MS);
	behaves(0, "10.0.0.1", HANGS, -1);
	assert_int_equal(ask_route(route), PX_UNREACHABLE);
	assert_in_range(clock_ms, 1074800, 1075000);
}

/* Two that are dead keep nobody from a third that is far away. */
TEST(a_far_address_behind_dead_ones_is_reached)
{
	px_auto(route) struct px_route *route = new_route("https://a", NULL, 75000);

	names_resolve_to("10.0.0.1", "10.0.0.2", "10.0.0.3");
	behaves(0, "10.0.0.1", HANGS, -1);
	behaves(1, "10.0.0.2", HANGS, -1);
	behaves(2, "10.0.0.3", IS_FAR, -1);
	assert_int_equal(ask_route(route), PX_OK);
	assert_in_range(clock_ms, 1039000, 1041000);
	assert_int_equal(ask_route(route), PX_OK);
	assert_string_equal(asked, "10.0.0.3 ");
}

TEST(a_run_that_waits_says_so_once_with_the_cause)
{
	px_auto(route) struct px_route *route = new_route("https://a", NULL, 75000);

	names_resolve_to("10.0.0.1", NULL, NULL);
	behaves(0, "10.0.0.1", REFUSES, 30000);
	assert_int_equal(ask_route(route), PX_OK);
	assert_int_equal(waits, 1);
	assert_non_null(strstr(noted, "waiting for the store: connect to 10.0.0.1: refused|"));
	assert_false(route_lost);
}

TEST(names_are_resolved_anew_while_it_waits)
{
	px_auto(route) struct px_route *route = new_route("https://a", NULL, 75000);

	names_resolve_to("10.0.0.1", NULL, NULL);
	behaves(0, "10.0.0.1", REFUSES, 5000);
	assert_int_equal(ask_route(route), PX_OK);
	assert_true(resolved > 3);
}

TEST(at_the_deadline_it_says_what_was_tried_and_the_last_cause)
{
	px_auto(route) struct px_route *route = new_route("https://a", "https://b:8443", 10000);

	names_resolve_to("10.0.0.1", "fd00::1", NULL);
	behaves(0, "10.0.0.1", REFUSES, -1);
	behaves(1, "fd00::1", DROPS, -1);
	assert_int_equal(ask_route(route), PX_UNREACHABLE);
	assert_string_equal(route_cause.text,
			    "the store cannot be reached: fd00::1 dropped it (tried https://a at "
			    "10.0.0.1, fd00::1; https://b:8443 at 10.0.0.1, fd00::1)");
	assert_in_range(clock_ms, 1009800, 1010000);
	assert_true(route_lost);
}

TEST(a_name_that_never_resolves_is_the_cause)
{
	px_auto(route) struct px_route *route = new_route("https://m", NULL, 3000);

	resolve_error = EAI_AGAIN;
	assert_int_equal(ask_route(route), PX_UNREACHABLE);
	assert_non_null(strstr(route_cause.text, "resolve m: Temporary failure"));
	assert_string_equal(asked, "");
	assert_false(px_route_is_stale(route));
}

TEST(a_resolver_config_that_is_shut_out_asks_for_a_new_sandbox)
{
	px_auto(route) struct px_route *route = new_route("https://m", NULL, 3000);

	resolve_error = EAI_AGAIN;
	shut_out = true;
	assert_int_equal(ask_route(route), PX_UNREACHABLE);
	assert_true(px_route_is_stale(route));
	assert_int_equal(clock_ms, 1000000);
}

TEST(but_not_when_a_question_may_have_had_its_effect)
{
	px_auto(route) struct px_route *route = new_route("https://live", "https://m", 3000);

	names_resolve_to("10.0.0.1", NULL, NULL);
	resolve_error = EAI_AGAIN;
	shut_out = true;
	behaves(0, "10.0.0.1", DROPS, -1);
	assert_int_equal(ask_route(route), PX_UNREACHABLE);
	assert_false(px_route_is_stale(route));
}

TEST(a_question_that_has_expired_is_not_sent_again)
{
	px_auto(route) struct px_route *route = new_route("https://a", NULL, 75000);

	names_resolve_to("10.0.0.1", NULL, NULL);
	behaves(0, "10.0.0.1", SEALED, 40000);
	assert_int_equal(ask_for(route, 30000), PX_UNREACHABLE);
	assert_true(px_route_has_expired(route));
	assert_in_range(clock_ms, 1030000, 1034000);
	assert_non_null(strstr(route_cause.text, "https://a at 10.0.0.1 answers 503"));
	assert_int_equal(ask_for(route, 30000), PX_OK);
	assert_false(px_route_has_expired(route));
	assert_in_range(clock_ms, 1040000, 1044100);
	assert_int_equal(waits, 1);
}

TEST(the_one_in_its_place_goes_to_those_who_were_not_asked_yet)
{
	px_auto(route) struct px_route *route = new_route("https://a", NULL, 75000);

	names_resolve_to("10.0.0.1", "10.0.0.2", "10.0.0.3");
	behaves(0, "10.0.0.1", REFUSES, -1);
	behaves(1, "10.0.0.2", HANGS, -1);
	assert_int_equal(ask_for(route, 1000), PX_UNREACHABLE);
	assert_true(px_route_has_expired(route));
	assert_string_equal(asked, "10.0.0.1 10.0.0.2 ");
	assert_int_equal(ask_for(route, 1000), PX_OK);
	assert_string_equal(asked, "10.0.0.3 ");
	assert_int_equal(waits, 0);
}

TEST(and_another_question_to_all)
{
	px_auto(route) struct px_route *route = new_route("https://a", NULL, 75000);

	names_resolve_to("10.0.0.1", NULL, NULL);
	behaves(0, "10.0.0.1", HANGS, 20000);
	assert_int_equal(ask_for(route, 1000), PX_UNREACHABLE);
	assert_true(px_route_has_expired(route));
	assert_int_equal(ask_route(route), PX_OK);
	assert_false(px_route_has_expired(route));
}

TEST(at_the_deadline_nothing_has_expired)
{
	px_auto(route) struct px_route *route = new_route("https://a", NULL, 40000);

	names_resolve_to("10.0.0.1", NULL, NULL);
	behaves(0, "10.0.0.1", SEALED, -1);
	assert_int_equal(ask_for(route, 30000), PX_UNREACHABLE);
	assert_true(px_route_has_expired(route));
	assert_int_equal(ask_for(route, 30000), PX_UNREACHABLE);
	assert_false(px_route_has_expired(route));
	assert_non_null(strstr(route_cause.text, "cannot be reached: https://a at 10.0.0.1 answers "
						 "503"));
}

TEST(what_cannot_be_trusted_ends_it_at_once)
{
	px_auto(route) struct px_route *route = new_route("https://a", "https://b", 75000);

	names_resolve_to("10.0.0.1", "10.0.0.2", NULL);
	behaves(0, "10.0.0.1", MISTRUSTED, -1);
	assert_int_equal(ask_route(route), PX_UNTRUSTED);
	assert_string_equal(asked, "10.0.0.1 ");
	assert_string_equal(route_cause.text, "a bad certificate");
}

TEST(retry_after_is_waited_for)
{
	px_auto(route) struct px_route *route = new_route("https://a", NULL, 75000);

	names_resolve_to("10.0.0.1", NULL, NULL);
	behaves(0, "10.0.0.1", WAITS, 1000);
	assert_int_equal(ask_route(route), PX_OK);
	assert_string_equal(asked, "10.0.0.1 10.0.0.1 ");
	assert_in_range(clock_ms, 1007000, 1007100);
}

TEST(retry_after_beyond_the_deadline_is_not_waited_for)
{
	px_auto(route) struct px_route *route = new_route("https://a", NULL, 5000);

	names_resolve_to("10.0.0.1", NULL, NULL);
	behaves(0, "10.0.0.1", WAITS, -1);
	assert_int_equal(ask_route(route), PX_UNREACHABLE);
	assert_int_equal(clock_ms, 1000000);
	assert_non_null(strstr(route_cause.text, "https://a at 10.0.0.1 answers 429"));
}

TEST(without_a_deadline_it_never_gives_up)
{
	px_auto(route) struct px_route *route = new_route("https://a", NULL, PX_FOREVER);

	names_resolve_to("10.0.0.1", NULL, NULL);
	behaves(0, "10.0.0.1", SEALED, 90000);
	no_getrandom = (struct fault){ .times = 2, .error = EAGAIN };
	interrupted = (struct fault){ .times = 2, .error = EINTR };
	assert_int_equal(ask_route(route), PX_OK);
	assert_in_range(clock_ms, 1090000, 1095000);
	assert_int_equal(asked_timeout, 60000);
}

TEST(one_question_does_not_take_all_the_time)
{
	static const struct {
		int64_t left;
		const char *second;
		int timeout;
	} cases[] = { { 5000, NULL, 5000 },
		      { 75000, NULL, 30000 },
		      { 120000, NULL, 40000 },
		      { 20000, "https://b", 10000 },
		      { 75000, "https://b", 25000 } };
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		px_auto(route) struct px_route *route =
			new_route("https://a", cases[i].second, cases[i].left);

		names_resolve_to("10.0.0.1", NULL, NULL);
		assert_int_equal(ask_route(route), PX_OK);
		assert_int_equal(asked_timeout, cases[i].timeout);
	}
}

TEST(a_deadline_that_has_passed_asks_nobody)
{
	px_auto(route) struct px_route *route = new_route("https://a", NULL, 0);

	names_resolve_to("10.0.0.1", NULL, NULL);
	assert_int_equal(ask_route(route), PX_UNREACHABLE);
	assert_string_equal(asked, "");
	assert_non_null(strstr(route_cause.text, "no time is left"));
}

TEST(there_is_room_for_so_many_addresses)
{
	char *urls[41];
	struct px_route *route = NULL;
	struct px_cause cause;
	size_t i;

	px_route_free(&route);
	for (i = 0; i < 40; i++)
		assert_true(asprintf(&urls[i], "https://m%zu", i) > 0);
	urls[40] = NULL;
	clock_is_ours = true;
	asked[0] = '\0';
	names_resolve_to("10.0.0.1", NULL, NULL);
	assert_int_equal(
		px_route_new(&cluster, urls, NULL, clock_ms + 1000, &listener, &route, &cause),
		PX_OK);
	behaves(0, "10.0.0.1", REFUSES, 100);
	handle_count = 0;
	assert_int_equal(ask_route(route), PX_OK);
	assert_int_equal(handle_count, 32);
	px_route_free(&route);
	for (i = 0; i < 40; i++)
		free(urls[i]);
}

static bool was_asked_last(const char *address)
{
	size_t len = strlen(address), all = strlen(asked);

	return all > len && strncmp(asked + all - len - 1, address, len) == 0 &&
	       (all == len + 1 || asked[all - len - 2] == ' ');
}

TEST(an_address_that_its_name_leads_to_no_more_makes_room)
{
	px_auto(route) struct px_route *route = new_route("https://rolls", NULL, 400000);

	names_resolve_to(NULL, NULL, NULL);
	behaves(0, "10.0.1.40", ANSWERS, -1);
	behaves(1, "*", REFUSES, -1);
	assert_int_equal(ask_route(route), PX_OK);
	assert_true(was_asked_last("10.0.1.40"));
	assert_int_equal(resolved, 40);
}

TEST(but_not_the_one_that_answered_last)
{
	px_auto(route) struct px_route *route = new_route("https://rolls", NULL, 400000);

	names_resolve_to(NULL, NULL, NULL);
	assert_int_equal(ask_route(route), PX_OK);
	assert_string_equal(asked, "10.0.1.1 ");
	behaves(0, "10.0.1.1", REFUSES, 160000);
	behaves(1, "*", REFUSES, -1);
	assert_int_equal(ask_route(route), PX_OK);
	assert_true(was_asked_last("10.0.1.1"));
	assert_true(resolved > 33);
}

TEST(a_name_with_many_addresses_does_not_shut_out_the_next_url)
{
	px_auto(route) struct px_route *route = new_route("https://many", "https://b", 75000);

	names_resolve_to("10.0.0.1", NULL, NULL);
	behaves(0, "10.0.0.1", ANSWERS, -1);
	behaves(1, "*", REFUSES, -1);
	assert_int_equal(ask_route(route), PX_OK);
	assert_true(was_asked_last("10.0.0.1"));
	assert_int_equal(handle_count, 16 + 1);
}

TEST(a_url_that_is_not_https_makes_no_route)
{
	char *urls[] = { (char[]){ "http://a" }, NULL };
	struct px_route *route = NULL;
	struct px_cause cause;

	assert_int_equal(px_route_new(&cluster, urls, NULL, PX_FOREVER, &listener, &route, &cause),
			 PX_USAGE);
	assert_non_null(strstr(cause.text, "http://a"));
	px_route_free(NULL);
}

TEST(a_peer_is_called_by_its_own_name)
{
	char *urls[] = { (char[]){ "ftp://a" }, NULL };
	px_auto(route) struct px_route *route = NULL;
	struct px_cause cause;

	assert_int_equal(px_route_new(&stranger, urls, NULL, PX_FOREVER, &listener, &route, &cause),
			 PX_USAGE);
	assert_string_equal(cause.text, "the endpoint 'ftp://a' is no http or https URL");
}

static int route_life(void *arg)
{
	char *urls[] = { (char[]){ "https://a" }, NULL };
	px_auto(route) struct px_route *route = NULL;
	px_auto(http_answer) struct px_http_answer answer = { .code = 0 };
	struct px_cause cause;
	enum px_status st;
	bool lost;

	(void)arg;
	st = px_route_new(&cluster, urls, NULL, PX_FOREVER, &listener, &route, &cause);
	if (!st)
		st = px_route_ask(route, &plain_get, &answer, &lost, &cause);
	return st == PX_NOMEM ? -ENOMEM : (int)st;
}

TEST(a_route_needs_memory)
{
	memset(conducts, 0, sizeof(conducts));
	names_resolve_to("10.0.0.1", NULL, NULL);
	handle_count = 0;
	each_allocation_may_fail(route_life, NULL, -ENOMEM);
}

TEST(the_wait_doubles_up_to_a_bound_and_half_of_it_is_chance)
{
	unsigned int round;

	for (round = 0; round < 40; round++) {
		int full = round < 4 ? 250 << round : 4000;

		assert_int_equal(px_backoff_ms(round, 0), full / 2);
		assert_in_range(px_backoff_ms(round, 0xffffffff), full / 2, full);
		assert_in_range(px_backoff_ms(round, (unsigned int)full / 2), full, full);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_url_is_split_into_host_and_port),
		cmocka_unit_test(a_url_that_is_not_https_with_host_and_port_alone_is_refused),
		cmocka_unit_test(a_url_without_tls_is_for_those_who_allow_it),
		cmocka_unit_test(splitting_needs_memory),
		cmocka_unit_test(libcurl_is_loaded_or_not),
		cmocka_unit_test(tls_is_always_verified_and_nothing_leads_elsewhere),
		cmocka_unit_test(http_2_is_spoken_over_tls_if_this_libcurl_can),
		cmocka_unit_test(a_peer_may_be_spoken_to_without_tls_and_nothing_else_is_loosened),
		cmocka_unit_test(a_ca_that_is_handed_over_is_the_only_one_that_counts),
		cmocka_unit_test(the_address_is_pinned),
		cmocka_unit_test(a_body_is_sent_with_its_length_and_without_waiting),
		cmocka_unit_test(header_lines_are_sent_as_they_are),
		cmocka_unit_test(a_question_without_a_body_has_neither_type_nor_token),
		cmocka_unit_test(an_answer_comes_in_pieces_and_is_put_together),
		cmocka_unit_test(a_kept_connection_takes_no_time_to_connect),
		cmocka_unit_test(an_answer_of_just_the_longest_is_taken_and_a_longer_one_refused),
		cmocka_unit_test(headers_without_an_end_are_refused),
		cmocka_unit_test(before_an_answer_a_failure_may_be_mended_by_asking_again),
		cmocka_unit_test(an_answer_that_begins_and_breaks_off_is_not_trusted),
		cmocka_unit_test(a_certificate_that_is_wrong_is_not_trusted),
		cmocka_unit_test(a_ca_without_a_certificate_is_a_matter_of_the_config),
		cmocka_unit_test(text_of_a_server_drives_no_terminal),
		cmocka_unit_test(a_connection_needs_memory),
		cmocka_unit_test(an_exchange_needs_memory),
		cmocka_unit_test(a_name_has_numeric_addresses_in_the_resolvers_order),
		cmocka_unit_test(a_name_without_an_address_is_an_error),
		cmocka_unit_test(the_first_address_of_the_first_url_is_asked_first),
		cmocka_unit_test(the_address_that_answered_is_asked_first_from_then_on),
		cmocka_unit_test(the_next_url_is_asked_when_every_address_of_the_first_fails),
		cmocka_unit_test(
			a_master_that_is_sealed_is_passed_over_and_its_question_counts_as_sent),
		cmocka_unit_test(an_address_that_times_out_costs_its_timeout_once),
		cmocka_unit_test(addresses_that_all_time_out_are_tried_again_and_again),
		cmocka_unit_test(
			an_address_that_timed_out_is_given_twice_the_time_when_it_is_its_turn_again),
		cmocka_unit_test(and_keeps_it_for_the_next_connection),
		cmocka_unit_test(one_that_is_refused_is_given_no_more),
		cmocka_unit_test(
			the_time_to_connect_has_a_bound_and_one_question_a_smaller_one_near_the_deadline),
		cmocka_unit_test(a_far_address_behind_dead_ones_is_reached),
		cmocka_unit_test(a_run_that_waits_says_so_once_with_the_cause),
		cmocka_unit_test(names_are_resolved_anew_while_it_waits),
		cmocka_unit_test(at_the_deadline_it_says_what_was_tried_and_the_last_cause),
		cmocka_unit_test(a_name_that_never_resolves_is_the_cause),
		cmocka_unit_test(a_resolver_config_that_is_shut_out_asks_for_a_new_sandbox),
		cmocka_unit_test(but_not_when_a_question_may_have_had_its_effect),
		cmocka_unit_test(a_question_that_has_expired_is_not_sent_again),
		cmocka_unit_test(the_one_in_its_place_goes_to_those_who_were_not_asked_yet),
		cmocka_unit_test(and_another_question_to_all),
		cmocka_unit_test(at_the_deadline_nothing_has_expired),
		cmocka_unit_test(what_cannot_be_trusted_ends_it_at_once),
		cmocka_unit_test(retry_after_is_waited_for),
		cmocka_unit_test(retry_after_beyond_the_deadline_is_not_waited_for),
		cmocka_unit_test(without_a_deadline_it_never_gives_up),
		cmocka_unit_test(one_question_does_not_take_all_the_time),
		cmocka_unit_test(a_deadline_that_has_passed_asks_nobody),
		cmocka_unit_test(there_is_room_for_so_many_addresses),
		cmocka_unit_test(an_address_that_its_name_leads_to_no_more_makes_room),
		cmocka_unit_test(but_not_the_one_that_answered_last),
		cmocka_unit_test(a_name_with_many_addresses_does_not_shut_out_the_next_url),
		cmocka_unit_test(a_url_that_is_not_https_makes_no_route),
		cmocka_unit_test(a_peer_is_called_by_its_own_name),
		cmocka_unit_test(a_route_needs_memory),
		cmocka_unit_test(the_wait_doubles_up_to_a_bound_and_half_of_it_is_chance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
