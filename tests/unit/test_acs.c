/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <dirent.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "pxenc/acs.h"
#include "pxenc/clock.h"
#include "pxenc/frame.h"

#define CA "-----BEGIN CERTIFICATE-----"

static struct fault no_mmap, no_renameat, no_unlinkat, no_flock, no_digest, no_fdopendir;
static int64_t clock_ahead_ms; /* how far px_now_ms has run ahead */

void *__real_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
int __real_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __real_unlinkat(int dir, const char *name, int flags);
int __wrap_unlinkat(int dir, const char *name, int flags);
int __real_flock(int fd, int operation);
int __wrap_flock(int fd, int operation);
EVP_MD_CTX *__real_EVP_MD_CTX_new(void);
EVP_MD_CTX *__wrap_EVP_MD_CTX_new(void);
DIR *__real_fdopendir(int fd);
DIR *__wrap_fdopendir(int fd);
int64_t __real_px_now_ms(void);
int64_t __wrap_px_now_ms(void);

void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
	if (fault_hits(&no_mmap))
		return MAP_FAILED;
	return __real_mmap(address, size, protection, flags, fd, offset);
}

int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	return fault_hits(&no_renameat) ? -1 : __real_renameat(from_dir, from, to_dir, to);
}

int __wrap_unlinkat(int dir, const char *name, int flags)
{
	return fault_hits(&no_unlinkat) ? -1 : __real_unlinkat(dir, name, flags);
}

int __wrap_flock(int fd, int operation)
{
	return fault_hits(&no_flock) ? -1 : __real_flock(fd, operation);
}

EVP_MD_CTX *__wrap_EVP_MD_CTX_new(void)
{
	return fault_hits(&no_digest) ? NULL : __real_EVP_MD_CTX_new();
}

DIR *__wrap_fdopendir(int fd)
{
	return fault_hits(&no_fdopendir) ? NULL : __real_fdopendir(fd);
}

int64_t __wrap_px_now_ms(void)
{
	return __real_px_now_ms() + clock_ahead_ms;
}

static char *urls[] = { (char[]){ "https://m1" }, (char[]){ "https://m2" }, NULL };

static struct px_acs_cache *open_cache(void)
{
	struct px_acs_cache *cache = NULL;

	assert_int_equal(px_acs_cache_open(temp_path("run"), urls, CA, strlen(CA), &cache), 0);
	return cache;
}

/* A cache of the same folder for other URLs or another CA. */
static struct px_acs_cache *open_other(char **other_urls, const char *ca)
{
	struct px_acs_cache *cache = NULL;

	assert_int_equal(px_acs_cache_open(temp_path("run"), other_urls, ca, strlen(ca), &cache),
			 0);
	return cache;
}

static struct px_acs make_acs(const char *token, int64_t expiry, const char *base)
{
	struct px_acs acs = { .expiry = expiry, .uid = strdup("bob") };

	assert_int_equal(px_secret_from(token, strlen(token), &acs.token), 0);
	acs.base_path = base ? strdup(base) : NULL;
	return acs;
}

static void save(const struct px_acs_cache *cache, const char *user, const char *token)
{
	px_auto(acs) struct px_acs acs = make_acs(token, time(NULL) + 3600, NULL);

	assert_int_equal(px_acs_save(cache, user, &acs), 0);
}

/* Whether this token is cached for the user. */
static bool has(const struct px_acs_cache *cache, const char *user, const char *token)
{
	px_auto(acs) struct px_acs acs = { .token = NULL };

	return px_acs_load(cache, user, &acs) == 0 && px_secret_len(acs.token) == strlen(token) &&
	       memcmp(px_secret_bytes(acs.token), token, strlen(token)) == 0;
}

static int load(const struct px_acs_cache *cache, const char *user)
{
	px_auto(acs) struct px_acs acs = { .token = NULL };

	return px_acs_load(cache, user, &acs);
}

