/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/unfinished.h"

#include <stdio.h>
#include <string.h>

#include "luks-private.h"
#include "pxenc/log.h"

static const char head[] = "pxenc: a format of this device was interrupted. Run pxenc format again."
			   "\n";

void px_unfinished_format(const struct px_unfinished *unfinished,
			  unsigned char ret_sector[PX_UNFINISHED_SIZE])
{
	memset(ret_sector, 0, PX_UNFINISHED_SIZE);
	snprintf((char *)ret_sector, PX_UNFINISHED_SIZE, "%suuid=%s\nproof=%s\n", head,
		 unfinished->uuid, unfinished->proof);
}

/* Copies "NAME=VALUE\n", and moves *text behind it. */
static bool take(const char **text, const char *name, char *ret_value, size_t size)
{
	size_t name_len = strlen(name), len;

	if (strncmp(*text, name, name_len) != 0)
		return false;
	*text += name_len;
	len = strcspn(*text, "\n");
	if (len >= size || (*text)[len] != '\n')
		return false;
	memcpy(ret_value, *text, len);
	ret_value[len] = '\0';
	*text += len + 1;
	return true;
}

bool px_unfinished_parse(const unsigned char sector[PX_UNFINISHED_SIZE],
			 struct px_unfinished *ret_unfinished)
{
	struct px_unfinished found = { .uuid = "", .proof = "" };
	char copy[PX_UNFINISHED_SIZE + 1];
	const char *text = copy + strlen(head);

	memcpy(copy, sector, PX_UNFINISHED_SIZE);
	copy[PX_UNFINISHED_SIZE] = '\0';
	if (strncmp(copy, head, strlen(head)) != 0)
		return false;
	/* Written by pxenc, or by whoever would like us to ask the store for some path. */
	if (!take(&text, "uuid=", found.uuid, sizeof(found.uuid)) || !px_luks_is_uuid(found.uuid) ||
	    !take(&text, "proof=", found.proof, sizeof(found.proof)))
		found = (struct px_unfinished){ .uuid = "", .proof = "" };
	*ret_unfinished = found;
	return true;
}

enum px_status px_unfinished_look(const char *device, bool *ret_marked,
				  struct px_unfinished *ret_unfinished)
{
	struct px_luks_start start;
	enum px_status status = px_luks_look_at(device, &start);

	if (status == PX_OK)
		*ret_marked = px_unfinished_parse(start.bytes, ret_unfinished);
	return status;
}

enum px_status px_unfinished_refuse(const char *device)
{
	return px_fail(PX_NO_VOLUME,
		       "%s is no volume yet: a format of it was interrupted: run pxenc format "
		       "again",
		       device);
}
