/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <curl/curl.h>
#include <errno.h>
#include <string.h>

#include "pxenc/http.h"

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
	px_cleanup(url_cleanup) CURLU *parsed = curl_url();
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
