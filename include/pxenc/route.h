/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_ROUTE_H
#define PXENC_ROUTE_H

#include "pxenc/http.h"

/*
 * The ways to a peer: every address of every URL, in order. Names are resolved when it is
 * their turn, and anew while we wait.
 */
struct px_route;

enum px_status px_route_new(const struct px_peer *peer, char *const *urls,
			    const struct px_secret *ca, int64_t deadline,
			    const struct px_listener *listener, struct px_route **ret_route,
			    struct px_cause *cause) PX_MUST_CHECK;

/*
 * Asks until an answer comes that is worth having: not 408, 429 or 5xx. The address that
 * answered last is tried first, one that timed out is left alone for a while. PX_UNREACHABLE at
 * the deadline says what was tried. *ret_lost: a question was sent whose answer never came or was
 * a failure, so it may have had its effect. It is set in any case.
 */
enum px_status px_route_ask(struct px_route *route, const struct px_http_request *request,
			    struct px_http_answer *ret_answer, bool *ret_lost,
			    struct px_cause *cause) PX_MUST_CHECK;

/*
 * Whether the last failure asks for a new sandbox: a name did not resolve, and this one is
 * outdated. Never after a question got lost, since that must not be forgotten.
 */
bool px_route_is_stale(const struct px_route *route);

/*
 * Whether the last failure is that the request's good_until had come. Asked once more, with a later
 * one and the same cause, the route goes on where it was.
 */
bool px_route_has_expired(const struct px_route *route);

void px_route_free(struct px_route **route);

static inline void px_route_cleanup(struct px_route **route)
{
	px_route_free(route);
}

/* Milliseconds to wait before the given round (from 0): doubling, bounded, with jitter. */
int px_backoff_ms(unsigned int round, unsigned int random);

#endif
