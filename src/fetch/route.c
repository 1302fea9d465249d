/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "endpoints.h"
#include "pxenc/clock.h"
#include "pxenc/route.h"
#include "pxenc/sandbox.h"

#define DEAD_MS 30000	/* how long an address that timed out is left alone */
#define LAST_WAIT_MS 50 /* with less time left than twice this, we give up */

struct px_route {
	const struct px_peer *peer;
	struct px_endpoints endpoints;
	const struct px_secret *ca;
	int64_t deadline;
	const struct px_listener *listener;
	unsigned int round; /* of waiting for an answer to this question */
	bool said_waiting;
	bool unresolved; /* a name did not resolve in this pass */
	bool lost;	 /* a question got lost, ever */
	bool stale;
	bool expired; /* the question, before this pass had asked everybody */
};

enum px_status px_route_new(const struct px_peer *peer, char *const *urls,
			    const struct px_secret *ca, int64_t deadline,
			    const struct px_listener *listener, struct px_route **ret_route,
			    struct px_cause *cause)
{
	px_auto(route) struct px_route *route = calloc(1, sizeof(*route));
	enum px_status st;

	if (!route)
		return px_cause_nomem(cause);
	route->peer = peer;
	route->ca = ca;
	route->deadline = deadline;
	route->listener = listener;
	st = px_endpoints_init(&route->endpoints, peer, urls, cause);
	if (st == PX_OK)
		*ret_route = px_steal(&route);
	return st;
}

static void note_time(struct px_route *route, const char *stage, const char *where, int64_t us)
{
	px_listener_note(route->listener, PX_NOTE_DONE, "%s %s: %.1f ms", stage, where,
			 (double)us / 1000);
}

static void resolve(struct px_route *route, struct px_site *site, struct px_cause *cause)
{
	int64_t since = px_now_us();
	int r;

	px_listener_note(route->listener, PX_NOTE_DOING, "resolving %s", site->host);
	r = px_endpoints_resolve(&route->endpoints, site);
	if (r == 0) {
		note_time(route, "resolve", site->host, px_now_us() - since);
		return;
	}
	route->unresolved = true;
	px_cause_set(cause, PX_UNREACHABLE, "resolve %s: %s", site->host, gai_strerror(r));
}

/* How long one question may take: not the whole time that is left, so that a server which hangs
 * leaves some for the next, or for a second try. */
static int attempt_ms(const struct px_route *route)
{
	const struct px_endpoints *endpoints = &route->endpoints;
	int left = px_deadline_left(route->deadline);
	int least = endpoints->count > 1 || endpoints->site_count > 1 ? 10000 : 30000;

	if (left < 0)
		return 2 * least;
	/* libcurl takes 0 for no limit. */
	if (left < least)
		return left ? left : 1;
	return left / 3 > least ? left / 3 : least;
}

static bool is_worth_having(const struct px_http_answer *answer)
{
	return answer->code != 408 && answer->code != 429 && answer->code < 500;
}

/* An answer that says "not now". */
static enum px_status put_off(struct px_endpoint *endpoint, const struct px_http_request *request,
			      const struct px_http_answer *answer, struct px_cause *cause)
{
	endpoint->not_before = px_now_ms() + (int64_t)answer->retry_after * 1000;
	return px_cause_set(cause, PX_UNREACHABLE, "%s at %s answers %u, while %s",
			    endpoint->site->url, endpoint->address, answer->code, request->doing);
}

static enum px_status connect_to(struct px_route *route, struct px_endpoint *endpoint,
				 struct px_cause *cause)
{
	if (!endpoint->http && px_http_new(route->peer, endpoint->site->url, endpoint->address,
					   endpoint->site->port, route->ca, &endpoint->http) < 0)
		return px_cause_nomem(cause);
	return PX_OK;
}

/* It took this long to fail before the question was sent. What it was given stays doubled when it
 * answers at last: it is as far away for the next connection. */
static void count_timeout(struct px_endpoint *endpoint, int64_t ms)
{
	if (ms >= PX_CONNECT_MS / 2)
		endpoint->dead_until = px_now_ms() + DEAD_MS;
	if (ms >= endpoint->connect_ms && endpoint->connect_ms < PX_CONNECT_MAX_MS)
		endpoint->connect_ms *= 2;
}

static enum px_status ask(struct px_route *route, struct px_endpoint *endpoint,
			  const struct px_http_request *request, struct px_http_answer *answer,
			  struct px_cause *cause)
{
	int64_t since = px_now_ms();
	enum px_status st;

	endpoint->pass = route->endpoints.pass;
	st = connect_to(route, endpoint, cause);
	if (st)
		return st;
	px_listener_note(route->listener, PX_NOTE_DOING, "%s at %s (%s)", request->doing,
			 endpoint->site->url, endpoint->address);
	st = px_http_ask(endpoint->http, request, endpoint->connect_ms, attempt_ms(route), answer,
			 cause);
	if (answer->connect_us)
		note_time(route, "connect and TLS", endpoint->address, answer->connect_us);
	if (st == PX_UNREACHABLE && !answer->sent)
		count_timeout(endpoint, px_now_ms() - since);
	if (st == PX_OK && !is_worth_having(answer))
		st = put_off(endpoint, request, answer, cause);
	if (st == PX_OK) {
		endpoint->dead_until = 0;
		route->endpoints.preferred = endpoint;
	}
	return st;
}

