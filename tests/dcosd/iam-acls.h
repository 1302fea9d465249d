/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
/* The ACL resources of the IAM, through which an administrator grants and revokes permissions. */
#ifndef DCOSD_IAM_ACLS_H
#define DCOSD_IAM_ACLS_H

#include "cluster.h"
#include "message.h"

/* PATH is what follows "acls/", decoded once: a slash of the rid is still "%2F" in it. */
void dcosd_iam_acls(struct dcosd_cluster *cluster, const struct dcosd_request *request,
		    const char *path, struct dcosd_answer *answer);

#endif
