/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_DM_H
#define PXENC_DM_H

#include <stdbool.h>

#include "pxenc/cleanup.h"

/* What device-mapper says about one dm-crypt mapping: its table's parameters, never its key. */
struct px_dm_crypt {
	char *cipher;	       /* "aes-xts-plain64" */
	unsigned int key_bits; /* volume key */
	bool keyring;	       /* the key lies in the kernel keyring, not in the table */
	bool has_key;	       /* false when it was wiped: the table shows zeros in its place */
	unsigned int sector_size;
	bool discard;
	bool deferred; /* goes at its last close */
};

/* -ENOENT: no such mapping. -EINVAL: not one crypt target. Other -errno: device-mapper failed. */
int px_dm_crypt(const char *name, struct px_dm_crypt *ret_crypt) PX_MUST_CHECK;

/* Parses the parameters of a crypt target's table line, for px_dm_crypt and its tests. -EINVAL. */
int px_dm_crypt_parse(const char *params, struct px_dm_crypt *ret_crypt) PX_MUST_CHECK;

/*
 * Takes the volume key from the kernel: what is written to the mapping comes to rest, and the
 * filesystem on it, which takes as long as its dirty pages do; then its I/O waits, and its key is
 * wiped. If it cannot be wiped, I/O goes on. Neither the header nor libcryptsetup is needed, so
 * that a broken header does not protect the key. -ENOENT: no such mapping; other -errno.
 */
int px_dm_suspend(const char *name) PX_MUST_CHECK;

/*
 * Frees a mapping that nothing else can free: one that is suspended, or whose disk is gone. What
 * waits for it gets an I/O error, and what was not written yet is lost. Its table is replaced by
 * one that answers everything with an error, without flushing and without asking the filesystem
 * to come to rest, since both would wait for the disk; the key goes with the old table. Then it is
 * removed: at once, or, if it is open, at its last close.
 *
 * It waits for udev no more than for the disk, so that it works when the machine goes down, and
 * gives up after two seconds of waiting (await.h). -ENOENT: no such mapping. -ETIMEDOUT: I/O is
 * under way that the disk neither ends nor fails. Other -errno: device-mapper failed.
 */
int px_dm_release(const char *name) PX_MUST_CHECK;

/* Removes a mapping that nobody uses, without waiting. -EBUSY: somebody does. -ENOENT. -errno. */
int px_dm_remove(const char *name) PX_MUST_CHECK;

/* Whether the kernel has dm-crypt, or a module of it, below a root ("": this machine's). Nothing is
 * loaded. */
bool px_dm_has_crypt(const char *root);

void px_dm_crypt_clear(struct px_dm_crypt *crypt);

static inline void px_dm_crypt_cleanup(struct px_dm_crypt *crypt)
{
	px_dm_crypt_clear(crypt);
}

#endif
