/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "format-device.h"
#include "format-unfinished.h"
#include "pxenc/child.h"
#include "pxenc/cmd.h"
#include "pxenc/header-backup.h"
#include "pxenc/image.h"
#include "pxenc/log.h"
#include "pxenc/luks.h"
#include "pxenc/new-key.h"
#include "pxenc/recovery.h"
#include "pxenc/signals.h"

#define UUID_TEXT 37

struct arguments {
	const char *device;
	struct px_new_key_args key;
	const char *fstype;
	const char *label;
	const char *cipher;
	unsigned int sector_size;
	bool auto_open, recovery, force;
};

/* Everything that is decided before the device is touched. */
struct plan {
	char uuid[UUID_TEXT];
	struct px_new_key key;
	struct px_image *image;
	char *old_key; /* the path of that of the volume which is there now; NULL: it had none of
			  its own */
};

static void plan_cleanup(struct plan *plan)
{
	px_new_key_clear(&plan->key);
	px_image_free(&plan->image);
	free(plan->old_key);
}

static enum px_status parse_sector_size(const char *text, unsigned int *ret_size)
{
	static const unsigned int sizes[] = { 512, 1024, 2048, 4096 };
	char known[8];
	size_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		snprintf(known, sizeof(known), "%u", sizes[i]);
		if (strcmp(text, known) == 0) {
			*ret_size = sizes[i];
			return PX_OK;
		}
	}
	return px_fail(PX_USAGE, "--sector-size takes 512, 1024, 2048 or 4096, not '%s'", text);
}

/* It becomes the name of a program, mkfs.TYPE, which must be there before anything is lost. */
static enum px_status parse_fstype(const char *text, const char **ret_fstype)
{
	char program[64];

	if (!*text || text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789")])
		return px_fail(PX_USAGE, "--fstype takes the name of a filesystem, not '%s'", text);
	if (snprintf(program, sizeof(program), "/sbin/mkfs.%s", text) >= (int)sizeof(program) ||
	    access(program, X_OK) < 0)
		return px_fail(PX_USAGE, "--fstype %s: there is no %s: install it first", text,
			       program);
	*ret_fstype = text;
	return PX_OK;
}

static enum px_status take_option(struct arguments *args, int c)
{
	if (px_new_key_option(&args->key, c))
		return PX_OK;
	switch (c) {
	case 't':
		return parse_fstype(optarg, &args->fstype);
	case 'a':
		args->auto_open = true;
		return PX_OK;
	case 'r':
		args->recovery = true;
		return PX_OK;
	case 'l':
		args->label = optarg;
		return PX_OK;
	case 'c':
		args->cipher = optarg;
		return PX_OK;
	case 'z':
		return parse_sector_size(optarg, &args->sector_size);
	case 'F':
		args->force = true;
		return PX_OK;
	default:
		return PX_USAGE;
	}
}

static enum px_status parse(int argc, char **argv, struct arguments *args)
{
	static const struct option longs[] = { PX_COMMON_OPTIONS,
					       PX_NEW_KEY_OPTIONS,
					       { "fstype", required_argument, NULL, 't' },
					       { "auto", no_argument, NULL, 'a' },
					       { "recovery-key", no_argument, NULL, 'r' },
					       { "label", required_argument, NULL, 'l' },
					       { "cipher", required_argument, NULL, 'c' },
					       { "sector-size", required_argument, NULL, 'z' },
					       { "force", no_argument, NULL, 'F' },
					       { NULL, 0, NULL, 0 } };
	enum px_status st;
	int c;

	while ((c = px_next_option("format", argc, argv, "", longs)) != -1) {
		st = take_option(args, c);
		if (st)
			return st;
	}
	if (argc - optind != 1)
		return px_usage("format");
	args->device = argv[optind];
	return px_new_key_check(&args->key);
}

/* Version 4, as RFC 9562 has it. We choose it, since a generated key's path contains it. */
static enum px_status make_uuid(char uuid[UUID_TEXT])
{
	unsigned char b[16];

