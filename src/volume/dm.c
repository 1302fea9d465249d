/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/dm.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "dm-private.h"

#define CONTROL "/dev/mapper/control"

#define SECTOR_SIZE_DEFAULT 512

/*
 * A table line may hold the volume key itself (LUKS1, or a kernel without keyrings), so it is
 * read where it lies and never copied; libdevmapper wipes it.
 */
struct field {
	const char *at;
	size_t len; /* 0: there was none */
};

static struct field next_field(const char **rest)
{
	struct field field;

	*rest += strspn(*rest, " ");
	field.at = *rest;
	field.len = strcspn(*rest, " ");
	*rest += field.len;
	return field;
}

static bool is_text(const struct field *field, const char *text)
{
	return field->len == strlen(text) && memcmp(field->at, text, field->len) == 0;
}

/* ":64:logon:cryptsetup:UUID-d0": the key's bytes, type and description in the keyring. */
static int parse_keyring(const struct field *key, struct px_dm_crypt *crypt)
{
	unsigned int bytes = 0;

	/* No volume key has more than the two 256-bit halves, a tweak and a MAC key. */
	if (sscanf(key->at, ":%4u:", &bytes) != 1 || bytes == 0 || bytes > 512)
		return -EINVAL;
	crypt->keyring = crypt->has_key = true;
	crypt->key_bits = bytes * 8;
	return 0;
}

static int parse_key(const struct field *key, struct px_dm_crypt *crypt)
{
	if (key->len == 0)
		return -EINVAL;
	if (key->at[0] == ':')
		return parse_keyring(key, crypt);
	if (is_text(key, "-")) /* no key at all: cipher_null */
		return 0;
	for (size_t i = 0; i < key->len; i++) {
		if (!isxdigit((unsigned char)key->at[i]))
			return -EINVAL;
		crypt->has_key = crypt->has_key || key->at[i] != '0';
	}
	crypt->key_bits = (unsigned int)key->len * 4;
	return 0;
}

static void parse_option(const struct field *option, struct px_dm_crypt *crypt)
{
	static const char sector_size[] = "sector_size:";

	if (is_text(option, "allow_discards"))
		crypt->discard = true;
	else if (strncmp(option->at, sector_size, sizeof(sector_size) - 1) == 0)
		(void)sscanf(option->at + sizeof(sector_size) - 1, "%u", &crypt->sector_size);
}

/* "2 allow_discards sector_size:4096", or nothing. */
static void parse_options(const char *rest, struct px_dm_crypt *crypt)
{
	struct field option = next_field(&rest);

	while (option.len > 0) {
		option = next_field(&rest);
		parse_option(&option, crypt);
	}
}

int px_dm_crypt_parse(const char *params, struct px_dm_crypt *ret_crypt)
{
	struct px_dm_crypt crypt = { .sector_size = SECTOR_SIZE_DEFAULT };
	struct field cipher = next_field(&params);
	struct field key = next_field(&params);
	int r = parse_key(&key, &crypt);

	if (r < 0)
		return r;
	/* The offset of the IVs, the device, and the offset of the data on it. */
	for (int i = 0; i < 3; i++)
		if (next_field(&params).len == 0)
			return -EINVAL;
	parse_options(params, &crypt);
	crypt.cipher = strndup(cipher.at, cipher.len);
	if (!crypt.cipher)
		return -ENOMEM;
	*ret_crypt = crypt;
	return 0;
}

/* The one target of a mapping's table. */
static int parse_table(struct dm_task *task, struct px_dm_crypt *ret_crypt)
{
	uint64_t start, length;
	char *type = NULL, *params = NULL;
	void *more = dm_get_next_target(task, NULL, &start, &length, &type, &params);

	if (more || !type || strcmp(type, "crypt") != 0 || !params)
		return -EINVAL;
	return px_dm_crypt_parse(params, ret_crypt);
}

static int read_task(struct dm_task *task, struct px_dm_crypt *ret_crypt)
{
	struct px_dm_crypt crypt;
	struct dm_info info;
	int r;

	if (!dm_task_get_info(task, &info))
		return -EIO;
	if (!info.exists)
		return -ENOENT;
	r = parse_table(task, &crypt);
	if (r < 0)
		return r;
	crypt.deferred = info.deferred_remove != 0;
	*ret_crypt = crypt;
	return 0;
}

int px_dm_run(struct dm_task *task)
{
	int error;

	if (dm_task_run(task))
		return 0;
	error = dm_task_get_errno(task);
	if (error == ENXIO)
		return -ENOENT;
	return error != 0 ? -error : -EIO;
}

static int query(const char *name, void *ret_crypt)
{
	struct dm_task *task = dm_task_create(DM_DEVICE_TABLE);
	int r;

	if (!task)
		return -ENOMEM;
	r = dm_task_set_name(task, name) && dm_task_secure_data(task) ? px_dm_run(task) : -EINVAL;
	if (r == 0)
		r = read_task(task, ret_crypt);
	dm_task_destroy(task);
	return r;
}

static void say_nothing(int level, const char *file, int line, int dm_errno, const char *format,
			...)
{
	(void)level;
	(void)file;
	(void)line;
	(void)dm_errno;
	(void)format;
}

int px_dm_quietly(int (*work)(const char *name, void *arg), const char *name, void *arg)
{
	/* While libcryptsetup is in use, it listens to libdevmapper itself. */
	bool silence = !dm_log_is_non_default();
	int r;

	/* Without it libdevmapper would try to make the node and load the module. */
	if (access(CONTROL, R_OK | W_OK) < 0)
		return -errno;
	if (silence)
		dm_log_with_errno_init(say_nothing);
	r = work(name, arg);
	if (silence)
		dm_log_with_errno_init(NULL);
	return r;
}

int px_dm_crypt(const char *name, struct px_dm_crypt *ret_crypt)
{
	return px_dm_quietly(query, name, ret_crypt);
}

void px_dm_crypt_clear(struct px_dm_crypt *crypt)
{
	free(crypt->cipher);
	*crypt = (struct px_dm_crypt){ .cipher = NULL };
}
