/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "conversation.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "pxenc/clock.h"
#include "pxenc/file.h"
#include "pxenc/log.h"
#include "pxenc/places.h"
#include "pxenc/strv.h"

#define FAREWELL_MS 200 /* for pxenc-fetch to end by itself */
#define AGAIN_MS 250	/* before it is started anew */
#define ALARM_MS 500	/* by which its alarm may be early */
#define PAUSE_MS 1000	/* between questions that is worth a new start */

static enum px_status read_ca(struct px_store *store)
{
	if (!store->config->ca_cert_file)
		return PX_OK;
	return px_file_read(store->config->ca_cert_file, "CA certificate", PX_CA_MAX, &store->ca,
			    &store->ca_len);
}

/* What failed may be tried again. */
static void forget_readiness(struct px_store *store)
{
	free(store->ca);
	store->ca = NULL;
	store->ca_len = 0;
	px_acs_cache_free(&store->cache);
}

static enum px_status get_ready(struct px_store *store)
{
	enum px_status st;

	if (store->ready)
		return PX_OK;
	st = read_ca(store);
	if (!st && !px_store_is_stranger(store))
		st = px_login_prepare(store);
	store->ready = st == PX_OK;
	if (st)
		forget_readiness(store);
	return st;
}

/* pxenc-fetch is to speak before we lose patience: its failure has more to say. */
static uint64_t timeout_for_fetch(int left)
{
	int spare = left / 8 < 250 ? left / 8 : 250;

	return (uint64_t)(left - spare);
}

static size_t session_size(const struct px_store *store)
{
	size_t size = PX_FIELD_SIZE(PX_TEXT_MAX) + PX_FIELD_SIZE(store->ca_len) +
		      PX_FIELD_NUMBER_SIZE + PX_FIELD_SIZE(PX_ACS_MAX);
	char **url;

	for (url = store->config->cluster_urls; *url; url++)
		size += PX_FIELD_SIZE(strlen(*url));
	return size;
}

static int add_urls(struct px_frame *frame, char *const *urls)
{
	int r = 0;

	for (; r == 0 && *urls; urls++)
		r = px_frame_add_text(frame, PX_FIELD_URL, *urls);
	return r;
}

static int make_session(const struct px_store *store, struct px_frame *ret_frame)
{
	int left = px_deadline_left(store->deadline);
	int r;

	r = px_frame_new(PX_FRAME_SESSION, 0, session_size(store), ret_frame);
	if (r < 0)
		return r;
	if (store->only)
		r = px_frame_add_text(ret_frame, PX_FIELD_URL, store->only);
	else
		r = add_urls(ret_frame, store->config->cluster_urls);
	if (r == 0 && !px_store_is_stranger(store))
		r = px_frame_add_text(ret_frame, PX_FIELD_STORE, store->config->store);
	if (r == 0 && store->ca)
		r = px_frame_add(ret_frame, PX_FIELD_CA, store->ca, store->ca_len);
	if (r == 0 && left >= 0)
		r = px_frame_add_number(ret_frame, PX_FIELD_TIMEOUT, timeout_for_fetch(left));
	if (r == 0 && store->shown.token)
		r = px_frame_add_secret(ret_frame, PX_FIELD_ACS, store->shown.token);
	return r;
}

/* A frame that cannot be written because pxenc-fetch is gone: what it said last tells why. */
static int write_unless_gone(const struct px_store *store, const struct px_frame *frame)
{
	int r = px_frame_write(store->child.in, frame, store->deadline);

	return r == -EPIPE ? 0 : r;
}

static int begin_session(struct px_store *store)
{
	px_auto(frame) struct px_frame frame = { .payload = NULL };
	int r;

	r = make_session(store, &frame);
	return r < 0 ? r : write_unless_gone(store, &frame);
}

static enum px_status start(struct px_store *store)
{
	const char *const argv[] = { px_place_fetch(), NULL };
	int r;

