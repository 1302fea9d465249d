/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_LUKS_H
#define PXENC_LUKS_H

#include <stdbool.h>
#include <stdint.h>

#include "pxenc/header.h"
#include "pxenc/secret.h"
#include "pxenc/slots.h"
#include "pxenc/status.h"
#include "pxenc/token.h"

/*
 * One LUKS volume: libcryptsetup's context with its header loaded and let through the
 * allowlist. libcryptsetup keeps process globals: one volume per process.
 */
struct px_luks;

#define PX_SUBSYSTEM "pxenc" /* the LUKS2 subsystem label */

/* Loads a header and checks it, without locks, and writes nothing. device: a block device or a
 * plain file. PX_NO_VOLUME, PX_BAD_HEADER, PX_KERNEL, PX_NOMEM. */
enum px_status px_luks_load(const char *device, struct px_luks **ret_luks) PX_MUST_CHECK;

/*
 * The same, for a process that goes on to open the volume. When its data is being written anew, it
 * is loaded under libcryptsetup's locks: so one who is at that is told from one who was killed, and
 * a copy of the header that is torn is mended from the other one. Otherwise, as by px_luks_load,
 * the locks are switched off, for all of the process's life.
 */
enum px_status px_luks_load_to_open(const char *device, struct px_luks **ret_luks) PX_MUST_CHECK;

/* Always under them, for a process that goes on to change the header. */
enum px_status px_luks_load_to_change(const char *device, struct px_luks **ret_luks) PX_MUST_CHECK;

/*
 * The same for a rotation, which alone may be given a volume whose reencryption was killed when all
 * but the end of its header was written: that end is made up for in memory, as by px_luks_load
 * and px_luks_load_to_open. px_luks_write_end writes it to the device, once the seal was verified;
 * then the volume is to be loaded anew. px_luks_load_to_change refuses such a volume: PX_BUSY.
 */
enum px_status px_luks_load_to_rotate(const char *device, struct px_luks **ret_luks) PX_MUST_CHECK;
bool px_luks_lacks_end(const struct px_luks *luks);
enum px_status px_luks_write_end(struct px_luks *luks) PX_MUST_CHECK;

/* What a new volume is to be; see image.h. */
struct px_luks_params {
	const char *uuid;	  /* chosen by the caller, since a generated key's path has it */
	const char *label;	  /* or NULL */
	const char *cipher;	  /* "aes-xts-plain64" */
	unsigned int key_bits;	  /* 512 */
	unsigned int sector_size; /* bytes; 0: 4096 where the device's size allows, else 512 */
	const char *secret;	  /* relative path for the LUKS2 token */
	const char *store;	  /* "default" */
};

/* Whether a text is a uuid as LUKS writes it. */
bool px_luks_is_uuid(const char *text);

/*
 * Whether a device begins with a LUKS2 header that has our subsystem label. It is what a device is
 * asked before all else when volumes are looked for, costs one read, and proves nothing.
 * PX_NO_VOLUME, PX_KERNEL.
 */
enum px_status px_luks_look_for_label(const char *device, bool *ret_labelled) PX_MUST_CHECK;

/* What was loaded; valid as long as luks. The token is NULL for LUKS1 and for foreign volumes. */
const char *px_luks_device(const struct px_luks *luks);
uint64_t px_luks_device_size(const struct px_luks *luks); /* bytes */
uint64_t px_luks_data_offset(const struct px_luks *luks); /* bytes; the header lies before it */
const char *px_luks_uuid(const struct px_luks *luks);
int px_luks_version(const struct px_luks *luks);	/* 1 or 2 */
const char *px_luks_cipher(const struct px_luks *luks); /* "aes-xts-plain64" */
unsigned int px_luks_key_bits(const struct px_luks *luks);
const struct px_token *px_luks_token(const struct px_luks *luks);

/* Whether what was loaded is, to the byte, the LUKS2 header that somebody else has loaded: its
 * JSON, as crypt_dump_json gives it, and its uuid. PX_BAD_HEADER: it is not. PX_KERNEL, PX_NOMEM.
 */
enum px_status px_luks_compare(struct px_luks *luks, const char *uuid, const char *json, size_t len)
	PX_MUST_CHECK;

/* Which secret the key that is tried next comes from, for messages. */
void px_luks_name_secret(struct px_luks *luks, const char *path);

