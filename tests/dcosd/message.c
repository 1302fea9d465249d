/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "message.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "util.h"

struct dcosd_request *dcosd_request_new(const char *target)
{
	struct dcosd_request *request = dcosd_alloc(sizeof(*request));
	size_t path_len = strcspn(target, "?");

	request->target = dcosd_strdup(target);
	request->path = dcosd_memdup(target, path_len);
	if (target[path_len])
		request->query = request->target + path_len + 1;
	request->body = dcosd_strdup("");
	return request;
}

void dcosd_request_add_body(struct dcosd_request *request, const char *data, size_t len)
{
	if (request->body_too_large || len > DCOSD_BODY_MAX - request->body_len) {
		request->body_too_large = true;
		return;
	}
	request->body = dcosd_realloc(request->body, request->body_len + len + 1);
	memcpy(request->body + request->body_len, data, len);
	request->body_len += len;
	request->body[request->body_len] = '\0';
}

void dcosd_request_free(struct dcosd_request *request)
{
	if (!request)
		return;
	free(request->method);
	free(request->target);
	free(request->path);
	free(request->body);
	free(request->uid);
	free(request);
}

bool dcosd_media_type_is(const char *header, const char *type)
{
	size_t len = strlen(type);

	return header && !strncasecmp(header, type, len) && strchr(" ;", header[len]);
}

/* Whether one element of an Accept header, LEN bytes long, admits TYPE. */
static bool range_admits(const char *range, size_t len, const char *type)
{
	size_t major = strcspn(type, "/") + 1;

	len = strcspn(range, " ;,") < len ? strcspn(range, " ;,") : len;
	if (len == 3 && !strncmp(range, "*/*", 3))
		return true;
	if (len == strlen(type) && !strncasecmp(range, type, len))
		return true;
	return len == major + 1 && range[major] == '*' && !strncasecmp(range, type, major);
}

bool dcosd_accepts(const char *accept, const char *type)
{
	if (!accept)
		return true;
	while (*accept) {
		size_t len;

		accept += strspn(accept, " ,");
		len = strcspn(accept, ",");
		if (range_admits(accept, len, type))
			return true;
		accept += len;
	}
	return false;
}

static void set_body(struct dcosd_answer *answer, unsigned int status, const char *type, char *body,
		     size_t len)
{
	free(answer->body);
	answer->status = status;
	answer->content_type = type;
	answer->body = body;
	answer->body_len = len;
}

void dcosd_answer_clear(struct dcosd_answer *answer)
{
	free(answer->body);
	for (size_t i = 0; i < answer->header_count; i++)
		free(answer->headers[i].value);
	*answer = (struct dcosd_answer){ 0 };
}

void dcosd_answer_empty(struct dcosd_answer *answer, unsigned int status)
{
	set_body(answer, status, NULL, NULL, 0);
}

void dcosd_answer_bytes(struct dcosd_answer *answer, const char *type, const void *data, size_t len)
{
	set_body(answer, 200, type, dcosd_memdup(data, len), len);
}

void dcosd_answer_json(struct dcosd_answer *answer, unsigned int status, char *body)
{
	set_body(answer, status, "application/json", body, strlen(body));
}

/* As nginx words them, which differs from RFC 9110 in places. */
static const char *reason(unsigned int status)
{
	static const struct {
		unsigned int status;
		const char *text;
	} reasons[] = {
		{ 301, "Moved Permanently" },
		{ 400, "Bad Request" },
		{ 401, "Authorization Required" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Not Allowed" },
		{ 406, "Not Acceptable" },
		{ 409, "Conflict" },
		{ 413, "Request Entity Too Large" },
		{ 429, "Too Many Requests" },
		{ 500, "Internal Server Error" },
		{ 503, "Service Temporarily Unavailable" },
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			return reasons[i].text;
	return "Error";
}

void dcosd_answer_html(struct dcosd_answer *answer, unsigned int status)
{
	char *page = dcosd_format("<html>\r\n<head><title>%u %s</title></head>\r\n<body>\r\n"
				  "<center><h1>%u %s</h1></center>\r\n"
				  "<hr><center>openresty</center>\r\n</body>\r\n</html>\r\n",
				  status, reason(status), status, reason(status));

	set_body(answer, status, "text/html", page, strlen(page));
	if (status == 401)
		dcosd_answer_add_header(answer, "WWW-Authenticate", dcosd_strdup("acsjwt"));
}

void dcosd_answer_error(struct dcosd_answer *answer, unsigned int status, const char *description)
{
	dcosd_answer_json(answer, status,
			  dcosd_format("{\"title\":\"%s\",\"description\":\"%s\"}", reason(status),
				       description));
}

void dcosd_answer_add_header(struct dcosd_answer *answer, const char *name, char *value)
{
	if (answer->header_count == DCOSD_HEADERS_MAX) {
		free(value);
		return;
	}
	answer->headers[answer->header_count].name = name;
	answer->headers[answer->header_count++].value = value;
}
