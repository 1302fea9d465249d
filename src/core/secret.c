/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/secret.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

struct px_secret {
	size_t mapped;	 /* bytes of the mapping, this struct included */
	size_t capacity; /* bytes of data */
	size_t len;
	uint8_t data[];
};

static size_t round_to_pages(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (size + page - 1) / page * page;
}

/* All three or nothing: pages that could be swapped, dumped or inherited are no home for a key. */
static int guard_pages(void *pages, size_t size)
{
	if (mlock(pages, size) < 0)
		return -ENOMEM;
	if (madvise(pages, size, MADV_DONTDUMP) < 0 || madvise(pages, size, MADV_WIPEONFORK) < 0)
		return -errno;
	return 0;
}

int px_secret_new(size_t capacity, struct px_secret **ret_secret)
{
	struct px_secret *secret;
	size_t size;
	int r;

	if (!capacity || capacity > PX_SECRET_MAX)
		return -EINVAL;
	size = round_to_pages(sizeof(*secret) + capacity);
	secret = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (secret == MAP_FAILED)
		return -ENOMEM;
	r = guard_pages(secret, size);
	if (r < 0) {
		munmap(secret, size);
		return r;
	}
	secret->mapped = size;
	secret->capacity = capacity;
	*ret_secret = secret;
	return 0;
}

int px_secret_from(const void *data, size_t len, struct px_secret **ret_secret)
{
	px_auto(secret) struct px_secret *secret = NULL;
	int r;

	r = px_secret_new(len ? len : 1, &secret);
	if (r < 0)
		return r;
	r = px_secret_append(secret, data, len);
	if (r < 0)
		return r;
	*ret_secret = px_steal(&secret);
	return 0;
}

int px_secret_append(struct px_secret *secret, const void *data, size_t len)
{
	if (len > secret->capacity - secret->len)
		return -ENOSPC;
	if (len)
		memcpy(secret->data + secret->len, data, len);
	secret->len += len;
	return 0;
}

uint8_t *px_secret_data(struct px_secret *secret)
{
	return secret->data;
}

const uint8_t *px_secret_bytes(const struct px_secret *secret)
{
	return secret->data;
}

struct px_secret *px_secret_of(void *data)
{
	return data ? (struct px_secret *)((uint8_t *)data - offsetof(struct px_secret, data))
		    : NULL;
}

size_t px_secret_len(const struct px_secret *secret)
{
	return secret->len;
}

size_t px_secret_capacity(const struct px_secret *secret)
{
	return secret->capacity;
}

void px_secret_set_len(struct px_secret *secret, size_t len)
{
	secret->len = len < secret->capacity ? len : secret->capacity;
}

int px_secret_equal(const struct px_secret *a, const struct px_secret *b)
{
	unsigned int differ = 0;
	size_t i;

	if (a->len != b->len)
		return 0;
	for (i = 0; i < a->len; i++)
		differ |= (unsigned int)(a->data[i] ^ b->data[i]);
	return differ == 0;
}

/* Reads until the end or until the secret is full. */
static int read_into(int fd, struct px_secret *secret)
{
	while (secret->len < secret->capacity) {
		ssize_t n = read(fd, secret->data + secret->len, secret->capacity - secret->len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		secret->len += (size_t)n;
	}
	return -E2BIG;
}

int px_secret_read(int fd, size_t max, struct px_secret **ret_secret)
{
	px_auto(secret) struct px_secret *secret = NULL;
	int r;

	/* One byte more than max, so that a file of just max bytes still meets its end. */
	r = px_secret_new(max + 1, &secret);
	if (r < 0)
		return r;
	r = read_into(fd, secret);
	if (r < 0)
		return r;
	*ret_secret = px_steal(&secret);
	return 0;
}

int px_secret_inherit(struct px_secret *secret)
{
	return madvise(secret, secret->mapped, MADV_KEEPONFORK) < 0 ? -errno : 0;
}

void px_wipe_string(char *string)
{
	explicit_bzero(string, strlen(string));
}

void px_secret_free(struct px_secret **secret)
{
	size_t size;

	if (!secret || !*secret)
		return;
	size = (*secret)->mapped;
	explicit_bzero(*secret, size);
	munmap(*secret, size);
	*secret = NULL;
}
