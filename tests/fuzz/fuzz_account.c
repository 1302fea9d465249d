/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pxenc/account.h"
#include "pxenc/frame.h"
#include "pxenc/log.h"

static void ignore(const char *line)
{
	(void)line;
}

static bool same(const struct px_secret *a, const struct px_secret *b)
{
	return a && b ? px_secret_equal(a, b) : a == b;
}

/* What is accepted fits a frame, and is the same when it is written and read again: a login that
 * is kept must not be another one after the restart. */
static void check(const struct px_account *account)
{
	px_auto(account) struct px_account again = { .uid = NULL };
	px_auto(secret) struct px_secret *json = NULL;

	if (!account->uid[0] || strlen(account->uid) > PX_UID_MAX ||
	    !account->password == !account->private_key)
		abort();
	if (px_account_format(account, &json) < 0)
		return;
	if (px_account_parse(json, "again", &again) || strcmp(again.uid, account->uid) != 0 ||
	    !same(again.password, account->password) ||
	    !same(again.private_key, account->private_key))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	px_auto(account) struct px_account account = { .uid = NULL };
	px_auto(secret) struct px_secret *json = NULL;

	px_log_set_sink(ignore);
	if (size <= PX_ACCOUNT_MAX && px_secret_from(data, size, &json) == 0 &&
	    px_account_parse(json, "fuzz", &account) == PX_OK)
		check(&account);
	return 0;
}
