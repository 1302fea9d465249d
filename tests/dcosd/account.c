/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "account.h"

#include <stdlib.h>
#include <string.h>

#include "util.h"

bool dcosd_account_add(struct dcosd_account **accounts, const char *uid, const char *password,
		       struct dcosd_key *key)
{
	struct dcosd_account *account;

	if (!*uid || dcosd_account_find(*accounts, uid))
		return false;
	account = dcosd_alloc(sizeof(*account));
	account->uid = dcosd_strdup(uid);
	account->password = password ? dcosd_strdup(password) : NULL;
	account->public_key = key;
	account->next = *accounts;
	*accounts = account;
	return true;
}

struct dcosd_account *dcosd_account_find(struct dcosd_account *accounts, const char *uid)
{
	while (accounts && strcmp(accounts->uid, uid))
		accounts = accounts->next;
	return accounts;
}

void dcosd_accounts_free(struct dcosd_account *accounts)
{
	while (accounts) {
		struct dcosd_account *next = accounts->next;

		free(accounts->uid);
		free(accounts->password);
		dcosd_key_free(accounts->public_key);
		free(accounts);
		accounts = next;
	}
}
