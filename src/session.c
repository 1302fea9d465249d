/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/session.h"

#include <errno.h>

#include "pxenc/clock.h"
#include "pxenc/log.h"
#include "pxenc/path.h"

enum px_status px_session_config(struct px_config **ret_config)
{
	px_auto(config) struct px_config *config = NULL;
	enum px_status st;

	st = px_config_load(&config);
	if (!st)
		st = px_store_session_base(config);
	if (!st)
		*ret_config = px_steal(&config);
	return st;
}

enum px_status px_session_open(struct px_session *ret_session)
{
	px_auto(config) struct px_config *config = NULL;
	enum px_status st;

	st = px_session_config(&config);
	if (!st)
		st = px_store_new(config, px_deadline_in(config->timeout), &ret_session->store);
	if (!st)
		ret_session->config = px_steal(&config);
	return st;
}

enum px_status px_session_path(const struct px_session *session, const char *path, char **ret_full)
{
	int r = px_path_full(session->config->base_path, path, ret_full);

	if (r == -ENOMEM)
		return px_nomem();
	if (r < 0)
		return px_fail(PX_USAGE, "'%s' is no path of a secret: %s", path,
			       px_path_fault(path) ? px_path_fault(path)
						   : "it is too long below the base path");
	return PX_OK;
}

void px_session_close(struct px_session *session)
{
	px_store_free(&session->store);
	px_config_free(&session->config);
}
