/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
/* Memory, strings, files and the clock. Allocation never fails here: a stand-in that is out of
 * memory ends. */
#ifndef DCOSD_UTIL_H
#define DCOSD_UTIL_H

#include <stddef.h>
#include <stdint.h>

/* Zeroed memory. */
void *dcosd_alloc(size_t len);
void *dcosd_realloc(void *pointer, size_t len);
/* A copy of LEN bytes with a NUL behind them. */
char *dcosd_memdup(const void *data, size_t len);
char *dcosd_strdup(const char *text);
char *dcosd_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The whole file with a NUL behind it, to be freed; NULL and errno on failure. */
char *dcosd_read_file(const char *file, size_t *ret_len);

/* Seconds since 1970 by the cluster's clock, which may be ahead of this machine's. */
int64_t dcosd_now(void);
void dcosd_set_clock_ahead(int64_t seconds);

void dcosd_cleanup_free(void *pointer);
/* Frees the annotated pointer when it goes out of scope. */
#define DCOSD_CLEANUP_FREE __attribute__((cleanup(dcosd_cleanup_free)))

#endif
