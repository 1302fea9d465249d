/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "manifest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "pxenc/printable.h"

#define FIRST_LINE "pxenc header backup 1\n"

char *px_manifest_format(const struct px_manifest *m)
{
	char *text;

	if (asprintf(&text,
		     FIRST_LINE "uuid %s\ngeneration %" PRIu64 "\nparts %c %u\nbytes %" PRIu64
				"\ndevice %" PRIu64 "\ntime %" PRIu64 "\nfrom %s\nlabel %s\n",
		     m->uuid, m->generation, m->set, m->parts, m->len, m->device_size, m->time,
		     m->from, m->label) < 0)
		return NULL;
	return text;
}

/* The rest of the line that begins with name and a space; NULL: it is another line. */
static const char *take_line(char **text, const char *name)
{
	size_t len = strlen(name);
	char *line = *text, *end = strchr(line, '\n');

	if (!end || strncmp(line, name, len) != 0 || line[len] != ' ')
		return NULL;
	*end = '\0';
	*text = end + 1;
	return line + len + 1;
}

static bool take_text(char **text, const char *name, char *to, size_t size)
{
	const char *value = take_line(text, name);

	if (!value || strlen(value) >= size || !px_is_printable(value))
		return false;
	memcpy(to, value, strlen(value) + 1);
	return true;
}

/* Digits and no more: strtoull would take signs and spaces. */
static bool to_number(const char *digits, uint64_t *ret_number)
{
	char *end;

	if (!*digits || digits[strspn(digits, "0123456789")])
		return false;
	errno = 0;
	*ret_number = strtoull(digits, &end, 10);
	return errno == 0;
}

static bool take_number(char **text, const char *name, uint64_t *ret_number)
{
	const char *value = take_line(text, name);

	return value && to_number(value, ret_number);
}

static bool take_parts(char **text, struct px_manifest *manifest)
{
	const char *value = take_line(text, "parts");
	uint64_t parts = 0;

	if (!value || (value[0] != 'a' && value[0] != 'b') || value[1] != ' ' ||
	    !to_number(value + 2, &parts) || parts > PX_PARTS_MAX)
		return false;
	manifest->set = value[0];
	manifest->parts = (unsigned int)parts;
	return true;
}

int px_manifest_parse(const void *text, size_t len, struct px_manifest *ret_manifest)
{
	struct px_manifest m = { .parts = 0 };
	char copy[PX_MANIFEST_MAX + 1], *at = copy;

	if (len > PX_MANIFEST_MAX || memchr(text, '\0', len))
		return -EBADMSG;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (strncmp(copy, FIRST_LINE, strlen(FIRST_LINE)) != 0)
		return -EBADMSG;
	at += strlen(FIRST_LINE);
	if (!take_text(&at, "uuid", m.uuid, sizeof(m.uuid)) ||
	    !take_number(&at, "generation", &m.generation) || !take_parts(&at, &m) ||
	    !take_number(&at, "bytes", &m.len) || !take_number(&at, "device", &m.device_size) ||
	    !take_number(&at, "time", &m.time) || !take_text(&at, "from", m.from, sizeof(m.from)) ||
	    !take_text(&at, "label", m.label, sizeof(m.label)) || *at)
		return -EBADMSG;
	if (m.len > PX_BACKUP_MAX || m.parts != (m.len + PX_PART_MAX - 1) / PX_PART_MAX)
		return -EBADMSG;
	*ret_manifest = m;
	return 0;
}
