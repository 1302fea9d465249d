/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <stdio.h>
#include <string.h>

#include "open-all.h"
#include "pxenc/credentials.h"
#include "pxenc/io.h"
#include "pxenc/log.h"
#include "pxenc/unlock.h"

/* Notes of many processes appear together: each begins with its device. */
static void name_notes(const struct px_volume *volume)
{
	static char name[512];

	snprintf(name, sizeof(name), "pxenc[%s]", volume->device);
	px_log_rename(name);
}

static enum px_status begin(const struct px_volume *volume)
{
	/* Failures go into the report, so that without notes there is nothing to say. */
	if (px_log_is_verbose())
		name_notes(volume);
	else
		px_worker_be_quiet();
	px_all_listen();
	/* The password is none of this process's business. */
	return px_login_hide_password();
}

/* The whole report, or none: a parent that is gone needs none. */
static void finish(struct px_report *report, enum px_status st, int to)
{
	report->status = st;
	memcpy(report->said, px_all_said, sizeof(report->said));
	if (px_write_all(to, report, sizeof(*report)) < 0)
		return;
}

static void describe(struct px_luks *luks, const struct px_all *all, struct px_report *report)
{
	const struct px_token *token = px_luks_token(luks);

	report->has_token = token != NULL;
	snprintf(report->secret, sizeof(report->secret), "%s", token ? token->secret : "");
	snprintf(report->store, sizeof(report->store), "%s", token ? token->store : "");
	snprintf(report->uuid, sizeof(report->uuid), "%s", px_luks_uuid(luks));
	report->cost =
		px_luks_cost(luks, token && !all->options->secret && !all->options->cluster_key);
}

struct looker {
	const struct px_all *all;
	struct px_report *report;
};

/* Where a key is needed, the look is over. */
static enum px_status stop(void *arg, struct px_luks *luks, struct px_choice *ret_choice,
			   struct px_secret **ret_key)
{
	const struct looker *looker = arg;

	(void)ret_choice;
	(void)ret_key;
	describe(luks, looker->all, looker->report);
	looker->report->wants_key = true;
	return PX_DECLINED;
}

/* Whether a device that nobody named is a volume, and boot may open it. */
static enum px_status is_meant(const char *device, bool *ret_meant)
{
	px_auto(luks) struct px_luks *luks = NULL;
	bool labelled = false;
	enum px_status st;

	st = px_luks_look_for_label(device, &labelled);
	if (st || !labelled) {
		/* A device without a medium, or that has just gone, is nobody's volume. */
		*ret_meant = st == PX_KERNEL;
		return st == PX_KERNEL ? st : PX_OK;
	}
	st = px_luks_load(device, &luks);
	*ret_meant = st || (px_luks_token(luks) && px_luks_token(luks)->auto_open);
	return st;
}

static void take_mapping(struct px_report *report, const struct px_unlocked *unlocked)
{
	snprintf(report->name, sizeof(report->name), "%s", unlocked->name ? unlocked->name : "");
	report->created = unlocked->created;
}

/* A mapping that was there already. Who asks for all of the machine's is content with those that a
 * mount has opened. */
static enum px_status settle(const struct px_all_task *task, const struct px_unlocked *unlocked)
{
	if (!unlocked->name || unlocked->created || task->all->search)
		return PX_OK;
	return px_open_check_stays(task->volume->device, unlocked->name);
}

static enum px_status look(const struct px_all_task *task, struct px_report *report)
{
	px_auto(unlocked) struct px_unlocked unlocked = { 0 };
	struct looker looker = { task->all, report };
	const struct px_key_source source = { stop, &looker };
	bool meant = true;
	enum px_status st = PX_OK;

	if (task->all->search)
		st = is_meant(task->volume->device, &meant);
	report->foreign = !meant;
	if (st || !meant)
		return st;
	st = px_unlock_with(task->volume->device, task->all->options, task->all->test, &source,
			    &unlocked);
	if (report->wants_key)
		return PX_OK;
	take_mapping(report, &unlocked);
	return st ? st : settle(task, &unlocked);
}

void px_all_look(void *arg, int in, int to)
{
	const struct px_all_task *task = arg;
	static struct px_report report;
	enum px_status st = begin(task->volume);

	(void)in;
	finish(&report, st ? st : look(task, &report), to);
}

struct unlocker {
	const struct px_volume *volume;
	int in;
};

/* The key was fetched for what the header said when it was looked at. */
static bool has_changed(const struct px_luks *luks, const struct px_report *before)
{
	const struct px_token *token = px_luks_token(luks);

	if (!token || !before->has_token)
		return token || before->has_token;
	return strcmp(token->secret, before->secret) != 0 ||
	       strcmp(token->store, before->store) != 0;
}

static enum px_status take_key(void *arg, struct px_luks *luks, struct px_choice *ret_choice,
			       struct px_secret **ret_key)
{
	const struct unlocker *unlocker = arg;
	const struct px_volume *volume = unlocker->volume;
	int r;

	if (has_changed(luks, &volume->report) ||
	    strcmp(px_luks_uuid(luks), volume->report.uuid) != 0)
		return px_fail(PX_BAD_HEADER,
			       "%s: its header was changed while its secret was fetched: open it "
			       "again",
			       volume->device);
	px_luks_set_parallel(luks);
	ret_choice->named_slot = volume->named_slot;
	r = px_secret_read(unlocker->in, PX_ALL_KEY_MAX, ret_key);
	return r < 0 ? px_nomem() : PX_OK;
}

static enum px_status unlock(const struct px_all_task *task, int in, struct px_report *report)
{
	px_auto(unlocked) struct px_unlocked unlocked = { 0 };
	struct unlocker unlocker = { task->volume, in };
	const struct px_key_source source = { take_key, &unlocker };
	enum px_status st;

	st = px_unlock_with(task->volume->device, task->all->options, task->all->test, &source,
			    &unlocked);
	take_mapping(report, &unlocked);
	return st ? st : settle(task, &unlocked);
}

void px_all_unlock(void *arg, int in, int to)
{
	const struct px_all_task *task = arg;
	static struct px_report report;
	enum px_status st = begin(task->volume);

	report = task->volume->report;
	finish(&report, st ? st : unlock(task, in, &report), to);
}
