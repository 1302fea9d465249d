/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_CONFIG_H
#define PXENC_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "pxenc/cleanup.h"
#include "pxenc/status.h"

/* Where the config lies unless $PXENC_CONFIG names another file. */
#define PX_CONFIG_FILE "/etc/pxenc/config.json"

#define PX_TIMEOUT_DEFAULT 75 /* seconds: systemd gives a mount 90 */

/*
 * What the administrator decided. Strings are owned and may be NULL where it says so. A flag
 * beats the config, the config beats the environment (Portworx's DCOS_* names).
 */
struct px_config {
	char *file;		    /* where it was read from, for messages */
	char **cluster_urls;	    /* https only; NULL-terminated; at least one */
	char *ca_cert_file;	    /* PEM; NULL: the system's store */
	char *store;		    /* "default" */
	char *base_path;	    /* without slashes at its ends; "" is the top level */
	bool base_of_session;	    /* which came with a login by hand, and ends with it */
	char *username_file;	    /* NULL: none */
	char *password_file;	    /* NULL: none */
	char *service_account_file; /* NULL: none; not beside the two above */
	char *cluster_secret_key;   /* NULL: none; a path as a person wrote it */
	unsigned int timeout;	    /* seconds; 0: for ever */
	bool header_backup;	    /* keep one of every volume in the store */
};

/*
 * Reads $PXENC_CONFIG, or PX_CONFIG_FILE where there may be none, then fills what is missing
 * from the environment and the defaults. PX_USAGE for a file that others may write, that does
 * not parse, or that has an unknown key or a wrong type: the message names key, file and mend.
 */
enum px_status px_config_load(struct px_config **ret_config) PX_MUST_CHECK;

/* The parser alone, no I/O but messages; file is for these. Missing keys stay NULL. */
enum px_status px_config_parse(const char *text, size_t len, const char *file,
			       struct px_config **ret_config) PX_MUST_CHECK;

/* Fills what is still missing from the environment, then from the defaults, and checks all. */
enum px_status px_config_complete(struct px_config *config) PX_MUST_CHECK;

/* Replaces the base path (checked, slashes at its ends stripped). PX_USAGE, PX_NOMEM. */
enum px_status px_config_set_base_path(struct px_config *config, const char *base) PX_MUST_CHECK;

void px_config_free(struct px_config **config);

static inline void px_config_cleanup(struct px_config **config)
{
	px_config_free(config);
}

#endif
