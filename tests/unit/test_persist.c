/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pxenc/clock.h"
#include "pxenc/path.h"
#include "pxenc/persist.h"
#include "pxenc/places.h"

/*
 * Against a stand-in for systemd-creds, a shell script of each test's own. It "encrypts" by another
 * alphabet, behind a line with the key that it was told, and writes its arguments down.
 */
static const char *plain, *encrypted, *creds;
static struct fault no_mmap, no_fsync, no_flock, no_openat, no_renameat, no_unlinkat, no_poll,
	no_linkat;
static struct fault no_access;
static uid_t foreign_euid;

const char *px_place_credstore(void)
{
	return plain;
}

const char *px_place_credstore_encrypted(void)
{
	return encrypted;
}

const char *px_place_systemd_creds(void)
{
	return creds;
}

void *__real_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
int __real_access(const char *path, int mode);
int __wrap_access(const char *path, int mode);
int __real_faccessat(int dir, const char *name, int mode, int flags);
int __wrap_faccessat(int dir, const char *name, int mode, int flags);
int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_flock(int fd, int operation);
int __wrap_flock(int fd, int operation);
int __real_openat(int dir, const char *name, int flags, ...);
int __wrap_openat(int dir, const char *name, int flags, ...);
int __real_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __real_linkat(int from_dir, const char *from, int to_dir, const char *to, int flags);
int __wrap_linkat(int from_dir, const char *from, int to_dir, const char *to, int flags);
int __real_unlinkat(int dir, const char *name, int flags);
int __wrap_unlinkat(int dir, const char *name, int flags);
int __real_poll(struct pollfd *fds, nfds_t count, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout);
uid_t __real_geteuid(void);
uid_t __wrap_geteuid(void);

void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
	if (fault_hits(&no_mmap))
		return MAP_FAILED;
	return __real_mmap(address, size, protection, flags, fd, offset);
}

int __wrap_access(const char *path, int mode)
{
	return fault_hits(&no_access) ? -1 : __real_access(path, mode);
}

int __wrap_faccessat(int dir, const char *name, int mode, int flags)
{
	return fault_hits(&no_access) ? -1 : __real_faccessat(dir, name, mode, flags);
}

int __wrap_fsync(int fd)
{
	return fault_hits(&no_fsync) ? -1 : __real_fsync(fd);
}

int __wrap_flock(int fd, int operation)
{
	return fault_hits(&no_flock) ? -1 : __real_flock(fd, operation);
}

int __wrap_openat(int dir, const char *name, int flags, ...)
{
	return fault_hits(&no_openat) ? -1 : __real_openat(dir, name, flags, 0600);
}

int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	return fault_hits(&no_renameat) ? -1 : __real_renameat(from_dir, from, to_dir, to);
}

int __wrap_linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	return fault_hits(&no_linkat) ? -1 : __real_linkat(from_dir, from, to_dir, to, flags);
}

int __wrap_unlinkat(int dir, const char *name, int flags)
{
	return fault_hits(&no_unlinkat) ? -1 : __real_unlinkat(dir, name, flags);
}

int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout)
{
	return fault_hits(&no_poll) ? -1 : __real_poll(fds, count, timeout);
}

uid_t __wrap_geteuid(void)
{
	return foreign_euid ? foreign_euid : __real_geteuid();
}

#define HAS_TPM2 "has-tpm2) exit 0;;"
#define NO_TPM2 "has-tpm2) exit 1;;"
#define ENCRYPT "encrypt) echo \"$3\"; tr a-z n-za-m;;"
#define DECRYPT "decrypt) tail -n +2 | tr n-za-m a-z;;"

static void install_creds(const char *cases)
{
	char script[1024];

	snprintf(script, sizeof(script),
		 "#!/bin/sh\necho \"$*\" >>%s\ncase $1 in\n%s\nesac\nexit $?\n", temp_path("calls"),
		 cases);
	creds = temp_file("systemd-creds", script, strlen(script), 0755);
}

static int world_make(void **state)
{
	if (temp_dir_make(state) < 0)
		return -1;
	signal(SIGPIPE, SIG_IGN);
	plain = temp_path("credstore");
	encrypted = temp_path("credstore.encrypted");
	unsetenv("CREDENTIALS_DIRECTORY");
	install_creds(NO_TPM2 ENCRYPT DECRYPT);
	log_forget();
	return 0;
}

