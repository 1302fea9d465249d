/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "header-store.h"
#include "pxenc/backup.h"
#include "pxenc/log.h"
#include "pxenc/printable.h"

/* Label and device are for people to read: a line each. */
static void describe(const struct px_luks *luks, const struct px_backup *backup,
		     struct px_manifest *manifest)
{
	char host[65] = "";

	if (gethostname(host, sizeof(host) - 1) < 0)
		host[0] = '\0';
	snprintf(manifest->uuid, sizeof(manifest->uuid), "%s", backup->names.uuid);
	snprintf(manifest->label, sizeof(manifest->label), "%s", backup->names.label);
	snprintf(manifest->from, sizeof(manifest->from), "%s:%s", host, px_luks_device(luks));
	px_make_printable(manifest->label);
	px_make_printable(manifest->from);
	manifest->generation = backup->generation;
	manifest->len = backup->len;
	manifest->parts = (unsigned int)((backup->len + PX_PART_MAX - 1) / PX_PART_MAX);
	manifest->device_size = px_luks_device_size(luks);
	manifest->time = (uint64_t)time(NULL);
}

/* old: the manifest of the backup that is there, NULL: none. */
static enum px_status put(struct px_session *session, const struct px_luks *luks,
			  const struct px_secret *key, const struct px_manifest *old)
{
	struct px_manifest manifest = { .set = old && old->set == 'a' ? 'b' : 'a' };
	px_auto(free) uint8_t *bytes = NULL;
	struct px_backup backup;
	enum px_status st;
	size_t len = 0;

	st = px_backup_take(luks, key, &bytes, &len);
	if (st)
		return st;
	if (px_backup_parse(bytes, len, &backup) < 0)
		return px_fail(PX_KERNEL, "%s: its backup is malformed", px_luks_device(luks));
	if (old && old->generation > backup.generation)
		px_warn("%s: the backup in the store was newer (generation %" PRIu64
			") than the header (%" PRIu64 "): an older header was put back, or a clone "
			"has the same uuid",
			px_luks_device(luks), old->generation, backup.generation);
	describe(luks, &backup, &manifest);
	return px_header_store(session, &manifest, old, bytes);
}

/*
 * A clone has the same uuid, and its backup the same paths. One that is whole, and whose HMAC is
 * not right under this volume's key, may be all that a clone with another volume key has.
 */
static enum px_status is_others(struct px_session *session, struct px_luks *luks,
				const struct px_secret *key, const struct px_manifest *old,
				bool *ret_others)
{
	px_auto(secret) struct px_secret *volume_key = NULL;
	px_auto(free) uint8_t *bytes = NULL;
	struct px_backup backup;
	enum px_status st;
	int r;

	*ret_others = false;
	if (old->parts == 0)
		return PX_OK;
	st = px_header_fetch(session, old, &bytes);
	/* It restores nothing. */
	if (st == PX_NO_SECRET || st == PX_BAD_HEADER)
		return PX_OK;
	if (st)
		return st;
	if (px_backup_parse(bytes, (size_t)old->len, &backup) < 0)
		return PX_OK;
	st = px_luks_open_named(luks, key, &volume_key);
	if (st)
		return st;
	r = px_backup_verify(&backup, volume_key);
	if (r < 0 && r != -EBADMSG)
		return px_fail(PX_KERNEL, "%s: the backup in the store cannot be verified: %s",
			       px_luks_device(luks), strerror(-r));
	*ret_others = r == -EBADMSG;
	return PX_OK;
}

/* The backup that lies in the store, and whether it is another volume's. PX_NO_SECRET, silently:
 * there is none. */
static enum px_status find_old(struct px_session *session, struct px_luks *luks,
			       const struct px_secret *key, struct px_manifest *ret_old,
			       bool *ret_others)
{
	enum px_status st;

	st = px_header_find(session, px_luks_uuid(luks), ret_old);
	return st ? st : is_others(session, luks, key, ret_old, ret_others);
}

#define OTHERS                                                                                     \
	"%s: the header backup in the store was not made with this volume's key: it is that of a " \
	"clone with the same uuid, or was changed. It stays. When nothing needs it: pxenc "        \
	"secrets "                                                                                 \
	"delete volumes/%s/header, then pxenc header backup %s"

/* The change of the header is done whatever lies there: so this only warns. */
static void warn_others(const struct px_luks *luks)
{
	px_warn(OTHERS, px_luks_device(luks), px_luks_uuid(luks), px_luks_device(luks));
}

static enum px_status keep(struct px_session *session, struct px_luks *luks,
			   const struct px_secret *key)
{
	struct px_manifest old;
	enum px_status st;
	bool others;

	st = find_old(session, luks, key, &old, &others);
	if (st == PX_NO_SECRET)
		return session->config->header_backup ? put(session, luks, key, NULL) : PX_OK;
	if (st)
		return st;
	if (!others)
		return put(session, luks, key, &old);
	warn_others(luks);
	return PX_OK;
}

/*
 * While the volume key is changed, the header before opens only what is not written anew yet:
 * restoring that would do more harm than having none.
 */
static enum px_status withdraw(struct px_session *session, struct px_luks *luks,
			       const struct px_secret *key)
{
	struct px_manifest old, none;
	enum px_status st;
	bool others;

	st = find_old(session, luks, key, &old, &others);
	if (st || old.parts == 0)
		return st == PX_NO_SECRET ? PX_OK : st;
	if (others) {
		warn_others(luks);
		return PX_OK;
	}
	none = old;
	none.parts = 0;
	none.len = 0;
	return px_header_store(session, &none, &old, NULL);
}

enum px_status px_header_keep(struct px_session *session, struct px_luks *luks,
			      const struct px_secret *key)
{
	const struct px_token *token = px_luks_token(luks);
	enum px_status st;

	if (px_luks_is_reencrypting(luks) || (token && token->reencrypt))
		st = withdraw(session, luks, key);
	else
		st = keep(session, luks, key);
	if (st)
		px_warn("%s: the header is written, its backup in the store is not: pxenc header "
			"backup %s",
			px_luks_device(luks), px_luks_device(luks));
	return st;
}

enum px_status px_header_put(struct px_session *session, struct px_luks *luks,
			     const struct px_secret *key)
{
	struct px_manifest old;
	enum px_status st;
	bool others;

	st = find_old(session, luks, key, &old, &others);
	if (st == PX_NO_SECRET)
		return put(session, luks, key, NULL);
	if (st)
		return st;
	if (others)
		return px_fail(PX_BAD_HEADER, OTHERS, px_luks_device(luks), px_luks_uuid(luks),
			       px_luks_device(luks));
	return put(session, luks, key, &old);
}
