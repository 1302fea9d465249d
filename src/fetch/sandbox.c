/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define DYNAMIC_UIDS "/run/systemd/dynamic-uid"

/* Pipes, a socket for each address, a file or two of the resolver's. */
#define DESCRIPTORS_MAX 64

static int set_limit(__rlimit_resource_t which, rlim_t value)
{
	const struct rlimit limit = { value, value };

	return setrlimit(which, &limit) < 0 ? -errno : 0;
}

int px_sandbox_hide(void)
{
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	return set_limit(RLIMIT_CORE, 0);
}

int px_sandbox_isolate(void)
{
	int r;

	if (close_range(STDERR_FILENO + 1, ~0U, 0) < 0)
		return -errno;
	/* EPERM: it leads a group already, as a program that a shell starts does. */
	if (setsid() < 0 && errno != EPERM)
		return -errno;
	r = set_limit(RLIMIT_FSIZE, 0);
	return r < 0 ? r : set_limit(RLIMIT_NOFILE, DESCRIPTORS_MAX);
}

/* As much as there may be, for px_secret's own locks. */
static int raise_to_hard_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0)
		return -errno;
	return set_limit(RLIMIT_MEMLOCK, limit.rlim_max);
}

/*
 * All or only the secrets: under a limit, memory that is locked as a whole would leave no room
 * for them once the capability to exceed it is gone.
 */
int px_sandbox_lock_memory(void)
{
	int r;

	r = set_limit(RLIMIT_MEMLOCK, RLIM_INFINITY);
	if (r == -EPERM) {
		r = raise_to_hard_limit();
		return r < 0 ? r : -EAGAIN;
	}
	if (r < 0)
		return r;
	return mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0 ? -errno : 0;
}

static int drop_bounding_set(void)
{
	unsigned long cap;

	for (cap = 0; prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0; cap++)
		;
	/* EINVAL: past the last capability that the kernel knows. */
	return errno == EINVAL && cap > 0 ? 0 : -errno;
}

static int find_user(uid_t *ret_uid, gid_t *ret_gid)
{
	unsigned int start;
	FILE *passwd, *group;
	int r = -EIO;

	if (getrandom(&start, sizeof(start), 0) != (ssize_t)sizeof(start))
		return -EIO;
	passwd = fopen("/etc/passwd", "re");
	group = fopen("/etc/group", "re");
	if (passwd && group)
		r = px_sandbox_find_user(passwd, group, DYNAMIC_UIDS, start, ret_uid, ret_gid);
	if (passwd)
		fclose(passwd);
	if (group)
		fclose(group);
	return r;
}

/* The bounding set goes with the user, since dropping it takes a capability. */
int px_sandbox_change_user(void)
{
	uid_t uid;
	gid_t gid;
	int r;

	if (geteuid() != 0)
		return 0;
	r = find_user(&uid, &gid);
	if (r == 0)
		r = drop_bounding_set();
	if (r < 0)
		return r;
	if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return -errno;
	return 0;
}

int px_sandbox_drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { { .effective = 0 } };

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
	    syscall(SYS_capset, &header, none) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return 0;
}

int px_sandbox_follow(pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return -errno;
	return getppid() == parent ? 0 : -ESRCH;
}

static int lock_memory(struct px_sandbox_report *report)
{
	int r = px_sandbox_lock_memory();

	report->unlocked = r == -EAGAIN;
	return report->unlocked ? 0 : r;
}

static int step(struct px_sandbox_report *report, const char *name, int r)
{
	if (r < 0)
		report->step = name;
	return r;
}

/* Before the filter: what needs a system call that it forbids. */
static int give_up_privileges(pid_t parent, struct px_sandbox_report *report)
{
	int r;

	r = step(report, "forbid core dumps", px_sandbox_hide());
	if (r == 0)
		r = step(report, "close what it inherited", px_sandbox_isolate());
	if (r == 0)
		r = step(report, "lock its memory", lock_memory(report));
	if (r == 0)
		r = step(report, "become the user " PX_SANDBOX_USER, px_sandbox_change_user());
	if (r == 0)
		r = step(report, "drop its capabilities", px_sandbox_drop_capabilities());
	/* A change of user makes a process dumpable again, and forgets the parent's death. */
	if (r == 0)
		r = step(report, "forbid core dumps", px_sandbox_hide());
	if (r == 0)
		r = step(report, "follow its parent", px_sandbox_follow(parent));
	return r;
}

int px_sandbox_enter(pid_t parent, int (*warm_up)(void), struct px_sandbox_report *ret_report)
{
	int r;

	*ret_report = (struct px_sandbox_report){ .step = NULL };
	r = give_up_privileges(parent, ret_report);
	if (r == 0)
		r = step(ret_report, "set up Landlock", px_sandbox_landlock());
	if (r == 0)
		r = step(ret_report, "load its libraries", warm_up());
	if (r == 0)
		r = step(ret_report, "set up seccomp", px_sandbox_seccomp());
	return r;
}