static int world_end(void **state)
{
	no_access.times = no_mmap.times = no_fsync.times = no_flock.times = no_openat.times = 0;
	no_renameat.times = no_unlinkat.times = no_poll.times = no_linkat.times = 0;
	foreign_euid = 0;
	allocation_fails(0);
	return temp_dir_remove(state);
}

static struct px_account make_account(const char *uid, const char *password)
{
	struct px_account account = { .uid = strdup(uid) };

	assert_int_equal(px_secret_from(password, strlen(password), &account.password), 0);
	return account;
}

static enum px_status save_as(const char *uid, const char *password, const char *base)
{
	px_auto(account) struct px_account account = make_account(uid, password);
	bool tpm2;

	return px_persist_save(&account, base, px_now_ms() + 5000, &tpm2);
}

static enum px_status save(void)
{
	return save_as("bob", "sesame", NULL);
}

static enum px_status load(void)
{
	px_auto(account) struct px_account account = { .uid = NULL };
	enum px_status st = px_persist_load(px_now_ms() + 10000, &account);

	if (st == PX_OK) {
		assert_string_equal(account.uid, "bob");
		assert_int_equal(px_secret_len(account.password), 6);
		assert_memory_equal(px_secret_bytes(account.password), "sesame", 6);
	}
	return st;
}

static size_t content_of(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	assert_true(fd >= 0);
	n = read(fd, text, size - 1);
	assert_true(n >= 0);
	text[n] = '\0';
	close(fd);
	return (size_t)n;
}

static void check_content(const char *path, const char *wanted)
{
	char text[1024];

	content_of(path, text, sizeof(text));
	assert_string_equal(text, wanted);
}

static const char *login_file(void)
{
	return temp_path("credstore.encrypted/pxenc.login");
}

static const char *base_file(void)
{
	return temp_path("credstore/pxenc.base_path");
}

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void check_base(const char *wanted)
{
	px_auto(free) char *base = NULL;

	assert_ok(px_persist_base_path(&base));
	if (wanted)
		assert_string_equal(base, wanted);
	else
		assert_null(base);
}

static void check_nothing_is_left(void)
{
	assert_false(exists(temp_path("credstore.encrypted/.pxenc.new")));
	assert_false(exists(temp_path("credstore/.pxenc.new")));
	assert_false(exists(temp_path("credstore/.pxenc.old")));
}

/* Keeping and loading. */

TEST(a_login_that_is_kept_comes_back)
{
	char text[1024];

	assert_null(px_persist_file());
	assert_ok(save());
	assert_string_equal(px_persist_file(), login_file());
	assert_ok(load());
	content_of(login_file(), text, sizeof(text));
	assert_null(strstr(text, "sesame"));
	check_content(temp_path("calls"), "has-tpm2 --quiet\n"
					  "encrypt --name=pxenc.login --with-key=host - -\n"
					  "decrypt --name=pxenc.login --newline=no - -\n"
					  "decrypt --name=pxenc.login --newline=no - -\n");
}

TEST(what_the_host_key_alone_encrypts_is_told_by_its_id)
{
	assert_true(px_persist_is_by_host_key(
		temp_text("host", "Whxqht+dQJax1aZeCGLxmiAAAAABAAAADAAAABAAAAC1\n", 0600)));
	assert_false(px_persist_is_by_host_key(
		temp_text("both", "k6iUCUh0RJCQyvL8k8q1UyAAAAABAAAADAAAABAAAAC1\n", 0600)));
	assert_false(px_persist_is_by_host_key(temp_text("short", "Whxqht", 0600)));
	assert_false(px_persist_is_by_host_key(temp_path("nothing")));
}

TEST(it_is_for_its_owner_alone)
{
	mode_t before = umask(0);

	assert_ok(save_as("bob", "sesame", "pwx"));
	umask(before);
	assert_int_equal(mode_of(encrypted), 0700);
	assert_int_equal(mode_of(plain), 0700);
	assert_int_equal(mode_of(login_file()), 0600);
	assert_int_equal(mode_of(base_file()), 0600);
}

TEST(a_service_account_is_kept_too)
{
	px_auto(account) struct px_account account = { .uid = strdup("svc") },
					   again = { .uid = NULL };
	bool tpm2;

	assert_int_equal(px_secret_from("PEM\n", 4, &account.private_key), 0);
	assert_ok(px_persist_save(&account, NULL, px_now_ms() + 5000, &tpm2));
	assert_ok(px_persist_load(PX_FOREVER, &again));
	assert_string_equal(again.uid, "svc");
	assert_true(px_secret_equal(again.private_key, account.private_key));
}

