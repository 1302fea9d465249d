/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
/* The pretended cluster: everything that requests read and change. */
#ifndef DCOSD_CLUSTER_H
#define DCOSD_CLUSTER_H

#include <pthread.h>
#include <stdint.h>

#include "account.h"
#include "acl.h"
#include "rsa.h"
#include "store.h"

struct dcosd_cluster {
	pthread_mutex_t lock; /* held while a request is answered */
	struct dcosd_account *accounts;
	struct dcosd_acl acl;
	struct dcosd_store store;
	struct dcosd_saved *saved; /* see control.h */
	struct dcosd_key *key;	   /* signs the ACS tokens */
	int64_t token_lifetime;	   /* seconds */
	char *ca_pem;		   /* NULL: no CA to hand out */
};

#endif
