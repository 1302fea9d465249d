/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_LOG_H
#define PXENC_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "pxenc/cleanup.h"
#include "pxenc/status.h"

/*
 * Messages go to standard error as "NAME: text", one line each. Bytes that are not printable
 * ASCII or UTF-8 are shown as '?': text from a header, a server or a file name cannot drive a
 * terminal or forge a second line. Key bytes are never given to these functions.
 */

/* name: the program's invoked name, kept by reference. verbose: px_note and px_stage speak. */
void px_log_init(const char *name, int verbose);

bool px_log_is_verbose(void);

/* Another name, for a process that speaks of one thing among many. */
void px_log_rename(const char *name);

/* Logs an error and returns status, so that a failure reads `return px_fail(PX_BUSY, "…")`. */
enum px_status px_fail(enum px_status status, const char *fmt, ...) PX_PRINTF(2, 3);

/* Logs "out of memory" and returns PX_NOMEM. */
enum px_status px_nomem(void);

/* Something the administrator should know, though the work goes on. */
void px_warn(const char *fmt, ...) PX_PRINTF(1, 2);

/* A warning of what holds the work up, which may be a boot: see px_log_use_console. */
void px_announce(const char *fmt, ...) PX_PRINTF(1, 2);

/* What a service has done, for its journal: neither a failure nor a warning. */
void px_say(const char *fmt, ...) PX_PRINTF(1, 2);

/* What is going on, with -v only. */
void px_note(const char *fmt, ...) PX_PRINTF(1, 2);

/* With -v only: "stage NAME: 12.3 ms", the time since *since_us; sets *since_us to now. */
void px_stage(const char *name, int64_t *since_us);

/* From now on announcements go to the machine's console too. */
void px_log_use_console(void);

/*
 * The text of each failure goes to `failures` alone, without the name: for who shows it elsewhere,
 * such as beside the volume that it belongs to. NULL ends it. Warnings and notes go on as ever.
 */
void px_log_divert(void (*failures)(const char *text));

/* For tests and fuzzers: lines go to sink instead of standard error; NULL restores it. */
void px_log_set_sink(void (*sink)(const char *line));

#endif
