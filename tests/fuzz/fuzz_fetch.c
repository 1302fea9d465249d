/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pxenc/dcos.h"
#include "pxenc/frame.h"
#include "pxenc/members.h"
#include "pxenc/s3.h"

/* What comes over the network, and what pxenc-fetch, taken over by it, could send its parent. */

static void take_answer(const char *text, size_t size)
{
	px_auto(secret) struct px_secret *value = NULL, *login = NULL, *list = NULL, *member = NULL;
	px_auto(secret) struct px_secret *members = NULL;
	char code[PX_S3_CODE_MAX];

	/* Whether they like it or not: they must only stand it. */
	if (px_dcos_parse_value(text, size, &value) < 0)
		px_dcos_error_says(text, size, "store not found");
	if (px_dcos_parse_login(text, size, &login) < 0 &&
	    px_dcos_parse_list(text, size, &list) < 0)
		px_jwt_expiry(text, size);
	px_s3_error_code(text, size, code);
	if (px_json_members(text, size, &members) == 0 && px_members_check(members) < 0)
		abort();
	if (px_dcos_parse_portworx(text, size, "base/name", &member) < 0)
		return;
}

/* Whatever bytes come as members, those that pass the check stand being read. */
static void take_members(const uint8_t *data, size_t size)
{
	px_auto(secret) struct px_secret *members = NULL;
	const char *name, *value;
	size_t pos = 0;

	if (!size || px_secret_from(data, size, &members) < 0 || px_members_check(members) < 0)
		return;
	while (px_members_next(members, &pos, &name, &value))
		if (px_members_get(members, name) != value)
			abort();
	if (pos != size)
		abort();
}

/* A value that we wrote as JSON must come back as it was. */
static void there_and_back(const char *text, size_t size)
{
	const struct px_json_pair pair = { "value", text, size };
	px_auto(secret) struct px_secret *json = NULL, *value = NULL;

	if (!size || !px_json_is_text(text, size) || px_json_object(&pair, 1, &json) < 0)
		return;
	if (px_dcos_parse_value((const char *)px_secret_bytes(json), px_secret_len(json), &value) <
		    0 ||
	    px_secret_len(value) != size || memcmp(px_secret_bytes(value), text, size) != 0)
		abort();
}

static void take_frame(const uint8_t *data, size_t size)
{
	enum px_frame_type type;
	struct px_field field;
	size_t len, pos = 0;
	uint32_t seq;

	if (size < PX_FRAME_HEADER || px_frame_parse_header(data, &type, &seq, &len) < 0)
		return;
	data += PX_FRAME_HEADER;
	size -= PX_FRAME_HEADER;
	while (px_field_next(data, size, &pos, &field) == 0) {
		px_auto(free) char *text = NULL;

		if (field.data < data || field.data + field.len > data + size)
			abort();
		if (px_field_text(&field, PX_TEXT_MAX, &text) == 0 && strlen(text) != field.len)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	px_auto(free) char *copy = malloc(size + 1);

	if (!copy)
		return 0;
	/* Of just this size, so that a byte read too many is seen. */
	memcpy(copy, data, size);
	take_answer(copy, size);
	there_and_back(copy, size);
	take_frame(data, size);
	take_members(data, size);
	return 0;
}