TEST(with_a_tpm2_it_is_encrypted_with_both_keys)
{
	px_auto(account) struct px_account account = make_account("bob", "sesame");
	bool tpm2 = false;
	char text[1024];

	install_creds(HAS_TPM2 ENCRYPT DECRYPT);
	assert_ok(px_persist_save(&account, NULL, px_now_ms() + 5000, &tpm2));
	assert_true(tpm2);
	content_of(login_file(), text, sizeof(text));
	assert_memory_equal(text, "--with-key=host+tpm2\n", 21);
}

TEST(a_tpm2_that_does_not_seal_is_none)
{
	px_auto(account) struct px_account account = make_account("bob", "sesame");
	bool tpm2 = true;

	install_creds(HAS_TPM2 "encrypt) [ $3 = --with-key=host ] || exit 1; echo \"$3\"; tr a-z "
			       "n-za-m;;" DECRYPT);
	assert_ok(px_persist_save(&account, NULL, px_now_ms() + 5000, &tpm2));
	assert_false(tpm2);
	assert_ok(load());
}

TEST(another_login_takes_its_place)
{
	assert_ok(save_as("eve", "old", "a"));
	assert_ok(save());
	assert_ok(load());
}

TEST(what_a_crash_left_behind_is_no_obstacle)
{
	assert_ok(save_as("eve", "old", NULL));
	temp_text("credstore.encrypted/.pxenc.new", "half", 0600);
	temp_text("credstore/.pxenc.new", "half", 0600);
	temp_text("credstore/.pxenc.old", "older", 0600);
	assert_ok(save_as("bob", "sesame", "base"));
	assert_ok(load());
	check_base("base");
	check_nothing_is_left();
}

/* The base path. */

TEST(the_base_path_is_kept_in_the_plain_store_and_goes_with_its_login)
{
	check_base(NULL);
	assert_ok(save_as("bob", "sesame", "pwx/secrets"));
	check_base("pwx/secrets");
	check_content(base_file(), "pwx/secrets");
	assert_ok(save());
	check_base(NULL);
	assert_false(exists(base_file()));
}

TEST(a_base_path_without_a_login_counts_for_nothing)
{
	assert_ok(save_as("bob", "sesame", "pwx"));
	assert_int_equal(unlink(login_file()), 0);
	check_base(NULL);
}

TEST(a_base_path_that_others_can_write_is_refused)
{
	char *base = NULL;

	assert_ok(save_as("bob", "sesame", "pwx"));
	assert_int_equal(chmod(base_file(), 0666), 0);
	assert_fails(PX_USAGE, px_persist_base_path(&base), "base path", "chmod");
}

/* Handed over by systemd. */

static void hand_over(const char *text, mode_t mode)
{
	assert_int_equal(mkdir(temp_path("handed"), 0700), 0);
	temp_file("handed/pxenc.login", text, strlen(text), mode);
	setenv("CREDENTIALS_DIRECTORY", temp_path("handed"), 1);
}

TEST(what_systemd_hands_over_comes_first_and_is_not_decrypted)
{
	assert_ok(save_as("eve", "other", "elsewhere"));
	assert_int_equal(unlink(temp_path("calls")), 0);
	hand_over("{\"uid\":\"bob\",\"password\":\"sesame\"}\n", 0400);
	assert_string_equal(px_persist_file(), temp_path("handed/pxenc.login"));
	assert_true(px_persist_is_handed());
	assert_ok(load());
	check_base(NULL);
	temp_text("handed/pxenc.base_path", "pwx\n", 0400);
	check_base("pwx");
	assert_false(exists(temp_path("calls")));
}

TEST(the_bytes_of_a_login_are_what_its_file_holds)
{
	px_auto(free) char *bytes = NULL;
	size_t len = 0;

	assert_fails(PX_UNAUTHENTICATED, px_persist_read(&bytes, &len), "log in");
	assert_int_equal(mkdir(encrypted, 0700), 0);
	temp_text("credstore.encrypted/pxenc.login", "ciphertext\n", 0400);
	assert_ok(px_persist_read(&bytes, &len));
	assert_int_equal(len, 11);
	assert_memory_equal(bytes, "ciphertext\n", len);
	assert_false(px_persist_is_handed());
}

