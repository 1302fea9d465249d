/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/revive.h"
#include "pxenc/block.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "pxenc/clock.h"
#include "pxenc/dm-stack.h"
#include "pxenc/dm.h"
#include "pxenc/helpers.h"
#include "pxenc/log.h"
#include "pxenc/luks.h"
#include "pxenc/mapping.h"

#define PATIENCE_SECONDS 5 /* with who has a look at a mapping that is to go */
#define STEP_MS 50

/* A name of libdevmapper's has at most 127 bytes. */
struct names {
	char overlay[256], hotzone[256], alias[256];
};

struct work {
	const char *path;
	const char *mapped;
	const struct px_secret *key;
	struct names names;
	struct px_dm_stack stack;
};

static void name_all(const char *mapped, struct names *names)
{
	snprintf(names->overlay, sizeof(names->overlay), "%s-overlay", mapped);
	snprintf(names->hotzone, sizeof(names->hotzone), "%s-hotzone-forward", mapped);
	snprintf(names->alias, sizeof(names->alias), "%s-revive", mapped);
}

static dev_t devno_of(const struct px_mapping *list, size_t count, const char *name)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (strcmp(list[i].name, name) == 0)
			return list[i].devno;
	return 0;
}

static int find_stack(dev_t device, struct work *work)
{
	struct px_mapping *list = NULL;
	size_t count = 0;
	int r = px_mapping_helpers(device, &list, &count);

	if (r < 0)
		return r;
	name_all(work->mapped, &work->names);
	work->stack = (struct px_dm_stack){
		.name = work->mapped,
		.overlay = work->names.overlay,
		.hotzone = work->names.hotzone,
		.overlay_devno = devno_of(list, count, work->names.overlay),
		.hotzone_devno = devno_of(list, count, work->names.hotzone),
		.disk = device,
	};
	px_mapping_list_free(&list, count);
	return 0;
}

static enum px_status failed(const struct work *work, const char *what, int r)
{
	if (r == -ENOMEM)
		return px_nomem();
	return px_fail(r == -EINVAL || r == -EBUSY ? PX_BUSY : PX_KERNEL,
		       "a killed reencryption of %s cannot be gone on with while %s is in use: "
		       "%s: %s: unmount it, or pxenc close --force %s if that hangs",
		       work->path, work->mapped, what, strerror(-r), work->mapped);
}

/* The volume's header, on the device or under its other name: what the key has sealed. */
static enum px_status load(const struct work *work, const char *path, struct px_luks **ret_luks)
{
	px_auto(luks) struct px_luks *luks = NULL;
	enum px_status st = px_luks_load_to_rotate(path, &luks);

	if (!st)
		st = px_luks_verify_seal(luks, work->key, true);
	if (!st)
		*ret_luks = px_steal(&luks);
	return st;
}

/* With what a process that was killed may have left on it. */
static int remove_alias(const struct work *work)
{
	int r = px_helpers_clear_temporary(work->stack.disk);

	if (r == 0)
		r = px_dm_remove(work->names.alias);

	return r == -ENOENT ? 0 : r;
}

static int remove_helpers(const struct work *work)
{
	return px_helpers_clear(work->stack.disk);
}

/* Somebody may have a look at a mapping at any time. */
static int soon(int (*remove)(const struct work *work), const struct work *work)
{
	int64_t deadline = px_deadline_in(PATIENCE_SECONDS);
	int r = remove(work);

	while (r == -EBUSY && px_deadline_left(deadline) > 0) {
		poll(NULL, 0, STEP_MS);
		r = remove(work);
	}
	return r;
}

static int make_alias(const struct work *work, const struct px_luks *luks)
{
	px_auto(free) char *dm_uuid = NULL;
	char uuid[64] = "";
	const char *from;
	size_t len = 0;
	int r = soon(remove_alias, work);

	if (r < 0)
		return r;
	for (from = px_luks_uuid(luks); *from && len < sizeof(uuid) - 1; from++)
		if (*from != '-')
			uuid[len++] = *from;
	if (asprintf(&dm_uuid, "CRYPT-SUBDEV-%s-%s", uuid, work->names.alias) < 0) {
		dm_uuid = NULL;
		return -ENOMEM;
	}
	return px_dm_alias(work->names.alias, dm_uuid, work->stack.disk,
			   px_luks_device_size(luks) / 512);
}

