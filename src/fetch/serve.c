/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#include "pxenc/clock.h"
#include "pxenc/dcos.h"
#include "pxenc/members.h"
#include "pxenc/path.h"
#include "pxenc/s3.h"
#include "pxenc/store.h"
#include "pxenc/strv.h"

/* Our own deadline comes first, and its failure has words; this is for a look-up that hangs. */
#define ALARM_GRACE_MS 200

static const struct px_peer cluster = {
	.name = "the store",
	.url = "cluster_url",
	.ca = "ca_cert_file",
	.mend = "check ca_cert_file and cluster_url",
};

static const struct px_peer stranger = {
	.name = "the endpoint",
	.url = "the endpoint",
	.ca = "AWS_CA_BUNDLE",
	.mend = "check its address; a CA of your own is added to the system's, or named in "
		"AWS_CA_BUNDLE",
	.plain = true,
};

/* One conversation, from its SESSION frame on. */
struct talk {
	int in, out;
	uint32_t seq;
	struct px_listener listener;
	struct px_keeper keeper;
	struct px_secret *ca;
	struct px_route *route;
	struct px_dcos *dcos; /* NULL: a stranger's */
};

static void talk_cleanup(struct talk *talk)
{
	px_dcos_free(&talk->dcos);
	px_route_free(&talk->route);
	px_secret_free(&talk->ca);
}

/* Writes a frame whose fields were added with result r, and clears it. */
static int send_frame(int out, struct px_frame *frame, int r)
{
	if (r == 0)
		r = px_frame_write(out, frame, PX_FOREVER);
	px_frame_clear(frame);
	return r;
}

static int send_note(int out, uint32_t seq, enum px_note_kind kind, const char *text)
{
	struct px_frame frame;
	int r;

	r = px_frame_new(PX_FRAME_NOTE, seq, PX_FIELD_NUMBER_SIZE + PX_FIELD_SIZE(strlen(text)),
			 &frame);
	if (r < 0)
		return r;
	r = px_frame_add_number(&frame, PX_FIELD_KIND, kind);
	if (r == 0)
		r = px_frame_add_text(&frame, PX_FIELD_TEXT, text);
	return send_frame(out, &frame, r);
}

/* A note that cannot be sent is no reason to stop: the answer will not get through either. */
static void note(void *arg, enum px_note_kind kind, const char *text)
{
	const struct talk *talk = arg;

	if (send_note(talk->out, talk->seq, kind, text) < 0)
		return;
}

static enum px_status disturbed(struct px_cause *cause, int r)
{
	if (r == -ENOMEM)
		return px_cause_nomem(cause);
	return px_cause_set(cause, PX_KERNEL, "pxenc-fetch does not understand pxenc");
}

static int read_credentials(const struct px_frame *frame, struct px_credentials *credentials)
{
	int r;

	r = px_frame_get_secret(frame, PX_FIELD_ACS, PX_ACS_MAX, &credentials->acs);
	if (r != -ENOENT)
		return r;
	r = px_frame_get_text(frame, PX_FIELD_UID, PX_UID_MAX, &credentials->uid);
	if (r < 0)
		return r;
	r = px_frame_get_secret(frame, PX_FIELD_SERVICE, PX_ACS_MAX, &credentials->service);
	if (r != -ENOENT)
		return r;
	return px_frame_get_secret(frame, PX_FIELD_PASSWORD, PX_PASSWORD_MAX,
				   &credentials->password);
}

static enum px_status want_login(void *arg, struct px_credentials *ret_credentials,
				 struct px_cause *cause)
{
	px_auto(frame) struct px_frame reply = { .payload = NULL };
	const struct talk *talk = arg;
	struct px_frame want;
	int r;

	note(arg, PX_NOTE_DOING, "waiting for credentials");
	r = px_frame_new(PX_FRAME_WANT_LOGIN, talk->seq, 0, &want);
	if (r == 0)
		r = send_frame(talk->out, &want, 0);
	if (r == 0)
		r = px_frame_read(talk->in, PX_FOREVER, &reply);
	if (r == 0 && (reply.type != PX_FRAME_CREDENTIALS || reply.seq != talk->seq))
		r = -EBADMSG;
	if (r == 0)
		r = read_credentials(&reply, ret_credentials);
	return r < 0 ? disturbed(cause, r) : PX_OK;
}

