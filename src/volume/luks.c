/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/luks.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <libcryptsetup.h>

#include "pxenc/key.h"
#include "pxenc/log.h"
#include "pxenc/path.h"
#include "pxenc/seal.h"

/* Where the data of a new volume begins: cryptsetup's default, room for 32 keyslots. */
#define DATA_OFFSET ((uint64_t)16 << 20)
#define DATA_OFFSET_MAX ((uint64_t)1 << 30)

#define KEYSLOT_CIPHER "aes-xts-plain64"
#define KEYSLOT_KEY_SIZE 64

/* The field in LUKS2's binary header, its NUL included. */
#define LABEL_SIZE 48

#define LUKS1_KEYSLOTS 8
/* Where LUKS1 has the iterations of its digest, for which libcryptsetup has no function. */
#define LUKS1_DIGEST_ITERATIONS_AT 164

/* At the device's end some leave signatures of their own: GPT, RAID, ZFS. */
#define TAIL_SIZE ((uint64_t)1 << 20)

struct px_luks {
	struct crypt_device *cd;
	char *device;
	uint64_t device_size;
	bool may_change; /* libcryptsetup's locks are on */
	struct px_header *header;
};

/*
 * What libcryptsetup said of an error, which becomes part of one message of our own: it often
 * says it twice, the cause first. A global, since libcryptsetup has them too, and one process
 * has one volume.
 */
static char said[512];

static void listen(int level, const char *message, void *unused)
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

static const char *cause(int r)
{
	return said[0] != '\0' ? said : strerror(-r);
}

/* For failures that are no fault of the header or the key. */
static enum px_status failed(const char *device, const char *what, int r)
{
	if (r == -ENOMEM)
		return px_nomem();
	return px_fail(r == -EBUSY ? PX_BUSY : PX_KERNEL, "%s: %s: %s", device, what, cause(r));
}

/* What is known of a device before libcryptsetup sees it. */
struct start {
	uint64_t size;
	unsigned char bytes[512];
};

static enum px_status read_start(int fd, const char *device, struct start *ret_start)
{
	struct stat st;
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
	if (pread(fd, ret_start->bytes, sizeof(ret_start->bytes), 0) < 0)
		return px_fail(PX_KERNEL, "%s: cannot be read: %m", device);
	return PX_OK;
}

static enum px_status look_at(const char *device, struct start *ret_start)
{
	/* O_NONBLOCK: somebody's FIFO must not make us wait. */
	px_auto(fd) int fd = open(device, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return px_fail(errno == EIO ? PX_KERNEL : PX_NO_VOLUME, "%s: cannot be opened: %m",
			       device);
	return read_start(fd, device, ret_start);
}

static bool has_magic(const struct start *start)
{
	return memcmp(start->bytes, "LUKS\xba\xbe", 6) == 0;
}

static enum px_status open_context(const char *device, struct px_luks **ret_luks)
{
	px_auto(luks) struct px_luks *luks = calloc(1, sizeof(*luks));
	int r;

	if (!luks)
		return px_nomem();
	luks->device = strdup(device);
	if (!luks->device)
		return px_nomem();
	crypt_set_log_callback(NULL, listen, NULL);
	/* The plugin for our LUKS2 token starts pxenc: it has no business in here. */
	crypt_token_external_disable();
	said[0] = '\0';
	r = crypt_init(&luks->cd, device);
	if (r == -ENOMEM)
		return px_nomem();
	if (r < 0)
		return px_fail(PX_NO_VOLUME, "%s: %s", device, cause(r));
	*ret_luks = px_steal(&luks);
	return PX_OK;
}

static bool is_uuid(const char *text)
{
	static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

	if (!text || strlen(text) != sizeof(shape) - 1)
		return false;
	for (size_t i = 0; i < sizeof(shape) - 1; i++)
		if (shape[i] == '-' ? text[i] != '-' : !isxdigit((unsigned char)text[i]))
			return false;
	return true;
}

static enum px_status check_luks2(struct px_luks *luks)
{
	const char *json = NULL;
	int r;

