/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
/* The Secrets service, /secrets/v1. */
#ifndef DCOSD_SECRETS_H
#define DCOSD_SECRETS_H

#include "cluster.h"
#include "message.h"

#define DCOSD_SECRETS_PREFIX "/secrets/v1/"

/* REQUEST is authenticated and its path starts with the prefix; the cluster's lock is held. */
void dcosd_secrets_answer(struct dcosd_cluster *cluster, const struct dcosd_request *request,
			  struct dcosd_answer *answer);

#endif
