/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "peers.h"
#include "support.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "pxenc/clock.h"
#include "pxenc/route.h"
#include "pxenc/sandbox.h"

/* With doubles of the connections and of the resolver, and a clock that is ours: time passes when
 * somebody sleeps or waits. */

static struct fault no_getrandom, interrupted;

static int resolve_error;
static const char *resolve_to[4]; /* NULL-terminated */
static unsigned int resolved;

/* What a host leads to that has another address each time, or more than there is room for. */
static const char *address_number(const char *host, size_t i)
{
	static char address[INET6_ADDRSTRLEN];

	if (strcmp(host, "rolls") == 0) {
		snprintf(address, sizeof(address), "10.0.1.%u", resolved);
		return i == 0 ? address : NULL;
	}
	if (strcmp(host, "many") == 0) {
		snprintf(address, sizeof(address), "10.0.2.%zu", i + 1);
		return address;
	}
	return resolve_to[i];
}

int __wrap_px_http_resolve(const char *host, const char *port, char (*addresses)[INET6_ADDRSTRLEN],
			   size_t max, size_t *ret_count);

/* While there is an error, only the host "live" resolves. */
int __wrap_px_http_resolve(const char *host, const char *port, char (*addresses)[INET6_ADDRSTRLEN],
			   size_t max, size_t *ret_count)
{
	const char *address;
	size_t i;

	(void)port;
	resolved++;
	if (resolve_error && strcmp(host, "live") != 0)
		return resolve_error;
	for (i = 0; i < max; i++) {
		address = address_number(host, i);
		if (!address)
			break;
		snprintf(addresses[i], INET6_ADDRSTRLEN, "%s", address);
	}
	*ret_count = i;
	return 0;
}

static void names_resolve_to(const char *first, const char *second, const char *third)
{
	memset(resolve_to, 0, sizeof(resolve_to));
	resolve_to[0] = first;
	resolve_to[1] = second;
	resolve_to[2] = third;
	resolve_error = 0;
}

static int64_t clock_ms;
static bool shut_out;

int64_t __wrap_px_now_ms(void);
int __real_px_deadline_left(int64_t deadline);
int __wrap_px_deadline_left(int64_t deadline);
int __wrap_nanosleep(const struct timespec *wanted, struct timespec *left);
ssize_t __real_getrandom(void *data, size_t len, unsigned int flags);
ssize_t __wrap_getrandom(void *data, size_t len, unsigned int flags);
bool __wrap_px_sandbox_is_outdated(void);
int __real_px_http_new(const struct px_peer *peer, const char *url, const char *address,
		       const char *port, const struct px_secret *ca, struct px_http **ret_http);
int __wrap_px_http_new(const struct px_peer *peer, const char *url, const char *address,
		       const char *port, const struct px_secret *ca, struct px_http **ret_http);
enum px_status __wrap_px_http_ask(struct px_http *http, const struct px_http_request *request,
				  int connect_ms, int timeout_ms, struct px_http_answer *answer,
				  struct px_cause *cause);

int64_t __wrap_px_now_ms(void)
{
	return clock_ms;
}

int __wrap_px_deadline_left(int64_t deadline)
{
	if (deadline == PX_FOREVER)
		return __real_px_deadline_left(deadline);
	return deadline > clock_ms ? (int)(deadline - clock_ms) : 0;
}

int __wrap_nanosleep(const struct timespec *wanted, struct timespec *left)
{
	int64_t ms = wanted->tv_sec * 1000 + wanted->tv_nsec / 1000000;

	if (fault_hits(&interrupted)) {
		*left = *wanted;
		return -1;
	}
	clock_ms += ms;
	return 0;
}

ssize_t __wrap_getrandom(void *data, size_t len, unsigned int flags)
{
	return fault_hits(&no_getrandom) ? -1 : __real_getrandom(data, len, flags);
}

bool __wrap_px_sandbox_is_outdated(void)
{
	return shut_out;
}

/* Who was asked, in order: "10.0.0.1 10.0.0.2 ". Of very many, the last. */
static char asked[512];
static struct {
	struct px_http *http;
	char address[INET6_ADDRSTRLEN];
} handles[64];
static size_t handle_count;
static int asked_timeout, asked_connect;

