/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "pxenc/clock.h"
#include "pxenc/http.h"
#include "pxenc/sandbox.h"
#include "pxenc/strv.h"

#define ENDPOINTS_MAX 32
#define DEAD_MS 30000	/* how long an address that timed out is left alone */
#define LAST_WAIT_MS 50 /* with less time left than twice this, we give up */

/* One URL of the cluster. */
struct site {
	char *url;
	char *host;
	char *port;
	bool resolved; /* in this round of waiting */
};

/* One address of a site. */
struct endpoint {
	const struct site *site;
	char address[INET6_ADDRSTRLEN];
	struct px_http *http; /* NULL until it is asked first */
	unsigned int named;   /* the pass in which its name led to it last */
	unsigned int pass;    /* when it was asked last */
	int connect_ms;	      /* what it is given to connect */
	int64_t dead_until;   /* it timed out: not before this, if there is another */
	int64_t not_before;   /* it said so (Retry-After) */
};

struct px_route {
	const struct px_peer *peer;
	struct site *sites;
	size_t site_count;
	struct endpoint endpoints[ENDPOINTS_MAX];
	size_t count;
	struct endpoint *preferred; /* the one that answered last */
	const struct px_secret *ca;
	int64_t deadline;
	const struct px_listener *listener;
	unsigned int pass;
	unsigned int round; /* of waiting for an answer to this question */
	bool said_waiting;
	bool unresolved; /* a name did not resolve in this pass */
	bool lost;	 /* a question got lost, ever */
	bool stale;
	bool expired; /* the question, before this pass had asked everybody */
};

static enum px_status add_site(struct px_route *route, const char *url, struct px_cause *cause)
{
	struct site *site = &route->sites[route->site_count];
	size_t len = strlen(url);
	int r;

	while (len && url[len - 1] == '/')
		len--;
	site->url = strndup(url, len);
	if (!site->url)
		return px_cause_nomem(cause);
	route->site_count++;
	r = px_http_split(site->url, route->peer->plain, &site->host, &site->port);
	if (r == -EINVAL)
		return px_cause_set(cause, PX_USAGE, "%s '%s' is no %s URL", route->peer->url, url,
				    route->peer->plain ? "http or https" : "https");
	return r < 0 ? px_cause_nomem(cause) : PX_OK;
}

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
	route->sites = calloc(px_strv_len(urls) + 1, sizeof(*route->sites));
	if (!route->sites)
		return px_cause_nomem(cause);
	for (; *urls; urls++) {
		st = add_site(route, *urls, cause);
		if (st)
			return st;
	}
	*ret_route = px_steal(&route);
	return PX_OK;
}

static struct endpoint *find_endpoint(struct px_route *route, const struct site *site,
				      const char *address)
{
	size_t i;

	for (i = 0; i < route->count; i++)
		if (route->endpoints[i].site == site &&
		    strcmp(route->endpoints[i].address, address) == 0)
			return &route->endpoints[i];
	return NULL;
}

/* So many places are a site's, lest a name with many addresses shuts out the others. */
static size_t share_of(const struct px_route *route)
{
	size_t share = ENDPOINTS_MAX / route->site_count;

	return share ? share : 1;
}

/* One of the site's places: a free one, or else that of the address which its name led to longest
 * ago. NULL: it leads to all of them now. */
static struct endpoint *make_room(struct px_route *route, const struct site *site)
{
	struct endpoint *oldest = NULL;
	size_t i, own = 0;

	for (i = 0; i < route->count; i++) {
		struct endpoint *endpoint = &route->endpoints[i];

		if (endpoint->site != site)
			continue;
		own++;
		if (endpoint != route->preferred && endpoint->named != route->pass &&
		    (!oldest || endpoint->named < oldest->named))
			oldest = endpoint;
	}
	if (own < share_of(route) && route->count < ENDPOINTS_MAX)
		return &route->endpoints[route->count++];
	if (oldest)
		px_http_free(&oldest->http);
	return oldest;
}

