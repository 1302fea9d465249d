/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/persist.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "pxenc/child.h"
#include "pxenc/clock.h"
#include "pxenc/file.h"
#include "pxenc/flock.h"
#include "pxenc/log.h"
#include "pxenc/path.h"
#include "pxenc/places.h"

#define LOGIN "pxenc.login"
#define BASE_PATH "pxenc.base_path"

/* Beside them, while one takes the place of another. */
#define NEW ".pxenc.new"
#define OLD ".pxenc.old"

#define CIPHERTEXT_MAX (2 * PX_ACCOUNT_MAX) /* base64, and a TPM2's blob; it fits a pipe */
#define ENCRYPT_S 60			    /* a TPM2 takes its time */
#define FORGET_S 5			    /* for another who is just keeping one */

/* $CREDENTIALS_DIRECTORY, if systemd put a login into it; else NULL. */
static const char *handed_dir(void)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	char path[PATH_MAX];

	if (!dir || dir[0] != '/')
		return NULL;
	snprintf(path, sizeof(path), "%s/" LOGIN, dir);
	return access(path, R_OK) == 0 ? dir : NULL;
}

const char *px_persist_file(void)
{
	static char path[PATH_MAX];
	const char *dir = handed_dir();

	snprintf(path, sizeof(path), "%s/" LOGIN, dir ? dir : px_place_credstore_encrypted());
	return access(path, R_OK) == 0 ? path : NULL;
}

bool px_persist_is_handed(void)
{
	return handed_dir() != NULL;
}

static enum px_status gone(void)
{
	return px_fail(PX_UNAUTHENTICATED,
		       "the login that was kept is gone: log in: pxenc secrets dcos login");
}

enum px_status px_persist_read(char **ret_bytes, size_t *ret_len)
{
	const char *file = px_persist_file();

	return file ? px_file_read(file, "login", CIPHERTEXT_MAX, ret_bytes, ret_len) : gone();
}

enum px_status px_persist_base_path(char **ret_base)
{
	const char *dir = handed_dir();
	px_auto(free) char *base = NULL;
	char path[PATH_MAX];
	enum px_status st;
	size_t len;

	*ret_base = NULL;
	snprintf(path, sizeof(path), "%s/" BASE_PATH, dir ? dir : px_place_credstore());
	if (!px_persist_file() || access(path, R_OK) < 0)
		return PX_OK;
	st = px_file_read(path, "base path", PX_PATH_MAX, &base, &len);
	if (st)
		return st;
	base[strcspn(base, "\n")] = '\0';
	*ret_base = px_steal(&base);
	return PX_OK;
}

/* Reads what a program prints until it closes its end. */
static int read_output(int fd, int64_t deadline, struct px_secret *output)
{
	struct pollfd poller = { .fd = fd, .events = POLLIN };

	for (;;) {
		size_t used = px_secret_len(output);
		ssize_t n;
		int r;

		r = poll(&poller, 1, px_deadline_left(deadline));
		if (r == 0)
			return -ETIMEDOUT;
		n = r < 0 ? -1
			  : read(fd, px_secret_data(output) + used,
				 px_secret_capacity(output) - used);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return used < px_secret_capacity(output) ? 0 : -E2BIG;
		if (n > 0)
			px_secret_set_len(output, used + (size_t)n);
	}
}

/*
 * systemd-creds, from our pipe to our pipe: what it decrypts is in no file, and what it encrypts
 * gets into one in our way. -EKEYREJECTED: it failed.
 */
static int run_creds(const char *verb, const char *option, const void *input, size_t len,
		     int64_t deadline, struct px_secret **ret_output)
{
	const char *const argv[] = {
		px_place_systemd_creds(), verb, "--name=" LOGIN, option, "-", "-", NULL
	};
	px_auto(child) struct px_child child = PX_CHILD_NONE;
	px_auto(secret) struct px_secret *output = NULL;
	int r;

	r = px_secret_new(CIPHERTEXT_MAX + 1, &output);
	if (r == 0)
		r = px_child_start(argv, &child);
	if (r < 0)
		return r;
	/* It fits the pipe. If the program is gone, its exit status has more to say. */
	r = px_write_all(child.in, input, len);
	px_fd_cleanup(&child.in);
	child.in = -1;
	if (r == 0 || r == -EPIPE)
		r = read_output(child.out, deadline, output);
	if (r == 0 && px_child_end(&child, deadline) != 0)
		r = -EKEYREJECTED;
	if (r < 0)
		return r;
	*ret_output = px_steal(&output);
	return 0;
}

static int decrypt(const void *ciphertext, size_t len, int64_t deadline,
		   struct px_secret **ret_json)
{
	return run_creds("decrypt", "--newline=no", ciphertext, len, deadline, ret_json);
}

static enum px_status not_decrypted(const char *file, int r)
{
	if (r == -ENOMEM)
		return px_nomem();
	if (r == -ETIMEDOUT)
		return px_fail(PX_UNREACHABLE, "systemd-creds did not decrypt '%s' in time", file);
	if (r != -EKEYREJECTED)
		return px_fail(PX_KERNEL, "cannot run '%s': %s", px_place_systemd_creds(),
			       strerror(-r));
	return px_fail(PX_UNAUTHENTICATED,
		       "the login in '%s' cannot be decrypted: this machine's host key or TPM2 is "
		       "not the one that it was encrypted with, or the file is damaged: log in "
		       "again: pxenc secrets dcos login --persist",
		       file);
}

static enum px_status load_encrypted(const char *file, int64_t deadline,
				     struct px_secret **ret_json)
{
	px_auto(free) char *ciphertext = NULL;
	enum px_status st;
	size_t len;
	int r;

