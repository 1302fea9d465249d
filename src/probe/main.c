/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pxenc/log.h"
#include "pxenc/mark.h"
#include "pxenc/probe-header.h"

/*
 * pxenc-probe DEVICE: what the udev rule needs to know of a LUKS2 volume, as properties of the
 * device. It reads the header, and does nothing else: no network, no libcryptsetup, and no change.
 * A refused header is no reason not to start the unit (which says why it refuses), unless it
 * cannot be known whether it should. It has no deadline but udev's: what did not answer would not
 * open by itself, and among a thousand volumes that appear at once that may just be late. From a
 * dead disk udev's own blkid has not come back.
 */

/* systemd's own bound on the name of a unit. */
#define UNIT_MAX 256

/* One copy of the header, checked; the caller frees. -EINVAL: none is there, -EBADMSG: torn. */
static int read_copy(int fd, uint64_t offset, uint8_t **ret_copy, const char **ret_json,
		     size_t *ret_len)
{
	uint8_t binary[PX_PROBE_BINARY_SIZE];
	px_auto(free) uint8_t *copy = NULL;
	size_t size;
	int r;

	if (pread(fd, binary, sizeof(binary), (off_t)offset) != (ssize_t)sizeof(binary))
		return -EINVAL;
	r = px_probe_header_size(binary, offset, &size);
	if (r < 0)
		return r;
	copy = malloc(size);
	if (!copy)
		return -ENOMEM;
	if (pread(fd, copy, size, (off_t)offset) != (ssize_t)size)
		return -EINVAL;
	r = px_probe_header_json(copy, size, ret_json, ret_len);
	if (r == 0)
		*ret_copy = px_steal(&copy);
	return r;
}

/* The first copy, which is always written first. The second, which begins where the first ends,
 * counts only when the first is torn; then it is looked for at every place where it may be. */
static int read_header(int fd, uint8_t **ret_copy, const char **ret_json, size_t *ret_len)
{
	int r = read_copy(fd, 0, ret_copy, ret_json, ret_len);

	for (size_t at = PX_PROBE_SIZE_MIN; r < 0 && r != -ENOMEM && at <= PX_PROBE_SIZE_MAX;
	     at *= 2)
		r = read_copy(fd, at, ret_copy, ret_json, ret_len);
	return r;
}

static enum px_status probe(const char *device, bool *ret_auto)
{
	px_auto(fd) int fd = open(device, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	px_auto(free) uint8_t *copy = NULL;
	const char *json = NULL;
	size_t len = 0;
	int r;

	if (fd < 0)
		return px_fail(PX_NO_VOLUME, "%s: cannot be opened: %s", device, strerror(errno));
	r = read_header(fd, &copy, &json, &len);
	if (r == -ENOMEM)
		return px_nomem();
	/* A LUKS1 volume, most of the time. */
	if (r < 0)
		return PX_NO_VOLUME;
	return px_mark_read(json, len, device, ret_auto);
}

int main(int argc, char **argv)
{
	char unit[UNIT_MAX];
	bool automatic = false;
	enum px_status st;

	px_log_init("pxenc-probe", 0);
	if (argc != 2 || px_mark_unit(argv[1], unit, sizeof(unit)) < 0)
		return (int)px_fail(PX_USAGE, "usage: pxenc-probe /dev/DEVICE");
	st = probe(argv[1], &automatic);
	if (st)
		return (int)st;
	printf("PXENC_AUTO=%d\nPXENC_UNIT=%s\n", automatic, unit);
	return fflush(stdout) ? (int)PX_KERNEL : (int)PX_OK;
}
