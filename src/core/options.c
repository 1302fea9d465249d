/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pxenc/cleanup.h"
#include "pxenc/log.h"

#define DAY_SECONDS 86400

/* For mount(8), systemd and udisks alone: no filesystem knows them. (_netdev is for libmount, which
 * keeps it from the kernel and in its utab: there systemd finds it again at shutdown.) A '=' or '-'
 * at the end stands for anything that starts so. */
static const char *const not_ours[] = {
	"nofail",   "auto",    "noauto", "user",    "nouser",	"users",   "nousers",
	"owner",    "noowner", "group",	 "nogroup", "defaults", "helper=", "uhelper=",
	"comment=", "x-",      "X-",	 "user=",   NULL,
};

static bool is_not_ours(const char *option)
{
	size_t i;

	for (i = 0; not_ours[i]; i++) {
		size_t len = strlen(not_ours[i]);
		bool prefix = strchr("=-", not_ours[i][len - 1]) != NULL;

		if (strncmp(option, not_ours[i], len) == 0 && (prefix || !option[len]))
			return true;
	}
	return false;
}

enum px_status px_parse_seconds(const char *text, const char *what, unsigned int least,
				unsigned int *ret_seconds)
{
	unsigned int seconds = 0;
	const char *p;

	for (p = text; *p >= '0' && *p <= '9' && seconds <= DAY_SECONDS; p++)
		seconds = seconds * 10 + (unsigned int)(*p - '0');
	if (p == text || *p || seconds < least || seconds > DAY_SECONDS)
		return px_fail(PX_USAGE, "%s wants seconds from %u%s to %d, not '%s'", what, least,
			       least ? "" : " (for ever)", DAY_SECONDS, text);
	*ret_seconds = seconds;
	return PX_OK;
}

/* Replaces an owned string by a copy of value, which must not be empty. */
static enum px_status set_string(char **slot, const char *option, const char *value)
{
	char *copy;

	if (!*value)
		return px_fail(PX_USAGE, "the option '%s' needs a value", option);
	copy = strdup(value);
	if (!copy)
		return px_nomem();
	free(*slot);
	*slot = copy;
	return PX_OK;
}

/* It becomes a file below /dev/mapper; these characters device-mapper and udev leave alone. */
enum px_status px_options_set_name(struct px_options *options, const char *name)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789#+-.:=@_";

	/* /dev/mapper/control is device-mapper's own. */
	if (name[strspn(name, allowed)] || name[0] == '.' || strlen(name) > PX_NAME_MAX ||
	    strcmp(name, "control") == 0)
		return px_fail(PX_USAGE,
			       "'%s' cannot be a mapping's name: it takes up to %d "
			       "letters, digits and #+-.:=@_, and begins with no dot",
			       name, PX_NAME_MAX);
	return set_string(&options->name, "name=", name);
}

/* It becomes part of a program's name, and our own type would call us for ever. */
enum px_status px_options_set_fstype(struct px_options *options, const char *fstype)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789-_.";

	if (fstype[strspn(fstype, allowed)] || fstype[0] == '.' ||
	    strncmp(fstype, "pxenc", strlen("pxenc")) == 0)
		return px_fail(PX_USAGE, "'%s' is not the type of a filesystem", fstype);
	return set_string(&options->fstype, "fstype=", fstype);
}

static enum px_status add_filesystem(struct px_options *options, const char *option)
{
	char *joined;

	if (asprintf(&joined, "%s%s%s", options->filesystem ? options->filesystem : "",
		     options->filesystem ? "," : "", option) < 0)
		return px_nomem();
	free(options->filesystem);
	options->filesystem = joined;
	return PX_OK;
}

static enum px_status set_timeout(struct px_options *options, const char *value)
{
	options->has_timeout = true;
	return px_parse_seconds(value, "timeout=", 0, &options->timeout);
}

/* The value of option when it starts with "key=", else NULL. */
static const char *value_of(const char *option, const char *key)
{
	size_t len = strlen(key);

	return strncmp(option, key, len) == 0 && option[len] == '=' ? option + len + 1 : NULL;
}

static enum px_status parse_valued(struct px_options *options, const char *option)
{
	const char *value;

	if ((value = value_of(option, "secret")))
		return set_string(&options->secret, "secret=", value);
	if ((value = value_of(option, "name")))
		return px_options_set_name(options, value);
	if ((value = value_of(option, "fstype")))
		return px_options_set_fstype(options, value);
	if ((value = value_of(option, "timeout")))
		return set_timeout(options, value);
	return add_filesystem(options, option);
}

/* btrfs has discard=async. */
static bool is_discard(const char *option)
{
	return strcmp(option, "discard") == 0 || value_of(option, "discard");
}

static enum px_status parse_one(struct px_options *options, const char *option)
{
	if (!*option || is_not_ours(option))
		return PX_OK;
	if (strcmp(option, "remount") == 0)
		return px_fail(PX_USAGE, "what is mounted already is remounted without its helper: "
					 "mount -i -o remount,… DIR");
	if (strcmp(option, "cluster_key") == 0) {
		options->cluster_key = true;
		return PX_OK;
	}
	if (strcmp(option, "fsck") == 0) {
		options->fsck = true;
		return PX_OK;
	}
	if (is_discard(option))
		options->discard = true;
	else if (strcmp(option, "nodiscard") == 0)
		options->discard = false;
	else if (strcmp(option, "ro") == 0)
		options->readonly = true;
	else if (strcmp(option, "rw") == 0)
		options->readonly = false;
	return parse_valued(options, option);
}

/* The length of the first option in list: up to a comma that is not inside double quotes. */
static size_t option_length(const char *list)
{
	bool quoted = false;
	size_t i;

	for (i = 0; list[i] && (quoted || list[i] != ','); i++)
		if (list[i] == '"')
			quoted = !quoted;
	return i;
}

enum px_status px_options_parse(struct px_options *options, const char *list)
{
	while (*list) {
		size_t len = option_length(list);
		px_auto(free) char *option = strndup(list, len);
		enum px_status st;

		if (!option)
			return px_nomem();
		st = parse_one(options, option);
		if (st)
			return st;
		list += list[len] ? len + 1 : len;
	}
	if (options->secret && options->cluster_key)
		return px_fail(PX_USAGE, "secret= and cluster_key exclude each other");
	return PX_OK;
}

void px_options_clear(struct px_options *options)
{
	free(options->secret);
	free(options->name);
	free(options->fstype);
	free(options->filesystem);
	*options = (struct px_options){ 0 };
}
