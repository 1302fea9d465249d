/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "pxenc/clock.h"
#include "pxenc/dm.h"
#include "pxenc/helpers.h"
#include "pxenc/log.h"
#include "pxenc/luks.h"
#include "pxenc/mapping.h"
#include "pxenc/places.h"
#include "pxenc/session.h"
#include "pxenc/stale.h"
#include "pxenc/store.h"
#include "pxenc/turn.h"
#include "pxenc/unlock.h"

#define DEVICE "/dev/fake"
#define DEVNO ((dev_t)0x810)
#define OTHER_DEVNO ((dev_t)0x820)
#define UUID "0f3c"
#define NAME "pxenc-" UUID
#define SECRET "volumes/" UUID "/1"
#define KEY "hunter2"

/* The steps of the story in the order in which px_unlock took them. */
#define WHOLE_STORY "load slave name store get:base/" SECRET " end seal activate free"

struct px_luks {
	const char *device;
};

struct px_store {
	int64_t deadline;
};

/* What one look at the mappings finds. */
struct look {
	int slave_errno; /* by slave: 0 finds the mapping */
	int name_errno;	 /* by name */
	const char *name;
	dev_t slave;
	const char *slave_name;
	bool suspended;
	bool foreign; /* no LUKS */
	bool gone;    /* its device was pulled out */
};

static const struct look nothing = { .slave_errno = -ENOENT, .name_errno = -ENOENT };
static const struct look ours = { .name = NAME, .slave = DEVNO, .slave_name = "sdb" };
static const struct look a_clone = {
	.slave_errno = -ENOENT, .name = NAME, .slave = OTHER_DEVNO, .slave_name = "sdc"
};

static struct {
	char steps[4096];
	bool reencrypting;
	enum px_status settle;
	enum px_status load, config, store, setting, get, seal, test, current, activate, stale;
	enum px_status mapped; /* whether the volume key has begun to change, asked afterwards */
	int release;
	struct px_config *loaded; /* that of the session */
	int turn, turn_errno;	  /* the descriptor that stands for a turn */
	const char *key;
	struct look looks[64]; /* one after the other; the last is there to stay */
	size_t look, looks_len;
	struct px_activate how;
	char activated[64];
	bool tested_slot, sealed_slot, named_slot;
	bool held; /* signals, while the mapping was made */
	int64_t deadline;
	unsigned int naps;
	unsigned int busy_times; /* activations that find the device busy, before the others */
	int stat_errno;
	mode_t mode;
	struct px_token *token;
	unsigned int loads;
	struct px_token *next_token; /* from the second load on, when all is well again */
} world;

static char store_name[] = "default", base[] = "base", secret_name[] = SECRET;
static struct px_config config = { .store = store_name, .base_path = base, .timeout = 75 };
static struct px_token token = { .store = store_name, .secret = secret_name };
static struct px_options options;
static struct px_unlocked unlocked;
static sigset_t mask;

static void step(const char *what)
{
	size_t used = strlen(world.steps);

	snprintf(world.steps + used, sizeof(world.steps) - used, "%s%s", used ? " " : "", what);
}

int __real_stat(const char *path, struct stat *st);
int __wrap_stat(const char *path, struct stat *st);
int __wrap_nanosleep(const struct timespec *time, struct timespec *left);

int __wrap_stat(const char *path, struct stat *st)
{
	assert_string_equal(path, DEVICE);
	if (world.stat_errno) {
		errno = world.stat_errno;
		return -1;
	}
	memset(st, 0, sizeof(*st));
	st->st_mode = world.mode;
	st->st_rdev = DEVNO;
	return 0;
}

int __wrap_nanosleep(const struct timespec *time, struct timespec *left)
{
	(void)left;
	assert_true(time->tv_sec == 0 && time->tv_nsec > 0);
	world.naps++;
	return 0;
}

static enum px_status load(const char *device, struct px_luks **ret_luks)
{
	struct px_luks *luks;

	if (world.load)
		return world.load;
	if (world.loads++ > 0 && world.next_token) {
		world.token = world.next_token;
		world.get = PX_OK;
	}
	luks = malloc(sizeof(*luks));
	if (!luks)
		return px_nomem();
	luks->device = device;
	*ret_luks = luks;
	return PX_OK;
}

enum px_status px_luks_load(const char *device, struct px_luks **ret_luks)
{
	step("read");
	return load(device, ret_luks);
}

enum px_status px_luks_load_to_open(const char *device, struct px_luks **ret_luks)
{
	step("load");
	return load(device, ret_luks);
}

