/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "table.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pxenc/printable.h"

int px_table_add(struct px_table *table, const char *const *texts)
{
	char **grown =
		reallocarray(table->cells, table->count + table->columns, sizeof(*table->cells));
	size_t i;

	if (!grown)
		return -ENOMEM;
	table->cells = grown;
	for (i = 0; i < table->columns; i++) {
		char *cell = strdup(texts[i] ? texts[i] : "-");

		if (!cell)
			return -ENOMEM;
		px_make_printable(cell);
		table->cells[table->count++] = cell;
	}
	return 0;
}

static size_t width_of(const struct px_table *table, size_t column)
{
	size_t i, width = 0;

	for (i = column; i < table->count; i += table->columns)
		if (px_printable_width(table->cells[i]) > width)
			width = px_printable_width(table->cells[i]);
	return width;
}

void px_table_print(const struct px_table *table)
{
	size_t i;

	for (i = 0; i < table->count; i++) {
		size_t column = i % table->columns;
		size_t gap = width_of(table, column) - px_printable_width(table->cells[i]);

		if (column == table->columns - 1)
			puts(table->cells[i]);
		else
			printf("%s%*s  ", table->cells[i], (int)gap, "");
	}
}

void px_table_clear(struct px_table *table)
{
	while (table->count)
		free(table->cells[--table->count]);
	free(table->cells);
	table->cells = NULL;
}