#define FAR_MS 5000 /* what an address that is far away takes to connect */

/* What an address does. */
enum conduct { ANSWERS, REFUSES, HANGS, IS_FAR, DROPS, SEALED, WAITS, MISTRUSTED };
static struct {
	const char *address; /* "*": any that is not named before */
	enum conduct conduct;
	int64_t until; /* then it answers */
} conducts[4];

int __wrap_px_http_new(const struct px_peer *peer, const char *url, const char *address,
		       const char *port, const struct px_secret *ca, struct px_http **ret_http)
{
	int r = __real_px_http_new(peer, url, address, port, ca, ret_http);

	if (r == 0) {
		handles[handle_count].http = *ret_http;
		snprintf(handles[handle_count++].address, INET6_ADDRSTRLEN, "%s", address);
	}
	return r;
}

static const char *address_of(const struct px_http *http)
{
	size_t i;

	for (i = handle_count; i-- > 0;)
		if (handles[i].http == http)
			return handles[i].address;
	fail_msg("an unknown connection was asked");
	return "";
}

static enum conduct conduct_of(const char *address)
{
	size_t i;

	for (i = 0; i < 4 && conducts[i].address; i++)
		if (strcmp(conducts[i].address, address) == 0 ||
		    strcmp(conducts[i].address, "*") == 0)
			return clock_ms < conducts[i].until ? conducts[i].conduct : ANSWERS;
	return ANSWERS;
}

enum px_status __wrap_px_http_ask(struct px_http *http, const struct px_http_request *request,
				  int connect_ms, int timeout_ms, struct px_http_answer *answer,
				  struct px_cause *cause)
{
	const char *address = address_of(http);
	enum conduct conduct = conduct_of(address);

	(void)request;
	if (strlen(asked) > sizeof(asked) - 64)
		asked[0] = '\0';
	strcat(strcat(asked, address), " ");
	asked_timeout = timeout_ms;
	asked_connect = connect_ms;
	*answer = (struct px_http_answer){ .code = 200, .sent = true };
	if (conduct == IS_FAR && connect_ms < FAR_MS)
		conduct = HANGS;
	switch (conduct) {
	case REFUSES:
		answer->sent = false;
		return px_cause_set(cause, PX_UNREACHABLE, "connect to %s: refused", address);
	case HANGS:
		answer->sent = false;
		clock_ms += timeout_ms < connect_ms ? timeout_ms : connect_ms;
		return px_cause_set(cause, PX_UNREACHABLE, "connect to %s: timed out", address);
	case IS_FAR:
		clock_ms += FAR_MS;
		return PX_OK;
	case DROPS:
		return px_cause_set(cause, PX_UNREACHABLE, "%s dropped it", address);
	case WAITS:
		answer->retry_after = 7;
		answer->code = 429;
		return PX_OK;
	case SEALED:
		answer->code = 503;
		return PX_OK;
	case MISTRUSTED:
		answer->sent = false;
		return px_cause_set(cause, PX_UNTRUSTED, "a bad certificate");
	default:
		answer->connect_us = 1000;
		clock_ms += 1;
		return PX_OK;
	}
}

static char noted[2048];
static unsigned int waits;

static void note(void *arg, enum px_note_kind kind, const char *text)
{
	(void)arg;
	if (kind == PX_NOTE_WAIT)
		waits++;
	snprintf(noted + strlen(noted), sizeof(noted) - strlen(noted), "%s|", text);
}

static const struct px_listener listener = { note, NULL };

static struct px_route *new_route(const char *first, const char *second, int64_t deadline)
{
	char *urls[] = { (char *)(uintptr_t)first, (char *)(uintptr_t)second, NULL };
	struct px_route *route = NULL;
	struct px_cause cause;

	clock_ms = 1000000;
	memset(conducts, 0, sizeof(conducts));
	asked[0] = noted[0] = '\0';
	waits = resolved = 0;
	handle_count = 0;
	shut_out = false;
	if (deadline != PX_FOREVER)
		deadline += clock_ms;
	assert_int_equal(px_route_new(&cluster, urls, NULL, deadline, &listener, &route, &cause),
			 PX_OK);
	return route;
}

