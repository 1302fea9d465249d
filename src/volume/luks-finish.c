/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "backup.h"
#include "header-finish.h"
#include "luks-private.h"
#include "luks2.h"
#include "pxenc/backup.h"
#include "pxenc/log.h"

/* A reencryption whose process was killed between its last data and the end of its header. */

static enum px_status not_finished(const struct px_luks *luks, int r)
{
	if (r == -ENOMEM)
		return px_nomem();
	return px_fail(PX_KERNEL, "%s: the end of its reencryption cannot be made up for: %s",
		       luks->device, strerror(-r));
}

/* The finished header as a backup has it, which this file can load and write. */
static enum px_status build(const struct px_luks *luks, int fd, const char *json,
			    uint8_t **ret_bytes, struct px_backup *ret_backup)
{
	px_auto(header) struct px_header *header = NULL;
	px_auto(free) char *unused = NULL;
	struct px_luks2 luks2 = { .size = 0 };
	enum px_status status;
	size_t len = 0;
	int r = px_luks2_read(fd, &luks2, &unused);

	if (r < 0)
		return not_finished(luks, r);
	status = px_header_check(json, strlen(json), luks->device_size, luks->device, &header);
	if (status != PX_OK)
		return status;
	*ret_backup = (struct px_backup){ .generation = luks2.seqid + 1,
					  .names = luks2.names,
					  .json = json,
					  .json_len = strlen(json),
					  .areas_len = px_header_areas_size(header) };
	r = px_backup_build(ret_backup, ret_bytes, &len);
	if (r == 0)
		r = px_header_read_areas(fd, header,
					 *ret_bytes + PX_BACKUP_HEAD + ret_backup->json_len);
	if (r == 0)
		r = px_backup_parse(*ret_bytes, len, ret_backup);
	return r < 0 ? not_finished(luks, r) : PX_OK;
}

/* The loaded volume becomes the finished one, whose JSON is *end (taken over). */
static enum px_status finish(struct px_luks **luks, char **end)
{
	px_auto(fd) int fd = open((*luks)->device, O_RDONLY | O_CLOEXEC);
	px_auto(luks) struct px_luks *finished = NULL;
	px_auto(free) uint8_t *bytes = NULL;
	struct px_backup backup;
	enum px_status status;
	int r;

	if (fd < 0)
		return not_finished(*luks, -errno);
	status = build(*luks, fd, *end, &bytes, &backup);
	if (status == PX_OK)
		status = px_backup_load(&backup, (*luks)->device_size, (*luks)->device, &finished);
	if (status != PX_OK)
		return status;
	px_luks_listen();
	r = crypt_set_data_device(finished->cd, (*luks)->device);
	if (r < 0)
		return px_luks_failed((*luks)->device, "cannot be used with its header's end", r);
	finished->end = px_steal(end);
	px_luks_free(luks);
	*luks = px_steal(&finished);
	return PX_OK;
}

enum px_status px_luks_make_up(struct px_luks **luks)
{
	px_auto(free) char *end = NULL;
	const char *json = NULL;
	enum px_status status;
	int r;

	if (!(*luks)->header->reencrypting)
		return PX_OK;
	status = px_luks_json(*luks, &json);
	if (status != PX_OK)
		return status;
	r = px_header_finish(json, strlen(json), &end);
	if (r == -ENOENT)
		return PX_OK;
	return r < 0 ? not_finished(*luks, r) : finish(luks, &end);
}

bool px_luks_lacks_end(const struct px_luks *luks)
{
	return luks->end != NULL;
}

enum px_status px_luks_write_end(struct px_luks *luks)
{
	px_auto(fd) int fd = open(luks->device, O_RDWR | O_CLOEXEC);
	px_auto(free) uint8_t *bytes = NULL;
	struct px_backup backup;
	enum px_status status;

	if (fd < 0)
		return not_finished(luks, -errno);
	status = build(luks, fd, luks->end, &bytes, &backup);
	return status == PX_OK ? px_backup_write(&backup, luks, fd, luks->device) : status;
}
