/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pxenc/cloud.h"
#include "pxenc/sigv4.h"
#include "pxenc/strv.h"

#define REGION_DEFAULT "us-east-1"

/* Lists what the keys are for: a bucket, else all buckets. */
#define LIST_BUCKET "list-type=2&max-keys=1"

static const char *region_of(const struct px_secret *members)
{
	const char *region = px_cloud_get(members, PX_CLOUD_S3_REGION);

	return region ? region : REGION_DEFAULT;
}

/* Host and port of the endpoint, as the Host header has them: without the scheme's own port. */
static int host_of(const struct px_secret *members, bool plain, char **ret_host)
{
	const char *endpoint = px_cloud_get(members, PX_CLOUD_S3_ENDPOINT);
	const char *port = plain ? ":80" : ":443";
	const char *scheme;
	size_t len;

	if (!endpoint)
		return asprintf(ret_host, "s3.%s.amazonaws.com", region_of(members)) < 0 ? -ENOMEM
											 : 0;
	scheme = strstr(endpoint, "://");
	endpoint = scheme ? scheme + strlen("://") : endpoint;
	len = strlen(endpoint);
	if (endpoint[len - 1] == '/')
		len--;
	if (len > strlen(port) && memcmp(endpoint + len - strlen(port), port, strlen(port)) == 0)
		len -= strlen(port);
	*ret_host = strndup(endpoint, len);
	return *ret_host ? 0 : -ENOMEM;
}

/* Where the bucket is: in the path, as everywhere but with AWS itself, or before the host. */
static int place_bucket(const struct px_secret *members, char **host, char **ret_path)
{
	const char *bucket = px_cloud_get(members, PX_CLOUD_BUCKET);
	px_auto(free) char *plain_host = NULL;
	int r = 0;

	*ret_path = NULL;
	if (bucket && px_cloud_get(members, PX_CLOUD_DISABLE_PATH_STYLE)) {
		plain_host = px_steal(host);
		r = asprintf(host, "%s.%s", bucket, plain_host);
		if (r < 0)
			*host = NULL;
		bucket = NULL;
	}
	if (r >= 0)
		r = asprintf(ret_path, "/%s%s", bucket ? bucket : "", bucket ? "/" : "");
	if (r < 0)
		*ret_path = NULL;
	return r < 0 ? -ENOMEM : 0;
}

static int add_header(char ***headers, const char *name, const char *value)
{
	px_auto(free) char *line = NULL;

	if (asprintf(&line, "%s: %s", name, value) < 0) {
		line = NULL;
		return -ENOMEM;
	}
	return px_strv_add(headers, line);
}

static int sign(const struct px_sigv4 *what, char ***headers)
{
	px_auto(free) char *authorization = NULL;
	char date[PX_SIGV4_DATE_SIZE];
	int r;

	r = px_sigv4_sign(what, date, &authorization);
	/* What was signed is what is sent, whatever libcurl makes of the URL. */
	if (r == 0)
		r = add_header(headers, "Host", what->host);
	if (r == 0)
		r = add_header(headers, "X-Amz-Content-Sha256", PX_SIGV4_NO_BODY);
	if (r == 0)
		r = add_header(headers, "X-Amz-Date", date);
	if (r == 0)
		r = add_header(headers, "Authorization", authorization);
	return r;
}

static int fill(const struct px_secret *members, const char *host, const char *path, time_t when,
		struct px_s3_request *request)
{
	const char *scheme = px_cloud_get(members, PX_CLOUD_S3_DISABLE_SSL) ? "http" : "https";
	const char *query = px_cloud_get(members, PX_CLOUD_BUCKET) ? LIST_BUCKET : "";
	const struct px_sigv4 what = {
		.method = "GET",
		.host = host,
		.path = path,
		.query = query,
		.region = region_of(members),
		.access_key = px_cloud_get(members, PX_CLOUD_S3_ACCESS_KEY),
		.secret_key = px_cloud_get(members, PX_CLOUD_S3_SECRET_KEY),
		.when = when,
	};

	if (asprintf(&request->url, "%s://%s", scheme, host) < 0) {
		request->url = NULL;
		return -ENOMEM;
	}
	if (asprintf(&request->target, "%s%s%s", path, *query ? "?" : "", query) < 0) {
		request->target = NULL;
		return -ENOMEM;
	}
	return sign(&what, &request->headers);
}

int px_s3_request(const struct px_secret *members, time_t when, struct px_s3_request *ret_request)
{
	px_auto(s3_request) struct px_s3_request request = { .url = NULL };
	px_auto(free) char *host = NULL, *path = NULL;
	int r;

	r = host_of(members, px_cloud_get(members, PX_CLOUD_S3_DISABLE_SSL) != NULL, &host);
	if (r < 0) {
		host = NULL;
		return r;
	}
	r = place_bucket(members, &host, &path);
	if (r == 0)
		r = fill(members, host, path, when, &request);
	if (r < 0)
		return r;
	*ret_request = request;
	request = (struct px_s3_request){ .url = NULL };
	return 0;
}

void px_s3_request_clear(struct px_s3_request *request)
{
	free(request->url);
	free(request->target);
	px_strv_free(&request->headers);
}
