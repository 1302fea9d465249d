/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <pwd.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pxenc/sandbox.h"

/*
 * The calls that confine a process. While `rehearse` is set they do nothing but be written down,
 * and fail as they are told to; else they are the real ones, in a process of their own.
 */
static bool rehearse;
static char done[1024];	  /* "dumpable=0 setsid …" */
static char opened[4096]; /* "/etc/hosts|…" */
static struct fault no_prctl, no_setrlimit, no_getrlimit, no_close_range, no_setsid, no_mlockall,
	no_setgroups, no_setresgid, no_setresuid, no_syscall, no_load, no_init, no_rule, no_fopen,
	no_getrandom, no_open, no_fstat;
static uid_t pretended_uid;
static pid_t pretended_parent;
static unsigned long last_capability;
static long landlock_abi; /* or -errno */

int __real_prctl(int option, ...);
int __wrap_prctl(int option, ...);
int __real_setrlimit(__rlimit_resource_t which, const struct rlimit *limit);
int __wrap_setrlimit(__rlimit_resource_t which, const struct rlimit *limit);
int __real_getrlimit(__rlimit_resource_t which, struct rlimit *limit);
int __wrap_getrlimit(__rlimit_resource_t which, struct rlimit *limit);
int __real_close_range(unsigned int first, unsigned int last, int flags);
int __wrap_close_range(unsigned int first, unsigned int last, int flags);
pid_t __real_setsid(void);
pid_t __wrap_setsid(void);
int __real_mlockall(int flags);
int __wrap_mlockall(int flags);
int __real_setgroups(size_t count, const gid_t *groups);
int __wrap_setgroups(size_t count, const gid_t *groups);
int __real_setresgid(gid_t real, gid_t effective, gid_t saved);
int __wrap_setresgid(gid_t real, gid_t effective, gid_t saved);
int __real_setresuid(uid_t real, uid_t effective, uid_t saved);
int __wrap_setresuid(uid_t real, uid_t effective, uid_t saved);
uid_t __real_geteuid(void);
uid_t __wrap_geteuid(void);
pid_t __real_getppid(void);
pid_t __wrap_getppid(void);
long __real_syscall(long number, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);
int __real_seccomp_load(scmp_filter_ctx filter);
int __wrap_seccomp_load(scmp_filter_ctx filter);
scmp_filter_ctx __real_seccomp_init(uint32_t action);
scmp_filter_ctx __wrap_seccomp_init(uint32_t action);
int __real_seccomp_rule_add_array(scmp_filter_ctx filter, uint32_t action, int call,
				  unsigned int count, const struct scmp_arg_cmp *args);
int __wrap_seccomp_rule_add_array(scmp_filter_ctx filter, uint32_t action, int call,
				  unsigned int count, const struct scmp_arg_cmp *args);
FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);
ssize_t __real_getrandom(void *data, size_t len, unsigned int flags);
ssize_t __wrap_getrandom(void *data, size_t len, unsigned int flags);
int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __real_fstat(int fd, struct stat *st);
int __wrap_fstat(int fd, struct stat *st);

static void wrote_down(const char *what)
{
	strncat(done, what, sizeof(done) - strlen(done) - 1);
	strncat(done, " ", sizeof(done) - strlen(done) - 1);
}

static const char *prctl_name(int option)
{
	switch (option) {
	case PR_SET_DUMPABLE:
		return "undumpable";
	case PR_CAP_AMBIENT:
		return "ambient";
	case PR_SET_NO_NEW_PRIVS:
		return "nnp";
	case PR_SET_PDEATHSIG:
		return "pdeathsig";
	default:
		return "other";
	}
}

int __wrap_prctl(int option, ...)
{
	unsigned long argument;
	va_list args;

	va_start(args, option);
	argument = va_arg(args, unsigned long);
	va_end(args);
	if (!rehearse)
		return __real_prctl(option, argument, 0UL, 0UL, 0UL);
	if (fault_hits(&no_prctl))
		return -1;
	if (option != PR_CAPBSET_DROP) {
		wrote_down(prctl_name(option));
		return 0;
	}
	if (argument == 0)
		wrote_down("bounding");
	if (argument <= last_capability)
		return 0;
	errno = EINVAL;
	return -1;
}