void px_luks_free(struct px_luks **luks)
{
	if (!*luks)
		return;
	step("free");
	free(px_steal(luks));
}

bool px_luks_is_reencrypting(const struct px_luks *luks)
{
	assert_non_null(luks);
	return world.reencrypting;
}

enum px_status px_helpers_settle(const char *path, dev_t device, const char *mapped, int *ret_lock)
{
	assert_string_equal(path, DEVICE);
	assert_int_equal(device, DEVNO);
	step(mapped ? "settle-mapped" : "settle");
	*ret_lock = -1;
	return world.settle;
}

void px_luks_name_secret(struct px_luks *luks, const char *path)
{
	(void)luks;
	(void)path;
}

const char *px_luks_device(const struct px_luks *luks)
{
	return luks->device;
}

const char *px_luks_uuid(const struct px_luks *luks)
{
	assert_string_equal(luks->device, DEVICE);
	return UUID;
}

const struct px_token *px_luks_token(const struct px_luks *luks)
{
	assert_string_equal(luks->device, DEVICE);
	return world.token;
}

static void check_key(const struct px_secret *key)
{
	assert_int_equal(px_secret_len(key), strlen(world.key));
	assert_memory_equal(px_secret_bytes(key), world.key, strlen(world.key));
}

enum px_status px_luks_verify_seal(struct px_luks *luks, const struct px_secret *key,
				   bool named_slot)
{
	assert_non_null(luks);
	check_key(key);
	step("seal");
	world.sealed_slot = named_slot;
	return world.seal;
}

enum px_status px_luks_test(struct px_luks *luks, const struct px_secret *key, bool named_slot)
{
	assert_non_null(luks);
	check_key(key);
	step("test");
	world.tested_slot = named_slot;
	return world.test;
}

enum px_status px_luks_check_current(const struct px_luks *luks)
{
	assert_non_null(luks);
	return strstr(world.steps, "activate") ? world.mapped : world.current;
}

int px_dm_release(const char *name)
{
	assert_string_equal(name, NAME);
	step("release");
	return world.release;
}

enum px_status px_luks_activate(struct px_luks *luks, const char *name, const struct px_secret *key,
				const struct px_activate *how)
{
	sigset_t now;

	assert_non_null(luks);
	check_key(key);
	step("activate");
	world.how = *how;
	snprintf(world.activated, sizeof(world.activated), "%s", name);
	sigprocmask(SIG_SETMASK, NULL, &now);
	world.held = sigismember(&now, SIGINT) && sigismember(&now, SIGTERM) &&
		     sigismember(&now, SIGHUP);
	if (world.busy_times == 0)
		return world.activate;
	world.busy_times--;
	return PX_BUSY;
}

enum px_status px_session_config(struct px_config **ret_config)
{
	step("config");
	if (world.config)
		return world.config;
	world.loaded = calloc(1, sizeof(*world.loaded));
	if (!world.loaded)
		return px_nomem();
	world.loaded->timeout = 9;
	world.loaded->store = strdup("default");
	world.loaded->base_path = strdup("other");
	*ret_config = world.loaded;
	return PX_OK;
}

enum px_status px_store_new(const struct px_config *c, int64_t deadline,
			    struct px_store **ret_store)
{
	assert_ptr_equal(c, options.service ? world.loaded : &config);
	step("store");
	if (world.store)
		return world.store;
	world.deadline = deadline;
	*ret_store = malloc(sizeof(**ret_store));
	return *ret_store ? PX_OK : px_nomem();
}

enum px_status px_store_get(struct px_store *store, const char *path, unsigned int how,
			    struct px_secret **ret_value)
{
	enum px_status st = how & PX_GET_MAYBE ? world.setting : world.get;
	char what[1200];

	assert_non_null(store);
	snprintf(what, sizeof(what), "get:%s", path);
	step(what);
	if (!(how & PX_GET_MAYBE))
		assert_int_equal(how, PX_GET_PASSPHRASE);
	if (st)
		return st;
	assert_int_equal(px_secret_from(how & PX_GET_MAYBE ? "cluster" : world.key,
					strlen(how & PX_GET_MAYBE ? "cluster" : world.key),
					ret_value),
			 0);
	return PX_OK;
}

void px_store_free(struct px_store **store)
{
	if (!*store)
		return;
	step("end");
	free(px_steal(store));
}

