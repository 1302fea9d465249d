/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "header-store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pxenc/log.h"

static enum px_status manifest_path(struct px_session *session, const char *uuid, char **ret_path)
{
	char path[64];

	snprintf(path, sizeof(path), "volumes/%s/header", uuid);
	return px_session_path(session, path, ret_path);
}

static enum px_status part_path(struct px_session *session, const char *uuid, char set,
				unsigned int part, char **ret_path)
{
	char path[80];

	snprintf(path, sizeof(path), "volumes/%s/header-%c-%u", uuid, set, part);
	return px_session_path(session, path, ret_path);
}

enum px_status px_header_find(struct px_session *session, const char *uuid,
			      struct px_manifest *ret_manifest)
{
	px_auto(secret) struct px_secret *text = NULL;
	px_auto(free) char *path = NULL;
	struct px_manifest manifest;
	enum px_status st;

	st = manifest_path(session, uuid, &path);
	if (!st)
		st = px_store_get(session->store, path, PX_GET_RAW | PX_GET_MAYBE, &text);
	if (st)
		return st;
	if (px_manifest_parse(px_secret_bytes(text), px_secret_len(text), &manifest) < 0)
		return px_fail(PX_BAD_HEADER,
			       "'%s' is no manifest of a header backup: delete it, and take a new "
			       "one with pxenc header backup",
			       path);
	if (strcmp(manifest.uuid, uuid) != 0)
		return px_fail(PX_BAD_HEADER, "the header backup at '%s' is another volume's (%s)",
			       path, manifest.uuid);
	*ret_manifest = manifest;
	return PX_OK;
}

/* Creates a secret, or replaces what is there, and reads it back: a store that says yes and keeps
 * nothing would be noticed when the header is lost. */
static enum px_status write_secret(struct px_session *session, const char *path, const void *data,
				   size_t len)
{
	px_auto(secret) struct px_secret *value = NULL, *there = NULL, *kept = NULL;
	enum px_status st;

	if (px_secret_from(data, len, &value) < 0)
		return px_nomem();
	st = px_store_get(session->store, path, PX_GET_RAW | PX_GET_MAYBE, &there);
	if (st == PX_NO_SECRET)
		st = px_store_create(session->store, path, value);
	else if (st == PX_OK)
		st = px_store_update(session->store, path, value);
	if (!st)
		st = px_store_get(session->store, path, PX_GET_RAW, &kept);
	if (st)
		return st;
	if (!px_secret_equal(kept, value))
		return px_fail(PX_UNTRUSTED, "the store does not give back what was put at '%s'",
			       path);
	return PX_OK;
}

/* Where a part lies in the backup. */
static size_t part_len(const struct px_manifest *manifest, unsigned int part)
{
	size_t before = (part - 1) * PX_PART_MAX, left = (size_t)manifest->len - before;

	return left < PX_PART_MAX ? left : PX_PART_MAX;
}

static enum px_status write_parts(struct px_session *session, const struct px_manifest *manifest,
				  const uint8_t *bytes)
{
	enum px_status st = PX_OK;

	for (unsigned int part = 1; !st && part <= manifest->parts; part++) {
		px_auto(free) char *path = NULL;

		st = part_path(session, manifest->uuid, manifest->set, part, &path);
		if (!st)
			st = write_secret(session, path, bytes + (part - 1) * PX_PART_MAX,
					  part_len(manifest, part));
	}
	return st;
}

static enum px_status drop_parts(struct px_session *session, const char *uuid, char set,
				 unsigned int parts)
{
	enum px_status st = PX_OK;

	for (; !st && parts > 0; parts--) {
		px_auto(free) char *path = NULL;

		st = part_path(session, uuid, set, parts, &path);
		if (!st)
			st = px_store_drop(session->store, path);
	}
	return st;
}

static enum px_status write_manifest(struct px_session *session, const struct px_manifest *manifest)
{
	px_auto(free) char *text = px_manifest_format(manifest);
	px_auto(free) char *path = NULL;
	enum px_status st;

	if (!text)
		return px_nomem();
	st = manifest_path(session, manifest->uuid, &path);
	return st ? st : write_secret(session, path, text, strlen(text));
}

enum px_status px_header_store(struct px_session *session, const struct px_manifest *manifest,
			       const struct px_manifest *old, const uint8_t *bytes)
{
	enum px_status st;

	st = write_parts(session, manifest, bytes);
	if (!st)
		st = write_manifest(session, manifest);
	if (!st && old)
		st = drop_parts(session, old->uuid, old->set, old->parts);
	return st;
}

static enum px_status fetch_part(struct px_session *session, const struct px_manifest *manifest,
				 unsigned int part, uint8_t *to)
{
	px_auto(secret) struct px_secret *value = NULL;
	px_auto(free) char *path = NULL;
	enum px_status st;

	st = part_path(session, manifest->uuid, manifest->set, part, &path);
	if (!st)
		st = px_store_get(session->store, path, PX_GET_RAW, &value);
	if (st)
		return st;
	if (px_secret_len(value) != part_len(manifest, part))
		return px_fail(PX_BAD_HEADER,
			       "part %u of the header backup, '%s', has another length than its "
			       "manifest says",
			       part, path);
	memcpy(to, px_secret_bytes(value), px_secret_len(value));
	return PX_OK;
}

enum px_status px_header_fetch(struct px_session *session, const struct px_manifest *manifest,
			       uint8_t **ret_bytes)
{
	px_auto(free) uint8_t *bytes = malloc((size_t)manifest->len);
	enum px_status st = PX_OK;

	if (!bytes)
		return px_nomem();
	for (unsigned int part = 1; !st && part <= manifest->parts; part++)
		st = fetch_part(session, manifest, part, bytes + (part - 1) * PX_PART_MAX);
	if (!st)
		*ret_bytes = px_steal(&bytes);
	return st;
}

enum px_status px_header_drop(struct px_session *session, const char *uuid)
{
	px_auto(free) char *path = NULL;
	enum px_status st;

	/* The manifest first: it must not name parts that are gone. */
	st = manifest_path(session, uuid, &path);
	if (!st)
		st = px_store_drop(session->store, path);
	/* Parts that no manifest names are left by a crash: so all that there can be. */
	if (!st)
		st = drop_parts(session, uuid, 'a', PX_PARTS_MAX);
	return st ? st : drop_parts(session, uuid, 'b', PX_PARTS_MAX);
}