/* The path of the one file with this ending. */
static const char *file_with(const char *ending)
{
	DIR *dir = opendir(temp_path("run"));
	const struct dirent *entry;
	const char *found = NULL;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		if (strlen(entry->d_name) > strlen(ending) &&
		    strcmp(entry->d_name + strlen(entry->d_name) - strlen(ending), ending) == 0) {
			char name[300];

			snprintf(name, sizeof(name), "run/%s", entry->d_name);
			found = temp_path(name);
		}
	closedir(dir);
	return found;
}

TEST(an_acs_token_is_kept_with_its_user_expiry_and_base_path)
{
	px_auto(acs_cache) struct px_acs_cache *cache = open_cache();
	px_auto(acs) struct px_acs saved = make_acs("tok", time(NULL) + 1000, "pwx/secrets");
	px_auto(acs) struct px_acs loaded = { .token = NULL };

	assert_int_equal(px_acs_save(cache, PX_ACS_SESSION, &saved), 0);
	assert_int_equal(px_acs_load(cache, PX_ACS_SESSION, &loaded), 0);
	assert_true(px_secret_equal(saved.token, loaded.token));
	assert_int_equal(loaded.expiry, saved.expiry);
	assert_string_equal(loaded.uid, "bob");
	assert_string_equal(loaded.base_path, "pwx/secrets");
}