static int find(int error, struct px_mapping *ret_mapping)
{
	const struct look *look = &world.looks[world.look];
	struct px_mapping mapping = { .slave = look->slave,
				      .suspended = look->suspended,
				      .gone = look->gone };

	if (error)
		return error;
	mapping.name = strdup(look->name);
	mapping.dm_uuid = strdup(look->foreign ? "LVM-x" : "CRYPT");
	mapping.slave_name = look->slave_name ? strdup(look->slave_name) : NULL;
	if (!mapping.name || !mapping.dm_uuid || (look->slave_name && !mapping.slave_name)) {
		px_mapping_clear(&mapping);
		return -ENOMEM;
	}
	*ret_mapping = mapping;
	return 0;
}

static void next_look(void)
{
	if (world.look + 1 < world.looks_len)
		world.look++;
}

int px_mapping_by_slave(dev_t slave, struct px_mapping *ret_mapping)
{
	int r = world.looks[world.look].slave_errno;

	assert_true(slave == DEVNO);
	step("slave");
	r = find(r, ret_mapping);
	if (r != -ENOENT)
		next_look();
	return r;
}

int px_mapping_by_name(const char *name, struct px_mapping *ret_mapping)
{
	int r = find(world.looks[world.look].name_errno, ret_mapping);

	assert_string_equal(name, options.name ? options.name : NAME);
	step("name");
	next_look();
	return r;
}

bool px_mapping_is_luks(const struct px_mapping *mapping)
{
	return strcmp(mapping->dm_uuid, "CRYPT") == 0;
}

void px_mapping_clear(struct px_mapping *mapping)
{
	free(mapping->name);
	free(mapping->dm_uuid);
	free(mapping->slave_name);
	*mapping = (struct px_mapping){ 0 };
}

enum px_status px_stale_remove(const struct px_mapping *mapping)
{
	assert_string_equal(mapping->name, NAME);
	assert_true(mapping->gone);
	step("stale");
	return world.stale ? px_fail(world.stale, "still in use") : PX_OK;
}

const char *px_place_run(void)
{
	return "/run/of/the/test";
}

int px_turn_take(const char *dir, int *ret_turn)
{
	assert_string_equal(dir, px_place_run());
	step("turn");
	if (world.turn_errno)
		return -world.turn_errno;
	*ret_turn = world.turn = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_true(world.turn >= 0);
	return 0;
}

static void see(struct look look)
{
	world.looks[world.looks_len++] = look;
}

static int begin(void **state)
{
	(void)state;
	memset(&world, 0, sizeof(world));
	world.key = KEY;
	world.setting = PX_NO_SECRET;
	world.mode = S_IFBLK;
	world.token = &token;
	options = (struct px_options){ 0 };
	config.timeout = 75;
	sigprocmask(SIG_SETMASK, NULL, &mask);
	log_forget();
	return 0;
}

static int end(void **state)
{
	(void)state;
	px_unlocked_clear(&unlocked);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	return 0;
}

static enum px_status unlock(bool test)
{
	memset(world.steps, 0, sizeof(world.steps));
	world.look = 0;
	if (!world.looks_len)
		see(nothing);
	px_unlocked_clear(&unlocked);
	return px_unlock(DEVICE, options.service ? NULL : &config, &options, test, &unlocked);
}

/* A failure that another module has logged. */
static void check_stops(enum px_status status, const char *steps)
{
	log_forget();
	assert_int_equal(unlock(false), status);
	assert_silent();
	assert_string_equal(world.steps, steps);
	assert_null(unlocked.name);
	assert_false(unlocked.created);
}

TEST(a_volume_is_opened_in_the_order_of_the_story)
{
	assert_ok(unlock(false));
	assert_string_equal(world.steps, WHOLE_STORY);
	assert_string_equal(unlocked.name, NAME);
	assert_string_equal(world.activated, NAME);
	assert_true(unlocked.created);
}

/* The key of who fetched many, and what he was shown. */
static enum px_status give_key(void *arg, struct px_luks *luks, struct px_choice *ret_choice,
			       struct px_secret **ret_key)
{
	const enum px_status *status = arg;

	assert_string_equal(px_luks_uuid(luks), UUID);
	step("given");
	if (*status)
		return *status;
	ret_choice->named_slot = true;
	assert_int_equal(px_secret_from(world.key, strlen(world.key), ret_key), 0);
	return PX_OK;
}