static const char *limit_name(__rlimit_resource_t which)
{
	switch (which) {
	case RLIMIT_CORE:
		return "core";
	case RLIMIT_FSIZE:
		return "fsize";
	case RLIMIT_NOFILE:
		return "nofile";
	default:
		return "memlock";
	}
}

int __wrap_setrlimit(__rlimit_resource_t which, const struct rlimit *limit)
{
	if (!rehearse)
		return __real_setrlimit(which, limit);
	if (fault_hits(&no_setrlimit))
		return -1;
	if (which == RLIMIT_CORE || which == RLIMIT_FSIZE)
		assert_int_equal(limit->rlim_max, 0);
	assert_int_equal(limit->rlim_cur, limit->rlim_max);
	wrote_down(limit_name(which));
	return 0;
}

int __wrap_getrlimit(__rlimit_resource_t which, struct rlimit *limit)
{
	return fault_hits(&no_getrlimit) ? -1 : __real_getrlimit(which, limit);
}

/* One that is written down when it is rehearsed. */
#define WRITTEN_DOWN(type, name, fault, parameters, arguments)                                     \
	type __wrap_##name parameters                                                              \
	{                                                                                          \
		if (!rehearse)                                                                     \
			return __real_##name arguments;                                            \
		if (fault_hits(&(fault)))                                                          \
			return -1;                                                                 \
		wrote_down(#name);                                                                 \
		return 0;                                                                          \
	}

WRITTEN_DOWN(int, close_range, no_close_range, (unsigned int first, unsigned int last, int flags),
	     (first, last, flags))
WRITTEN_DOWN(pid_t, setsid, no_setsid, (void), ())
WRITTEN_DOWN(int, mlockall, no_mlockall, (int flags), (flags))
WRITTEN_DOWN(int, setgroups, no_setgroups, (size_t count, const gid_t *groups), (count, groups))
WRITTEN_DOWN(int, setresgid, no_setresgid, (gid_t real, gid_t effective, gid_t saved),
	     (real, effective, saved))
WRITTEN_DOWN(int, setresuid, no_setresuid, (uid_t real, uid_t effective, uid_t saved),
	     (real, effective, saved))
WRITTEN_DOWN(int, seccomp_load, no_load, (scmp_filter_ctx filter), (filter))

uid_t __wrap_geteuid(void)
{
	return rehearse ? pretended_uid : __real_geteuid();
}

pid_t __wrap_getppid(void)
{
	return rehearse ? pretended_parent : __real_getppid();
}

long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	if (!rehearse)
		return __real_syscall(number, a, b, c, d, e, f);
	if (number == SYS_landlock_create_ruleset && c == LANDLOCK_CREATE_RULESET_VERSION) {
		errno = landlock_abi < 0 ? (int)-landlock_abi : 0;
		return landlock_abi < 0 ? -1 : landlock_abi;
	}
	if (fault_hits(&no_syscall))
		return -1;
	switch (number) {
	case SYS_capset:
		wrote_down("capset");
		return 0;
	case SYS_landlock_create_ruleset: {
		const struct landlock_ruleset_attr *attr = (void *)a;
		char text[64];

		/* What a newer header adds is not asked for, and not left to chance either. */
		assert_int_equal(b, sizeof(*attr));
		assert_memory_equal(attr,
				    &(struct landlock_ruleset_attr){
					    .handled_access_fs = attr->handled_access_fs },
				    sizeof(*attr));
		snprintf(text, sizeof(text), "landlock=%llx",
			 (unsigned long long)attr->handled_access_fs);
		wrote_down(text);
		return __real_open("/dev/null", O_RDONLY | O_CLOEXEC);
	}
	case SYS_landlock_restrict_self:
		wrote_down("restricted");
		return 0;
	default:
		return 0;
	}
}

