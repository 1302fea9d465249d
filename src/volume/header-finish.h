/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_VOLUME_HEADER_FINISH_H
#define PXENC_VOLUME_HEADER_FINISH_H

#include <stddef.h>

#include "pxenc/cleanup.h"

/*
 * When all data has the new volume key, libcryptsetup destroys the old one's keyslots first and
 * says that the reencryption is over last. A process that is killed in between leaves a header
 * which asks for a volume key that is gone, and which libcryptsetup does not open. This is the
 * header's JSON as it would have been in the end. It must have passed the allowlist.
 * -ENOENT: there is data left to be written; -EINVAL, -ENOMEM.
 */
int px_header_finish(const char *json, size_t len, char **ret_json) PX_MUST_CHECK;

#endif
