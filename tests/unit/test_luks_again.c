/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <stdio.h>
#include <string.h>

#include <libcryptsetup.h>

#include "pxenc/luks.h"
#include "volume/luks-private.h"

/* A mapping whose key is wanted once more: resumed, and resized. */

#define DEVICE "/dev/sdb"
#define NAME "pxenc-x"
#define SLOT 3
#define KEY "a passphrase"

static struct {
	char steps[128];
	int resume, give, resize, active; /* what each returns */
	unsigned int active_from;	  /* the nth look at the mapping that fails; 0: none */
	unsigned int looks;
	uint32_t flags;
	int slot; /* that the key is to open */
} library;

static struct crypt_device *const the_cd = (struct crypt_device *)&library;
static struct px_token token = { .keyslot = SLOT };
static struct px_header header;
static char device[] = DEVICE;
static struct px_luks luks = { .cd = (struct crypt_device *)&library,
			       .device = device,
			       .header = &header };
static struct px_secret *key;

int __wrap_crypt_resume_by_passphrase(struct crypt_device *cd, const char *name, int slot,
				      const char *passphrase, size_t size);
int __wrap_crypt_activate_by_passphrase(struct crypt_device *cd, const char *name, int slot,
					const char *passphrase, size_t size, uint32_t flags);
int __wrap_crypt_resize(struct crypt_device *cd, const char *name, uint64_t size);
int __wrap_crypt_get_active_device(struct crypt_device *cd, const char *name,
				   struct crypt_active_device *active);

static void step(const char *what)
{
	size_t used = strlen(library.steps);

	snprintf(library.steps + used, sizeof(library.steps) - used, "%s%s", used ? " " : "", what);
}

static void check_key(const struct crypt_device *cd, int slot, const char *passphrase, size_t size)
{
	assert_ptr_equal(cd, the_cd);
	assert_int_equal(slot, library.slot);
	assert_int_equal(size, strlen(KEY));
	assert_memory_equal(passphrase, KEY, size);
}

int __wrap_crypt_resume_by_passphrase(struct crypt_device *cd, const char *name, int slot,
				      const char *passphrase, size_t size)
{
	check_key(cd, slot, passphrase, size);
	assert_string_equal(name, NAME);
	step("resume");
	return library.resume;
}

/* No mapping is made, and the volume key stays in our keyring. */
int __wrap_crypt_activate_by_passphrase(struct crypt_device *cd, const char *name, int slot,
					const char *passphrase, size_t size, uint32_t flags)
{
	check_key(cd, slot, passphrase, size);
	assert_null(name);
	assert_int_equal(flags,
			 CRYPT_ACTIVATE_KEYRING_KEY | CRYPT_ACTIVATE_SERIALIZE_MEMORY_HARD_PBKDF);
	step("key");
	return library.give;
}

int __wrap_crypt_resize(struct crypt_device *cd, const char *name, uint64_t size)
{
	assert_ptr_equal(cd, the_cd);
	assert_string_equal(name, NAME);
	assert_int_equal(size, 0);
	step("resize");
	return library.resize;
}

int __wrap_crypt_get_active_device(struct crypt_device *cd, const char *name,
				   struct crypt_active_device *active)
{
	assert_ptr_equal(cd, the_cd);
	assert_string_equal(name, NAME);
	step("look");
	if (++library.looks == library.active_from)
		return -ENODEV;
	*active = (struct crypt_active_device){ .flags = library.flags,
						.size = library.looks == 1 ? 8 : 16 };
	return 0;
}

static int prepare(void **state)
{
	(void)state;
	memset(&library, 0, sizeof(library));
	library.slot = library.resume = library.give = SLOT;
	library.flags = CRYPT_ACTIVATE_KEYRING_KEY;
	header.token = &token;
	log_forget();
	return px_secret_from(KEY, strlen(KEY), &key);
}

static int finish(void **state)
{
	(void)state;
	px_secret_free(&key);
	return 0;
}

static enum px_status resume(bool named)
{
	return px_luks_resume(&luks, NAME, key, named);
}