/*
 * Before a key is used: for a generated key the seal must be there and right, on the very header
 * that is loaded. For other keys there is nothing to check. PX_BAD_HEADER: the key opens the
 * volume (as by px_luks_test), so the header is what is wrong; PX_BAD_KEY: it does not, and says
 * nothing of the header. PX_KERNEL, PX_NOMEM.
 */
enum px_status px_luks_verify_seal(struct px_luks *luks, const struct px_secret *key,
				   bool named_slot) PX_MUST_CHECK;

/* Proves that the key opens the volume, without device-mapper: the LUKS2 token's keyslot when
 * named_slot, else any. PX_BAD_KEY, PX_KERNEL. */
enum px_status px_luks_test(struct px_luks *luks, const struct px_secret *key, bool named_slot)
	PX_MUST_CHECK;

/* The same for the LUKS2 token's keyslot, with the volume key for the caller. PX_BAD_HEADER: there
 * is no such LUKS2 token; PX_BAD_KEY, PX_KERNEL, PX_NOMEM. */
enum px_status px_luks_open_named(struct px_luks *luks, const struct px_secret *key,
				  struct px_secret **ret_volume_key) PX_MUST_CHECK;

/* What trying a key costs: on the LUKS2 token's keyslot when named_slot, else on any. */
struct px_cost px_luks_cost(const struct px_luks *luks, bool named_slot);

/*
 * One argon2id may need a gigabyte, so that all processes of a machine open such keyslots one after
 * another. Whoever sees to it that the memory suffices (slots.h) says so here, before the key is
 * tried.
 */
void px_luks_set_parallel(struct px_luks *luks);

struct px_activate {
	bool named_slot; /* the LUKS2 token's keyslot, no other */
	bool readonly;
	bool discard;
};

/* Before a volume is activated: whether the volume key has not begun to change since the header was
 * loaded, which libcryptsetup does not look at. PX_BUSY: it has. PX_KERNEL, PX_BAD_HEADER,
 * PX_NOMEM. */
enum px_status px_luks_check_current(const struct px_luks *luks) PX_MUST_CHECK;

/* Activates the mapping /dev/mapper/name. PX_BUSY: the name is taken, or the device is in use;
 * nothing was logged, since the caller looks again at whose it is. PX_BAD_KEY, PX_KERNEL,
 * PX_NOMEM. */
enum px_status px_luks_activate(struct px_luks *luks, const char *name, const struct px_secret *key,
				const struct px_activate *how) PX_MUST_CHECK;

/*
 * Changes of a LUKS2 header. Each is one write of libcryptsetup's, which keeps two copies, so that
 * a crash leaves the header before it or the one after it. Afterwards the header is let through
 * the allowlist once more. PX_KERNEL, PX_NOMEM.
 */

/* Whether a keyslot is there; how many there are; the lowest free one (-1: none). */
bool px_luks_has_slot(const struct px_luks *luks, int slot);
unsigned int px_luks_count_slots(const struct px_luks *luks);
int px_luks_free_slot(const struct px_luks *luks);

/* The lowest free one for whoever needs one. PX_USAGE: none; device is what the volume was called.
 */
enum px_status px_luks_need_slot(const struct px_luks *luks, const char *device, int *ret_slot)
	PX_MUST_CHECK;

/* The salt of a keyslot's PBKDF, by which it is told from any other that ever has its number.
 * -ENOENT: it is not there. -ENOMEM; other -errno. */
int px_luks_slot_salt(struct px_luks *luks, int slot, char **ret_salt) PX_MUST_CHECK;

/* Opens a keyslot (-1: whichever the key opens) and returns its number; the volume key is the
 * caller's. Silent: -EPERM, the key does not open it, or it is not there; -ENOMEM; other -errno. */
int px_luks_open_slot(struct px_luks *luks, int slot, const struct px_secret *key,
		      struct px_secret **ret_volume_key) PX_MUST_CHECK;

/* Whether this is the volume key, by the digest in the header. */
bool px_luks_is_volume_key(struct px_luks *luks, const struct px_secret *volume_key);

/* Whether it is the keyslot of a volume key that enciphers nothing (yet). */
bool px_luks_is_unbound(const struct px_luks *luks, int slot);

enum px_status px_luks_add_slot(struct px_luks *luks, int slot, const struct px_secret *volume_key,
				const struct px_secret *key) PX_MUST_CHECK;
enum px_status px_luks_destroy_slot(struct px_luks *luks, int slot) PX_MUST_CHECK;

