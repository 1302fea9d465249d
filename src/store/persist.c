/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/persist.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "credstore.h"
#include "pxenc/child.h"
#include "pxenc/clock.h"
#include "pxenc/file.h"
#include "pxenc/io.h"
#include "pxenc/log.h"
#include "pxenc/path.h"
#include "pxenc/places.h"

#define CIPHERTEXT_MAX (2 * PX_ACCOUNT_MAX) /* base64, and a TPM2's blob; it fits a pipe */
#define ENCRYPT_S 60			    /* a TPM2 takes its time */

/* $CREDENTIALS_DIRECTORY, if systemd put a login into it; else NULL. */
static const char *handed_dir(void)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	char path[PATH_MAX];

	if (!dir || dir[0] != '/')
		return NULL;
	snprintf(path, sizeof(path), "%s/" PX_CREDSTORE_LOGIN, dir);
	return access(path, R_OK) == 0 ? dir : NULL;
}

const char *px_persist_file(void)
{
	static char path[PATH_MAX];
	const char *dir = handed_dir();

	snprintf(path, sizeof(path), "%s/" PX_CREDSTORE_LOGIN,
		 dir ? dir : px_place_credstore_encrypted());
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
	snprintf(path, sizeof(path), "%s/" PX_CREDSTORE_BASE, dir ? dir : px_place_credstore());
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
		px_place_systemd_creds(), verb, "--name=" PX_CREDSTORE_LOGIN, option, "-", "-", NULL
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
	enum px_status st;

	st = make_ciphertext(account, &ciphertext, ret_tpm2);
	return st ? st : px_credstore_put(base_path, ciphertext, deadline);
}

enum px_status px_persist_forget(bool *ret_any)
{
	int r = px_credstore_forget(ret_any);

	return r < 0 ? px_fail(PX_KERNEL, "cannot remove the login in '%s': %s",
			       px_place_credstore_encrypted(), strerror(-r))
		     : PX_OK;
}
