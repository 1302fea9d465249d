/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_SANDBOX_H
#define PXENC_SANDBOX_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include "pxenc/cleanup.h"

/*
 * How pxenc-fetch gives up what it does not need, before it reads its first byte. Each step is
 * a function of its own that returns 0 or -errno, so that each failure can be tested.
 */

#define PX_SANDBOX_USER "pxenc"

/* systemd's range for dynamic users: no distribution allocates from it. */
#define PX_DYNAMIC_UID_MIN 61184
#define PX_DYNAMIC_UID_MAX 65519

struct px_sandbox_report {
	const char *step; /* the step that failed: "drop capabilities" */
	bool unlocked;	  /* no more than the secrets is locked */
};

/*
 * All steps in their order, for a process that pxenc has just started. parent: getppid() at the
 * start. warm_up: loads what libraries load at their first use; runs without privileges, inside
 * Landlock and before seccomp. -errno: the report names the step, and the process must end.
 */
int px_sandbox_enter(pid_t parent, int (*warm_up)(void), struct px_sandbox_report *ret_report)
	PX_MUST_CHECK;

/* The steps. */

/* No core dump, and /proc/self and ptrace closed to others of the same uid. */
int px_sandbox_hide(void) PX_MUST_CHECK;
/* No descriptor but 0, 1 and 2, a session of its own, no file to be grown, few descriptors. */
int px_sandbox_isolate(void) PX_MUST_CHECK;
/* All memory, now and later. -EAGAIN: RLIMIT_MEMLOCK cannot be lifted (not root, or root of a
 * container without CAP_SYS_RESOURCE), so that only secrets are locked. */
int px_sandbox_lock_memory(void) PX_MUST_CHECK;
/* As root: another user, no groups. Else nothing. */
int px_sandbox_change_user(void) PX_MUST_CHECK;
/* No capability in any set, the bounding set included, and none to be had by exec. */
int px_sandbox_drop_capabilities(void) PX_MUST_CHECK;
/* Dies with its parent, which must be `parent` still. -ESRCH: it is gone. */
int px_sandbox_follow(pid_t parent) PX_MUST_CHECK;
/* Landlock: reads what name look-ups and TLS need, nothing else. A kernel without it is fine. */
int px_sandbox_landlock(void) PX_MUST_CHECK;
/* The system call filter. */
int px_sandbox_seccomp(void) PX_MUST_CHECK;

/*
 * The user to become: PX_SANDBOX_USER in the passwd file; else the first uid of the dynamic
 * range, from `start` on, that neither passwd nor group nor dynamic (systemd's directory of
 * allocated uids) knows. -ESRCH: no uid is free. -EPERM: PX_SANDBOX_USER is root.
 */
int px_sandbox_find_user(FILE *passwd, FILE *group, const char *dynamic, unsigned int start,
			 uid_t *ret_uid, gid_t *ret_gid) PX_MUST_CHECK;

/*
 * Whether a file that the resolver or TLS needs is shut out, though everybody may read it: it was
 * made or replaced after Landlock was set up, as network managers do with /etc/resolv.conf.
 */
bool px_sandbox_is_outdated(void);

/* The same for one file. */
bool px_sandbox_shuts_out(const char *file);

#endif
