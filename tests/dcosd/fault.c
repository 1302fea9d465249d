/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "fault.h"

#include <fnmatch.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

#define OVERSIZE ((size_t)16 << 20)

const char dcosd_fault_help[] =
	"Faults: KIND[=ARG]@METHOD:PATHGLOB[#COUNT[+SKIP]]\n"
	"METHOD is a method or *, PATHGLOB a glob for the path and query as received, in\n"
	"which * also matches slashes. The fault hits COUNT requests (default and *: all)\n"
	"after the first SKIP that match. The first fault whose count is not used up wins.\n"
	"  delay=DURATION     wait (500ms, 3s, 2m), then answer normally\n"
	"  drop               close the connection before acting (logged as 000)\n"
	"  drop-after         act, then close the connection without an answer (the same)\n"
	"  truncate           act, send half of the body, close (with no body: as drop-after)\n"
	"  slow               act, send one byte of the body a second\n"
	"  401 403 404 500 503  an HTML error such as Admin Router's\n"
	"  403json            a JSON error such as the Secrets service's\n"
	"  429[=SECONDS]      HTML error with Retry-After, 1 by default\n"
	"  redirect=URL       301\n"
	"  garbage            200, application/json, but no JSON\n"
	"  empty              200, no body\n"
	"  wrongtype          200, {\"value\": 42}\n"
	"  oversize           200, a value of 16 MiB\n"
	"  endless            200, a value that never ends, some 20 KB a second\n";

enum argument { NONE, DURATION, SECONDS, URL };

struct kind {
	const char *name;
	enum argument argument;
	enum dcosd_delivery delivery;
	unsigned int status;
	/* Sets the answer; NULL if the request is performed. */
	void (*answer)(const struct dcosd_fault *fault, struct dcosd_answer *answer);
};

struct dcosd_fault {
	const struct kind *kind;
	long number; /* milliseconds of a delay, seconds of Retry-After */
	char *url;
	char *method;
	char *glob;
	long skip;
	long count;
	struct dcosd_fault *next;
};

static void answer_empty(const struct dcosd_fault *fault, struct dcosd_answer *answer)
{
	dcosd_answer_empty(answer, fault->kind->status);
}

static void answer_page(const struct dcosd_fault *fault, struct dcosd_answer *answer)
{
	dcosd_answer_html(answer, fault->kind->status);
	if (fault->kind->argument == SECONDS)
		dcosd_answer_add_header(answer, "Retry-After", dcosd_format("%ld", fault->number));
	if (fault->kind->argument == URL)
		dcosd_answer_add_header(answer, "Location", dcosd_strdup(fault->url));
}

static void answer_forbidden(const struct dcosd_fault *fault, struct dcosd_answer *answer)
{
	dcosd_answer_error(answer, fault->kind->status, "The user lacks the permission for this.");
}

static void answer_garbage(const struct dcosd_fault *fault, struct dcosd_answer *answer)
{
	dcosd_answer_json(answer, fault->kind->status, dcosd_strdup("\x01{]\xff value"));
}

static void answer_wrong_type(const struct dcosd_fault *fault, struct dcosd_answer *answer)
{
	dcosd_answer_json(answer, fault->kind->status, dcosd_strdup("{\"value\": 42}"));
}

static void answer_oversize(const struct dcosd_fault *fault, struct dcosd_answer *answer)
{
	DCOSD_CLEANUP_FREE char *value = dcosd_alloc(OVERSIZE + 1);

	memset(value, 'x', OVERSIZE);
	dcosd_answer_json(answer, fault->kind->status, dcosd_format("{\"value\":\"%s\"}", value));
}

static void answer_endless(const struct dcosd_fault *fault, struct dcosd_answer *answer)
{
	dcosd_answer_json(answer, fault->kind->status, dcosd_strdup("{\"value\":\""));
}

static const struct kind kinds[] = {
	{ "delay", DURATION, DCOSD_WHOLE, 0, NULL },
	{ "drop", NONE, DCOSD_DROPPED, 0, answer_empty },
	{ "drop-after", NONE, DCOSD_DROPPED, 0, NULL },
	{ "truncate", NONE, DCOSD_TRUNCATED, 0, NULL },
	{ "slow", NONE, DCOSD_SLOW, 0, NULL },
	{ "401", NONE, DCOSD_WHOLE, 401, answer_page },
	{ "403", NONE, DCOSD_WHOLE, 403, answer_page },
	{ "404", NONE, DCOSD_WHOLE, 404, answer_page },
	{ "500", NONE, DCOSD_WHOLE, 500, answer_page },
	{ "503", NONE, DCOSD_WHOLE, 503, answer_page },
	{ "403json", NONE, DCOSD_WHOLE, 403, answer_forbidden },
	{ "429", SECONDS, DCOSD_WHOLE, 429, answer_page },
	{ "redirect", URL, DCOSD_WHOLE, 301, answer_page },
	{ "garbage", NONE, DCOSD_WHOLE, 200, answer_garbage },
	{ "empty", NONE, DCOSD_WHOLE, 200, answer_empty },
	{ "wrongtype", NONE, DCOSD_WHOLE, 200, answer_wrong_type },
	{ "oversize", NONE, DCOSD_WHOLE, 200, answer_oversize },
	{ "endless", NONE, DCOSD_ENDLESS, 200, answer_endless },
};

static const struct kind *find_kind(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	return NULL;
}

/* A decimal number from 0 to a million, which is enough for all; -1 if TEXT does not start so. */
static long parse_number(const char *text, const char **ret_rest)
{
	char *rest;
	long number;

	if (*text < '0' || *text > '9')
		return -1;
	number = strtol(text, &rest, 10);
	*ret_rest = rest;
	return number <= 1000000 ? number : -1;
}

