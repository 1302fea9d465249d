/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "luks-private.h"
#include "luks2.h"
#include "pxenc/io.h"
#include "pxenc/log.h"

/*
 * What libcryptsetup said of an error, which becomes part of one message of our own: it often
 * says it twice, the cause first. A global, since libcryptsetup has them too, and one process
 * has one volume.
 */
static char said[512];

static void keep(int level, const char *message, void *unused)
{
	size_t len = strlen(said);

	(void)unused;
	if (level == CRYPT_LOG_NORMAL)
		px_note("libcryptsetup: %s", message);
	if (level != CRYPT_LOG_ERROR)
		return;
	snprintf(said + len, sizeof(said) - len, "%s%s", len > 0 ? " " : "", message);
	for (char *c = said + strlen(said); c > said && isspace((unsigned char)c[-1]); c--)
		c[-1] = '\0';
	for (char *c = strchr(said, '\n'); c; c = strchr(c, '\n'))
		*c = ' ';
}

void px_luks_listen(void)
{
	crypt_set_log_callback(NULL, keep, NULL);
	said[0] = '\0';
}

const char *px_luks_cause(int r)
{
	return said[0] != '\0' ? said : strerror(-r);
}

enum px_status px_luks_failed(const char *device, const char *what, int r)
{
	if (r == -ENOMEM)
		return px_nomem();
	return px_fail(r == -EBUSY ? PX_BUSY : PX_KERNEL, "%s: %s: %s", device, what,
		       px_luks_cause(r));
}

static enum px_status read_start(int fd, const char *device, struct px_luks_start *ret_start)
{
	struct stat st;
	ssize_t n;
	off_t end;

	if (fstat(fd, &st) < 0)
		return px_fail(PX_KERNEL, "%s: %m", device);
	if (!S_ISBLK(st.st_mode) && !S_ISREG(st.st_mode))
		return px_fail(PX_NO_VOLUME, "%s is neither a block device nor a plain file",
			       device);
	end = lseek(fd, 0, SEEK_END);
	if (end < 0)
		return px_fail(PX_KERNEL, "%s: its size cannot be found out: %m", device);
	ret_start->size = (uint64_t)end;
	memset(ret_start->bytes, 0, sizeof(ret_start->bytes));
	n = px_read_at(fd, ret_start->bytes, sizeof(ret_start->bytes), 0);
	if (n < 0)
		return px_fail(PX_KERNEL, "%s: cannot be read: %s", device, strerror((int)-n));
	return PX_OK;
}

enum px_status px_luks_look_at(const char *device, struct px_luks_start *ret_start)
{
	/* O_NONBLOCK: somebody's FIFO must not make us wait. */
	px_auto(fd) int fd = open(device, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return px_fail(errno == EIO ? PX_KERNEL : PX_NO_VOLUME,
			       "%s: cannot be opened: %m%s", device,
			       errno == EACCES ? ": run it as root" : "");
	return read_start(fd, device, ret_start);
}

static bool has_magic(const struct px_luks_start *start)
{
	return memcmp(start->bytes, "LUKS\xba\xbe", 6) == 0;
}

enum px_status px_luks_look_for_label(const char *device, bool *ret_labelled)
{
	/* The label of LUKS2's binary header, 48 bytes that end with a NUL. */
	static const char label[] = PX_SUBSYSTEM;
	static const size_t place = 208;
	struct px_luks_start start;
	enum px_status status = px_luks_look_at(device, &start);

	if (status == PX_OK)
		*ret_labelled = has_magic(&start) && start.bytes[6] == 0 && start.bytes[7] == 2 &&
				memcmp(start.bytes + place, label, sizeof(label)) == 0;
	return status;
}

enum px_status px_luks_new(const char *device, struct px_luks **ret_luks)
{
	px_auto(luks) struct px_luks *luks = calloc(1, sizeof(*luks));
	int r;

