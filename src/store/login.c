/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "conversation.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "pxenc/clock.h"
#include "pxenc/log.h"
#include "pxenc/places.h"

/* A session, a cached ACS token, a login: pxenc-fetch asks no more often. */
#define WANTS_MAX 3

#define PATIENCE_MS 1000   /* with another pxenc's login, before we say that we wait for it */
#define LOGIN_LEAST_MS 500 /* a login that has less left need not begin */

enum px_status px_login_prepare(struct px_store *store)
{
	int r;

	r = px_acs_cache_open(px_place_run(), store->config->cluster_urls, store->ca, store->ca_len,
			      &store->cache);
	if (r == -ENOMEM)
		return px_nomem();
	if (r < 0)
		px_note("ACS tokens are not cached: %s", strerror(-r));
	store->which = px_credentials_which(store->config);
	/* A login by hand is what mends credentials that are not fit. */
	return store->hand ? PX_OK : px_login_owner(store->config, &store->uid, &store->owner);
}

/* Whether this is what pxenc-fetch was shown, and came back for more. */
static bool was_rejected(const struct px_store *store, const struct px_acs *acs)
{
	return store->shown.token && px_secret_equal(store->shown.token, acs->token);
}

/* A cached ACS token that was not rejected; one that was goes. */
static bool find_cached(struct px_store *store, const char *owner, struct px_acs *ret_acs)
{
	px_auto(acs) struct px_acs acs = { .token = NULL };

	if (px_acs_load(store->cache, owner, &acs) < 0)
		return false;
	if (store->login != PX_LOGIN_IDLE && was_rejected(store, &acs)) {
		px_acs_drop(store->cache, owner);
		return false;
	}
	*ret_acs = acs;
	acs = (struct px_acs){ .token = NULL };
	return true;
}

/* Into store->shown; false: there is none. Below a base path that came with a login by hand the
 * configured user has no business. */
static bool show_cached(struct px_store *store)
{
	struct px_acs acs = { .token = NULL };
	bool found = find_cached(store, PX_ACS_SESSION, &acs);

	if (!found && store->owner && !store->config->base_of_session)
		found = find_cached(store, store->owner, &acs);
	if (!found)
		return false;
	px_acs_clear(&store->shown);
	store->shown = acs;
	return true;
}

void px_login_restart(struct px_store *store)
{
	px_acs_unlock(store->cache);
	store->login = PX_LOGIN_IDLE;
	store->wants = 0;
}

/* Without an ACS token pxenc-fetch would want a login before it asks anybody: with one that is no
 * good, the URL has to say so itself. Where that cannot be had, the login comes first. */
static void show_none(struct px_store *store)
{
	static const char none[] = "none";

	if (px_secret_from(none, strlen(none), &store->shown.token) < 0)
		store->shown.token = NULL;
}