/* In milliseconds; -1 if this is no duration. */
static long parse_duration(const char *text)
{
	static const struct {
		const char *unit;
		long milliseconds;
	} units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 } };
	const char *unit;
	long number = parse_number(text, &unit);

	for (size_t i = 0; number >= 0 && i < sizeof(units) / sizeof(units[0]); i++)
		if (!strcmp(unit, units[i].unit))
			return number * units[i].milliseconds;
	return -1;
}

static bool parse_argument(struct dcosd_fault *fault, const char *argument)
{
	const char *rest = "";

	switch (fault->kind->argument) {
	case NONE:
		return !argument;
	case DURATION:
		fault->number = argument ? parse_duration(argument) : -1;
		return fault->number >= 0;
	case SECONDS:
		fault->number = argument ? parse_number(argument, &rest) : 1;
		return fault->number >= 0 && !*rest;
	case URL:
		fault->url = argument ? dcosd_strdup(argument) : NULL;
		return argument && *argument;
	}
	return false;
}

/* Parses "COUNT[+SKIP]"; TEXT may be NULL. */
static bool parse_count(struct dcosd_fault *fault, const char *text)
{
	fault->count = LONG_MAX;
	if (!text)
		return true;
	if (*text == '*') {
		text++;
	} else {
		fault->count = parse_number(text, &text);
		if (fault->count < 0)
			return false;
	}
	if (*text == '+') {
		fault->skip = parse_number(text + 1, &text);
		if (fault->skip < 0)
			return false;
	}
	return !*text;
}

/* Cuts SPEC up. A URL may hold an '@': the one that counts has "METHOD:" behind it. */
static bool parse_spec(struct dcosd_fault *fault, char *spec)
{
	char *at = strchr(spec, '@');
	size_t method_len = 0;
	char *argument;
	char *count;

	for (; at; at = strchr(at + 1, '@')) {
		method_len = strspn(at + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ*");
		if (method_len && at[1 + method_len] == ':')
			break;
	}
	if (!at)
		return false;
	*at++ = '\0';
	count = strrchr(at, '#');
	if (count)
		*count++ = '\0';
	argument = strchr(spec, '=');
	if (argument)
		*argument++ = '\0';
	fault->kind = find_kind(spec);
	fault->method = dcosd_memdup(at, method_len);
	fault->glob = dcosd_strdup(at + method_len + 1);
	return fault->kind && *fault->glob && parse_argument(fault, argument) &&
	       parse_count(fault, count);
}

static void free_fault(struct dcosd_fault *fault)
{
	free(fault->url);
	free(fault->method);
	free(fault->glob);
	free(fault);
}

static bool add_to(struct dcosd_fault **list, const char *spec)
{
	DCOSD_CLEANUP_FREE char *parts = dcosd_strdup(spec);
	struct dcosd_fault *fault = dcosd_alloc(sizeof(*fault));

	if (!parse_spec(fault, parts)) {
		free_fault(fault);
		return false;
	}
	while (*list)
		list = &(*list)->next;
	*list = fault;
	return true;
}

bool dcosd_faults_add(struct dcosd_faults *faults, const char *spec)
{
	return add_to(&faults->first, spec);
}

static void free_list(struct dcosd_fault **list)
{
	while (*list) {
		struct dcosd_fault *first = *list;

		*list = first->next;
		free_fault(first);
	}
}

static bool parse_lines(char *text, struct dcosd_fault **list)
{
	char *rest = NULL;
	const char *line;

	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (!add_to(list, line))
			return false;
	return true;
}

bool dcosd_faults_replace(struct dcosd_faults *faults, const char *text)
{
	DCOSD_CLEANUP_FREE char *lines = dcosd_strdup(text);
	struct dcosd_fault *list = NULL, **end = &faults->replaced;

	if (!parse_lines(lines, &list)) {
		free_list(&list);
		return false;
	}
	pthread_mutex_lock(&faults->lock);
	while (*end)
		end = &(*end)->next;
	*end = faults->first;
	faults->first = list;
	pthread_mutex_unlock(&faults->lock);
	return true;
}

void dcosd_faults_clear(struct dcosd_faults *faults)
{
	free_list(&faults->first);
	free_list(&faults->replaced);
}

static bool hits(struct dcosd_fault *fault, const char *method, const char *target)
{
	if (!fault->count || (strcmp(fault->method, "*") && strcmp(fault->method, method)) ||
	    fnmatch(fault->glob, target, 0))
		return false;
	if (fault->skip) {
		fault->skip--;
		return false;
	}
	if (fault->count != LONG_MAX)
		fault->count--;
	return true;
}

const struct dcosd_fault *dcosd_faults_match(struct dcosd_faults *faults, const char *method,
					     const char *target)
{
	struct dcosd_fault *fault;

	pthread_mutex_lock(&faults->lock);
	for (fault = faults->first; fault; fault = fault->next)
		if (hits(fault, method, target))
			break;
	pthread_mutex_unlock(&faults->lock);
	return fault;
}

long dcosd_fault_delay(const struct dcosd_fault *fault)
{
	return fault->kind->argument == DURATION ? fault->number : 0;
}

bool dcosd_fault_answer(const struct dcosd_fault *fault, struct dcosd_answer *answer)
{
	if (!fault->kind->answer)
		return false;
	fault->kind->answer(fault, answer);
	return true;
}

enum dcosd_delivery dcosd_fault_delivery(const struct dcosd_fault *fault)
{
	return fault->kind->delivery;
}
