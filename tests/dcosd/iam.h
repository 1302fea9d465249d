/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
/*
 * The IAM, /acs/api/v1: login, JWKS, users and ACLs. Codes and texts follow the open IAM,
 * dcos/bouncer.
 */
#ifndef DCOSD_IAM_H
#define DCOSD_IAM_H

#include <cjson/cJSON.h>

#include "cluster.h"
#include "message.h"

#define DCOSD_IAM_PREFIX "/acs/api/v1/"

/* The resources that need no ACS token; false if the request is for another one. */
bool dcosd_iam_answer_public(struct dcosd_cluster *cluster, const struct dcosd_request *request,
			     struct dcosd_answer *answer);

/* For the others: REQUEST comes from a superuser; the cluster's lock is held. */
void dcosd_iam_answer(struct dcosd_cluster *cluster, const struct dcosd_request *request,
		      struct dcosd_answer *answer);

/* The two below are shared by the parts of the IAM. */

/* CODE may be NULL. */
void dcosd_iam_error(struct dcosd_answer *answer, unsigned int status, const char *title,
		     const char *description, const char *code);
/* The JSON object in the request's body; otherwise NULL, and the answer is set. */
cJSON *dcosd_iam_body(const struct dcosd_request *request, struct dcosd_answer *answer);

#endif
