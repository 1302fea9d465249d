/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "show-json.h"

#include <stdio.h>

#include "pxenc/log.h"

enum px_status px_show_json(const cJSON *json)
{
	px_auto(free) char *text = json ? cJSON_Print(json) : NULL;

	if (!text)
		return px_nomem();
	puts(text);
	return PX_OK;
}
