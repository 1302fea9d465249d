/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
/* POST /acs/api/v1/auth/login: an ACS token for a password or a service login token. */
#ifndef DCOSD_IAM_LOGIN_H
#define DCOSD_IAM_LOGIN_H

#include "cluster.h"
#include "message.h"

void dcosd_iam_login(struct dcosd_cluster *cluster, const struct dcosd_request *request,
		     struct dcosd_answer *answer);

#endif
