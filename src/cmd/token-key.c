/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "pxenc/cmd.h"
#include "pxenc/io.h"
#include "pxenc/key.h"
#include "pxenc/log.h"
#include "pxenc/luks.h"
#include "pxenc/session.h"
#include "pxenc/unlock.h"

/*
 * token-key serves libcryptsetup's plugin (src/plugin): cryptsetup has loaded a header, and wants
 * the key for it. What cryptsetup will activate has to be what is checked here, so the plugin hands
 * that header in. The device is loaded and checked as by any other command; only if both headers
 * are the same to the byte does the key leave.
 */

/* No LUKS2 header has more JSON than this. */
#define HEADER_MAX ((size_t)4 << 20)

/* A key is for the plugin's pipe: not for a terminal, nor for a file where it would stay. */
static enum px_status check_output(void)
{
	struct stat st;

	if (fstat(STDOUT_FILENO, &st) < 0 || !S_ISFIFO(st.st_mode))
		return px_fail(PX_USAGE, "token-key writes a key, and that into a pipe alone");
	return PX_OK;
}

static enum px_status read_header(char **ret_json, size_t *ret_len)
{
	int r = px_read_all(STDIN_FILENO, HEADER_MAX, ret_json, ret_len);

	if (r == -ENOMEM)
		return px_nomem();
	if (r < 0)
		return px_fail(PX_USAGE, "cannot read a header's JSON from standard input: %s",
			       strerror(-r));
	return PX_OK;
}

/* The header on the device, let through by the allowlist, and the same as the one handed in. */
static enum px_status load(const char *device, const char *uuid, struct px_luks **ret_luks)
{
	px_auto(luks) struct px_luks *luks = NULL;
	px_auto(free) char *json = NULL;
	enum px_status st;
	size_t len;

	st = read_header(&json, &len);
	if (!st)
		st = px_luks_load(device, &luks);
	if (st)
		return st;
	if (!px_luks_token(luks))
		return px_fail(PX_BAD_HEADER, "%s: it has no LUKS2 token of type " PX_TOKEN_TYPE,
			       device);
	st = px_luks_compare(luks, uuid, json, len);
	if (!st)
		*ret_luks = px_steal(&luks);
	return st;
}

/* The store is left before the key is used. No LUKS2 token names a key that is longer than
 * cryptsetup takes from a terminal: it has been replaced since. */
static enum px_status fetch(struct px_luks *luks, struct px_secret **ret_key)
{
	const struct px_options none = { .secret = NULL };
	px_auto(session) struct px_session session = { 0 };
	px_auto(choice) struct px_choice choice = { 0 };
	enum px_status st;

	st = px_session_open(&session);
	if (!st)
		st = px_unlock_key(luks, session.config, session.store, &none, &choice, ret_key);
	if (!st && px_secret_len(*ret_key) > PX_KEY_MAX)
		st = px_fail(PX_BAD_KEY, "the secret '%s' has %zu bytes: a key has at most %d",
			     choice.path, px_secret_len(*ret_key), PX_KEY_MAX);
	return st;
}

/* At most PX_KEY_MAX bytes, which a pipe takes as a whole or not at all. */
static enum px_status write_key(const struct px_secret *key)
{
	int r = px_write_all(STDOUT_FILENO, px_secret_bytes(key), px_secret_len(key));

	return r < 0 ? px_fail(PX_KERNEL, "cannot write the key: %s", strerror(-r)) : PX_OK;
}

static enum px_status token_key(const char *device, const char *uuid)
{
	px_auto(luks) struct px_luks *luks = NULL;
	px_auto(secret) struct px_secret *key = NULL;
	enum px_status st;

	st = check_output();
	if (!st)
		st = load(device, uuid, &luks);
	if (!st)
		st = fetch(luks, &key);
	if (!st)
		st = px_luks_verify_seal(luks, key, true);
	return st ? st : write_key(key);
}

enum px_status px_cmd_token_key(int argc, char **argv)
{
	static const struct option longs[] = { PX_COMMON_OPTIONS,
					       { "console", no_argument, NULL, 'c' },
					       { NULL, 0, NULL, 0 } };
	int c;

	while ((c = px_next_option("token-key", argc, argv, "", longs)) != -1) {
		if (c != 'c')
			return PX_USAGE;
		px_log_use_console();
	}
	if (argc - optind != 2)
		return px_usage("token-key");
	return token_key(argv[optind], argv[optind + 1]);
}
