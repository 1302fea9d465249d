/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "pxenc/block.h"
#include "pxenc/clock.h"
#include "pxenc/cmd.h"
#include "pxenc/log.h"
#include "pxenc/path.h"
#include "pxenc/peek.h"
#include "pxenc/session.h"
#include "pxenc/worker.h"
#include "suspend.h"
#include "watched.h"

/*
 * A service that suspends the volumes whose secrets the store takes from this machine. What it
 * knows is in its memory alone: what it suspended before it was started anew, or what somebody else
 * suspended, it leaves as it is.
 */

#define INTERVAL_DEFAULT 60
#define STEP_MS 2000 /* that one volume may hold up the others */

struct guard {
	struct px_watch watch;
	bool deaf;   /* the store could not be asked, which has been said */
	bool blind;  /* headers could not be looked at, likewise */
	int no_look; /* why not, in this round: -errno; 0 */
};

/* What was said last while the store was asked: it is repeated once, not in each round. */
static char heard[1024];

static void hear(const char *line)
{
	const char *text = strstr(line, ": "); /* after the program's name */

	snprintf(heard, sizeof(heard), "%s", text ? text + 2 : line);
}

static void ignore(const char *line)
{
	(void)line;
}

/* There is no process, or no pipe to it, for a look. */
static bool was_not_begun(int r)
{
	return r == -EAGAIN || r == -ENOMEM || r == -EMFILE || r == -ENFILE;
}

static int look_at_header(struct guard *guard, struct px_watched *watched, struct px_peek *ret_peek)
{
	int r = watched->device ? px_peek_again(watched->device, &watched->looking, ret_peek)
				: -ENODEV;

	if (was_not_begun(r))
		guard->no_look = r;
	px_watched_set_read(watched, r == 0);
	/* What was never a volume of pxenc's is no broken one. */
	if (r == -EINVAL && !watched->secret)
		watched->nameless = true;
	return r;
}

/*
 * Which secret the volume's header names now. A disk that does not answer, or a header that is just
 * being changed, changes nothing; but what is known of it may be out of date, as after a rotate.
 */
static enum px_status learn_secret(const struct px_config *config, struct guard *guard,
				   struct px_watched *watched)
{
	px_auto(free) char *path = NULL;
	struct px_peek peek;
	int r;

	if (!watched->present || look_at_header(guard, watched, &peek) < 0)
		return PX_OK;
	watched->nameless = !*peek.secret || strcmp(peek.store, config->store) != 0;
	if (watched->nameless)
		return PX_OK;
	r = px_path_join(config->base_path, peek.secret, &path);
	if (r == 0)
		r = px_watched_set_secret(watched, path);
	return r == -ENOMEM ? px_nomem() : PX_OK;
}

static enum px_verdict verdict_of(enum px_status status)
{
	switch (status) {
	case PX_OK:
		return PX_VERDICT_GRANTED;
	case PX_FORBIDDEN:
		return PX_VERDICT_FORBIDDEN;
	case PX_NO_SECRET:
		return PX_VERDICT_GONE;
	default:
		return PX_VERDICT_NONE;
	}
}

/* The verdict of another volume with the same secret, which has been asked for in this round. */
static const struct px_watched *find_asked(const struct px_watch *watch, size_t before)
{
	for (size_t i = 0; i < before; i++)
		if (px_watched_is_asked(&watch->list[i]) &&
		    strcmp(watch->list[i].secret, watch->list[before].secret) == 0)
			return &watch->list[i];
	return NULL;
}

/* The value itself is not looked at, and gone when this returns. */
static enum px_status ask_one(struct px_store *store, const char *secret)
{
	px_auto(secret) struct px_secret *value = NULL;

	return px_store_get(store, secret, PX_GET_VERDICT, &value);
}

/*
 * Asks for each secret once. Whatever is no verdict is returned, as what stands in the way of all
 * the others as well, except an answer that cannot be trusted, which may be about one path.
 */
static enum px_status ask_all(struct px_watch *watch, struct px_store *store)
{
	enum px_status worst = PX_OK;