scmp_filter_ctx __wrap_seccomp_init(uint32_t action)
{
	return fault_hits(&no_init) ? NULL : __real_seccomp_init(action);
}

int __wrap_seccomp_rule_add_array(scmp_filter_ctx filter, uint32_t action, int call,
				  unsigned int count, const struct scmp_arg_cmp *args)
{
	if (fault_hits(&no_rule))
		return -no_rule.error;
	return __real_seccomp_rule_add_array(filter, action, call, count, args);
}

FILE *__wrap_fopen(const char *path, const char *mode)
{
	return fault_hits(&no_fopen) ? NULL : __real_fopen(path, mode);
}

ssize_t __wrap_getrandom(void *data, size_t len, unsigned int flags)
{
	return fault_hits(&no_getrandom) ? -1 : __real_getrandom(data, len, flags);
}

int __wrap_open(const char *path, int flags, ...)
{
	if (rehearse)
		snprintf(opened + strlen(opened), sizeof(opened) - strlen(opened), "%s|", path);
	return fault_hits(&no_open) ? -1 : __real_open(path, flags);
}

int __wrap_fstat(int fd, struct stat *st)
{
	return fault_hits(&no_fstat) ? -1 : __real_fstat(fd, st);
}

static int rehearsal_begins(void **state)
{
	if (temp_dir_make(state) < 0)
		return -1;
	rehearse = true;
	done[0] = opened[0] = '\0';
	pretended_uid = 0;
	pretended_parent = 4711;
	last_capability = 40;
	landlock_abi = 2;
	return 0;
}

static int rehearsal_ends(void **state)
{
	rehearse = false;
	return temp_dir_remove(state);
}

static void fails_once(struct fault *fault, unsigned int skip, int error)
{
	*fault = (struct fault){ .skip = skip, .times = 1, .error = error };
}

static int warm_up_result;

static int warm_up(void)
{
	wrote_down("warm");
	return warm_up_result;
}

static struct px_sandbox_report report;

static int enter(void)
{
	done[0] = '\0';
	return px_sandbox_enter(4711, warm_up, &report);
}

/* The order. */

TEST(root_gives_everything_up_in_the_one_order)
{
	assert_int_equal(enter(), 0);
	assert_null(report.step);
	assert_false(report.unlocked);
	assert_string_equal(done, "undumpable core close_range setsid fsize nofile memlock "
				  "mlockall bounding setgroups setresgid setresuid ambient capset "
				  "nnp undumpable core pdeathsig landlock=3fff restricted warm "
				  "seccomp_load ");
}

TEST(another_user_keeps_its_user_and_does_all_the_rest)
{
	pretended_uid = 1000;
	assert_int_equal(enter(), 0);
	assert_string_equal(done, "undumpable core close_range setsid fsize nofile memlock "
				  "mlockall ambient capset nnp undumpable core pdeathsig "
				  "landlock=3fff restricted warm seccomp_load ");
}

/* Each step that fails is named, and none that follows it is taken. */
static void check_step(int error, const char *step, const char *not_done)
{
	assert_int_equal(enter(), -error);
	if (!strstr(report.step, step))
		fail_msg("'%s' is not in: %s", step, report.step);
	assert_null(strstr(done, not_done));
}

