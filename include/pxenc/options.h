/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_OPTIONS_H
#define PXENC_OPTIONS_H

#include <stdbool.h>

#include "pxenc/cleanup.h"
#include "pxenc/status.h"

/* The options of `mount -t pxenc -o …` and `pxenc open -o …`. Strings are owned, NULL if absent. */
struct px_options {
	char *secret;	  /* secret=PATH */
	bool cluster_key; /* cluster_key */
	char *name;	  /* name=N: the mapping's name */
	char *fstype;	  /* fstype=T, or from -t pxenc.T */
	bool fsck;	  /* fsck: check the filesystem before mounting */
	bool discard;	  /* discard: the mapping passes discards on; the filesystem gets it too */
	bool readonly;	  /* ro */
	bool has_timeout; /* timeout=S was given */
	unsigned int timeout; /* seconds; 0: for ever */
	bool service;	      /* open --service: waits until few others fetch (turn.h), and ends
			       * with PX_TWIN where others get PX_BUSY for a clone */
	char *filesystem;     /* what is left for the filesystem, ro/rw and discard included */
};

/*
 * Parses one comma-separated list and adds it to *options (later ones win). Quoted values
 * ("a,b") are kept whole, as mount(8) does. What is for mount(8), systemd or udisks alone
 * (nofail, x-*, helper=, …) is dropped; _netdev stays, for libmount. PX_USAGE names the option that
 * is wrong.
 */
enum px_status px_options_parse(struct px_options *options, const char *list) PX_MUST_CHECK;

/* A mapping's name is at most this long, as device-mapper has it. */
#define PX_NAME_MAX 127

/* The mapping's name and the filesystem's type, when they come from elsewhere than a list.
 * PX_USAGE when they cannot be one. */
enum px_status px_options_set_name(struct px_options *options, const char *name) PX_MUST_CHECK;
enum px_status px_options_set_fstype(struct px_options *options, const char *fstype) PX_MUST_CHECK;

/* Seconds as a person writes them: digits only, from least (of which 0 is for ever) to a day.
 * PX_USAGE names `what`. */
enum px_status px_parse_seconds(const char *text, const char *what, unsigned int least,
				unsigned int *ret_seconds) PX_MUST_CHECK;

void px_options_clear(struct px_options *options);

static inline void px_options_cleanup(struct px_options *options)
{
	px_options_clear(options);
}

#endif