TEST(a_mapping_gets_its_key_from_the_named_keyslot_again)
{
	assert_ok(resume(true));
	assert_string_equal(library.steps, "resume");
	library.slot = CRYPT_ANY_SLOT;
	library.resume = 0;
	assert_ok(resume(false));
}

TEST(a_key_that_opens_no_keyslot_resumes_nothing)
{
	library.resume = -EPERM;
	assert_fails(PX_BAD_KEY, resume(true), "keyslot 3", DEVICE);
	library.resume = -ENOENT;
	library.slot = CRYPT_ANY_SLOT;
	assert_fails(PX_BAD_KEY, resume(false), "opens no keyslot");
}

TEST(what_keeps_a_mapping_suspended_is_said)
{
	library.resume = -EINVAL;
	assert_fails(PX_KERNEL, resume(true), NAME, "cannot be resumed", "Invalid argument");
	library.resume = -ENOMEM;
	assert_fails(PX_NOMEM, resume(true), "out of memory");
	header.token = NULL;
	assert_fails(PX_BAD_HEADER, resume(true), "no LUKS2 token");
}

static enum px_status resize(bool named, uint64_t *before, uint64_t *now)
{
	return px_luks_resize(&luks, NAME, key, named, before, now);
}

TEST(a_mapping_is_resized_with_its_key_in_the_keyring_and_its_sizes_are_bytes)
{
	uint64_t before = 0, now = 0;

	assert_ok(resize(true, &before, &now));
	assert_string_equal(library.steps, "look key resize look");
	assert_int_equal(before, 4096);
	assert_int_equal(now, 8192);
}

TEST(a_key_that_lies_in_the_table_is_not_put_into_the_keyring)
{
	uint64_t before = 0, now = 0;

	library.flags = 0;
	assert_ok(resize(true, &before, &now));
	assert_string_equal(library.steps, "look resize look");
}

TEST(a_key_that_opens_no_keyslot_resizes_nothing)
{
	uint64_t before = 7, now = 7;

	library.give = -EPERM;
	assert_fails(PX_BAD_KEY, resize(true, &before, &now), "keyslot 3");
	assert_string_equal(library.steps, "look key");
	library.give = -ENOENT;
	library.slot = CRYPT_ANY_SLOT;
	assert_fails(PX_BAD_KEY, resize(false, &before, &now), "opens no keyslot");
	assert_int_equal(before, 7);
	assert_int_equal(now, 7);
}

TEST(what_keeps_a_mapping_as_large_as_it_was_is_said)
{
	uint64_t before = 7, now = 7;

	library.resize = -EINVAL;
	assert_fails(PX_KERNEL, resize(true, &before, &now), NAME, "cannot be resized");
	library.resize = 0;
	library.give = -EIO;
	assert_fails(PX_KERNEL, resize(true, &before, &now), "cannot be lent to the kernel");
	library.give = 0;
	library.looks = 0;
	library.active_from = 1;
	assert_fails(PX_KERNEL, resize(true, &before, &now), "its size cannot be found out");
	library.looks = 0;
	library.active_from = 2;
	assert_fails(PX_KERNEL, resize(true, &before, &now), "its size cannot be found out");
	header.token = NULL;
	assert_fails(PX_BAD_HEADER, resize(true, &before, &now), "no LUKS2 token");
	assert_int_equal(before, 7);
	assert_int_equal(now, 7);
}

#define TESTED(name) cmocka_unit_test_setup_teardown(name, prepare, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTED(a_mapping_gets_its_key_from_the_named_keyslot_again),
		TESTED(a_key_that_opens_no_keyslot_resumes_nothing),
		TESTED(what_keeps_a_mapping_suspended_is_said),
		TESTED(a_mapping_is_resized_with_its_key_in_the_keyring_and_its_sizes_are_bytes),
		TESTED(a_key_that_lies_in_the_table_is_not_put_into_the_keyring),
		TESTED(a_key_that_opens_no_keyslot_resizes_nothing),
		TESTED(what_keeps_a_mapping_as_large_as_it_was_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
