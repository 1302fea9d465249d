/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "header-volume.h"

#include "pxenc/log.h"
#include "pxenc/unlock.h"

enum px_status px_header_key(struct px_session *session, struct px_luks *luks,
			     struct px_secret **ret_key)
{
	px_auto(choice) struct px_choice choice = { 0 };
	const struct px_options none = { .secret = NULL };

	if (!px_luks_token(luks))
		return px_fail(PX_NO_VOLUME,
			       "%s is not a volume of pxenc: its header has no LUKS2 token that "
			       "names its secret",
			       px_luks_device(luks));
	return px_unlock_key(luks, session->config, session->store, &none, &choice, ret_key);
}

enum px_status px_header_key_maybe(struct px_session *session, const struct px_luks *luks,
				   struct px_secret **ret_key)
{
	px_auto(choice) struct px_choice choice = { 0 };
	const struct px_options none = { .secret = NULL };
	enum px_status st;

	st = px_resolve(session->config, session->store, &none, px_luks_token(luks), &choice);
	return st ? st
		  : px_store_get(session->store, choice.path, PX_GET_PASSPHRASE | PX_GET_MAYBE,
				 ret_key);
}