static void behaves(size_t i, const char *address, enum conduct conduct, int64_t ms)
{
	conducts[i].address = address;
	conducts[i].conduct = conduct;
	conducts[i].until = ms < 0 ? INT64_MAX : clock_ms + ms;
}

static struct px_cause route_cause;
static bool route_lost;

/* A question that is good for that long; 0: for ever. */
static enum px_status ask_for(struct px_route *route, int64_t ms)
{
	px_auto(http_answer) struct px_http_answer answer = { .code = 0 };
	struct px_http_request request = plain_get;
	enum px_status st;

	asked[0] = '\0';
	request.good_until = ms ? clock_ms + ms : 0;
	st = px_route_ask(route, &request, &answer, &route_lost, &route_cause);
	if (!st)
		assert_int_equal(answer.code, 200);
	return st;
}

static enum px_status ask_route(struct px_route *route)
{
	return ask_for(route, 0);
}

TEST(the_first_address_of_the_first_url_is_asked_first)
{
	px_auto(route) struct px_route *route = new_route("https://a/", "https://b", 75000);

	names_resolve_to("10.0.0.1", "10.0.0.2", NULL);
	assert_int_equal(ask_route(route), PX_OK);
	assert_string_equal(asked, "10.0.0.1 ");
	assert_int_equal(resolved, 1);
	assert_false(route_lost);
	assert_ptr_equal(strstr(noted, "resolving a|resolve a: "), noted);
	assert_non_null(strstr(noted, " ms|reading at https://a (10.0.0.1)|connect and TLS "
				      "10.0.0.1: 1.0 ms|"));
}

TEST(the_address_that_answered_is_asked_first_from_then_on)
{
	px_auto(route) struct px_route *route = new_route("https://a", NULL, 75000);

	names_resolve_to("10.0.0.1", "10.0.0.2", NULL);
	behaves(0, "10.0.0.1", REFUSES, -1);
	assert_int_equal(ask_route(route), PX_OK);
	assert_string_equal(asked, "10.0.0.1 10.0.0.2 ");
	assert_int_equal(ask_route(route), PX_OK);
	assert_string_equal(asked, "10.0.0.2 ");
	assert_int_equal(resolved, 1);
	assert_int_equal(waits, 0);
}

TEST(the_next_url_is_asked_when_every_address_of_the_first_fails)
{
	px_auto(route) struct px_route *route = new_route("https://dead", "https://live", 75000);

	names_resolve_to("10.0.0.3", NULL, NULL);
	resolve_error = EAI_NONAME;
	assert_int_equal(ask_route(route), PX_OK);
	assert_string_equal(asked, "10.0.0.3 ");
	assert_int_equal(resolved, 2);
	assert_int_equal(waits, 0);
}

TEST(a_master_that_is_sealed_is_passed_over_and_its_question_counts_as_sent)
{
	px_auto(route) struct px_route *route = new_route("https://a", NULL, 75000);

	names_resolve_to("10.0.0.1", "10.0.0.2", NULL);
	behaves(0, "10.0.0.1", SEALED, -1);
	assert_int_equal(ask_route(route), PX_OK);
	assert_string_equal(asked, "10.0.0.1 10.0.0.2 ");
	assert_true(route_lost);
}

TEST(an_address_that_times_out_costs_its_timeout_once)
{
	px_auto(route) struct px_route *route = new_route("https://a", NULL, 75000);

	names_resolve_to("10.0.0.1", "10.0.0.2", NULL);
	behaves(0, "10.0.0.1", HANGS, -1);
	behaves(1, "10.0.0.2", SEALED, 10000);
	assert_int_equal(ask_route(route), PX_OK);
	assert_ptr_equal(strstr(asked + 1, "10.0.0.1"), NULL);
	assert_in_range(clock_ms, 1010000, 1016000);
}

