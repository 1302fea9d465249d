/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/credentials.h"

#include <string.h>

#include "pxenc/acs.h"
#include "pxenc/clock.h"
#include "pxenc/file.h"
#include "pxenc/frame.h"
#include "pxenc/log.h"
#include "pxenc/persist.h"

#define USERNAME_VARIABLE "DCOS_SECRETS_USERNAME"
#define PASSWORD_VARIABLE "DCOS_SECRETS_PASSWORD"

/* The environment is one for the process, and so is what was in it. */
static struct px_secret *hidden_password;

enum px_status px_login_hide_password(void)
{
	px_auto(secret) struct px_secret *copy = NULL;
	char *password = getenv(PASSWORD_VARIABLE);

	if (!password || !*password)
		return PX_OK;
	/* Whom we fork, as the guard does to resume a volume, does not find it there either. */
	if (px_secret_from(password, strlen(password), &copy) < 0 || px_secret_inherit(copy) < 0)
		return px_nomem();
	px_wipe_string(password);
	px_secret_free(&hidden_password);
	hidden_password = px_steal(&copy);
	return PX_OK;
}

static enum px_status read_uid(const char *file, char **ret_uid)
{
	px_auto(free) char *uid = NULL;
	enum px_status st;
	size_t len;

	st = px_file_read(file, "username_file", 4 * PX_UID_MAX, &uid, &len);
	if (st)
		return st;
	if (len && uid[len - 1] == '\n')
		uid[len - 1] = '\0';
	st = px_account_check_uid(uid, file);
	if (st)
		return st;
	*ret_uid = px_steal(&uid);
	return PX_OK;
}

static enum px_status uid_from_environment(char **ret_uid)
{
	const char *variable = getenv(USERNAME_VARIABLE);
	enum px_status st;

	if (!variable || !*variable) {
		*ret_uid = NULL;
		return PX_OK;
	}
	st = px_account_check_uid(variable, USERNAME_VARIABLE);
	if (st)
		return st;
	*ret_uid = strdup(variable);
	return *ret_uid ? PX_OK : px_nomem();
}

enum px_credentials px_credentials_which(const struct px_config *config)
{
	if (config->service_account_file)
		return PX_CREDENTIALS_SERVICE;
	if (config->username_file || config->password_file)
		return PX_CREDENTIALS_USER;
	return px_persist_file() ? PX_CREDENTIALS_KEPT : PX_CREDENTIALS_VARIABLE;
}

static enum px_status read_service(const struct px_config *config, struct px_account *ret_account)
{
	return px_account_read_service(config->service_account_file, "service_account_file",
				       ret_account);
}

static enum px_status user_uid(const struct px_config *config, char **ret_uid)
{
	return config->username_file ? read_uid(config->username_file, ret_uid)
				     : uid_from_environment(ret_uid);
}

static enum px_status read_password(const struct px_config *config, struct px_secret **ret_password)
{
	if (config->password_file)
		return px_file_read_secret(config->password_file, "password_file", PX_PASSWORD_MAX,
					   ret_password);
	if (!hidden_password)
		return px_fail(PX_USAGE,
			       "there is a user name but no password: set "
			       "secret.dcos.password_file in the config or " PASSWORD_VARIABLE);
	if (px_secret_len(hidden_password) > PX_PASSWORD_MAX)
		return px_fail(PX_USAGE, PASSWORD_VARIABLE " is longer than %d bytes",
			       PX_PASSWORD_MAX);
	if (px_secret_from(px_secret_bytes(hidden_password), px_secret_len(hidden_password),
			   ret_password) < 0)
		return px_nomem();
	return PX_OK;
}

static enum px_status read_user(const struct px_config *config, struct px_account *ret_account)
{
	px_auto(account) struct px_account account = { .uid = NULL };
	enum px_status st;

	st = user_uid(config, &account.uid);
	if (!st && !account.uid)
		st = px_fail(PX_USAGE,
			     "there is a password but no user name: set "
			     "secret.dcos.username_file in the config or " USERNAME_VARIABLE);
	if (!st)
		st = read_password(config, &account.password);
	if (st)
		return st;
	*ret_account = account;
	account = (struct px_account){ .uid = NULL };
	return PX_OK;
}

enum px_status px_login_account(const struct px_config *config, int64_t deadline,
				struct px_account *ret_account)
{
	switch (px_credentials_which(config)) {
	case PX_CREDENTIALS_SERVICE:
		return read_service(config, ret_account);
	case PX_CREDENTIALS_KEPT:
		return px_persist_load(deadline, ret_account);
	default:
		return read_user(config, ret_account);
	}
}

static enum px_status make_owner(const char *uid, const void *proof, size_t len, char **ret_owner)
{
	return px_acs_owner(uid, proof, len, ret_owner) < 0 ? px_nomem() : PX_OK;
}

static enum px_status account_owner(struct px_account *account, char **ret_uid, char **ret_owner)
{
	const struct px_secret *proof =
		account->private_key ? account->private_key : account->password;
	const void *bytes = proof ? px_secret_bytes(proof) : NULL;
	enum px_status st;

	st = make_owner(account->uid, bytes, proof ? px_secret_len(proof) : 0, ret_owner);
	if (!st)
		*ret_uid = px_steal(&account->uid);
	return st;
}

/* That there is a name and no password is said when a login is wanted: a login by hand may serve.
 */
static enum px_status user_owner(const struct px_config *config, char **ret_uid, char **ret_owner)
{
	px_auto(account) struct px_account account = { .uid = NULL };
	enum px_status st;

	st = user_uid(config, &account.uid);
	if (!st && account.uid && (config->password_file || hidden_password))
		st = read_password(config, &account.password);
	return st || !account.uid ? st : account_owner(&account, ret_uid, ret_owner);
}

static enum px_status ciphertext_owner(char **ret_owner)
{
	px_auto(free) char *ciphertext = NULL;
	enum px_status st;
	size_t len;

	st = px_persist_read(&ciphertext, &len);
	return st ? st : make_owner("", ciphertext, len, ret_owner);
}

enum px_status px_login_owner(const struct px_config *config, char **ret_uid, char **ret_owner)
{
	enum px_credentials which = px_credentials_which(config);
	px_auto(account) struct px_account account = { .uid = NULL };
	enum px_status st;

	*ret_uid = *ret_owner = NULL;
	if (which == PX_CREDENTIALS_USER || which == PX_CREDENTIALS_VARIABLE)
		return user_owner(config, ret_uid, ret_owner);
	if (which == PX_CREDENTIALS_KEPT && !px_persist_is_handed())
		return ciphertext_owner(ret_owner);
	st = px_login_account(config, PX_FOREVER, &account);
	return st ? st : account_owner(&account, ret_uid, ret_owner);
}
