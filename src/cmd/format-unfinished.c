/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "format-unfinished.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pxenc/log.h"
#include "pxenc/peek.h"
#include "pxenc/resolve.h"
#include "pxenc/seal.h"
#include "pxenc/unfinished.h"
#include "secret-use.h"

enum px_status px_format_forget(struct px_session *session, const char *path)
{
	px_auto(secret) struct px_secret *kept = NULL;
	enum px_status st;

	st = px_store_get(session->store, path, PX_GET_RAW | PX_GET_MAYBE, &kept);
	if (st == PX_NO_SECRET)
		return PX_OK;
	return st ? st : px_store_delete(session->store, path);
}

char *px_format_own_key(const char *device)
{
	struct px_peek peek;
	char own[80];

	if (px_peek(device, &peek) < 0 || !*peek.secret)
		return NULL;
	snprintf(own, sizeof(own), "volumes/%s/", peek.uuid);
	return strncmp(peek.secret, own, strlen(own)) == 0 ? strdup(peek.secret) : NULL;
}

/*
 * Whoever can write to the disk can mark it. The proof tells whether the key is the mark's; but a
 * mark can be an old one of a format that was completed since, perhaps on another disk.
 */
static enum px_status delete_if_proved(struct px_session *session, const char *device,
				       const char *path, const struct px_unfinished *unfinished,
				       const struct px_secret *kept)
{
	int r = px_seal_check_proof(unfinished->proof, unfinished->uuid, kept);
	bool stays = false;
	enum px_status st;

	if (r == 0) {
		st = px_secret_stays(session, NULL, path, device, &stays);
		return st || stays ? st : px_store_delete(session->store, path);
	}
	if (r != -EBADMSG)
		return px_fail(PX_KERNEL, "%s: its mark cannot be checked: %s", device,
			       strerror(-r));
	px_warn("%s is marked as an interrupted format that made the key at '%s', which it did "
		"not: the key is left alone",
		device, path);
	return PX_OK;
}

enum px_status px_format_clear(struct px_session *session, const char *device)
{
	px_auto(choice) struct px_choice choice = { 0 };
	px_auto(secret) struct px_secret *kept = NULL;
	struct px_unfinished unfinished;
	bool marked = false;
	enum px_status st;
	char path[64];

	st = px_unfinished_look(device, &marked, &unfinished);
	if (st || !marked || !*unfinished.proof)
		return st;
	snprintf(path, sizeof(path), "volumes/%s/1", unfinished.uuid);
	st = px_resolve_path(session->config, path, &choice);
	if (!st)
		st = px_store_get(session->store, choice.path, PX_GET_RAW | PX_GET_MAYBE, &kept);
	if (st)
		return st == PX_NO_SECRET ? PX_OK : st;
	return delete_if_proved(session, device, choice.path, &unfinished, kept);
}