TEST(one_that_timed_out_is_asked_while_the_other_wants_to_be_left_alone)
{
	px_auto(route) struct px_route *route = new_route("https://a", NULL, 75000);

	names_resolve_to("10.0.0.1", "10.0.0.2", NULL);
	behaves(0, "10.0.0.1", HANGS, 3000);
	behaves(1, "10.0.0.2", WAITS, -1);
	assert_int_equal(ask_route(route), PX_OK);
	assert_in_range(clock_ms, 1003000, 1009000);
}

TEST(addresses_that_all_time_out_are_tried_again_and_again)
{
	px_auto(route) struct px_route *route = new_route("https://a", NULL, 75000);

	names_resolve_to("10.0.0.1", "10.0.0.2", NULL);
	behaves(0, "10.0.0.1", HANGS, 20000);
	behaves(1, "10.0.0.2", HANGS, -1);
	assert_int_equal(ask_route(route), PX_OK);
	assert_in_range(clock_ms, 1020000, 1032000);
	assert_int_equal(waits, 1);
}

TEST(an_address_that_timed_out_is_given_twice_the_time_when_it_is_its_turn_again)
{
	px_auto(route) struct px_route *route = new_route("https://a", NULL, 75000);

	names_resolve_to("10.0.0.1", NULL, NULL);
	behaves(0, "10.0.0.1", IS_FAR, -1);
	assert_int_equal(ask_route(route), PX_OK);
	assert_string_equal(asked, "10.0.0.1 10.0.0.1 10.0.0.1 ");
	assert_in_range(clock_ms, 1011000, 1012000);
	assert_false(route_lost);
}

TEST(and_keeps_it_for_the_next_connection)
{
	px_auto(route) struct px_route *route = new_route("https://a", NULL, 75000);

	names_resolve_to("10.0.0.1", NULL, NULL);
	behaves(0, "10.0.0.1", IS_FAR, -1);
	assert_int_equal(ask_route(route), PX_OK);
	assert_int_equal(ask_route(route), PX_OK);
	assert_string_equal(asked, "10.0.0.1 ");
}

TEST(one_that_is_refused_is_given_no_more)
{
	px_auto(route) struct px_route *route = new_route("https://a", NULL, 75000);

	names_resolve_to("10.0.0.1", NULL, NULL);
	behaves(0, "10.0.0.1", REFUSES, 20000);
	assert_int_equal(ask_route(route), PX_OK);
	assert_int_equal(asked_connect, PX_CONNECT_MS);
}

TEST(the_time_to_connect_has_a_bound_and_one_question_a_smaller_one_near_the_deadline)
{
	px_auto(route) struct px_route *route = new_route("https://a", NULL, 75000);

	names_resolve_to("10.0.0.1", NULL, NULL);
	behaves(0, "10.0.0.1", HANGS, 40000);
	assert_int_equal(ask_route(route), PX_OK);
	assert_int_equal(asked_connect, PX_CONNECT_MAX_MS);
	behaves(0, "10.0.0.1", HANGS, -1);
	assert_int_equal(ask_route(route), PX_UNREACHABLE);
	assert_in_range(clock_ms, 1074800, 1075000);
}

/* Two that are dead keep nobody from a third that is far away. */
TEST(a_far_address_behind_dead_ones_is_reached)
{
	px_auto(route) struct px_route *route = new_route("https://a", NULL, 75000);

	names_resolve_to("10.0.0.1", "10.0.0.2", "10.0.0.3");
	behaves(0, "10.0.0.1", HANGS, -1);
	behaves(1, "10.0.0.2", HANGS, -1);
	behaves(2, "10.0.0.3", IS_FAR, -1);
	assert_int_equal(ask_route(route), PX_OK);
	assert_in_range(clock_ms, 1039000, 1041000);
	assert_int_equal(ask_route(route), PX_OK);
	assert_string_equal(asked, "10.0.0.3 ");
}

TEST(a_run_that_waits_says_so_once_with_the_cause)
{
	px_auto(route) struct px_route *route = new_route("https://a", NULL, 75000);

	names_resolve_to("10.0.0.1", NULL, NULL);
	behaves(0, "10.0.0.1", REFUSES, 30000);
	assert_int_equal(ask_route(route), PX_OK);
	assert_int_equal(waits, 1);
	assert_non_null(strstr(noted, "waiting for the store: connect to 10.0.0.1: refused|"));
	assert_false(route_lost);
}

