/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "util.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void *must(void *pointer)
{
	if (!pointer) {
		fputs("pxenc-dcosd: out of memory\n", stderr);
		abort();
	}
	return pointer;
}

void *dcosd_alloc(size_t len)
{
	return must(calloc(1, len ? len : 1));
}

void *dcosd_realloc(void *pointer, size_t len)
{
	return must(realloc(pointer, len));
}

char *dcosd_memdup(const void *data, size_t len)
{
	char *copy = dcosd_alloc(len + 1);

	if (len)
		memcpy(copy, data, len);
	return copy;
}

char *dcosd_strdup(const char *text)
{
	return must(strdup(text));
}

char *dcosd_format(const char *format, ...)
{
	char *text = NULL;
	va_list args;
	int len;

	va_start(args, format);
	len = vasprintf(&text, format, args);
	va_end(args);
	return must(len < 0 ? NULL : text);
}

char *dcosd_read_file(const char *file, size_t *ret_len)
{
	char *data = NULL;
	size_t len = 0;
	FILE *from = fopen(file, "re");
	FILE *to;
	int c;

	if (!from)
		return NULL;
	to = must(open_memstream(&data, &len));
	while ((c = getc(from)) != EOF)
		putc(c, to);
	fclose(to);
	if (ferror(from)) {
		free(data);
		data = NULL;
	} else {
		*ret_len = len;
	}
	fclose(from);
	return data;
}

static int64_t clock_ahead;

int64_t dcosd_now(void)
{
	return time(NULL) + clock_ahead;
}

void dcosd_set_clock_ahead(int64_t seconds)
{
	clock_ahead = seconds;
}

void dcosd_cleanup_free(void *pointer)
{
	free(*(void **)pointer);
}
