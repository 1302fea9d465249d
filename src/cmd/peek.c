/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/peek.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>

#include "pxenc/await.h"
#include "pxenc/cleanup.h"
#include "pxenc/io.h"
#include "pxenc/log.h"
#include "pxenc/luks.h"
#include "pxenc/worker.h"

#define PATIENCE_MS 2000

static void be_silent(const char *line)
{
	(void)line;
}

/* In one write, so that it comes whole or not at all. */
struct answer {
	int r;
	struct px_peek peek;
};

_Static_assert(sizeof(struct answer) <= PIPE_BUF, "an answer is written at once");

static void describe(const struct px_luks *luks, struct px_peek *peek)
{
	const struct px_token *token = px_luks_token(luks);

	snprintf(peek->cipher, sizeof(peek->cipher), "%s", px_luks_cipher(luks));
	snprintf(peek->uuid, sizeof(peek->uuid), "%s", px_luks_uuid(luks));
	snprintf(peek->secret, sizeof(peek->secret), "%s", token ? token->secret : "");
	snprintf(peek->next, sizeof(peek->next), "%s",
		 token && token->next.secret ? token->next.secret : "");
	snprintf(peek->old, sizeof(peek->old), "%s",
		 token && token->old.secret ? token->old.secret : "");
	snprintf(peek->store, sizeof(peek->store), "%s", token ? token->store : "");
	peek->key_bits = px_luks_key_bits(luks);
}

/* What cannot be opened at all is not there, or not ours to look at. */
static int why_not(const char *device, enum px_status refused)
{
	bool labelled = false;
	enum px_status st = px_luks_look_for_label(device, &labelled);

	if (refused == PX_NOMEM)
		return -ENOMEM;
	if (st == PX_NO_VOLUME || (st == PX_OK && !labelled))
		return -EINVAL;
	return refused == PX_KERNEL ? -EIO : -EBADMSG;
}

static void look(void *arg, int in, int to)
{
	px_auto(luks) struct px_luks *luks = NULL;
	struct answer answer = { .r = 0 };
	enum px_status st;

	(void)in;
	px_worker_be_quiet();
	px_log_set_sink(be_silent);
	st = px_luks_load(arg, &luks);
	if (st)
		answer.r = why_not(arg, st);
	else
		describe(luks, &answer.peek);
	if (px_write_all(to, &answer, sizeof(answer)) < 0)
		return;
}

static int read_answer(const struct px_worker *worker, struct px_peek *ret_peek)
{
	struct answer answer;
	int r = px_await(worker->from, worker->pid, PATIENCE_MS);

	if (r < 0)
		return r;
	if (read(worker->from, &answer, sizeof(answer)) != sizeof(answer))
		return -EPIPE;
	if (answer.r == 0)
		*ret_peek = answer.peek;
	return answer.r;
}

int px_peek_again(const char *device, pid_t *left, struct px_peek *ret_peek)
{
	struct px_worker worker = PX_WORKER_NONE;
	int r;

	if (*left)
		return -EBUSY;
	/* The device is only read. */
	r = px_worker_start(look, (void *)(uintptr_t)device, -1, &worker);
	if (r < 0)
		return r;
	r = read_answer(&worker, ret_peek);
	if (r == -ETIMEDOUT)
		*left = px_worker_kill(&worker);
	else
		px_worker_end(&worker);
	return r;
}

int px_peek(const char *device, struct px_peek *ret_peek)
{
	pid_t left = 0;

	return px_peek_again(device, &left, ret_peek);
}
