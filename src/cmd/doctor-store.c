/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <stdio.h>
#include <string.h>

#include "doctor.h"
#include "pxenc/clock.h"
#include "pxenc/log.h"
#include "pxenc/path.h"
#include "pxenc/resolve.h"
#include "pxenc/store.h"
#include "pxenc/unlock.h"

/* Seconds for each URL, or the config's timeout if that is shorter: a mount may have reason to wait
 * for a store that starts, somebody who looks at it has not. */
#define PATIENCE_S 10

/* What one URL said. */
struct answer {
	enum px_status status;
	char *user; /* NULL: nobody was logged in */
	char *cause;
};

static void answers_free(struct answer *answers, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(answers[i].user);
		free(answers[i].cause);
	}
	free(answers);
}

/* It spoke, over TLS that was verified, whatever it said. */
static bool spoke(const struct answer *answer)
{
	switch (answer->status) {
	case PX_OK:
	case PX_NO_SECRET:
	case PX_FORBIDDEN:
	case PX_UNAUTHENTICATED:
		return true;
	default:
		return false;
	}
}

static unsigned int patience(const struct px_config *config)
{
	return config->timeout && config->timeout < PATIENCE_S ? config->timeout : PATIENCE_S;
}

/* Reads what every user of this base path may read; that it is not there is an answer. */
static enum px_status ask(const struct px_config *config, const char *url, struct answer *answer)
{
	px_auto(store) struct px_store *store = NULL;
	px_auto(secret) struct px_secret *value = NULL;
	px_auto(free) char *path = NULL;
	const char *user;
	enum px_status st;

	st = px_store_new(config, px_deadline_in(patience(config)), &store);
	if (st)
		return st;
	if (px_path_join(config->base_path, PX_CLUSTER_SETTING, &path) < 0)
		return px_fail(PX_USAGE, "the base path is too long");
	px_store_ask_only(store, url);
	st = px_store_get(store, path, PX_GET_RAW | PX_GET_MAYBE, &value);
	user = px_store_user(store);
	answer->user = user ? strdup(user) : NULL;
	return st;
}

static const struct answer *ask_all(const struct px_config *config, struct answer *answers)
{
	const struct answer *first = NULL;

	for (size_t i = 0; config->cluster_urls[i]; i++) {
		answers[i].status = ask(config, config->cluster_urls[i], &answers[i]);
		answers[i].cause = strdup(px_doctor_cause());
		if (!first && spoke(&answers[i]))
			first = &answers[i];
	}
	return first;
}

static void fail(struct px_doctor *doctor, const char *check, const struct answer *answer)
{
	px_doctor_fail(
		doctor, check,
		px_fail(answer->status, "%s", answer->cause ? answer->cause : "out of memory"));
}

static void show_urls(struct px_doctor *doctor, const struct px_config *config,
		      const struct answer *answers, bool any)
{
	for (size_t i = 0; config->cluster_urls[i]; i++) {
		const char *url = config->cluster_urls[i];

		if (spoke(&answers[i]))
			px_doctor_ok(doctor, "store", "%s answers, and its certificate is good",
				     url);
		else if (any && answers[i].status == PX_UNREACHABLE)
			px_doctor_warn(doctor, "store", "another URL is used: %s",
				       answers[i].cause ? answers[i].cause : url);
		else
			fail(doctor, "store", &answers[i]);
	}
}

static bool show_rights(struct px_doctor *doctor, const struct px_config *config,
			const struct answer *answer)
{
	if (answer->status == PX_UNAUTHENTICATED) {
		fail(doctor, "login", answer);
		return false;
	}
	px_doctor_ok(doctor, "login", "accepted, as '%s'", answer->user ? answer->user : "-");
	if (answer->status == PX_FORBIDDEN)
		fail(doctor, "base path", answer);
	else
		px_doctor_ok(doctor, "base path", "%s%s%s may be read",
			     *config->base_path ? "'" : "",
			     *config->base_path ? config->base_path : "the top level",
			     *config->base_path ? "'" : "");
	return true;
}

static enum px_status read_cluster_key(const struct px_config *config, struct px_choice *ret_choice)
{
	px_auto(store) struct px_store *store = NULL;
	px_auto(secret) struct px_secret *key = NULL;
	enum px_status st;

	st = px_store_new(config, px_deadline_in(patience(config)), &store);
	if (!st)
		st = px_resolve_cluster(config, store, ret_choice);
	return st ? st : px_unlock_fetch(store, ret_choice->path, &key);
}

static void check_cluster_key(struct px_doctor *doctor, const struct px_config *config)
{
	px_auto(choice) struct px_choice choice = { 0 };
	enum px_status st = read_cluster_key(config, &choice);

	if (st == PX_NO_SECRET && !choice.path)
		px_doctor_ok(doctor, "cluster-wide key", "none is set: each volume has its own");
	else if (st)
		px_doctor_fail(doctor, "cluster-wide key", st);
	else
		px_doctor_ok(doctor, "cluster-wide key", "'%s', %s, is there", choice.path,
			     choice.because);
}

static size_t count_urls(const struct px_config *config)
{
	size_t count = 0;

	while (config->cluster_urls[count])
		count++;
	return count;
}

bool px_doctor_check_store(struct px_doctor *doctor, const struct px_config *config)
{
	size_t count = count_urls(config);
	struct answer *answers = calloc(count, sizeof(*answers));
	const struct answer *first;
	bool usable;

	if (!answers) {
		px_doctor_fail(doctor, "store", px_nomem());
		return false;
	}
	first = ask_all(config, answers);
	show_urls(doctor, config, answers, first != NULL);
	usable = first && show_rights(doctor, config, first);
	if (usable && first->status != PX_FORBIDDEN)
		check_cluster_key(doctor, config);
	answers_free(answers, count);
	return usable;
}