TEST(a_step_that_fails_is_named_and_is_the_last)
{
	fails_once(&no_prctl, 0, EPERM);
	check_step(EPERM, "core dumps", "core");
	fails_once(&no_setrlimit, 0, EPERM);
	check_step(EPERM, "core dumps", "close_range");
	fails_once(&no_close_range, 0, EPERM);
	check_step(EPERM, "inherited", "setsid");
	fails_once(&no_setsid, 0, EFAULT);
	check_step(EFAULT, "inherited", "fsize");
	fails_once(&no_setrlimit, 1, EINVAL);
	check_step(EINVAL, "inherited", "nofile");
	fails_once(&no_setrlimit, 2, EINVAL);
	check_step(EINVAL, "inherited", "memlock");
	fails_once(&no_mlockall, 0, ENOMEM);
	check_step(ENOMEM, "lock its memory", "bounding");
	fails_once(&no_getrandom, 0, EAGAIN);
	check_step(EIO, "become the user pxenc", "bounding");
	fails_once(&no_setgroups, 0, EPERM);
	check_step(EPERM, "become the user pxenc", "setresgid");
	fails_once(&no_setresgid, 0, EINVAL);
	check_step(EINVAL, "become the user pxenc", "setresuid");
	fails_once(&no_setresuid, 0, EAGAIN);
	check_step(EAGAIN, "become the user pxenc", "ambient");
	fails_once(&no_syscall, 0, EPERM);
	check_step(EPERM, "capabilities", "nnp");
	fails_once(&no_load, 0, EFAULT);
	no_load.error = 1; /* libseccomp gives -errno; ours gives -1 */
	check_step(1, "seccomp", "seccomp_load");
}

TEST(a_parent_that_is_gone_ends_it)
{
	pretended_parent = 1;
	check_step(ESRCH, "follow its parent", "landlock");
}

TEST(libraries_that_cannot_be_loaded_end_it)
{
	warm_up_result = -EIO;
	check_step(EIO, "libraries", "seccomp_load");
	warm_up_result = 0;
}

TEST(a_bounding_set_that_cannot_be_dropped_ends_it)
{
	/* The first PR_CAPBSET_DROP comes after one PR_SET_DUMPABLE. */
	fails_once(&no_prctl, 1, EPERM);
	check_step(EPERM, "become the user pxenc", "setgroups");
	/* EINVAL at once: there are no capabilities at all, which cannot be. */
	fails_once(&no_prctl, 1, EINVAL);
	check_step(EINVAL, "become the user pxenc", "setgroups");
}

TEST(a_group_leader_is_no_session_leader_and_that_is_fine)
{
	fails_once(&no_setsid, 0, EPERM);
	assert_int_equal(enter(), 0);
}

TEST(every_prctl_that_fails_ends_it)
{
	unsigned int n;

	last_capability = 1;
	/* dumpable, two capabilities and the end of them, ambient, nnp, dumpable, pdeathsig */
	for (n = 0; n < 8; n++) {
		fails_once(&no_prctl, n, EACCES);
		assert_int_equal(enter(), -EACCES);
	}
	assert_int_equal(enter(), 0);
}

/* Memory. */

TEST(a_limit_that_cannot_be_lifted_leaves_the_secrets_locked)
{
	fails_once(&no_setrlimit, 3, EPERM);
	assert_int_equal(enter(), 0);
	assert_true(report.unlocked);
	assert_null(strstr(done, "mlockall"));
	assert_non_null(strstr(done, "memlock"));
}

TEST(a_limit_that_cannot_be_read_or_raised_ends_it)
{
	no_setrlimit = (struct fault){ .skip = 3, .times = 1, .error = EPERM };
	fails_once(&no_getrlimit, 0, EFAULT);
	check_step(EFAULT, "lock its memory", "mlockall");
	no_setrlimit = (struct fault){ .skip = 3, .times = 2, .error = EPERM };
	check_step(EPERM, "lock its memory", "mlockall");
	no_setrlimit = (struct fault){ .skip = 3, .times = 1, .error = EFAULT };
	check_step(EFAULT, "lock its memory", "mlockall");
}

/* Landlock. */

TEST(a_kernel_without_landlock_is_fine)
{
	landlock_abi = -ENOSYS;
	assert_int_equal(px_sandbox_landlock(), 0);
	landlock_abi = -EOPNOTSUPP;
	assert_int_equal(px_sandbox_landlock(), 0);
	assert_string_equal(done, "");
	landlock_abi = -EPERM;
	assert_int_equal(px_sandbox_landlock(), -EPERM);
}

