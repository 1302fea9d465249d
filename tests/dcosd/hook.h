/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
/* A program that runs before a request that changes secrets is acted upon. */
#ifndef DCOSD_HOOK_H
#define DCOSD_HOOK_H

#include "message.h"

/* Runs PROGRAM METHOD TARGET, and waits for it. NULL: there is none. */
void dcosd_hook_run(const char *program, const struct dcosd_request *request);

#endif
