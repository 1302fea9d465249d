/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "open-all.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/sysinfo.h>

#include "pxenc/clock.h"
#include "pxenc/disks.h"
#include "pxenc/log.h"
#include "pxenc/session.h"
#include "pxenc/strv.h"
#include "pxenc/unlock.h"

static bool has_process(const struct px_volume *volume)
{
	return volume->worker.pid > 0;
}

static int sooner(int a, int b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

/* All ends to listen to; who they belong to is told by their order. */
static nfds_t collect(const struct px_all *all, struct pollfd *fds, int *ret_timeout)
{
	int timeout = px_all_fetch_wait(all);
	nfds_t n = 0;
	size_t i;

	for (i = 0; i < PX_FETCHERS_MAX; i++)
		if (all->fetchers[i].worker.pid > 0)
			fds[n++] = (struct pollfd){ .fd = all->fetchers[i].worker.from,
						    .events = POLLIN };
	for (i = 0; i < all->count; i++) {
		const struct px_volume *volume = &all->volumes[i];

		if (!has_process(volume))
			continue;
		fds[n++] = (struct pollfd){ .fd = volume->worker.from, .events = POLLIN };
		timeout = sooner(timeout, px_deadline_left(volume->deadline));
		if (volume->has_place)
			timeout = sooner(timeout, px_deadline_left(volume->patience));
	}
	*ret_timeout = timeout;
	return n;
}

static bool is_heard(const struct pollfd *fds, nfds_t n, int fd)
{
	nfds_t i;

	for (i = 0; i < n; i++)
		if (fds[i].fd == fd)
			return fds[i].revents != 0;
	return false;
}

static void listen_once(struct px_all *all)
{
	struct pollfd fds[PX_FETCHERS_MAX + PX_WORKERS_MAX];
	int timeout;
	nfds_t n = collect(all, fds, &timeout);
	int64_t now;
	size_t i;

	if (poll(fds, n, timeout) < 0)
		n = 0;
	for (i = 0; i < PX_FETCHERS_MAX; i++)
		if (all->fetchers[i].worker.pid > 0 &&
		    is_heard(fds, n, all->fetchers[i].worker.from))
			px_all_hear_fetcher(all, &all->fetchers[i]);
	now = px_now_ms();
	for (i = 0; i < all->count; i++) {
		struct px_volume *volume = &all->volumes[i];

		if (has_process(volume) && is_heard(fds, n, volume->worker.from))
			px_all_hear(all, volume);
		else if (has_process(volume))
			px_all_check_time(all, volume, now);
	}
}

static void open_volumes(struct px_all *all)
{
	while (all->done < all->count) {
		px_all_start_looks(all);
		px_all_fetch(all);
		px_all_hand_out_secrets(all);
		px_all_start_unlocks(all);
		if (all->done == all->count)
			break;
		px_all_show_progress(all);
		listen_once(all);
	}
	px_all_end_progress(all);
	px_all_end_fetchers(all);
}

/* What was looked for and is none of ours is as if it had not been there. */
static void forget_foreign(struct px_all *all)
{
	size_t i, kept = 0;

	for (i = 0; i < all->count; i++) {
		struct px_volume volume = all->volumes[i];

		if (volume.report.foreign)
			free(volume.device);
		else
			all->volumes[kept++] = volume;
	}
	all->count = kept;
}

static enum px_status add_volumes(struct px_all *all, char *const *devices)
{
	size_t i, count = px_strv_len(devices);

	all->volumes = calloc(count + 1, sizeof(*all->volumes));
	if (!all->volumes)
		return px_nomem();
	for (i = 0; i < count; i++) {
		all->volumes[i].worker = PX_WORKER_NONE;
		all->volumes[i].device = strdup(devices[i]);
		if (!all->volumes[i].device)
			return px_nomem();
		all->unsettled = ++all->count;
	}
	return PX_OK;
}

static enum px_status find_volumes(struct px_all *all, char *const *devices)
{
	px_auto(strv) char **found = NULL;
	int r;

	all->search = !*devices;
	if (!all->search)
		return add_volumes(all, devices);
	r = px_disks_list(PX_DISKS_ROOT, &found);
	if (r == -ENOMEM)
		return px_nomem();
	if (r < 0)
		return px_fail(PX_KERNEL, "cannot look for volumes in %s: %s", PX_DISKS_ROOT,
			       strerror(-r));
	return add_volumes(all, found);
}

static void all_cleanup(struct px_all *all)
{
	size_t i;

	for (i = 0; i < all->count; i++)
		free(all->volumes[i].device);
	for (i = 0; i < all->secret_count; i++) {
		free(all->secrets[i].path);
		px_secret_free(&all->secrets[i].key);
	}
	free(all->volumes);
	free(all->secrets);
}

static enum px_status show(const struct px_all *all, bool json)
{
	enum px_status st = PX_OK;

	if (json)
		st = px_all_show_json(all);
	else
		px_all_show_summary(all);
	return !st && all->failed ? PX_SOME_FAILED : st;
}

enum px_status px_open_all(char *const *devices, const struct px_options *options, bool test,
			   bool json)
{
	px_cleanup(all_cleanup) struct px_all all = { .options = options, .test = test };
	px_auto(config) struct px_config *config = NULL;
	enum px_status st;
	size_t i;

	st = px_session_config(&config);
	if (!st)
		st = find_volumes(&all, devices);
	if (st)
		return st;
	all.since_us = px_now_us();
	all.config = config;
	all.deadline = px_unlock_deadline(config, options);
	all.slots.places = (unsigned int)get_nprocs();
	for (i = 0; i < PX_FETCHERS_MAX; i++)
		all.fetchers[i] = (struct px_fetcher){ .worker = PX_WORKER_NONE, .to = -1 };
	open_volumes(&all);
	forget_foreign(&all);
	return show(&all, json);
}
