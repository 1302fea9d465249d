/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/members.h"

#include <errno.h>
#include <string.h>

size_t px_members_size(const char *name, const char *value)
{
	return strlen(name) + 1 + strlen(value) + 1;
}

int px_members_add(struct px_secret *members, const char *name, const char *value)
{
	int r;

	if (px_members_size(name, value) > px_secret_capacity(members) - px_secret_len(members))
		return -ENOSPC;
	r = px_secret_append(members, name, strlen(name) + 1);
	return r < 0 ? r : px_secret_append(members, value, strlen(value) + 1);
}

bool px_members_next(const struct px_secret *members, size_t *pos, const char **ret_name,
		     const char **ret_value)
{
	const char *name = (const char *)px_secret_bytes(members) + *pos;

	if (*pos >= px_secret_len(members))
		return false;
	*ret_name = name;
	*ret_value = name + strlen(name) + 1;
	*pos += px_members_size(*ret_name, *ret_value);
	return true;
}

const char *px_members_get(const struct px_secret *members, const char *name)
{
	const char *found, *value;
	size_t pos = 0;

	while (px_members_next(members, &pos, &found, &value))
		if (strcmp(found, name) == 0)
			return value;
	return NULL;
}

/* An even number of strings, each with its NUL. */
static bool are_pairs(const uint8_t *bytes, size_t len)
{
	size_t i, strings = 0;

	for (i = 0; i < len; i++)
		strings += bytes[i] == '\0';
	return strings % 2 == 0 && (!len || bytes[len - 1] == '\0');
}

int px_members_check(const struct px_secret *members)
{
	const char *name, *value;
	size_t pos = 0;

	if (!are_pairs(px_secret_bytes(members), px_secret_len(members)))
		return -EBADMSG;
	/* The first of a name is the one that is found. */
	while (px_members_next(members, &pos, &name, &value))
		if (!*name || px_members_get(members, name) != value)
			return -EBADMSG;
	return 0;
}