	st = px_persist_read(&ciphertext, &len);
	if (st)
		return st;
	r = decrypt(ciphertext, len, deadline, ret_json);
	return r < 0 ? not_decrypted(file, r) : PX_OK;
}

enum px_status px_persist_load(int64_t deadline, struct px_account *ret_account)
{
	const char *file = px_persist_file();
	px_auto(secret) struct px_secret *json = NULL;
	px_auto(free) char *where = NULL;
	enum px_status st;

	if (!file)
		return gone();
	if (asprintf(&where, "the login in '%s'", file) < 0) {
		where = NULL;
		return px_nomem();
	}
	if (handed_dir())
		st = px_file_read_handed(file, "login", PX_ACCOUNT_MAX, &json);
	else
		st = load_encrypted(file, deadline, &json);
	return st ? st : px_account_parse(json, where, ret_account);
}

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

#define auto_stores __attribute__((cleanup(stores_cleanup))) struct stores

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
	if (linkat(dir, BASE_PATH, dir, OLD, 0) < 0 && errno != ENOENT)
		return errno == EPERM ? -EOPNOTSUPP : -errno;
	return base_path ? write_new(dir, base_path, strlen(base_path)) : 0;
}

static int put_base_in_place(int dir, const char *base_path)
{
	bool any;

	return base_path ? put_in_place(dir, BASE_PATH) : remove_file(dir, BASE_PATH, &any);
}

/* As it was before, however far we came. */
static void put_base_back(int dir)
{
	if (renameat(dir, OLD, dir, BASE_PATH) < 0 && errno == ENOENT)
		unlinkat(dir, BASE_PATH, 0);
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
	if (renameat(stores->encrypted, NEW, stores->encrypted, LOGIN) < 0) {
		r = -errno;
		put_base_back(stores->plain);
		return not_stored(px_place_credstore_encrypted(), r);
	}
	/* Both are new now, whatever this says. */
	return fsync(stores->encrypted) < 0 ? not_stored(px_place_credstore_encrypted(), -errno)
					    : PX_OK;
}

static bool has_tpm2(void)
{
	const char *const argv[] = { px_place_systemd_creds(), "has-tpm2", "--quiet", NULL };
	int status;

	return px_child_run(argv, true, &status) == 0 && status == 0;
}

/* Both keys where there is a TPM2: a stolen disk lacks the one, a machine that is given away with
 * a new disk the other. A TPM2 that does not seal is none. */
static int encrypt(const struct px_secret *json, struct px_secret **ret_ciphertext, bool *ret_tpm2)
{
	int64_t deadline = px_deadline_in(ENCRYPT_S);
	const void *text = px_secret_bytes(json);
	size_t len = px_secret_len(json);
	int r = -EKEYREJECTED;

	if (has_tpm2())
		r = run_creds("encrypt", "--with-key=host+tpm2", text, len, deadline,
			      ret_ciphertext);
	*ret_tpm2 = r == 0;
	if (r == -EKEYREJECTED)
		r = run_creds("encrypt", "--with-key=host", text, len, deadline, ret_ciphertext);
	return r;
}

/* What cannot be decrypted now will not be after the restart either. */
static int check(const struct px_secret *ciphertext, const struct px_secret *json)
{
	px_auto(secret) struct px_secret *again = NULL;
	int r;

	r = decrypt(px_secret_bytes(ciphertext), px_secret_len(ciphertext),
		    px_deadline_in(ENCRYPT_S), &again);
	if (r == 0 && !px_secret_equal(again, json))
		r = -EKEYREJECTED;
	return r;
}

static enum px_status make_ciphertext(const struct px_account *account,
				      struct px_secret **ret_ciphertext, bool *ret_tpm2)
{
	px_auto(secret) struct px_secret *json = NULL;
	int r;

	r = px_account_format(account, &json);
	if (r == 0)
		r = encrypt(json, ret_ciphertext, ret_tpm2);
	if (r == 0)
		r = check(*ret_ciphertext, json);
	if (r == -ENOMEM)
		return px_nomem();
	if (r == -EKEYREJECTED)
		return px_fail(
			PX_KERNEL,
			"the login worked but is not kept: '%s encrypt' fails: only root can "
			"keep a login; 'systemd-creds setup' shows what is wrong",
			px_place_systemd_creds());
	if (r < 0)
		return px_fail(PX_KERNEL, "the login worked but is not kept: '%s': %s",
			       px_place_systemd_creds(), strerror(-r));
	return PX_OK;
}

enum px_status px_persist_save(const struct px_account *account, const char *base_path,
			       int64_t deadline, bool *ret_tpm2)
{
	px_auto(secret) struct px_secret *ciphertext = NULL;
	auto_stores stores = { -1, -1 };
	enum px_status st;

	st = make_ciphertext(account, &ciphertext, ret_tpm2);
	if (st)
		return st;
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
enum px_status px_persist_forget(bool *ret_any)
{
	int64_t deadline = px_deadline_in(FORGET_S);
	auto_stores stores = { -1, -1 };
	bool any = false, base = false;
	int r;

	stores.plain = open_to_forget(px_place_credstore(), deadline);
	stores.encrypted = open_to_forget(px_place_credstore_encrypted(), deadline);
	r = forget(stores.encrypted, LOGIN, &any);
	if (r == 0)
		r = forget(stores.plain, BASE_PATH, &base);
	if (r < 0)
		return px_fail(PX_KERNEL, "cannot remove the login in '%s': %s",
			       px_place_credstore_encrypted(), strerror(-r));
	*ret_any = any;
	return PX_OK;
}