void px_login_choose(struct px_store *store)
{
	if (!store->shown.token && !show_cached(store) && store->only)
		show_none(store);
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

static enum px_status send_proof(struct px_store *store, const char *uid, enum px_field_tag tag,
				 const struct px_secret *proof)
{
	px_auto(frame) struct px_frame frame = { .payload = NULL };
	int r;

	r = px_frame_new(PX_FRAME_CREDENTIALS, store->seq,
			 PX_FIELD_SIZE(strlen(uid)) + PX_FIELD_SIZE(px_secret_len(proof)), &frame);
	if (r == 0)
		r = px_frame_add_text(&frame, PX_FIELD_UID, uid);
	if (r == 0)
		r = px_frame_add_secret(&frame, tag, proof);
	return send_credentials(store, &frame, r);
}

/* A private key stays here: what it signs goes out, and is good for a minute. */
static enum px_status sign(const struct px_account *account, struct px_secret **ret_token)
{
	int r = px_account_sign(account, time(NULL), ret_token);

	switch (r) {
	case 0:
		return PX_OK;
	case -ENOMEM:
		return px_nomem();
	case -EINVAL:
		return px_fail(
			PX_USAGE,
			"the private key of '%s' is no RSA key in PEM, or wants a passphrase",
			account->uid);
	default:
		return px_fail(PX_KERNEL, "libcrypto cannot sign the login of '%s'", account->uid);
	}
}

static enum px_status send_account(struct px_store *store, const struct px_account *account)
{
	px_auto(secret) struct px_secret *token = NULL;
	enum px_status st;

	free(store->sent_uid);
	store->sent_uid = strdup(account->uid);
	if (!store->sent_uid)
		return px_nomem();
	store->signed_at = account->private_key ? px_now_ms() : 0;
	if (!account->private_key)
		return send_proof(store, account->uid, PX_FIELD_PASSWORD, account->password);
	st = sign(account, &token);
	return st ? st : send_proof(store, account->uid, PX_FIELD_SERVICE, token);
}

static const char *how_to_mend(const struct px_store *store)
{
	switch (store->which) {
	case PX_CREDENTIALS_SERVICE:
		return "mend service_account_file, the account's public key in DC/OS, or this "
		       "machine's clock, or log in: pxenc secrets dcos login";
	case PX_CREDENTIALS_USER:
		return "mend username_file or password_file, or log in: pxenc secrets dcos login";
	case PX_CREDENTIALS_KEPT:
		return "log in again: pxenc secrets dcos login --persist";
	default:
		return "mend DCOS_SECRETS_USERNAME or DCOS_SECRETS_PASSWORD, or log in: pxenc "
		       "secrets dcos login";
	}
}

/* Asked again, the store would refuse it again: for a while we spare it that. */
static enum px_status refused_before(const struct px_store *store, int ms)
{
	return px_fail(PX_UNAUTHENTICATED,
		       "the store refused the login of '%s' %d s ago, and is not asked again for "
		       "%d s: %s",
		       store->uid ? store->uid : "pxenc.login", (PX_ACS_REFUSED_MS - ms) / 1000,
		       (ms + 999) / 1000, how_to_mend(store));
}

static enum px_status log_in_as_configured(struct px_store *store)
{
	px_auto(account) struct px_account account = { .uid = NULL };
	enum px_status st;
	int ms;

	if (store->config->base_of_session)
		return px_fail(
			PX_UNAUTHENTICATED,
			"the login by hand is over, and the base path '%s' came with it: log "
			"in again, or run this again for what is configured",
			store->config->base_path);
	if (!store->owner)
		return px_fail(PX_UNAUTHENTICATED,
			       "the store wants a login: log in: pxenc secrets dcos login, or set "
			       "secret.dcos.username_file and password_file, or "
			       "service_account_file, in the config");
	ms = px_acs_refused_ms(store->cache, store->owner);
	if (ms > 0)
		return refused_before(store, ms);
	st = px_login_account(store->config, store->deadline, &account);
	return st ? st : send_account(store, &account);
}

/* The session is kept or the login is for nothing: so before the password goes out. */
static enum px_status log_in_by_hand(struct px_store *store)
{
	if (!store->cache)
		return px_fail(PX_USAGE, "there is no folder of your own on tmpfs to keep a login "
					 "in: set XDG_RUNTIME_DIR");
	return send_account(store, store->hand);
}

/* Whose lock it is cannot reach the store either, or is slow: says so once, and goes on waiting. */
static int wait_for_lock(struct px_store *store)
{
	int64_t patience = px_now_ms() + PATIENCE_MS;
	int r, left;

	r = px_acs_lock(store->cache, patience < store->deadline ? patience : store->deadline);
	if (r != -ETIMEDOUT || px_deadline_left(store->deadline) == 0)
		return r;
	if (!store->warned)
		px_announce("waiting for the store: another pxenc is logging in at %s",
			    store->config->cluster_urls[0]);
	store->warned = true;
	r = px_acs_lock(store->cache, store->deadline);
	left = px_deadline_left(store->deadline);
	return r == 0 && left >= 0 && left < LOGIN_LEAST_MS ? -ETIMEDOUT : r;
}

static enum px_status take_lock(struct px_store *store)
{
	int r = wait_for_lock(store);

	if (r == -ETIMEDOUT)
		return px_fail(PX_UNREACHABLE,
			       "the store cannot be reached: another pxenc was logging in at %s "
			       "until the time was up: check cluster_url and the network",
			       store->config->cluster_urls[0]);
	if (r < 0)
		px_note("logins are not kept apart: %s", strerror(-r));
	return PX_OK;
}

static enum px_status log_in(struct px_store *store)
{
	enum px_status st;

	store->login = PX_LOGIN_SHOWN;
	st = store->hand ? log_in_by_hand(store) : log_in_as_configured(store);
	if (!st)
		store->login = PX_LOGIN_SENT;
	return st;
}

/* Under the lock: whoever held it may have logged in for us. */
static enum px_status answer_locked(struct px_store *store)
{
	if (!store->hand && show_cached(store)) {
		px_acs_unlock(store->cache);
		return send_token(store);
	}
	return log_in(store);
}

/* Whether pxenc-fetch may have a newer login token: the one that it has would soon have expired,
 * and the store has not been reached. A little sooner than pxenc-fetch says, by its clock. */
static bool is_to_sign_again(const struct px_store *store)
{
	return store->login == PX_LOGIN_SENT && store->signed_at &&
	       px_now_ms() - store->signed_at >= PX_SERVICE_USE_MS / 2;
}

enum px_status px_login_answer(struct px_store *store)
{
	enum px_status st;

	/* The lock is ours already, and this is still the same login. */
	if (is_to_sign_again(store))
		return log_in(store);
	if (store->login == PX_LOGIN_SENT || store->login == PX_LOGIN_DONE ||
	    ++store->wants > WANTS_MAX)
		return px_fail(PX_UNTRUSTED, "pxenc-fetch asks for too many logins");
	store->login = PX_LOGIN_SHOWN;
	st = take_lock(store);
	return st ? st : answer_locked(store);
}

/* What DC/OS gave for the credentials, and for whom. */
static int read_token(struct px_store *store, const struct px_frame *frame, struct px_acs *acs)
{
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
	acs->uid = px_steal(&store->sent_uid);
	if (!store->hand_base)
		return 0;
	acs->base_path = strdup(store->hand_base);
	return acs->base_path ? 0 : -ENOMEM;
}

/* An ACS token that cannot be kept still serves this run; that of a login by hand is for others. */
static enum px_status keep(struct px_store *store, const struct px_acs *acs)
{
	int r = px_acs_save(store->cache, store->hand ? PX_ACS_SESSION : store->owner, acs);

	if (!store->hand)
		px_acs_pardon(store->cache, store->owner);
	px_acs_unlock(store->cache);
	if (r == 0)
		return PX_OK;
	if (store->hand)
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
	return keep(store, &store->shown);
}

/* Only credentials that were sent and got no ACS token were refused; a person may err at once
 * again. */
void px_login_end(struct px_store *store, enum px_status status)
{
	if (status == PX_UNAUTHENTICATED && store->login == PX_LOGIN_SENT && !store->hand &&
	    px_acs_refuse(store->cache, store->owner) < 0)
		px_note("the refused login cannot be remembered");
	px_acs_unlock(store->cache);
}

const char *px_login_advice(const struct px_store *store)
{
	if (store->hand && store->hand->private_key)
		return "check the account's name, its public key in DC/OS, and this machine's "
		       "clock";
	if (store->hand)
		return "check the user name and the password";
	return store->owner ? how_to_mend(store) : "log in: pxenc secrets dcos login";
}

void px_login_clear(struct px_store *store)
{
	px_acs_clear(&store->shown);
	px_acs_cache_free(&store->cache);
	free(store->uid);
	free(store->owner);
	free(store->sent_uid);
}
