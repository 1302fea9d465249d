/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/libcrypto.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

static void wipe_and_free(void *memory, const char *file, int line)
{
	(void)file;
	(void)line;
	if (memory)
		explicit_bzero(memory, malloc_usable_size(memory));
	free(memory);
}

/* realloc(3) would free what it moves from as it is. */
static void *move(void *memory, size_t size, const char *file, int line)
{
	size_t had = memory ? malloc_usable_size(memory) : 0;
	void *moved;

	if (size && size <= had)
		return memory;
	moved = size ? CRYPTO_malloc(size, file, line) : NULL;
	if (moved && had)
		memcpy(moved, memory, had);
	if (moved || !size)
		wipe_and_free(memory, file, line);
	return moved;
}

bool px_libcrypto_wipe_freed(void)
{
	return CRYPTO_set_mem_functions(NULL, move, wipe_and_free) == 1;
}
