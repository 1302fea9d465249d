/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "pxenc/cmd.h"
#include "pxenc/dm.h"
#include "pxenc/driver.h"
#include "pxenc/log.h"
#include "pxenc/mapping.h"
#include "pxenc/mount.h"
#include "pxenc/peek.h"
#include "pxenc/strv.h"

/* One line of the answer: an open volume, or a closed one that was asked for. */
struct row {
	char *name;   /* of the mapping; NULL: closed */
	char *device; /* below */
	struct px_peek header;
	bool has_header;
	struct px_dm_crypt crypt;
	bool has_crypt;
	char *driver;
	char **mounts;
	bool suspended, readonly;
};

static void row_cleanup(struct row *row)
{
	free(row->name);
	free(row->device);
	px_dm_crypt_clear(&row->crypt);
	free(row->driver);
	px_strv_free(&row->mounts);
}

#define auto_row __attribute__((cleanup(row_cleanup))) struct row

static const char *state_of(const struct row *row)
{
	if (!row->name)
		return "closed";
	if (row->suspended)
		return "suspended";
	if (row->has_crypt && row->crypt.deferred)
		return "deferred";
	return "open";
}

static const char *cipher_of(const struct row *row)
{
	if (row->has_crypt)
		return row->crypt.cipher;
	return row->has_header ? row->header.cipher : NULL;
}

static unsigned int bits_of(const struct row *row)
{
	if (row->has_crypt)
		return row->crypt.key_bits;
	return row->has_header ? row->header.key_bits : 0;
}

static const char *secret_of(const struct row *row)
{
	return row->has_header && *row->header.secret ? row->header.secret : NULL;
}

static const char *or_dash(const char *text)
{
	return text ? text : "-";
}

static void print_row(const struct row *row)
{
	px_auto(free) char *cipher = NULL;

	if (cipher_of(row) && asprintf(&cipher, "%s/%u", cipher_of(row), bits_of(row)) < 0)
		cipher = NULL;
	printf("%-42s %-14s %-9s %-20s %-16s %-30s %s\n", or_dash(row->name), or_dash(row->device),
	       state_of(row), or_dash(cipher), or_dash(row->driver), or_dash(secret_of(row)),
	       row->mounts ? row->mounts[0] : "-");
	for (size_t i = 1; i < px_strv_len(row->mounts); i++)
		printf("%136s %s\n", "", row->mounts[i]);
}

static void add_text(cJSON *object, const char *name, const char *text)
{
	if (text)
		cJSON_AddStringToObject(object, name, text);
	else
		cJSON_AddNullToObject(object, name);
}

static cJSON *row_to_json(const struct row *row)
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

static enum px_status look_at_mapping(const struct px_mapping *mapping, struct row *row)
{
	px_auto(free) char *source = NULL;

	row->name = strdup(mapping->name);
	if (!row->name || asprintf(&source, "/dev/mapper/%s", mapping->name) < 0)
		return px_nomem();
	if (mapping->slave_name && asprintf(&row->device, "/dev/%s", mapping->slave_name) < 0)
		return px_nomem();
	row->suspended = mapping->suspended;
	row->readonly = mapping->readonly;
	row->has_header = row->device && px_peek(row->device, &row->header) == 0;
	row->has_crypt = px_dm_crypt(mapping->name, &row->crypt) == 0;
	if (cipher_of(row) && px_driver_of(cipher_of(row), &row->driver) == -ENOMEM)
		return px_nomem();
	if (px_mount_targets(source, mapping->devno, &row->mounts) < 0)
		return px_nomem();
	return PX_OK;
}

/* A device that is not open still has a header to show. */
static enum px_status look_at_device(const char *device, struct row *row)
{
	int r = px_peek(device, &row->header);

	if (r == -ETIMEDOUT)
		return px_fail(PX_KERNEL, "%s does not answer within 2 seconds", device);
	if (r < 0)
		return px_fail(PX_NO_VOLUME, "%s is not open, and no LUKS volume that pxenc takes",
			       device);
	row->has_header = true;
	row->device = strdup(device);
	return row->device ? PX_OK : px_nomem();
}

static enum px_status find_one(const char *what, struct row *row)
{
	px_auto(mapping) struct px_mapping mapping = { 0 };
	struct stat st;
	int r;

	if (strncmp(what, "/dev/mapper/", strlen("/dev/mapper/")) == 0)
		what += strlen("/dev/mapper/");
	if (!strchr(what, '/'))
		r = px_mapping_by_name(what, &mapping);
	else if (stat(what, &st) == 0 && S_ISBLK(st.st_mode))
		r = px_mapping_by_slave(st.st_rdev, &mapping);
	else
		r = -ENOENT;
	if (r == 0)
		return look_at_mapping(&mapping, row);
	if (r == -ENOENT && strchr(what, '/'))
		return look_at_device(what, row);
	return px_fail(PX_NO_VOLUME, "there is no mapping %s", what);
}

/* Prints a row now, or adds it to the array. */
static void show(const struct row *row, cJSON *array)
{
	if (array)
		cJSON_AddItemToArray(array, row_to_json(row));
	else
		print_row(row);
}

static enum px_status show_named(char *const *names, cJSON *array)
{
	enum px_status st, worst = PX_OK;

	for (; *names; names++) {
		auto_row row = { 0 };

		st = find_one(*names, &row);
		if (st)
			worst = st;
		else
			show(&row, array);
	}
	return worst;
}

static enum px_status show_all(cJSON *array)
{
	struct px_mapping *list = NULL;
	enum px_status st = PX_OK;
	size_t i, count = 0;
	int r;

	r = px_mapping_list(&list, &count);
	if (r < 0)
		return px_fail(PX_KERNEL, "cannot look for mappings in /sys: %s", strerror(-r));
	for (i = 0; i < count && !st; i++) {
		auto_row row = { 0 };

		st = look_at_mapping(&list[i], &row);
		if (!st)
			show(&row, array);
	}
	px_mapping_list_free(&list, count);
	return st;
}

static enum px_status print_json(cJSON *array)
{
	px_auto(free) char *text = cJSON_Print(array);

	if (!text)
		return px_nomem();
	puts(text);
	return PX_OK;
}

static enum px_status status(char *const *names, bool json)
{
	cJSON *array = json ? cJSON_CreateArray() : NULL;
	enum px_status st, printed = PX_OK;

	if (json && !array)
		return px_nomem();
	if (!json)
		printf("%-42s %-14s %-9s %-20s %-16s %-30s %s\n", "NAME", "DEVICE", "STATE",
		       "CIPHER/BITS", "DRIVER", "SECRET", "MOUNTED ON");
	st = *names ? show_named(names, array) : show_all(array);
	if (json)
		printed = print_json(array);
	cJSON_Delete(array);
	return st ? st : printed;
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
