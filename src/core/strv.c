/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/strv.h"

#include <errno.h>
#include <string.h>

size_t px_strv_len(char *const *strv)
{
	size_t n = 0;

	while (strv && strv[n])
		n++;
	return n;
}

int px_strv_add(char ***strv, const char *text)
{
	size_t n = px_strv_len(*strv);
	char *copy = strdup(text);
	char **grown;

	if (!copy)
		return -ENOMEM;
	grown = reallocarray(*strv, n + 2, sizeof(*grown));
	if (!grown) {
		free(copy);
		return -ENOMEM;
	}
	grown[n] = copy;
	grown[n + 1] = NULL;
	*strv = grown;
	return 0;
}

char *px_strv_join(char *const *strv, const char *separator)
{
	size_t i, n = px_strv_len(strv), size = 1;
	char *text;

	for (i = 0; i < n; i++)
		size += strlen(strv[i]) + strlen(separator);
	text = calloc(1, size);
	for (i = 0; i < n && text; i++) {
		strcat(text, i ? separator : "");
		strcat(text, strv[i]);
	}
	return text;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void px_strv_sort(char **strv)
{
	if (strv)
		qsort(strv, px_strv_len(strv), sizeof(*strv), compare);
}

void px_strv_free(char ***strv)
{
	size_t i;

	if (!strv || !*strv)
		return;
	for (i = 0; (*strv)[i]; i++)
		free((*strv)[i]);
	free(*strv);
	*strv = NULL;
}
