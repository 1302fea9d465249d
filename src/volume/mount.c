/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/mount.h"

#include <errno.h>
#include <libmount/libmount.h>
#include <string.h>
#include <sys/stat.h>

#include "pxenc/cleanup.h"
#include "pxenc/log.h"
#include "pxenc/strv.h"

static void context_cleanup(struct libmnt_context **context)
{
	mnt_free_context(*context);
}

static void table_cleanup(struct libmnt_table **table)
{
	mnt_unref_table(*table);
}

static void update_cleanup(struct libmnt_update **update)
{
	mnt_free_update(*update);
}

static void iter_cleanup(struct libmnt_iter **iter)
{
	mnt_free_iter(*iter);
}

static int prepare(struct libmnt_context *context, const struct px_mount *mount)
{
	int r;

	mnt_context_enable_fake(context, mount->fake);
	mnt_context_enable_sloppy(context, mount->sloppy);
	mnt_context_disable_mtab(context, mount->no_mtab);
	r = mnt_context_set_source(context, mount->source);
	if (!r)
		r = mnt_context_set_target(context, mount->target);
	if (!r)
		r = mnt_context_set_fstype(context, mount->fstype);
	if (!r && mount->options)
		r = mnt_context_set_options(context, mount->options);
	if (!r && mount->target_ns)
		r = mnt_context_set_target_ns(context, mount->target_ns);
	return r;
}

static bool is_mount_point(const char *target)
{
	px_cleanup(table_cleanup) struct libmnt_table *table = NULL;

	table = mnt_new_table_from_file("/proc/self/mountinfo");
	return !table || mnt_table_find_target(table, target, MNT_ITER_BACKWARD);
}

/*
 * Options for userspace (_netdev) get a line in utab from libmount here, and another from mount(8),
 * which knows the raw device alone; umount(8) forgets one of the two. What is left of the last
 * time goes now, or utab would grow with each mount.
 */
static void forget_last_time(const char *target)
{
	px_cleanup(update_cleanup) struct libmnt_update *update = NULL;

	if (is_mount_point(target))
		return;
	update = mnt_new_update();
	if (update && mnt_update_set_fs(update, 0, target, NULL) == 0)
		mnt_update_table(update, NULL);
}

enum px_status px_mount(const struct px_mount *mount)
{
	px_cleanup(context_cleanup) struct libmnt_context *context;
	char why[256] = "";
	int r;

	context = mnt_new_context();
	if (!context)
		return px_nomem();
	r = prepare(context, mount);
	if (r == -ENOMEM)
		return px_nomem();
	if (r)
		return px_fail(PX_MOUNT, "cannot mount %s on %s: %s", mount->source, mount->target,
			       strerror(-r));
	if (!mount->fake && !mount->no_mtab && !mount->target_ns)
		forget_last_time(mount->target);
	r = mnt_context_mount(context);
	if (!mnt_context_get_excode(context, r, why, sizeof(why)))
		return PX_OK;
	return px_fail(PX_MOUNT, "cannot mount %s (%s) on %s: %s", mount->source, mount->fstype,
		       mount->target, *why ? why : "mount failed");
}

/*
 * btrfs shows another number than its device's: there the path has to do, and there alone, since
 * FUSE lets a user claim any path. NULL: the number tells.
 */
static const char *path_that_tells(struct libmnt_fs *fs)
{
	const char *type = mnt_fs_get_fstype(fs);

	return type && strcmp(type, "btrfs") == 0 ? mnt_fs_get_srcpath(fs) : NULL;
}

static bool is_of(struct libmnt_fs *fs, const char *source, dev_t device)
{
	const char *path = path_that_tells(fs);

	if (!mnt_fs_get_target(fs))
		return false;
	return mnt_fs_get_devno(fs) == device || (path && strcmp(path, source) == 0);
}

int px_mount_targets(const char *source, dev_t device, char ***ret_targets)
{
	px_cleanup(table_cleanup) struct libmnt_table *table = NULL;
	px_cleanup(iter_cleanup) struct libmnt_iter *iter = NULL;
	px_auto(strv) char **targets = NULL;
	struct libmnt_fs *fs;

	table = mnt_new_table_from_file("/proc/self/mountinfo");
	iter = mnt_new_iter(MNT_ITER_FORWARD);
	if (!table || !iter)
		return -ENOMEM;
	while (mnt_table_next_fs(table, iter, &fs) == 0)
		if (is_of(fs, source, device) && px_strv_add(&targets, mnt_fs_get_target(fs)) < 0)
			return -ENOMEM;
	*ret_targets = px_steal(&targets);
	return 0;
}

int px_mount_device(const char *path, dev_t *ret_device)
{
	px_cleanup(table_cleanup) struct libmnt_table *table = NULL;
	struct libmnt_fs *fs;
	const char *source;
	struct stat st;

	table = mnt_new_table_from_file("/proc/self/mountinfo");
	if (!table)
		return -ENOMEM;
	fs = mnt_table_find_mountpoint(table, path, MNT_ITER_BACKWARD);
	if (!fs)
		return -ENOENT;
	source = path_that_tells(fs);
	*ret_device = source && stat(source, &st) == 0 ? st.st_rdev : (dev_t)mnt_fs_get_devno(fs);
	return 0;
}

bool px_mounted_at(const char *source, dev_t device, const char *target)
{
	px_auto(free) char *resolved = realpath(target, NULL);
	px_auto(strv) char **targets = NULL;
	size_t i;

	if (!resolved || px_mount_targets(source, device, &targets) < 0)
		return false;
	for (i = 0; targets && targets[i]; i++)
		if (strcmp(targets[i], resolved) == 0)
			return true;
	return false;
}
