/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_CMD_TABLE_H
#define PXENC_CMD_TABLE_H

#include <stddef.h>

#include "pxenc/cleanup.h"

/* Lines of columns that are as wide as they need to be. Set columns, and zero the rest. */
struct px_table {
	size_t columns;
	size_t count; /* cells: lines times columns */
	char **cells;
};

/* Adds a line: copies, made safe to show; NULL is a dash. -ENOMEM. */
int px_table_add(struct px_table *table, const char *const *texts) PX_MUST_CHECK;

/* To standard output. */
void px_table_print(const struct px_table *table);

void px_table_clear(struct px_table *table);

static inline void px_table_cleanup(struct px_table *table)
{
	px_table_clear(table);
}

#endif
