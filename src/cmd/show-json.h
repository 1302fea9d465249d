/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_CMD_SHOW_JSON_H
#define PXENC_CMD_SHOW_JSON_H

#include <cjson/cJSON.h>

#include "pxenc/cleanup.h"
#include "pxenc/status.h"

/* To standard output, for people. NULL: it could not be made. PX_NOMEM. */
enum px_status px_show_json(const cJSON *json) PX_MUST_CHECK;

#endif
