/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_CMD_WATCHED_H
#define PXENC_CMD_WATCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "pxenc/cleanup.h"
#include "pxenc/mapping.h"

/*
 * The memory of pxenc guard: the open volumes of this machine, what the store said about the
 * secret of each, and what follows from that. No I/O.
 */

/* What a round of questions found out about a secret. */
enum px_verdict {
	PX_VERDICT_NONE, /* nothing that the store itself said */
	PX_VERDICT_GRANTED,
	PX_VERDICT_FORBIDDEN, /* its own 403 */
	PX_VERDICT_GONE,      /* its own 404 */
};

enum px_step { PX_STEP_NONE, PX_STEP_SUSPEND, PX_STEP_RESUME };

struct px_watched {
	char *name;		 /* of the mapping */
	char *device;		 /* below it, or NULL */
	char *secret;		 /* full path; NULL: not known */
	enum px_verdict verdict; /* of this round */
	unsigned int refusals;	 /* in a row */
	bool granted;		 /* its secret, seen by this guard */
	bool suspended;		 /* as sysfs has it */
	bool ours;		 /* suspended by this guard, which alone it resumes */
	bool present;		 /* in the list that was seen last */
	unsigned int unread;	 /* rounds in a row that could not read its header */
	bool nameless;		 /* its header names no secret that could be watched */
	bool told;		 /* so, in the journal */
	bool doubted;		 /* px_watched_is_doubtful, as the journal has it */
	bool missed;		 /* px_watched_is_unreadable, likewise */
	bool complained;	 /* a step failed and has said why: the next failures are silent */
	enum px_step doing;	 /* a step under way, by the child pid */
	pid_t pid;		 /* 0: none */
	pid_t looking;		 /* a look that its disk has not answered; 0: none */
};

struct px_watch {
	struct px_watched *list;
	size_t count;
};

/*
 * Takes in what sysfs shows now: new volumes come, closed ones go, except while a step is under way
 * or a look unanswered. -ENOMEM leaves a watch that is sound.
 */
int px_watch_update(struct px_watch *watch, const struct px_mapping *mappings, size_t count)
	PX_MUST_CHECK;

/* Its header names this secret now. What was said about another one does not count. -ENOMEM. */
int px_watched_set_secret(struct px_watched *watched, const char *secret) PX_MUST_CHECK;

/* Whether its header could be read in this round. */
void px_watched_set_read(struct px_watched *watched, bool read);

/* Its header can neither be read, nor is it just being changed: it names what it named last. Else
 * a header that somebody broke would protect the key. */
bool px_watched_is_unreadable(const struct px_watched *watched);

/* Whether its secret is to be asked for: it is known, and what its header names now, as far as
 * anybody can tell. */
bool px_watched_is_asked(const struct px_watched *watched);

/* What its verdict leads to. A verdict of none changes nothing, and only a secret that was granted
 * before can be withdrawn. */
enum px_step px_watched_judge(struct px_watched *watched);

/* It is refused what was never seen granted: a wrong base path or user would look like this. */
bool px_watched_is_doubtful(const struct px_watched *watched);

/* A step has ended. */
void px_watched_done(struct px_watched *watched, enum px_step step, bool worked);

void px_watch_clear(struct px_watch *watch);

#endif
