/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <string.h>

#include "pxenc/sandbox.h"

#define RANGE (PX_DYNAMIC_UID_MAX - PX_DYNAMIC_UID_MIN + 1)

/* fgetpwent, not getpwnam: NSS could ask a daemon or the network. */
static bool find_named(FILE *passwd, uid_t *ret_uid, gid_t *ret_gid)
{
	const struct passwd *entry;

	while ((entry = fgetpwent(passwd))) {
		if (strcmp(entry->pw_name, PX_SANDBOX_USER) != 0)
			continue;
		*ret_uid = entry->pw_uid;
		*ret_gid = entry->pw_gid;
		return true;
	}
	return false;
}

static void take_id(bool taken[RANGE], unsigned int id)
{
	if (id >= PX_DYNAMIC_UID_MIN && id <= PX_DYNAMIC_UID_MAX)
		taken[id - PX_DYNAMIC_UID_MIN] = true;
}

static void take_listed(FILE *passwd, FILE *group, bool taken[RANGE])
{
	const struct passwd *user;
	const struct group *set;

	rewind(passwd);
	while ((user = fgetpwent(passwd))) {
		take_id(taken, user->pw_uid);
		take_id(taken, user->pw_gid);
	}
	while ((set = fgetgrent(group)))
		take_id(taken, set->gr_gid);
}

static bool is_allocated(const char *dynamic, unsigned int uid)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%u", dynamic, uid);
	return access(path, F_OK) == 0;
}

int px_sandbox_find_user(FILE *passwd, FILE *group, const char *dynamic, unsigned int start,
			 uid_t *ret_uid, gid_t *ret_gid)
{
	bool taken[RANGE] = { false };
	unsigned int i;
	uid_t uid;
	gid_t gid;

	if (find_named(passwd, &uid, &gid)) {
		if (uid == 0 || gid == 0)
			return -EPERM;
		*ret_uid = uid;
		*ret_gid = gid;
		return 0;
	}
	take_listed(passwd, group, taken);
	for (i = 0; i < RANGE; i++) {
		unsigned int nth = (start % RANGE + i) % RANGE;

		if (taken[nth] || is_allocated(dynamic, PX_DYNAMIC_UID_MIN + nth))
			continue;
		*ret_uid = *ret_gid = PX_DYNAMIC_UID_MIN + nth;
		return 0;
	}
	return -ESRCH;
}
