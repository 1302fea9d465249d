/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
/* The secrets, in memory and in the order of their paths. A secret and a folder may share a path.
 */
#ifndef DCOSD_STORE_H
#define DCOSD_STORE_H

#include <stdbool.h>
#include <stddef.h>

struct dcosd_secret {
	char *path;  /* without a leading slash */
	char *value; /* with a NUL behind it */
	size_t len;
	bool binary; /* came as application/octet-stream */
	struct dcosd_secret *next;
};

struct dcosd_store {
	struct dcosd_secret *first;
};

struct dcosd_secret *dcosd_store_find(const struct dcosd_store *store, const char *path);
/* False if it exists already. */
bool dcosd_store_create(struct dcosd_store *store, const char *path, const char *value, size_t len,
			bool binary);
void dcosd_secret_update(struct dcosd_secret *secret, const char *value, size_t len, bool binary);
/* False if there is no such secret. */
bool dcosd_store_delete(struct dcosd_store *store, const char *path);
/* TO becomes what FROM is. */
void dcosd_store_copy(const struct dcosd_store *from, struct dcosd_store *to);
void dcosd_store_clear(struct dcosd_store *store);

#endif
