/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "luks-private.h"
#include "pxenc/key.h"
#include "pxenc/log.h"
#include "pxenc/path.h"
#include "pxenc/seal.h"

/* Where the data of a new volume begins: cryptsetup's default, room for 32 keyslots. */
#define DATA_OFFSET ((uint64_t)16 << 20)

/* The field in LUKS2's binary header, its NUL included. */
#define LABEL_SIZE 48

static bool sector_size_fits(unsigned int sector_size, uint64_t device_size)
{
	return sector_size >= 512 && sector_size <= 4096 &&
	       (sector_size & (sector_size - 1)) == 0 && device_size % sector_size == 0;
}

static enum px_status no_such_cipher(const char *device, const struct px_luks_params *params)
{
	px_auto(free) char *names = px_cipher_names();

	if (!names)
		return px_nomem();
	return px_fail(PX_USAGE,
		       "%s: the cipher \"%s\" with a key of %u bits is not one of ours: %s", device,
		       params->cipher, params->key_bits, names);
}

static enum px_status check_params(const char *device, const struct px_luks_params *params,
				   const struct px_secret *key, const struct px_luks_start *start)
{
	if (!px_luks_is_uuid(params->uuid))
		return px_fail(PX_USAGE, "%s: \"%s\" is not a uuid", device, params->uuid);
	if (!px_cipher_allowed(params->cipher, params->key_bits))
		return no_such_cipher(device, params);
	if (params->sector_size != 0 && !sector_size_fits(params->sector_size, start->size))
		return px_fail(PX_USAGE, "%s: sectors of %u bytes do not fit its size", device,
			       params->sector_size);
	if (params->label && strlen(params->label) >= LABEL_SIZE)
		return px_fail(PX_USAGE, "%s: the label is longer than %d bytes", device,
			       LABEL_SIZE - 1);
	if (!px_path_may_be_key(params->secret))
		return px_fail(PX_USAGE, "%s: \"%s\" cannot be the path of a key", device,
			       params->secret);
	if (!px_path_may_be_store(params->store))
		return px_fail(PX_USAGE, "%s: \"%s\" cannot be the name of a store", device,
			       params->store);
	if (px_secret_len(key) == 0)
		return px_fail(PX_USAGE, "%s: the key is empty", device);
	if (start->size % 512)
		return px_fail(PX_USAGE, "%s: its size is not a multiple of 512 bytes", device);
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
	px_luks_listen();
	r = crypt_set_data_offset(luks->cd, DATA_OFFSET / 512);
	if (r == 0)
		r = crypt_format(luks->cd, CRYPT_LUKS2, cipher, params->cipher + dash + 1,
				 params->uuid, NULL, params->key_bits / 8, &luks2);
	return r < 0 ? px_luks_failed(luks->device, "cannot be formatted", r) : PX_OK;
}

static enum px_status add_first_keyslot(struct px_luks *luks, const struct px_secret *key)
{
	int r;

	px_luks_listen();
	r = px_luks_write_keyslot(luks, 0, NULL, key);
	return r < 0 ? px_luks_failed(luks->device, "the keyslot cannot be written", r) : PX_OK;
}

static enum px_status add_token(struct px_luks *luks, const struct px_luks_params *params,
				const struct px_secret *key)
{
	px_auto(free) char *store = strdup(params->store);
	px_auto(free) char *secret = strdup(params->secret);
	struct px_token token = {
		.keyslot = 0,
		.store = store,
		.secret = secret,
	};

	return store && secret ? px_luks_set_token(luks, &token, key) : px_nomem();
}

static enum px_status format(struct px_luks *luks, const struct px_luks_params *params,
			     const struct px_secret *key, const struct px_luks_start *start)
{
	enum px_status status;
	int r;

	luks->device_size = start->size;
	px_luks_listen();
	r = px_luks_set_pbkdf(luks, key);
	if (r < 0)
		return px_luks_failed(luks->device, "the PBKDF cannot be set", r);
	status = write_header(luks, params);
	if (status == PX_OK)
		status = add_first_keyslot(luks, key);
	if (status == PX_OK)
		status = add_token(luks, params, key);
	return status;
}

/* A file in memory that is as large as the device, nearly all of it a hole. */
static enum px_status open_memory(struct px_image *image, const struct px_luks_start *start,
				  const char *device)
{
	char path[32];
	enum px_status status;
	char *name;

	image->memory = memfd_create("pxenc-header", MFD_CLOEXEC);
	if (image->memory < 0 || ftruncate(image->memory, (off_t)start->size) < 0)
		return px_fail(PX_KERNEL, "%s: no memory file for its header: %m", device);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", image->memory);
	status = px_luks_new(path, &image->luks);
	if (status != PX_OK)
		return status;
	name = strdup(device);
	if (!name)
		return px_nomem();
	free(image->luks->device);
	image->luks->device = name;
	return PX_OK;
}

static enum px_status describe(struct px_image *image, const struct px_luks_params *params,
			       const struct px_secret *key)
{
	px_auto(free) char *proof = NULL;
	int r;

	snprintf(image->unfinished.uuid, sizeof(image->unfinished.uuid), "%s", params->uuid);
	if (!px_key_is_generated(key))
		return PX_OK;
	r = px_seal_prove(params->uuid, key, &proof);
	if (r < 0)
		return px_luks_failed(image->luks->device, "its mark cannot be made", r);
	snprintf(image->unfinished.proof, sizeof(image->unfinished.proof), "%s", proof);
	return PX_OK;
}

static struct px_image *new_image(void)
{
	struct px_image *image = calloc(1, sizeof(*image));

	if (!image)
		return NULL;
	image->memory = image->fd = -1;
	image->data_offset = DATA_OFFSET;
	return image;
}

enum px_status px_image_build(const char *device, const struct px_luks_params *params,
			      const struct px_secret *key, struct px_image **ret_image)
{
	px_auto(image) struct px_image *image = NULL;
	struct px_luks_start start;
	enum px_status status = px_luks_look_at(device, &start);

	if (status == PX_OK)
		status = check_params(device, params, key, &start);
	if (status != PX_OK)
		return status;
	image = new_image();
	if (!image)
		return px_nomem();
	status = open_memory(image, &start, device);
	if (status == PX_OK)
		status = format(image->luks, params, key, &start);
	if (status == PX_OK)
		status = describe(image, params, key);
	if (status == PX_OK)
		*ret_image = px_steal(&image);
	return status;
}
