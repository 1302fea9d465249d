/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "pxenc/await.h"
#include "pxenc/luks.h"
#include "pxenc/peek.h"
#include "pxenc/worker.h"

static char secret[] = "volumes/x/1", store[] = "default";

/* The disk, as a look finds it. */
static struct {
	enum px_status load, look;
	bool labelled;
	bool dead;    /* it does not answer */
	bool holding; /* nor lets go of who was killed */
} disk;

static struct fault no_fork;
static unsigned int looks;
static int64_t patience; /* milliseconds; 0: as it is */

pid_t __real_fork(void);
pid_t __wrap_fork(void);
pid_t __wrap___gcov_fork(void);
pid_t __real_waitpid(pid_t pid, int *status, int options);
pid_t __wrap_waitpid(pid_t pid, int *status, int options);
int __real_px_await(int fd, pid_t pid, int64_t ms);
int __wrap_px_await(int fd, pid_t pid, int64_t ms);

pid_t __wrap_fork(void)
{
	looks++;
	return fault_hits(&no_fork) ? -1 : __real_fork();
}

/* What gcc makes of fork with --coverage. */
pid_t __wrap___gcov_fork(void)
{
	return __wrap_fork();
}

pid_t __wrap_waitpid(pid_t pid, int *status, int options)
{
	return disk.holding && options == WNOHANG ? 0 : __real_waitpid(pid, status, options);
}

int __wrap_px_await(int fd, pid_t pid, int64_t ms)
{
	return __real_px_await(fd, pid, patience ? patience : ms);
}

enum px_status px_luks_load(const char *device, struct px_luks **ret_luks)
{
	(void)device;
	(void)ret_luks;
	while (disk.dead)
		pause();
	return disk.load;
}

enum px_status px_luks_look_for_label(const char *device, bool *ret_labelled)
{
	(void)device;
	*ret_labelled = disk.labelled;
	return disk.look;
}

const struct px_token *px_luks_token(const struct px_luks *luks)
{
	static const struct px_token token = { .secret = secret, .store = store };

	(void)luks;
	return &token;
}

const char *px_luks_uuid(const struct px_luks *luks)
{
	(void)luks;
	return "uuid";
}

const char *px_luks_cipher(const struct px_luks *luks)
{
	(void)luks;
	return "aes";
}

unsigned int px_luks_key_bits(const struct px_luks *luks)
{
	(void)luks;
	return 512;
}

int px_luks_version(const struct px_luks *luks)
{
	(void)luks;
	return 2;
}

void px_luks_free(struct px_luks **luks)
{
	(void)luks;
}

static int begin(void **state)
{
	(void)state;
	memset(&disk, 0, sizeof(disk));
	no_fork = (struct fault){ 0 };
	looks = 0;
	patience = 0;
	return 0;
}

TEST(a_header_is_described)
{
	struct px_peek peek = { .uuid = "" };

	assert_int_equal(px_peek("/dev/x", &peek), 0);
	assert_string_equal(peek.secret, secret);
	assert_string_equal(peek.store, store);
	assert_string_equal(peek.uuid, "uuid");
	assert_string_equal(peek.cipher, "aes");
	assert_string_equal(peek.next, "");
	assert_string_equal(peek.old, "");
	assert_int_equal(peek.key_bits, 512);
}

TEST(a_header_that_is_refused_is_no_volume_unless_it_has_our_label)
{
	struct px_peek peek;

	disk.load = PX_BAD_HEADER;
	assert_int_equal(px_peek("/dev/x", &peek), -EINVAL);
	disk.labelled = true;
	assert_int_equal(px_peek("/dev/x", &peek), -EBADMSG);
	disk.look = PX_NO_VOLUME;
	assert_int_equal(px_peek("/dev/x", &peek), -EINVAL);
	disk.look = PX_KERNEL;
	assert_int_equal(px_peek("/dev/x", &peek), -EBADMSG);
}

TEST(a_disk_that_does_not_answer_is_not_looked_at_by_a_second_process)
{
	const struct timespec moment = { .tv_nsec = 10000000 };
	struct px_peek peek;
	pid_t left = 0;

	patience = 20;
	disk.dead = disk.holding = true;
	assert_int_equal(px_peek_again("/dev/x", &left, &peek), -ETIMEDOUT);
	assert_true(left > 0);
	assert_false(px_worker_is_gone(left));
	assert_int_equal(px_peek_again("/dev/x", &left, &peek), -EBUSY);
	assert_int_equal(looks, 1);

	/* It answers again. */
	patience = 0;
	disk.dead = disk.holding = false;
	while (!px_worker_is_gone(left))
		nanosleep(&moment, NULL);
	left = 0;
	assert_int_equal(px_peek_again("/dev/x", &left, &peek), 0);
	assert_int_equal(left, 0);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

TEST(that_a_look_cannot_be_begun_is_told)
{
	struct px_peek peek;
	pid_t left = 0;

	no_fork = (struct fault){ .times = 1, .error = EAGAIN };
	assert_int_equal(px_peek_again("/dev/x", &left, &peek), -EAGAIN);
	assert_int_equal(left, 0);
}

#define PEEK_TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PEEK_TEST(a_header_is_described),
		PEEK_TEST(a_header_that_is_refused_is_no_volume_unless_it_has_our_label),
		PEEK_TEST(a_disk_that_does_not_answer_is_not_looked_at_by_a_second_process),
		PEEK_TEST(that_a_look_cannot_be_begun_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