/* Its name leads there. */
static void name_endpoint(struct px_route *route, const struct site *site, const char *address)
{
	struct endpoint *endpoint = find_endpoint(route, site, address);

	if (!endpoint) {
		endpoint = make_room(route, site);
		if (!endpoint)
			return;
		*endpoint = (struct endpoint){ .site = site, .connect_ms = PX_CONNECT_MS };
		memcpy(endpoint->address, address, strnlen(address, sizeof(endpoint->address) - 1));
	}
	endpoint->named = route->pass;
}

static void note_time(struct px_route *route, const char *stage, const char *where, int64_t us)
{
	px_listener_note(route->listener, PX_NOTE_DONE, "%s %s: %.1f ms", stage, where,
			 (double)us / 1000);
}

/* Adds what is new to what is known; an address that is gone from the DNS costs little. */
static void resolve(struct px_route *route, struct site *site, struct px_cause *cause)
{
	char addresses[ENDPOINTS_MAX][INET6_ADDRSTRLEN];
	int64_t since = px_now_us();
	size_t count, i;
	int r;

	px_listener_note(route->listener, PX_NOTE_DOING, "resolving %s", site->host);
	r = px_http_resolve(site->host, site->port, addresses, ENDPOINTS_MAX, &count);
	site->resolved = true;
	if (r != 0) {
		route->unresolved = true;
		px_cause_set(cause, PX_UNREACHABLE, "resolve %s: %s", site->host, gai_strerror(r));
		return;
	}
	note_time(route, "resolve", site->host, px_now_us() - since);
	for (i = 0; i < count; i++)
		name_endpoint(route, site, addresses[i]);
}

/* Whether there is another address than those that timed out. */
static bool any_alive(const struct px_route *route, int64_t now)
{
	size_t i;

	for (i = 0; i < route->count; i++)
		if (route->endpoints[i].dead_until <= now)
			return true;
	return false;
}

static bool is_due(const struct px_route *route, const struct endpoint *endpoint)
{
	int64_t now = px_now_ms();

	return endpoint->pass != route->pass && now >= endpoint->not_before &&
	       (now >= endpoint->dead_until || !any_alive(route, now));
}

/* How long one question may take: not the whole time that is left, so that a server which hangs
 * leaves some for the next, or for a second try. */
static int attempt_ms(const struct px_route *route)
{
	int left = px_deadline_left(route->deadline);
	int least = route->count > 1 || route->site_count > 1 ? 10000 : 30000;

	if (left < 0)
		return 2 * least;
	if (left < least)
		return left;
	return left / 3 > least ? left / 3 : least;
}

static bool is_worth_having(const struct px_http_answer *answer)
{
	return answer->code != 408 && answer->code != 429 && answer->code < 500;
}

/* An answer that says "not now". */
static enum px_status put_off(struct endpoint *endpoint, const struct px_http_request *request,
			      const struct px_http_answer *answer, struct px_cause *cause)
{
	endpoint->not_before = px_now_ms() + (int64_t)answer->retry_after * 1000;
	return px_cause_set(cause, PX_UNREACHABLE, "%s at %s answers %u, while %s",
			    endpoint->site->url, endpoint->address, answer->code, request->doing);
}

static enum px_status connect_to(struct px_route *route, struct endpoint *endpoint,
				 struct px_cause *cause)
{
	if (!endpoint->http && px_http_new(route->peer, endpoint->site->url, endpoint->address,
					   endpoint->site->port, route->ca, &endpoint->http) < 0)
		return px_cause_nomem(cause);
	return PX_OK;
}

/* It took this long to fail before the question was sent. What it was given stays doubled when it
 * answers at last: it is as far away for the next connection. */
static void count_timeout(struct endpoint *endpoint, int64_t ms)
{
	if (ms >= PX_CONNECT_MS / 2)
		endpoint->dead_until = px_now_ms() + DEAD_MS;
	if (ms >= endpoint->connect_ms && endpoint->connect_ms < PX_CONNECT_MAX_MS)
		endpoint->connect_ms *= 2;
}

static enum px_status ask(struct px_route *route, struct endpoint *endpoint,
			  const struct px_http_request *request, struct px_http_answer *answer,
			  struct px_cause *cause)
{
	int64_t since = px_now_ms();
	enum px_status st;

