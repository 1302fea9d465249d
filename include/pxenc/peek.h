/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_PEEK_H
#define PXENC_PEEK_H

/* What a look into a volume's header tells, from a child process that is given 2 seconds: a dead
 * disk hangs the child, not the command. */
struct px_peek {
	char cipher[64];
	char uuid[64];
	char secret[1100]; /* relative path; "" for a volume without our LUKS2 token */
	char next[1100];   /* while the key is changed: the path of the one that is to come; or */
	char old[1100];	   /* the one that was there before; else "" */
	char store[64];	   /* that has the secret; "" likewise */
	unsigned int key_bits;
	int version;
};

/*
 * 0; -EINVAL: it is no volume of pxenc's; -ETIMEDOUT: the disk does not answer; -EBADMSG or another
 * -errno: nobody knows, since its header cannot be read, or is refused and bears pxenc's label.
 */
int px_peek(const char *device, struct px_peek *ret_peek);

#endif