TEST(a_key_from_elsewhere_needs_no_store)
{
	enum px_status status = PX_OK;
	const struct px_key_source source = { give_key, &status };

	see(nothing);
	assert_ok(px_unlock_with(DEVICE, &options, false, &source, &unlocked));
	assert_string_equal(world.steps, "load slave name given seal activate free");
	assert_true(world.sealed_slot && world.how.named_slot);
	px_unlocked_clear(&unlocked);
	memset(world.steps, 0, sizeof(world.steps));
	status = PX_DECLINED;
	assert_int_equal(px_unlock_with(DEVICE, &options, false, &source, &unlocked), PX_DECLINED);
	assert_string_equal(world.steps, "load slave name given free");
	assert_null(unlocked.name);
}

TEST(nothing_is_fetched_when_the_header_is_refused)
{
	world.load = PX_BAD_HEADER;
	check_stops(PX_BAD_HEADER, "load");
	world.load = PX_NO_VOLUME;
	check_stops(PX_NO_VOLUME, "load");
}

TEST(a_broken_seal_is_found_after_the_fetch_and_stops_before_the_activation)
{
	world.seal = PX_BAD_HEADER;
	check_stops(PX_BAD_HEADER, "load slave name store get:base/" SECRET " end seal free");
}

TEST(the_store_is_left_before_the_key_is_used)
{
	assert_ok(unlock(false));
	assert_true(strstr(world.steps, " end ") < strstr(world.steps, "seal"));
}

TEST(what_the_store_refuses_stops_the_story)
{
	static const enum px_status stops[] = { PX_UNREACHABLE, PX_UNAUTHENTICATED, PX_FORBIDDEN,
						PX_NO_SECRET, PX_UNTRUSTED };
	size_t i;

	for (i = 0; i < 5; i++) {
		world.get = stops[i];
		check_stops(stops[i],
			    stops[i] == PX_NO_SECRET
				    ? "load slave name store get:base/" SECRET " end free load free"
				    : "load slave name store get:base/" SECRET " end free");
	}
}

TEST(a_store_that_cannot_be_asked_stops_the_story)
{
	world.store = PX_USAGE;
	check_stops(PX_USAGE, "load slave name store free");
}

TEST(an_empty_secret_is_no_key)
{
	world.key = "";
	assert_fails(PX_USAGE, unlock(false), "base/" SECRET, "empty");
	assert_string_equal(world.steps, "load slave name store get:base/" SECRET " end free");
}

TEST(a_key_that_opens_nothing_stops_the_story)
{
	world.activate = PX_BAD_KEY;
	check_stops(PX_BAD_KEY, WHOLE_STORY " load free");
	world.activate = PX_KERNEL;
	check_stops(PX_KERNEL, WHOLE_STORY);
}

TEST(a_volume_without_our_luks2_token_opens_with_the_cluster_key)
{
	world.token = NULL;
	world.setting = PX_OK;
	assert_ok(unlock(false));
	assert_string_equal(world.steps, "load slave name store get:base/pxenc/cluster "
					 "get:base/cluster end seal activate free");
	assert_false(world.how.named_slot);
}

TEST(a_forbidden_cluster_setting_stops_the_story)
{
	static char in_config[] = "config-key";

	config.cluster_secret_key = in_config;
	world.token = NULL;
	world.setting = PX_FORBIDDEN;
	check_stops(PX_FORBIDDEN, "load slave name store get:base/pxenc/cluster end free");
	world.setting = PX_NO_SECRET;
	assert_ok(unlock(false));
	assert_string_equal(world.steps, "load slave name store get:base/pxenc/cluster "
					 "get:base/config-key end seal activate free");
	config.cluster_secret_key = NULL;
}

TEST(without_any_secret_nothing_is_opened)
{
	world.token = NULL;
	assert_fails(PX_USAGE, unlock(false), "no secret is named");
	assert_string_equal(world.steps, "load slave name store get:base/pxenc/cluster end free");
}

TEST(the_keyslot_that_the_luks2_token_names_is_the_one_that_is_tried)
{
	static char other[] = "other";

	assert_ok(unlock(false));
	assert_true(world.how.named_slot);
	assert_true(world.sealed_slot);
	options.secret = other;
	assert_ok(unlock(false));
	assert_false(world.how.named_slot);
}

TEST(readonly_and_discard_are_the_mappings_too)
{
	assert_ok(unlock(false));
	assert_false(world.how.readonly || world.how.discard);
	options.readonly = options.discard = true;
	assert_ok(unlock(false));
	assert_true(world.how.readonly && world.how.discard);
}

TEST(a_name_that_was_given_is_the_mappings)
{
	static char name[] = "mine";

	options.name = name;
	assert_ok(unlock(false));
	assert_string_equal(unlocked.name, "mine");
	assert_string_equal(world.activated, "mine");
}