	store->doing[0] = '\0';
	px_login_choose(store);
	r = px_child_start(argv, &store->child);
	if (r < 0)
		return px_fail(PX_KERNEL, "cannot run '%s': %s%s", argv[0], strerror(-r),
			       r == -ENOENT ? ": install pxenc completely" : "");
	return PX_OK;
}

void px_conversation_end(struct px_store *store)
{
	px_child_end(&store->child, px_now_ms() + FAREWELL_MS);
}

static void kill_fetch(struct px_store *store)
{
	px_child_end(&store->child, 0);
}

/* pxenc-fetch's own alarm ends it at the deadline. */
static bool is_due(const struct px_store *store)
{
	int left = px_deadline_left(store->deadline);

	return left >= 0 && left <= ALARM_MS;
}

static enum px_status not_in_time(const struct px_store *store, const char *doing)
{
	bool stranger = px_store_is_stranger(store);

	return px_fail(PX_UNREACHABLE,
		       "%s did not answer in time, while %s: check %s, the network and "
		       "\"timeout\"",
		       stranger ? "the endpoint" : "the store", doing,
		       stranger ? "its address" : "cluster_url");
}

/* Why a frame could not be had. */
static enum px_status no_frame(const struct px_store *store, int r)
{
	const char *doing = store->doing[0] ? store->doing : "starting";

	switch (r) {
	case -ENOMEM:
		return px_nomem();
	case -ENODATA:
		return is_due(store) ? not_in_time(store, doing)
				     : px_fail(PX_KERNEL,
					       "pxenc-fetch ended unexpectedly, while %s", doing);
	case -ETIMEDOUT:
		return not_in_time(store, doing);
	default:
		return px_fail(PX_UNTRUSTED, "pxenc-fetch said what cannot be understood, while %s",
			       doing);
	}
}

static enum px_status hear_note(struct px_store *store, const struct px_frame *frame)
{
	px_auto(free) char *text = NULL;
	uint64_t kind;
	int r;

	r = px_frame_get_number(frame, PX_FIELD_KIND, &kind);
	if (r == 0)
		r = px_frame_get_text(frame, PX_FIELD_TEXT, PX_TEXT_MAX, &text);
	if (r == 0 && (kind < PX_NOTE_DOING || kind > PX_NOTE_WAIT))
		r = -EBADMSG;
	if (r < 0)
		return no_frame(store, r);
	if (kind == PX_NOTE_DOING) {
		snprintf(store->doing, sizeof(store->doing), "%s", text);
	} else if (kind == PX_NOTE_DONE) {
		px_note("%s", text);
	} else if (!store->warned) {
		store->warned = true;
		px_announce("%s", text);
	}
	return PX_OK;
}

static bool is_answer_status(uint64_t status)
{
	switch (status) {
	case PX_OK:
	case PX_USAGE:
	case PX_NOMEM:
	case PX_UNREACHABLE:
	case PX_UNAUTHENTICATED:
	case PX_FORBIDDEN:
	case PX_NO_SECRET:
	case PX_UNTRUSTED:
	case PX_KERNEL:
	case PX_EXISTS:
		return true;
	default:
		return false;
	}
}

/* A failure has to say why, and what went well was a request, not the session. */
static int read_answer(const struct px_frame *frame, uint64_t *ret_status, char **ret_text)
{
	int r;

	r = px_frame_get_number(frame, PX_FIELD_STATUS, ret_status);
	if (r < 0)
		return r;
	if (!is_answer_status(*ret_status) || (*ret_status == PX_OK && frame->seq == 0))
		return -EBADMSG;
	r = px_frame_get_text(frame, PX_FIELD_TEXT, PX_TEXT_MAX, ret_text);
	if (r != -ENOENT || *ret_status != PX_OK)
		return r;
	*ret_text = strdup("");
	return *ret_text ? 0 : -ENOMEM;
}

static enum px_status hear_answer(struct px_store *store, struct px_frame *frame,
				  struct px_frame *ret_answer, char **ret_text)
{
	uint64_t status;
	int r;

