/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "open-all.h"
#include "pxenc/clock.h"
#include "pxenc/frame.h"
#include "pxenc/log.h"
#include "pxenc/unlock.h"

/* A fetcher that has been asked for so long may be kept by that one secret: the rest gets another.
 */
#define PATIENCE_MS 1000

/* It knows the deadline itself, and has more to say; then we know that it hangs. */
#define GRACE_MS 3000

/*
 * The process that fetches: a px_store, and so one pxenc-fetch, behind the frames that the two
 * speak. A request has the full path of a secret, or "" for the path that the cluster setting or
 * the config names. An answer has STATUS and TEXT, VALUE or PATH.
 */

/* Only the first one says what it waits for: the others wait for the same. */
static void be_silent(const char *line)
{
	(void)line;
}

static enum px_status resolve(const struct px_all *all, struct px_store *store, char **ret_path)
{
	px_auto(choice) struct px_choice choice = { 0 };
	enum px_status st;

	st = px_resolve(all->config, store, all->options, NULL, &choice);
	if (!st)
		*ret_path = px_steal(&choice.path);
	return st;
}

/* What a request got. */
struct answer {
	enum px_status status;
	char *path;
	struct px_secret *key;
};

static void answer_cleanup(struct answer *answer)
{
	free(answer->path);
	px_secret_free(&answer->key);
}

static int add_result(struct px_frame *frame, const struct answer *answer)
{
	char text[PX_TEXT_MAX + 1];

	if (answer->status) {
		snprintf(text, sizeof(text), "%.*s", PX_TEXT_MAX, px_all_said);
		return px_frame_add_text(frame, PX_FIELD_TEXT, text);
	}
	if (answer->path)
		return px_frame_add_text(frame, PX_FIELD_PATH, answer->path);
	return px_frame_add_secret(frame, PX_FIELD_VALUE, answer->key);
}

static int send_answer(const struct answer *answer, uint32_t seq, int to)
{
	px_auto(frame) struct px_frame frame = { .payload = NULL };
	size_t len = answer->status || answer->path ? PX_PATH_MAX : px_secret_len(answer->key);
	int r;

	r = px_frame_new(PX_FRAME_ANSWER, seq, PX_FIELD_NUMBER_SIZE + PX_FIELD_SIZE(len), &frame);
	if (r == 0)
		r = px_frame_add_number(&frame, PX_FIELD_STATUS, answer->status);
	if (r == 0)
		r = add_result(&frame, answer);
	return r < 0 ? r : px_frame_write(to, &frame, PX_FOREVER);
}

/* A conversation with the store, and until when it can go on. */
struct conversation {
	const struct px_all *all;
	struct px_store *store;
	int64_t deadline;
};

/* A conversation has one deadline for all its questions: one of which too little is left makes room
 * for another. That costs a new pxenc-fetch, and no login. */
static enum px_status renew(struct conversation *conversation, int64_t deadline)
{
	int64_t now = px_now_ms();

	if (conversation->store && conversation->deadline - now >= (deadline - now) / 2)
		return PX_OK;
	px_store_free(&conversation->store);
	conversation->deadline = deadline;
	return px_store_new(conversation->all->config, deadline, &conversation->store);
}

static int read_request(const struct px_frame *request, char **ret_path, int64_t *ret_deadline)
{
	uint64_t left = 0;
	int r;

	r = px_frame_get_text(request, PX_FIELD_PATH, PX_PATH_MAX, ret_path);
	if (r < 0)
		return r;
	r = px_frame_get_number(request, PX_FIELD_TIMEOUT, &left);
	*ret_deadline = r == 0 ? px_now_ms() + (int64_t)left : PX_FOREVER;
	return r == -ENOENT ? 0 : r;
}

static int serve(struct conversation *conversation, int in, int to)
{
	px_auto(frame) struct px_frame request = { .payload = NULL };
	px_cleanup(answer_cleanup) struct answer answer = { .status = PX_OK };
	px_auto(free) char *path = NULL;
	int64_t deadline;
	int r;

	r = px_frame_read(in, PX_FOREVER, &request);
	if (r == 0)
		r = read_request(&request, &path, &deadline);
	if (r < 0)
		return r;
	answer.status = renew(conversation, deadline);
	if (!answer.status)
		answer.status =
			*path ? px_unlock_fetch(conversation->store, path, &answer.key)
			      : resolve(conversation->all, conversation->store, &answer.path);
	return send_answer(&answer, request.seq, to);
}

struct fetch_task {
	const struct px_all *all;
	bool silent;
};

static void fetch(void *arg, int in, int to)
{
	const struct fetch_task *task = arg;
	struct conversation conversation = { .all = task->all };

	px_all_listen();
	if (task->silent)
		px_log_set_sink(be_silent);
	while (serve(&conversation, in, to) == 0)
		;
	px_store_free(&conversation.store);
}

/* The other end: secrets, and who fetches them. */

static struct px_wanted *add_secret(struct px_all *all, const char *path)
{
	struct px_wanted *grown = reallocarray(all->secrets, all->secret_count + 1, sizeof(*grown));
	struct px_wanted *secret;

