/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <string.h>

#include "pxenc/cmd.h"
#include "pxenc/key.h"
#include "pxenc/log.h"
#include "pxenc/new-key.h"
#include "pxenc/resolve.h"
#include "pxenc/session.h"

static enum px_status parse(int argc, char **argv, const char **ret_path)
{
	static const struct option longs[] = { PX_COMMON_OPTIONS,
					       { "secret", required_argument, NULL, 's' },
					       { NULL, 0, NULL, 0 } };
	int c;

	while ((c = px_next_option("secrets set-cluster-key", argc, argv, "", longs)) != -1) {
		if (c != 's')
			return PX_USAGE;
		*ret_path = optarg;
	}
	return argc == optind && *ret_path ? PX_OK : px_usage("secrets set-cluster-key");
}

/* A setting that names nothing usable would only be noticed at the next format, or reboot. */
static enum px_status check_key(struct px_session *session, const struct px_choice *choice)
{
	px_auto(secret) struct px_secret *key = NULL;
	enum px_status st;

	st = px_new_key_check_path(choice->relative, NULL);
	if (!st)
		st = px_store_get(session->store, choice->path, PX_GET_PASSPHRASE, &key);
	return st ? st : px_key_check_new(key, choice->path);
}

static enum px_status write_setting(struct px_session *session, const struct px_choice *choice)
{
	px_auto(secret) struct px_secret *now = NULL, *wanted = NULL;
	px_auto(free) char *where = NULL;
	enum px_status st;

	if (px_secret_from(choice->relative, strlen(choice->relative), &wanted) < 0)
		return px_nomem();
	st = px_session_path(session, PX_CLUSTER_SETTING, &where);
	if (st)
		return st;
	st = px_store_get(session->store, where, PX_GET_RAW | PX_GET_MAYBE, &now);
	if (st == PX_NO_SECRET)
		return px_store_create(session->store, where, wanted);
	if (st || px_secret_equal(now, wanted))
		return st;
	px_note("the cluster key was %.*s", (int)px_secret_len(now),
		(const char *)px_secret_bytes(now));
	return px_store_update(session->store, where, wanted);
}

enum px_status px_cmd_set_cluster_key(int argc, char **argv)
{
	px_auto(session) struct px_session session = { 0 };
	px_auto(choice) struct px_choice choice = { 0 };
	const char *path = NULL;
	enum px_status st;

	st = parse(argc, argv, &path);
	if (!st)
		st = px_session_open(&session);
	if (!st)
		st = px_resolve_path(session.config, path, &choice);
	if (!st)
		st = check_key(&session, &choice);
	if (!st)
		st = write_setting(&session, &choice);
	if (!st)
		px_note("the cluster key is %s", choice.path);
	return st;
}