TEST(its_folder_and_file_are_for_their_owner_alone)
{
	px_auto(acs_cache) struct px_acs_cache *cache = open_cache();
	struct stat st;

	save(cache, "bob", "tok");
	assert_int_equal(stat(temp_path("run"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(stat(file_with(".acs"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_null(file_with(".new"));
}

TEST(its_name_is_64_hex_digits)
{
	px_auto(acs_cache) struct px_acs_cache *cache = open_cache();
	const char *name;

	save(cache, "bob", "tok");
	name = strrchr(file_with(".acs"), '/') + 1;
	assert_int_equal(strspn(name, "0123456789abcdef"), 64);
	assert_string_equal(name + 64, ".acs");
}

TEST(an_acs_token_that_could_end_a_header_of_http_is_none)
{
	static const char *const bad[] = { "", "a b", "a\r\nX-Injected: yes", "a\x7f", "\xc3\xa4" };
	px_auto(acs_cache) struct px_acs_cache *cache = open_cache();
	size_t i;

	for (i = 1; i < sizeof(bad) / sizeof(*bad); i++) {
		save(cache, "bob", bad[i]);
		assert_int_equal(load(cache, "bob"), -EBADMSG);
	}
}

TEST(each_user_has_its_own_and_so_has_the_session)
{
	px_auto(acs_cache) struct px_acs_cache *cache = open_cache();

	save(cache, "bob", "bobs");
	save(cache, "eve", "eves");
	save(cache, PX_ACS_SESSION, "by-hand");
	assert_true(has(cache, "bob", "bobs"));
	assert_true(has(cache, "eve", "eves"));
	assert_true(has(cache, PX_ACS_SESSION, "by-hand"));
	assert_int_equal(load(cache, "mallory"), -ENOENT);
}

TEST(no_server_is_shown_the_token_of_another)
{
	char *fewer[] = { (char[]){ "https://m1" }, NULL };
	char *joined[] = { (char[]){ "https://m1https://m2" }, NULL };
	px_auto(acs_cache) struct px_acs_cache *cache = open_cache();
	px_auto(acs_cache) struct px_acs_cache *other_url = open_other(fewer, CA);
	px_auto(acs_cache) struct px_acs_cache *run_together = open_other(joined, CA);
	px_auto(acs_cache) struct px_acs_cache *other_ca = open_other(urls, "another");

	save(cache, "bob", "tok");
	assert_int_equal(load(other_url, "bob"), -ENOENT);
	assert_int_equal(load(run_together, "bob"), -ENOENT);
	assert_int_equal(load(other_ca, "bob"), -ENOENT);
}

TEST(a_file_that_was_renamed_from_another_cluster_is_refused)
{
	px_auto(acs_cache) struct px_acs_cache *cache = open_cache();
	px_auto(acs_cache) struct px_acs_cache *other = open_other(urls, "another");
	const char *name;

	save(cache, "bob", "mine");
	name = file_with(".acs");
	assert_int_equal(unlink(name), 0);
	save(other, "bob", "theirs");
	assert_int_equal(rename(file_with(".acs"), name), 0);
	assert_int_equal(load(cache, "bob"), -EBADMSG);
}

TEST(a_token_that_expires_within_a_minute_is_none)
{
	px_auto(acs_cache) struct px_acs_cache *cache = open_cache();
	px_auto(acs) struct px_acs soon = make_acs("tok", time(NULL) + PX_ACS_MARGIN - 1, NULL);
	px_auto(acs) struct px_acs later = make_acs("tok", time(NULL) + PX_ACS_MARGIN + 60, NULL);

	assert_int_equal(px_acs_save(cache, "bob", &soon), 0);
	assert_int_equal(load(cache, "bob"), -ENOENT);
	assert_int_equal(px_acs_save(cache, "bob", &later), 0);
	assert_int_equal(load(cache, "bob"), 0);
}

TEST(an_expiry_that_is_unknown_or_far_off_becomes_five_days)
{
	const int64_t odd[] = { 0, -1, INT64_MAX };
	px_auto(acs_cache) struct px_acs_cache *cache = open_cache();
	size_t i;

	for (i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		px_auto(acs) struct px_acs saved = make_acs("tok", odd[i], NULL);
		px_auto(acs) struct px_acs loaded = { .token = NULL };

		assert_int_equal(px_acs_save(cache, "bob", &saved), 0);
		assert_int_equal(px_acs_load(cache, "bob", &loaded), 0);
		assert_true(loaded.expiry <= time(NULL) + 5 * 86400);
		assert_true(loaded.expiry >= time(NULL) + 5 * 86400 - 5);
		assert_null(loaded.base_path);
	}
}

TEST(a_file_that_others_can_read_is_refused)
{
	px_auto(acs_cache) struct px_acs_cache *cache = open_cache();

	save(cache, "bob", "tok");
	assert_int_equal(chmod(file_with(".acs"), 0640), 0);
	assert_int_equal(load(cache, "bob"), -EPERM);
}

TEST(a_symbolic_link_is_not_followed)
{
	px_auto(acs_cache) struct px_acs_cache *cache = open_cache();
	const char *name;

	save(cache, "bob", "tok");
	name = file_with(".acs");
	assert_int_equal(rename(name, temp_path("elsewhere")), 0);
	assert_int_equal(symlink(temp_path("elsewhere"), name), 0);
	assert_int_equal(load(cache, "bob"), -ELOOP);
}

/* Fills the token's file with other bytes. */
static void overwrite(const void *data, size_t len)
{
	int fd = open(file_with(".acs"), O_WRONLY | O_TRUNC | O_CLOEXEC);

	assert_int_equal(write(fd, data, len), len);
	close(fd);
}

TEST(a_file_that_is_no_frame_is_refused)
{
	px_auto(acs_cache) struct px_acs_cache *cache = open_cache();

	save(cache, "bob", "tok");
	overwrite("", 0);
	assert_int_equal(load(cache, "bob"), -EBADMSG);
	overwrite("nonsense that is long enough", 28);
	assert_int_equal(load(cache, "bob"), -EBADMSG);
}

TEST(a_frame_of_another_type_or_without_fields_is_refused)
{
	static const uint8_t note[] = { 'p', 'x', 'F', '1', 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
	static const uint8_t bare[] = { 'p', 'x', 'F', '1', 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
	px_auto(acs_cache) struct px_acs_cache *cache = open_cache();

	save(cache, "bob", "tok");
	overwrite(note, sizeof(note));
	assert_int_equal(load(cache, "bob"), -EBADMSG);
	overwrite(bare, sizeof(bare));
	assert_int_equal(load(cache, "bob"), -ENOENT);
}

TEST(a_frame_of_this_cluster_without_a_token_is_refused)
{
	px_auto(acs_cache) struct px_acs_cache *cache = open_cache();
	uint8_t bytes[PX_FRAME_HEADER + PX_FIELD_HEADER + 32];
	int fd;

	save(cache, "bob", "tok");
	fd = open(file_with(".acs"), O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, bytes, sizeof(bytes)), sizeof(bytes));
	close(fd);
	bytes[12] = PX_FIELD_HEADER + 32;
	overwrite(bytes, sizeof(bytes));
	assert_int_equal(load(cache, "bob"), -EBADMSG);
}

TEST(a_dropped_token_is_gone)
{
	px_auto(acs_cache) struct px_acs_cache *cache = open_cache();

	save(cache, "bob", "tok");
	assert_int_equal(px_acs_drop(cache, "bob"), 0);
	assert_int_equal(load(cache, "bob"), -ENOENT);
	assert_int_equal(px_acs_drop(cache, "bob"), -ENOENT);
}

TEST(dropping_all_takes_every_user_of_the_cluster_and_no_other_cluster)
{
	px_auto(acs_cache) struct px_acs_cache *cache = open_cache();
	px_auto(acs_cache) struct px_acs_cache *other = open_other(urls, "another");
	bool any = false;

	save(cache, "bob", "tok");
	save(cache, PX_ACS_SESSION, "tok");
	save(other, "bob", "theirs");
	assert_int_equal(px_acs_lock(cache, PX_FOREVER), 0);
	px_acs_unlock(cache);
	assert_int_equal(px_acs_drop_all(cache, &any), 0);
	assert_true(any);
	assert_int_equal(load(cache, "bob"), -ENOENT);
	assert_int_equal(load(cache, PX_ACS_SESSION), -ENOENT);
	assert_true(has(other, "bob", "theirs"));
	assert_non_null(file_with(".lock"));
	assert_int_equal(px_acs_drop_all(cache, &any), 0);
	assert_false(any);
}

TEST(dropping_all_takes_what_is_damaged)
{
	px_auto(acs_cache) struct px_acs_cache *cache = open_cache();
	bool any = false;

	save(cache, "bob", "tok");
	overwrite("tok", 3);
	assert_int_equal(px_acs_drop_all(cache, &any), 0);
	assert_true(any);
	assert_int_equal(load(cache, "bob"), -ENOENT);
}

TEST(dropping_all_minds_nobody_who_does_the_same)
{
	px_auto(acs_cache) struct px_acs_cache *cache = open_cache();
	bool any = true;

	save(cache, "bob", "tok");
	no_unlinkat = (struct fault){ .times = 1, .error = ENOENT };
	assert_int_equal(px_acs_drop_all(cache, &any), 0);
	assert_false(any);
}

TEST(dropping_all_says_why_it_cannot)
{
	px_auto(acs_cache) struct px_acs_cache *cache = open_cache();
	bool any;

	save(cache, "bob", "tok");
	no_fdopendir = (struct fault){ .times = 1, .error = EMFILE };
	assert_int_equal(px_acs_drop_all(cache, &any), -EMFILE);
	no_unlinkat = (struct fault){ .times = 1, .error = EROFS };
	assert_int_equal(px_acs_drop_all(cache, &any), -EROFS);
}

TEST(a_folder_that_others_can_enter_is_not_used)
{
	struct px_acs_cache *cache;

	assert_int_equal(mkdir(temp_path("run"), 0700), 0);
	assert_int_equal(chmod(temp_path("run"), 0750), 0);
	assert_int_equal(px_acs_cache_open(temp_path("run"), urls, NULL, 0, &cache), -EPERM);
}

TEST(a_folder_behind_a_symbolic_link_is_not_used)
{
	struct px_acs_cache *cache;

	assert_int_equal(mkdir(temp_path("real"), 0700), 0);
	assert_int_equal(symlink(temp_path("real"), temp_path("run")), 0);
	assert_int_equal(px_acs_cache_open(temp_path("run"), urls, NULL, 0, &cache), -ENOTDIR);
}

TEST(a_folder_that_cannot_be_made_is_an_error)
{
	struct px_acs_cache *cache;

	assert_int_equal(px_acs_cache_open(temp_path("no/such"), urls, NULL, 0, &cache), -ENOENT);
	assert_int_equal(px_acs_cache_open(NULL, urls, NULL, 0, &cache), -ENOENT);
}

TEST(no_cache_holds_nothing_and_minds_nothing)
{
	px_auto(acs) struct px_acs acs = make_acs("tok", 0, NULL);
	bool any = true;

	assert_int_equal(load(NULL, "bob"), -ENOENT);
	assert_int_equal(px_acs_save(NULL, "bob", &acs), 0);
	assert_int_equal(px_acs_drop(NULL, "bob"), -ENOENT);
	assert_int_equal(px_acs_drop_all(NULL, &any), 0);
	assert_false(any);
	assert_int_equal(px_acs_lock(NULL, 0), 0);
	px_acs_unlock(NULL);
	assert_int_equal(px_acs_refuse(NULL, "bob"), 0);
	assert_int_equal(px_acs_refused_ms(NULL, "bob"), 0);
	px_acs_pardon(NULL, "bob");
}

TEST(a_token_that_cannot_be_written_leaves_the_old_one)
{
	px_auto(acs_cache) struct px_acs_cache *cache = open_cache();
	px_auto(acs) struct px_acs acs = make_acs("new", time(NULL) + 3600, NULL);

	save(cache, "bob", "old");
	no_renameat = (struct fault){ .times = 1, .error = ENOSPC };
	assert_int_equal(px_acs_save(cache, "bob", &acs), -ENOSPC);
	assert_null(file_with(".new"));
	assert_true(has(cache, "bob", "old"));
	assert_int_equal(rmdir(temp_path("run")), -1);
}

TEST(what_a_crash_left_behind_is_no_obstacle)
{
	px_auto(acs_cache) struct px_acs_cache *cache = open_cache();
	char left[300];
	int fd;

	save(cache, "bob", "tok");
	snprintf(left, sizeof(left), "%s", file_with(".acs"));
	memcpy(left + strlen(left) - 4, ".new", 4);
	fd = open(left, O_CREAT | O_WRONLY | O_CLOEXEC, 0400);
	assert_true(fd >= 0);
	close(fd);
	save(cache, "bob", "newer");
	assert_true(has(cache, "bob", "newer"));
}

TEST(a_folder_that_is_gone_is_an_error)
{
	px_auto(acs_cache) struct px_acs_cache *cache = open_cache();
	px_auto(acs) struct px_acs acs = make_acs("tok", 0, NULL);

	assert_int_equal(rmdir(temp_path("run")), 0);
	assert_int_equal(px_acs_save(cache, "bob", &acs), -ENOENT);
	assert_int_equal(px_acs_lock(cache, PX_FOREVER), -ENOENT);
}

TEST(the_lock_lets_one_in_and_the_other_waits_for_the_deadline)
{
	px_auto(acs_cache) struct px_acs_cache *cache = open_cache();
	px_auto(acs_cache) struct px_acs_cache *other = open_cache();
	int64_t start = px_now_ms();

	assert_int_equal(px_acs_lock(cache, PX_FOREVER), 0);
	assert_int_equal(px_acs_lock(cache, PX_FOREVER), 0);
	assert_int_equal(px_acs_lock(other, px_now_ms() + 60), -ETIMEDOUT);
	assert_true(px_now_ms() - start >= 60);
	px_acs_unlock(cache);
	px_acs_unlock(cache);
	assert_int_equal(px_acs_lock(other, px_now_ms() + 60), 0);
}

TEST(the_lock_of_one_cluster_does_not_hold_up_another)
{
	px_auto(acs_cache) struct px_acs_cache *cache = open_cache();
	px_auto(acs_cache) struct px_acs_cache *other = open_other(urls, "another");

	assert_int_equal(px_acs_lock(cache, PX_FOREVER), 0);
	assert_int_equal(px_acs_lock(other, px_now_ms() + 60), 0);
}

TEST(a_lock_that_fails_is_an_error_and_one_that_is_interrupted_is_not)
{
	px_auto(acs_cache) struct px_acs_cache *cache = open_cache();

	no_flock = (struct fault){ .times = 1, .error = ENOLCK };
	assert_int_equal(px_acs_lock(cache, PX_FOREVER), -ENOLCK);
	no_flock = (struct fault){ .times = 1, .error = EINTR };
	assert_int_equal(px_acs_lock(cache, PX_FOREVER), 0);
}

TEST(a_refusal_is_remembered_for_half_a_minute)
{
	px_auto(acs_cache) struct px_acs_cache *cache = open_cache();
	int ms;

	assert_int_equal(px_acs_refused_ms(cache, "bob"), 0);
	assert_int_equal(px_acs_refuse(cache, "bob"), 0);
	ms = px_acs_refused_ms(cache, "bob");
	assert_in_range(ms, 1, PX_ACS_REFUSED_MS);
	clock_ahead_ms = PX_ACS_REFUSED_MS + 1;
	assert_int_equal(px_acs_refused_ms(cache, "bob"), 0);
	clock_ahead_ms = 0;
}

TEST(a_refusal_before_the_last_boot_counts_for_nothing)
{
	px_auto(acs_cache) struct px_acs_cache *cache = open_cache();

	clock_ahead_ms = 1000000;
	assert_int_equal(px_acs_refuse(cache, "bob"), 0);
	clock_ahead_ms = 0;
	assert_int_equal(px_acs_refused_ms(cache, "bob"), 0);
}

TEST(a_refusal_is_for_one_owner)
{
	px_auto(acs_cache) struct px_acs_cache *cache = open_cache();

	assert_int_equal(px_acs_refuse(cache, "bob"), 0);
	assert_int_equal(px_acs_refused_ms(cache, "eve"), 0);
	px_acs_pardon(cache, "eve");
	assert_true(px_acs_refused_ms(cache, "bob") > 0);
	px_acs_pardon(cache, "bob");
	assert_int_equal(px_acs_refused_ms(cache, "bob"), 0);
}

static char *owner_of(const char *uid, const char *proof)
{
	char *owner = NULL;

	assert_int_equal(px_acs_owner(uid, proof, strlen(proof), &owner), 0);
	return owner;
}

/* What would be an oracle for the password if it were more. */
TEST(an_owner_is_the_user_and_16_bits_of_a_hash)
{
	px_auto(free) char *bob = owner_of("bob", "sesame");
	px_auto(free) char *again = owner_of("bob", "sesame");
	px_auto(free) char *other = owner_of("bob", "sesamf");
	px_auto(free) char *eve = owner_of("eve", "sesame");
	px_auto(free) char *nobody = owner_of("", "sesame");
	px_auto(free) char *bare = owner_of("bob", "");

	assert_string_equal(bob, again);
	assert_memory_equal(bob, "bob\n", 4);
	assert_int_equal(strlen(bob), 4 + 4);
	assert_int_equal(strspn(bob + 4, "0123456789abcdef"), 4);
	assert_string_not_equal(bob, other);
	assert_string_not_equal(bob, bare);
	assert_string_not_equal(bob + 4, eve + 4);
	assert_string_not_equal(nobody, PX_ACS_SESSION);
	assert_int_equal(strlen(nobody), 5);
}

static int make_owner(void *arg)
{
	px_auto(free) char *owner = NULL;

	return px_acs_owner(arg, "p", 1, &owner);
}

TEST(an_owner_needs_memory)
{
	char bob[] = "bob";

	each_allocation_may_fail(make_owner, bob, -ENOMEM);
	no_digest = (struct fault){ .times = 1, .error = ENOMEM };
	assert_int_equal(make_owner(bob), -ENOMEM);
}

static const char *life_dir;

static int whole_life(void *arg)
{
	px_auto(acs_cache) struct px_acs_cache *cache = NULL;
	px_auto(acs) struct px_acs loaded = { .token = NULL };
	const struct px_acs *acs = arg;
	int r;

	r = px_acs_cache_open(life_dir, urls, CA, strlen(CA), &cache);
	if (r == 0)
		r = px_acs_save(cache, "bob", acs);
	if (r == 0)
		r = px_acs_load(cache, "bob", &loaded);
	if (r == 0)
		r = px_acs_drop(cache, "bob");
	if (r == 0)
		r = px_acs_refuse(cache, "bob");
	return r;
}

TEST(without_memory_nothing_is_kept_and_nothing_is_lost)
{
	px_auto(acs) struct px_acs acs = make_acs("tok", 0, "base");
	unsigned int n;

	life_dir = temp_path("run");
	each_allocation_may_fail(whole_life, &acs, -ENOMEM);
	for (n = 0; n < 4; n++) {
		no_mmap = (struct fault){ .skip = n, .times = 1, .error = ENOMEM };
		assert_int_equal(whole_life(&acs), -ENOMEM);
	}
	for (n = 0; n < 5; n++) {
		no_digest = (struct fault){ .skip = n, .times = 1, .error = ENOMEM };
		assert_int_equal(whole_life(&acs), -ENOMEM);
	}
	no_mmap.times = no_digest.times = 0;
	assert_int_equal(whole_life(&acs), 0);
}

#define in_dir(test) cmocka_unit_test_setup_teardown(test, temp_dir_make, temp_dir_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_dir(an_acs_token_is_kept_with_its_user_expiry_and_base_path),
		in_dir(its_folder_and_file_are_for_their_owner_alone),
		in_dir(its_name_is_64_hex_digits),
		in_dir(an_acs_token_that_could_end_a_header_of_http_is_none),
		in_dir(each_user_has_its_own_and_so_has_the_session),
		in_dir(no_server_is_shown_the_token_of_another),
		in_dir(a_file_that_was_renamed_from_another_cluster_is_refused),
		in_dir(a_token_that_expires_within_a_minute_is_none),
		in_dir(an_expiry_that_is_unknown_or_far_off_becomes_five_days),
		in_dir(a_file_that_others_can_read_is_refused),
		in_dir(a_symbolic_link_is_not_followed),
		in_dir(a_file_that_is_no_frame_is_refused),
		in_dir(a_frame_of_another_type_or_without_fields_is_refused),
		in_dir(a_frame_of_this_cluster_without_a_token_is_refused),
		in_dir(a_dropped_token_is_gone),
		in_dir(dropping_all_takes_every_user_of_the_cluster_and_no_other_cluster),
		in_dir(dropping_all_takes_what_is_damaged),
		in_dir(dropping_all_minds_nobody_who_does_the_same),
		in_dir(dropping_all_says_why_it_cannot),
		in_dir(a_folder_that_others_can_enter_is_not_used),
		in_dir(a_folder_behind_a_symbolic_link_is_not_used),
		in_dir(a_folder_that_cannot_be_made_is_an_error),
		in_dir(no_cache_holds_nothing_and_minds_nothing),
		in_dir(a_token_that_cannot_be_written_leaves_the_old_one),
		in_dir(what_a_crash_left_behind_is_no_obstacle),
		in_dir(a_folder_that_is_gone_is_an_error),
		in_dir(the_lock_lets_one_in_and_the_other_waits_for_the_deadline),
		in_dir(the_lock_of_one_cluster_does_not_hold_up_another),
		in_dir(a_lock_that_fails_is_an_error_and_one_that_is_interrupted_is_not),
		in_dir(a_refusal_is_remembered_for_half_a_minute),
		in_dir(a_refusal_before_the_last_boot_counts_for_nothing),
		in_dir(a_refusal_is_for_one_owner),
		in_dir(an_owner_is_the_user_and_16_bits_of_a_hash),
		in_dir(an_owner_needs_memory),
		in_dir(without_memory_nothing_is_kept_and_nothing_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
