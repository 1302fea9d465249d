/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/frame.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

static const uint8_t magic[4] = { 'p', 'x', 'F', '1' };

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t get32(const uint8_t *p)
{
	uint32_t number;

	memcpy(&number, p, sizeof(number));
	return le32toh(number);
}

int px_frame_parse_header(const uint8_t *bytes, enum px_frame_type *ret_type, uint32_t *ret_seq,
			  size_t *ret_len)
{
	if (memcmp(bytes, magic, sizeof(magic)) != 0 || get16(bytes + 6) != 0 ||
	    get32(bytes + 12) > PX_FRAME_MAX)
		return -EBADMSG;
	*ret_type = get16(bytes + 4);
	*ret_seq = get32(bytes + 8);
	*ret_len = get32(bytes + 12);
	return 0;
}

int px_field_next(const uint8_t *payload, size_t len, size_t *pos, struct px_field *ret_field)
{
	uint32_t size;

	if (*pos == len)
		return -ENODATA;
	if (len - *pos < PX_FIELD_HEADER)
		return -EBADMSG;
	size = get32(payload + *pos + 2);
	if (size > len - *pos - PX_FIELD_HEADER)
		return -EBADMSG;
	ret_field->tag = get16(payload + *pos);
	ret_field->data = payload + *pos + PX_FIELD_HEADER;
	ret_field->len = size;
	*pos += PX_FIELD_HEADER + size;
	return 0;
}

int px_fields_check(const uint8_t *payload, size_t len)
{
	struct px_field field;
	size_t pos = 0;
	int r;

	while ((r = px_field_next(payload, len, &pos, &field)) == 0)
		if (field.tag < 1 || field.tag > PX_FIELD_LAST)
			return -EBADMSG;
	return r == -ENODATA ? 0 : r;
}

int px_frame_get(const struct px_frame *frame, enum px_field_tag tag, struct px_field *ret_field)
{
	struct px_field field, found = { .data = NULL };
	size_t pos = 0;
	int r;

	while ((r = px_field_next(px_secret_bytes(frame->payload), px_secret_len(frame->payload),
				  &pos, &field)) == 0) {
		if (field.tag != tag)
			continue;
		if (found.data)
			return -EBADMSG;
		found = field;
	}
	if (r != -ENODATA)
		return r;
	if (!found.data)
		return -ENOENT;
	*ret_field = found;
	return 0;
}

int px_frame_get_number(const struct px_frame *frame, enum px_field_tag tag, uint64_t *ret_number)
{
	struct px_field field;
	uint64_t number;
	int r;

	r = px_frame_get(frame, tag, &field);
	if (r < 0)
		return r;
	if (field.len != sizeof(number))
		return -EBADMSG;
	memcpy(&number, field.data, sizeof(number));
	*ret_number = le64toh(number);
	return 0;
}

int px_field_text(const struct px_field *field, size_t max, char **ret_text)
{
	char *text;
	size_t i;

	if (field->len > max)
		return -EBADMSG;
	for (i = 0; i < field->len; i++)
		if (field->data[i] < 0x20 || field->data[i] == 0x7f)
			return -EBADMSG;
	text = strndup((const char *)field->data, field->len);
	if (!text)
		return -ENOMEM;
	*ret_text = text;
	return 0;
}

int px_frame_get_text(const struct px_frame *frame, enum px_field_tag tag, size_t max,
		      char **ret_text)
{
	struct px_field field;
	int r;

	r = px_frame_get(frame, tag, &field);
	return r < 0 ? r : px_field_text(&field, max, ret_text);
}

int px_frame_get_secret(const struct px_frame *frame, enum px_field_tag tag, size_t max,
			struct px_secret **ret_secret)
{
	struct px_field field;
	int r;

	r = px_frame_get(frame, tag, &field);
	if (r < 0)
		return r;
	if (field.len > max)
		return -EBADMSG;
	return px_secret_from(field.data, field.len, ret_secret);
}

int px_frame_new(enum px_frame_type type, uint32_t seq, size_t capacity, struct px_frame *ret_frame)
{
	struct px_secret *payload;
	int r;

	if (capacity > PX_FRAME_MAX)
		return -ENOSPC;
	r = px_secret_new(capacity ? capacity : 1, &payload);
	if (r < 0)
		return r;
	*ret_frame = (struct px_frame){ .type = type, .seq = seq, .payload = payload };
	return 0;
}

int px_frame_add(struct px_frame *frame, enum px_field_tag tag, const void *data, size_t len)
{
	struct px_secret *payload = frame->payload;
	uint8_t header[PX_FIELD_HEADER] = { (uint8_t)tag, (uint8_t)(tag >> 8) };
	uint32_t size = htole32((uint32_t)len);
	int r;

	if (len > PX_FRAME_MAX ||
	    PX_FIELD_SIZE(len) > px_secret_capacity(payload) - px_secret_len(payload))
		return -ENOSPC;
	memcpy(header + 2, &size, sizeof(size));
	r = px_secret_append(payload, header, sizeof(header));
	return r < 0 ? r : px_secret_append(payload, data, len);
}

int px_frame_add_text(struct px_frame *frame, enum px_field_tag tag, const char *text)
{
	return px_frame_add(frame, tag, text, strlen(text));
}

int px_frame_add_number(struct px_frame *frame, enum px_field_tag tag, uint64_t number)
{
	number = htole64(number);
	return px_frame_add(frame, tag, &number, sizeof(number));
}

int px_frame_add_secret(struct px_frame *frame, enum px_field_tag tag,
			const struct px_secret *secret)
{
	return px_frame_add(frame, tag, px_secret_bytes(secret), px_secret_len(secret));
}

void px_frame_clear(struct px_frame *frame)
{
	px_secret_free(&frame->payload);
}
