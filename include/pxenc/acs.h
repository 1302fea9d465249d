/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_ACS_H
#define PXENC_ACS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pxenc/secret.h"

/*
 * ACS tokens that are kept between runs, on tmpfs. Each has its file, named by the SHA-256 of
 * the cluster (URLs and CA) and of its owner, so that no server is ever shown another's token. The
 * owner is the DC/OS user and what it logs in with; a login by hand is kept under a name of its
 * own: the session.
 *
 * Functions return 0 or -errno. A NULL cache is one that holds and keeps nothing.
 */
struct px_acs_cache;

/* An owner that no user is. */
#define PX_ACS_SESSION ""

/* Seconds: a token that expires sooner is not worth showing. */
#define PX_ACS_MARGIN 60

/* Milliseconds that a refused login is remembered. */
#define PX_ACS_REFUSED_MS 30000

struct px_acs {
	struct px_secret *token;
	int64_t expiry;	 /* seconds since 1970 */
	char *uid;	 /* the DC/OS user that it stands for */
	char *base_path; /* what a login by hand asked for; NULL: it did not */
};

/*
 * Who somebody is that logs in with these bytes: a password, a key. uid is "" where it is not
 * known, since the bytes are encrypted. 16 bits of their SHA-256 tell one password from the next,
 * and are too few to guess one by the names of the files. -ENOMEM.
 */
int px_acs_owner(const char *uid, const void *proof, size_t len, char **ret_owner) PX_MUST_CHECK;

/* Whether these bytes can be one: they go into a header of HTTP, so nothing but visible ASCII. */
bool px_acs_is_token(const struct px_secret *token);

void px_acs_clear(struct px_acs *acs);

static inline void px_acs_cleanup(struct px_acs *acs)
{
	px_acs_clear(acs);
}

/*
 * Opens dir (px_place_run), made if it is missing. -ENOENT: dir is NULL. -EPERM: it is not ours
 * alone, so nothing is kept there. Other -errno.
 */
int px_acs_cache_open(const char *dir, char *const *urls, const void *ca, size_t ca_len,
		      struct px_acs_cache **ret_cache) PX_MUST_CHECK;

/* -ENOENT: there is none that is still good. -EBADMSG, -EPERM: the file is not to be trusted. */
int px_acs_load(const struct px_acs_cache *cache, const char *owner, struct px_acs *ret_acs)
	PX_MUST_CHECK;

/* An expiry of 0, or one that is far off, becomes five days from now: DC/OS's own lifetime. */
int px_acs_save(const struct px_acs_cache *cache, const char *owner, const struct px_acs *acs)
	PX_MUST_CHECK;

/* -ENOENT: there was none. */
int px_acs_drop(const struct px_acs_cache *cache, const char *owner);

/* Drops every token of the cluster, whoever's. */
int px_acs_drop_all(const struct px_acs_cache *cache, bool *ret_any) PX_MUST_CHECK;

/*
 * One login at a time: a lock file for each cluster, never removed. -ETIMEDOUT at the deadline.
 * It may be taken again while it is held.
 */
int px_acs_lock(struct px_acs_cache *cache, int64_t deadline) PX_MUST_CHECK;
void px_acs_unlock(struct px_acs_cache *cache);

/* Remembers that the owner's login was refused. */
int px_acs_refuse(const struct px_acs_cache *cache, const char *owner) PX_MUST_CHECK;

/* Milliseconds for which another such login is not worth trying; 0: it is. */
int px_acs_refused_ms(const struct px_acs_cache *cache, const char *owner);

/* Forgets the refusal. */
void px_acs_pardon(const struct px_acs_cache *cache, const char *owner);

void px_acs_cache_free(struct px_acs_cache **cache);

static inline void px_acs_cache_cleanup(struct px_acs_cache **cache)
{
	px_acs_cache_free(cache);
}

#endif
