/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_STORE_CONVERSATION_H
#define PXENC_STORE_CONVERSATION_H

#include <stdbool.h>
#include <stdint.h>

#include "pxenc/acs.h"
#include "pxenc/child.h"
#include "pxenc/credentials.h"
#include "pxenc/frame.h"
#include "pxenc/store.h"

/* What has happened to the login of the request that is under way. */
enum px_login_state {
	PX_LOGIN_IDLE,	/* pxenc-fetch has not asked for one */
	PX_LOGIN_SHOWN, /* it asked and got a cached ACS token */
	PX_LOGIN_SENT,	/* it got credentials; its ACS token is awaited */
	PX_LOGIN_DONE,	/* and has come */
};

/* store.c, conversation.c, login.c and s3-try.c share it; nobody else looks inside. */
struct px_store {
	const struct px_config *config; /* without a store: a stranger's URL and CA alone */
	int64_t deadline;
	int64_t answered; /* when the last question was; 0: there was none */
	const char *only; /* the one URL that is asked; NULL: the config's */

	/* conversation.c: set up at the first question */
	bool ready;
	char *ca;
	size_t ca_len;
	struct px_child child;
	uint32_t seq;
	bool warned;		 /* that we wait */
	char doing[PX_TEXT_MAX]; /* what pxenc-fetch said last that it does; "" */

	/* login.c */
	struct px_acs_cache *cache; /* NULL: nothing is cached */
	enum px_credentials which;  /* are in force when nobody logged in by hand */
	char *uid;		    /* theirs; NULL: there are none, or they are encrypted */
	char *owner;		    /* what their ACS token is kept under; NULL: there are none */
	struct px_acs shown;	    /* the ACS token that pxenc-fetch has */
	enum px_login_state login;
	unsigned int wants; /* how often it asked for a login, in this request */
	char *sent_uid;	    /* whose credentials it got last */
	int64_t signed_at;  /* px_now_ms() of the login token that it got last; 0: what it
			       got was no such token */
	const struct px_account *hand; /* px_store_login's; NULL in any other request */
	const char *hand_base;	       /* that was given with it; NULL: none */
};

/* Whether it is no DC/OS cluster that is asked. pxenc-fetch then gets no ACS token and no login: an
 * endpoint that takes it over finds nothing of the store's. */
static inline bool px_store_is_stranger(const struct px_store *store)
{
	return !store->config->store;
}

/* conversation.c */

/*
 * Sends a request and hears what comes until its answer. *ret_text is the answer's (owned), ""
 * if it has none. Returns the answer's status without a word about it, or logs why there is no
 * answer and sets *ret_text to NULL.
 */
enum px_status px_conversation_ask(struct px_store *store, struct px_frame *request,
				   struct px_frame *ret_answer, char **ret_text) PX_MUST_CHECK;

void px_conversation_end(struct px_store *store);

/* login.c */

/* Opens the cache and finds who is configured. */
enum px_status px_login_prepare(struct px_store *store) PX_MUST_CHECK;

/* A request begins, from the start if it had begun before. */
void px_login_restart(struct px_store *store);

/* Chooses a cached ACS token into store->shown, if there is one that is still good: a login by
 * hand before the configured user's. */
void px_login_choose(struct px_store *store);

/* Answers WANT_LOGIN: what pxenc-fetch was shown has been rejected, or a login token is old. */
enum px_status px_login_answer(struct px_store *store) PX_MUST_CHECK;

/* Keeps the ACS token of a TOKEN frame. */
enum px_status px_login_keep(struct px_store *store, const struct px_frame *token) PX_MUST_CHECK;

/* The request has ended: the lock goes, and a refused login is remembered. */
void px_login_end(struct px_store *store, enum px_status status);

/* The end of a message about a login that was refused: what to look at. */
const char *px_login_advice(const struct px_store *store);

void px_login_clear(struct px_store *store);

#endif
