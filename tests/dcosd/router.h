/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
/* Admin Router: lets requests with a good ACS token through to the services behind it. */
#ifndef DCOSD_ROUTER_H
#define DCOSD_ROUTER_H

#include "cluster.h"
#include "message.h"

/* Fills the answer, and REQUEST->uid on the way. May be called by several threads. */
void dcosd_router_answer(struct dcosd_cluster *cluster, struct dcosd_request *request,
			 struct dcosd_answer *answer);

#endif
