/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_PEEK_H
#define PXENC_PEEK_H

#include <sys/types.h>

#include "pxenc/path.h"

/* What a look into a volume's header tells, from a child process that may wait for the disk for 2
 * seconds (await.h): a dead one hangs the child, not the command. */
struct px_peek {
	char cipher[64];
	char uuid[64];
	char secret[PX_PATH_MAX + 1]; /* relative path; "" for a volume without our LUKS2 token */
	char next[PX_PATH_MAX + 1];   /* while the key is changed: of the one that is to come; or */
	char old[PX_PATH_MAX + 1];    /* of the one that was there before; else "" */
	char store[PX_STORE_MAX + 1]; /* that has the secret; "" likewise */
	unsigned int key_bits;	      /* of the volume key */
};

/*
 * 0; -EINVAL: it is no volume of pxenc's; -EBADMSG: its header is refused, and bears pxenc's label
 * or cannot be read; -ETIMEDOUT: the disk does not answer; another -errno: nobody could look.
 */
int px_peek(const char *device, struct px_peek *ret_peek) PX_MUST_CHECK;

/*
 * For one who lives long and looks again: *left is what px_worker_kill left of an unanswered look
 * at this disk, 0 at first. As long as it is there no other look is begun (-EBUSY), or a dead disk
 * would collect processes. The caller sets it to 0 when px_worker_is_gone.
 */
int px_peek_again(const char *device, pid_t *left, struct px_peek *ret_peek) PX_MUST_CHECK;

#endif
