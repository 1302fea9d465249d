/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_PATH_H
#define PXENC_PATH_H

#include <stdbool.h>

#include "pxenc/cleanup.h"

/*
 * Paths of secrets. The store's API has no leading slash; people write one, so one is stripped.
 * All functions work on strings alone; they return -EINVAL for a path that is malformed (see
 * px_path_check) and -ENOMEM.
 */

/* The longest path that we accept, base path included. */
#define PX_PATH_MAX 1024

/* The longest name of a store. */
#define PX_STORE_MAX 63

/*
 * 0 when path is well formed after one leading slash: at most PX_PATH_MAX bytes, no empty, "."
 * or ".." component, no percent sign, backslash, '?', '#' or space, and only what is printable
 * (printable.h). A trailing slash makes an empty component.
 */
int px_path_check(const char *path) PX_MUST_CHECK;

/* One line that says what px_path_check dislikes about path; NULL when it is fine. */
const char *px_path_fault(const char *path);

/*
 * The full path in the store of a path that a person wrote: taken as it is when it starts with
 * "base/", else relative to base. base may be "" (top level).
 */
int px_path_full(const char *base, const char *path, char **ret_full) PX_MUST_CHECK;

/* The same path relative to base, as the LUKS2 token and the cluster setting hold it. */
int px_path_relative(const char *base, const char *path, char **ret_relative) PX_MUST_CHECK;

/* base + "/" + path, never reinterpreted: for a path that is known to be relative. */
int px_path_join(const char *base, const char *path, char **ret_full) PX_MUST_CHECK;

/*
 * Whether a LUKS2 token (or the cluster setting) may name this relative path: it is well formed
 * and lies not under pxenc/ or credentials/, and is no header backup (volumes/UUID/header…).
 */
bool px_path_may_be_key(const char *relative);

/* Whether a store may have this name, which is a part of its URLs: letters, digits, '-' and '_'. */
bool px_path_may_be_store(const char *name);

#endif
