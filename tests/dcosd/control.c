/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "control.h"

#include <pthread.h>
#include <string.h>

const char dcosd_control_help[] =
	"\nControl, by requests without a login that no fault hits and the log does not have:\n"
	"  POST /stand-in/save      keep all secrets as they are now\n"
	"  POST /stand-in/restore   and have them so again\n"
	"  POST /stand-in/faults    faults in place of the present ones, one a line of the body\n";

static void save(struct dcosd_cluster *cluster)
{
	pthread_mutex_lock(&cluster->lock);
	dcosd_store_copy(&cluster->store, &cluster->saved);
	pthread_mutex_unlock(&cluster->lock);
}

static void restore(struct dcosd_cluster *cluster)
{
	pthread_mutex_lock(&cluster->lock);
	dcosd_store_copy(&cluster->saved, &cluster->store);
	pthread_mutex_unlock(&cluster->lock);
}

bool dcosd_control_answer(struct dcosd_cluster *cluster, struct dcosd_faults *faults,
			  const struct dcosd_request *request, struct dcosd_answer *answer)
{
	unsigned int status = 204;

	if (strcmp(request->method, "POST") != 0)
		return false;
	if (!strcmp(request->target, "/stand-in/save"))
		save(cluster);
	else if (!strcmp(request->target, "/stand-in/restore"))
		restore(cluster);
	else if (!strcmp(request->target, "/stand-in/faults"))
		status = dcosd_faults_replace(faults, request->body) ? 204 : 400;
	else
		return false;
	dcosd_answer_empty(answer, status);
	return true;
}
