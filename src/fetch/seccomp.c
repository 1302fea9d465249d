/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <asm/termbits.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "pxenc/sandbox.h"

/* What reading frames, resolving names, TLS and memory need, whatever the arguments. Names that
 * an architecture does not have are left out there. */
static const char *const allowed[] = {
	/* the pipes, sockets, configuration files and libraries */
	"read", "readv", "pread64", "write", "writev", "close", "lseek", "_llseek", "stat",
	"stat64", "lstat", "lstat64", "fstat", "fstat64", "newfstatat", "fstatat64", "statx",
	"access", "faccessat", "faccessat2", "readlink", "readlinkat", "getdents64", "connect",
	"bind", "getsockname", "getpeername", "getsockopt", "setsockopt", "sendto", "sendmsg",
	"sendmmsg", "recvfrom", "recvmsg", "shutdown", "poll", "ppoll", "ppoll_time64", "select",
	"_newselect", "pselect6", "pselect6_time64",
	/* memory; mmap and mprotect are below */
	"brk", "munmap", "mremap", "madvise", "mlock", "mlock2", "munlock", "futex", "futex_time64",
	/* time and signals: the deadline */
	"clock_gettime", "clock_gettime64", "clock_getres", "gettimeofday", "time", "nanosleep",
	"clock_nanosleep", "clock_nanosleep_time64", "setitimer", "rt_sigaction", "rt_sigprocmask",
	"rt_sigreturn", "sigreturn", "restart_syscall", "sigaltstack",
	/* who and where we are */
	"getpid", "gettid", "getppid", "getuid", "geteuid", "getgid", "getegid", "getuid32",
	"geteuid32", "getgid32", "getegid32", "uname", "sysinfo", "sched_yield",
	"sched_getaffinity", "getrandom", "exit", "exit_group"
};

/* One system call, allowed only with certain arguments. */
struct rule {
	const char *name;
	unsigned int count;
	struct scmp_arg_cmp args[3];
};

#define IS(arg, value)                                                                             \
	{                                                                                          \
		(arg), SCMP_CMP_EQ, (scmp_datum_t)(value), 0                                       \
	}
#define MASKED(arg, mask, value)                                                                   \
	{                                                                                          \
		(arg), SCMP_CMP_MASKED_EQ, (mask), (value)                                         \
	}

/* Lists of alternatives: a call passes if one of its lines fits. */
static const struct rule conditional[] = {
	/* Files are read: none is made, emptied or written to. */
	{ "open", 1, { MASKED(1, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY) } },
	{ "openat", 1, { MASKED(2, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY) } },
	{ "socket", 1, { IS(0, AF_INET) } },
	{ "socket", 1, { IS(0, AF_INET6) } },
	/* getaddrinfo asks the kernel for our addresses, to sort its answers. */
	{ "socket", 2, { IS(0, AF_NETLINK), IS(2, NETLINK_ROUTE) } },
	/* NSS modules are loaded at their first use, but nothing writable is ever executable. */
	{ "mmap", 1, { MASKED(2, PROT_EXEC, 0) } },
	{ "mmap",
	  2,
	  { MASKED(2, PROT_WRITE | PROT_EXEC, PROT_EXEC), MASKED(3, MAP_ANONYMOUS, 0) } },
	{ "mmap2", 1, { MASKED(2, PROT_EXEC, 0) } },
	{ "mmap2",
	  2,
	  { MASKED(2, PROT_WRITE | PROT_EXEC, PROT_EXEC), MASKED(3, MAP_ANONYMOUS, 0) } },
	{ "mprotect", 1, { MASKED(2, PROT_EXEC, 0) } },
	{ "fcntl", 1, { IS(1, F_GETFD) } },
	{ "fcntl", 1, { IS(1, F_SETFD) } },
	{ "fcntl", 1, { IS(1, F_GETFL) } },
	{ "fcntl", 1, { IS(1, F_SETFL) } },
	{ "fcntl64", 1, { IS(1, F_GETFD) } },
	{ "fcntl64", 1, { IS(1, F_SETFD) } },
	{ "fcntl64", 1, { IS(1, F_GETFL) } },
	{ "fcntl64", 1, { IS(1, F_SETFL) } },
	{ "ioctl", 1, { IS(1, FIONREAD) } },
	{ "ioctl", 1, { IS(1, FIONBIO) } },
	/* Only to ask for our own limits. */
	{ "prlimit64", 2, { IS(0, 0), IS(2, 0) } },
};

/* 0 for a name that this architecture does not have. */
static int add(scmp_filter_ctx filter, uint32_t action, const struct rule *rule)
{
	int call = seccomp_syscall_resolve_name(rule->name);
	int r;

	if (call == __NR_SCMP_ERROR)
		return 0;
	r = seccomp_rule_add_array(filter, action, call, rule->count, rule->args);
	return r == -EDOM ? 0 : r;
}

static int add_unconditional(scmp_filter_ctx filter)
{
	size_t i;

	for (i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		const struct rule rule = { allowed[i], 0, { IS(0, 0) } };
		int r = add(filter, SCMP_ACT_ALLOW, &rule);

		if (r < 0)
			return r;
	}
	return 0;
}

static int add_conditional(scmp_filter_ctx filter)
{
	size_t i;

	for (i = 0; i < sizeof(conditional) / sizeof(conditional[0]); i++) {
		int r = add(filter, SCMP_ACT_ALLOW, &conditional[i]);

		if (r < 0)
			return r;
	}
	return 0;
}

/* abort() raises a signal in ourselves. An AF_UNIX socket fails as where the kernel has none. */
static int add_special(scmp_filter_ctx filter)
{
	const struct rule raise_own = { "tgkill", 1, { IS(0, getpid()) } };
	const struct rule no_unix = { "socket", 1, { IS(0, AF_UNIX) } };
	int r;

	r = add(filter, SCMP_ACT_ALLOW, &raise_own);
	return r < 0 ? r : add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), &no_unix);
}

int px_sandbox_seccomp(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r;

	if (!filter)
		return -ENOMEM;
	r = add_unconditional(filter);
	if (r == 0)
		r = add_conditional(filter);
	if (r == 0)
		r = add_special(filter);
	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r;
}