TEST(the_timeout_of_the_option_goes_before_the_configs)
{
	int64_t now = px_now_ms();

	assert_ok(unlock(false));
	assert_in_range(world.deadline - now, 75000, 76000);
	options.has_timeout = true;
	options.timeout = 5;
	assert_ok(unlock(false));
	assert_in_range(world.deadline - now, 5000, 6000);
	options.timeout = 0;
	assert_ok(unlock(false));
	assert_true(world.deadline == PX_FOREVER);
}

TEST(signals_are_held_while_the_mapping_is_made_but_not_before)
{
	sigset_t now;

	world.seal = PX_BAD_HEADER;
	check_stops(PX_BAD_HEADER, "load slave name store get:base/" SECRET " end seal free");
	sigprocmask(SIG_SETMASK, NULL, &now);
	assert_false(sigismember(&now, SIGTERM));
	world.seal = PX_OK;
	assert_ok(unlock(false));
	assert_true(world.held);
}

TEST(a_test_proves_the_key_and_looks_at_no_mapping)
{
	see(ours);
	world.mode = S_IFREG;
	assert_ok(unlock(true));
	assert_string_equal(world.steps, "read store get:base/" SECRET " end seal test free");
	assert_null(unlocked.name);
	assert_true(world.tested_slot);
}

TEST(a_test_checks_the_seal_first)
{
	world.seal = PX_BAD_HEADER;
	assert_int_equal(unlock(true), PX_BAD_HEADER);
	assert_string_equal(world.steps, "read store get:base/" SECRET " end seal free");
}

TEST(a_test_whose_key_is_wrong_fails)
{
	world.test = PX_BAD_KEY;
	assert_int_equal(unlock(true), PX_BAD_KEY);
	assert_silent();
}

TEST(a_plain_file_cannot_be_mapped_and_is_told_of_losetup)
{
	world.mode = S_IFREG;
	assert_fails(PX_NO_VOLUME, unlock(false), DEVICE, "not a block device", "losetup");
	assert_string_equal(world.steps, "load free");
	world.mode = S_IFCHR;
	assert_fails(PX_NO_VOLUME, unlock(false), "not a block device");
}

TEST(a_device_that_went_away_is_said_so)
{
	world.stat_errno = ENOENT;
	assert_fails(PX_NO_VOLUME, unlock(false), DEVICE, "No such file");
	assert_string_equal(world.steps, "load free");
}

TEST(a_device_that_is_mapped_already_is_a_success_without_a_fetch)
{
	see(ours);
	assert_ok(unlock(false));
	assert_string_equal(world.steps, "load slave free");
	assert_string_equal(unlocked.name, NAME);
	assert_false(unlocked.created);
}

TEST(a_mapping_of_this_device_by_another_name_is_taken_too)
{
	struct look look = ours;

	look.name = "by-hand";
	see(look);
	assert_ok(unlock(false));
	assert_string_equal(unlocked.name, "by-hand");
}

TEST(a_device_that_is_mapped_by_another_name_than_the_one_given_is_busy)
{
	static char name[] = "mine";

	options.name = name;
	see(ours);
	assert_fails(PX_BUSY, unlock(false), NAME, "leave out the name");
	assert_null(unlocked.name);
}

TEST(a_device_that_is_mapped_by_the_name_given_is_a_success)
{
	static char name[] = NAME;

	options.name = name;
	see(ours);
	assert_ok(unlock(false));
	assert_string_equal(unlocked.name, NAME);
}

TEST(a_suspended_mapping_is_busy)
{
	struct look look = ours;

	look.suspended = true;
	see(look);
	assert_fails(PX_BUSY, unlock(false), "suspended", "pxenc resume " NAME);
	assert_null(unlocked.name);
	assert_in_range(world.naps, 1, 100);
}

TEST(a_clone_is_busy_and_told_of_name)
{
	see(a_clone);
	assert_fails(PX_BUSY, unlock(false), NAME, "sdc", "clone", "name=");
	assert_string_equal(world.steps, "load slave name free");
	assert_null(unlocked.name);
	assert_int_equal(world.naps, 0);
}

TEST(a_clone_is_no_status_that_a_service_would_try_again)
{
	options.service = true;
	see(a_clone);
	assert_fails(PX_TWIN, unlock(false), NAME, "sdc", "clone", "name=");
}

TEST(what_passes_by_itself_is_busy_for_a_service_too)
{
	struct look look = ours;

	options.service = true;
	look.suspended = true;
	see(look);
	assert_fails(PX_BUSY, unlock(false), "suspended");
	look = a_clone;
	look.slave = 0;
	look.slave_name = NULL;
	see(look);
	assert_fails(PX_BUSY, unlock(false), "unknown");
	look = a_clone;
	look.foreign = true;
	look.slave = DEVNO;
	see(look);
	assert_fails(PX_BUSY, unlock(false), NAME);
}

