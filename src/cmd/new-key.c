/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/new-key.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pxenc/key.h"
#include "pxenc/log.h"
#include "pxenc/luks.h"

#define FOLDER "volumes/"

/* Keys of one volume that may lie in the store, kept for snapshots. */
#define NUMBERS_MAX 9999

bool px_new_key_option(struct px_new_key_args *args, int c)
{
	switch (c) {
	case 's':
		args->secret = optarg;
		return true;
	case 'k':
		args->cluster_key = true;
		return true;
	case 'g':
		args->generate = true;
		return true;
	default:
		return false;
	}
}

enum px_status px_new_key_check(const struct px_new_key_args *args)
{
	if ((args->secret != NULL) + args->cluster_key + args->generate > 1)
		return px_fail(PX_USAGE, "give one of --secret, --cluster-key and --generate");
	return PX_OK;
}

enum px_status px_new_key_check_path(const char *relative, const char *uuid)
{
	px_auto(free) char *owner = NULL;
	const char *name = relative + strlen(FOLDER), *slash;

	if (strncmp(relative, FOLDER, strlen(FOLDER)) != 0)
		return PX_OK;
	slash = strchr(name, '/');
	owner = strndup(name, slash ? (size_t)(slash - name) : 0);
	if (!owner)
		return px_nomem();
	if (!px_luks_is_uuid(owner) || (uuid && strcmp(owner, uuid) == 0))
		return PX_OK;
	return px_fail(PX_USAGE,
		       "the secret '%s' belongs to volume %s alone, and goes when that is rotated "
		       "or erased: name a secret with a path of its own (pxenc secrets create PATH "
		       "--generate)",
		       relative, owner);
}

static enum px_status fetch(struct px_session *session, const char *uuid, struct px_new_key *key)
{
	enum px_status st;

	st = px_new_key_check_path(key->choice.relative, uuid);
	if (st)
		return st;
	st = px_store_get(session->store, key->choice.path, PX_GET_PASSPHRASE, &key->key);
	return st ? st : px_key_check_new(key->key, key->choice.path);
}

/* PX_EXISTS, silently, when the path is taken. */
static enum px_status try_path(struct px_session *session, const char *path,
			       struct px_choice *ret_choice)
{
	px_auto(choice) struct px_choice choice = { 0 };
	px_auto(secret) struct px_secret *there = NULL;
	enum px_status st;

	st = px_resolve_path(session->config, path, &choice);
	if (!st)
		st = px_store_get(session->store, choice.path, PX_GET_RAW | PX_GET_MAYBE, &there);
	if (st != PX_NO_SECRET)
		return st ? st : PX_EXISTS;
	choice.because = "generated";
	*ret_choice = choice;
	choice = (struct px_choice){ 0 };
	return PX_OK;
}

/* The number that comes after that of a key. */
static int number_after(const char *present, const char *uuid)
{
	if (!present || !px_new_key_is_own(present, uuid))
		return 1;
	return (int)strtol(strrchr(present, '/') + 1, NULL, 10) % NUMBERS_MAX + 1;
}

static enum px_status find_path(struct px_session *session, const char *uuid, int first,
				struct px_choice *ret_choice)
{
	enum px_status st = PX_EXISTS;
	char path[128];
	int i;

	for (i = first; st == PX_EXISTS && i <= NUMBERS_MAX; i++) {
		snprintf(path, sizeof(path), FOLDER "%s/%d", uuid, i);
		st = try_path(session, path, ret_choice);
	}
	if (st == PX_EXISTS)
		return px_fail(st, "%s already has %d keys in the store: delete old ones", uuid,
			       NUMBERS_MAX);
	return st;
}

enum px_status px_new_key_generate(struct px_secret **ret_key)
{
	int r = px_key_generate(ret_key);

	if (r == -ENOMEM)
		return px_nomem();
	return r < 0 ? px_fail(PX_KERNEL, "cannot make a key: %s", strerror(-r)) : PX_OK;
}

static enum px_status generate(struct px_session *session, const char *uuid, const char *present,
			       struct px_new_key *key)
{
	enum px_status st;

	st = find_path(session, uuid, number_after(present, uuid), &key->choice);
	if (st)
		return st;
	st = px_new_key_generate(&key->key);
	key->generated = st == PX_OK;
	return st;
}

enum px_status px_new_key_choose(struct px_session *session, const struct px_new_key_args *args,
				 const char *uuid, const char *present, struct px_new_key *ret_key)
{
	enum px_status st = PX_NO_SECRET;

	if (args->secret)
		st = px_resolve_path(session->config, args->secret, &ret_key->choice);
	else if (!args->generate)
		st = px_resolve_cluster(session->config, session->store, &ret_key->choice);
	if (st == PX_OK)
		return fetch(session, uuid, ret_key);
	if (st != PX_NO_SECRET)
		return st;
	if (args->cluster_key)
		return px_fail(PX_NO_SECRET, "no cluster key is set: pxenc secrets set-cluster-key "
					     "--secret PATH");
	return generate(session, uuid, present, ret_key);
}

static enum px_status read_back(struct px_session *session, const struct px_new_key *key)
{
	px_auto(secret) struct px_secret *kept = NULL;
	enum px_status st;

	st = px_store_get(session->store, key->choice.path, PX_GET_RAW, &kept);
	if (st)
		return st;
	if (!px_secret_equal(kept, key->key))
		return px_fail(PX_UNTRUSTED,
			       "the store does not give back the key that was put at '%s': no "
			       "volume was locked with it",
			       key->choice.path);
	return PX_OK;
}

enum px_status px_new_key_store(struct px_session *session, struct px_new_key *key)
{
	enum px_status st;

	if (!key->generated)
		return PX_OK;
	st = px_store_create(session->store, key->choice.path, key->key);
	/* After any other failure it may be there: an answer can get lost. */
	key->stored = st != PX_EXISTS;
	return st ? st : read_back(session, key);
}

enum px_status px_new_key_take_back(struct px_session *session, struct px_new_key *key)
{
	px_auto(secret) struct px_secret *kept = NULL;
	enum px_status st;

	if (!key->stored)
		return PX_OK;
	st = px_store_get(session->store, key->choice.path, PX_GET_RAW | PX_GET_MAYBE, &kept);
	if (!st && px_secret_equal(kept, key->key))
		st = px_store_delete(session->store, key->choice.path);
	key->stored = st != PX_OK && st != PX_NO_SECRET;
	return st == PX_NO_SECRET ? PX_OK : st;
}

bool px_new_key_is_own(const char *relative, const char *uuid)
{
	size_t folder = strlen(FOLDER), len = strlen(uuid);
	const char *number = relative + folder + len + 1;

	return strncmp(relative, FOLDER, folder) == 0 &&
	       strncmp(relative + folder, uuid, len) == 0 && relative[folder + len] == '/' &&
	       *number && !number[strspn(number, "0123456789")];
}

void px_new_key_clear(struct px_new_key *key)
{
	px_choice_clear(&key->choice);
	px_secret_free(&key->key);
	*key = (struct px_new_key){ .key = NULL };
}
