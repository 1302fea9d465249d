/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
/* Faults that the command line asks for, and which requests they hit. */
#ifndef DCOSD_FAULT_H
#define DCOSD_FAULT_H

#include <pthread.h>
#include <stdbool.h>

#include "message.h"

/* The part of --help that explains the grammar. */
extern const char dcosd_fault_help[];

struct dcosd_fault;

struct dcosd_faults {
	pthread_mutex_t lock;
	struct dcosd_fault *first;
	struct dcosd_fault *replaced; /* a request may still be under one of them */
};

/* Adds a fault behind the others; false if SPEC breaks the grammar. */
bool dcosd_faults_add(struct dcosd_faults *faults, const char *spec);
/* Puts the faults of TEXT, one a line, in place of those before; false, and nothing is changed, if
 * one of them breaks the grammar. */
bool dcosd_faults_replace(struct dcosd_faults *faults, const char *text);
void dcosd_faults_clear(struct dcosd_faults *faults);

/* The fault that hits this request, or NULL; counts the hit. May be called by several threads. */
const struct dcosd_fault *dcosd_faults_match(struct dcosd_faults *faults, const char *method,
					     const char *target);

/* Milliseconds to wait before anything else. */
long dcosd_fault_delay(const struct dcosd_fault *fault);
/* True if the fault has set the answer: the request is not to be performed. */
bool dcosd_fault_answer(const struct dcosd_fault *fault, struct dcosd_answer *answer);
enum dcosd_delivery dcosd_fault_delivery(const struct dcosd_fault *fault);

#endif
