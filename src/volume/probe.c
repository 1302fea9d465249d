/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/probe.h"

#include <blkid/blkid.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pxenc/cleanup.h"
#include "pxenc/log.h"

static void probe_cleanup(blkid_probe *probe)
{
	blkid_free_probe(*probe);
}

#define auto_probe px_cleanup(probe_cleanup) blkid_probe

static const char *value_of(blkid_probe probe, const char *name)
{
	const char *value;

	return blkid_probe_lookup_value(probe, name, &value, NULL) == 0 ? value : NULL;
}

static enum px_status open_probe(const char *device, blkid_probe *ret_probe)
{
	errno = 0;
	*ret_probe = blkid_new_probe_from_filename(device);
	if (!*ret_probe)
		return px_fail(PX_NO_VOLUME, "cannot open %s: %s", device,
			       strerror(errno ? errno : EIO));
	blkid_probe_enable_superblocks(*ret_probe, 1);
	blkid_probe_set_superblocks_flags(*ret_probe, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_LABEL |
							      BLKID_SUBLKS_USAGE);
	return PX_OK;
}

/* In words for a message: type, what it is, label. */
static enum px_status describe(blkid_probe probe, char **ret_what)
{
	const char *type = value_of(probe, "TYPE"), *table = value_of(probe, "PTTYPE");
	const char *usage = value_of(probe, "USAGE"), *label = value_of(probe, "LABEL");
	bool filesystem = usage && strcmp(usage, "filesystem") == 0;
	char *what;
	int n;

	if (!type)
		n = asprintf(&what, "%s partition table", table ? table : "unknown");
	else
		n = asprintf(&what, "%s%s%s%s", type, filesystem ? " filesystem" : " signature",
			     label ? " labelled " : "", label ? label : "");
	if (n < 0)
		return px_nomem();
	*ret_what = what;
	return PX_OK;
}

enum px_status px_probe_contents(const char *device, char **ret_what)
{
	auto_probe probe = NULL;
	enum px_status st;
	int r;

	st = open_probe(device, &probe);
	if (st)
		return st;
	blkid_probe_enable_partitions(probe, 1);
	r = blkid_do_safeprobe(probe);
	if (r == -2)
		return px_fail(PX_KERNEL,
			       "%s carries signatures that contradict each other: see "
			       "wipefs %s",
			       device, device);
	if (r < 0)
		return px_fail(PX_KERNEL, "cannot read %s: %s", device, strerror(errno));
	if (r == 1) {
		*ret_what = NULL;
		return PX_OK;
	}
	return describe(probe, ret_what);
}

enum px_status px_probe_filesystem(const char *device, char **ret_type)
{
	auto_probe probe = NULL;
	enum px_status st;
	const char *type;
	int r;

	st = open_probe(device, &probe);
	if (st)
		return st;
	blkid_probe_filter_superblocks_usage(probe, BLKID_FLTR_ONLYIN, BLKID_USAGE_FILESYSTEM);
	r = blkid_do_safeprobe(probe);
	if (r == -2)
		return px_fail(PX_MOUNT,
			       "%s looks like more than one filesystem: say which by "
			       "fstype=",
			       device);
	if (r < 0)
		return px_fail(PX_KERNEL, "cannot read %s: %s", device, strerror(errno));
	type = r == 0 ? value_of(probe, "TYPE") : NULL;
	if (!type)
		return px_fail(PX_MOUNT,
			       "no filesystem is recognised on %s: make one (mkfs), or "
			       "say which by fstype=",
			       device);
	*ret_type = strdup(type);
	return *ret_type ? PX_OK : px_nomem();
}
