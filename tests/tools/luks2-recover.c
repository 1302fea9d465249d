/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <stdio.h>

#include "../../src/volume/luks-private.h"
#include "pxenc/file.h"

/*
 * luks2-recover DEVICE KEYFILE: what pxenc open does to a volume whose reencryption was killed, up
 * to the mapping, which a plain file cannot have. Ends with pxenc's status.
 */
int main(int argc, char **argv)
{
	px_auto(luks) struct px_luks *luks = NULL;
	px_auto(secret) struct px_secret *key = NULL;
	enum px_status st;

	if (argc != 3) {
		fprintf(stderr, "usage: luks2-recover DEVICE KEYFILE\n");
		return PX_USAGE;
	}
	st = px_file_read_secret(argv[2], "key", 4096, &key);
	if (!st)
		st = px_luks_load(argv[1], &luks);
	if (!st)
		st = px_luks_verify_seal(luks, key, true);
	return (int)(st ? st : px_luks_recover(luks, key, false));
}