	if (getrandom(b, sizeof(b), 0) != sizeof(b))
		return px_fail(PX_KERNEL, "no random numbers: %s", strerror(errno));
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	snprintf(uuid, UUID_TEXT,
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
		 b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
		 b[15]);
	return PX_OK;
}

/* XTS takes two keys of 256 bits; the others take one. */
static unsigned int key_bits(const char *cipher)
{
	return strstr(cipher, "-xts-") ? 512 : 256;
}

/* The volume in memory; the device is as it was. */
static enum px_status build_volume(const struct arguments *args, const struct px_target *target,
				   const struct px_session *session, struct plan *plan)
{
	const char *cipher = args->cipher ? args->cipher : "aes-xts-plain64";
	struct px_luks_params params = { .uuid = plan->uuid,
					 .label = args->label,
					 .cipher = cipher,
					 .key_bits = key_bits(cipher),
					 .sector_size = args->sector_size,
					 .secret = plan->key.choice.relative,
					 .store = session->config->store };

	return px_image_build(target->path, &params, plan->key.key, &plan->image);
}

static enum px_status run_mkfs(const char *fstype, const char *source)
{
	px_auto(free) char *program = NULL;
	int r, status = 0;

	if (asprintf(&program, "/sbin/mkfs.%s", fstype) < 0)
		return px_nomem();
	r = px_child_run((const char *const[]){ program, source, NULL }, true, &status);
	if (r < 0)
		return px_fail(PX_MOUNT, "cannot make a filesystem: %s: %s", program, strerror(-r));
	if (status)
		return px_fail(PX_MOUNT,
			       "%s failed on %s (status %d): the volume is encrypted, but "
			       "empty",
			       program, source, status);
	return PX_OK;
}

static enum px_status make_filesystem(const struct arguments *args, const struct plan *plan,
				      struct px_luks *luks)
{
	const struct px_activate how = { .named_slot = true };
	char name[sizeof("pxenc-") + UUID_TEXT], source[sizeof("/dev/mapper/") + sizeof(name)];
	enum px_status st, closed;

	snprintf(name, sizeof(name), "pxenc-%s", plan->uuid);
	snprintf(source, sizeof(source), "/dev/mapper/%s", name);
	st = px_luks_activate(luks, name, plan->key.key, &how);
	if (st == PX_BUSY)
		return px_fail(st, "%s was taken by something else before it had a filesystem",
			       args->device);
	if (st)
		return st;
	st = run_mkfs(args->fstype, source);
	closed = px_luks_deactivate(name, false);
	return st ? st : closed;
}

static void report(const struct arguments *args, const struct plan *plan)
{
	struct stat st;

	printf("%s: LUKS2 volume %s, key %s (%s)\n", args->device, plan->uuid,
	       plan->key.choice.path, plan->key.choice.because);
	if (!args->fstype && stat(args->device, &st) == 0 && S_ISREG(st.st_mode))
		printf("%s: no filesystem yet, and before it can be opened it must be attached "
		       "(losetup --find --show %s)\n",
		       args->device, args->device);
	else if (!args->fstype)
		printf("%s: no filesystem yet: pxenc open %s data, mkfs.ext4 /dev/mapper/data, "
		       "pxenc close data\n",
		       args->device, args->device);
	if (plan->old_key)
		printf("%s: the key of the volume that was there is left in the store: pxenc "
		       "secrets delete %s\n",
		       args->device, plan->old_key);
}

static void stays_marked(const struct px_target *target)
{
	px_warn("%s stays marked as an interrupted format: run pxenc format again", target->path);
}

/*
 * The key could not be stored, but nothing is lost yet: the device becomes what it was. Unless the
 * store may have kept the key (why: what went wrong): then the mark, which alone names it, stays,
 * and the next format deletes it.
 */
static void give_up(struct px_session *session, const struct px_target *target,
		    const struct plan *plan, enum px_status why)
{
	if (why == PX_UNREACHABLE || px_format_forget(session, plan->key.choice.path) != PX_OK ||
	    px_image_unmark(plan->image) != PX_OK)
		stays_marked(target);
}

/* From the mark on, what is begun is finished or taken back. */
static enum px_status write_volume(struct px_session *session, const struct px_target *target,
				   struct plan *plan)
{
	enum px_status st;

