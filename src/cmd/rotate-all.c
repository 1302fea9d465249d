/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "rotate-all.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "pxenc/block.h"
#include "pxenc/disks.h"
#include "pxenc/log.h"
#include "pxenc/peek.h"
#include "pxenc/signals.h"
#include "pxenc/strv.h"

/* One whose header is refused or cannot be read is tried, and says why it fails. */
static bool is_ours(int peeked, const struct px_peek *peek)
{
	return peeked == 0 ? *peek->secret != '\0' : peeked != -EINVAL;
}

/* A disk that does not answer may be a volume, so it counts as one that failed. */
static enum px_status find_volumes(char ***ret_devices, size_t *ret_silent)
{
	px_auto(strv) char **disks = NULL;
	struct px_peek peek;
	char **disk;
	int r = px_disks_list(PX_DISKS_ROOT, &disks);

	if (r < 0)
		return px_block_failed(r);
	for (disk = disks; disk && *disk; disk++) {
		r = px_peek(*disk, &peek);
		if (r == -ETIMEDOUT) {
			px_warn("%s does not answer: it was left out", *disk);
			++*ret_silent;
		} else if (is_ours(r, &peek) && px_strv_add(ret_devices, *disk) < 0) {
			return px_nomem();
		}
	}
	return PX_OK;
}

/* libcryptsetup keeps process globals: one process, one volume. */
static enum px_status rotate_apart(enum px_status (*rotate)(const char *device, const void *arg),
				   const char *device, const void *arg)
{
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		status = (int)rotate(device, arg);
		_exit(fflush(stdout) == 0 ? status : PX_KERNEL);
	}
	if (pid < 0)
		return px_fail(PX_KERNEL, "%s: no process for it: %s", device, strerror(errno));
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? (enum px_status)WEXITSTATUS(status)
				 : px_fail(PX_KERNEL, "%s: its process was killed", device);
}

static enum px_status rotate_each(char *const *devices, size_t silent,
				  enum px_status (*rotate)(const char *device, const void *arg),
				  const void *arg)
{
	size_t count = px_strv_len(devices), failed = silent, i;

	px_signals_hold();
	/* A volume that was begun is finished; the next one is not begun. */
	for (i = 0; i < count && !px_signals_ask_to_stop(); i++)
		failed += rotate_apart(rotate, devices[i], arg) != PX_OK;
	if (i < count)
		return px_fail(PX_DECLINED, "stopped: %zu of %zu volumes were left as they are",
			       count - i, count);
	if (failed)
		return px_fail(PX_SOME_FAILED, "%zu of %zu volumes failed, as said above", failed,
			       count + silent);
	return PX_OK;
}

enum px_status px_rotate_all(char *const *devices,
			     enum px_status (*rotate)(const char *device, const void *arg),
			     const void *arg)
{
	px_auto(strv) char **found = NULL;
	enum px_status st = PX_OK;
	size_t silent = 0;

	if (!*devices)
		st = find_volumes(&found, &silent);
	if (st)
		return st;
	if (!*devices && !found && !silent)
		return px_fail(PX_NO_VOLUME, "this machine has no volume of pxenc's");
	return rotate_each(*devices ? devices : found, silent, rotate, arg);
}