static enum px_status try_one(struct px_route *route, struct px_endpoint *endpoint,
			      const struct px_http_request *request, struct px_http_answer *answer,
			      bool *lost, struct px_cause *cause)
{
	enum px_status st;

	if (!px_endpoints_is_due(&route->endpoints, endpoint, px_now_ms()) ||
	    px_deadline_left(route->deadline) == 0)
		return PX_UNREACHABLE;
	if (request->good_until && px_now_ms() >= request->good_until) {
		route->expired = true;
		return PX_UNREACHABLE;
	}
	px_http_answer_clear(answer);
	st = ask(route, endpoint, request, answer, cause);
	if (st != PX_OK && answer->sent)
		*lost = route->lost = true;
	return st;
}

static enum px_status try_site(struct px_route *route, struct px_site *site,
			       const struct px_http_request *request, struct px_http_answer *answer,
			       bool *lost, struct px_cause *cause)
{
	struct px_endpoints *endpoints = &route->endpoints;
	enum px_status st = PX_UNREACHABLE;

	if (!site->resolved)
		resolve(route, site, cause);
	for (size_t i = 0; st == PX_UNREACHABLE && i < endpoints->count; i++)
		if (endpoints->list[i].site == site)
			st = try_one(route, &endpoints->list[i], request, answer, lost, cause);
	return st;
}

/* Asks every address once, until one answers; after a question that had expired, those that are
 * left. */
static enum px_status try_all(struct px_route *route, const struct px_http_request *request,
			      struct px_http_answer *answer, bool *lost, struct px_cause *cause)
{
	struct px_endpoints *endpoints = &route->endpoints;
	enum px_status st = PX_UNREACHABLE;

	if (!route->expired) {
		endpoints->pass++;
		route->unresolved = false;
	}
	route->expired = false;
	if (endpoints->preferred)
		st = try_one(route, endpoints->preferred, request, answer, lost, cause);
	for (size_t i = 0; st == PX_UNREACHABLE && i < endpoints->site_count; i++)
		st = try_site(route, &endpoints->sites[i], request, answer, lost, cause);
	return st;
}

/* When the first address may be asked again; a name that did not resolve, at any time. */
static int64_t earliest(const struct px_route *route)
{
	return route->unresolved ? 0 : px_endpoints_earliest(&route->endpoints);
}

/* Those who were all told the same moment come one after the other, within a quarter of the time.
 */
static int in_disorder(int ordered, int left, unsigned int random)
{
	int late = ordered + (int)(random % ((unsigned int)ordered / 4 + 1));

	return left < 0 || late < left ? late : ordered;
}

/* Milliseconds to wait before the next pass, or -ETIMEDOUT when there is no time for one. */
static int next_wait(const struct px_route *route)
{
	int left = px_deadline_left(route->deadline);
	int64_t ordered = earliest(route) - px_now_ms();
	unsigned int random = 0;
	int wait;

	/* Without randomness we wait as long as ever, only in step with others. */
	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
		random = route->round;
	wait = px_backoff_ms(route->round, random);
	if (left >= 0 && ordered >= left)
		return -ETIMEDOUT;
	if (ordered > wait)
		return in_disorder((int)ordered, left, random);
	if (left >= 0 && wait >= left)
		wait = left / 2;
	return left >= 0 && wait < LAST_WAIT_MS ? -ETIMEDOUT : wait;
}

static void sleep_ms(int ms)
{
	struct timespec rest = { ms / 1000, ms % 1000 * 1000000L };

	while (nanosleep(&rest, &rest) < 0 && errno == EINTR)
		;
}

/* PX_OK after a wait that leaves time for another pass. */
static enum px_status wait_a_while(struct px_route *route, const struct px_cause *cause)
{
	int wait = next_wait(route);

	if (wait < 0)
		return PX_UNREACHABLE;
	if (!route->said_waiting)
		px_listener_note(route->listener, PX_NOTE_WAIT, "waiting for %s: %s",
				 route->peer->name, cause->text);
	route->said_waiting = true;
	route->round++;
	sleep_ms(wait);
	for (size_t i = 0; i < route->endpoints.site_count; i++)
		route->endpoints.sites[i].resolved = false;
	return PX_OK;
}

static enum px_status give_up(const struct px_route *route, struct px_cause *cause)
{
	char tried[PX_TEXT_MAX / 2];

	px_endpoints_describe(&route->endpoints, tried, sizeof(tried));
	return px_cause_set(cause, PX_UNREACHABLE, "%s cannot be reached: %.200s (tried %s)",
			    route->peer->name, cause->text, tried);
}

/* A question that takes the place of one that had expired is still the same. */
static void begin(struct px_route *route, const struct px_http_request *request,
		  struct px_cause *cause)
{
	route->expired = route->expired && request->good_until;
	if (route->expired)
		return;
	route->round = 0;
	px_cause_set(cause, PX_UNREACHABLE, "no time is left");
}

enum px_status px_route_ask(struct px_route *route, const struct px_http_request *request,
			    struct px_http_answer *ret_answer, bool *ret_lost,
			    struct px_cause *cause)
{
	*ret_lost = false;
	*ret_answer = (struct px_http_answer){ .code = 0 };
	begin(route, request, cause);
	for (;;) {
		enum px_status st = try_all(route, request, ret_answer, ret_lost, cause);

		if (st != PX_UNREACHABLE || route->expired)
			return st;
		route->stale = route->unresolved && !route->lost && px_sandbox_is_outdated();
		if (route->stale || wait_a_while(route, cause) != PX_OK)
			return give_up(route, cause);
	}
}

bool px_route_is_stale(const struct px_route *route)
{
	return route->stale;
}

bool px_route_has_expired(const struct px_route *route)
{
	return route->expired;
}

void px_route_free(struct px_route **route)
{
	if (!route || !*route)
		return;
	px_endpoints_clear(&(*route)->endpoints);
	free(*route);
	*route = NULL;
}