TEST(names_are_resolved_anew_while_it_waits)
{
	px_auto(route) struct px_route *route = new_route("https://a", NULL, 75000);

	names_resolve_to("10.0.0.1", NULL, NULL);
	behaves(0, "10.0.0.1", REFUSES, 5000);
	assert_int_equal(ask_route(route), PX_OK);
	assert_true(resolved > 3);
}

TEST(at_the_deadline_it_says_what_was_tried_and_the_last_cause)
{
	px_auto(route) struct px_route *route = new_route("https://a", "https://b:8443", 10000);

	names_resolve_to("10.0.0.1", "fd00::1", NULL);
	behaves(0, "10.0.0.1", REFUSES, -1);
	behaves(1, "fd00::1", DROPS, -1);
	assert_int_equal(ask_route(route), PX_UNREACHABLE);
	assert_string_equal(route_cause.text,
			    "the store cannot be reached: fd00::1 dropped it (tried https://a at "
			    "10.0.0.1, fd00::1; https://b:8443 at 10.0.0.1, fd00::1)");
	assert_in_range(clock_ms, 1009800, 1010000);
	assert_true(route_lost);
}

TEST(a_name_that_never_resolves_is_the_cause)
{
	px_auto(route) struct px_route *route = new_route("https://m", NULL, 3000);

	resolve_error = EAI_AGAIN;
	assert_int_equal(ask_route(route), PX_UNREACHABLE);
	assert_non_null(strstr(route_cause.text, "resolve m: Temporary failure"));
	assert_string_equal(asked, "");
	assert_false(px_route_is_stale(route));
}

TEST(a_resolver_config_that_is_shut_out_asks_for_a_new_sandbox)
{
	px_auto(route) struct px_route *route = new_route("https://m", NULL, 3000);

	resolve_error = EAI_AGAIN;
	shut_out = true;
	assert_int_equal(ask_route(route), PX_UNREACHABLE);
	assert_true(px_route_is_stale(route));
	assert_int_equal(clock_ms, 1000000);
}

TEST(but_not_when_a_question_may_have_had_its_effect)
{
	px_auto(route) struct px_route *route = new_route("https://live", "https://m", 3000);

	names_resolve_to("10.0.0.1", NULL, NULL);
	resolve_error = EAI_AGAIN;
	shut_out = true;
	behaves(0, "10.0.0.1", DROPS, -1);
	assert_int_equal(ask_route(route), PX_UNREACHABLE);
	assert_false(px_route_is_stale(route));
}

TEST(a_question_that_has_expired_is_not_sent_again)
{
	px_auto(route) struct px_route *route = new_route("https://a", NULL, 75000);

	names_resolve_to("10.0.0.1", NULL, NULL);
	behaves(0, "10.0.0.1", SEALED, 40000);
	assert_int_equal(ask_for(route, 30000), PX_UNREACHABLE);
	assert_true(px_route_has_expired(route));
	assert_in_range(clock_ms, 1030000, 1034000);
	assert_non_null(strstr(route_cause.text, "https://a at 10.0.0.1 answers 503"));
	assert_int_equal(ask_for(route, 30000), PX_OK);
	assert_false(px_route_has_expired(route));
	assert_in_range(clock_ms, 1040000, 1044100);
	assert_int_equal(waits, 1);
}

TEST(the_one_in_its_place_goes_to_those_who_were_not_asked_yet)
{
	px_auto(route) struct px_route *route = new_route("https://a", NULL, 75000);

	names_resolve_to("10.0.0.1", "10.0.0.2", "10.0.0.3");
	behaves(0, "10.0.0.1", REFUSES, -1);
	behaves(1, "10.0.0.2", HANGS, -1);
	assert_int_equal(ask_for(route, 1000), PX_UNREACHABLE);
	assert_true(px_route_has_expired(route));
	assert_string_equal(asked, "10.0.0.1 10.0.0.2 ");
	assert_int_equal(ask_for(route, 1000), PX_OK);
	assert_string_equal(asked, "10.0.0.3 ");
	assert_int_equal(waits, 0);
}

