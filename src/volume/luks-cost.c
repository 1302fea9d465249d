/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <string.h>

#include "luks-private.h"

/* A few milliseconds on any machine. A random key's keyslot has 1000; the slowest that a person's
 * key gets from cryptsetup takes two seconds. */
#define CHEAP_ITERATIONS 10000

static void add(struct crypt_device *cd, int slot, struct px_cost *cost)
{
	struct crypt_pbkdf_type pbkdf = { 0 };

	if (crypt_keyslot_get_pbkdf(cd, slot, &pbkdf) < 0)
		return;
	if (strcmp(pbkdf.type, CRYPT_KDF_PBKDF2) == 0) {
		if (pbkdf.iterations > CHEAP_ITERATIONS)
			cost->cheap = false;
		return;
	}
	cost->cheap = false;
	if ((uint64_t)pbkdf.max_memory_kb * 1024 > cost->memory)
		cost->memory = (uint64_t)pbkdf.max_memory_kb * 1024;
}

/* Keyslots are tried one after another: their memory does not add up. */
struct px_cost px_luks_cost(const struct px_luks *luks, bool named_slot)
{
	const struct px_token *token = px_luks_token(luks);
	struct px_cost cost = { .cheap = true };
	int slot, count = crypt_keyslot_max(crypt_get_type(luks->cd));

	if (named_slot && token)
		add(luks->cd, token->keyslot, &cost);
	else
		for (slot = 0; slot < count; slot++)
			add(luks->cd, slot, &cost);
	return cost;
}