	for (size_t i = 0; i < watch->count; i++) {
		struct px_watched *watched = &watch->list[i];
		const struct px_watched *same;
		enum px_status st;

		if (!px_watched_is_asked(watched))
			continue;
		same = find_asked(watch, i);
		if (same) {
			watched->verdict = same->verdict;
			continue;
		}
		st = ask_one(store, watched->secret);
		watched->verdict = verdict_of(st);
		if (st && watched->verdict == PX_VERDICT_NONE)
			worst = st;
		if (worst && worst != PX_UNTRUSTED)
			return worst;
	}
	return worst;
}

/* The config is read anew each time, so that a login or a change of it takes effect. */
static enum px_status ask(struct guard *guard)
{
	px_auto(config) struct px_config *config = NULL;
	px_auto(store) struct px_store *store = NULL;
	enum px_status st;

	guard->no_look = 0;
	/* First of all: what ends early must not leave those of the last round. */
	for (size_t i = 0; i < guard->watch.count; i++)
		guard->watch.list[i].verdict = PX_VERDICT_NONE;
	st = px_session_config(&config);
	if (st)
		return st;
	for (size_t i = 0; i < guard->watch.count && !st; i++)
		st = learn_secret(config, guard, &guard->watch.list[i]);
	/* Not for ever, since there are volumes to look at. */
	if (!st)
		st = px_store_new(
			config,
			px_deadline_in(config->timeout ? config->timeout : PX_TIMEOUT_DEFAULT),
			&store);
	return st ? st : ask_all(&guard->watch, store);
}

/* Once when it begins, and once when it is over. */
static void tell_deafness(struct guard *guard, enum px_status st)
{
	if (st && !guard->deaf)
		px_warn("the store gives no verdict, and nothing is suspended for that: %s", heard);
	if (!st && guard->deaf)
		px_say("the store gives verdicts again");
	guard->deaf = st != PX_OK;
}

static void tell_blindness(struct guard *guard)
{
	if (guard->no_look && !guard->blind)
		px_warn("there is no process to look at headers with: %s",
			strerror(-guard->no_look));
	if (!guard->no_look && guard->blind)
		px_say("headers are looked at again");
	guard->blind = guard->no_look != 0;
}

static void tell_nameless(struct px_watched *watched)
{
	if (watched->nameless && !watched->told)
		px_warn("%s is not watched: its header names no secret of this store",
			watched->name);
	watched->told = watched->nameless;
}

static void tell_unreadable(struct px_watched *watched)
{
	bool unreadable = px_watched_is_unreadable(watched);

	if (unreadable && !watched->missed && watched->secret)
		px_warn("the header of %s cannot be read: the secret that it named last, '%s', is "
			"asked for",
			watched->name, watched->secret);
	else if (unreadable && !watched->missed)
		px_warn("%s is not watched: its header cannot be read, and nobody knows which "
			"secret it named",
			watched->name);
	watched->missed = unreadable;
}

static void tell_doubt(struct px_watched *watched)
{
	bool doubtful = px_watched_is_doubtful(watched);

	if (doubtful && !watched->doubted)
		px_warn("%s is not suspended, though the store %s its secret '%s': this guard has "
			"not seen it granted: are base_path and the DC/OS user the right ones?",
			watched->name,
			watched->verdict == PX_VERDICT_GONE ? "does not have" : "refuses",
			watched->secret);
	watched->doubted = doubtful;
}

static void tell_done(const struct px_watched *watched, enum px_step step)
{
	if (step == PX_STEP_RESUME)
		px_say("%s is resumed: the store grants its secret '%s' again", watched->name,
		       watched->secret);
	else if (watched->verdict == PX_VERDICT_GONE)
		px_say("%s is suspended: the store has its secret '%s' no more (404)",
		       watched->name, watched->secret);
	else
		px_say("%s is suspended: the store refuses access to its secret '%s' (403)",
		       watched->name, watched->secret);
}

static void finish(struct px_watched *watched, int status)
{
	enum px_step step = watched->doing;
	bool worked = WIFEXITED(status) && WEXITSTATUS(status) == PX_OK;

	watched->pid = 0;
	watched->doing = PX_STEP_NONE;
	if (worked)
		tell_done(watched, step);
	else if (!watched->complained)
		px_warn("%s could not be %s, for which the store gives reason: it is tried again",
			watched->name, step == PX_STEP_SUSPEND ? "suspended" : "resumed");
	px_watched_done(watched, step, worked);
}

