/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/acs.h"

/* For the copy of pxenc that tests run from the build folder, as root too: it is never installed. */
const char *const px_run_dir = BUILD "/tests/run";
const char *const px_fetch_path = BUILD "/pxenc-fetch";