TEST(every_right_that_a_kernel_knows_is_handled)
{
	static const struct {
		long abi;
		const char *handled;
	} cases[] = { { 1, "landlock=1fff " }, { 2, "landlock=3fff " }, { 3, "landlock=7fff " },
		      { 4, "landlock=7fff " }, { 5, "landlock=ffff " }, { 7, "landlock=ffff " } };
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		done[0] = '\0';
		landlock_abi = cases[i].abi;
		assert_int_equal(px_sandbox_landlock(), 0);
		assert_ptr_equal(strstr(done, cases[i].handled), done);
	}
}

TEST(ca_certificates_may_be_read_wherever_a_distribution_has_them)
{
	assert_int_equal(px_sandbox_landlock(), 0);
	assert_non_null(strstr(opened, "|/etc/ssl|"));
	assert_non_null(strstr(opened, "|/etc/pki|"));
	assert_non_null(strstr(opened, "|/var/lib/ca-certificates|"));
}

TEST(every_landlock_call_that_fails_ends_it)
{
	unsigned int n;

	/* The ruleset, at least five rules, and so on. */
	for (n = 0; n < 5; n++) {
		fails_once(&no_syscall, n, EBADF);
		assert_int_equal(px_sandbox_landlock(), -EBADF);
	}
	fails_once(&no_fstat, 0, EIO);
	assert_int_equal(px_sandbox_landlock(), -EIO);
}

TEST(restricting_itself_may_fail)
{
	/* No file can be opened: no rule, so that the second call is the last. */
	no_open = (struct fault){ .times = 100, .error = ENOENT };
	fails_once(&no_syscall, 1, EPERM);
	assert_int_equal(px_sandbox_landlock(), -EPERM);
	no_open.times = 0;
}

TEST(a_file_is_shut_out_when_all_may_read_it_and_we_may_not)
{
	const char *open_to_all = temp_text("open", "x", 0644);
	const char *closed = temp_text("closed", "x", 0600);

	assert_false(px_sandbox_shuts_out(open_to_all));
	assert_false(px_sandbox_shuts_out(temp_path("missing")));
	fails_once(&no_open, 0, EACCES);
	assert_true(px_sandbox_shuts_out(open_to_all));
	fails_once(&no_open, 0, EACCES);
	assert_false(px_sandbox_shuts_out(closed));
}

TEST(a_sandbox_is_outdated_when_it_shuts_out_a_file_that_it_should_not)
{
	assert_false(px_sandbox_is_outdated());
	fails_once(&no_open, 0, EACCES);
	assert_true(px_sandbox_is_outdated());
}

/* seccomp. */

TEST(a_filter_that_cannot_be_made_ends_it)
{
	unsigned int n;
	int r;

	fails_once(&no_init, 0, ENOMEM);
	assert_int_equal(px_sandbox_seccomp(), -ENOMEM);
	for (n = 0;; n++) {
		fails_once(&no_rule, n, ENOMEM);
		r = px_sandbox_seccomp();
		if (no_rule.times)
			break;
		assert_int_equal(r, -ENOMEM);
	}
	assert_int_equal(r, 0);
	assert_true(n > 60);
	no_rule.times = 0;
}

TEST(a_rule_that_an_architecture_cannot_have_is_left_out)
{
	no_rule = (struct fault){ .times = 1000, .error = EDOM };
	assert_int_equal(px_sandbox_seccomp(), 0);
	no_rule.times = 0;
}

/* The user. */

static FILE *text_file(const char *text)
{
	FILE *file = fmemopen((char *)(uintptr_t)text, strlen(text), "r");

	assert_non_null(file);
	return file;
}

static const char *dynamic_dir;

static int find(const char *passwd, const char *group, unsigned int start, uid_t *uid, gid_t *gid)
{
	FILE *users = text_file(passwd), *groups = text_file(group);
	int r = px_sandbox_find_user(users, groups, dynamic_dir, start, uid, gid);

	fclose(users);
	fclose(groups);
	return r;
}

