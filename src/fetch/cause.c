/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <stdarg.h>
#include <stdio.h>

#include "pxenc/http.h"

/* The other side of the pipe refuses a text with control characters, and libraries quote what
 * servers say. */
static void make_plain(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = ' ';
}

static void PX_PRINTF(3, 0) format(char *text, size_t size, const char *fmt, va_list args)
{
	if (vsnprintf(text, size, fmt, args) < 0)
		text[0] = '\0';
	make_plain(text);
}

enum px_status px_cause_set(struct px_cause *cause, enum px_status status, const char *fmt, ...)
{
	char text[sizeof(cause->text)]; /* fmt's arguments may lie in cause->text itself */
	va_list args;

	va_start(args, fmt);
	format(text, sizeof(text), fmt, args);
	va_end(args);
	cause->status = status;
	snprintf(cause->text, sizeof(cause->text), "%s", text);
	return status;
}

enum px_status px_cause_nomem(struct px_cause *cause)
{
	return px_cause_set(cause, PX_NOMEM, "out of memory");
}

void px_listener_note(const struct px_listener *listener, enum px_note_kind kind, const char *fmt,
		      ...)
{
	char text[PX_TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	format(text, sizeof(text), fmt, args);
	va_end(args);
	listener->note(listener->arg, kind, text);
}
