/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>
#include <stdio.h>

#include "doctor.h"
#include "pxenc/block.h"
#include "pxenc/lock.h"
#include "pxenc/log.h"
#include "pxenc/mapping.h"
#include "pxenc/options.h"

#define CHECK "mapping"

/* What a reencryption that was killed has left below the volume's mapping. */
static void check_helpers(struct px_doctor *doctor, const char *device, dev_t devno,
			  const char *mapped)
{
	struct px_mapping *list = NULL;
	size_t count = 0;
	int r = px_mapping_helpers(devno, &list, &count);

	px_mapping_list_free(&list, count);
	if (r < 0) {
		px_doctor_fail(doctor, CHECK, px_block_failed(r));
		return;
	}
	if (count == 0 || px_lock_is_held(device))
		return;
	if (mapped)
		px_doctor_fail(doctor, CHECK,
			       px_fail(PX_BUSY,
				       "a reencryption was killed, and a part of %s is out of "
				       "reach until it goes on: pxenc rotate %s",
				       mapped, device));
	else
		px_doctor_warn(doctor, CHECK,
			       "a reencryption was killed and left mappings behind: pxenc rotate "
			       "%s removes them and goes on with it",
			       device);
}

static void show_own(struct px_doctor *doctor, const struct px_mapping *mapping)
{
	if (mapping->suspended)
		px_doctor_fail(doctor, CHECK,
			       px_fail(PX_BUSY,
				       "%s is suspended: pxenc resume %s, or pxenc close --force "
				       "%s",
				       mapping->name, mapping->name, mapping->name));
	else
		px_doctor_ok(doctor, CHECK, "it is open, as %s", mapping->name);
}

/* Who has the name that an open without name= would give it. */
static void show_name(struct px_doctor *doctor, const char *uuid)
{
	px_auto(mapping) struct px_mapping mapping = { 0 };
	char name[PX_NAME_MAX + 1];
	int r;

	snprintf(name, sizeof(name), "pxenc-%s", uuid);
	r = px_mapping_by_name(name, &mapping);
	if (r == -ENOENT)
		px_doctor_ok(doctor, CHECK, "it is not open");
	else if (r < 0)
		px_doctor_fail(doctor, CHECK, px_block_failed(r));
	else if (mapping.gone)
		px_doctor_warn(doctor, CHECK,
			       "%s is of a disk that was pulled out: the next open removes it, or "
			       "says who uses it; so does pxenc close --force %s",
			       name, name);
	else
		px_doctor_fail(doctor, CHECK,
			       px_fail(PX_BUSY,
				       "the name %s belongs to another device (%s): if this one is "
				       "a clone of it, give it a name of its own with name=",
				       name, mapping.slave_name ? mapping.slave_name : "unknown"));
}

void px_doctor_check_mapping(struct px_doctor *doctor, const char *device, dev_t devno,
			     const char *uuid)
{
	px_auto(mapping) struct px_mapping mapping = { 0 };
	int r = px_mapping_by_slave(devno, &mapping);

	if (r == 0)
		show_own(doctor, &mapping);
	else if (r != -ENOENT)
		px_doctor_fail(doctor, CHECK, px_block_failed(r));
	else if (uuid)
		show_name(doctor, uuid);
	check_helpers(doctor, device, devno, mapping.name);
}