static enum px_status keep(void *arg, const struct px_secret *acs, int64_t expiry,
			   struct px_cause *cause)
{
	const struct talk *talk = arg;
	struct px_frame frame;
	int r;

	r = px_frame_new(PX_FRAME_TOKEN, talk->seq,
			 PX_FIELD_SIZE(px_secret_len(acs)) + PX_FIELD_NUMBER_SIZE, &frame);
	if (r < 0)
		return px_cause_nomem(cause);
	r = px_frame_add_secret(&frame, PX_FIELD_ACS, acs);
	if (r == 0)
		r = px_frame_add_number(&frame, PX_FIELD_EXPIRY, (uint64_t)expiry);
	return send_frame(talk->out, &frame, r) < 0 ? disturbed(cause, -EPIPE) : PX_OK;
}

static int add_text(const struct px_field *field, char ***texts)
{
	px_auto(free) char *text = NULL;
	int r;

	r = px_field_text(field, PX_TEXT_MAX, &text);
	return r < 0 ? r : px_strv_add(texts, text);
}

/* All fields of a tag, in their order; NULL: there is none. */
static int read_texts(const struct px_frame *frame, enum px_field_tag tag, char ***ret_texts)
{
	struct px_field field;
	size_t pos = 0;
	int r;

	while ((r = px_field_next(px_secret_bytes(frame->payload), px_secret_len(frame->payload),
				  &pos, &field)) == 0) {
		if (field.tag != tag)
			continue;
		r = add_text(&field, ret_texts);
		if (r < 0)
			return r;
	}
	return r == -ENODATA ? 0 : r;
}

/* A field that may be missing stays NULL. */
static int read_optional(const struct px_frame *frame, enum px_field_tag tag, size_t max,
			 struct px_secret **ret_secret)
{
	int r = px_frame_get_secret(frame, tag, max, ret_secret);

	return r == -ENOENT ? 0 : r;
}

/* The default action of SIGALRM ends the process, whatever it hangs in. */
static void set_alarm(uint64_t timeout_ms)
{
	const struct itimerval timer = {
		.it_value = { .tv_sec = (time_t)(timeout_ms / 1000),
			      .tv_usec = (suseconds_t)(timeout_ms % 1000 * 1000) },
	};

	setitimer(ITIMER_REAL, &timer, NULL);
}

static int read_deadline(const struct px_frame *frame, int64_t *ret_deadline)
{
	uint64_t timeout_ms;
	int r;

	r = px_frame_get_number(frame, PX_FIELD_TIMEOUT, &timeout_ms);
	if (r == -ENOENT) {
		*ret_deadline = PX_FOREVER;
		return 0;
	}
	if (r < 0 || timeout_ms > INT32_MAX)
		return -EBADMSG;
	set_alarm(timeout_ms + ALARM_GRACE_MS);
	*ret_deadline = px_now_ms() + (int64_t)timeout_ms;
	return 0;
}

/* What a SESSION frame says, on its way into a talk. */
struct session {
	char **urls;
	char *store;
	struct px_secret *acs;
	int64_t deadline;
};

static void session_cleanup(struct session *session)
{
	px_strv_free(&session->urls);
	free(session->store);
	px_secret_free(&session->acs);
}

static int read_session(const struct px_frame *frame, struct talk *talk, struct session *session)
{
	int r;

	if (frame->type != PX_FRAME_SESSION)
		return -EBADMSG;
	r = read_texts(frame, PX_FIELD_URL, &session->urls);
	if (r == 0 && !session->urls)
		r = -EBADMSG;
	if (r == 0)
		r = px_frame_get_text(frame, PX_FIELD_STORE, PX_TEXT_MAX, &session->store);
	if (r == 0 || (r == -ENOENT && session->urls))
		r = read_optional(frame, PX_FIELD_CA, PX_CA_MAX, &talk->ca);
	if (r == 0)
		r = read_optional(frame, PX_FIELD_ACS, PX_ACS_MAX, &session->acs);
	if (r == 0)
		r = read_deadline(frame, &session->deadline);
	return r;
}

