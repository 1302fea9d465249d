/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <stdio.h>

#include "header-volume.h"
#include "pxenc/cmd.h"
#include "pxenc/header-backup.h"
#include "pxenc/lock.h"

enum px_status px_cmd_header_backup(int argc, char **argv)
{
	static const struct option longs[] = { PX_COMMON_OPTIONS, { NULL, 0, NULL, 0 } };
	px_auto(session) struct px_session session = { 0 };
	px_auto(luks) struct px_luks *luks = NULL;
	px_auto(secret) struct px_secret *key = NULL;
	px_auto(free) char *path = NULL;
	px_auto(fd) int lock = -1;
	enum px_status st;

	if (px_next_option("header backup", argc, argv, "", longs) != -1)
		return PX_USAGE;
	if (argc - optind != 1)
		return px_usage("header backup");
	st = px_lock_device(argv[optind], &path, &lock);
	if (!st)
		st = px_luks_load(path, &luks);
	if (!st)
		st = px_session_open(&session);
	if (!st)
		st = px_header_key(&session, luks, &key);
	if (!st)
		st = px_header_put(&session, luks, key);
	if (!st)
		printf("%s: the header of volume %s is in the store\n", argv[optind],
		       px_luks_uuid(luks));
	return st;
}
