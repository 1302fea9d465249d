/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "conversation.h"

#include <errno.h>
#include <string.h>

#include "pxenc/log.h"
#include "pxenc/places.h"

/* A session, a cached ACS token, the password: pxenc-fetch asks no more often. */
#define WANTS_MAX 3

enum px_status px_login_prepare(struct px_store *store)
{
	int r;

	r = px_acs_cache_open(px_place_run(), store->config->cluster_urls, store->ca, store->ca_len,
			      &store->cache);
	if (r == -ENOMEM)
		return px_nomem();
	if (r < 0)
		px_note("ACS tokens are not cached: %s", strerror(-r));
	return px_login_uid(store->config, &store->uid);
}

/* Whether this is what pxenc-fetch was shown, and came back for more. */
static bool was_rejected(const struct px_store *store, const struct px_acs *acs)
{
	return store->shown.token && px_secret_equal(store->shown.token, acs->token);
}

/* A cached ACS token that was not rejected; one that was goes. */
static bool find_cached(struct px_store *store, const char *user, struct px_acs *ret_acs)
{
	px_auto(acs) struct px_acs acs = { .token = NULL };

	if (px_acs_load(store->cache, user, &acs) < 0)
		return false;
	if (store->login != PX_LOGIN_IDLE && was_rejected(store, &acs)) {
		px_acs_drop(store->cache, user);
		return false;
	}
	*ret_acs = acs;
	acs = (struct px_acs){ .token = NULL };
	return true;
}

/* Into store->shown; false: there is none. */
static bool show_cached(struct px_store *store)
{
	struct px_acs acs = { .token = NULL };
	bool session;

	session = find_cached(store, PX_ACS_SESSION, &acs);
	if (!session && (!store->uid || !find_cached(store, store->uid, &acs)))
		return false;
	px_acs_clear(&store->shown);
	store->shown = acs;
	store->shown_session = session;
	return true;
}

void px_login_restart(struct px_store *store)
{
	px_acs_unlock(store->cache);
	store->login = PX_LOGIN_IDLE;
	store->wants = 0;
}

void px_login_choose(struct px_store *store)
{
	if (!store->shown.token)
		show_cached(store);
}

static enum px_status send_credentials(struct px_store *store, struct px_frame *frame, int r)
{
	if (r == 0)
		r = px_frame_write(store->child.in, frame, store->deadline);
	if (r == -ENOMEM)
		return px_nomem();
	/* That it is gone will show when we read. */
	if (r < 0 && r != -EPIPE)
		return px_fail(PX_UNREACHABLE, "pxenc-fetch did not take the credentials in time");
	return PX_OK;
}

static enum px_status send_token(struct px_store *store)
{
	px_auto(frame) struct px_frame frame = { .payload = NULL };
	int r;

	r = px_frame_new(PX_FRAME_CREDENTIALS, store->seq,
			 PX_FIELD_SIZE(px_secret_len(store->shown.token)), &frame);
	if (r == 0)
		r = px_frame_add_secret(&frame, PX_FIELD_ACS, store->shown.token);
	return send_credentials(store, &frame, r);
}

static enum px_status send_password(struct px_store *store, const char *uid,
				    const struct px_secret *password)
{
	px_auto(frame) struct px_frame frame = { .payload = NULL };
	int r;

	r = px_frame_new(PX_FRAME_CREDENTIALS, store->seq,
			 PX_FIELD_SIZE(strlen(uid)) + PX_FIELD_SIZE(px_secret_len(password)),
			 &frame);
	if (r == 0)
		r = px_frame_add_text(&frame, PX_FIELD_UID, uid);
	if (r == 0)
		r = px_frame_add_secret(&frame, PX_FIELD_PASSWORD, password);
	return send_credentials(store, &frame, r);
}

static const char *how_to_mend(const struct px_store *store)
{
	if (store->config->password_file)
		return "mend username_file or password_file, or log in: pxenc secrets dcos login";
	return "mend DCOS_SECRETS_USERNAME or DCOS_SECRETS_PASSWORD, or log in: pxenc secrets "
	       "dcos login";
}

static enum px_status log_in_as_configured(struct px_store *store)
{
	px_auto(secret) struct px_secret *password = NULL;
	uint8_t source[PX_LOGIN_SOURCE_MAX];
	enum px_status st;
	size_t len;
	int ms;

	if (!store->uid)
		return px_fail(PX_UNAUTHENTICATED, "the store wants a login: log in: pxenc secrets "
						   "dcos login, or set secret.dcos.username_file "
						   "and password_file in the config");
	len = px_login_source(store->config, source);
	ms = px_acs_refused_ms(store->cache, store->uid, source, len);
	if (ms > 0)
		return px_fail(PX_UNAUTHENTICATED,
			       "the store refused the login of '%s' %d s ago, and is not asked "
			       "again for %d s: %s",
			       store->uid, (PX_ACS_REFUSED_MS - ms) / 1000, (ms + 999) / 1000,
			       how_to_mend(store));
	st = px_login_password(store->config, &password);
	return st ? st : send_password(store, store->uid, password);
}