	if (!grown)
		return NULL;
	all->secrets = grown;
	secret = &grown[all->secret_count];
	*secret = (struct px_wanted){ .state = PX_SECRET_WANTED };
	secret->path = path ? strdup(path) : NULL;
	if (path && !secret->path)
		return NULL;
	all->secret_count++;
	return secret;
}

static bool is_at(const struct px_wanted *secret, const char *path)
{
	return path && secret->path ? strcmp(path, secret->path) == 0 : path == secret->path;
}

/* The number of the secret at a path, which is added if it is new. */
static enum px_status want(struct px_all *all, const char *path, size_t *ret_number)
{
	size_t i;

	for (i = 0; i < all->secret_count && !is_at(&all->secrets[i], path); i++)
		;
	if (i == all->secret_count && !add_secret(all, path))
		return px_nomem();
	*ret_number = i;
	return PX_OK;
}

enum px_status px_all_want(struct px_all *all, struct px_volume *volume, size_t *ret_number)
{
	px_auto(choice) struct px_choice choice = { 0 };
	const struct px_token token = { .secret = volume->report.secret,
					.store = volume->report.store };
	const struct px_token *named = volume->report.has_token ? &token : NULL;
	enum px_status st;

	/* That of the cluster takes a question to the store. */
	if (!all->options->secret && (!named || all->options->cluster_key))
		return want(all, NULL, ret_number);
	st = px_resolve(all->config, NULL, all->options, named, &choice);
	if (!st)
		st = want(all, choice.path, ret_number);
	volume->named_slot = choice.named_slot;
	return st;
}

static void fail(struct px_wanted *secret, enum px_status st, const char *text)
{
	secret->state = PX_SECRET_KNOWN;
	secret->status = st;
	snprintf(secret->said, sizeof(secret->said), "%s", text);
}

static struct px_wanted *next_wanted(struct px_all *all)
{
	size_t i;

	for (i = 0; i < all->secret_count; i++)
		if (all->secrets[i].state == PX_SECRET_WANTED)
			return &all->secrets[i];
	return NULL;
}

static int ask(const struct px_all *all, struct px_fetcher *fetcher, struct px_wanted *secret)
{
	px_auto(frame) struct px_frame request = { .payload = NULL };
	const char *path = secret->path ? secret->path : "";
	size_t number = (size_t)(secret - all->secrets);
	int left = px_deadline_left(all->deadline);
	int r;

	r = px_frame_new(PX_FRAME_REQUEST, (uint32_t)number,
			 PX_FIELD_SIZE(strlen(path)) + PX_FIELD_NUMBER_SIZE, &request);
	if (r == 0)
		r = px_frame_add_text(&request, PX_FIELD_PATH, path);
	if (r == 0 && left >= 0)
		r = px_frame_add_number(&request, PX_FIELD_TIMEOUT, (uint64_t)left);
	if (r == 0)
		r = px_frame_write(fetcher->to, &request, px_now_ms() + GRACE_MS);
	if (r < 0)
		return r;
	secret->state = PX_SECRET_ASKED;
	fetcher->secret = number;
	fetcher->busy = true;
	fetcher->asked_ms = px_now_ms();
	fetcher->deadline = all->deadline;
	return 0;
}

static int start(const struct px_all *all, struct px_fetcher *fetcher)
{
	struct fetch_task task = { all, fetcher != all->fetchers };
	int ends[2], r;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	r = px_worker_start(fetch, &task, ends[0], &fetcher->worker);
	close(ends[0]);
	if (r < 0)
		close(ends[1]);
	else
		fetcher->to = ends[1];
	return r;
}

/* An idle fetcher; or a new one, if those that there are have been kept for long. */
static struct px_fetcher *find_fetcher(struct px_all *all)
{
	int64_t now = px_now_ms();
	size_t i;

	for (i = 0; i < PX_FETCHERS_MAX; i++) {
		struct px_fetcher *fetcher = &all->fetchers[i];

		if (!fetcher->worker.pid || !fetcher->busy)
			return fetcher;
		if (now - fetcher->asked_ms < PATIENCE_MS)
			return NULL;
	}
	return NULL;
}

static void end_fetcher(struct px_fetcher *fetcher)
{
	px_fd_cleanup(&fetcher->to);
	fetcher->to = -1;
	if (fetcher->busy)
		kill(fetcher->worker.pid, SIGTERM);
	px_worker_end(&fetcher->worker);
	fetcher->busy = false;
}

/* Nothing has come from the store for as long as it is given. */
static bool give_up(struct px_all *all)
{
	struct px_wanted *secret;
	char text[PX_SAID_MAX];

	if (px_deadline_left(all->deadline) != 0)
		return false;
	while ((secret = next_wanted(all))) {
		snprintf(text, sizeof(text),
			 "the secret '%.900s' was not fetched in time: check cluster_url, the "
			 "network and \"timeout\"",
			 secret->path ? secret->path : PX_CLUSTER_SETTING);
		fail(secret, PX_UNREACHABLE, text);
	}
	return true;
}

