/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
/* Users and service accounts of the IAM; they are fixed at start. */
#ifndef DCOSD_ACCOUNT_H
#define DCOSD_ACCOUNT_H

#include <stdbool.h>

#include "rsa.h"

struct dcosd_account {
	char *uid;
	char *password;		      /* NULL for a service account */
	struct dcosd_key *public_key; /* NULL for a regular user */
	struct dcosd_account *next;
};

/* Takes KEY over. False, and KEY is still the caller's, if the uid is empty or taken. */
bool dcosd_account_add(struct dcosd_account **accounts, const char *uid, const char *password,
		       struct dcosd_key *key);
struct dcosd_account *dcosd_account_find(struct dcosd_account *accounts, const char *uid);
void dcosd_accounts_free(struct dcosd_account *accounts);

#endif