TEST(a_clone_with_a_name_of_its_own_is_opened)
{
	static char name[] = "the-clone";

	options.name = name;
	assert_ok(unlock(false));
	assert_string_equal(unlocked.name, "the-clone");
}

TEST(a_name_that_belongs_to_another_kind_of_mapping_is_busy)
{
	struct look look = a_clone;

	look.foreign = true;
	look.slave = DEVNO;
	see(look);
	assert_fails(PX_BUSY, unlock(false), NAME, "name=");
}

TEST(a_name_whose_owner_is_unknown_is_busy)
{
	struct look look = a_clone;

	look.slave = 0;
	look.slave_name = NULL;
	see(look);
	assert_fails(PX_BUSY, unlock(false), NAME, "unknown");
	assert_in_range(world.naps, 1, 100);
}

TEST(mappings_that_cannot_be_looked_for_are_an_error)
{
	struct look look = nothing;

	look.slave_errno = -EACCES;
	see(look);
	assert_fails(PX_KERNEL, unlock(false), "/sys", "Permission denied");
	world.looks[0] = nothing;
	world.looks[0].name_errno = -EIO;
	assert_fails(PX_KERNEL, unlock(false), "/sys", "Input/output");
	assert_string_equal(world.steps, "load slave name free");
}

TEST(a_race_that_another_opener_of_this_device_won_is_a_success)
{
	see(nothing);
	see(ours);
	world.activate = PX_BUSY;
	assert_ok(unlock(false));
	assert_string_equal(world.steps, "load slave name store get:base/" SECRET
					 " end seal activate slave free");
	assert_string_equal(unlocked.name, NAME);
	assert_false(unlocked.created);
}

TEST(a_race_that_a_clone_won_is_busy_and_told_of_name)
{
	see(nothing);
	see(a_clone);
	world.activate = PX_BUSY;
	assert_fails(PX_BUSY, unlock(false), "name=", "clone");
	assert_null(unlocked.name);
	assert_false(unlocked.created);
}

TEST(a_device_that_is_busy_for_another_reason_is_said_so)
{
	world.activate = PX_BUSY;
	assert_fails(PX_BUSY, unlock(false), "in use by something else", "lsblk " DEVICE);
	assert_null(unlocked.name);
	assert_int_equal(world.naps, 10);
}

TEST(a_device_that_is_just_being_closed_is_free_in_a_moment)
{
	world.busy_times = 3;
	assert_ok(unlock(false));
	assert_true(unlocked.created);
	assert_int_equal(world.naps, 3);
}

/* Between the look by slave and the look by name somebody may map the device. */
TEST(a_mapping_that_appears_between_two_looks_is_known_by_its_slave)
{
	struct look look = ours;

	look.slave_errno = -ENOENT;
	see(look);
	assert_ok(unlock(false));
	assert_string_equal(unlocked.name, NAME);
	assert_false(unlocked.created);
}

/* device-mapper gives a mapping its name first, then its device below, then resumes it. */
TEST(a_mapping_that_is_just_being_made_is_waited_for)
{
	struct look named = a_clone, loaded = ours;

	named.slave = 0;
	named.slave_name = NULL;
	loaded.suspended = true;
	see(nothing);
	see(named);
	see(named);
	see(loaded);
	see(ours);
	world.activate = PX_BUSY;
	assert_ok(unlock(false));
	assert_string_equal(unlocked.name, NAME);
	assert_int_equal(world.naps, 3);
}

TEST(a_mapping_that_vanishes_while_it_is_waited_for_is_none)
{
	struct look named = a_clone;

	named.slave = 0;
	named.slave_name = NULL;
	see(named);
	see(nothing);
	assert_ok(unlock(false));
	assert_true(unlocked.created);
}

/* The name is taken by what a former attachment of the volume left. */
TEST(a_mapping_whose_device_was_pulled_out_is_removed_and_the_volume_opened_anew)
{
	struct look look = a_clone;

	look.gone = true;
	look.slave = 0;
	see(look);
	assert_ok(unlock(false));
	assert_string_equal(world.steps, "load slave name stale store get:base/" SECRET
					 " end seal activate free");
	assert_true(unlocked.created);
	assert_int_equal(world.naps, 0);
}

