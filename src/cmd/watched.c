/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "watched.h"

#include <errno.h>
#include <string.h>

#include "pxenc/block.h"

#define REFUSALS 2 /* in a row, before a volume is suspended */
#define UNREAD 3   /* rounds in a row, before a header is taken for broken */

static void clear(struct px_watched *watched)
{
	free(watched->name);
	free(watched->device);
	free(watched->secret);
	*watched = (struct px_watched){ .name = NULL };
}

static struct px_watched *find(const struct px_watch *watch, const char *name)
{
	for (size_t i = 0; i < watch->count; i++)
		if (strcmp(watch->list[i].name, name) == 0)
			return &watch->list[i];
	return NULL;
}

static struct px_watched *add(struct px_watch *watch, const char *name)
{
	struct px_watched *larger =
		reallocarray(watch->list, watch->count + 1, sizeof(*watch->list));
	struct px_watched *watched;

	if (!larger)
		return NULL;
	watch->list = larger;
	watched = &larger[watch->count];
	*watched = (struct px_watched){ .name = strdup(name) };
	if (!watched->name)
		return NULL;
	watch->count++;
	return watched;
}

static int set_device(struct px_watched *watched, const char *slave_name)
{
	char *device = slave_name ? px_block_path(slave_name) : NULL;

	if (slave_name && !device)
		return -ENOMEM;
	free(watched->device);
	watched->device = device;
	return 0;
}

/* Somebody else has resumed it, or closed and opened it: from now on it is as any other. */
static void start_anew(struct px_watched *watched)
{
	if (watched->suspended || watched->ours)
		watched->refusals = 0;
	watched->ours = false;
}

static int take(struct px_watch *watch, const struct px_mapping *mapping)
{
	struct px_watched *watched = find(watch, mapping->name);

	if (!watched)
		watched = add(watch, mapping->name);
	if (!watched)
		return -ENOMEM;
	watched->present = true;
	if (!mapping->suspended && !watched->pid)
		start_anew(watched);
	watched->suspended = mapping->suspended;
	/* Another disk may have the name of one that was pulled out. */
	return set_device(watched, mapping->gone ? NULL : mapping->slave_name);
}

static void drop_closed(struct px_watch *watch)
{
	size_t kept = 0;

	for (size_t i = 0; i < watch->count; i++) {
		struct px_watched *watched = &watch->list[i];

		if (watched->present || watched->pid || watched->looking)
			watch->list[kept++] = *watched;
		else
			clear(watched);
	}
	watch->count = kept;
}

int px_watch_update(struct px_watch *watch, const struct px_mapping *mappings, size_t count)
{
	int r = 0;

	for (size_t i = 0; i < watch->count; i++)
		watch->list[i].present = false;
	for (size_t i = 0; i < count && r == 0; i++)
		r = take(watch, &mappings[i]);
	/* A list that was not taken in to its end says nothing about who is closed. */
	if (r == 0)
		drop_closed(watch);
	return r;
}

int px_watched_set_secret(struct px_watched *watched, const char *secret)
{
	char *copy;

	if (watched->secret && strcmp(watched->secret, secret) == 0)
		return 0;
	copy = strdup(secret);
	if (!copy)
		return -ENOMEM;
	free(watched->secret);
	watched->secret = copy;
	watched->refusals = 0;
	watched->granted = false;
	return 0;
}

void px_watched_set_read(struct px_watched *watched, bool read)
{
	watched->unread = read ? 0 : watched->unread + 1;
}

bool px_watched_is_unreadable(const struct px_watched *watched)
{
	return watched->present && !watched->nameless && watched->unread >= UNREAD;
}

bool px_watched_is_asked(const struct px_watched *watched)
{
	return watched->present && watched->secret && !watched->nameless &&
	       (watched->unread == 0 || px_watched_is_unreadable(watched));
}

static bool is_refused(const struct px_watched *watched)
{
	return !watched->suspended && watched->refusals == REFUSALS;
}

enum px_step px_watched_judge(struct px_watched *watched)
{
	switch (watched->verdict) {
	case PX_VERDICT_GRANTED:
		watched->refusals = 0;
		watched->granted = true;
		watched->complained = watched->complained && watched->suspended;
		return watched->suspended && watched->ours ? PX_STEP_RESUME : PX_STEP_NONE;
	case PX_VERDICT_FORBIDDEN:
	case PX_VERDICT_GONE:
		if (watched->refusals < REFUSALS)
			watched->refusals++;
		return is_refused(watched) && watched->granted ? PX_STEP_SUSPEND : PX_STEP_NONE;
	default:
		return PX_STEP_NONE;
	}
}

bool px_watched_is_doubtful(const struct px_watched *watched)
{
	return is_refused(watched) && !watched->granted;
}

void px_watched_done(struct px_watched *watched, enum px_step step, bool worked)
{
	watched->complained = !worked;
	if (worked)
		watched->ours = step == PX_STEP_SUSPEND;
}

void px_watch_clear(struct px_watch *watch)
{
	for (size_t i = 0; i < watch->count; i++)
		clear(&watch->list[i]);
	free(watch->list);
	*watch = (struct px_watch){ .list = NULL };
}