#define ROOT "root:x:0:0:root:/root:/bin/sh\n"

TEST(the_user_pxenc_is_taken_where_there_is_one)
{
	uid_t uid = 0;
	gid_t gid = 0;

	assert_int_equal(find(ROOT "pxencx:x:5:5::/:\npxenc:x:998:997::/:/usr/sbin/nologin\n",
			      "root:x:0:\n", 0, &uid, &gid),
			 0);
	assert_int_equal(uid, 998);
	assert_int_equal(gid, 997);
}

TEST(a_user_pxenc_that_is_root_is_refused)
{
	uid_t uid = 7;
	gid_t gid = 7;

	assert_int_equal(find(ROOT "pxenc:x:0:5::/:\n", "root:x:0:\n", 0, &uid, &gid), -EPERM);
	assert_int_equal(find(ROOT "pxenc:x:5:0::/:\n", "root:x:0:\n", 0, &uid, &gid), -EPERM);
	assert_int_equal(uid, 7);
	assert_int_equal(gid, 7);
}

TEST(else_a_uid_that_nobody_has)
{
	uid_t uid = 0;
	gid_t gid = 0;

	dynamic_dir = temp_path("dynamic-uid");
	assert_int_equal(mkdir(dynamic_dir, 0755), 0);
	temp_text("dynamic-uid/61186", "", 0644);
	assert_int_equal(
		find(ROOT "u:x:61184:5::/:\nv:x:5:61187::/:\n", "g:x:61185:\n", 0, &uid, &gid), 0);
	assert_int_equal(uid, 61188);
	assert_int_equal(gid, 61188);
	assert_int_equal(find(ROOT, "g:x:1:\n", 4335, &uid, &gid), 0);
	assert_int_equal(uid, PX_DYNAMIC_UID_MAX);
	assert_int_equal(find("w:x:65519:1::/:\n", "g:x:1:\n", 4335, &uid, &gid), 0);
	assert_int_equal(uid, PX_DYNAMIC_UID_MIN);
	assert_int_equal(find(ROOT, "g:x:1:\n", 0xffffffff, &uid, &gid), 0);
	assert_in_range(uid, PX_DYNAMIC_UID_MIN, PX_DYNAMIC_UID_MAX);
}

TEST(with_all_uids_taken_there_is_none)
{
	px_auto(free) char *group = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&group, &len);
	uid_t uid;
	gid_t gid;
	int id;

	for (id = PX_DYNAMIC_UID_MIN; id <= PX_DYNAMIC_UID_MAX; id++)
		fprintf(out, "g%d:x:%d:\n", id, id);
	fclose(out);
	dynamic_dir = "/nowhere";
	assert_int_equal(find(ROOT, group, 0, &uid, &gid), -ESRCH);
}

TEST(a_machine_without_a_user_list_gets_no_user)
{
	fails_once(&no_fopen, 0, ENOENT);
	assert_int_equal(px_sandbox_change_user(), -EIO);
	fails_once(&no_fopen, 1, ENOENT);
	assert_int_equal(px_sandbox_change_user(), -EIO);
	assert_string_equal(done, "");
}

/* The real thing: a process confines itself and then tries what it may not do any more. */

static int nothing(void)
{
	return 0;
}

/* 0 when the call failed with this errno. */
static int failed_with(long r, int error)
{
	return r == -1 && errno == error ? 0 : 1;
}

static int tries_sockets(void)
{
	int fds[2];

	return failed_with(socket(AF_UNIX, SOCK_STREAM, 0), EAFNOSUPPORT) ||
	       failed_with(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), EPERM) ||
	       failed_with(socket(AF_PACKET, SOCK_RAW, 0), EPERM) ||
	       failed_with(socket(AF_NETLINK, SOCK_RAW, 9), EPERM) ||
	       socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0 ||
	       socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0) < 0 ||
	       failed_with(listen(3, 1), EPERM);
}