static enum px_status begin_session(const struct px_frame *frame, struct talk *talk,
				    struct px_cause *cause)
{
	px_cleanup(session_cleanup) struct session session = { .urls = NULL };
	enum px_status st;
	int r;

	r = read_session(frame, talk, &session);
	if (r < 0)
		return disturbed(cause, r);
	st = px_route_new(session.store ? &cluster : &stranger, session.urls, talk->ca,
			  session.deadline, &talk->listener, &talk->route, cause);
	if (st || !session.store)
		return st;
	st = px_dcos_new(talk->route, session.store, session.acs, &talk->keeper, &talk->listener,
			 &talk->dcos, cause);
	if (st == PX_OK)
		session.acs = NULL;
	return st;
}

/* What a REQUEST frame says, and what its answer will. */
struct job {
	uint64_t op;
	char *path;
	uint64_t how;
	struct px_secret *value; /* of the request, then of the answer */
	char **lines;
	struct px_cause cause;
};

static void job_cleanup(struct job *job)
{
	free(job->path);
	px_secret_free(&job->value);
	px_strv_free(&job->lines);
}

static int read_job(const struct px_frame *frame, struct job *job)
{
	int r;

	r = px_frame_get_number(frame, PX_FIELD_OP, &job->op);
	if (r == 0)
		r = px_frame_get_text(frame, PX_FIELD_PATH, PX_PATH_MAX, &job->path);
	if (r == 0)
		r = px_frame_get_number(frame, PX_FIELD_HOW, &job->how);
	if (r == -ENOENT && job->path)
		r = 0;
	if (r == 0)
		r = read_optional(frame, PX_FIELD_VALUE, PX_FRAME_MAX, &job->value);
	return r < 0 ? r : read_texts(frame, PX_FIELD_LINE, &job->lines);
}

/* A value that is no such object is answered without one: who asks knows what it should be. */
static enum px_status parse_object(struct job *job)
{
	struct px_secret *members = NULL;
	int r;

	r = px_json_members((const char *)px_secret_bytes(job->value), px_secret_len(job->value),
			    &members);
	if (r == -E2BIG)
		return px_cause_set(&job->cause, PX_UNTRUSTED,
				    "'%s' is too large: the texts in its JSON object may "
				    "take %d bytes together",
				    job->path, PX_MEMBERS_MAX);
	if (r < 0 && r != -EBADMSG)
		return px_cause_nomem(&job->cause);
	px_secret_free(&job->value);
	job->value = members;
	return PX_OK;
}

static enum px_status run_job(const struct talk *talk, struct job *job)
{
	struct px_cause *cause = &job->cause;
	struct px_dcos *dcos = talk->dcos;

	switch (job->op) {
	case PX_OP_GET:
		return px_dcos_get(dcos, job->path, (unsigned int)job->how, &job->value, cause);
	case PX_OP_CREATE:
		return px_dcos_create(dcos, job->path, job->value, cause);
	case PX_OP_UPDATE:
		return px_dcos_update(dcos, job->path, job->value, cause);
	case PX_OP_DELETE:
		return px_dcos_delete(dcos, job->path, cause);
	case PX_OP_LIST:
		return px_dcos_list(dcos, job->path, &job->value, cause);
	case PX_OP_PARSE:
		return parse_object(job);
	case PX_OP_S3:
		return px_s3_ask(talk->route, job->path, job->lines, cause);
	case PX_OP_LOGIN:
		return px_dcos_login(dcos, cause);
	}
	return disturbed(cause, -EBADMSG);
}

/* A value where the op wants one, and none where it would be lost; and a cluster is asked as a
 * cluster, a stranger as a stranger. */
static bool is_sound(const struct talk *talk, const struct job *job)
{
	bool takes = job->op == PX_OP_CREATE || job->op == PX_OP_UPDATE || job->op == PX_OP_PARSE;

	return job->op >= PX_OP_GET && job->op <= PX_OP_LAST && takes == (job->value != NULL) &&
	       (job->op == PX_OP_S3) == !talk->dcos;
}

static bool has_result(const struct job *job)
{
	return job->op == PX_OP_GET || job->op == PX_OP_LIST ||
	       (job->op == PX_OP_PARSE && job->value);
}

