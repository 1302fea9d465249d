/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "pxenc/child.h"
#include "pxenc/clock.h"
#include "pxenc/cmd.h"
#include "pxenc/console.h"
#include "pxenc/log.h"
#include "pxenc/luks.h"
#include "pxenc/mapping.h"
#include "pxenc/mount.h"
#include "pxenc/probe.h"
#include "pxenc/session.h"
#include "pxenc/unlock.h"

#define NODE_SECONDS 5 /* for udev to make a node */
#define TRIES 5	       /* against somebody who unmounts just now */

struct arguments {
	struct px_options options;
	const char *device;
	const char *target;
	const char *target_ns;
	bool fake, no_mtab, sloppy;
	int verbose;
};

static enum px_status usage(void)
{
	fprintf(stderr, "usage: mount.pxenc DEVICE DIR [-fnrsvw] [-o OPTIONS] [-t pxenc.FSTYPE] "
			"[-N NAMESPACE]\n");
	return PX_USAGE;
}

/* mount -t pxenc.ext4 says what is inside. */
static enum px_status take_type(struct arguments *args, const char *type)
{
	const char *dot = strchr(type, '.');

	if (!dot)
		return PX_OK;
	if (!dot[1])
		return px_fail(PX_USAGE, "-t %s lacks the type after the dot", type);
	return px_options_set_fstype(&args->options, dot + 1);
}

static enum px_status take_option(struct arguments *args, int c)
{
	switch (c) {
	case 'f':
		args->fake = true;
		return PX_OK;
	case 'n':
		args->no_mtab = true;
		return PX_OK;
	case 's':
		args->sloppy = true;
		return PX_OK;
	case 'v':
		args->verbose = 1;
		return PX_OK;
	case 'r':
		return px_options_parse(&args->options, "ro");
	case 'w':
		return px_options_parse(&args->options, "rw");
	case 'o':
		return px_options_parse(&args->options, optarg);
	case 't':
		return take_type(args, optarg);
	case 'N':
		args->target_ns = optarg;
		return PX_OK;
	default:
		return usage();
	}
}

static enum px_status parse(int argc, char **argv, struct arguments *args)
{
	enum px_status st;
	int c;

	while ((c = getopt(argc, argv, "fnsvrwo:t:N:")) != -1) {
		st = take_option(args, c);
		if (st)
			return st;
	}
	if (argc - optind != 2)
		return usage();
	args->device = argv[optind];
	args->target = argv[optind + 1];
	px_log_init("mount.pxenc", args->verbose);
	if (px_is_on_journal())
		px_log_use_console();
	return PX_OK;
}

/* The type of the filesystem's own fsck; 0 and 1 (mended) are fine, as for fsck(8). */
static enum px_status check_filesystem(const char *source, const char *fstype)
{
	px_auto(free) char *program = NULL;
	int r, status = 0;

	if (asprintf(&program, "/sbin/fsck.%s", fstype) < 0)
		return px_nomem();
	r = px_child_run((const char *const[]){ program, "-a", source, NULL }, false, &status);
	if (r < 0)
		return px_fail(PX_MOUNT, "cannot check %s: %s: %s", source, program, strerror(-r));
	if (status & ~1)
		return px_fail(PX_MOUNT,
			       "%s left errors on %s (status %d): look at them by hand, "
			       "the volume is not mounted",
			       program, source, status);
	return PX_OK;
}

/* Mounted somewhere, say. Not every fsck looks before it writes. */
static bool is_in_use(const char *source)
{
	px_auto(fd) int fd = open(source, O_RDONLY | O_EXCL | O_CLOEXEC);

	return fd < 0 && errno == EBUSY;
}

static enum px_status mount_mapping(const struct arguments *args, const char *source)
{
	px_auto(free) char *found = NULL;
	const char *fstype = args->options.fstype;
	enum px_status st;

	if (!fstype) {
		st = px_probe_filesystem(source, &found);
		if (st)
			return st;
		fstype = found;
	}
	/* Not with ro: it could mend nothing. */
	if (args->options.fsck && !args->options.readonly && !is_in_use(source)) {
		st = check_filesystem(source, fstype);
		if (st)
			return st;
	}
	return px_mount(&(struct px_mount){ .source = source,
					    .target = args->target,
					    .fstype = fstype,
					    .options = args->options.filesystem,
					    .target_ns = args->target_ns,
					    .no_mtab = args->no_mtab,
					    .sloppy = args->sloppy });
}

