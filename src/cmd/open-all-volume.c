/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "open-all.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "pxenc/await.h"
#include "pxenc/clock.h"
#include "pxenc/log.h"

/* A look reads a few sectors; many at once, since a disk has to be waited for. */
#define LOOKERS_MAX 16

/* A process that has said nothing for so long, and is not at work, waits for its disk: its place
 * goes to others. */
#define PATIENCE_MS 1000

/* What a process may take. A look is over when it waits still: disks that spin up are given their
 * time, and a machine that has too much to do as well. The costliest keyslots that the allowlist
 * lets through take half a minute, alone. */
#define LOOK_MS 10000
#define CHEAP_MS 60000
#define COSTLY_MS 300000

char px_all_said[PX_SAID_MAX];

static void keep(const char *text)
{
	snprintf(px_all_said, sizeof(px_all_said), "%s", text);
}

void px_all_listen(void)
{
	px_all_said[0] = '\0';
	px_log_divert(keep);
}

/* A key that no volume needs goes; as long as some have yet to say which they need, one may. */
static void drop_key(const struct px_all *all, struct px_wanted *secret)
{
	if (all->unsettled == 0 && secret->users == 0)
		px_secret_free(&secret->key);
}

/* Which secret the volume needs is known now, or that it needs none. */
static void settle(struct px_all *all, struct px_volume *volume)
{
	size_t i;

	if (volume->settled)
		return;
	volume->settled = true;
	all->unsettled--;
	for (i = 0; i < all->secret_count && all->unsettled == 0; i++)
		drop_key(all, &all->secrets[i]);
}

static void enter_secret(struct px_all *all, struct px_volume *volume, size_t number)
{
	volume->secret = number;
	all->secrets[number].users++;
	/* The cluster's leads to another. */
	if (all->secrets[number].path)
		settle(all, volume);
}

static void leave_secret(struct px_all *all, const struct px_volume *volume)
{
	struct px_wanted *secret = &all->secrets[volume->secret];

	secret->users--;
	drop_key(all, secret);
}

static void done(struct px_all *all, struct px_volume *volume)
{
	settle(all, volume);
	volume->state = PX_VOLUME_DONE;
	volume->done_us = px_now_us() - all->since_us;
	all->done++;
	all->failed += volume->report.status != PX_OK;
}

static void fail(struct px_all *all, struct px_volume *volume, enum px_status st, const char *text)
{
	volume->report.status = st;
	if (text != volume->report.said)
		snprintf(volume->report.said, sizeof(volume->report.said), "%s", text);
	done(all, volume);
}

/* The place of a volume's process, when that ends or takes its time. */
static void give_place(struct px_all *all, struct px_volume *volume)
{
	if (!volume->has_place)
		return;
	volume->has_place = false;
	if (volume->state == PX_VOLUME_LOOKED_AT)
		all->lookers--;
	else
		px_slots_give(&all->slots, &volume->report.cost);
}

/* Starts a process of a volume that has a place. */
static void start(struct px_all *all, struct px_volume *volume, enum px_volume_state state, int in)
{
	bool looks = state == PX_VOLUME_LOOKED_AT;
	int64_t now = px_now_ms();
	struct px_all_task task = { all, volume };
	int r;

	r = px_worker_start(looks ? px_all_look : px_all_unlock, &task, in, &volume->worker);
	volume->state = state;
	volume->has_place = true;
	volume->patience = looks || volume->report.cost.cheap ? now + PATIENCE_MS : PX_FOREVER;
	volume->deadline = now + (looks			      ? LOOK_MS
				  : volume->report.cost.cheap ? CHEAP_MS
							      : COSTLY_MS);
	if (r == 0) {
		all->workers++;
		return;
	}
	give_place(all, volume);
	fail(all, volume, r == -ENOMEM ? PX_NOMEM : PX_KERNEL, "cannot start a process for it");
}

void px_all_start_looks(struct px_all *all)
{
	size_t i;

	for (i = 0; i < all->count; i++) {
		struct px_volume *volume = &all->volumes[i];

		if (all->lookers == LOOKERS_MAX || all->workers == PX_WORKERS_MAX)
			return;
		if (volume->state != PX_VOLUME_NEW)
			continue;
		all->lookers++;
		start(all, volume, PX_VOLUME_LOOKED_AT, -1);
	}
}

/* A pipe with the key in it, which one process reads. The descriptor, or -errno. */
static int pour_key(const struct px_secret *key)
{
	px_auto(fd) int to = -1;
	int ends[2];
	ssize_t n;

	if (px_secret_len(key) > PX_ALL_KEY_MAX)
		return -E2BIG;
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	to = ends[1];
	n = write(to, px_secret_bytes(key), px_secret_len(key));
	if (n == (ssize_t)px_secret_len(key))
		return ends[0];
	close(ends[0]);
	return -ENOSPC;
}

