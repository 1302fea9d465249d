/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "doctor.h"
#include "pxenc/account.h"
#include "pxenc/clock.h"
#include "pxenc/cmd.h"
#include "pxenc/credentials.h"
#include "pxenc/log.h"
#include "pxenc/persist.h"
#include "pxenc/places.h"
#include "pxenc/store.h"

#define DECRYPT_S 10

void px_doctor_check_kernel(struct px_doctor *doctor)
{
	enum px_status st = px_check_kernel();

	if (st == PX_OK)
		px_doctor_ok(doctor, "kernel", "it has dm-crypt");
	else
		px_doctor_fail(doctor, "kernel", st);
}

static void show_session(struct px_doctor *doctor, const struct px_store_session *session)
{
	time_t seconds = (time_t)session->expiry;
	char date[32] = "an unknown time";
	struct tm tm;

	if (localtime_r(&seconds, &tm))
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M", &tm);
	px_doctor_ok(doctor, "session", "logged in by hand as '%s', until %s or the next restart",
		     session->uid, date);
}

static void show_cache(struct px_doctor *doctor, int cache)
{
	const char *dir = px_place_run();

	if (cache == -ENOENT && !dir)
		px_doctor_warn(doctor, "session",
			       "ACS tokens are not kept: XDG_RUNTIME_DIR is not set");
	else if (cache < 0)
		px_doctor_warn(doctor, "session", "ACS tokens are not kept in '%s': %s%s", dir,
			       strerror(-cache),
			       cache == -EPERM ? ": it has to be yours alone: chmod 700" : "");
}

static bool is_handed(const char *file)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");

	return dir && strncmp(file, dir, strlen(dir)) == 0;
}

static void show_kept(struct px_doctor *doctor, const struct px_account *account)
{
	const char *file = px_persist_file();

	if (file && is_handed(file))
		px_doctor_ok(doctor, "credentials", "'%s', from systemd: %s", account->uid, file);
	else if (file && px_persist_is_by_host_key(file))
		px_doctor_warn(doctor, "credentials",
			       "'%s', kept in %s under the host key, which lies on the same disk: "
			       "that protects backups, not a stolen machine",
			       account->uid, file);
	else
		px_doctor_ok(doctor, "credentials", "'%s', kept in %s", account->uid,
			     file ? file : "the credential store");
}

static void show_account(struct px_doctor *doctor, const struct px_config *config,
			 const struct px_account *account)
{
	switch (px_credentials_which(config)) {
	case PX_CREDENTIALS_SERVICE:
		px_doctor_ok(doctor, "credentials", "the service account '%s', from %s",
			     account->uid, config->service_account_file);
		break;
	case PX_CREDENTIALS_KEPT:
		show_kept(doctor, account);
		break;
	case PX_CREDENTIALS_USER:
		px_doctor_ok(doctor, "credentials", "'%s', by the config", account->uid);
		break;
	case PX_CREDENTIALS_VARIABLE:
		px_doctor_ok(doctor, "credentials", "'%s', from the environment", account->uid);
	}
}

/* Whoever boots this machine will not find the login by hand any more. */
static void nobody(struct px_doctor *doctor, bool session)
{
	if (session)
		px_doctor_warn(doctor, "credentials",
			       "none that outlast the session: pxenc secrets dcos login --persist "
			       "keeps a login for restarts");
	else
		px_doctor_fail(doctor, "credentials",
			       px_fail(PX_UNAUTHENTICATED,
				       "there are none, and nobody has logged in: pxenc secrets "
				       "dcos login (--persist: for good)"));
}

static enum px_status check_credentials(struct px_doctor *doctor, const struct px_config *config,
					bool session)
{
	px_auto(account) struct px_account account = { .uid = NULL };
	px_auto(free) char *owner = NULL;
	px_auto(free) char *uid = NULL;
	enum px_status st;

	st = px_login_hide_password();
	if (!st)
		st = px_login_owner(config, &uid, &owner);
	if (!st && !owner) {
		nobody(doctor, session);
		return PX_OK;
	}
	if (!st)
		st = px_login_account(config, px_deadline_in(DECRYPT_S), &account);
	if (st)
		px_doctor_fail(doctor, "credentials", st);
	else
		show_account(doctor, config, &account);
	return st;
}

bool px_doctor_check_login(struct px_doctor *doctor, const struct px_config *config)
{
	struct px_store_session session = { .uid = NULL };
	enum px_status st = px_store_session(config, &session);
	px_auto(free) char *uid = session.uid;

	if (st) {
		px_doctor_fail(doctor, "session", st);
		return false;
	}
	if (uid)
		show_session(doctor, &session);
	else
		show_cache(doctor, session.cache);
	st = check_credentials(doctor, config, uid != NULL);
	/* What else is wrong with them, such as a file that others may read, stops every question.
	 */
	return !st || st == PX_UNAUTHENTICATED;
}
