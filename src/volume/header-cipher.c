/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <stdio.h>
#include <string.h>

#include "header-private.h"

static const struct cipher {
	const char *name;
	unsigned int key_bits[2];
} ciphers[] = {
	{ "aes-xts-plain64", { 512, 256 } },
	{ "serpent-xts-plain64", { 512, 256 } },
	{ "twofish-xts-plain64", { 512, 256 } },
	/* LUKS1's first default; malleable, but volumes made with it exist. */
	{ "aes-cbc-essiv:sha256", { 256, 128 } },
	/* For machines without AES instructions. */
	{ "xchacha12,aes-adiantum-plain64", { 256, 256 } },
	{ "xchacha20,aes-adiantum-plain64", { 256, 256 } },
};

static const struct cipher *find_cipher(const char *name)
{
	for (size_t i = 0; i < PX_COUNT(ciphers); i++)
		if (strcmp(ciphers[i].name, name) == 0)
			return &ciphers[i];
	return NULL;
}

bool px_cipher_allowed(const char *cipher, unsigned int key_bits)
{
	const struct cipher *known = find_cipher(cipher);

	return known && (known->key_bits[0] == key_bits || known->key_bits[1] == key_bits);
}

bool px_cipher_known(const char *cipher)
{
	return find_cipher(cipher) != NULL;
}

char *px_cipher_names(void)
{
	px_auto(free) char *names = NULL;
	size_t len;
	FILE *list = open_memstream(&names, &len);

	if (!list)
		return NULL;
	for (size_t i = 0; i < PX_COUNT(ciphers); i++)
		fprintf(list, "%s%s", i ? ", " : "", ciphers[i].name);
	return fclose(list) == 0 ? px_steal(&names) : NULL;
}
