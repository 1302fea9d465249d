/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_CMD_STATUS_H
#define PXENC_CMD_STATUS_H

#include <stdbool.h>
#include <stddef.h>

#include "pxenc/dm.h"
#include "pxenc/peek.h"
#include "pxenc/status.h"

/* One line of the answer: an open volume, or a closed one that was asked for. */
struct px_row {
	char *name;   /* of the mapping; NULL: closed */
	char *device; /* below */
	struct px_peek header;
	bool has_header;
	struct px_dm_crypt crypt;
	bool has_crypt;
	char *driver;
	char **mounts;
	bool suspended, readonly, gone;
};

/* To standard output. */
enum px_status px_rows_show_table(const struct px_row *rows, size_t count) PX_MUST_CHECK;
enum px_status px_rows_show_json(const struct px_row *rows, size_t count) PX_MUST_CHECK;

#endif
