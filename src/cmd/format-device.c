/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "format-device.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pxenc/cleanup.h"
#include "pxenc/cmd.h"
#include "pxenc/lock.h"
#include "pxenc/log.h"
#include "pxenc/probe.h"

enum px_status px_target_take(const char *device, struct px_target *ret_target)
{
	return px_lock_device(device, &ret_target->path, &ret_target->lock);
}

enum px_status px_target_check(struct px_target *target, bool force, bool ask)
{
	px_auto(free) char *what = NULL, *question = NULL;
	enum px_status st;

	st = px_device_check_unused(target->path, target->lock);
	if (st || force || target->agreed)
		return st;
	st = px_probe_contents(target->path, &what);
	if (st || !what)
		return st;
	if (!ask)
		return px_fail(PX_BUSY, "%s holds a %s since a moment ago: nothing was changed",
			       target->path, what);
	if (asprintf(&question, "%s holds a %s, which format would destroy", target->path, what) <
	    0)
		return px_nomem();
	st = px_confirm(question);
	target->agreed = st == PX_OK;
	return st;
}

enum px_status px_target_seize(const struct px_target *target)
{
	int r = px_lock_out_udev(target->lock);

	if (r == -EBUSY)
		return px_fail(PX_BUSY, "%s is locked by another program: see lsof %s",
			       target->path, target->path);
	return r < 0 ? px_fail(PX_KERNEL, "%s cannot be locked: %s", target->path, strerror(-r))
		     : PX_OK;
}

void px_target_release(struct px_target *target)
{
	free(target->path);
	px_fd_cleanup(&target->lock);
	*target = PX_TARGET_NONE;
}