	if (!luks)
		return px_nomem();
	luks->image = -1;
	luks->device = strdup(device);
	if (!luks->device)
		return px_nomem();
	/* The plugin for our LUKS2 token starts pxenc: it has no business in here. */
	crypt_token_external_disable();
	px_luks_listen();
	r = crypt_init(&luks->cd, device);
	if (r == -ENOMEM)
		return px_nomem();
	if (r < 0)
		return px_fail(PX_NO_VOLUME, "%s: %s", device, px_luks_cause(r));
	*ret_luks = px_steal(&luks);
	return PX_OK;
}

bool px_luks_is_uuid(const char *text)
{
	static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

	if (!text || strlen(text) != sizeof(shape) - 1)
		return false;
	for (size_t i = 0; i < sizeof(shape) - 1; i++)
		if (shape[i] == '-' ? text[i] != '-' : !isxdigit((unsigned char)text[i]))
			return false;
	return true;
}

enum px_status px_luks_json(struct px_luks *luks, const char **ret_json)
{
	int r;

	px_luks_listen();
	r = crypt_dump_json(luks->cd, ret_json, 0);
	return r < 0 ? px_luks_failed(luks->device, "its header cannot be shown", r) : PX_OK;
}

/* What was known of it before stays known when it is refused now. */
static enum px_status check_luks2(struct px_luks *luks)
{
	struct px_header *header = NULL;
	const char *json = NULL;
	enum px_status status = px_luks_json(luks, &json);

	if (status == PX_OK)
		status = px_header_check(json, strlen(json), luks->device_size, luks->device,
					 &header);
	if (status != PX_OK)
		return status;
	px_header_free(&luks->header);
	luks->header = header;
	return PX_OK;
}

enum px_status px_luks_check(struct px_luks *luks, const struct px_luks_start *start)
{
	if (!px_luks_is_uuid(px_luks_uuid(luks)))
		return px_fail(PX_BAD_HEADER, "%s: the header is refused: its uuid is malformed",
			       luks->device);
	luks->device_size = start->size;
	return px_luks_version(luks) == 2 ? check_luks2(luks) : px_luks1_check(luks, start);
}

enum px_status px_luks_refresh(struct px_luks *luks)
{
	return check_luks2(luks);
}

enum px_status px_luks_compare(struct px_luks *luks, const char *uuid, const char *json, size_t len)
{
	const char *own = NULL;
	enum px_status status = px_luks_json(luks, &own);

	if (status != PX_OK)
		return status;
	if (strcmp(uuid, px_luks_uuid(luks)) != 0 || len != strlen(own) ||
	    memcmp(json, own, len) != 0)
		return px_fail(PX_BAD_HEADER,
			       "%s: its header is not the one that was loaded from it: it has just "
			       "been changed, or lies elsewhere (--header)",
			       luks->device);
	return PX_OK;
}

enum px_status px_luks_load_header(struct px_luks *luks, const struct px_luks_start *start)
{
	struct px_unfinished unfinished;
	int r;