TEST(a_login_that_systemd_handed_over_for_others_to_read_is_refused)
{
	hand_over("{\"uid\":\"bob\",\"password\":\"sesame\"}\n", 0444);
	assert_fails(PX_USAGE, load(), "login", "chmod");
}

/* As newer versions do for a unit with a user of its own. */
TEST(a_login_that_systemd_handed_over_by_an_acl_is_taken)
{
	hand_over("{\"uid\":\"bob\",\"password\":\"sesame\"}\n", 0440);
	assert_ok(load());
	assert_int_equal(chmod(temp_path("handed/pxenc.login"), 0460), 0);
	assert_fails(PX_USAGE, load(), "login", "chmod");
	assert_int_equal(chmod(temp_path("handed/pxenc.login"), 0444), 0);
	assert_fails(PX_USAGE, load(), "login", "chmod");
	assert_int_equal(chmod(temp_path("handed/pxenc.login"), 0441), 0);
	assert_fails(PX_USAGE, load(), "login", "chmod");
}

TEST(a_credentials_directory_without_a_login_is_not_looked_at)
{
	assert_ok(save());
	setenv("CREDENTIALS_DIRECTORY", temp_path("empty"), 1);
	assert_ok(load());
	setenv("CREDENTIALS_DIRECTORY", "relative", 1);
	assert_ok(load());
}

/* What goes wrong with it. */

TEST(a_login_that_does_not_decrypt_is_reported_with_what_to_do)
{
	assert_ok(save());
	install_creds("decrypt) cat >/dev/null; exit 1;;");
	assert_fails(PX_UNAUTHENTICATED, load(), "pxenc.login", "host key or TPM2",
		     "pxenc secrets dcos login --persist");
	install_creds("decrypt) exit 1;;");
	assert_fails(PX_UNAUTHENTICATED, load(), "host key or TPM2");
}

TEST(a_login_that_has_gone_meanwhile_is_reported)
{
	assert_fails(PX_UNAUTHENTICATED, load(), "pxenc secrets dcos login");
}

TEST(a_login_that_others_can_write_is_refused)
{
	assert_ok(save());
	assert_int_equal(chmod(login_file(), 0622), 0);
	assert_fails(PX_USAGE, load(), "pxenc.login", "chmod");
}

TEST(what_decrypts_but_is_no_account_is_refused)
{
	assert_ok(save());
	install_creds("decrypt) echo nonsense;;");
	assert_fails(PX_USAGE, load(), "pxenc.login", "no JSON object");
}

TEST(an_output_without_end_is_cut_short)
{
	assert_ok(save());
	install_creds("decrypt) exec cat /dev/zero;;");
	assert_fails(PX_KERNEL, load(), "systemd-creds");
}

TEST(a_systemd_creds_that_hangs_is_waited_for_until_the_deadline)
{
	px_auto(account) struct px_account account = { .uid = NULL };

	assert_ok(save());
	install_creds("decrypt) exec sleep 60;;");
	assert_fails(PX_UNREACHABLE, px_persist_load(px_now_ms() + 200, &account), "in time");
}

TEST(a_systemd_creds_that_is_missing_or_not_heard_is_named)
{
	assert_ok(save());
	no_poll = (struct fault){ .times = 1, .error = ENOMEM };
	assert_fails(PX_NOMEM, load(), "out of memory");
	no_poll = (struct fault){ .times = 1, .error = EINTR };
	assert_ok(load());
	creds = "/nowhere/systemd-creds";
	assert_fails(PX_KERNEL, load(), "/nowhere/systemd-creds", "No such file");
	assert_fails(PX_KERNEL, save(), "/nowhere/systemd-creds", "not kept", "No such file");
}

/* What goes wrong when it is to be kept. */

TEST(what_cannot_be_encrypted_is_not_kept)
{
	install_creds(NO_TPM2 "encrypt) exit 1;;");
	assert_fails(PX_KERNEL, save(), "the login worked but is not kept", "only root");
	assert_false(exists(login_file()));
}

TEST(what_would_not_decrypt_is_not_kept)
{
	install_creds(NO_TPM2 ENCRYPT "decrypt) exit 1;;");
	assert_fails(PX_KERNEL, save(), "not kept");
	install_creds(NO_TPM2 ENCRYPT "decrypt) echo other;;");
	assert_fails(PX_KERNEL, save(), "not kept");
	assert_false(exists(login_file()));
}

