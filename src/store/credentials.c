/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <string.h>
#include <sys/stat.h>

#include "pxenc/acs.h"
#include "pxenc/file.h"
#include "pxenc/frame.h"
#include "pxenc/log.h"

#define USERNAME_VARIABLE "DCOS_SECRETS_USERNAME"
#define PASSWORD_VARIABLE "DCOS_SECRETS_PASSWORD"

/* The environment is one for the process, and so is what was in it. */
static struct px_secret *hidden_password;

enum px_status px_login_hide_password(void)
{
	char *password = getenv(PASSWORD_VARIABLE);
	struct px_secret *copy;

	if (!password || !*password)
		return PX_OK;
	if (px_secret_from(password, strlen(password), &copy) < 0)
		return px_nomem();
	px_wipe_string(password);
	px_secret_free(&hidden_password);
	hidden_password = copy;
	return PX_OK;
}

enum px_status px_login_check_uid(const char *uid, const char *where)
{
	const char *p;

	for (p = uid; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return px_fail(PX_USAGE, "the user name in %s has a control character",
				       where);
	if (p == uid || p - uid > PX_UID_MAX)
		return px_fail(PX_USAGE, "the user name in %s is empty or longer than %d bytes",
			       where, PX_UID_MAX);
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
	st = px_login_check_uid(uid, file);
	if (st)
		return st;
	*ret_uid = px_steal(&uid);
	return PX_OK;
}

enum px_status px_login_uid(const struct px_config *config, char **ret_uid)
{
	const char *variable = getenv(USERNAME_VARIABLE);
	enum px_status st;
	char *uid = NULL;

	if (config->username_file)
		return read_uid(config->username_file, ret_uid);
	if (variable && *variable) {
		st = px_login_check_uid(variable, USERNAME_VARIABLE);
		if (st)
			return st;
		uid = strdup(variable);
		if (!uid)
			return px_nomem();
	}
	*ret_uid = uid;
	return PX_OK;
}

enum px_status px_login_password(const struct px_config *config, struct px_secret **ret_password)
{
	if (config->password_file)
		return px_file_read_secret(config->password_file, "password_file", PX_PASSWORD_MAX,
					   ret_password);
	if (!hidden_password)
		return px_fail(PX_USAGE,
			       "there is a user name but no password: set "
			       "secret.dcos.password_file in the config or " PASSWORD_VARIABLE);
	if (px_secret_from(px_secret_bytes(hidden_password), px_secret_len(hidden_password),
			   ret_password) < 0)
		return px_nomem();
	return PX_OK;
}

/* A password in the environment changes with its process's parent; it has no identity of its
 * own, and nothing derived from the password is written down. */
size_t px_login_source(const struct px_config *config, uint8_t source[PX_LOGIN_SOURCE_MAX])
{
	struct stat st;
	uint64_t identity[7];

	if (!config->password_file || stat(config->password_file, &st) < 0)
		return 0;
	identity[0] = st.st_dev;
	identity[1] = st.st_ino;
	identity[2] = (uint64_t)st.st_size;
	identity[3] = (uint64_t)st.st_mtim.tv_sec;
	identity[4] = (uint64_t)st.st_mtim.tv_nsec;
	identity[5] = (uint64_t)st.st_ctim.tv_sec;
	identity[6] = (uint64_t)st.st_ctim.tv_nsec;
	memcpy(source, identity, sizeof(identity));
	return sizeof(identity);
}
