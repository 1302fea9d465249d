/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "plugin.h"
#include "pxenc/child.h"
#include "pxenc/clock.h"
#include "pxenc/console.h"
#include "pxenc/key.h"
#include "pxenc/places.h"
#include "pxenc/status.h"

/* For pxenc to end after it has closed its outputs. */
#define FAREWELL_MS 2000

/* Longer lines are cut in pieces. */
#define LINE_LEN 1000

/* What pxenc has said so far. */
struct answer {
	struct crypt_device *cd;
	struct px_secret *key;	 /* has room for one byte more than a key may have */
	char line[LINE_LEN + 1]; /* of its standard error, as far as it came */
	size_t line_len;
};

static bool is_full(const struct px_secret *key)
{
	return px_secret_len(key) == px_secret_capacity(key);
}

/* False: this was the last. */
static bool hear_key(struct answer *answer, int from)
{
	size_t len = px_secret_len(answer->key);
	ssize_t n = read(from, px_secret_data(answer->key) + len,
			 px_secret_capacity(answer->key) - len);

	if (n > 0)
		px_secret_set_len(answer->key, len + (size_t)n);
	return n > 0 || (n < 0 && errno == EINTR);
}

static void end_line(struct answer *answer)
{
	answer->line[answer->line_len] = '\0';
	if (answer->line_len)
		px_plugin_say(answer->cd, "%s", answer->line);
	answer->line_len = 0;
}

/* Line by line, as they come: while the store is waited for, people want to know. */
static bool hear_words(struct answer *answer, int from)
{
	char block[512];
	ssize_t n = read(from, block, sizeof(block));

	for (ssize_t i = 0; i < n; i++) {
		if (block[i] != '\n')
			answer->line[answer->line_len++] = block[i] ? block[i] : '?';
		if (block[i] == '\n' || answer->line_len == LINE_LEN)
			end_line(answer);
	}
	if (n > 0 || (n < 0 && errno == EINTR))
		return true;
	end_line(answer);
	return false;
}

static int wait_for_more(struct crypt_device *cd, struct pollfd fds[2])
{
	int r;

	do
		r = poll(fds, 2, -1);
	while (r < 0 && errno == EINTR);
	if (r > 0)
		return 0;
	px_plugin_say(cd, "pxenc: it cannot be waited for: %s", strerror(errno));
	return -ENOENT;
}

/* Both outputs to their ends, unless the key has none. pxenc itself keeps the deadline. */
static int hear(struct answer *answer, const struct px_child *child)
{
	struct pollfd fds[] = { { .fd = child->out, .events = POLLIN },
				{ .fd = child->err, .events = POLLIN } };
	int r = 0;

	while (r == 0 && (fds[0].fd >= 0 || fds[1].fd >= 0) && !is_full(answer->key)) {
		r = wait_for_more(answer->cd, fds);
		if (r == 0 && fds[0].revents && !hear_key(answer, fds[0].fd))
			fds[0].fd = -1;
		if (r == 0 && fds[1].revents && !hear_words(answer, fds[1].fd))
			fds[1].fd = -1;
	}
	return r;
}

/*
 * What libcryptsetup is to make of it. Where somebody else reaps the host's children the status is
 * not known (-ECHILD). Then the key tells, which comes whole or not at all: a pipe takes as many
 * bytes in one piece.
 */
static int judge(const struct answer *answer, int status)
{
	size_t len = px_secret_len(answer->key);

	if (status == PX_NOMEM)
		return -ENOMEM;
	if (status == PX_UNREACHABLE)
		return -EAGAIN;
	if (is_full(answer->key) || (status == 0 && !len)) {
		px_plugin_say(answer->cd,
			      "pxenc: it gave %s for a key: is '%s' of another version?",
			      len ? "too much" : "nothing", px_place_pxenc());
		return -ENOENT;
	}
	if (status > 128)
		px_plugin_say(answer->cd, "pxenc: it was ended by signal %d", status - 128);
	return status > 0 || !len ? -ENOENT : 0;
}

static int start(struct crypt_device *cd, struct px_child *child)
{
	const char *device = crypt_get_device_name(cd), *uuid = crypt_get_uuid(cd), *json = NULL;
	const char *argv[7] = { px_place_pxenc(), "token-key" };
	size_t argc = 2;
	int r;

	r = crypt_dump_json(cd, &json, 0);
	if (r < 0 || !device || !uuid) {
		px_plugin_say(cd, "pxenc: libcryptsetup has no LUKS2 header to show");
		return -ENOENT;
	}
	/* pxenc's own standard error is a pipe. */
	if (px_is_on_journal())
		argv[argc++] = "--console";
	argv[argc++] = "--";
	argv[argc++] = device;
	argv[argc++] = uuid;
	r = px_child_start_with(json, strlen(json), argv, child);
	if (r == 0)
		return 0;
	px_plugin_say(cd, "pxenc: cannot run '%s': %s%s", argv[0], strerror(-r),
		      r == -ENOENT ? ": install pxenc completely" : "");
	return r == -ENOMEM ? r : -ENOENT;
}

int px_plugin_ask(struct crypt_device *cd, struct px_secret **ret_key)
{
	px_auto(child) struct px_child child = PX_CHILD_NONE;
	px_auto(secret) struct px_secret *key = NULL;
	struct answer answer = { .cd = cd };
	int r;

	r = px_secret_new(PX_KEY_MAX + 1, &key);
	if (r < 0) {
		px_plugin_say(cd, "pxenc: no memory that can be locked: raise RLIMIT_MEMLOCK");
		return -ENOMEM;
	}
	answer.key = key;
	r = start(cd, &child);
	if (r == 0)
		r = hear(&answer, &child);
	if (r < 0)
		return r;
	r = judge(&answer, px_child_end(&child, px_now_ms() + FAREWELL_MS));
	if (r == 0)
		*ret_key = px_steal(&key);
	return r;
}
