/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "pxenc/sandbox.h"

/* What may be read: what getaddrinfo(3) and OpenSSL open. A symbolic link stands for its target,
 * and what is not there is left out. */
static const char *const readable[] = {
	"/etc/resolv.conf",
	"/run/systemd/resolve", /* the target of resolv.conf, which resolved replaces */
	"/etc/hosts",
	"/etc/nsswitch.conf",
	"/etc/host.conf",
	"/etc/gai.conf",
	"/etc/services",
	"/etc/protocols",
	"/etc/ld.so.cache",
	"/etc/ssl",
	"/etc/pki",		    /* Fedora's CA certificates */
	"/var/lib/ca-certificates", /* SUSE's */
	"/usr/lib",
	"/lib",
	"/lib64",
	"/usr/share/ca-certificates",
	"/usr/local/share/ca-certificates",
};

/* The access rights that an ABI version knows; all that are not granted are then denied. */
static uint64_t known_rights(long abi)
{
	unsigned int count = abi >= 5 ? 16 : abi >= 3 ? 15 : abi == 2 ? 14 : 13;

	return ((uint64_t)1 << count) - 1;
}

/* Allows reading below an opened path, or reading it where it is a file. */
static int allow(int ruleset, int fd)
{
	struct landlock_path_beneath_attr rule = {
		.parent_fd = fd,
		.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE,
	};
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		rule.allowed_access |= LANDLOCK_ACCESS_FS_READ_DIR;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		return -errno;
	return 0;
}

static int allow_all(int ruleset)
{
	size_t i;

	for (i = 0; i < sizeof(readable) / sizeof(readable[0]); i++) {
		px_auto(fd) int fd = open(readable[i], O_PATH | O_CLOEXEC);
		int r;

		if (fd < 0)
			continue;
		r = allow(ruleset, fd);
		if (r < 0)
			return r;
	}
	return 0;
}

int px_sandbox_landlock(void)
{
	struct landlock_ruleset_attr attr = { .handled_access_fs = 0 };
	px_auto(fd) int ruleset = -1;
	long abi;
	int r;

	abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	if (abi < 0)
		return errno == ENOSYS || errno == EOPNOTSUPP ? 0 : -errno;
	attr.handled_access_fs = known_rights(abi);
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (ruleset < 0)
		return -errno;
	r = allow_all(ruleset);
	if (r < 0)
		return r;
	return syscall(SYS_landlock_restrict_self, ruleset, 0) < 0 ? -errno : 0;
}

bool px_sandbox_shuts_out(const char *file)
{
	px_auto(fd) int fd = open(file, O_RDONLY | O_CLOEXEC);
	struct stat st;

	/* Landlock does not deny stat(2). */
	return fd < 0 && errno == EACCES && stat(file, &st) == 0 && (st.st_mode & S_IROTH);
}

bool px_sandbox_is_outdated(void)
{
	size_t i;

	for (i = 0; i < sizeof(readable) / sizeof(readable[0]); i++)
		if (px_sandbox_shuts_out(readable[i]))
			return true;
	return false;
}
