/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "close-stuck.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pxenc/block.h"
#include "pxenc/clock.h"
#include "pxenc/cmd.h"
#include "pxenc/helpers.h"
#include "pxenc/io.h"
#include "pxenc/lock.h"
#include "pxenc/log.h"
#include "pxenc/mapping.h"
#include "pxenc/peek.h"
#include "pxenc/stale.h"
#include "pxenc/worker.h"

#define PATIENCE_SECONDS 1
#define AGAIN_MS 50

/* By its name, as we gave it, or by the LUKS2 token on the device below, which is not suspended. */
static bool is_ours(const struct px_mapping *mapping)
{
	px_auto(free) char *device = NULL;
	struct px_peek peek;

	if (strncmp(mapping->name, "pxenc-", strlen("pxenc-")) == 0)
		return true;
	if (mapping->gone || !mapping->slave_name)
		return false;
	device = px_block_path(mapping->slave_name);
	return device && px_peek(device, &peek) == 0 && *peek.secret != '\0';
}

/* One that is to be released, in a process of its own: its disk may keep us for seconds. */
struct release {
	const struct px_mapping *mapping;
	struct px_worker worker;
};

/* Who changes a volume suspends it for moments, and has its lock meanwhile. */
static bool stays_suspended(const struct px_mapping *mapping)
{
	px_auto(free) char *device =
		mapping->slave_name ? px_block_path(mapping->slave_name) : NULL;
	int64_t deadline = px_deadline_in(PATIENCE_SECONDS);

	while (device && px_lock_is_held(device) && px_deadline_left(deadline)) {
		px_auto(mapping) struct px_mapping now = { 0 };

		if (px_mapping_by_name(mapping->name, &now) == 0 && !now.suspended)
			return false;
		poll(NULL, 0, AGAIN_MS);
	}
	return true;
}

static bool is_stuck(const struct px_mapping *mapping)
{
	if (mapping->gone)
		return true;
	return mapping->suspended ? stays_suspended(mapping) : px_helpers_are_stuck(mapping);
}

static const char *what_ails(const struct px_mapping *mapping)
{
	if (mapping->gone)
		return "has lost its device";
	return mapping->suspended ? "is suspended" : "lies on what a killed reencryption suspended";
}

static enum px_status release(const struct px_mapping *mapping)
{
	if (!is_ours(mapping))
		return PX_OK;
	px_warn("%s %s: it is released, and what was not written is lost", mapping->name,
		what_ails(mapping));
	return px_stale_release(mapping);
}

static void work(void *arg, int in, int to)
{
	const struct release *job = arg;
	unsigned char st = (unsigned char)release(job->mapping);

	(void)in;
	if (px_write_all(to, &st, sizeof(st)) < 0)
		return;
}

/* Without a process for it, it is done here. */
static enum px_status start(struct release *job)
{
	job->worker = PX_WORKER_NONE;
	return px_worker_start(work, job, -1, &job->worker) < 0 ? release(job->mapping) : PX_OK;
}

/* PX_KERNEL: it died without a word. */
static enum px_status finish(struct release *job)
{
	unsigned char st = PX_KERNEL;

	if (job->worker.pid == 0)
		return PX_OK;
	if (read(job->worker.from, &st, sizeof(st)) != sizeof(st))
		px_warn("nobody knows whether %s was released", job->mapping->name);
	px_worker_end(&job->worker);
	return (enum px_status)st;
}

static enum px_status release_all(struct release *jobs, size_t count)
{
	enum px_status st, worst = PX_OK;
	size_t i;

	for (i = 0; i < count; i++) {
		st = start(&jobs[i]);
		if (st)
			worst = st;
	}
	for (i = 0; i < count; i++) {
		st = finish(&jobs[i]);
		if (st)
			worst = st;
	}
	return worst;
}

static enum px_status ask(size_t count)
{
	char question[160];

	snprintf(question, sizeof(question),
		 "of %zu suspended or lost mappings, pxenc's are released, and what was not "
		 "written to them is "
		 "lost",
		 count);
	return px_confirm(question);
}

static enum px_status close_some(bool (*match)(const struct px_mapping *), bool force,
				 const struct px_mapping *list, size_t count, size_t *ret_matched)
{
	px_auto(free) struct release *jobs = NULL;
	enum px_status st = PX_OK;
	size_t matched = 0, i;

	jobs = calloc(count, sizeof(*jobs));
	if (!jobs)
		return px_nomem();
	for (i = 0; i < count; i++)
		if (match(&list[i]))
			jobs[matched++].mapping = &list[i];
	if (matched > 0 && !force)
		st = ask(matched);
	if (!st)
		st = release_all(jobs, matched);
	*ret_matched = matched;
	return st;
}

static enum px_status close_all(bool (*match)(const struct px_mapping *), bool force,
				size_t *ret_matched)
{
	struct px_mapping *list = NULL;
	enum px_status st = PX_OK;
	size_t count = 0;
	int r;

	r = px_mapping_list(&list, &count);
	if (r < 0)
		return px_block_failed(r);
	if (count > 0)
		st = close_some(match, force, list, count, ret_matched);
	px_mapping_list_free(&list, count);
	return st;
}

enum px_status px_close_stuck(bool force)
{
	size_t stuck = 0;

	return close_all(is_stuck, force, &stuck);
}

static bool is_lost(const struct px_mapping *mapping)
{
	return mapping->gone && is_ours(mapping);
}

enum px_status px_close_lost(size_t *ret_count)
{
	*ret_count = 0;
	return close_all(is_lost, true, ret_count);
}