TEST(and_another_question_to_all)
{
	px_auto(route) struct px_route *route = new_route("https://a", NULL, 75000);

	names_resolve_to("10.0.0.1", NULL, NULL);
	behaves(0, "10.0.0.1", HANGS, 20000);
	assert_int_equal(ask_for(route, 1000), PX_UNREACHABLE);
	assert_true(px_route_has_expired(route));
	assert_int_equal(ask_route(route), PX_OK);
	assert_false(px_route_has_expired(route));
}

TEST(at_the_deadline_nothing_has_expired)
{
	px_auto(route) struct px_route *route = new_route("https://a", NULL, 40000);

	names_resolve_to("10.0.0.1", NULL, NULL);
	behaves(0, "10.0.0.1", SEALED, -1);
	assert_int_equal(ask_for(route, 30000), PX_UNREACHABLE);
	assert_true(px_route_has_expired(route));
	assert_int_equal(ask_for(route, 30000), PX_UNREACHABLE);
	assert_false(px_route_has_expired(route));
	assert_non_null(strstr(route_cause.text, "cannot be reached: https://a at 10.0.0.1 answers "
						 "503"));
}

TEST(what_cannot_be_trusted_ends_it_at_once)
{
	px_auto(route) struct px_route *route = new_route("https://a", "https://b", 75000);

	names_resolve_to("10.0.0.1", "10.0.0.2", NULL);
	behaves(0, "10.0.0.1", MISTRUSTED, -1);
	assert_int_equal(ask_route(route), PX_UNTRUSTED);
	assert_string_equal(asked, "10.0.0.1 ");
	assert_string_equal(route_cause.text, "a bad certificate");
}

TEST(retry_after_is_waited_for)
{
	px_auto(route) struct px_route *route = new_route("https://a", NULL, 75000);

	names_resolve_to("10.0.0.1", NULL, NULL);
	behaves(0, "10.0.0.1", WAITS, 1000);
	assert_int_equal(ask_route(route), PX_OK);
	assert_string_equal(asked, "10.0.0.1 10.0.0.1 ");
	/* And up to a quarter of it more, since others were told the same. */
	assert_in_range(clock_ms, 1007000, 1007000 + 1750);
}

TEST(retry_after_beyond_the_deadline_is_not_waited_for)
{
	px_auto(route) struct px_route *route = new_route("https://a", NULL, 5000);

	names_resolve_to("10.0.0.1", NULL, NULL);
	behaves(0, "10.0.0.1", WAITS, -1);
	assert_int_equal(ask_route(route), PX_UNREACHABLE);
	assert_int_equal(clock_ms, 1000000);
	assert_non_null(strstr(route_cause.text, "https://a at 10.0.0.1 answers 429"));
}

TEST(without_a_deadline_it_never_gives_up)
{
	px_auto(route) struct px_route *route = new_route("https://a", NULL, PX_FOREVER);

	names_resolve_to("10.0.0.1", NULL, NULL);
	behaves(0, "10.0.0.1", SEALED, 90000);
	no_getrandom = (struct fault){ .times = 2, .error = EAGAIN };
	interrupted = (struct fault){ .times = 2, .error = EINTR };
	assert_int_equal(ask_route(route), PX_OK);
	assert_in_range(clock_ms, 1090000, 1095000);
	assert_int_equal(asked_timeout, 60000);
}

TEST(one_question_does_not_take_all_the_time)
{
	static const struct {
		int64_t left;
		const char *second;
		int timeout;
	} cases[] = { { 5000, NULL, 5000 },
		      { 75000, NULL, 30000 },
		      { 120000, NULL, 40000 },
		      { 20000, "https://b", 10000 },
		      { 75000, "https://b", 25000 } };
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		px_auto(route) struct px_route *route =
			new_route("https://a", cases[i].second, cases[i].left);

		names_resolve_to("10.0.0.1", NULL, NULL);
		assert_int_equal(ask_route(route), PX_OK);
		assert_int_equal(asked_timeout, cases[i].timeout);
	}
}