/* The session is kept or the login is for nothing: so before the password goes out. */
static enum px_status log_in_by_hand(struct px_store *store)
{
	if (!store->cache)
		return px_fail(PX_USAGE, "there is no folder of your own on tmpfs to keep a login "
					 "in: set XDG_RUNTIME_DIR");
	return send_password(store, store->hand_uid, store->hand_password);
}

static enum px_status take_lock(struct px_store *store)
{
	int r = px_acs_lock(store->cache, store->deadline);

	if (r == -ETIMEDOUT)
		return px_fail(PX_UNREACHABLE,
			       "another pxenc was logging in until the time was up");
	if (r < 0)
		px_note("logins are not kept apart: %s", strerror(-r));
	return PX_OK;
}

/* Under the lock: whoever held it may have logged in for us. */
static enum px_status answer_locked(struct px_store *store)
{
	enum px_status st;

	if (!store->hand_uid && show_cached(store)) {
		px_acs_unlock(store->cache);
		return send_token(store);
	}
	st = store->hand_uid ? log_in_by_hand(store) : log_in_as_configured(store);
	if (!st)
		store->login = PX_LOGIN_SENT;
	return st;
}

enum px_status px_login_answer(struct px_store *store)
{
	enum px_status st;

	if (store->login == PX_LOGIN_SENT || store->login == PX_LOGIN_DONE ||
	    ++store->wants > WANTS_MAX)
		return px_fail(PX_UNTRUSTED, "pxenc-fetch asks for too many logins");
	store->login = PX_LOGIN_SHOWN;
	st = take_lock(store);
	return st ? st : answer_locked(store);
}

/* What DC/OS gave for a password, and for whom. */
static int read_token(const struct px_store *store, const struct px_frame *frame,
		      struct px_acs *acs)
{
	const char *uid = store->hand_uid ? store->hand_uid : store->uid;
	uint64_t expiry;
	int r;

	r = px_frame_get_secret(frame, PX_FIELD_ACS, PX_ACS_MAX, &acs->token);
	if (r == 0 && !px_acs_is_token(acs->token))
		r = -EBADMSG;
	if (r == 0)
		r = px_frame_get_number(frame, PX_FIELD_EXPIRY, &expiry);
	if (r < 0)
		return r == -ENOMEM ? r : -EBADMSG;
	acs->expiry = expiry > INT64_MAX ? 0 : (int64_t)expiry;
	acs->uid = strdup(uid);
	if (store->hand_uid)
		acs->base_path = strdup(store->config->base_path);
	return acs->uid && (!store->hand_uid || acs->base_path) ? 0 : -ENOMEM;
}

/* An ACS token that cannot be kept still serves this run; that of a login by hand is for others. */
static enum px_status keep(struct px_store *store, const struct px_acs *acs)
{
	const char *user = store->hand_uid ? PX_ACS_SESSION : acs->uid;
	int r = px_acs_save(store->cache, user, acs);

	px_acs_pardon(store->cache, acs->uid);
	px_acs_unlock(store->cache);
	if (r == 0)
		return PX_OK;
	if (store->hand_uid)
		return px_fail(PX_KERNEL, "the login worked but cannot be kept in '%s': %s",
			       px_place_run(), strerror(-r));
	px_note("the ACS token is not cached: %s", strerror(-r));
	return PX_OK;
}

enum px_status px_login_keep(struct px_store *store, const struct px_frame *token)
{
	struct px_acs acs = { .token = NULL };
	int r = -EBADMSG;

	if (store->login == PX_LOGIN_SENT)
		r = read_token(store, token, &acs);
	if (r < 0) {
		px_acs_clear(&acs);
		return r == -ENOMEM ? px_nomem()
				    : px_fail(PX_UNTRUSTED, "pxenc-fetch gave no ACS token");
	}
	store->login = PX_LOGIN_DONE;
	px_acs_clear(&store->shown);
	store->shown = acs;
	store->shown_session = store->hand_uid != NULL;
	return keep(store, &store->shown);
}

/* Only a password that was sent and got no ACS token was refused; a person may err at once again.
 */
void px_login_end(struct px_store *store, enum px_status status)
{
	uint8_t source[PX_LOGIN_SOURCE_MAX];
	size_t len;

	if (status == PX_UNAUTHENTICATED && store->login == PX_LOGIN_SENT && !store->hand_uid &&
	    store->uid) {
		len = px_login_source(store->config, source);
		if (px_acs_refuse(store->cache, store->uid, source, len) < 0)
			px_note("the refused login cannot be remembered");
	}
	px_acs_unlock(store->cache);
}

const char *px_login_advice(const struct px_store *store)
{
	if (store->hand_uid)
		return "check the user name and the password";
	return store->uid ? how_to_mend(store) : "log in: pxenc secrets dcos login";
}

void px_login_clear(struct px_store *store)
{
	px_acs_clear(&store->shown);
	px_acs_cache_free(&store->cache);
	free(store->uid);
}