	said[0] = '\0';
	r = crypt_dump_json(luks->cd, &json, 0);
	if (r < 0)
		return failed(luks->device, "its header cannot be shown", r);
	return px_header_check(json, strlen(json), luks->device_size, luks->device, &luks->header);
}

static bool luks1_keyslots_allowed(struct crypt_device *cd)
{
	for (int slot = 0; slot < LUKS1_KEYSLOTS; slot++) {
		struct crypt_pbkdf_type pbkdf = { .hash = NULL };

		if (crypt_keyslot_status(cd, slot) < CRYPT_SLOT_ACTIVE)
			continue;
		if (crypt_keyslot_get_pbkdf(cd, slot, &pbkdf) < 0 ||
		    !px_pbkdf2_allowed(pbkdf.hash, pbkdf.iterations))
			return false;
	}
	return true;
}

static bool luks1_digest_allowed(const struct start *start)
{
	const unsigned char *at = start->bytes + LUKS1_DIGEST_ITERATIONS_AT;

	return px_pbkdf2_allowed("sha1", (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 |
						 (uint32_t)at[2] << 8 | at[3]);
}

/* LUKS1's older default: its sector numbers have 32 bits, which is good for 2 TiB. */
static bool luks1_cipher_allowed(const char *cipher, unsigned int key_bits)
{
	if (strcmp(cipher, "aes-xts-plain") == 0)
		cipher = "aes-xts-plain64";
	return px_cipher_allowed(cipher, key_bits);
}

static enum px_status describe_luks1(struct px_luks *luks)
{
	struct px_header *header = calloc(1, sizeof(*header));

	luks->header = header;
	if (!header)
		return px_nomem();
	header->token_id = -1;
	header->sector_size = 512;
	header->data_offset = crypt_get_data_offset(luks->cd) * 512;
	if (asprintf(&header->cipher, "%s-%s", crypt_get_cipher(luks->cd),
		     crypt_get_cipher_mode(luks->cd)) < 0) {
		header->cipher = NULL;
		return px_nomem();
	}
	return PX_OK;
}

/* LUKS1 has no JSON and no LUKS2 token; what it does have gets the same rules. */
static enum px_status check_luks1(struct px_luks *luks, const struct start *start)
{
	const char *fault = NULL;
	enum px_status status = describe_luks1(luks);

	if (status != PX_OK)
		return status;
	if (!luks1_cipher_allowed(luks->header->cipher, px_luks_key_bits(luks)))
		fault = "its cipher is not one of ours";
	else if (luks->header->data_offset == 0 || luks->header->data_offset > DATA_OFFSET_MAX ||
		 luks->header->data_offset >= luks->device_size)
		fault = "the offset of its data is not sane";
	else if (!luks1_keyslots_allowed(luks->cd) || !luks1_digest_allowed(start))
		fault = "the hash or the iterations of its PBKDF2 are not sane";
	if (fault)
		return px_fail(PX_BAD_HEADER, "%s: the LUKS1 header is refused: %s", luks->device,
			       fault);
	return PX_OK;
}

static enum px_status check_header(struct px_luks *luks, const struct start *start)
{
	if (!is_uuid(px_luks_uuid(luks)))
		return px_fail(PX_BAD_HEADER, "%s: the header is refused: its uuid is malformed",
			       luks->device);
	luks->device_size = start->size;
	return px_luks_version(luks) == 2 ? check_luks2(luks) : check_luks1(luks, start);
}

static enum px_status load_header(struct px_luks *luks, const struct start *start)
{
	int r;

	said[0] = '\0';
	r = crypt_load(luks->cd, CRYPT_LUKS, NULL);
	/* -EIO is also what a file gets that ends within the first header. */
	if (r == -ENOMEM || (r == -EIO && has_magic(start)))
		return failed(luks->device, "its header cannot be read", r);
	if (r < 0 && has_magic(start))
		return px_fail(PX_BAD_HEADER,
			       "%s: its LUKS header is broken beyond repair (%s); a backup of it "
			       "can be put back with pxenc header restore",
			       luks->device, cause(r));
	if (r < 0)
		return px_fail(PX_NO_VOLUME, "%s is not a LUKS volume", luks->device);
	return check_header(luks, start);
}

static enum px_status load(const char *device, bool may_change, struct px_luks **ret_luks)
{
	px_auto(luks) struct px_luks *luks = NULL;
	struct start start;
	enum px_status status = look_at(device, &start);

	if (status == PX_OK)
		status = open_context(device, &luks);
	if (status == PX_OK)
		status = load_header(luks, &start);
	if (status != PX_OK)
		return status;
	luks->may_change = may_change;
	*ret_luks = px_steal(&luks);
	return PX_OK;
}

enum px_status px_luks_load(const char *device, struct px_luks **ret_luks)
{
	/*
	 * Under its lock libcryptsetup mends a header of which one copy is torn, and for the lock
	 * itself it opens plain files for writing and needs /run. Reading needs neither: a copy
	 * that is just being written fails its checksum, and the other one is taken.
	 */
	crypt_metadata_locking(NULL, 0);
	return load(device, false, ret_luks);
}

enum px_status px_luks_load_for_change(const char *device, struct px_luks **ret_luks)
{
	/* libcryptsetup's switch goes one way. */
	if (crypt_metadata_locking(NULL, 1) < 0)
		return px_fail(PX_KERNEL,
			       "%s: this process has loaded a header without locks already",
			       device);
	return load(device, true, ret_luks);
}

/*
 * A key that says that it is random needs no costly PBKDF, neither in the keyslot nor, when set
 * before crypt_format, in the volume key's digest. For others cryptsetup finds the cost right
 * here. Its defaults are asked for by type: a context that is not formatted yet takes LUKS1's.
 */
static int set_pbkdf(struct crypt_device *cd, const char *type, const struct px_secret *key)
{
	static const struct crypt_pbkdf_type cheap = {
		.type = CRYPT_KDF_PBKDF2,
		.hash = "sha512",
		.iterations = 1000,
		.flags = CRYPT_PBKDF_NO_BENCHMARK,
	};

	return crypt_set_pbkdf_type(cd, px_key_is_generated(key) ? &cheap
								 : crypt_get_pbkdf_default(type));
}

/* Always before a keyslot is added: else libcryptsetup takes the cipher of the segment. */
static int set_keyslot_cipher(struct crypt_device *cd)
{
	if (strcmp(crypt_get_type(cd), CRYPT_LUKS2) != 0)
		return 0;
	return crypt_keyslot_set_encryption(cd, KEYSLOT_CIPHER, KEYSLOT_KEY_SIZE);
}

static const char *key_text(const struct px_secret *key)
{
	return (const char *)px_secret_bytes(key);
}

static bool sector_size_fits(unsigned int sector_size, uint64_t device_size)
{
	return sector_size >= 512 && sector_size <= 4096 &&
	       (sector_size & (sector_size - 1)) == 0 && device_size % sector_size == 0;
}

static enum px_status check_params(const char *device, const struct px_luks_params *params,
				   const struct px_secret *key, const struct start *start)
{
	if (!is_uuid(params->uuid))
		return px_fail(PX_USAGE, "%s: \"%s\" is not a uuid", device, params->uuid);
	if (!px_cipher_allowed(params->cipher, params->key_bits))
		return px_fail(PX_USAGE,
			       "%s: the cipher \"%s\" with a key of %u bits is not one "
			       "of ours",
			       device, params->cipher, params->key_bits);
	if (params->sector_size != 0 && !sector_size_fits(params->sector_size, start->size))
		return px_fail(PX_USAGE, "%s: sectors of %u bytes do not fit its size", device,
			       params->sector_size);
	if (params->label && strlen(params->label) >= LABEL_SIZE)
		return px_fail(PX_USAGE, "%s: the label is longer than %d bytes", device,
			       LABEL_SIZE - 1);
	if (!px_path_may_be_key(params->secret))
		return px_fail(PX_USAGE, "%s: \"%s\" cannot be the path of a key", device,
			       params->secret);
	if (!px_token_store_allowed(params->store))
		return px_fail(PX_USAGE, "%s: \"%s\" cannot be the name of a store", device,
			       params->store);
	if (px_secret_len(key) == 0)
		return px_fail(PX_USAGE, "%s: the key is empty", device);
	if (start->size <= DATA_OFFSET)
		return px_fail(PX_USAGE, "%s: too small: the header alone takes %" PRIu64 " MiB",
			       device, DATA_OFFSET >> 20);
	return PX_OK;
}

static enum px_status write_header(struct px_luks *luks, const struct px_luks_params *params)
{
	struct crypt_params_luks2 luks2 = {
		.sector_size = params->sector_size,
		.label = params->label,
		.subsystem = PX_SUBSYSTEM,
	};
	size_t dash = strcspn(params->cipher, "-");
	px_auto(free) char *cipher = strndup(params->cipher, dash);
	int r;

	if (!cipher)
		return px_nomem();
	/* The larger sector is the faster one; filesystems have blocks of 4096 anyway. */
	if (luks2.sector_size == 0)
		luks2.sector_size = sector_size_fits(4096, luks->device_size) ? 4096 : 512;
	/*
	 * No volume key is given: libcryptsetup takes it from /dev/urandom, which on the kernels
	 * that we support is as good as getrandom(2) once the machine is up.
	 */
	said[0] = '\0';
	r = crypt_set_data_offset(luks->cd, DATA_OFFSET / 512);
	if (r == 0)
		r = crypt_format(luks->cd, CRYPT_LUKS2, cipher, params->cipher + dash + 1,
				 params->uuid, NULL, params->key_bits / 8, &luks2);
	return r < 0 ? failed(luks->device, "cannot be formatted", r) : PX_OK;
}

/* crypt_format clears the space of the header; blkid would go on seeing what lies at the end. */
static enum px_status wipe_tail(struct px_luks *luks)
{
	uint64_t size = luks->device_size - DATA_OFFSET;
	uint64_t length = size < TAIL_SIZE ? size : TAIL_SIZE;
	int r;

	said[0] = '\0';
	r = crypt_wipe(luks->cd, NULL, CRYPT_WIPE_ZERO, luks->device_size - length, length,
		       TAIL_SIZE, 0, NULL, NULL);
	return r < 0 ? failed(luks->device, "its end cannot be wiped", r) : PX_OK;
}

static enum px_status add_first_keyslot(struct px_luks *luks, const struct px_secret *key)
{
	int r;

	said[0] = '\0';
	r = set_keyslot_cipher(luks->cd);
	if (r == 0)
		r = crypt_keyslot_add_by_volume_key(luks->cd, 0, NULL, 0, key_text(key),
						    px_secret_len(key));
	return r < 0 ? failed(luks->device, "the keyslot cannot be written", r) : PX_OK;
}

/* *number: of the LUKS2 token, or CRYPT_ANY_TOKEN for a new one; set to what it got. */
static enum px_status write_token(struct px_luks *luks, const struct px_token *token, int *number)
{
	px_auto(free) char *json = px_token_format(token);
	int r;

	if (!json)
		return px_nomem();
	said[0] = '\0';
	r = crypt_token_json_set(luks->cd, *number, json);
	if (r < 0)
		return failed(luks->device, "the LUKS2 token cannot be written", r);
	*number = r;
	return PX_OK;
}

static enum px_status make_seal(struct px_luks *luks, const struct px_secret *key, char **ret_seal)
{
	const char *json = NULL;
	int r;

	said[0] = '\0';
	r = crypt_dump_json(luks->cd, &json, 0);
	if (r == 0)
		r = px_seal_make(json, strlen(json), px_luks_uuid(luks), key, ret_seal);
	return r < 0 ? failed(luks->device, "the header cannot be sealed", r) : PX_OK;
}

/* The seal covers the LUKS2 token as the library has it, so that is written first without. */
static enum px_status add_token(struct px_luks *luks, const struct px_luks_params *params,
				const struct px_secret *key)
{
	px_auto(free) char *store = strdup(params->store);
	px_auto(free) char *secret = strdup(params->secret);
	px_auto(free) char *seal = NULL;
	struct px_token token = {
		.keyslot = 0,
		.store = store,
		.secret = secret,
		.auto_open = params->auto_open,
	};
	int number = CRYPT_ANY_TOKEN;
	enum px_status status;

	if (!store || !secret)
		return px_nomem();
	status = write_token(luks, &token, &number);
	if (status != PX_OK || !px_key_is_generated(key))
		return status;
	status = make_seal(luks, key, &seal);
	if (status != PX_OK)
		return status;
	token.seal = seal;
	return write_token(luks, &token, &number);
}

static enum px_status format(struct px_luks *luks, const struct px_luks_params *params,
			     const struct px_secret *key, const struct start *start)
{
	enum px_status status;
	int r;

	luks->device_size = start->size;
	luks->may_change = true;
	said[0] = '\0';
	r = set_pbkdf(luks->cd, CRYPT_LUKS2, key);
	if (r < 0)
		return failed(luks->device, "the PBKDF cannot be set", r);
	status = write_header(luks, params);
	if (status == PX_OK)
		status = wipe_tail(luks);
	if (status == PX_OK)
		status = add_first_keyslot(luks, key);
	if (status == PX_OK)
		status = add_token(luks, params, key);
	if (status == PX_OK)
		status = check_header(luks, start);
	return status;
}

enum px_status px_luks_format(const char *device, const struct px_luks_params *params,
			      const struct px_secret *key, struct px_luks **ret_luks)
{
	px_auto(luks) struct px_luks *luks = NULL;
	struct start start;
	enum px_status status = look_at(device, &start);

	if (status == PX_OK)
		status = check_params(device, params, key, &start);
	if (status == PX_OK)
		status = open_context(device, &luks);
	if (status == PX_OK)
		status = format(luks, params, key, &start);
	if (status == PX_OK)
		*ret_luks = px_steal(&luks);
	return status;
}

const char *px_luks_device(const struct px_luks *luks)
{
	return luks->device;
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

enum px_status px_luks_verify_seal(struct px_luks *luks, const struct px_secret *key)
{
	const char *json = NULL;
	int r;

	if (!px_key_is_generated(key))
		return PX_OK;
	if (px_luks_version(luks) == 1)
		return px_fail(PX_BAD_HEADER,
			       "%s: a LUKS1 header has no seal, which a volume with a generated "
			       "key must have",
			       luks->device);
	/* The library's own copy of the header, which is also what it activates. */
	said[0] = '\0';
	r = crypt_dump_json(luks->cd, &json, 0);
	if (r < 0)
		return failed(luks->device, "its header cannot be shown", r);
	return px_seal_verify(json, strlen(json), px_luks_uuid(luks), key, luks->device);
}

/* CRYPT_ANY_SLOT, or the only one that a key from the LUKS2 token's path may open. */
static enum px_status find_slot(const struct px_luks *luks, bool named, int *ret_slot)
{
	const struct px_token *token = px_luks_token(luks);

	if (named && !token)
		return px_fail(PX_BAD_HEADER, "%s: it has no LUKS2 token of type " PX_TOKEN_TYPE,
			       luks->device);
	*ret_slot = named ? token->keyslot : CRYPT_ANY_SLOT;
	return PX_OK;
}

static enum px_status bad_key(const struct px_luks *luks, int slot)
{
	if (slot == CRYPT_ANY_SLOT)
		return px_fail(PX_BAD_KEY, "the key opens no keyslot of %s", luks->device);
	return px_fail(PX_BAD_KEY,
		       "the key does not open keyslot %d of %s, which its LUKS2 token "
		       "names",
		       slot, luks->device);
}

/* One argon2id needs up to 1 GiB; many at once would bring the machine down. The lock that
 * libcryptsetup has for this lies where root alone can create it. */
static uint32_t serialized(void)
{
	return geteuid() == 0 ? CRYPT_ACTIVATE_SERIALIZE_MEMORY_HARD_PBKDF : 0;
}

/* name NULL: a test. Returns -errno of libcryptsetup or the keyslot that was opened. */
static int unlock(struct px_luks *luks, const char *name, int slot, const struct px_secret *key,
		  uint32_t flags)
{
	said[0] = '\0';
	return crypt_activate_by_passphrase(luks->cd, name, slot, key_text(key), px_secret_len(key),
					    flags | serialized());
}

enum px_status px_luks_test(struct px_luks *luks, const struct px_secret *key, bool named_slot)
{
	int slot = CRYPT_ANY_SLOT;
	enum px_status status = find_slot(luks, named_slot, &slot);
	int r;

	if (status != PX_OK)
		return status;
	r = unlock(luks, NULL, slot, key, 0);
	if (r == -EPERM || r == -ENOENT)
		return bad_key(luks, slot);
	return r < 0 ? failed(luks->device, "the key cannot be tried", r) : PX_OK;
}

enum px_status px_luks_activate(struct px_luks *luks, const char *name, const struct px_secret *key,
				const struct px_activate *how)
{
	uint32_t flags = (how->readonly ? CRYPT_ACTIVATE_READONLY : 0) |
			 (how->discard ? CRYPT_ACTIVATE_ALLOW_DISCARDS : 0);
	int slot = CRYPT_ANY_SLOT;
	enum px_status status = find_slot(luks, how->named_slot, &slot);
	int r;

	if (status != PX_OK)
		return status;
	r = unlock(luks, name, slot, key, flags);
	if (r == -EPERM || r == -ENOENT)
		return bad_key(luks, slot);
	if (r == -EEXIST || r == -EBUSY) {
		px_note("%s: %s", luks->device, cause(r));
		return PX_BUSY;
	}
	return r < 0 ? failed(luks->device, "cannot be activated", r) : PX_OK;
}

static int add_keyslot(struct px_luks *luks, int slot, const struct px_secret *key,
		       const struct px_secret *passphrase)
{
	struct crypt_keyslot_context *have = NULL, *want = NULL;
	int r = crypt_keyslot_context_init_by_passphrase(luks->cd, key_text(key),
							 px_secret_len(key), &have);

	if (r == 0)
		r = crypt_keyslot_context_init_by_passphrase(luks->cd, key_text(passphrase),
							     px_secret_len(passphrase), &want);
	if (r == 0)
		r = crypt_keyslot_add_by_keyslot_context(luks->cd, slot, have, CRYPT_ANY_SLOT, want,
							 0);
	crypt_keyslot_context_free(want);
	crypt_keyslot_context_free(have);
	return r;
}

enum px_status px_luks_add_passphrase(struct px_luks *luks, const struct px_secret *key,
				      const struct px_secret *passphrase)
{
	const struct px_token *token = px_luks_token(luks);
	/* With a cheap keyslot beside a costly one, naming it saves seconds. */
	int slot = token ? token->keyslot : CRYPT_ANY_SLOT;
	int r;

	if (!luks->may_change)
		return px_fail(PX_KERNEL, "%s: its header was not loaded to be changed",
			       luks->device);
	said[0] = '\0';
	r = set_pbkdf(luks->cd, crypt_get_type(luks->cd), passphrase);
	if (r == 0)
		r = set_keyslot_cipher(luks->cd);
	if (r == 0)
		r = add_keyslot(luks, slot, key, passphrase);
	if (r == -EPERM || r == -ENOENT)
		return bad_key(luks, slot);
	return r < 0 ? failed(luks->device, "the keyslot cannot be added", r) : PX_OK;
}

static int deactivate(const char *name, bool deferred)
{
	struct crypt_device *cd = NULL;
	int r;

	crypt_set_log_callback(NULL, listen, NULL);
	said[0] = '\0';
	/* A context without a device: the disk below may be dead, and reading it would hang. */
	r = crypt_init(&cd, NULL);
	if (r < 0)
		return r;
	r = crypt_deactivate_by_name(cd, name, deferred ? CRYPT_DEACTIVATE_DEFERRED : 0);
	crypt_free(cd);
	return r;
}

enum px_status px_luks_deactivate(const char *name, bool deferred)
{
	int r = deactivate(name, deferred);

	if (r == -ENODEV)
		return px_fail(PX_NO_VOLUME, "%s: there is no such mapping", name);
	if (r == -EBUSY)
		return px_fail(PX_BUSY, "%s is in use", name);
	return r < 0 ? failed(name, "cannot be deactivated", r) : PX_OK;
}

void px_luks_free(struct px_luks **luks)
{
	if (!luks || !*luks)
		return;
	crypt_free((*luks)->cd);
	px_header_free(&(*luks)->header);
	free((*luks)->device);
	free(*luks);
	*luks = NULL;
}