TEST(a_deadline_that_has_passed_asks_nobody)
{
	px_auto(route) struct px_route *route = new_route("https://a", NULL, 0);

	names_resolve_to("10.0.0.1", NULL, NULL);
	assert_int_equal(ask_route(route), PX_UNREACHABLE);
	assert_string_equal(asked, "");
	assert_non_null(strstr(route_cause.text, "no time is left"));
}

TEST(there_is_room_for_so_many_addresses)
{
	char *urls[41];
	struct px_route *route = NULL;
	struct px_cause cause;
	size_t i;

	px_route_free(&route);
	for (i = 0; i < 40; i++)
		assert_true(asprintf(&urls[i], "https://m%zu", i) > 0);
	urls[40] = NULL;
	asked[0] = '\0';
	names_resolve_to("10.0.0.1", NULL, NULL);
	assert_int_equal(
		px_route_new(&cluster, urls, NULL, clock_ms + 1000, &listener, &route, &cause),
		PX_OK);
	behaves(0, "10.0.0.1", REFUSES, 100);
	handle_count = 0;
	assert_int_equal(ask_route(route), PX_OK);
	assert_int_equal(handle_count, 32);
	px_route_free(&route);
	for (i = 0; i < 40; i++)
		free(urls[i]);
}

static bool was_asked_last(const char *address)
{
	size_t len = strlen(address), all = strlen(asked);

	return all > len && strncmp(asked + all - len - 1, address, len) == 0 &&
	       (all == len + 1 || asked[all - len - 2] == ' ');
}

TEST(an_address_that_its_name_leads_to_no_more_makes_room)
{
	px_auto(route) struct px_route *route = new_route("https://rolls", NULL, 400000);

	names_resolve_to(NULL, NULL, NULL);
	behaves(0, "10.0.1.40", ANSWERS, -1);
	behaves(1, "*", REFUSES, -1);
	assert_int_equal(ask_route(route), PX_OK);
	assert_true(was_asked_last("10.0.1.40"));
	assert_int_equal(resolved, 40);
}

TEST(but_not_the_one_that_answered_last)
{
	px_auto(route) struct px_route *route = new_route("https://rolls", NULL, 400000);

	names_resolve_to(NULL, NULL, NULL);
	assert_int_equal(ask_route(route), PX_OK);
	assert_string_equal(asked, "10.0.1.1 ");
	behaves(0, "10.0.1.1", REFUSES, 160000);
	behaves(1, "*", REFUSES, -1);
	assert_int_equal(ask_route(route), PX_OK);
	assert_true(was_asked_last("10.0.1.1"));
	assert_true(resolved > 33);
}

TEST(a_name_with_many_addresses_does_not_shut_out_the_next_url)
{
	px_auto(route) struct px_route *route = new_route("https://many", "https://b", 75000);

	names_resolve_to("10.0.0.1", NULL, NULL);
	behaves(0, "10.0.0.1", ANSWERS, -1);
	behaves(1, "*", REFUSES, -1);
	assert_int_equal(ask_route(route), PX_OK);
	assert_true(was_asked_last("10.0.0.1"));
	assert_int_equal(handle_count, 16 + 1);
}

TEST(a_url_that_is_not_https_makes_no_route)
{
	char *urls[] = { (char[]){ "http://a" }, NULL };
	struct px_route *route = NULL;
	struct px_cause cause;

	assert_int_equal(px_route_new(&cluster, urls, NULL, PX_FOREVER, &listener, &route, &cause),
			 PX_USAGE);
	assert_non_null(strstr(cause.text, "http://a"));
	px_route_free(NULL);
}

TEST(a_peer_is_called_by_its_own_name)
{
	char *urls[] = { (char[]){ "ftp://a" }, NULL };
	px_auto(route) struct px_route *route = NULL;
	struct px_cause cause;

	assert_int_equal(px_route_new(&stranger, urls, NULL, PX_FOREVER, &listener, &route, &cause),
			 PX_USAGE);
	assert_string_equal(cause.text, "the endpoint 'ftp://a' is no http or https URL");
}

