/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "iam-login.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "iam.h"
#include "json.h"
#include "jwt.h"
#include "util.h"

struct login {
	const char *uid;
	const char *password; /* this or the token, the other is NULL */
	const char *token;
};

static void refuse(struct dcosd_answer *answer, const char *description)
{
	dcosd_iam_error(answer, 400, "400 Bad Request", description, NULL);
}

/* False if the answer is set, because the body does not say who wants to log in and how. */
static bool parse_login(const cJSON *body, struct dcosd_answer *answer, struct login *ret_login)
{
	struct login login = {
		.uid = dcosd_json_string(body, "uid"),
		.password = dcosd_json_string(body, "password"),
		.token = dcosd_json_string(body, "token"),
	};

	if (!login.password == !login.token) {
		refuse(answer, "Exactly one of `token` and `password` must be provided in the "
			       "request body");
		return false;
	}
	if (!login.uid) {
		refuse(answer, "`uid` missing in the request body");
		return false;
	}
	if (!*login.uid || (login.password && !*login.password)) {
		refuse(answer, "`uid` and `password` must not be empty strings");
		return false;
	}
	*ret_login = login;
	return true;
}

static bool credentials_are_good(const struct dcosd_account *account, const struct login *login)
{
	DCOSD_CLEANUP_FREE char *uid = NULL;

	if (login->password)
		return account->password && !strcmp(account->password, login->password);
	uid = dcosd_jwt_verify(account->public_key, login->token);
	return uid && !strcmp(uid, login->uid);
}

static void issue(struct dcosd_cluster *cluster, const char *uid, struct dcosd_answer *answer)
{
	int64_t expiry = dcosd_now() + cluster->token_lifetime;
	DCOSD_CLEANUP_FREE char *token = dcosd_jwt_issue(cluster->key, uid, expiry);

	if (!token) {
		dcosd_answer_html(answer, 500);
		return;
	}
	dcosd_answer_json(answer, 200, dcosd_format("{\n  \"token\": \"%s\"\n}\n", token));
	dcosd_answer_add_header(answer, "Set-Cookie",
				dcosd_format("dcos-acs-auth-cookie=%s; HttpOnly; Max-Age=%" PRId64
					     "; Path=/",
					     token, cluster->token_lifetime));
}

void dcosd_iam_login(struct dcosd_cluster *cluster, const struct dcosd_request *request,
		     struct dcosd_answer *answer)
{
	DCOSD_CLEANUP_JSON cJSON *body = NULL;
	const struct dcosd_account *account;
	struct login login;

	if (!dcosd_accepts(request->accept, "application/json")) {
		dcosd_answer_empty(answer, 406);
		return;
	}
	body = dcosd_iam_body(request, answer);
	if (!body || !parse_login(body, answer, &login))
		return;
	account = dcosd_account_find(cluster->accounts, login.uid);
	if (account && !account->public_key && login.token)
		/* A service login token for a regular user trips the real IAM, too. */
		dcosd_answer_html(answer, 500);
	else if (account && credentials_are_good(account, &login))
		issue(cluster, login.uid, answer);
	else
		dcosd_iam_error(answer, 401, "401 Unauthorized", "Invalid credentials.",
				"ERR_INVALID_CREDENTIALS");
}