TEST(a_store_that_others_can_write_to_keeps_nothing)
{
	assert_int_equal(mkdir(plain, 0700), 0);
	assert_int_equal(chmod(plain, 0770), 0);
	assert_fails(PX_USAGE, save(), "credstore'", "chmod go-w");
	assert_int_equal(chmod(plain, 0755), 0);
	assert_int_equal(mkdir(encrypted, 0700), 0);
	assert_int_equal(chmod(encrypted, 0707), 0);
	assert_fails(PX_USAGE, save(), "credstore.encrypted'", "chmod go-w");
	assert_int_equal(chmod(encrypted, 0755), 0);
	assert_ok(save());
}

TEST(a_store_of_another_user_keeps_nothing)
{
	assert_int_equal(mkdir(plain, 0700), 0);
	foreign_euid = __real_geteuid() + 1;
	assert_fails(PX_USAGE, save(), "another user's");
}

TEST(a_store_that_cannot_be_made_or_opened_is_named)
{
	plain = temp_path("missing/credstore");
	assert_fails(PX_KERNEL, save(), "missing/credstore", "No such file");
	plain = temp_text("file", "", 0600);
	assert_fails(PX_KERNEL, save(), "file", "Not a directory");
	plain = temp_path("credstore");
	no_flock = (struct fault){ .times = 1, .error = ENOLCK };
	assert_fails(PX_KERNEL, save(), "No locks");
	no_flock = (struct fault){ .skip = 1, .times = 1, .error = EACCES };
	assert_fails(PX_KERNEL, save(), "credstore.encrypted", "only root");
}

