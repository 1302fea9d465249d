/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "plugin.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "pxenc/printable.h"

#define LINE_SIZE 1024

void px_plugin_say(struct crypt_device *cd, const char *fmt, ...)
{
	char line[LINE_SIZE] = "";
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line) - 1, fmt, args);
	va_end(args);
	px_make_printable(line);
	strcat(line, "\n");
	crypt_log(cd, CRYPT_LOG_ERROR, line);
}

int cryptsetup_token_open(struct crypt_device *cd, int token, char **buffer, size_t *buffer_len,
			  void *usrptr)
{
	px_auto(secret) struct px_secret *key = NULL;
	int r;

	/* Its number tells nothing: a header with two LUKS2 tokens of ours is refused. */
	(void)token;
	(void)usrptr;
	r = px_plugin_ask(cd, &key);
	if (r < 0)
		return r;
	*buffer_len = px_secret_len(key);
	*buffer = (char *)px_secret_data(px_steal(&key));
	return 0;
}

void cryptsetup_token_buffer_free(void *buffer, size_t buffer_len)
{
	struct px_secret *key = px_secret_of(buffer);

	(void)buffer_len;
	px_secret_free(&key);
}

int cryptsetup_token_validate(struct crypt_device *cd, const char *json)
{
	struct px_member version, secret;

	if (px_plugin_member(json, "version", &version) &&
	    px_plugin_member(json, "secret", &secret) && secret.is_string)
		return 0;
	px_plugin_say(
		cd, "pxenc: a LUKS2 token of type pxenc has a version and names a secret, this one "
		    "does not");
	return -EINVAL;
}

/* In the columns of luksDump. */
static void dump_line(struct crypt_device *cd, const char *label, const char *value, int len)
{
	char text[LINE_SIZE / 2], line[LINE_SIZE];

	snprintf(text, sizeof(text), "%.*s", len, value);
	px_make_printable(text);
	snprintf(line, sizeof(line), "\t%-11s %s\n", label, text);
	crypt_log(cd, CRYPT_LOG_NORMAL, line);
}

static void dump_text(struct crypt_device *cd, const char *json, const char *name,
		      const char *label)
{
	struct px_member member;

	if (px_plugin_member(json, name, &member))
		dump_line(cd, label, member.text, member.len);
}

static void dump_answer(struct crypt_device *cd, const char *label, bool yes)
{
	dump_line(cd, label, yes ? "yes" : "no", 3);
}

void cryptsetup_token_dump(struct crypt_device *cd, const char *json)
{
	struct px_member member;

	dump_text(cd, json, "version", "Version:");
	dump_text(cd, json, "secret_type", "Store type:");
	dump_text(cd, json, "store", "Store:");
	dump_text(cd, json, "secret", "Secret:");
	/* Of a change of the key that is under way, or was interrupted. */
	dump_text(cd, json, "next", "Next:");
	dump_text(cd, json, "old", "Old:");
	dump_answer(cd,
		    "Auto-open:", px_plugin_member(json, "auto", &member) && *member.text == 't');
	dump_answer(cd, "Sealed:", px_plugin_member(json, "seal", &member));
}

const char *cryptsetup_token_version(void)
{
	return PACKAGE_VERSION;
}
