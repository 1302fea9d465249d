/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "credstore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "pxenc/clock.h"
#include "pxenc/flock.h"
#include "pxenc/io.h"
#include "pxenc/log.h"
#include "pxenc/places.h"

/* Beside what is kept, while one takes the place of another. */
#define NEW ".pxenc.new"
#define OLD ".pxenc.old"

#define FORGET_S 5 /* for another who is just keeping one */

/* A directory for credentials, made if it is missing, that nobody else may write to; locked, so
 * that two do not write at once. The descriptor, or -errno. */
static int open_store(const char *path, int64_t deadline)
{
	struct stat st;
	int fd, r;

	if (mkdir(path, S_IRWXU) < 0 && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (st.st_uid != geteuid() || st.st_mode & (S_IWGRP | S_IWOTH))
		r = -EPERM;
	else
		r = px_flock_by(fd, deadline);
	if (r == 0)
		return fd;
	close(fd);
	return r;
}

/* Both folders. They are always locked in this order, and neither is written to without the other's
 * lock: a login belongs to its base path. */
struct stores {
	int plain, encrypted;
};

static void stores_cleanup(struct stores *stores)
{
	px_fd_cleanup(&stores->encrypted);
	px_fd_cleanup(&stores->plain);
}

#define auto_stores px_cleanup(stores_cleanup) struct stores

/* A file that is not in its place yet, on the disk. */
static int write_new(int dir, const void *data, size_t len)
{
	px_auto(fd) int fd = -1;
	int r;

	if (unlinkat(dir, NEW, 0) < 0 && errno != ENOENT)
		return -errno;
	fd = openat(dir, NEW, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		    S_IRUSR | S_IWUSR);
	if (fd < 0)
		return -errno;
	r = px_write_all(fd, data, len);
	return r == 0 && fsync(fd) < 0 ? -errno : r;
}

static int put_in_place(int dir, const char *name)
{
	if (renameat(dir, NEW, dir, name) < 0 || fsync(dir) < 0)
		return -errno;
	return 0;
}

static int remove_file(int dir, const char *name, bool *any)
{
	if (unlinkat(dir, name, 0) < 0)
		return errno == ENOENT ? 0 : -errno;
	*any = true;
	return fsync(dir) < 0 ? -errno : 0;
}

/* The base path that is there gets a second name, by which it can come back. */
static int write_base(int dir, const char *base_path)
{
	if (unlinkat(dir, OLD, 0) < 0 && errno != ENOENT)
		return -errno;
	/* EPERM: this filesystem has no such thing; else it says that the folder is unfit. */
	if (linkat(dir, PX_CREDSTORE_BASE, dir, OLD, 0) < 0 && errno != ENOENT)
		return errno == EPERM ? -EOPNOTSUPP : -errno;
	return base_path ? write_new(dir, base_path, strlen(base_path)) : 0;
}

static int put_base_in_place(int dir, const char *base_path)
{
	bool any;

	return base_path ? put_in_place(dir, PX_CREDSTORE_BASE)
			 : remove_file(dir, PX_CREDSTORE_BASE, &any);
}

/* As it was before, however far we came. */
static void put_base_back(int dir)
{
	if (renameat(dir, OLD, dir, PX_CREDSTORE_BASE) < 0 && errno == ENOENT)
		unlinkat(dir, PX_CREDSTORE_BASE, 0);
	fsync(dir);
}

static void clean_up(const struct stores *stores)
{
	unlinkat(stores->plain, NEW, 0);
	unlinkat(stores->plain, OLD, 0);
	unlinkat(stores->encrypted, NEW, 0);
}

static enum px_status not_stored(const char *dir, int r)
{
	if (r == -EPERM)
		return px_fail(
			PX_USAGE,
			"the login worked but is not kept: others may write to '%s', or it is "
			"another user's: chown root %s; chmod go-w %s",
			dir, dir, dir);
	if (r == -ETIMEDOUT)
		return px_fail(PX_BUSY,
			       "the login worked but is not kept: another program, perhaps another "
			       "'login --persist', holds a lock on '%s': lslocks shows who",
			       dir);
	return px_fail(PX_KERNEL, "the login worked but is not kept in '%s': %s%s", dir,
		       strerror(-r), r == -EACCES ? ": only root can keep a login" : "");
}

static enum px_status open_stores(int64_t deadline, struct stores *stores)
{
	stores->plain = open_store(px_place_credstore(), deadline);
	if (stores->plain < 0)
		return not_stored(px_place_credstore(), stores->plain);
	stores->encrypted = open_store(px_place_credstore_encrypted(), deadline);
	if (stores->encrypted < 0)
		return not_stored(px_place_credstore_encrypted(), stores->encrypted);
	return PX_OK;
}

/* All that may find the disk full, while what was kept is still in place. */
static enum px_status write_both(const struct stores *stores, const char *base_path,
				 const struct px_secret *ciphertext)
{
	int r = write_base(stores->plain, base_path);

	if (r < 0)
		return not_stored(px_place_credstore(), r);
	r = write_new(stores->encrypted, px_secret_bytes(ciphertext), px_secret_len(ciphertext));
	return r < 0 ? not_stored(px_place_credstore_encrypted(), r) : PX_OK;
}

/* The base path first: without a login it counts for nothing. */
static enum px_status put_both_in_place(const struct stores *stores, const char *base_path)
{
	int r = put_base_in_place(stores->plain, base_path);

	if (r < 0) {
		put_base_back(stores->plain);
		return not_stored(px_place_credstore(), r);
	}
	if (renameat(stores->encrypted, NEW, stores->encrypted, PX_CREDSTORE_LOGIN) < 0) {
		r = -errno;
		put_base_back(stores->plain);
		return not_stored(px_place_credstore_encrypted(), r);
	}
	/* Both are new now, whatever this says. */
	return fsync(stores->encrypted) < 0 ? not_stored(px_place_credstore_encrypted(), -errno)
					    : PX_OK;
}

enum px_status px_credstore_put(const char *base_path, const struct px_secret *ciphertext,
				int64_t deadline)
{
	auto_stores stores = { -1, -1 };
	enum px_status st;

	st = open_stores(deadline, &stores);
	if (st)
		return st;
	st = write_both(&stores, base_path, ciphertext);
	if (!st)
		st = put_both_in_place(&stores, base_path);
	clean_up(&stores);
	return st;
}

/* What we may not read is another user's. Without its lock it is forgotten all the same, since
 * somebody wants it gone; only one that is just being kept may then come back. */
static int open_to_forget(const char *path, int64_t deadline)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return errno == EACCES ? -ENOENT : -errno;
	if (px_flock_by(fd, deadline) < 0)
		px_note("'%s' is locked by another program", path);
	return fd;
}

/* What a crash left behind goes as well. */
static int forget(int dir, const char *name, bool *any)
{
	bool left;
	int r;

	if (dir < 0)
		return dir == -ENOENT ? 0 : dir;
	if (faccessat(dir, name, R_OK, 0) < 0 && errno == EACCES)
		return 0;
	r = remove_file(dir, name, any);
	if (r == 0)
		r = remove_file(dir, NEW, &left);
	return r < 0 ? r : remove_file(dir, OLD, &left);
}

/* The login first: a base path without one counts for nothing. */
int px_credstore_forget(bool *ret_any)
{
	int64_t deadline = px_deadline_in(FORGET_S);
	auto_stores stores = { -1, -1 };
	bool any = false, base = false;
	int r;

	stores.plain = open_to_forget(px_place_credstore(), deadline);
	stores.encrypted = open_to_forget(px_place_credstore_encrypted(), deadline);
	r = forget(stores.encrypted, PX_CREDSTORE_LOGIN, &any);
	if (r == 0)
		r = forget(stores.plain, PX_CREDSTORE_BASE, &base);
	if (r == 0)
		*ret_any = any;
	return r;
}
