/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "credentials.h"
#include "pxenc/cmd.h"
#include "pxenc/log.h"
#include "pxenc/strv.h"
#include "show-json.h"
#include "table.h"

enum { COLUMNS = 7 };

static const char *const headings[COLUMNS] = { "NAME",	   "PROVIDER", "ACCOUNT",  "REGION",
					       "ENDPOINT", "BUCKET",   "ENCRYPTED" };

static int add_row(struct px_table *table, const char *name, const struct px_secret *members)
{
	const char *cells[COLUMNS] = {
		name,
		px_cloud_get(members, PX_CLOUD_PROVIDER),
		px_cloud_account(members),
		px_cloud_get(members, PX_CLOUD_S3_REGION),
		px_cloud_get(members, PX_CLOUD_S3_ENDPOINT),
		px_cloud_get(members, PX_CLOUD_BUCKET),
		px_cloud_get(members, PX_CLOUD_ENCRYPTION_PASSPHRASE) ? "yes" : "no",
	};

	return px_table_add(table, cells);
}

/* All but secrets; flags are there if they are set. What cJSON copies here is shown anyway. */
static int add_object(cJSON *array, const char *name, const struct px_secret *members)
{
	cJSON *object = cJSON_CreateObject();
	enum px_cloud_field field;
	bool fine = cJSON_AddItemToArray(array, object) &&
		    cJSON_AddStringToObject(object, "name", name);

	for (field = 0; field < PX_CLOUD_FIELDS && fine; field++) {
		const char *value = px_cloud_get(members, field);

		if (!value || px_cloud_is_secret(field))
			continue;
		if (px_cloud_is_flag(field))
			fine = cJSON_AddTrueToObject(object, px_cloud_name(field));
		else
			fine = cJSON_AddStringToObject(object, px_cloud_name(field), value);
	}
	return fine && cJSON_AddBoolToObject(
			       object, "encrypted",
			       px_cloud_get(members, PX_CLOUD_ENCRYPTION_PASSPHRASE) != NULL)
		       ? 0
		       : -1;
}

/* What is collected: one of the two. */
struct shown {
	struct px_table table;
	cJSON *array; /* NULL: a table */
};

static void shown_cleanup(struct shown *shown)
{
	px_table_clear(&shown->table);
	cJSON_Delete(shown->array);
}

/* Credentials that cannot be read do not hide the others. */
static enum px_status look_at(struct px_session *session, const char *name, struct shown *shown)
{
	px_auto(secret) struct px_secret *members = NULL;
	enum px_status st;
	int r;

	st = px_credentials_load(session, name, &members);
	if (st)
		return st;
	r = shown->array ? add_object(shown->array, name, members)
			 : add_row(&shown->table, name, members);
	return r < 0 ? px_nomem() : PX_OK;
}

static enum px_status look_at_all(struct px_session *session, char *const *names,
				  struct shown *shown)
{
	enum px_status st = PX_OK, one;

	for (; names && *names; names++) {
		/* Not of our making: a name has one component. */
		if (strchr(*names, '/'))
			continue;
		one = look_at(session, *names, shown);
		if (one == PX_NOMEM || one == PX_UNREACHABLE)
			return one;
		st = st ? st : one;
	}
	return st;
}

static enum px_status list(bool json)
{
	px_cleanup(shown_cleanup) struct shown shown = { .table.columns = COLUMNS };
	px_auto(session) struct px_session session = { 0 };
	px_auto(strv) char **names = NULL;
	px_auto(free) char *folder = NULL;
	enum px_status st, printed = PX_OK;

	shown.array = json ? cJSON_CreateArray() : NULL;
	if (json ? !shown.array : px_table_add(&shown.table, headings) < 0)
		return px_nomem();
	st = px_session_open(&session);
	if (!st)
		st = px_session_path(&session, PX_CLOUD_FOLDER, &folder);
	if (!st)
		st = px_store_list(session.store, folder, &names);
	if (st)
		return st;
	st = look_at_all(&session, names, &shown);
	if (json)
		printed = px_show_json(shown.array);
	else
		px_table_print(&shown.table);
	return st ? st : printed;
}

enum px_status px_cmd_credentials_list(int argc, char **argv)
{
	static const struct option longs[] = { PX_COMMON_OPTIONS,
					       { "json", no_argument, NULL, 'j' },
					       { NULL, 0, NULL, 0 } };
	bool json = false;
	int c;

	while ((c = px_next_option("credentials list", argc, argv, "", longs)) != -1) {
		if (c != 'j')
			return PX_USAGE;
		json = true;
	}
	return argc == optind ? list(json) : px_usage("credentials list");
}