/* One that hangs past its own deadline. */
static void end_overdue(struct px_all *all)
{
	size_t i;

	for (i = 0; i < PX_FETCHERS_MAX; i++) {
		struct px_fetcher *fetcher = &all->fetchers[i];

		if (!fetcher->busy || fetcher->deadline == PX_FOREVER ||
		    px_now_ms() < fetcher->deadline + GRACE_MS)
			continue;
		fail(&all->secrets[fetcher->secret], PX_UNREACHABLE,
		     "the store did not answer in time: check cluster_url and the network");
		end_fetcher(fetcher);
	}
}

void px_all_fetch(struct px_all *all)
{
	struct px_fetcher *fetcher;
	struct px_wanted *secret;
	int r;

	end_overdue(all);
	if (give_up(all))
		return;
	while ((secret = next_wanted(all)) && (fetcher = find_fetcher(all))) {
		r = fetcher->worker.pid ? 0 : start(all, fetcher);
		if (r == 0)
			r = ask(all, fetcher, secret);
		if (r < 0) {
			fail(secret, PX_KERNEL, "cannot start a process that fetches");
			end_fetcher(fetcher);
		}
	}
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int px_all_fetch_wait(const struct px_all *all)
{
	int64_t now = px_now_ms(), next = now < all->deadline ? all->deadline : PX_FOREVER;
	size_t i;

	for (i = 0; i < PX_FETCHERS_MAX; i++) {
		const struct px_fetcher *fetcher = &all->fetchers[i];

		if (!fetcher->busy)
			continue;
		if (now < fetcher->asked_ms + PATIENCE_MS)
			next = earlier(next, fetcher->asked_ms + PATIENCE_MS);
		if (fetcher->deadline != PX_FOREVER)
			next = earlier(next, fetcher->deadline + GRACE_MS);
	}
	return px_deadline_left(next);
}

/* A login that is refused is so for every secret. */
static void fail_all(struct px_all *all, enum px_status st, const char *text)
{
	struct px_wanted *secret;

	while ((secret = next_wanted(all)))
		fail(secret, st, text);
}

static int take_failure(struct px_all *all, struct px_wanted *secret, const struct px_frame *frame,
			enum px_status st)
{
	px_auto(free) char *text = NULL;
	int r;

	r = px_frame_get_text(frame, PX_FIELD_TEXT, PX_TEXT_MAX, &text);
	if (r < 0)
		return r;
	fail(secret, st, text);
	if (st == PX_UNAUTHENTICATED)
		fail_all(all, st, text);
	return 0;
}

/* The cluster's secret is the one at this path, which others may want by its name. */
static int take_path(struct px_all *all, const struct px_frame *frame, size_t number)
{
	px_auto(free) char *path = NULL;
	size_t named;
	int r;

	r = px_frame_get_text(frame, PX_FIELD_PATH, PX_PATH_MAX, &path);
	if (r < 0)
		return r;
	if (want(all, path, &named))
		return -ENOMEM;
	all->secrets[number].leads_to = named;
	all->secrets[number].state = PX_SECRET_KNOWN;
	return 0;
}

static int take_answer(struct px_all *all, const struct px_frame *frame, size_t number)
{
	struct px_wanted *secret = &all->secrets[number];
	uint64_t status;
	int r;

	if (frame->type != PX_FRAME_ANSWER || frame->seq != number)
		return -EBADMSG;
	r = px_frame_get_number(frame, PX_FIELD_STATUS, &status);
	if (r < 0)
		return r;
	if (status != PX_UNREACHABLE)
		all->deadline = px_unlock_deadline(all->config, all->options);
	if (status)
		return take_failure(all, secret, frame, (enum px_status)status);
	if (!secret->path)
		return take_path(all, frame, number);
	r = px_frame_get_secret(frame, PX_FIELD_VALUE, PX_SECRET_MAX - 1, &secret->key);
	if (r == 0)
		secret->state = PX_SECRET_KNOWN;
	return r;
}

void px_all_hear_fetcher(struct px_all *all, struct px_fetcher *fetcher)
{
	px_auto(frame) struct px_frame frame = { .payload = NULL };
	int r;

	r = px_frame_read(fetcher->worker.from, px_now_ms() + GRACE_MS, &frame);
	if (r == 0 && fetcher->busy)
		r = take_answer(all, &frame, fetcher->secret);
	if (r < 0) {
		if (fetcher->busy)
			fail(&all->secrets[fetcher->secret], r == -ENOMEM ? PX_NOMEM : PX_KERNEL,
			     r == -ENOMEM ? "out of memory"
					  : "the process that fetches ended unexpectedly");
		end_fetcher(fetcher);
	}
	fetcher->busy = false;
}

void px_all_end_fetchers(struct px_all *all)
{
	size_t i;

	for (i = 0; i < PX_FETCHERS_MAX; i++)
		end_fetcher(&all->fetchers[i]);
}
