/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "status.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>

#include "pxenc/log.h"
#include "pxenc/strv.h"
#include "show-json.h"
#include "table.h"

static const char *state_of(const struct px_row *row)
{
	if (!row->name)
		return "closed";
	if (row->gone)
		return "gone";
	if (row->suspended)
		return "suspended";
	if (row->has_crypt && row->crypt.deferred)
		return "deferred";
	return "open";
}

static const char *cipher_of(const struct px_row *row)
{
	if (row->has_crypt)
		return row->crypt.cipher;
	return row->has_header ? row->header.cipher : NULL;
}

static unsigned int bits_of(const struct px_row *row)
{
	if (row->has_crypt)
		return row->crypt.key_bits;
	return row->has_header ? row->header.key_bits : 0;
}

static const char *secret_of(const struct px_row *row)
{
	return row->has_header && *row->header.secret ? row->header.secret : NULL;
}

static const char *or_dash(const char *text)
{
	return text ? text : "-";
}

enum { COLUMNS = 7 };

static int describe(const struct px_row *row, struct px_table *table)
{
	px_auto(free) char *mounts = px_strv_join(row->mounts, ", ");
	char cipher[96];

	if (!mounts)
		return -ENOMEM;
	snprintf(cipher, sizeof(cipher), "%s/%u", or_dash(cipher_of(row)), bits_of(row));
	return px_table_add(table, (const char *const[COLUMNS]){
					   row->name, row->device, state_of(row), cipher,
					   row->driver, secret_of(row), *mounts ? mounts : NULL });
}

enum px_status px_rows_show_table(const struct px_row *rows, size_t count)
{
	static const char *const headings[COLUMNS] = { "NAME",	      "DEVICE", "STATE",
						       "CIPHER/BITS", "DRIVER", "SECRET",
						       "MOUNTED ON" };
	px_auto(table) struct px_table table = { .columns = COLUMNS };
	size_t i;
	int r = px_table_add(&table, headings);

	for (i = 0; i < count && r == 0; i++)
		r = describe(&rows[i], &table);
	if (r < 0)
		return px_nomem();
	px_table_print(&table);
	return PX_OK;
}

static void add_text(cJSON *object, const char *name, const char *text)
{
	if (text)
		cJSON_AddStringToObject(object, name, text);
	else
		cJSON_AddNullToObject(object, name);
}

static cJSON *row_to_json(const struct px_row *row)
{
	cJSON *object = cJSON_CreateObject(), *mounts;
	char *const *mount;

	add_text(object, "name", row->name);
	add_text(object, "device", row->device);
	add_text(object, "uuid", row->has_header ? row->header.uuid : NULL);
	add_text(object, "state", state_of(row));
	add_text(object, "cipher", cipher_of(row));
	cJSON_AddNumberToObject(object, "key_bits", bits_of(row));
	add_text(object, "driver", row->driver);
	add_text(object, "secret", secret_of(row));
	cJSON_AddBoolToObject(object, "readonly", row->readonly);
	if (row->has_crypt) {
		cJSON_AddBoolToObject(object, "key_in_keyring", row->crypt.keyring);
		cJSON_AddBoolToObject(object, "discard", row->crypt.discard);
		cJSON_AddNumberToObject(object, "sector_size", row->crypt.sector_size);
	}
	mounts = cJSON_AddArrayToObject(object, "mounts");
	for (mount = row->mounts; mount && *mount; mount++)
		cJSON_AddItemToArray(mounts, cJSON_CreateString(*mount));
	return object;
}

enum px_status px_rows_show_json(const struct px_row *rows, size_t count)
{
	cJSON *array = cJSON_CreateArray();
	enum px_status st;
	size_t i;

	for (i = 0; i < count && array; i++)
		cJSON_AddItemToArray(array, row_to_json(&rows[i]));
	st = px_show_json(array);
	cJSON_Delete(array);
	return st;
}