static int tries_processes(void)
{
	char *const argv[] = { (char *)(uintptr_t) "/bin/true", NULL };

	return failed_with(__real_syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0), EPERM) ||
	       failed_with(__real_syscall(SYS_clone3, 0, 0, 0, 0, 0, 0), EPERM) ||
	       failed_with(execve(argv[0], argv, NULL), EPERM) ||
	       failed_with(ptrace(PTRACE_ATTACH, getppid(), 0, 0), EPERM) ||
	       failed_with(kill(getppid(), 0), EPERM) ||
	       failed_with(__real_prctl(PR_SET_DUMPABLE, 1UL, 0UL, 0UL, 0UL), EPERM) ||
	       failed_with(__real_syscall(SYS_unshare, 0x10000000, 0, 0, 0, 0, 0), EPERM) ||
	       failed_with(__real_syscall(SYS_bpf, 0, 0, 0, 0, 0, 0), EPERM);
}

static int tries_memory(void)
{
	void *both = __real_syscall(SYS_mmap, 0, 4096, PROT_WRITE | PROT_EXEC,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == -1
			     ? NULL
			     : (void *)1;
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return both || page == MAP_FAILED ||
	       failed_with(mprotect(page, 4096, PROT_READ | PROT_EXEC), EPERM) ||
	       failed_with((long)mmap(NULL, 4096, PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
			   EPERM) ||
	       mprotect(page, 4096, PROT_READ) < 0 || mlock(page, 4096) < 0;
}

static bool can_read(const char *path)
{
	int fd = __real_open(path, O_RDONLY | O_CLOEXEC);

	px_fd_cleanup(&fd);
	return fd >= 0;
}

static bool has_landlock(void)
{
	return __real_syscall(SYS_landlock_create_ruleset, 0, 0, LANDLOCK_CREATE_RULESET_VERSION, 0,
			      0, 0) >= 0;
}

static bool landlocked;

static int tries_files(void)
{
	if (!can_read("/etc/hosts") || !can_read("/etc/ssl") || !can_read("/usr/lib/os-release"))
		return 1;
	if (landlocked && (can_read("/etc/passwd") || can_read("/proc/self/status") ||
			   can_read("/") || can_read("/etc/shadow")))
		return 1;
	return failed_with(unlink("/tmp/whatever"), EPERM);
}

/* EPERM is the filter's word; a kernel without Landlock has no other. */
static int tries_writing(void)
{
	return failed_with(__real_open("/etc/hosts", O_WRONLY | O_CLOEXEC), EPERM) ||
	       failed_with(__real_open("/etc/hosts", O_RDWR | O_CLOEXEC), EPERM) ||
	       failed_with(__real_open("/etc/hosts", O_RDONLY | O_TRUNC | O_CLOEXEC), EPERM) ||
	       failed_with(__real_open("/tmp/whatever", O_RDONLY | O_CREAT | O_CLOEXEC, 0600),
			   EPERM) ||
	       failed_with(__real_open("/tmp", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600), EPERM);
}

static int tries_limits(void)
{
	struct rlimit limit;

	return __real_getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_max != 64 ||
	       failed_with(__real_setrlimit(RLIMIT_NOFILE, &limit), EPERM) ||
	       __real_getrlimit(RLIMIT_CORE, &limit) < 0 || limit.rlim_max != 0;
}

static int tries_identity(void)
{
	return __real_geteuid() == 0 || failed_with(__real_setresuid(0, 0, 0), EPERM);
}

static int tries_a_signal(void)
{
	signal(SIGUSR1, SIG_IGN);
	return raise(SIGUSR1) != 0;
}

/* What a confined child makes of an attempt; 200: it could not confine itself. */
static int confined(int (*attempt)(void))
{
	int status;
	pid_t pid;

	landlocked = has_landlock();
	pid = fork();
	if (pid == 0) {
		struct px_sandbox_report own;

		if (px_sandbox_enter(__real_getppid(), nothing, &own) < 0)
			_exit(200);
		_exit(attempt());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

TEST(a_confined_process_has_the_internet_and_no_other_socket)
{
	assert_int_equal(confined(tries_sockets), 0);
}

TEST(a_confined_process_starts_and_touches_no_other)
{
	assert_int_equal(confined(tries_processes), 0);
}

TEST(a_confined_process_makes_no_code)
{
	assert_int_equal(confined(tries_memory), 0);
}

TEST(a_confined_process_writes_nothing)
{
	assert_int_equal(confined(tries_writing), 0);
}

TEST(a_confined_process_reads_what_the_resolver_and_tls_need_and_no_more)
{
	if (!has_landlock())
		print_message("this kernel has no Landlock: what may not be read is not shown\n");
	assert_int_equal(confined(tries_files), 0);
}

TEST(a_confined_process_keeps_its_limits)
{
	assert_int_equal(confined(tries_limits), 0);
}

TEST(a_confined_process_may_still_end_itself)
{
	assert_int_equal(confined(tries_a_signal), 0);
}

TEST(a_process_of_root_is_somebody_else_for_good)
{
	if (__real_geteuid() != 0)
		skip();
	assert_int_equal(confined(tries_identity), 0);
}

#define rehearsed(test) cmocka_unit_test_setup_teardown(test, rehearsal_begins, rehearsal_ends)

int main(void)
{
	const struct CMUnitTest tests[] = {
		rehearsed(root_gives_everything_up_in_the_one_order),
		rehearsed(another_user_keeps_its_user_and_does_all_the_rest),
		rehearsed(a_step_that_fails_is_named_and_is_the_last),
		rehearsed(a_parent_that_is_gone_ends_it),
		rehearsed(libraries_that_cannot_be_loaded_end_it),
		rehearsed(a_bounding_set_that_cannot_be_dropped_ends_it),
		rehearsed(a_group_leader_is_no_session_leader_and_that_is_fine),
		rehearsed(every_prctl_that_fails_ends_it),
		rehearsed(a_limit_that_cannot_be_lifted_leaves_the_secrets_locked),
		rehearsed(a_limit_that_cannot_be_read_or_raised_ends_it),
		rehearsed(a_kernel_without_landlock_is_fine),
		rehearsed(every_right_that_a_kernel_knows_is_handled),
		rehearsed(ca_certificates_may_be_read_wherever_a_distribution_has_them),
		rehearsed(every_landlock_call_that_fails_ends_it),
		rehearsed(restricting_itself_may_fail),
		rehearsed(a_file_is_shut_out_when_all_may_read_it_and_we_may_not),
		rehearsed(a_sandbox_is_outdated_when_it_shuts_out_a_file_that_it_should_not),
		rehearsed(a_filter_that_cannot_be_made_ends_it),
		rehearsed(a_rule_that_an_architecture_cannot_have_is_left_out),
		rehearsed(the_user_pxenc_is_taken_where_there_is_one),
		rehearsed(a_user_pxenc_that_is_root_is_refused),
		rehearsed(else_a_uid_that_nobody_has),
		rehearsed(with_all_uids_taken_there_is_none),
		rehearsed(a_machine_without_a_user_list_gets_no_user),
		cmocka_unit_test(a_confined_process_has_the_internet_and_no_other_socket),
		cmocka_unit_test(a_confined_process_starts_and_touches_no_other),
		cmocka_unit_test(a_confined_process_makes_no_code),
		cmocka_unit_test(
			a_confined_process_reads_what_the_resolver_and_tls_need_and_no_more),
		cmocka_unit_test(a_confined_process_writes_nothing),
		cmocka_unit_test(a_confined_process_keeps_its_limits),
		cmocka_unit_test(a_confined_process_may_still_end_itself),
		cmocka_unit_test(a_process_of_root_is_somebody_else_for_good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
