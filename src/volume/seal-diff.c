/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/seal-diff.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "pxenc/printable.h"
#include "pxenc/strv.h"

/* A longer value (a salt, a digest) tells a person nothing. */
#define VALUE_MAX 80

/* The words that are collected, and how a difference is put. */
struct talk {
	bool unusual; /* against the defaults, not against what was */
	char **words;
};

/* Where in the header: "segments", "0", "encryption". */
struct place {
	const char *names[8];
	size_t depth;
};

static int say(struct talk *talk, const char *fmt, ...) PX_PRINTF(2, 3);
static int say(struct talk *talk, const char *fmt, ...)
{
	px_auto(free) char *text = NULL;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vasprintf(&text, fmt, args);
	va_end(args);
	if (n < 0) {
		text = NULL;
		return -ENOMEM;
	}
	px_make_printable(text);
	return px_strv_add(&talk->words, text);
}

/* "cipher of segment 0", "kdf iterations of the keyslot", "LUKS2 token: secret". */
static int name_place(const struct place *place, char **ret_name)
{
	const char *top = place->names[0];
	bool numbered =
		place->depth > 1 && (strcmp(top, "segments") == 0 || strcmp(top, "digests") == 0);
	const char *one = strcmp(top, "segments") == 0	? "segment "
			  : strcmp(top, "digests") == 0 ? "digest "
			  : strcmp(top, "keyslot") == 0 ? "the keyslot"
							: top;
	px_auto(free) char *inner = NULL;
	char **rest = NULL;
	int r = 0, n;

	for (size_t i = numbered ? 2 : 1; r == 0 && i < place->depth; i++)
		r = px_strv_add(&rest, strcmp(place->names[i], "encryption") == 0
					       ? "cipher"
					       : place->names[i]);
	inner = r == 0 ? px_strv_join(rest, " ") : NULL;
	px_strv_free(&rest);
	if (!inner)
		return -ENOMEM;
	if (strcmp(top, "token") == 0)
		n = asprintf(ret_name, "LUKS2 token: %s", inner);
	else
		n = asprintf(ret_name, "%s%s%s%s", inner, *inner ? " of " : "", one,
			     numbered ? place->names[1] : "");
	return n < 0 ? -ENOMEM : 0;
}

/* A value as a person reads it, "" if it is too long; NULL: out of memory. */
static char *show(const cJSON *value)
{
	const char *text = cJSON_GetStringValue(value);
	char *shown = text ? strdup(text) : cJSON_PrintUnformatted(value);

	if (shown && strlen(shown) > VALUE_MAX)
		*shown = '\0';
	return shown;
}

static int put_change(struct talk *talk, const char *name, const char *from, const char *to)
{
	if (talk->unusual)
		return say(talk, "%s is %s, by default it is %s", name, to, from);
	if (*from && *to)
		return say(talk, "%s changed from %s to %s", name, from, to);
	return say(talk, "%s changed", name);
}

static int put_one(struct talk *talk, const char *name, const char *value, bool added)
{
	if (talk->unusual)
		return say(talk, "%s is %s", name, added ? value : "not there");
	return say(talk, "%s %s%s%s%s", name, added ? "added" : "removed", *value ? " (" : "",
		   value, *value ? ")" : "");
}

/* NULL: it is not there. */
static int differ(struct talk *talk, const struct place *place, const cJSON *was, const cJSON *is)
{
	px_auto(free) char *from = was ? show(was) : strdup("");
	px_auto(free) char *to = is ? show(is) : strdup("");
	px_auto(free) char *name = NULL;
	int r = from && to ? name_place(place, &name) : -ENOMEM;

	if (r < 0) {
		name = NULL;
		return r;
	}
	if (was && is)
		return put_change(talk, name, from, to);
	return put_one(talk, name, is ? to : from, is != NULL);
}

static bool has_text(const cJSON *array, const char *text)
{
	const cJSON *item = NULL;

	cJSON_ArrayForEach (item, array)
		if (cJSON_IsString(item) && strcmp(item->valuestring, text) == 0)
			return true;
	return false;
}

static int flags(struct talk *talk, const cJSON *these, const cJSON *others, const char *verb)
{
	const cJSON *flag = NULL;
	int r = 0;

	cJSON_ArrayForEach (flag, these)
		if (r == 0 && cJSON_IsString(flag) && !has_text(others, flag->valuestring))
			r = say(talk, "flag %s %s", flag->valuestring, verb);
	return r;
}

static int compare(struct talk *talk, struct place *place, const cJSON *was, const cJSON *is);

static int compare_member(struct talk *talk, struct place *place, const char *name,
			  const cJSON *was, const cJSON *is)
{
	int r;

	if (place->depth == sizeof(place->names) / sizeof(*place->names))
		return -EINVAL;
	place->names[place->depth++] = name;
	r = compare(talk, place, was, is);
	place->depth--;
	return r;
}

static int compare_objects(struct talk *talk, struct place *place, const cJSON *was,
			   const cJSON *is)
{
	const cJSON *member = NULL;
	int r = 0;

	cJSON_ArrayForEach (member, was)
		if (r == 0)
			r = compare_member(talk, place, member->string, member,
					   px_json_get(is, member->string));
	cJSON_ArrayForEach (member, is)
		if (r == 0 && !px_json_get(was, member->string))
			r = compare_member(talk, place, member->string, NULL, member);
	return r;
}