	endpoint->pass = route->pass;
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
		route->preferred = endpoint;
	}
	return st;
}

static enum px_status try_one(struct px_route *route, struct endpoint *endpoint,
			      const struct px_http_request *request, struct px_http_answer *answer,
			      bool *lost, struct px_cause *cause)
{
	enum px_status st;

	if (!is_due(route, endpoint) || px_deadline_left(route->deadline) == 0)
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

static enum px_status try_site(struct px_route *route, struct site *site,
			       const struct px_http_request *request, struct px_http_answer *answer,
			       bool *lost, struct px_cause *cause)
{
	size_t i;

	if (!site->resolved)
		resolve(route, site, cause);
	for (i = 0; i < route->count; i++) {
		enum px_status st;

		if (route->endpoints[i].site != site)
			continue;
		st = try_one(route, &route->endpoints[i], request, answer, lost, cause);
		if (st != PX_UNREACHABLE)
			return st;
	}
	return PX_UNREACHABLE;
}

/* Asks every address once, until one answers; after a question that had expired, those that are
 * left. */
static enum px_status try_all(struct px_route *route, const struct px_http_request *request,
			      struct px_http_answer *answer, bool *lost, struct px_cause *cause)
{
	size_t i;

	if (!route->expired) {
		route->pass++;
		route->unresolved = false;
	}
	route->expired = false;
	if (route->preferred) {
		enum px_status st = try_one(route, route->preferred, request, answer, lost, cause);

		if (st != PX_UNREACHABLE)
			return st;
	}
	for (i = 0; i < route->site_count; i++) {
		enum px_status st = try_site(route, &route->sites[i], request, answer, lost, cause);

		if (st != PX_UNREACHABLE)
			return st;
	}
	return PX_UNREACHABLE;
}

/* When the first address may be asked again by its own word; 0 when a name has yet to resolve. */
static int64_t earliest(const struct px_route *route)
{
	int64_t first = route->unresolved || !route->count ? 0 : INT64_MAX;
	size_t i;

	for (i = 0; i < route->count; i++)
		if (route->endpoints[i].not_before < first)
			first = route->endpoints[i].not_before;
	return first;
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
		return (int)ordered;
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
	size_t i;
	int wait;

	wait = next_wait(route);
	if (wait < 0)
		return PX_UNREACHABLE;
	if (!route->said_waiting)
		px_listener_note(route->listener, PX_NOTE_WAIT, "waiting for %s: %s",
				 route->peer->name, cause->text);
	route->said_waiting = true;
	route->round++;
	sleep_ms(wait);
	for (i = 0; i < route->site_count; i++)
		route->sites[i].resolved = false;
	return PX_OK;
}

static void append(char *text, size_t size, const char *before, const char *word)
{
	size_t used = strlen(text);

	snprintf(text + used, size - used, "%s%s", before, word);
}

/* "https://a at 10.0.0.1, 10.0.0.2; https://b" */
static void describe(const struct px_route *route, char *text, size_t size)
{
	size_t i, j;

	text[0] = '\0';
	for (i = 0; i < route->site_count; i++) {
		const char *before = " at ";

		append(text, size, i ? "; " : "", route->sites[i].url);
		for (j = 0; j < route->count; j++) {
			if (route->endpoints[j].site != &route->sites[i])
				continue;
			append(text, size, before, route->endpoints[j].address);
			before = ", ";
		}
	}
}

static enum px_status give_up(const struct px_route *route, struct px_cause *cause)
{
	char tried[PX_TEXT_MAX / 2];

	describe(route, tried, sizeof(tried));
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
	size_t i;

	if (!route || !*route)
		return;
	for (i = 0; i < (*route)->count; i++)
		px_http_free(&(*route)->endpoints[i].http);
	for (i = 0; i < (*route)->site_count; i++) {
		free((*route)->sites[i].url);
		free((*route)->sites[i].host);
		free((*route)->sites[i].port);
	}
	free((*route)->sites);
	free(*route);
	*route = NULL;
}
