/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "pxenc/clock.h"
#include "pxenc/console.h"
#include "pxenc/io.h"
#include "pxenc/printable.h"

#define LINE_MAX_BYTES 1024

static struct {
	const char *name;
	int verbose;
	bool console;
	void (*sink)(const char *line);
	void (*failures)(const char *text);
} log_state = { .name = "pxenc" };

void px_log_init(const char *name, int verbose)
{
	log_state.name = name;
	log_state.verbose = verbose;
}

void px_log_rename(const char *name)
{
	log_state.name = name;
}

bool px_log_is_verbose(void)
{
	return log_state.verbose;
}

void px_log_use_console(void)
{
	log_state.console = true;
}

void px_log_set_sink(void (*sink)(const char *line))
{
	log_state.sink = sink;
}

void px_log_divert(void (*failures)(const char *text))
{
	log_state.failures = failures;
}

/* "NAME: PREFIX" and the text, printable, with room for a newline. False: it cannot be formatted.
 */
static bool PX_PRINTF(3, 0)
	compose(char line[LINE_MAX_BYTES], const char *prefix, const char *fmt, va_list args)
{
	size_t used;
	int n;

	n = snprintf(line, LINE_MAX_BYTES, "%s: %s", log_state.name, prefix);
	used = n < 0 ? 0 : (size_t)n;
	if (used >= LINE_MAX_BYTES - 1)
		used = 0;
	n = vsnprintf(line + used, LINE_MAX_BYTES - used - 1, fmt, args);
	if (n < 0)
		return false;
	px_make_printable(line);
	return true;
}

/* One write(2) per line, so that lines of several processes do not mix. */
static void write_line(char line[LINE_MAX_BYTES])
{
	size_t len = strlen(line);

	if (log_state.sink) {
		log_state.sink(line);
		return;
	}
	line[len] = '\n';
	/* There is nowhere left to report that standard error cannot be written. */
	if (px_write_all(STDERR_FILENO, line, len + 1) < 0)
		return;
}

static void PX_PRINTF(2, 0) emit(const char *prefix, const char *fmt, va_list args)
{
	char line[LINE_MAX_BYTES];

	if (compose(line, prefix, fmt, args))
		write_line(line);
}

static void PX_PRINTF(1, 0) divert(const char *fmt, va_list args)
{
	char text[LINE_MAX_BYTES];

	if (vsnprintf(text, sizeof(text), fmt, args) < 0)
		return;
	px_make_printable(text);
	log_state.failures(text);
}

enum px_status px_fail(enum px_status status, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	if (log_state.failures)
		divert(fmt, args);
	else
		emit("", fmt, args);
	va_end(args);
	return status;
}

enum px_status px_nomem(void)
{
	return px_fail(PX_NOMEM, "out of memory");
}

void px_warn(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	emit("warning: ", fmt, args);
	va_end(args);
}

void px_announce(const char *fmt, ...)
{
	char line[LINE_MAX_BYTES];
	bool composed;
	va_list args;

	va_start(args, fmt);
	composed = compose(line, "warning: ", fmt, args);
	va_end(args);
	if (!composed)
		return;
	if (log_state.console)
		px_console_say(line);
	write_line(line);
}

void px_say(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	emit("", fmt, args);
	va_end(args);
}

void px_note(const char *fmt, ...)
{
	va_list args;

	if (!log_state.verbose)
		return;
	va_start(args, fmt);
	emit("", fmt, args);
	va_end(args);
}

void px_stage(const char *name, int64_t *since_us)
{
	int64_t now = px_now_us();

	px_note("stage %s: %.1f ms", name, (double)(now - *since_us) / 1000);
	*since_us = now;
}
