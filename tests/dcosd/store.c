/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "store.h"

#include <stdlib.h>
#include <string.h>

#include "util.h"

/* The link that holds the first secret whose path is not below PATH in the order. */
static struct dcosd_secret **seek(struct dcosd_store *store, const char *path)
{
	struct dcosd_secret **link = &store->first;

	while (*link && strcmp((*link)->path, path) < 0)
		link = &(*link)->next;
	return link;
}

struct dcosd_secret *dcosd_store_find(const struct dcosd_store *store, const char *path)
{
	struct dcosd_secret *secret = store->first;

	while (secret && strcmp(secret->path, path))
		secret = secret->next;
	return secret;
}

bool dcosd_store_create(struct dcosd_store *store, const char *path, const char *value, size_t len,
			bool binary)
{
	struct dcosd_secret **link = seek(store, path);
	struct dcosd_secret *secret;

	if (*link && !strcmp((*link)->path, path))
		return false;
	secret = dcosd_alloc(sizeof(*secret));
	secret->path = dcosd_strdup(path);
	dcosd_secret_update(secret, value, len, binary);
	secret->next = *link;
	*link = secret;
	return true;
}

void dcosd_secret_update(struct dcosd_secret *secret, const char *value, size_t len, bool binary)
{
	free(secret->value);
	secret->value = dcosd_memdup(value, len);
	secret->len = len;
	secret->binary = binary;
}

static void free_secret(struct dcosd_secret *secret)
{
	free(secret->path);
	free(secret->value);
	free(secret);
}

bool dcosd_store_delete(struct dcosd_store *store, const char *path)
{
	struct dcosd_secret **link = seek(store, path);
	struct dcosd_secret *secret = *link;

	if (!secret || strcmp(secret->path, path))
		return false;
	*link = secret->next;
	free_secret(secret);
	return true;
}

void dcosd_store_copy(const struct dcosd_store *from, struct dcosd_store *to)
{
	const struct dcosd_secret *secret;

	dcosd_store_clear(to);
	for (secret = from->first; secret; secret = secret->next)
		dcosd_store_create(to, secret->path, secret->value, secret->len, secret->binary);
}

void dcosd_store_clear(struct dcosd_store *store)
{
	while (store->first) {
		struct dcosd_secret *first = store->first;

		store->first = first->next;
		free_secret(first);
	}
}
