/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "http-private.h"

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
int px_http_headers(const struct px_http_request *request, struct curl_slist **ret_headers)
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

void px_http_headers_cleanup(struct curl_slist **headers)
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

CURLcode px_http_set_request(const struct px_http *http, const struct px_http_request *request,
			     struct curl_slist *headers)
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
	return c ? c
		 : curl_easy_setopt(http->curl, CURLOPT_FRESH_CONNECT, request->fresh ? 1L : 0L);
}
