/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_CMD_OPEN_ALL_H
#define PXENC_CMD_OPEN_ALL_H

#include <limits.h>

#include "pxenc/cmd.h"
#include "pxenc/config.h"
#include "pxenc/options.h"
#include "pxenc/path.h"
#include "pxenc/slots.h"
#include "pxenc/worker.h"

/*
 * `open --all`: many volumes at once. This process decides and waits; it touches no device and asks
 * no store. For each volume a process looks at the header and goes on up to where the key is
 * needed; a process that keeps one pxenc-fetch gets each secret once; and when the key is there,
 * another process takes the story of unlock.c from the beginning to its end. All of them can be
 * killed.
 */

#define PX_SAID_MAX 1024

/* What a process says of its volume. It goes through a pipe at once. */
struct px_report {
	enum px_status status;
	bool foreign;	/* of a search: no volume that boot may open */
	bool wants_key; /* the header is fine, and the volume is not open */
	bool has_token; /* a LUKS2 token, which says: */
	char secret[PX_PATH_MAX + 1];
	char store[PX_STORE_MAX + 1];
	char uuid[64];
	char name[PX_NAME_MAX + 1]; /* of the mapping; "" when there is none */
	bool created;		    /* it was not there before */
	struct px_cost cost;
	char said[PX_SAID_MAX]; /* why it failed */
};

_Static_assert(sizeof(struct px_report) <= PIPE_BUF, "a report is written at once");

enum px_volume_state {
	PX_VOLUME_NEW,
	PX_VOLUME_LOOKED_AT, /* a process looks at it */
	PX_VOLUME_WAITING,   /* for its secret */
	PX_VOLUME_READY,     /* the key is there */
	PX_VOLUME_UNLOCKED,  /* a process unlocks it */
	PX_VOLUME_DONE,	     /* its report has the outcome */
};

struct px_volume {
	char *device;
	enum px_volume_state state;
	struct px_report report;
	bool settled;  /* which secret it needs, if any, is known */
	size_t secret; /* its number, from PX_VOLUME_WAITING on */
	bool named_slot;
	struct px_worker worker;
	bool has_place;		    /* which it gives back when it ends or takes its time */
	int64_t patience, deadline; /* of the worker */
	int64_t done_us;	    /* since the beginning of all */
};

enum px_wanted_state {
	PX_SECRET_WANTED,
	PX_SECRET_ASKED,
	PX_SECRET_KNOWN, /* the key, or why there is none */
};

/* A secret, however many volumes it opens. */
struct px_wanted {
	char *path; /* full; NULL: that of the cluster setting, whose value is a path */
	enum px_wanted_state state;
	enum px_status status;
	char said[PX_SAID_MAX];
	struct px_secret *key;
	size_t users;	 /* volumes that wait for it */
	size_t leads_to; /* of the cluster setting: the number of the secret itself */
};

/* Most secrets need one. Another goes on with the rest when a secret takes its time. */
#define PX_FETCHERS_MAX 4

struct px_fetcher {
	struct px_worker worker;
	int to; /* writes requests; -1 */
	bool busy;
	size_t secret; /* that was asked for */
	int64_t asked_ms, deadline;
};

struct px_all {
	const struct px_config *config;
	const struct px_options *options;
	bool test;
	bool search;	  /* all of this machine that boot may open; else those that were named */
	int64_t deadline; /* for the store to give its next answer */

	int64_t since_us;
	struct px_volume *volumes;
	size_t count, done, failed;
	size_t unsettled; /* volumes */
	struct px_wanted *secrets;
	size_t secret_count;
	struct px_fetcher fetchers[PX_FETCHERS_MAX];

	unsigned int lookers; /* that have a place */
	unsigned int workers; /* all processes of volumes */
	int64_t shown_ms;     /* when progress was shown last */
	struct px_slots slots;
};

/* open-all-child.c: what the processes of a volume do. arg is a struct px_all_task. */
struct px_all_task {
	const struct px_all *all;
	const struct px_volume *volume;
};

void px_all_look(void *arg, int in, int to);
void px_all_unlock(void *arg, int in, int to); /* in: the key */

/* The longest key that a pipe is sure to take at once. */
#define PX_ALL_KEY_MAX 16384

/* open-all-fetch.c */

/* Gives secrets that wait to processes that fetch, and starts these as needed. */
void px_all_fetch(struct px_all *all);
/* Takes the answer that a fetcher has. */
void px_all_hear_fetcher(struct px_all *all, struct px_fetcher *fetcher);
void px_all_end_fetchers(struct px_all *all);
/* The number of the secret of a volume whose header was looked at; it is added if it is new. */
enum px_status px_all_want(struct px_all *all, struct px_volume *volume, size_t *ret_number)
	PX_MUST_CHECK;
/* Milliseconds until px_all_fetch may do more by the clock alone; -1: never. */
int px_all_fetch_wait(const struct px_all *all);

/* open-all-volume.c */

/* Failures of this process and its children are texts that belong to a volume. */
extern char px_all_said[PX_SAID_MAX];
void px_all_listen(void);

/* All processes of volumes, those that wait for dead disks included. */
#define PX_WORKERS_MAX 128

/* For all volumes that can have a process now, or whose secret has come. */
void px_all_start_looks(struct px_all *all);
void px_all_hand_out_secrets(struct px_all *all);
void px_all_start_unlocks(struct px_all *all);
/* Takes the report that a volume's process has. */
void px_all_hear(struct px_all *all, struct px_volume *volume);
/* What the clock alone decides for such a process. now: px_now_ms. */
void px_all_check_time(struct px_all *all, struct px_volume *volume, int64_t now);

/* open-all-show.c */
void px_all_show_progress(struct px_all *all);
void px_all_end_progress(const struct px_all *all);
enum px_status px_all_show_json(const struct px_all *all) PX_MUST_CHECK;
void px_all_show_summary(const struct px_all *all);

/* open.c: a mapping that was there before is open only if it is not marked for removal. */
enum px_status px_open_check_stays(const char *device, const char *name) PX_MUST_CHECK;

/* open-all.c: 0 when all are open, PX_SOME_FAILED when some are not. devices: NULL-terminated;
 * none: those of this machine. */
enum px_status px_open_all(char *const *devices, const struct px_options *options, bool test,
			   bool json) PX_MUST_CHECK;

#endif