static enum px_status copy_hot_part(const struct work *work, const struct px_dm_hot *hot)
{
	px_auto(luks) struct px_luks *luks = NULL;
	px_auto(free) char *path = NULL;
	enum px_status st;

	if (asprintf(&path, "/dev/mapper/%s", work->names.alias) < 0) {
		path = NULL;
		return px_nomem();
	}
	st = load(work, path, &luks);
	return st ? st : px_luks_reencrypt_part(luks, work->key, hot->start, hot->end);
}

/* What was written under the other name: whoever reads the device is to see it. */
static void forget_cached(const char *path)
{
	px_auto(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, BLKFLSBUF, 0) < 0)
		px_note("the cache of %s cannot be flushed: %m", path);
}

static enum px_status end_copying(const struct work *work, const struct px_luks *luks,
				  const struct px_dm_hot *hot)
{
	int r = make_alias(work, luks), removed;
	enum px_status st;

	if (r < 0)
		return failed(work, "no second mapping of the device can be made", r);
	st = copy_hot_part(work, hot);
	removed = soon(remove_alias, work);
	forget_cached(work->path);
	if (!st && removed < 0)
		return failed(work, "the second mapping of the device cannot be removed", removed);
	return st;
}

/* From below: nothing that goes on may meet what still waits. */
static int let_go_on(const struct work *work)
{
	int r = px_dm_resume(work->names.hotzone);

	if (r == 0)
		r = px_dm_resume(work->names.overlay);
	return r < 0 ? r : px_dm_resume(work->mapped);
}

/* With the header as it is now. */
static enum px_status swap_tables(const struct work *work)
{
	px_auto(luks) struct px_luks *luks = NULL;
	struct px_dm_stack stack = work->stack;
	enum px_status st = load(work, work->path, &luks);
	int r;

	if (!st)
		st = px_luks_lend_volume_keys(luks, work->key, true);
	if (st)
		return st;
	stack.data_offset = px_luks_data_offset(luks) / 512;
	r = px_dm_stack_replace(&stack);
	if (r < 0)
		return failed(work, "it gets no new table", r);
	r = let_go_on(work);
	return r < 0 ? failed(work, "it cannot be resumed", r) : PX_OK;
}

static enum px_status revive(const struct work *work)
{
	px_auto(luks) struct px_luks *luks = NULL;
	struct px_dm_hot hot = { .end = 0 };
	enum px_status st;
	int r = px_dm_stack_hot(&work->stack, &hot);

	if (r < 0)
		return failed(work, "what lies below it is not known", r);
	st = load(work, work->path, &luks);
	if (!st && hot.end > 0)
		st = end_copying(work, luks, &hot);
	return st ? st : swap_tables(work);
}

/* The volume's mapping lies on the overlay, or does not yet, or not any more. */
static enum px_status revive_used(const struct work *work)
{
	bool used = false;
	int r = px_dm_forget(work->mapped);

	if (r == 0 && work->stack.overlay_devno && work->stack.hotzone_devno) {
		r = px_dm_forget(work->names.overlay);
		if (r == 0)
			r = px_dm_stack_is_used(&work->stack, &used);
	}
	if (r < 0)
		return failed(work, "device-mapper", r);
	return used ? revive(work) : PX_OK;
}

static enum px_status clear(const struct work *work)
{
	int r = soon(remove_helpers, work);

	return r < 0 ? failed(work, "what it left behind cannot be removed", r) : PX_OK;
}

enum px_status px_revive(const char *path, dev_t device, const char *mapped,
			 const struct px_secret *key)
{
	struct work work = { .path = path, .mapped = mapped, .key = key };
	int r = find_stack(device, &work);
	enum px_status st;

	if (r < 0)
		return px_block_failed(r);
	px_note("%s: its reencryption was killed: what it was copying is copied to the end", path);
	st = revive_used(&work);
	return st ? st : clear(&work);
}