/* Writes our LUKS2 token, in the place of the one that is there, with the seal under key if that
 * is a generated one, and with none otherwise; token->seal is not looked at. */
enum px_status px_luks_set_token(struct px_luks *luks, const struct px_token *token,
				 const struct px_secret *key) PX_MUST_CHECK;

/* Removes our LUKS2 token, also one that libcryptsetup has in memory since writing it failed. PX_OK
 * where there is none. Of what was loaded, only keyslots may be asked for from then on. */
enum px_status px_luks_drop_token(struct px_luks *luks) PX_MUST_CHECK;

/*
 * The volume key changed, and all data with it. First the LUKS2 token says so and names the
 * keyslots of both volume keys; then it runs until it is done or stopped. When it is done,
 * libcryptsetup has destroyed every keyslot of the old volume key, other people's too. name: the
 * volume's mapping; NULL: it is not mapped.
 */

/* Whether the header says that a reencryption has begun and is not done. */
bool px_luks_is_reencrypting(const struct px_luks *luks);

/* A keyslot for a new volume key, which the same key opens. */
enum px_status px_luks_add_volume_key(struct px_luks *luks, int slot, const struct px_secret *key)
	PX_MUST_CHECK;

/* done and size in bytes; false: stop here. */
typedef bool px_luks_progress(uint64_t done, uint64_t size, void *arg);

/* Begins it or goes on with it, in a context that has not done so before. PX_BUSY: mappings of a
 * run that was interrupted are in use. */
enum px_status px_luks_reencrypt(struct px_luks *luks, const char *name,
				 const struct px_secret *key, px_luks_progress *progress, void *arg,
				 bool *ret_stopped) PX_MUST_CHECK;

/*
 * Goes on with one that was killed, until all up to end has the new volume key, and no further;
 * start is where the part begins that was being copied. Both in sectors from the start of the data.
 * Nobody may reach that part meanwhile, and the device must not be in use: it is another name of
 * the one that is (px_dm_alias). PX_KERNEL, PX_NOMEM.
 */
enum px_status px_luks_reencrypt_part(struct px_luks *luks, const struct px_secret *key,
				      uint64_t start, uint64_t end) PX_MUST_CHECK;

/* Puts the volume keys that the key opens (on the LUKS2 token's keyslot when named_slot) into the
 * kernel's keyring of this process, where a table of dm-crypt's that names them finds them; they
 * stay until the process ends. PX_BAD_KEY, PX_KERNEL. */
enum px_status px_luks_lend_volume_keys(struct px_luks *luks, const struct px_secret *key,
					bool named_slot) PX_MUST_CHECK;

/* What the seal is over, in the header as it is loaded (px_seal_text). PX_BAD_HEADER: it has no
 * LUKS2 token of ours. PX_KERNEL, PX_NOMEM. */
enum px_status px_luks_sealed(struct px_luks *luks, char **ret_text) PX_MUST_CHECK;

/* The subsystem label, by which udev and people see whose the volume is. */
enum px_status px_luks_set_subsystem(struct px_luks *luks) PX_MUST_CHECK;

/*
 * Gives a suspended mapping of this volume (px_dm_suspend) its key again, and what waits for it
 * goes on. The LUKS2 token's keyslot when named_slot, else any. PX_BAD_KEY, PX_KERNEL, PX_NOMEM.
 */
enum px_status px_luks_resume(struct px_luks *luks, const char *name, const struct px_secret *key,
			      bool named_slot) PX_MUST_CHECK;

/*
 * Makes a mapping of this volume as large as the device below it is now; it stays in use
 * meanwhile. *ret_before and *ret_now: its size in bytes. PX_BAD_KEY, PX_KERNEL, PX_NOMEM.
 */
enum px_status px_luks_resize(struct px_luks *luks, const char *name, const struct px_secret *key,
			      bool named_slot, uint64_t *ret_before, uint64_t *ret_now)
	PX_MUST_CHECK;

/*
 * Removes a mapping: now, or deferred until its last user is gone. PX_BUSY at once when it is
 * mounted or the like; while it is merely open, as udev has fresh nodes, libdevmapper tries for
 * five seconds. PX_NO_VOLUME (no such mapping), PX_KERNEL.
 */
enum px_status px_luks_deactivate(const char *name, bool deferred) PX_MUST_CHECK;

void px_luks_free(struct px_luks **luks);

static inline void px_luks_cleanup(struct px_luks **luks)
{
	px_luks_free(luks);
}

#endif