/* mount -a runs the helper on what is mounted already: then there is nothing to do. */
static bool is_done(const struct arguments *args, const char *source, int held)
{
	struct stat st;

	return !args->target_ns && fstat(held, &st) == 0 &&
	       px_mounted_at(source, st.st_rdev, args->target);
}

static char *source_of(const char *name)
{
	char *source;

	return asprintf(&source, "/dev/mapper/%s", name) < 0 ? NULL : source;
}

/* A node may be that of a mapping before, until udev has removed it. */
static bool is_of(int fd, const struct px_mapping *mapping)
{
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && st.st_rdev == mapping->devno;
}

/*
 * A descriptor that keeps the mapping: one that is marked for removal goes with its last user,
 * and between somebody's umount and our mount that could be nobody. udev may still have to make
 * the node. -ENOENT: the mapping is gone.
 */
static int hold(const char *name, const char *source, int *ret_fd)
{
	int64_t deadline = px_deadline_in(NODE_SECONDS);

	for (;;) {
		px_auto(mapping) struct px_mapping mapping = { 0 };
		int fd = open(source, O_RDONLY | O_CLOEXEC), error = fd < 0 ? errno : ENXIO, r;

		r = px_mapping_by_name(name, &mapping);
		if (r == 0 && is_of(fd, &mapping)) {
			*ret_fd = fd;
			return 0;
		}
		px_fd_cleanup(&fd);
		if (r < 0)
			return r;
		if ((error != ENOENT && error != ENXIO) || !px_deadline_left(deadline))
			return -error;
		poll(NULL, 0, 20);
	}
}

static enum px_status mount_held(const struct arguments *args, const char *source, int held,
				 bool created)
{
	enum px_status st = PX_OK;

	if (created || !is_done(args, source, held))
		st = mount_mapping(args, source);
	close(held);
	return st;
}

/*
 * The mapping that this mount created goes with its last unmount, or at once when the mount
 * failed. One that was there before stays as it was. *ret_gone: it went before we could hold it.
 */
static enum px_status try_once(const struct arguments *args, const struct px_config *config,
			       bool *ret_gone)
{
	px_auto(unlocked) struct px_unlocked unlocked = { 0 };
	px_auto(free) char *source = NULL;
	int64_t since;
	enum px_status st;
	int r, held = -1;

	st = px_unlock(args->device, config, &args->options, false, &unlocked);
	if (st)
		return st;
	source = source_of(unlocked.name);
	if (!source)
		return px_nomem();
	since = px_now_us();
	r = hold(unlocked.name, source, &held);
	*ret_gone = r == -ENOENT && !unlocked.created;
	if (*ret_gone)
		return PX_OK;
	if (r < 0)
		st = px_fail(PX_KERNEL, "cannot open %s: %s", source, strerror(-r));
	else
		st = mount_held(args, source, held, unlocked.created);
	/* Deferred in both cases: after a failure, somebody else may have mounted it meanwhile. If
	 * it cannot be marked, that has been said, and what is mounted is mounted. */
	if (unlocked.created && px_luks_deactivate(unlocked.name, true))
		px_warn("%s stays open after its unmount: pxenc close %s", args->device,
			unlocked.name);
	px_stage("mount", &since);
	return st;
}

static enum px_status unlock_and_mount(const struct arguments *args, const struct px_config *config)
{
	enum px_status st;
	bool gone;
	int i;

	for (i = 0; i < TRIES; i++) {
		gone = false;
		st = try_once(args, config, &gone);
		if (!gone)
			return st;
	}
	return px_fail(PX_BUSY, "%s is opened and closed by others again and again", args->device);
}

/* -f goes as far as the header, which takes no key and no network. */
static enum px_status pretend(const struct arguments *args)
{
	px_auto(luks) struct px_luks *luks = NULL;

	return px_luks_load(args->device, &luks);
}

static enum px_status mount_volume(const struct arguments *args)
{
	px_auto(config) struct px_config *config = NULL;
	enum px_status st;

	st = px_session_config(&config);
	if (st)
		return st;
	if (args->fake)
		return pretend(args);
	return unlock_and_mount(args, config);
}

int px_mount_main(int argc, char **argv)
{
	struct arguments args = { 0 };
	enum px_status st;

	px_log_init("mount.pxenc", 0);
	st = parse(argc, argv, &args);
	if (!st)
		st = mount_volume(&args);
	px_options_clear(&args.options);
	return px_status_to_mount(st);
}
