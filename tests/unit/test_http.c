/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "peers.h"
#include "support.h"

#include <curl/curl.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>

#include "pxenc/http.h"

/* With a double of libcurl, and one of the resolver. */

static struct fault no_mmap, no_init, no_setopt, no_http2, no_slist, no_url, no_global;

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

static void http_cleanup(struct px_http **http)
{
	px_http_free(http);
}

#define auto_http px_cleanup(http_cleanup) struct px_http

static struct px_http *new_http(const struct px_secret *ca)
{
	struct px_http *http = NULL;

	told_count = told_text_count = 0;
	assert_int_equal(px_http_new(&cluster, "https://m:8443", "10.0.0.1", "8443", ca, &http), 0);
	return http;
}

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

	return px_http_ask(http, &plain_get, PX_CONNECT_MS, 1000, &answer, cause);
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
	assert_int_equal(px_http_new(&stranger, "http://m", "10.0.0.1", "80", NULL, &http), 0);
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
	assert_int_equal(px_http_ask(http, &request, PX_CONNECT_MS, 5000, &answer, &cause), PX_OK);
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
	assert_int_equal(px_http_new(&cluster, "https://m", "fd00::1", "443", NULL, &http), 0);
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
	assert_int_equal(px_http_ask(http, &request, PX_CONNECT_MS, 5000, &answer, &cause), PX_OK);
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
	assert_int_equal(px_http_ask(http, &plain_get, PX_CONNECT_MS, 1000, &answer, &cause),
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
	assert_int_equal(px_http_ask(http, &plain_get, PX_CONNECT_MS, 1000, &answer, &cause),
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
	check_cause(CURLE_SSL_CONNECT_ERROR, "Connection reset by peer", PX_UNREACHABLE,
		    "TLS handshake with 10.0.0.1:8443: Connection reset by peer");
	check_cause(CURLE_SSL_CONNECT_ERROR, "wrong version number", PX_UNREACHABLE,
		    "TLS handshake with 10.0.0.1:8443: wrong version number");
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
	assert_int_equal(px_http_ask(http, &plain_get, PX_CONNECT_MS, 1000, &answer, &cause),
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
	int r = px_http_new(&cluster, "https://m", "10.0.0.1", "443", arg, &http);

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
	enum px_status st = px_http_ask(oom_http, arg, PX_CONNECT_MS, 1000, &answer, &cause);

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
static const char *resolve_to[4]; /* NULL-terminated */
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

/* A list of numeric addresses, joined from the real thing. */
int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
		       struct addrinfo **list)
{
	struct addrinfo **tail = list;
	size_t i;

	(void)host;
	if (resolve_error)
		return resolve_error;
	*list = NULL;
	for (i = 0; resolve_to[i]; i++) {
		assert_int_equal(__real_getaddrinfo(resolve_to[i], port, hints, tail), 0);
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
	assert_int_equal(px_http_resolve("m", "443", addresses, 2, &count), 0);
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
	assert_int_equal(px_http_resolve("m", "443", addresses, 2, &count), EAI_NONAME);
	resolve_error = EAI_AGAIN;
	assert_int_equal(px_http_resolve("m", "443", addresses, 2, &count), EAI_AGAIN);
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