	r = read_answer(frame, &status, ret_text);
	if (r < 0)
		return no_frame(store, r == -ENOENT ? -EBADMSG : r);
	*ret_answer = *frame;
	frame->payload = NULL;
	return (enum px_status)status;
}

static enum px_status start_again(struct px_store *store, const struct px_frame *request)
{
	enum px_status st;
	int r;

	kill_fetch(store);
	px_login_restart(store);
	/* The file that was replaced may be replaced again. */
	poll(NULL, 0, AGAIN_MS);
	st = start(store);
	if (st)
		return st;
	r = begin_session(store);
	if (r == 0)
		r = write_unless_gone(store, request);
	return r < 0 ? no_frame(store, r) : PX_OK;
}

/* One frame that is no answer. */
static enum px_status hear(struct px_store *store, const struct px_frame *frame,
			   const struct px_frame *request)
{
	switch (frame->type) {
	case PX_FRAME_NOTE:
		return hear_note(store, frame);
	case PX_FRAME_WANT_LOGIN:
		return px_login_answer(store);
	case PX_FRAME_TOKEN:
		return px_login_keep(store, frame);
	case PX_FRAME_AGAIN:
		return start_again(store, request);
	default:
		return no_frame(store, -EBADMSG);
	}
}

/* The session as a whole (seq 0) has notes and failures; all else belongs to the request. For a
 * stranger nobody logs in. */
static bool is_expected(const struct px_store *store, const struct px_frame *frame)
{
	if (px_store_is_stranger(store) &&
	    (frame->type == PX_FRAME_WANT_LOGIN || frame->type == PX_FRAME_TOKEN))
		return false;
	if (frame->seq == 0)
		return frame->type == PX_FRAME_NOTE || frame->type == PX_FRAME_ANSWER;
	return frame->seq == store->seq;
}

static enum px_status hear_all(struct px_store *store, const struct px_frame *request,
			       struct px_frame *ret_answer, char **ret_text)
{
	for (;;) {
		px_auto(frame) struct px_frame frame = { .payload = NULL };
		enum px_status st;
		int r;

		r = px_frame_read(store->child.out, store->deadline, &frame);
		if (r == 0 && !is_expected(store, &frame))
			r = -EBADMSG;
		if (r < 0)
			return no_frame(store, r);
		if (frame.type == PX_FRAME_ANSWER)
			return hear_answer(store, &frame, ret_answer, ret_text);
		st = hear(store, &frame, request);
		if (st)
			return st;
	}
}

/* The time is the store's. What passed since its last answer was the caller's, who may have tried a
 * key for seconds; the clock of a pxenc-fetch that waits does not stop, so it is started anew. */
static void give_time_back(struct px_store *store)
{
	int64_t pause = px_now_ms() - store->answered;

	if (store->answered == 0 || store->deadline == PX_FOREVER || pause < PAUSE_MS)
		return;
	store->deadline += pause;
	px_conversation_end(store);
}

static enum px_status begin_request(struct px_store *store, struct px_frame *request)
{
	enum px_status st = PX_OK;
	bool fresh;
	int r = 0;

	give_time_back(store);
	fresh = store->child.pid == 0;
	px_login_restart(store);
	if (fresh)
		st = start(store);
	if (st)
		return st;
	request->seq = ++store->seq;
	if (fresh)
		r = begin_session(store);
	if (r == 0)
		r = write_unless_gone(store, request);
	return r < 0 ? no_frame(store, r) : PX_OK;
}

enum px_status px_conversation_ask(struct px_store *store, struct px_frame *request,
				   struct px_frame *ret_answer, char **ret_text)
{
	enum px_status st;

	*ret_text = NULL;
	st = get_ready(store);
	if (st)
		return st;
	st = begin_request(store, request);
	if (!st)
		st = hear_all(store, request, ret_answer, ret_text);
	px_login_end(store, st);
	store->answered = px_now_ms();
	/* Without an answer, or with one about the session, there is nobody left to talk to. */
	if (!*ret_text || ret_answer->seq == 0)
		kill_fetch(store);
	return st;
}
