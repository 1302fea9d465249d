/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "control.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

#define SAVE "/stand-in/save/"
#define RESTORE "/stand-in/restore/"
#define FAULTS "/stand-in/faults"

const char dcosd_control_help[] =
	"\nControl, by requests without a login that no fault hits and the log does not have:\n"
	"  POST " SAVE "NAME      keep all secrets as they are now, under this name\n"
	"  POST " RESTORE "NAME   and have them so again\n"
	"  POST " FAULTS "         faults in place of the present ones, one a line of the body\n";

struct dcosd_saved {
	char *name;
	struct dcosd_store store;
	struct dcosd_saved *next;
};

static struct dcosd_saved *find(const struct dcosd_cluster *cluster, const char *name)
{
	struct dcosd_saved *saved = cluster->saved;

	while (saved && strcmp(saved->name, name) != 0)
		saved = saved->next;
	return saved;
}

static bool save(struct dcosd_cluster *cluster, const char *name)
{
	struct dcosd_saved *saved = find(cluster, name);

	if (!saved) {
		saved = dcosd_alloc(sizeof(*saved));
		saved->name = dcosd_strdup(name);
		saved->next = cluster->saved;
		cluster->saved = saved;
	}
	dcosd_store_copy(&cluster->store, &saved->store);
	return true;
}

static bool restore(struct dcosd_cluster *cluster, const char *name)
{
	const struct dcosd_saved *saved = find(cluster, name);

	if (saved)
		dcosd_store_copy(&saved->store, &cluster->store);
	return saved;
}

void dcosd_control_clear(struct dcosd_cluster *cluster)
{
	while (cluster->saved) {
		struct dcosd_saved *first = cluster->saved;

		cluster->saved = first->next;
		dcosd_store_clear(&first->store);
		free(first->name);
		free(first);
	}
}

static bool locked(struct dcosd_cluster *cluster, bool (*run)(struct dcosd_cluster *, const char *),
		   const char *name)
{
	bool done;

	pthread_mutex_lock(&cluster->lock);
	done = run(cluster, name);
	pthread_mutex_unlock(&cluster->lock);
	return done;
}

bool dcosd_control_answer(struct dcosd_cluster *cluster, struct dcosd_faults *faults,
			  const struct dcosd_request *request, struct dcosd_answer *answer)
{
	const char *target = request->target;
	bool done;

	if (strcmp(request->method, "POST") != 0)
		return false;
	if (!strncmp(target, SAVE, strlen(SAVE)))
		done = locked(cluster, save, target + strlen(SAVE));
	else if (!strncmp(target, RESTORE, strlen(RESTORE)))
		done = locked(cluster, restore, target + strlen(RESTORE));
	else if (!strcmp(target, FAULTS))
		done = dcosd_faults_replace(faults, request->body);
	else
		return false;
	dcosd_answer_empty(answer, done ? 204 : 400);
	return true;
}
