/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
/* Waiting that ends early when the server stops, so that no fault can hold the stop up. */
#ifndef DCOSD_STOP_H
#define DCOSD_STOP_H

#include <pthread.h>
#include <stdbool.h>

struct dcosd_stop {
	pthread_mutex_t lock;
	pthread_cond_t raised_cond;
	bool raised;
};

void dcosd_stop_init(struct dcosd_stop *stop);
void dcosd_stop_raise(struct dcosd_stop *stop);
/* True if the server stops; false once so many milliseconds have passed. */
bool dcosd_stop_wait(struct dcosd_stop *stop, long milliseconds);

#endif