static int send_answer(int out, uint32_t seq, enum px_status status, const char *text)
{
	struct px_frame frame;
	int r;

	r = px_frame_new(PX_FRAME_ANSWER, seq, PX_FIELD_NUMBER_SIZE + PX_FIELD_SIZE(strlen(text)),
			 &frame);
	if (r < 0)
		return r;
	r = px_frame_add_number(&frame, PX_FIELD_STATUS, status);
	if (r == 0)
		r = px_frame_add_text(&frame, PX_FIELD_TEXT, text);
	return send_frame(out, &frame, r);
}

static int send_result(const struct talk *talk, const struct job *job)
{
	enum px_field_tag tag = job->op == PX_OP_LIST ? PX_FIELD_LIST : PX_FIELD_VALUE;
	struct px_frame frame;
	int r;

	r = px_frame_new(PX_FRAME_ANSWER, talk->seq,
			 PX_FIELD_NUMBER_SIZE + PX_FIELD_SIZE(px_secret_len(job->value)), &frame);
	if (r == -ENOSPC)
		return send_answer(talk->out, talk->seq, PX_UNTRUSTED,
				   "the store's answer is too large");
	if (r < 0)
		return send_answer(talk->out, talk->seq, PX_NOMEM, "out of memory");
	r = px_frame_add_number(&frame, PX_FIELD_STATUS, PX_OK);
	if (r == 0)
		r = px_frame_add_secret(&frame, tag, job->value);
	return send_frame(talk->out, &frame, r);
}

static int send_again(const struct talk *talk)
{
	struct px_frame frame;
	int r;

	r = px_frame_new(PX_FRAME_AGAIN, talk->seq, 0, &frame);
	return r < 0 ? r : send_frame(talk->out, &frame, 0);
}

static int handle_request(const struct px_frame *frame, struct talk *talk)
{
	px_cleanup(job_cleanup) struct job job = { .path = NULL };
	enum px_status st;
	int r;

	talk->seq = frame->seq;
	r = frame->type == PX_FRAME_REQUEST ? read_job(frame, &job) : -EBADMSG;
	if (r == 0 && !is_sound(talk, &job))
		r = -EBADMSG;
	st = r < 0 ? disturbed(&job.cause, r) : run_job(talk, &job);
	if (st == PX_UNREACHABLE && px_route_is_stale(talk->route))
		return send_again(talk);
	if (st != PX_OK)
		return send_answer(talk->out, talk->seq, st, job.cause.text);
	return has_result(&job) ? send_result(talk, &job)
				: send_answer(talk->out, talk->seq, PX_OK, "");
}

static int serve_requests(struct talk *talk)
{
	for (;;) {
		px_auto(frame) struct px_frame frame = { .payload = NULL };
		int r;

		r = px_frame_read(talk->in, PX_FOREVER, &frame);
		if (r == 0)
			r = handle_request(&frame, talk);
		if (r < 0)
			return r == -ENODATA ? 0 : r;
	}
}

int px_fetch_serve(int in, int out, bool unlocked)
{
	px_cleanup(talk_cleanup) struct talk talk = { .in = in, .out = out };
	px_auto(frame) struct px_frame frame = { .payload = NULL };
	struct px_cause cause;
	enum px_status st;
	int r;

	talk.listener = (struct px_listener){ note, &talk };
	talk.keeper = (struct px_keeper){ want_login, keep, &talk };
	if (unlocked)
		note(&talk, PX_NOTE_DONE,
		     "pxenc-fetch locks only its secrets into memory: RLIMIT_MEMLOCK is too low");
	r = px_frame_read(in, PX_FOREVER, &frame);
	if (r < 0)
		return r == -ENODATA ? EXIT_SUCCESS : EXIT_FAILURE;
	st = begin_session(&frame, &talk, &cause);
	px_frame_clear(&frame);
	if (st) {
		send_answer(out, 0, st, cause.text);
		return EXIT_FAILURE;
	}
	return serve_requests(&talk) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int px_fetch_refuse(int out, const char *step, int error)
{
	struct px_cause cause;

	px_cause_set(&cause, PX_KERNEL, "pxenc-fetch refuses to run: it cannot %s: %s", step,
		     strerror(error));
	return send_answer(out, 0, PX_KERNEL, cause.text);
}
