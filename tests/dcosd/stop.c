/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "stop.h"

#include <errno.h>
#include <time.h>

void dcosd_stop_init(struct dcosd_stop *stop)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&stop->raised_cond, &attributes);
	pthread_condattr_destroy(&attributes);
	pthread_mutex_init(&stop->lock, NULL);
	stop->raised = false;
}

void dcosd_stop_raise(struct dcosd_stop *stop)
{
	pthread_mutex_lock(&stop->lock);
	stop->raised = true;
	pthread_cond_broadcast(&stop->raised_cond);
	pthread_mutex_unlock(&stop->lock);
}

bool dcosd_stop_wait(struct dcosd_stop *stop, long milliseconds)
{
	struct timespec end;
	bool raised;
	int r = 0;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += milliseconds / 1000;
	end.tv_nsec += milliseconds % 1000 * 1000000;
	if (end.tv_nsec >= 1000000000) {
		end.tv_nsec -= 1000000000;
		end.tv_sec++;
	}
	pthread_mutex_lock(&stop->lock);
	while (!stop->raised && r != ETIMEDOUT)
		r = pthread_cond_timedwait(&stop->raised_cond, &stop->lock, &end);
	raised = stop->raised;
	pthread_mutex_unlock(&stop->lock);
	return raised;
}