TEST(one_that_is_still_in_use_is_busy)
{
	struct look look = a_clone;

	look.gone = true;
	look.suspended = true;
	see(look);
	world.stale = PX_BUSY;
	assert_fails(PX_BUSY, unlock(false), "still in use");
	assert_string_equal(world.steps, "load slave name stale free");
}

TEST(a_service_takes_its_turn_with_the_store_and_leaves_it_before_the_key_is_used)
{
	options.service = true;
	assert_ok(unlock(false));
	assert_string_equal(world.steps, "load slave name turn config store get:other/" SECRET
					 " end seal activate free");
	assert_int_equal(fcntl(world.turn, F_GETFD), -1);
}

/* Which may be another than when it began to wait. */
TEST(a_service_has_the_config_that_is_there_when_it_is_its_turn)
{
	int64_t now = px_now_ms();

	options.service = true;
	assert_ok(unlock(false));
	assert_in_range(world.deadline - now, 9000, 10000);
	world.config = PX_USAGE;
	check_stops(PX_USAGE, "load slave name turn config free");
}

TEST(where_there_are_no_turns_it_goes_on_without)
{
	options.service = true;
	world.turn_errno = EACCES;
	assert_ok(unlock(false));
	assert_true(unlocked.created);
}

static int attempt(void *arg)
{
	enum px_status st = unlock(false);

	(void)arg;
	if (st) {
		assert_null(unlocked.name);
		assert_false(unlocked.created);
	}
	return (int)st;
}

TEST(no_memory_is_said_once_and_names_nothing)
{
	static char name[] = "mine";

	each_allocation_may_fail(attempt, NULL, PX_NOMEM);
	options.name = name;
	each_allocation_may_fail(attempt, NULL, PX_NOMEM);
	options.name = NULL;
	world.looks[0] = ours;
	each_allocation_may_fail(attempt, NULL, PX_NOMEM);
}

/* rotate is done between our look at the header and our question to the store. */
TEST(a_key_that_is_changed_meanwhile_is_looked_for_anew)
{
	static char next[] = "volumes/" UUID "/2";
	static struct px_token rotated = { .store = store_name, .secret = next };

	world.get = PX_NO_SECRET;
	world.next_token = &rotated;
	assert_int_equal(unlock(false), PX_OK);
	assert_string_equal(world.steps, "load slave name store get:base/" SECRET " end free "
					 "load free "
					 "load slave name store get:base/volumes/" UUID "/2"
					 " end seal activate free");
	assert_logged("changed just now");
}

TEST(a_secret_that_is_gone_for_good_is_asked_for_once)
{
	world.get = PX_NO_SECRET;
	assert_int_equal(unlock(false), PX_NO_SECRET);
	assert_string_equal(world.steps,
			    "load slave name store get:base/" SECRET " end free load free");
}

TEST(a_volume_whose_key_has_begun_to_change_since_is_not_mapped)
{
	world.current = PX_BUSY;
	assert_int_equal(unlock(false), PX_BUSY);
	assert_null(strstr(world.steps, "activate"));
}

TEST(a_volume_whose_key_began_to_change_while_it_was_mapped_is_released)
{
	world.mapped = PX_BUSY;
	assert_int_equal(unlock(false), PX_BUSY);
	assert_non_null(strstr(world.steps, "activate release free"));
	assert_null(unlocked.name);
	assert_false(unlocked.created);
}

TEST(if_that_fails_too_somebody_is_told)
{
	world.mapped = PX_BUSY;
	world.release = -EIO;
	assert_int_equal(unlock(false), PX_BUSY);
	assert_logged("close --force " NAME);
}

TEST(a_volume_that_is_being_written_anew_is_settled_first)
{
	world.reencrypting = true;
	assert_ok(unlock(false));
	assert_string_equal(world.steps, "load slave name settle store get:base/" SECRET
					 " end seal activate free");
}

TEST(a_volume_whose_reencryption_is_in_the_way_is_not_opened)
{
	world.reencrypting = true;
	world.settle = PX_BUSY;
	assert_int_equal(unlock(false), PX_BUSY);
	assert_string_equal(world.steps, "load slave name settle free");
}

TEST(a_mapping_with_the_remains_of_a_killed_reencryption_is_not_taken)
{
	world.reencrypting = true;
	world.settle = PX_BUSY;
	see(ours);
	assert_int_equal(unlock(false), PX_BUSY);
	assert_string_equal(world.steps, "load slave settle-mapped free");
	assert_null(unlocked.name);
}

TEST(clearing_forgets_the_name)
{
	assert_ok(unlock(false));
	px_unlocked_clear(&unlocked);
	assert_null(unlocked.name);
	assert_false(unlocked.created);
}