	if (px_unfinished_parse(start->bytes, &unfinished))
		return px_unfinished_refuse(luks->device);
	px_luks_listen();
	r = crypt_load(luks->cd, CRYPT_LUKS, NULL);
	/* -EIO is also what a file gets that ends within the first header. */
	if (r == -ENOMEM || (r == -EIO && has_magic(start)))
		return px_luks_failed(luks->device, "its header cannot be read", r);
	if (r < 0 && has_magic(start))
		return px_fail(
			PX_BAD_HEADER,
			"%s: its LUKS header is broken beyond repair (%s): restore it with pxenc "
			"header restore, or from another backup with cryptsetup luksHeaderRestore",
			luks->device, px_luks_cause(r));
	if (r < 0)
		return px_fail(
			PX_NO_VOLUME,
			"%s is not a LUKS volume: if it was one, pxenc header restore "
			"writes its header anew; pxenc format would make a new volume of it, "
			"and destroy what it holds",
			luks->device);
	return px_luks_check(luks, start);
}

/* Or may be: what has the word somewhere else is loaded with more care than it needs. -ENOMEM. */
static int is_reencrypting(const char *device)
{
	px_auto(fd) int fd = open(device, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	px_auto(free) char *json = NULL;
	struct px_luks2 header;
	int r = fd < 0 ? -errno : px_luks2_read(fd, &header, &json);

	return r < 0 ? r : strstr(json, "online-reencrypt") != NULL;
}

/* What the header is loaded for, and with it libcryptsetup's locks. */
enum purpose {
	TO_READ,
	TO_OPEN, /* recovers a reencryption that was killed */
	TO_CHANGE,
};

/*
 * Under its lock libcryptsetup mends a header of which one copy is torn, and for the lock itself it
 * opens plain files for writing and needs /run. Reading needs neither: a copy that is just being
 * written fails its checksum, and the other one is taken. But once switched off it stays off, and
 * with it the lock that tells a reencryption which another program is at from one that was killed.
 * -ENOMEM.
 */
static int wants_locks(const char *device, enum purpose purpose)
{
	int r = purpose == TO_OPEN ? is_reencrypting(device) : purpose == TO_CHANGE;

	return r < 0 && r != -ENOMEM ? 0 : r;
}

static enum px_status load(const char *device, enum purpose purpose, struct px_luks **ret_luks)
{
	px_auto(luks) struct px_luks *luks = NULL;
	struct px_luks_start start;
	enum px_status status = px_luks_look_at(device, &start);
	int r;

	if (status != PX_OK)
		return status;
	r = wants_locks(device, purpose);
	if (r < 0)
		return px_nomem();
	if (r == 0)
		crypt_metadata_locking(NULL, 0);
	status = px_luks_new(device, &luks);
	if (status == PX_OK)
		status = px_luks_load_header(luks, &start);
	if (status == PX_OK)
		*ret_luks = px_steal(&luks);
	return status;
}

static enum px_status load_whole(const char *device, enum purpose purpose,
				 struct px_luks **ret_luks)
{
	px_auto(luks) struct px_luks *luks = NULL;
	enum px_status status = load(device, purpose, &luks);

	if (status == PX_OK)
		status = px_luks_make_up(&luks);
	if (status == PX_OK)
		*ret_luks = px_steal(&luks);
	return status;
}

enum px_status px_luks_load(const char *device, struct px_luks **ret_luks)
{
	return load_whole(device, TO_READ, ret_luks);
}

enum px_status px_luks_load_to_open(const char *device, struct px_luks **ret_luks)
{
	return load_whole(device, TO_OPEN, ret_luks);
}

enum px_status px_luks_load_to_rotate(const char *device, struct px_luks **ret_luks)
{
	return load_whole(device, TO_CHANGE, ret_luks);
}

enum px_status px_luks_load_to_change(const char *device, struct px_luks **ret_luks)
{
	px_auto(luks) struct px_luks *luks = NULL;
	enum px_status status = px_luks_load_to_rotate(device, &luks);

	if (status != PX_OK)
		return status;
	/* What is written to a header in memory would be lost. */
	if (px_luks_lacks_end(luks))
		return px_fail(PX_BUSY,
			       "%s: its reencryption was interrupted at its end: run pxenc rotate "
			       "first",
			       device);
	*ret_luks = px_steal(&luks);
	return PX_OK;
}

const char *px_luks_device(const struct px_luks *luks)
{
	return luks->device;
}

uint64_t px_luks_device_size(const struct px_luks *luks)
{
	return luks->device_size;
}

uint64_t px_luks_data_offset(const struct px_luks *luks)
{
	return luks->header->data_offset;
}

const char *px_luks_uuid(const struct px_luks *luks)
{
	return crypt_get_uuid(luks->cd);
}

int px_luks_version(const struct px_luks *luks)
{
	return strcmp(crypt_get_type(luks->cd), CRYPT_LUKS2) == 0 ? 2 : 1;
}

const char *px_luks_cipher(const struct px_luks *luks)
{
	return luks->header->cipher;
}

unsigned int px_luks_key_bits(const struct px_luks *luks)
{
	return (unsigned int)crypt_get_volume_key_size(luks->cd) * 8;
}

const struct px_token *px_luks_token(const struct px_luks *luks)
{
	return luks->header->token;
}

void px_luks_free(struct px_luks **luks)
{
	if (!luks || !*luks)
		return;
	crypt_free((*luks)->cd);
	px_header_free(&(*luks)->header);
	px_fd_cleanup(&(*luks)->image);
	free((*luks)->device);
	free((*luks)->end);
	free((*luks)->secret);
	free(*luks);
	*luks = NULL;
}
