/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_MAPPING_H
#define PXENC_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "pxenc/cleanup.h"
#include "pxenc/status.h"

/*
 * What sysfs says about dm-crypt mappings. Nothing here opens a device or asks device-mapper, so
 * it answers even when the disk below is dead or the mapping is suspended.
 */
struct px_mapping {
	char *name;	  /* /dev/mapper/NAME */
	char *dm_uuid;	  /* CRYPT-LUKS2-<32 hex digits>-NAME */
	dev_t devno;	  /* of the mapping */
	dev_t slave;	  /* of the device below (helpers left out); 0: none, or more than one */
	char *slave_name; /* below /dev: "sdb", "cciss/c0d0"; or NULL */
	bool helped;	  /* helpers lie between it and that device: px_mapping_helpers */
	bool suspended;
	bool readonly;
	bool gone; /* LUKS, but its device was pulled out or taken from it: px_dm_release */
};

/* For tests: another directory in place of /sys/block; NULL restores it. */
void px_mapping_set_root(const char *root);

/* All LUKS mappings (dm uuid CRYPT-LUKS1-… or CRYPT-LUKS2-…) of this machine, sorted by name.
 * None, or no device-mapper at all, is an empty list. -ENOMEM or sysfs's error. */
int px_mapping_list(struct px_mapping **ret_list, size_t *ret_count) PX_MUST_CHECK;

/* The mapping called name, LUKS or not (dm_uuid tells). -ENOENT: none. */
int px_mapping_by_name(const char *name, struct px_mapping *ret_mapping) PX_MUST_CHECK;

/* The LUKS mapping whose only slave is this device. -ENOENT: none. */
int px_mapping_by_slave(dev_t slave, struct px_mapping *ret_mapping) PX_MUST_CHECK;

/* What libcryptsetup puts between a volume's mapping and this device while the data is written
 * anew, and its temporary ones; a process that was killed leaves it there. Sorted, as
 * px_mapping_list. */
int px_mapping_helpers(dev_t slave, struct px_mapping **ret_list, size_t *ret_count) PX_MUST_CHECK;

/* Whether it is one by which libcryptsetup reads and writes what libcrypto has no cipher for. */
bool px_mapping_is_temporary(const struct px_mapping *mapping);

/* The LUKS mapping whose only slave was the device that the kernel called so (by a slave_name), and
 * that is gone. -ENOENT: none. */
int px_mapping_by_lost_slave(const char *slave_name, struct px_mapping *ret_mapping) PX_MUST_CHECK;

bool px_mapping_is_luks(const struct px_mapping *mapping);

/* Whether a LUKS mapping was made from a header with this uuid. */
bool px_mapping_has_uuid(const struct px_mapping *mapping, const char *uuid);

void px_mapping_clear(struct px_mapping *mapping);
void px_mapping_list_free(struct px_mapping **list, size_t count);

static inline void px_mapping_cleanup(struct px_mapping *mapping)
{
	px_mapping_clear(mapping);
}

#endif