TEST(a_store_that_another_has_locked_is_waited_for_until_the_deadline)
{
	px_auto(account) struct px_account account = { .uid = strdup("bob") };
	px_auto(fd) int dir = -1;
	int64_t start;
	bool tpm2;

	assert_int_equal(px_secret_from("sesame", 6, &account.password), 0);
	assert_int_equal(mkdir(encrypted, 0700), 0);
	dir = open(encrypted, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(__real_flock(dir, LOCK_EX), 0);
	start = px_now_ms();
	assert_fails(PX_BUSY, px_persist_save(&account, NULL, start + 300, &tpm2), "not kept",
		     "login --persist", "credstore.encrypted'", "lslocks");
	assert_in_range(px_now_ms() - start, 300, 4000);
	assert_fails(PX_BUSY, px_persist_save(&account, "new", px_now_ms() + 50, &tpm2),
		     "not kept");
	assert_false(exists(base_file()));
	assert_int_equal(__real_flock(dir, LOCK_UN), 0);
	assert_ok(save());
}

/* Runs into a full or broken disk at every point: the old login is there all the same, with the
 * base path that it came with. */
static void check_old_stays(const char *old_base, const char *new_base, struct fault *fault,
			    int error, unsigned int calls)
{
	unsigned int n;

	for (n = 0; n < calls; n++) {
		*fault = (struct fault){ .skip = n, .times = 1, .error = error };
		assert_fails(PX_KERNEL, save_as("eve", "new", new_base), "not kept",
			     strerror(error));
		assert_int_equal(fault->times, 0);
		assert_ok(load());
		check_base(old_base);
		check_nothing_is_left();
	}
}

TEST(a_disk_that_fails_leaves_the_login_that_was_kept)
{
	static const char *const bases[][2] = { { NULL, "new" }, { "old", "new" } };
	size_t i;

	for (i = 0; i < 2; i++) {
		const char *old = bases[i][0], *new = bases[i][1];

		assert_ok(save_as("bob", "sesame", old));
		check_old_stays(old, new, &no_openat, EDQUOT, 2);
		check_old_stays(old, new, &no_renameat, ENOSPC, 2);
		check_old_stays(old, new, &no_unlinkat, EROFS, 3);
		check_old_stays(old, new, &no_fsync, EIO, 3);
	}
	/* The last one comes after the rename: then both are new. */
	no_fsync = (struct fault){ .skip = 3, .times = 1, .error = EIO };
	assert_fails(PX_KERNEL, save_as("bob", "sesame", "new"), "not kept", "Input/output");
	assert_ok(load());
	check_base("new");
}

TEST(a_disk_that_fails_leaves_the_base_path_that_was_to_go)
{
	assert_ok(save_as("bob", "sesame", "old"));
	check_old_stays("old", NULL, &no_openat, EDQUOT, 1);
	check_old_stays("old", NULL, &no_renameat, ENOSPC, 1);
	check_old_stays("old", NULL, &no_unlinkat, EROFS, 3);
	check_old_stays("old", NULL, &no_fsync, EIO, 2);
}

TEST(a_disk_without_hard_links_is_named)
{
	assert_ok(save_as("bob", "sesame", "old"));
	no_linkat = (struct fault){ .times = 1, .error = EPERM };
	assert_fails(PX_KERNEL, save_as("eve", "new", "new"), "not kept", "not supported");
	check_old_stays("old", "new", &no_linkat, EMLINK, 1);
}

TEST(a_temporary_file_that_cannot_be_made_is_an_error)
{
	assert_ok(save());
	assert_int_equal(mkdir(temp_path("credstore.encrypted/.pxenc.new"), 0700), 0);
	assert_fails(PX_KERNEL, save(), "not kept", "Is a directory");
	assert_ok(load());
	assert_int_equal(rmdir(temp_path("credstore.encrypted/.pxenc.new")), 0);
}

/* Forgetting. */

TEST(a_login_that_is_forgotten_is_gone_with_its_base_path)
{
	bool any = false;

	assert_ok(save_as("bob", "sesame", "pwx"));
	assert_ok(px_persist_forget(&any));
	assert_true(any);
	assert_false(exists(login_file()));
	assert_false(exists(base_file()));
	assert_ok(px_persist_forget(&any));
	assert_false(any);
}

TEST(what_a_crash_left_behind_is_forgotten_too)
{
	bool any = true;

	assert_int_equal(mkdir(plain, 0700), 0);
	assert_int_equal(mkdir(encrypted, 0700), 0);
	temp_text("credstore.encrypted/.pxenc.new", "half", 0600);
	temp_text("credstore/.pxenc.new", "half", 0600);
	temp_text("credstore/.pxenc.old", "older", 0600);
	assert_ok(px_persist_forget(&any));
	assert_false(any);
	check_nothing_is_left();
}

/* One who wants it gone is not held up for ever; but while it waits, nothing goes. */
TEST(a_login_that_is_just_being_kept_is_waited_for)
{
	px_auto(fd) int dir = -1;
	bool any = false;
	int64_t start;
	pid_t pid;

	assert_ok(save_as("bob", "sesame", "pwx"));
	dir = open(plain, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(__real_flock(dir, LOCK_EX), 0);
	start = px_now_ms();
	pid = fork();
	if (pid == 0) {
		poll(NULL, 0, 300);
		_exit(exists(login_file()) && __real_flock(dir, LOCK_UN) == 0 ? 0 : 1);
	}
	assert_ok(px_persist_forget(&any));
	assert_true(any);
	assert_in_range(px_now_ms() - start, 300, 9000);
	assert_int_equal(waitpid(pid, &(int){ 0 }, 0), pid);
}

TEST(a_lock_that_does_not_work_keeps_no_login)
{
	bool any = false;

	assert_ok(save());
	no_flock = (struct fault){ .times = 2, .error = ENOLCK };
	assert_ok(px_persist_forget(&any));
	assert_true(any);
	assert_false(exists(login_file()));
}

TEST(where_nothing_was_kept_there_is_nothing_to_forget)
{
	bool any = true;

	assert_ok(px_persist_forget(&any));
	assert_false(any);
	encrypted = temp_text("file", "", 0600);
	assert_fails(PX_KERNEL, px_persist_forget(&any), "cannot remove", "Not a directory");
}

TEST(what_another_user_keeps_is_none_of_ours)
{
	bool any = true;

	assert_ok(save());
	no_access = (struct fault){ .times = 1, .error = EACCES };
	assert_null(px_persist_file());
	no_access = (struct fault){ .times = 2, .error = EACCES };
	assert_ok(px_persist_forget(&any));
	assert_false(any);
	assert_ok(load());
}

TEST(a_login_that_cannot_be_removed_is_an_error)
{
	bool any;

	assert_ok(save());
	no_unlinkat = (struct fault){ .times = 1, .error = EROFS };
	assert_fails(PX_KERNEL, px_persist_forget(&any), "cannot remove", "Read-only");
	no_fsync = (struct fault){ .times = 1, .error = EIO };
	assert_fails(PX_KERNEL, px_persist_forget(&any), "cannot remove", "Input/output");
}

/* Memory. */

static int save_life(void *arg)
{
	bool tpm2;

	return (int)px_persist_save(arg, NULL, px_now_ms() + 5000, &tpm2);
}

static int load_life(void *arg)
{
	px_auto(account) struct px_account account = { .uid = NULL };

	(void)arg;
	return (int)px_persist_load(PX_FOREVER, &account);
}

static int base_life(void *arg)
{
	px_auto(free) char *base = NULL;

	(void)arg;
	return (int)px_persist_base_path(&base);
}

static void locked_memory_runs_out(int (*attempt)(void *arg), void *arg, unsigned int calls)
{
	unsigned int n;

	for (n = 0; n < calls; n++) {
		no_mmap = (struct fault){ .skip = n, .times = 1, .error = ENOMEM };
		assert_fails(PX_NOMEM, attempt(arg), "out of memory");
		assert_int_equal(no_mmap.times, 0);
	}
}

TEST(memory_may_run_out_at_any_point)
{
	px_auto(account) struct px_account account = make_account("bob", "sesame");

	assert_ok(save_as("bob", "sesame", "pwx"));
	locked_memory_runs_out(save_life, &account, 3);
	locked_memory_runs_out(load_life, NULL, 3);
	each_allocation_may_fail(base_life, NULL, PX_NOMEM);
	each_allocation_may_fail(load_life, NULL, PX_NOMEM);
}

#define in_world(test) cmocka_unit_test_setup_teardown(test, world_make, world_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_world(a_login_that_is_kept_comes_back),
		in_world(what_the_host_key_alone_encrypts_is_told_by_its_id),
		in_world(it_is_for_its_owner_alone),
		in_world(a_service_account_is_kept_too),
		in_world(with_a_tpm2_it_is_encrypted_with_both_keys),
		in_world(a_tpm2_that_does_not_seal_is_none),
		in_world(another_login_takes_its_place),
		in_world(what_a_crash_left_behind_is_no_obstacle),
		in_world(the_base_path_is_kept_in_the_plain_store_and_goes_with_its_login),
		in_world(a_base_path_without_a_login_counts_for_nothing),
		in_world(a_base_path_that_others_can_write_is_refused),
		in_world(what_systemd_hands_over_comes_first_and_is_not_decrypted),
		in_world(the_bytes_of_a_login_are_what_its_file_holds),
		in_world(a_login_that_systemd_handed_over_for_others_to_read_is_refused),
		in_world(a_login_that_systemd_handed_over_by_an_acl_is_taken),
		in_world(a_credentials_directory_without_a_login_is_not_looked_at),
		in_world(a_login_that_does_not_decrypt_is_reported_with_what_to_do),
		in_world(a_login_that_has_gone_meanwhile_is_reported),
		in_world(a_login_that_others_can_write_is_refused),
		in_world(what_decrypts_but_is_no_account_is_refused),
		in_world(an_output_without_end_is_cut_short),
		in_world(a_systemd_creds_that_hangs_is_waited_for_until_the_deadline),
		in_world(a_systemd_creds_that_is_missing_or_not_heard_is_named),
		in_world(what_cannot_be_encrypted_is_not_kept),
		in_world(what_would_not_decrypt_is_not_kept),
		in_world(a_store_that_others_can_write_to_keeps_nothing),
		in_world(a_store_of_another_user_keeps_nothing),
		in_world(a_store_that_cannot_be_made_or_opened_is_named),
		in_world(a_store_that_another_has_locked_is_waited_for_until_the_deadline),
		in_world(a_disk_that_fails_leaves_the_login_that_was_kept),
		in_world(a_disk_that_fails_leaves_the_base_path_that_was_to_go),
		in_world(a_disk_without_hard_links_is_named),
		in_world(a_temporary_file_that_cannot_be_made_is_an_error),
		in_world(a_login_that_is_forgotten_is_gone_with_its_base_path),
		in_world(what_a_crash_left_behind_is_forgotten_too),
		in_world(a_login_that_is_just_being_kept_is_waited_for),
		in_world(a_lock_that_does_not_work_keeps_no_login),
		in_world(where_nothing_was_kept_there_is_nothing_to_forget),
		in_world(what_another_user_keeps_is_none_of_ours),
		in_world(a_login_that_cannot_be_removed_is_an_error),
		in_world(memory_may_run_out_at_any_point),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
