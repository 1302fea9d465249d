/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "open-all.h"
#include "pxenc/clock.h"
#include "pxenc/log.h"
#include "show-json.h"

#define PROGRESS_MS 100
#define CLEAR_LINE "\r\033[K"

/* "open", or what a test does. */
static const char *opened(const struct px_all *all)
{
	return all->test ? "proven" : "open";
}

/* One line on a terminal, which the next one overwrites. */
void px_all_show_progress(struct px_all *all)
{
	int64_t now = px_now_ms();

	if (now - all->shown_ms < PROGRESS_MS || !isatty(STDERR_FILENO))
		return;
	all->shown_ms = now;
	fprintf(stderr, CLEAR_LINE "%zu of %zu %s", all->done - all->failed, all->count,
		all->search ? "devices looked through" : opened(all));
	if (all->failed)
		fprintf(stderr, ", %zu failed", all->failed);
}

void px_all_end_progress(const struct px_all *all)
{
	if (all->shown_ms)
		fputs(CLEAR_LINE, stderr);
}

/* Most messages begin with the device; those about a secret do not. */
static void show_failure(const struct px_volume *volume)
{
	const struct px_report *report = &volume->report;
	size_t len = strlen(volume->device);
	bool named = strncmp(report->said, volume->device, len) == 0;

	px_fail(report->status, "%s%s%s (status %d)", named ? "" : volume->device,
		named ? "" : ": ", report->said, report->status);
}

void px_all_show_summary(const struct px_all *all)
{
	size_t i;

	for (i = 0; i < all->count; i++)
		if (all->volumes[i].report.status)
			show_failure(&all->volumes[i]);
	printf("%zu of %zu volumes %s", all->count - all->failed, all->count, opened(all));
	if (all->failed)
		printf(", %zu failed", all->failed);
	putchar('\n');
}

static void add_text(cJSON *object, const char *name, const char *text)
{
	if (*text)
		cJSON_AddStringToObject(object, name, text);
	else
		cJSON_AddNullToObject(object, name);
}

static const char *state_of(const struct px_all *all, const struct px_report *report)
{
	return report->status ? "failed" : opened(all);
}

static cJSON *volume_to_json(const struct px_all *all, const struct px_volume *volume)
{
	const struct px_report *report = &volume->report;
	cJSON *object = cJSON_CreateObject();

	add_text(object, "device", volume->device);
	add_text(object, "uuid", report->uuid);
	add_text(object, "secret", report->secret);
	add_text(object, "state", state_of(all, report));
	cJSON_AddNumberToObject(object, "status", report->status);
	add_text(object, "message", report->status ? report->said : "");
	add_text(object, "name", report->status ? "" : report->name);
	cJSON_AddBoolToObject(object, "created", report->created && !report->status);
	cJSON_AddNumberToObject(object, "milliseconds", (double)(volume->done_us / 100) / 10);
	return object;
}

enum px_status px_all_show_json(const struct px_all *all)
{
	cJSON *array = cJSON_CreateArray();
	enum px_status st;
	size_t i;

	for (i = 0; i < all->count && array; i++)
		cJSON_AddItemToArray(array, volume_to_json(all, &all->volumes[i]));
	st = px_show_json(array);
	cJSON_Delete(array);
	return st;
}
