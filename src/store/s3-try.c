/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <string.h>

#include "conversation.h"
#include "pxenc/cloud.h"
#include "pxenc/log.h"
#include "pxenc/strv.h"

static int make_request(const struct px_s3_request *request, struct px_frame *ret_frame)
{
	size_t size = PX_FIELD_NUMBER_SIZE + PX_FIELD_SIZE(strlen(request->target));
	char **line;
	int r;

	for (line = request->headers; *line; line++)
		size += PX_FIELD_SIZE(strlen(*line));
	r = px_frame_new(PX_FRAME_REQUEST, 0, size, ret_frame);
	if (r < 0)
		return r;
	r = px_frame_add_number(ret_frame, PX_FIELD_OP, PX_OP_S3);
	if (r == 0)
		r = px_frame_add_text(ret_frame, PX_FIELD_PATH, request->target);
	for (line = request->headers; r == 0 && *line; line++)
		r = px_frame_add_text(ret_frame, PX_FIELD_LINE, *line);
	return r;
}

static enum px_status report(enum px_status st, const char *text)
{
	switch (st) {
	case PX_UNREACHABLE:
		return px_fail(st, "%s: check its address and the network", text);
	case PX_NOMEM:
		return px_fail(st, "pxenc-fetch is out of memory: raise RLIMIT_MEMLOCK");
	default:
		return px_fail(st, "%s", text);
	}
}

enum px_status px_store_try_s3(const struct px_s3_request *request, char *ca_file, int64_t deadline)
{
	char *urls[] = { request->url, NULL };
	const struct px_config config = { .cluster_urls = urls, .ca_cert_file = ca_file };
	px_auto(store) struct px_store *store = NULL;
	px_auto(frame) struct px_frame frame = { .payload = NULL }, answer = { .payload = NULL };
	px_auto(free) char *text = NULL;
	enum px_status st;

	st = px_store_new(&config, deadline, &store);
	if (st)
		return st;
	if (make_request(request, &frame) < 0)
		return px_nomem();
	st = px_conversation_ask(store, &frame, &answer, &text);
	return st && text ? report(st, text) : st;
}
