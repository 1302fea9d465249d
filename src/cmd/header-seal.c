/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "header-store.h"
#include "header-volume.h"
#include "pxenc/backup.h"
#include "pxenc/cmd.h"
#include "pxenc/key.h"
#include "pxenc/lock.h"
#include "pxenc/log.h"
#include "pxenc/new-key.h"
#include "pxenc/seal-diff.h"
#include "pxenc/seal.h"
#include "pxenc/signals.h"
#include "pxenc/strv.h"

#define VOLUMES "volumes/"

struct job {
	const char *device; /* as the user named it, for messages */
	char *path;	    /* without links */
	int lock;
	struct px_luks *luks;
	struct px_session session;
	struct px_secret *key, *volume_key;
};

static void job_cleanup(struct job *job)
{
	px_secret_free(&job->key);
	px_secret_free(&job->volume_key);
	px_session_close(&job->session);
	px_luks_free(&job->luks);
	px_fd_cleanup(&job->lock);
	free(job->path);
}

/* The header has to pass the allowlist, and the key to open its keyslot: nobody may have what is
 * not pxenc's sealed. */
static enum px_status load(struct job *job)
{
	enum px_status st;

	st = px_lock_device(job->device, &job->path, &job->lock);
	if (!st)
		st = px_luks_load_to_change(job->path, &job->luks);
	if (!st)
		st = px_session_open(&job->session);
	if (!st)
		st = px_header_key(&job->session, job->luks, &job->key);
	if (!st && !px_key_is_generated(job->key))
		return px_fail(PX_USAGE,
			       "%s: its key is not a generated one, and makes no seal: see pxenc "
			       "rotate --generate",
			       job->device);
	return st ? st : px_luks_open_named(job->luks, job->key, &job->volume_key);
}

/*
 * The header as the last backup has it. PX_NO_SECRET: there is none that can be believed. Its HMAC
 * is right under the volume key that the keyslot just gave.
 */
static enum px_status backed_up(struct job *job, char **ret_text)
{
	px_auto(free) uint8_t *bytes = NULL;
	struct px_manifest manifest;
	struct px_backup backup;
	enum px_status st;

	st = px_header_find(&job->session, px_luks_uuid(job->luks), &manifest);
	if (!st && manifest.parts == 0)
		st = PX_NO_SECRET;
	if (!st)
		st = px_header_fetch(&job->session, &manifest, &bytes);
	if (st)
		return st;
	if (px_backup_parse(bytes, (size_t)manifest.len, &backup) == 0 &&
	    px_backup_verify(&backup, job->volume_key) == 0 &&
	    px_seal_text(backup.json, backup.json_len, backup.names.uuid, ret_text) == 0)
		return PX_OK;
	px_warn("%s: the header backup in the store is not this volume's, or was changed: it is "
		"not looked at",
		job->device);
	return PX_NO_SECRET;
}

static void print(char *const *words)
{
	for (; words && *words; words++)
		printf("  %s\n", *words);
}

static enum px_status show(struct job *job)
{
	px_auto(strv) char **words = NULL;
	px_auto(free) char *was = NULL, *is = NULL;
	enum px_status st;
	int r;

	st = backed_up(job, &was);
	if (st && st != PX_NO_SECRET)
		return st;
	st = px_luks_sealed(job->luks, &is);
	if (st)
		return st;
	r = was ? px_seal_diff(was, is, &words) : px_seal_unusual(is, &words);
	if (r < 0)
		return px_fail(PX_KERNEL, "%s: what was changed cannot be told: %s", job->device,
			       strerror(-r));
	if (was)
		printf("%s: since the header backup was taken, %s\n", job->device,
		       words ? "these were changed:" : "nothing but the seal was changed");
	else
		printf("%s: there is no header backup to compare with; %s\n", job->device,
		       words ? "this is not what pxenc writes by default:"
			     : "all is what pxenc writes by default");
	print(words);
	printf("%s: its uuid is %s, and its LUKS2 token names the secret '%s'\n", job->device,
	       px_luks_uuid(job->luks), px_luks_token(job->luks)->secret);
	fflush(stdout);
	return PX_OK;
}

static enum px_status ask(const struct job *job)
{
	px_auto(free) char *question = NULL;

	if (asprintf(&question, "sealing the header of %s accepts it as it is now", job->device) <
	    0)
		return px_nomem();
	return px_confirm(question);
}

static enum px_status seal(struct job *job)
{
	px_auto(token) struct px_token *token = px_token_copy(px_luks_token(job->luks));
	enum px_status st;

	if (!token)
		return px_nomem();
	/* People take their time: the store's clock runs anew. */
	px_session_close(&job->session);
	st = px_session_open(&job->session);
	if (st)
		return st;
	px_signals_hold();
	st = px_luks_set_token(job->luks, token, job->key);
	return st ? st : px_header_keep(&job->session, job->luks, job->key);
}

/* A key that was generated for another uuid: sealing this one would make another volume's keys and
 * backup those of this one. */
static enum px_status check_uuid(const struct job *job)
{
	const char *secret = px_luks_token(job->luks)->secret, *is = px_luks_uuid(job->luks);
	char was[37];

	if (strncmp(secret, VOLUMES, strlen(VOLUMES)) != 0)
		return PX_OK;
	snprintf(was, sizeof(was), "%s", secret + strlen(VOLUMES));
	if (!px_luks_is_uuid(was) || !px_new_key_is_own(secret, was) || strcmp(was, is) == 0)
		return PX_OK;
	return px_fail(PX_BAD_HEADER,
		       "%s: its uuid is %s, but its key '%s' was made for another: the uuid was "
		       "changed, and is not sealed; put it back: cryptsetup luksUUID --uuid %s %s",
		       job->device, is, secret, was, job->device);
}

static enum px_status run(struct job *job, bool force)
{
	enum px_status st;

	st = load(job);
	if (st)
		return st;
	if (px_header_seal_verify(job->lock, job->key) == 0) {
		printf("%s: its seal is right: there is nothing to do\n", job->device);
		return PX_OK;
	}
	st = check_uuid(job);
	if (!st)
		st = show(job);
	if (!st && !force)
		st = ask(job);
	if (!st)
		st = seal(job);
	if (!st)
		printf("%s: the header is sealed\n", job->device);
	return st;
}

enum px_status px_cmd_header_seal(int argc, char **argv)
{
	static const struct option longs[] = { PX_COMMON_OPTIONS,
					       { "force", no_argument, NULL, 'F' },
					       { NULL, 0, NULL, 0 } };
	px_cleanup(job_cleanup) struct job job = { .lock = -1 };
	bool force = false;
	int c;

	while ((c = px_next_option("header seal", argc, argv, "", longs)) != -1) {
		if (c != 'F')
			return PX_USAGE;
		force = true;
	}
	if (argc - optind != 1)
		return px_usage("header seal");
	job.device = argv[optind];
	return run(&job, force);
}