	st = px_image_mark(plan->image);
	if (st)
		return st;
	st = px_new_key_store(session, &plan->key);
	if (st) {
		give_up(session, target, plan, st);
		return st;
	}
	st = px_image_commit(plan->image);
	if (st)
		stays_marked(target);
	return st;
}

static enum px_status make_volume(const struct arguments *args, struct px_target *target,
				  struct plan *plan)
{
	px_auto(session) struct px_session session = { 0 };
	enum px_status st;

	st = px_session_open(&session);
	if (!st)
		st = px_format_clear(&session, target->path);
	if (!st)
		st = px_new_key_choose(&session, &args->key, plan->uuid, NULL, &plan->key);
	if (!st)
		st = build_volume(args, target, &session, plan);
	if (st)
		return st;
	px_signals_hold();
	/* The store has been asked, which takes time: is the device still what it was? */
	st = px_target_check(target, args->force, false);
	if (!st)
		st = px_target_seize(target);
	return st ? st : write_volume(&session, target, plan);
}

/* Once all keyslots are there. A new volume has no older backup to be replaced. */
static enum px_status keep_header(struct px_luks *luks, const struct plan *plan)
{
	px_auto(session) struct px_session session = { 0 };
	enum px_status st;

	st = px_session_open(&session);
	if (st || !session.config->header_backup)
		return st;
	return px_header_keep(&session, luks, plan->key.key);
}

/* Not before there is a filesystem: on a partition or a logical volume nothing holds udev back. */
static enum px_status let_udev_open(struct px_luks *luks, const struct px_secret *key)
{
	px_auto(token) struct px_token *token = px_token_copy(px_luks_token(luks));

	if (!token)
		return px_nomem();
	token->auto_open = true;
	return px_luks_set_token(luks, token, key);
}

/* What a volume that is there already gets: a recovery key, a filesystem, a mark for udev, and a
 * backup of its header. */
static enum px_status complete(const struct arguments *args, const struct px_target *target,
			       struct plan *plan)
{
	px_auto(luks) struct px_luks *luks = NULL;
	enum px_status st, made = PX_OK;

	/* A mapping is to have the device to itself. */
	px_image_free(&plan->image);
	st = px_luks_load_to_change(target->path, &luks);
	if (!st && args->recovery)
		st = px_recovery_add(luks, 0, plan->key.key);
	if (st)
		return st;
	if (args->fstype)
		made = make_filesystem(args, plan, luks);
	if (!made && args->auto_open)
		made = let_udev_open(luks, plan->key.key);
	/* A volume without a filesystem is one all the same. */
	st = keep_header(luks, plan);
	return made ? made : st;
}

static enum px_status format(const struct arguments *args)
{
	px_cleanup(plan_cleanup) struct plan plan = { 0 };
	px_auto(target) struct px_target target = PX_TARGET_NONE;
	enum px_status st;

	st = args->fstype ? px_check_kernel() : PX_OK;
	if (!st)
		st = px_target_take(args->device, &target);
	if (!st)
		st = px_target_check(&target, args->force, true);
	if (!st)
		st = make_uuid(plan.uuid);
	if (!st)
		plan.old_key = px_format_own_key(target.path);
	if (!st)
		st = make_volume(args, &target, &plan);
	if (st)
		return st;
	report(args, &plan);
	return complete(args, &target, &plan);
}

enum px_status px_cmd_format(int argc, char **argv)
{
	struct arguments args = { 0 };
	enum px_status st;

	st = parse(argc, argv, &args);
	return st ? st : format(&args);
}