static int route_life(void *arg)
{
	char *urls[] = { (char[]){ "https://a" }, NULL };
	px_auto(route) struct px_route *route = NULL;
	px_auto(http_answer) struct px_http_answer answer = { .code = 0 };
	struct px_cause cause;
	enum px_status st;
	bool lost;

	(void)arg;
	st = px_route_new(&cluster, urls, NULL, PX_FOREVER, &listener, &route, &cause);
	if (!st)
		st = px_route_ask(route, &plain_get, &answer, &lost, &cause);
	return st == PX_NOMEM ? -ENOMEM : (int)st;
}

TEST(a_route_needs_memory)
{
	memset(conducts, 0, sizeof(conducts));
	names_resolve_to("10.0.0.1", NULL, NULL);
	handle_count = 0;
	each_allocation_may_fail(route_life, NULL, -ENOMEM);
}

TEST(the_wait_doubles_up_to_a_bound_and_half_of_it_is_chance)
{
	unsigned int round;

	for (round = 0; round < 40; round++) {
		int full = round < 4 ? 250 << round : 4000;

		assert_int_equal(px_backoff_ms(round, 0), full / 2);
		assert_in_range(px_backoff_ms(round, 0xffffffff), full / 2, full);
		assert_in_range(px_backoff_ms(round, (unsigned int)full / 2), full, full);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_address_of_the_first_url_is_asked_first),
		cmocka_unit_test(the_address_that_answered_is_asked_first_from_then_on),
		cmocka_unit_test(the_next_url_is_asked_when_every_address_of_the_first_fails),
		cmocka_unit_test(
			a_master_that_is_sealed_is_passed_over_and_its_question_counts_as_sent),
		cmocka_unit_test(an_address_that_times_out_costs_its_timeout_once),
		cmocka_unit_test(
			one_that_timed_out_is_asked_while_the_other_wants_to_be_left_alone),
		cmocka_unit_test(addresses_that_all_time_out_are_tried_again_and_again),
		cmocka_unit_test(
			an_address_that_timed_out_is_given_twice_the_time_when_it_is_its_turn_again),
		cmocka_unit_test(and_keeps_it_for_the_next_connection),
		cmocka_unit_test(one_that_is_refused_is_given_no_more),
		cmocka_unit_test(
			the_time_to_connect_has_a_bound_and_one_question_a_smaller_one_near_the_deadline),
		cmocka_unit_test(a_far_address_behind_dead_ones_is_reached),
		cmocka_unit_test(a_run_that_waits_says_so_once_with_the_cause),
		cmocka_unit_test(names_are_resolved_anew_while_it_waits),
		cmocka_unit_test(at_the_deadline_it_says_what_was_tried_and_the_last_cause),
		cmocka_unit_test(a_name_that_never_resolves_is_the_cause),
		cmocka_unit_test(a_resolver_config_that_is_shut_out_asks_for_a_new_sandbox),
		cmocka_unit_test(but_not_when_a_question_may_have_had_its_effect),
		cmocka_unit_test(a_question_that_has_expired_is_not_sent_again),
		cmocka_unit_test(the_one_in_its_place_goes_to_those_who_were_not_asked_yet),
		cmocka_unit_test(and_another_question_to_all),
		cmocka_unit_test(at_the_deadline_nothing_has_expired),
		cmocka_unit_test(what_cannot_be_trusted_ends_it_at_once),
		cmocka_unit_test(retry_after_is_waited_for),
		cmocka_unit_test(retry_after_beyond_the_deadline_is_not_waited_for),
		cmocka_unit_test(without_a_deadline_it_never_gives_up),
		cmocka_unit_test(one_question_does_not_take_all_the_time),
		cmocka_unit_test(a_deadline_that_has_passed_asks_nobody),
		cmocka_unit_test(there_is_room_for_so_many_addresses),
		cmocka_unit_test(an_address_that_its_name_leads_to_no_more_makes_room),
		cmocka_unit_test(but_not_the_one_that_answered_last),
		cmocka_unit_test(a_name_with_many_addresses_does_not_shut_out_the_next_url),
		cmocka_unit_test(a_url_that_is_not_https_makes_no_route),
		cmocka_unit_test(a_peer_is_called_by_its_own_name),
		cmocka_unit_test(a_route_needs_memory),
		cmocka_unit_test(the_wait_doubles_up_to_a_bound_and_half_of_it_is_chance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
