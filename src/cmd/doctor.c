/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "pxenc/cmd.h"
#include "pxenc/log.h"
#include "pxenc/printable.h"
#include "pxenc/store.h"
#include "show-json.h"

#define LINE_MAX_BYTES 1024

static char kept[LINE_MAX_BYTES];

static void keep(const char *text)
{
	snprintf(kept, sizeof(kept), "%s", text);
}

void px_doctor_begin(void)
{
	kept[0] = '\0';
	px_log_divert(keep);
}

void px_doctor_end(void)
{
	px_log_divert(NULL);
}

const char *px_doctor_cause(void)
{
	static char cause[LINE_MAX_BYTES];

	memcpy(cause, kept, sizeof(cause));
	kept[0] = '\0';
	return cause;
}

static void add_json(cJSON *array, const char *state, enum px_status status, const char *check,
		     const char *text)
{
	cJSON *line = cJSON_CreateObject();

	cJSON_AddStringToObject(line, "check", check);
	cJSON_AddStringToObject(line, "state", state);
	cJSON_AddNumberToObject(line, "status", status);
	cJSON_AddStringToObject(line, "message", text);
	cJSON_AddItemToArray(array, line);
}

/* A line is shown when it is known, since the next one may wait for the store. */
static void show(const struct px_doctor *doctor, const char *state, enum px_status status,
		 const char *check, const char *text)
{
	if (doctor->json) {
		add_json(doctor->json, state, status, check, text);
		return;
	}
	printf("%-7s  %s: %s\n", state, check, text);
	fflush(stdout);
}

static void PX_PRINTF(4, 0) show_formatted(const struct px_doctor *doctor, const char *state,
					   const char *check, const char *fmt, va_list args)
{
	char text[LINE_MAX_BYTES];

	if (vsnprintf(text, sizeof(text), fmt, args) < 0)
		text[0] = '\0';
	px_make_printable(text);
	show(doctor, state, PX_OK, check, text);
}

void px_doctor_ok(struct px_doctor *doctor, const char *check, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	show_formatted(doctor, "ok", check, fmt, args);
	va_end(args);
}

void px_doctor_warn(struct px_doctor *doctor, const char *check, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	show_formatted(doctor, "warning", check, fmt, args);
	va_end(args);
}

void px_doctor_fail(struct px_doctor *doctor, const char *check, enum px_status status)
{
	show(doctor, "failed", status, check, px_doctor_cause());
	if (!doctor->status)
		doctor->status = status;
}

static struct px_config *check_config(struct px_doctor *doctor)
{
	px_auto(config) struct px_config *config = NULL;
	enum px_status st = px_config_load(&config);

	if (st) {
		px_doctor_fail(doctor, "config", st);
		return NULL;
	}
	if (access(config->file, F_OK) == 0)
		px_doctor_ok(doctor, "config", "%s", config->file);
	else
		px_doctor_warn(doctor, "config",
			       "there is no %s: the environment and the defaults hold (pxenc(5))",
			       config->file);
	return px_steal(&config);
}

/* The base path of a login comes with it; what it is read from are files that have to be fit. */
static bool check_ca(struct px_doctor *doctor, struct px_config *config)
{
	enum px_status st = px_store_session_base(config);

	if (st)
		px_doctor_fail(doctor, "CA", st);
	else if (config->ca_cert_file)
		px_doctor_ok(doctor, "CA", "%s", config->ca_cert_file);
	else
		px_doctor_ok(doctor, "CA",
			     "there is no ca_cert_file: the system's CA certificates");
	return !st;
}

/* In the order of the chain; what needs a link that is broken is left out. */
static void check_all(struct px_doctor *doctor, const char *device)
{
	px_auto(config) struct px_config *config = check_config(doctor);
	bool usable;

	px_doctor_check_kernel(doctor);
	usable = config && check_ca(doctor, config) && px_doctor_check_login(doctor, config) &&
		 px_doctor_check_store(doctor, config);
	if (device)
		px_doctor_check_device(doctor, usable ? config : NULL, device);
}

static enum px_status run(struct px_doctor *doctor, const char *device)
{
	enum px_status shown = PX_OK;

	px_doctor_begin();
	check_all(doctor, device);
	px_doctor_end();
	if (doctor->json)
		shown = px_show_json(doctor->json);
	cJSON_Delete(doctor->json);
	return doctor->status ? doctor->status : shown;
}

enum px_status px_cmd_doctor(int argc, char **argv)
{
	static const struct option longs[] = { PX_COMMON_OPTIONS,
					       { "json", no_argument, NULL, 'j' },
					       { NULL, 0, NULL, 0 } };
	struct px_doctor doctor = { .status = PX_OK };
	bool json = false;
	int c;

	while ((c = px_next_option("doctor", argc, argv, "", longs)) != -1) {
		if (c != 'j')
			return PX_USAGE;
		json = true;
	}
	if (argc - optind > 1)
		return px_usage("doctor");
	if (json) {
		doctor.json = cJSON_CreateArray();
		if (!doctor.json)
			return px_nomem();
	}
	return run(&doctor, argv[optind]);
}