static bool is_at(const struct place *place, const char *first, const char *second)
{
	return place->depth == 2 && strcmp(place->names[0], first) == 0 &&
	       strcmp(place->names[1], second) == 0;
}

static int compare(struct talk *talk, struct place *place, const cJSON *was, const cJSON *is)
{
	int r;

	if (is_at(place, "config", "flags")) {
		r = flags(talk, is, was, talk->unusual ? "is set" : "added");
		return r < 0 ? r : flags(talk, was, is, "removed");
	}
	if (cJSON_IsObject(was) && cJSON_IsObject(is))
		return compare_objects(talk, place, was, is);
	if (was && is && cJSON_Compare(was, is, true))
		return 0;
	return differ(talk, place, was, is);
}

static int compare_all(struct talk *talk, const cJSON *was, const cJSON *is, char ***ret_words)
{
	struct place top = { .depth = 0 };
	int r = compare(talk, &top, was, is);

	if (r < 0) {
		px_strv_free(&talk->words);
		return r;
	}
	*ret_words = talk->words;
	return 0;
}

int px_seal_diff(const char *was, const char *is, char ***ret_words)
{
	struct talk talk = { .unusual = false };
	px_auto(json) cJSON *before = NULL;
	px_auto(json) cJSON *now = NULL;
	int r = px_json_parse(was, strlen(was), &before);

	if (r == 0)
		r = px_json_parse(is, strlen(is), &now);
	if (r == 0 && (!cJSON_IsObject(before) || !cJSON_IsObject(now)))
		r = -EINVAL;
	return r < 0 ? r : compare_all(&talk, before, now, ret_words);
}

/* What pxenc writes for a generated key, as far as it is the same for every volume. */
static const char defaults[] =
	"{\"config\":{\"json_size\":\"12288\",\"keyslots_size\":\"16744448\"},"
	"\"digest\":{\"type\":\"pbkdf2\",\"hash\":\"sha512\",\"iterations\":1000},"
	"\"keyslot\":{\"type\":\"luks2\",\"key_size\":64,"
	"\"af\":{\"type\":\"luks1\",\"stripes\":4000,\"hash\":\"sha512\"},"
	"\"area\":{\"type\":\"raw\",\"encryption\":\"aes-xts-plain64\",\"key_size\":64},"
	"\"kdf\":{\"type\":\"pbkdf2\",\"hash\":\"sha512\",\"iterations\":1000}},"
	"\"segment\":{\"type\":\"crypt\",\"offset\":\"16777216\",\"size\":\"dynamic\","
	"\"iv_tweak\":\"0\",\"encryption\":\"aes-xts-plain64\"},"
	"\"token\":{\"auto\":false}}";

/* Only the members that have a default; those that are more than that, priority and flags apart,
 * are the volume's own: uuid, salts, digest, secret. */
static int compare_defaults(struct talk *talk, struct place *place, const cJSON *usual,
			    const cJSON *is)
{
	const cJSON *member = NULL;
	int r = 0;

	cJSON_ArrayForEach (member, usual) {
		const cJSON *mine = px_json_get(is, member->string);

		place->names[place->depth++] = member->string;
		if (r == 0 && cJSON_IsObject(member))
			r = compare_defaults(talk, place, member, mine);
		else if (r == 0)
			r = compare(talk, place, member, mine);
		place->depth--;
	}
	return r;
}

static int compare_part(struct talk *talk, const cJSON *usual, const cJSON *is, struct place place)
{
	return compare_defaults(talk, &place, usual, is);
}

static int compare_parts(struct talk *talk, const cJSON *usual, const cJSON *is)
{
	const cJSON *config = px_json_get(is, "config"), *keyslot = px_json_get(is, "keyslot");
	const cJSON *digests = px_json_get(is, "digests"), *segments = px_json_get(is, "segments");
	const cJSON *priority = px_json_get(keyslot, "priority");
	int r = flags(talk, px_json_get(config, "flags"), NULL, "is set");

	if (r == 0)
		r = compare_part(talk, px_json_get(usual, "config"), config,
				 (struct place){ { "config" }, 1 });
	if (r == 0 && digests && digests->child)
		r = compare_part(talk, px_json_get(usual, "digest"), digests->child,
				 (struct place){ { "digests", digests->child->string }, 2 });
	if (r == 0)
		r = compare_part(talk, px_json_get(usual, "keyslot"), keyslot,
				 (struct place){ { "keyslot" }, 1 });
	if (r == 0 && priority)
		r = differ(talk, &(struct place){ { "keyslot", "priority" }, 2 }, NULL, priority);
	if (r == 0)
		r = compare_part(talk, px_json_get(usual, "segment"), px_json_get(segments, "0"),
				 (struct place){ { "segments", "0" }, 2 });
	if (r == 0)
		r = compare_part(talk, px_json_get(usual, "token"), px_json_get(is, "token"),
				 (struct place){ { "token" }, 1 });
	return r;
}

int px_seal_unusual(const char *is, char ***ret_words)
{
	struct talk talk = { .unusual = true };
	px_auto(json) cJSON *usual = NULL;
	px_auto(json) cJSON *now = NULL;
	int r = px_json_parse(is, strlen(is), &now);

	if (r == 0)
		r = px_json_parse(defaults, strlen(defaults), &usual);
	if (r == 0)
		r = compare_parts(&talk, usual, now);
	if (r < 0) {
		px_strv_free(&talk.words);
		return r;
	}
	*ret_words = talk.words;
	return 0;
}