/* libcryptsetup wants a process for each volume, and a dead disk may keep it. */
static void __attribute__((noreturn)) work(const struct px_watched *watched, enum px_step step)
{
	const struct px_options options = { .name = NULL };

	if (watched->complained)
		px_log_set_sink(ignore);
	_exit((int)(step == PX_STEP_SUSPEND ? px_suspend(watched->name)
					    : px_resume(watched->name, &options)));
}

/* Waits for a child, but not for long: one that is kept by a dead disk is looked at again later. */
static void await(pid_t pid)
{
	px_auto(fd) int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd fd = { .fd = pidfd, .events = POLLIN };

	poll(&fd, 1, STEP_MS);
}

static void look_after(struct px_watched *watched)
{
	int status;

	if (watched->pid && waitpid(watched->pid, &status, WNOHANG) == watched->pid)
		finish(watched, status);
	if (watched->looking && px_worker_is_gone(watched->looking))
		watched->looking = 0;
}

static void start(struct px_watched *watched, enum px_step step)
{
	pid_t pid = fork();

	if (pid == 0)
		work(watched, step);
	if (pid < 0) {
		px_warn("no process to look after %s: %s", watched->name, strerror(errno));
		return;
	}
	watched->pid = pid;
	watched->doing = step;
	await(pid);
	look_after(watched);
}

/* While the store was asked, its name may have become another volume's. */
static bool is_the_same(const struct px_watched *watched)
{
	px_auto(mapping) struct px_mapping mapping = { 0 };
	px_auto(free) char *device = NULL;

	if (px_mapping_by_name(watched->name, &mapping) < 0)
		return false;
	if (!watched->device || !mapping.slave_name)
		return !watched->device && !mapping.slave_name;
	device = px_block_path(mapping.slave_name);
	return device && strcmp(device, watched->device) == 0;
}

static void act(struct px_watched *watched)
{
	enum px_step step = px_watched_judge(watched);

	tell_doubt(watched);
	if (step != PX_STEP_NONE && is_the_same(watched))
		start(watched, step);
}

static int look(struct px_watch *watch)
{
	struct px_mapping *list = NULL;
	size_t count = 0;
	int r = px_mapping_list(&list, &count);

	if (r == 0)
		r = px_watch_update(watch, list, count);
	px_mapping_list_free(&list, count);
	return r;
}

static void go_round(struct guard *guard)
{
	enum px_status st;
	int r;

	for (size_t i = 0; i < guard->watch.count; i++)
		look_after(&guard->watch.list[i]);
	r = look(&guard->watch);
	if (r < 0) {
		px_warn("cannot look for mappings in /sys: %s", strerror(-r));
		return;
	}
	if (guard->watch.count == 0)
		return;
	heard[0] = '\0';
	px_log_set_sink(hear);
	st = ask(guard);
	px_log_set_sink(NULL);
	tell_blindness(guard);
	tell_deafness(guard, st);
	for (size_t i = 0; i < guard->watch.count; i++) {
		tell_nameless(&guard->watch.list[i]);
		tell_unreadable(&guard->watch.list[i]);
		if (!guard->watch.list[i].pid)
			act(&guard->watch.list[i]);
	}
}

static void __attribute__((noreturn)) stand_guard(unsigned int interval)
{
	struct guard guard = { .deaf = false };

	px_say("the secrets of this machine's open volumes are asked for every %u s", interval);
	for (;;) {
		int64_t next = px_deadline_in(interval);

		go_round(&guard);
		poll(NULL, 0, px_deadline_left(next));
	}
}

enum px_status px_cmd_guard(int argc, char **argv)
{
	static const struct option longs[] = { PX_COMMON_OPTIONS,
					       { "interval", required_argument, NULL, 'i' },
					       { NULL, 0, NULL, 0 } };
	unsigned int interval = INTERVAL_DEFAULT;
	enum px_status st;
	int c;

	while ((c = px_next_option("guard", argc, argv, "", longs)) != -1) {
		st = c == 'i' ? px_parse_seconds(optarg, "--interval", 1, &interval) : PX_USAGE;
		if (st)
			return st;
	}
	if (argc != optind)
		return px_usage("guard");
	stand_guard(interval);
}
