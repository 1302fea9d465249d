/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
/* What no DC/OS has: a test's hold on the server, under /stand-in/. */
#ifndef DCOSD_CONTROL_H
#define DCOSD_CONTROL_H

#include <stdbool.h>

#include "cluster.h"
#include "fault.h"
#include "message.h"

/* The part of --help that explains it. */
extern const char dcosd_control_help[];

/* True if the request was one of these, and the answer is set. No fault hits them, and the log
 * does not have them. */
bool dcosd_control_answer(struct dcosd_cluster *cluster, struct dcosd_faults *faults,
			  const struct dcosd_request *request, struct dcosd_answer *answer);

/* Forgets what was kept. */
void dcosd_control_clear(struct dcosd_cluster *cluster);

#endif
