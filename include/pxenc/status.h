/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_STATUS_H
#define PXENC_STATUS_H

/*
 * The exit status of pxenc, and what every function that reports its own failures returns.
 *
 * The house has two kinds of functions that can fail, and the type tells which is which:
 *   int             0 or -errno; it is silent, the caller knows what to say about it
 *   enum px_status  0 or one of these; the cause has been logged, once, where it was known
 */
enum px_status {
	PX_OK = 0,
	PX_USAGE = 1,		/* usage or config */
	PX_BAD_KEY = 2,		/* the key opens no keyslot */
	PX_NOMEM = 3,		/* out of memory */
	PX_NO_VOLUME = 4,	/* no such device, or not a LUKS volume */
	PX_BUSY = 5,		/* busy, or the name or uuid belongs to another device */
	PX_UNREACHABLE = 6,	/* store unreachable by the deadline */
	PX_UNAUTHENTICATED = 7, /* not authenticated */
	PX_FORBIDDEN = 8,	/* authenticated, but not allowed */
	PX_NO_SECRET = 9,	/* no such secret */
	PX_UNTRUSTED = 10,   /* the store's answer cannot be trusted (TLS, malformed, oversize) */
	PX_BAD_HEADER = 11,  /* the header is refused (allowlist, path, seal, LUKS2 token) */
	PX_KERNEL = 12,	     /* the kernel or the disk failed (dm, I/O) */
	PX_MOUNT = 13,	     /* mount, mkfs or fsck failed */
	PX_EXISTS = 14,	     /* the secret exists already */
	PX_DECLINED = 15,    /* the user said no, or --force is wanted and missing */
	PX_TWIN = 16,	     /* open --service: a clone, and the other one is open */
	PX_SOME_FAILED = 20, /* --all: some volumes failed */
	PX_CANNOT_RUN = 126, /* credentials exec, as a shell has it: the command cannot be run */
	PX_NO_COMMAND = 127, /* nor found */
};

/* The code of mount(8) for a status: 0, 1 (usage), 2 (system) or 32 (mount failure). */
int px_status_to_mount(enum px_status status);

#endif