#define unlock_test(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		unlock_test(a_volume_is_opened_in_the_order_of_the_story),
		unlock_test(a_key_from_elsewhere_needs_no_store),
		unlock_test(nothing_is_fetched_when_the_header_is_refused),
		unlock_test(a_broken_seal_is_found_after_the_fetch_and_stops_before_the_activation),
		unlock_test(the_store_is_left_before_the_key_is_used),
		unlock_test(what_the_store_refuses_stops_the_story),
		unlock_test(a_store_that_cannot_be_asked_stops_the_story),
		unlock_test(an_empty_secret_is_no_key),
		unlock_test(a_key_that_opens_nothing_stops_the_story),
		unlock_test(a_volume_without_our_luks2_token_opens_with_the_cluster_key),
		unlock_test(a_forbidden_cluster_setting_stops_the_story),
		unlock_test(without_any_secret_nothing_is_opened),
		unlock_test(the_keyslot_that_the_luks2_token_names_is_the_one_that_is_tried),
		unlock_test(readonly_and_discard_are_the_mappings_too),
		unlock_test(a_name_that_was_given_is_the_mappings),
		unlock_test(the_timeout_of_the_option_goes_before_the_configs),
		unlock_test(signals_are_held_while_the_mapping_is_made_but_not_before),
		unlock_test(a_test_proves_the_key_and_looks_at_no_mapping),
		unlock_test(a_test_checks_the_seal_first),
		unlock_test(a_test_whose_key_is_wrong_fails),
		unlock_test(a_plain_file_cannot_be_mapped_and_is_told_of_losetup),
		unlock_test(a_device_that_went_away_is_said_so),
		unlock_test(a_device_that_is_mapped_already_is_a_success_without_a_fetch),
		unlock_test(a_mapping_of_this_device_by_another_name_is_taken_too),
		unlock_test(a_device_that_is_mapped_by_another_name_than_the_one_given_is_busy),
		unlock_test(a_device_that_is_mapped_by_the_name_given_is_a_success),
		unlock_test(a_suspended_mapping_is_busy),
		unlock_test(a_clone_is_busy_and_told_of_name),
		unlock_test(a_clone_is_no_status_that_a_service_would_try_again),
		unlock_test(what_passes_by_itself_is_busy_for_a_service_too),
		unlock_test(a_clone_with_a_name_of_its_own_is_opened),
		unlock_test(a_name_that_belongs_to_another_kind_of_mapping_is_busy),
		unlock_test(a_name_whose_owner_is_unknown_is_busy),
		unlock_test(mappings_that_cannot_be_looked_for_are_an_error),
		unlock_test(a_race_that_another_opener_of_this_device_won_is_a_success),
		unlock_test(a_race_that_a_clone_won_is_busy_and_told_of_name),
		unlock_test(a_device_that_is_busy_for_another_reason_is_said_so),
		unlock_test(a_device_that_is_just_being_closed_is_free_in_a_moment),
		unlock_test(a_mapping_that_appears_between_two_looks_is_known_by_its_slave),
		unlock_test(a_mapping_that_is_just_being_made_is_waited_for),
		unlock_test(a_mapping_that_vanishes_while_it_is_waited_for_is_none),
		unlock_test(
			a_mapping_whose_device_was_pulled_out_is_removed_and_the_volume_opened_anew),
		unlock_test(one_that_is_still_in_use_is_busy),
		unlock_test(
			a_service_takes_its_turn_with_the_store_and_leaves_it_before_the_key_is_used),
		unlock_test(a_service_has_the_config_that_is_there_when_it_is_its_turn),
		unlock_test(where_there_are_no_turns_it_goes_on_without),
		unlock_test(no_memory_is_said_once_and_names_nothing),
		unlock_test(a_key_that_is_changed_meanwhile_is_looked_for_anew),
		unlock_test(a_secret_that_is_gone_for_good_is_asked_for_once),
		unlock_test(a_volume_whose_key_has_begun_to_change_since_is_not_mapped),
		unlock_test(a_volume_whose_key_began_to_change_while_it_was_mapped_is_released),
		unlock_test(if_that_fails_too_somebody_is_told),
		unlock_test(a_volume_that_is_being_written_anew_is_settled_first),
		unlock_test(a_volume_whose_reencryption_is_in_the_way_is_not_opened),
		unlock_test(a_mapping_with_the_remains_of_a_killed_reencryption_is_not_taken),
		unlock_test(clearing_forgets_the_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
