/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "doctor.h"
#include "pxenc/clock.h"
#include "pxenc/key.h"
#include "pxenc/lock.h"
#include "pxenc/log.h"
#include "pxenc/luks.h"
#include "pxenc/peek.h"
#include "pxenc/unlock.h"

/* A dead disk hangs whoever looks at it, so a child looks first. What it thinks of the header does
 * not count: the reason comes with the second look. */
static bool check_answers(struct px_doctor *doctor, const char *device)
{
	struct px_peek peek;

	if (px_peek(device, &peek) != -ETIMEDOUT)
		return true;
	px_doctor_fail(doctor, "device",
		       px_fail(PX_KERNEL,
			       "%s does not answer within 2 seconds: look at its cables and the "
			       "kernel's log",
			       device));
	return false;
}

static struct px_luks *check_header(struct px_doctor *doctor, const char *device)
{
	px_auto(luks) struct px_luks *luks = NULL;
	enum px_status st = px_luks_load(device, &luks);

	if (st) {
		px_doctor_fail(doctor, "header", st);
		return NULL;
	}
	px_doctor_ok(doctor, "header", "LUKS%d, %s, %u bits, uuid %s", px_luks_version(luks),
		     px_luks_cipher(luks), px_luks_key_bits(luks), px_luks_uuid(luks));
	return px_steal(&luks);
}

/* open copes with a change of the key at any stage. */
static void check_rotation(struct px_doctor *doctor, const struct px_luks *luks)
{
	const struct px_token *token = px_luks_token(luks);
	const char *device = px_luks_device(luks);

	if (!token->reencrypt && !token->next.secret && !token->old.secret)
		return;
	if (px_lock_is_held(device))
		px_doctor_ok(doctor, "rotation", "another pxenc is changing the key just now");
	else if (token->reencrypt)
		px_doctor_warn(doctor, "rotation",
			       "the data is written anew under another volume key, and nobody is "
			       "at it: pxenc rotate %s goes on with it",
			       device);
	else
		px_doctor_warn(doctor, "rotation",
			       "a change of the key was interrupted: pxenc rotate %s finishes it",
			       device);
}

static void check_token(struct px_doctor *doctor, const struct px_luks *luks)
{
	const struct px_token *token = px_luks_token(luks);

	if (token) {
		px_doctor_ok(doctor, "LUKS2 token", "it names the secret '%s', for keyslot %d",
			     token->secret, token->keyslot);
		check_rotation(doctor, luks);
	} else if (px_luks_version(luks) == 2) {
		px_doctor_warn(
			doctor, "LUKS2 token",
			"there is none of pxenc's, so -o secret=PATH or the cluster-wide key "
			"has to open it: pxenc enroll %s takes it over",
			px_luks_device(luks));
	} else {
		px_doctor_warn(doctor, "LUKS2 token",
			       "LUKS1 has none, so -o secret=PATH or the cluster-wide key has to "
			       "open it: cryptsetup convert makes it LUKS2");
	}
}

static struct px_secret *check_secret(struct px_doctor *doctor, const struct px_config *config,
				      struct px_luks *luks, bool *ret_named)
{
	const struct px_options none = { .secret = NULL };
	px_auto(store) struct px_store *store = NULL;
	px_auto(choice) struct px_choice choice = { 0 };
	px_auto(secret) struct px_secret *key = NULL;
	enum px_status st;

	st = px_store_new(config, px_deadline_in(config->timeout), &store);
	if (!st)
		st = px_unlock_key(luks, config, store, &none, &choice, &key);
	if (st) {
		px_doctor_fail(doctor, "secret", st);
		return NULL;
	}
	px_doctor_ok(doctor, "secret", "'%s', %s, is there", choice.path, choice.because);
	*ret_named = choice.named_slot;
	return px_steal(&key);
}

/* false: the key was tried, and opens nothing. */
static bool check_seal(struct px_doctor *doctor, struct px_luks *luks, const struct px_secret *key,
		       bool named)
{
	enum px_status st;

	if (!px_key_is_generated(key)) {
		px_doctor_ok(doctor, "seal",
			     "none: only generated keys seal (pxenc rotate "
			     "--generate)");
		return true;
	}
	st = px_luks_verify_seal(luks, key, named);
	if (st == PX_BAD_KEY)
		px_doctor_fail(doctor, "keyslot", st);
	else if (st)
		px_doctor_fail(doctor, "seal", st);
	else
		px_doctor_ok(doctor, "seal", "it is right: nobody has changed the header");
	return st != PX_BAD_KEY;
}

static bool check_key(struct px_doctor *doctor, struct px_luks *luks, const struct px_secret *key,
		      bool named)
{
	enum px_status st;

	if (!check_seal(doctor, luks, key, named))
		return false;
	st = px_luks_test(luks, key, named);
	if (st)
		px_doctor_fail(doctor, "keyslot", st);
	else
		px_doctor_ok(doctor, "keyslot", "the key opens it");
	return !st;
}

static void check_volume(struct px_doctor *doctor, struct px_config *config, struct px_luks *luks)
{
	px_auto(secret) struct px_secret *key = NULL;
	bool named = false;

	check_token(doctor, luks);
	if (config)
		key = check_secret(doctor, config, luks, &named);
	/* While the data is written anew there is none, so that no old one does harm. */
	if (key && check_key(doctor, luks, key, named) && px_luks_token(luks) &&
	    !px_luks_token(luks)->reencrypt)
		px_doctor_check_backup(doctor, config, luks, key);
}

void px_doctor_check_device(struct px_doctor *doctor, struct px_config *config, const char *device)
{
	px_auto(free) char *canonical = realpath(device, NULL);
	px_auto(luks) struct px_luks *luks = NULL;
	struct stat st;

	if (canonical)
		device = canonical;
	if (!check_answers(doctor, device))
		return;
	luks = check_header(doctor, device);
	if (luks)
		check_volume(doctor, config, luks);
	if (stat(device, &st) == 0 && S_ISBLK(st.st_mode))
		px_doctor_check_mapping(doctor, device, st.st_rdev,
					luks ? px_luks_uuid(luks) : NULL);
}