static void start_unlock(struct px_all *all, struct px_volume *volume)
{
	px_auto(fd) int in = pour_key(all->secrets[volume->secret].key);

	leave_secret(all, volume);
	if (in >= 0) {
		start(all, volume, PX_VOLUME_UNLOCKED, in);
		return;
	}
	volume->has_place = true;
	give_place(all, volume);
	fail(all, volume, in == -E2BIG ? PX_USAGE : PX_KERNEL,
	     in == -E2BIG ? "its key is too long for many at once: open it alone"
			  : "cannot make a pipe for its key");
}

/*
 * A clone has the same uuid, and the two want the same name. The first in the list gets it, and the
 * other is told when it looks for the name; so it does not begin before.
 */
static bool waits_for_its_twin(const struct px_all *all, const struct px_volume *volume)
{
	const struct px_volume *other;

	if (all->test)
		return false;
	for (other = all->volumes; other < volume; other++)
		if (other->state > PX_VOLUME_LOOKED_AT && other->state < PX_VOLUME_DONE &&
		    strcmp(other->report.uuid, volume->report.uuid) == 0)
			return true;
	return false;
}

void px_all_start_unlocks(struct px_all *all)
{
	uint64_t available = 0;
	size_t i;

	for (i = 0; i < all->count; i++) {
		struct px_volume *volume = &all->volumes[i];
		const struct px_cost *cost = &volume->report.cost;

		if (all->workers == PX_WORKERS_MAX)
			return;
		if (volume->state != PX_VOLUME_READY || !px_slots_is_free(&all->slots, cost) ||
		    waits_for_its_twin(all, volume))
			continue;
		/* What cannot be known is nothing: then one runs after another. */
		if (cost->memory > 0 && px_memory_available(&available) < 0)
			available = 0;
		if (px_slots_take(&all->slots, cost, available))
			start_unlock(all, volume);
	}
}

/* A volume whose secret is known has its key, or has failed. */
static void hand_out_secret(struct px_all *all, struct px_volume *volume)
{
	const struct px_wanted *secret = &all->secrets[volume->secret];

	if (secret->state != PX_SECRET_KNOWN)
		return;
	if (secret->status) {
		leave_secret(all, volume);
		fail(all, volume, secret->status, secret->said);
	} else if (!secret->path) {
		leave_secret(all, volume);
		enter_secret(all, volume, secret->leads_to);
		hand_out_secret(all, volume);
	} else {
		volume->state = PX_VOLUME_READY;
	}
}

void px_all_hand_out_secrets(struct px_all *all)
{
	size_t i;

	for (i = 0; i < all->count; i++)
		if (all->volumes[i].state == PX_VOLUME_WAITING)
			hand_out_secret(all, &all->volumes[i]);
}

/* The look is over. */
static void looked(struct px_all *all, struct px_volume *volume)
{
	enum px_status st;
	size_t number;

	if (volume->report.status || !volume->report.wants_key) {
		done(all, volume);
		return;
	}
	px_all_listen();
	st = px_all_want(all, volume, &number);
	px_log_divert(NULL);
	if (st) {
		fail(all, volume, st, px_all_said);
		return;
	}
	enter_secret(all, volume, number);
	volume->state = PX_VOLUME_WAITING;
}

static void terminate(struct px_report *report)
{
	report->secret[sizeof(report->secret) - 1] = '\0';
	report->store[sizeof(report->store) - 1] = '\0';
	report->uuid[sizeof(report->uuid) - 1] = '\0';
	report->name[sizeof(report->name) - 1] = '\0';
	report->said[sizeof(report->said) - 1] = '\0';
}

void px_all_hear(struct px_all *all, struct px_volume *volume)
{
	enum px_volume_state state = volume->state;
	struct px_report report;
	ssize_t n;

	n = read(volume->worker.from, &report, sizeof(report));
	if (n < 0 && errno == EINTR)
		return;
	give_place(all, volume);
	all->workers--;
	px_worker_end(&volume->worker);
	if (n != sizeof(report)) {
		fail(all, volume, PX_KERNEL, "the process that opened it ended unexpectedly");
		return;
	}
	terminate(&report);
	volume->report = report;
	if (state == PX_VOLUME_LOOKED_AT)
		looked(all, volume);
	else
		done(all, volume);
}

/* What the clock alone decides for a process. */
void px_all_check_time(struct px_all *all, struct px_volume *volume, int64_t now)
{
	bool looks = volume->state == PX_VOLUME_LOOKED_AT;

	if (volume->has_place && now >= volume->patience) {
		if (px_is_at_work(volume->worker.pid))
			volume->patience = now + PATIENCE_MS;
		else
			give_place(all, volume);
	}
	if (looks && now >= volume->deadline && px_is_at_work(volume->worker.pid))
		volume->deadline = now + LOOK_MS;
	if (now < volume->deadline)
		return;
	give_place(all, volume);
	all->workers--;
	px_worker_kill(&volume->worker);
	if (looks)
		fail(all, volume, PX_KERNEL,
		     "it does not answer: look at the disk, and at dmsetup info for what is "
		     "suspended");
	else
		fail(all, volume, PX_KERNEL,
		     "it did not open in time, and may be half open: look at the disk and at "
		     "dmsetup table");
}
