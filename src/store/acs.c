/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "acs-private.h"

#define LIFETIME_MAX (5 * 86400) /* DC/OS's own */

bool px_acs_is_token(const struct px_secret *token)
{
	const uint8_t *bytes = px_secret_bytes(token);
	size_t i, len = px_secret_len(token);

	for (i = 0; i < len; i++)
		if (bytes[i] <= ' ' || bytes[i] > '~')
			return false;
	return len > 0;
}

void px_acs_clear(struct px_acs *acs)
{
	px_secret_free(&acs->token);
	free(acs->uid);
	free(acs->base_path);
	*acs = (struct px_acs){ .token = NULL };
}

static int check_cluster(const struct px_acs_cache *cache, const struct px_frame *frame)
{
	struct px_field field;
	int r;

	r = px_frame_get(frame, PX_FIELD_CLUSTER, &field);
	if (r < 0)
		return r;
	return field.len == PX_ACS_DIGEST && memcmp(field.data, cache->cluster, PX_ACS_DIGEST) == 0
		       ? 0
		       : -EBADMSG;
}

static int parse_acs(const struct px_frame *frame, struct px_acs *acs)
{
	uint64_t expiry;
	int r;

	r = px_frame_get_secret(frame, PX_FIELD_ACS, PX_ACS_MAX, &acs->token);
	if (r == 0)
		r = px_frame_get_text(frame, PX_FIELD_UID, PX_UID_MAX, &acs->uid);
	if (r == 0)
		r = px_frame_get_number(frame, PX_FIELD_EXPIRY, &expiry);
	if (r == 0 && !px_acs_is_token(acs->token))
		r = -EBADMSG;
	if (r < 0)
		return r == -ENOENT ? -EBADMSG : r;
	acs->expiry = (int64_t)expiry;
	r = px_frame_get_text(frame, PX_FIELD_BASE, PX_TEXT_MAX * 2, &acs->base_path);
	return r == -ENOENT ? 0 : r;
}

int px_acs_load(const struct px_acs_cache *cache, const char *owner, struct px_acs *ret_acs)
{
	px_auto(frame) struct px_frame frame = { .payload = NULL };
	px_auto(acs) struct px_acs acs = { .token = NULL };
	struct px_acs_name name;
	int r;

	if (!cache)
		return -ENOENT;
	r = px_acs_name(cache, owner, ".acs", &name);
	if (r == 0)
		r = px_acs_read(cache, name.text, PX_FRAME_CACHED, &frame);
	if (r == 0)
		r = check_cluster(cache, &frame);
	if (r == 0)
		r = parse_acs(&frame, &acs);
	if (r < 0)
		return r;
	if (acs.expiry <= time(NULL) + PX_ACS_MARGIN)
		return -ENOENT;
	*ret_acs = acs;
	acs = (struct px_acs){ .token = NULL };
	return 0;
}

static uint64_t bounded_expiry(int64_t expiry)
{
	int64_t latest = time(NULL) + LIFETIME_MAX;

	return (uint64_t)(expiry > 0 && expiry < latest ? expiry : latest);
}

static int format_acs(const struct px_acs_cache *cache, const struct px_acs *acs,
		      struct px_frame *frame)
{
	size_t base_len = acs->base_path ? strlen(acs->base_path) : 0;
	int r;

	r = px_frame_new(PX_FRAME_CACHED, 0,
			 PX_FIELD_SIZE(PX_ACS_DIGEST) + PX_FIELD_SIZE(strlen(acs->uid)) +
				 PX_FIELD_SIZE(base_len) +
				 PX_FIELD_SIZE(px_secret_len(acs->token)) + PX_FIELD_NUMBER_SIZE,
			 frame);
	if (r == 0)
		r = px_frame_add(frame, PX_FIELD_CLUSTER, cache->cluster, PX_ACS_DIGEST);
	if (r == 0)
		r = px_frame_add_text(frame, PX_FIELD_UID, acs->uid);
	if (r == 0 && acs->base_path)
		r = px_frame_add_text(frame, PX_FIELD_BASE, acs->base_path);
	if (r == 0)
		r = px_frame_add_secret(frame, PX_FIELD_ACS, acs->token);
	if (r == 0)
		r = px_frame_add_number(frame, PX_FIELD_EXPIRY, bounded_expiry(acs->expiry));
	return r;
}

int px_acs_save(const struct px_acs_cache *cache, const char *owner, const struct px_acs *acs)
{
	px_auto(frame) struct px_frame frame = { .payload = NULL };
	struct px_acs_name name;
	int r;

	if (!cache)
		return 0;
	r = px_acs_name(cache, owner, ".acs", &name);
	if (r == 0)
		r = format_acs(cache, acs, &frame);
	return r < 0 ? r : px_acs_write(cache, name.text, &frame);
}

int px_acs_drop(const struct px_acs_cache *cache, const char *owner)
{
	return px_acs_remove(cache, owner, ".acs");
}

/* A damaged file goes too, whosever it is: it may hold a whole token, and is of no use. */
static bool is_ours(const struct px_acs_cache *cache, const char *name)
{
	px_auto(frame) struct px_frame frame = { .payload = NULL };
	const char *ending = strrchr(name, '.');
	int r;

	if (!ending || strcmp(ending, ".acs") != 0)
		return false;
	r = px_acs_read(cache, name, PX_FRAME_CACHED, &frame);
	return r == 0 ? check_cluster(cache, &frame) == 0 : r == -EBADMSG;
}

static void dir_cleanup(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

int px_acs_drop_all(const struct px_acs_cache *cache, bool *ret_any)
{
	px_cleanup(dir_cleanup) DIR *dir = NULL;
	const struct dirent *entry;
	bool any = false;
	int fd, r;

	if (!cache) {
		*ret_any = false;
		return 0;
	}
	/* Of its own: closedir closes it, and reading moves it. */
	fd = openat(cache->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		r = -errno;
		px_fd_cleanup(&fd);
		return r;
	}
	while ((entry = readdir(dir))) {
		if (!is_ours(cache, entry->d_name))
			continue;
		if (unlinkat(cache->dir, entry->d_name, 0) == 0)
			any = true;
		else if (errno != ENOENT) /* another one logs out as well */
			return -errno;
	}
	*ret_any = any;
	return 0;
}
