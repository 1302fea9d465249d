/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "status.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pxenc/block.h"
#include "pxenc/cmd.h"
#include "pxenc/driver.h"
#include "pxenc/find.h"
#include "pxenc/log.h"
#include "pxenc/mapping.h"
#include "pxenc/mount.h"
#include "pxenc/strv.h"
#include "pxenc/unfinished.h"

struct rows {
	struct px_row *list;
	size_t count;
};

static void rows_cleanup(struct rows *rows)
{
	size_t i;

	for (i = 0; i < rows->count; i++) {
		free(rows->list[i].name);
		free(rows->list[i].device);
		px_dm_crypt_clear(&rows->list[i].crypt);
		free(rows->list[i].driver);
		px_strv_free(&rows->list[i].mounts);
	}
	free(rows->list);
}

/* A new, empty row at the end; NULL: out of memory. */
static struct px_row *add_row(struct rows *rows)
{
	struct px_row *grown = reallocarray(rows->list, rows->count + 1, sizeof(*grown));

	if (!grown)
		return NULL;
	rows->list = grown;
	memset(&grown[rows->count], 0, sizeof(*grown));
	return &grown[rows->count++];
}

static enum px_status look_at_mapping(const struct px_mapping *mapping, struct px_row *row)
{
	px_auto(free) char *source = NULL;

	row->name = strdup(mapping->name);
	if (!row->name || asprintf(&source, "/dev/mapper/%s", mapping->name) < 0)
		return px_nomem();
	if (mapping->slave_name) {
		row->device = px_block_path(mapping->slave_name);
		if (!row->device)
			return px_nomem();
	}
	row->suspended = mapping->suspended;
	row->readonly = mapping->readonly;
	row->gone = mapping->gone;
	/* Another disk may have that name by now. */
	row->has_header = row->device && !mapping->gone && px_peek(row->device, &row->header) == 0;
	row->has_crypt = px_dm_crypt(mapping->name, &row->crypt) == 0;
	if (row->has_crypt && px_driver_of(row->crypt.cipher, &row->driver) == -ENOMEM)
		return px_nomem();
	if (px_mount_targets(source, mapping->devno, &row->mounts) < 0)
		return px_nomem();
	return PX_OK;
}

/* A device that is not open still has a header to show. */
static enum px_status look_at_device(const char *device, struct px_row *row)
{
	int r = px_peek(device, &row->header);
	struct px_unfinished unfinished;
	bool marked = false;

	if (r == -ETIMEDOUT)
		return px_fail(PX_KERNEL, "%s does not answer within 2 seconds", device);
	/* The disk does answer, so it can be looked at here. */
	if (r < 0 && px_unfinished_look(device, &marked, &unfinished) == PX_OK && marked)
		return px_unfinished_refuse(device);
	if (r < 0)
		return px_fail(PX_NO_VOLUME, "%s is not open, and no LUKS volume that pxenc takes",
			       device);
	row->has_header = true;
	row->device = strdup(device);
	return row->device ? PX_OK : px_nomem();
}

static enum px_status find_one(const char *what, struct px_row *row)
{
	px_auto(mapping) struct px_mapping mapping = { 0 };
	int r = px_find_mapping(what, &mapping);

	if (r == 0)
		return look_at_mapping(&mapping, row);
	if (strchr(what, '/'))
		return look_at_device(what, row);
	return px_fail(PX_NO_VOLUME, "there is no mapping %s", what);
}

static enum px_status find_named(char *const *names, struct rows *rows)
{
	enum px_status st, worst = PX_OK;

	for (; *names; names++) {
		struct px_row *row = add_row(rows);

		if (!row)
			return px_nomem();
		st = find_one(*names, row);
		if (st) {
			worst = st;
			rows->count--;
		}
	}
	return worst;
}

static enum px_status look_at_all(const struct px_mapping *list, size_t count, struct rows *rows)
{
	enum px_status st = PX_OK;
	size_t i;

	for (i = 0; i < count && !st; i++) {
		struct px_row *row = add_row(rows);

		st = row ? look_at_mapping(&list[i], row) : px_nomem();
	}
	return st;
}

static enum px_status find_all(struct rows *rows)
{
	struct px_mapping *list = NULL;
	enum px_status st;
	size_t count = 0;
	int r;

	r = px_mapping_list(&list, &count);
	if (r < 0)
		return px_block_failed(r);
	st = look_at_all(list, count, rows);
	px_mapping_list_free(&list, count);
	return st;
}

static enum px_status status(char *const *names, bool json)
{
	px_cleanup(rows_cleanup) struct rows rows = { NULL, 0 };
	enum px_status st, shown;

	st = *names ? find_named(names, &rows) : find_all(&rows);
	shown = json ? px_rows_show_json(rows.list, rows.count)
		     : px_rows_show_table(rows.list, rows.count);
	return st ? st : shown;
}

enum px_status px_cmd_status(int argc, char **argv)
{
	static const struct option longs[] = { PX_COMMON_OPTIONS,
					       { "json", no_argument, NULL, 'j' },
					       { NULL, 0, NULL, 0 } };
	bool json = false;
	int c;

	while ((c = px_next_option("status", argc, argv, "", longs)) != -1) {
		if (c != 'j')
			return PX_USAGE;
		json = true;
	}
	return status(argv + optind, json);
}
