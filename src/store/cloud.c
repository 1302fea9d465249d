/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/cloud.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "pxenc/json-text.h"
#include "pxenc/members.h"
#include "pxenc/printable.h"

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"
#define ALNUM LOWER DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* Azure's keys have 64 bytes: 86 characters of base64 and two that fill up. */
#define AZURE_KEY_TEXT 86

static bool consists_of(const char *text, const char *set, size_t least, size_t most)
{
	size_t len = strspn(text, set);

	return !text[len] && len >= least && len <= most;
}

static bool is_provider(const char *text)
{
	return strcmp(text, "s3") == 0 || strcmp(text, "azure") == 0 || strcmp(text, "google") == 0;
}

static bool is_true(const char *text)
{
	return strcmp(text, "true") == 0;
}

/* It goes into a header, between a '=' and a '/'. */
static bool is_access_key(const char *text)
{
	return consists_of(text, ALNUM "-._~@+", 1, 128);
}

static bool is_visible_ascii(const char *text)
{
	const char *p;

	for (p = text; *p; p++)
		if (*p <= ' ' || *p > '~')
			return false;
	return p > text && p - text <= 256;
}

static bool is_word(const char *text)
{
	return consists_of(text, ALNUM "-_", 1, 64);
}

static bool is_bucket(const char *text)
{
	return consists_of(text, ALNUM "-._", 3, 63) && strspn(text, ALNUM) && !strstr(text, "..");
}

/* A name or an IPv4 address, or an IPv6 address in its brackets. What is behind, or NULL. */
static const char *skip_host(const char *text)
{
	size_t len;

	if (*text != '[') {
		len = strspn(text, ALNUM "-.");
		return len && len <= 253 && *text != '.' && *text != '-' ? text + len : NULL;
	}
	len = strspn(text + 1, DIGITS "abcdefABCDEF:.");
	return len && text[1 + len] == ']' ? text + len + 2 : NULL;
}

static const char *skip_port(const char *text)
{
	size_t len = strspn(text + 1, DIGITS);

	return len >= 1 && len <= 5 && strtoul(text + 1, NULL, 10) - 1 < 65535 ? text + 1 + len
									       : NULL;
}

static bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_endpoint(const char *text)
{
	if (starts_with(text, "https://"))
		text += strlen("https://");
	else if (starts_with(text, "http://"))
		text += strlen("http://");
	text = skip_host(text);
	if (text && *text == ':')
		text = skip_port(text);
	return text && (!*text || strcmp(text, "/") == 0);
}

static bool is_account_name(const char *text)
{
	return consists_of(text, LOWER DIGITS, 3, 24);
}

static bool is_account_key(const char *text)
{
	return strspn(text, ALNUM "+/") == AZURE_KEY_TEXT &&
	       strcmp(text + AZURE_KEY_TEXT, "==") == 0;
}

static bool is_project(const char *text)
{
	return consists_of(text, LOWER DIGITS "-.:", 4, 63);
}

static bool is_json_object(const char *text)
{
	size_t len = strlen(text);

	return text[strspn(text, " \t\r\n")] == '{' && len <= PX_MEMBERS_MAX / 2 &&
	       px_json_is_text(text, len);
}

static bool is_passphrase(const char *text)
{
	return *text && strlen(text) <= 512 && px_is_printable(text);
}

/* Whose a member is. */
enum provider { S3 = 1, AZURE = 2, GOOGLE = 4, ANY = S3 | AZURE | GOOGLE };

static const struct member {
	const char *name;
	unsigned int providers; /* enum provider */
	bool secret, flag;
	bool (*is_fit)(const char *text);
	const char *form; /* what it has to be */
} table[PX_CLOUD_FIELDS] = {
	[PX_CLOUD_PROVIDER] = { "provider", ANY, false, false, is_provider, "s3, azure or google" },
	[PX_CLOUD_S3_ACCESS_KEY] = { "s3-access-key", S3, false, false, is_access_key,
				     "letters, digits and -._~@+" },
	[PX_CLOUD_S3_SECRET_KEY] = { "s3-secret-key", S3, true, false, is_visible_ascii,
				     "visible ASCII characters without a space, 256 at most" },
	[PX_CLOUD_S3_REGION] = { "s3-region", S3, false, false, is_word,
				 "a word such as us-east-1" },
	[PX_CLOUD_S3_ENDPOINT] = { "s3-endpoint", S3, false, false, is_endpoint,
				   "HOST, HOST:PORT, or these after https:// or http://" },
	[PX_CLOUD_S3_DISABLE_SSL] = { "s3-disable-ssl", S3, false, true, is_true, "\"true\"" },
	[PX_CLOUD_S3_STORAGE_CLASS] = { "s3-storage-class", S3, false, false, is_word,
					"a word such as STANDARD" },
	[PX_CLOUD_DISABLE_PATH_STYLE] = { "disable-path-style", S3, false, true, is_true,
					  "\"true\"" },
	[PX_CLOUD_USE_IAM] = { "use-iam", S3, false, true, is_true, "\"true\"" },
	[PX_CLOUD_BUCKET] = { "bucket", ANY, false, false, is_bucket,
			      "3 to 63 letters, digits and -._" },
	[PX_CLOUD_AZURE_ACCOUNT_NAME] = { "azure-account-name", AZURE, false, false,
					  is_account_name, "3 to 24 small letters and digits" },
	[PX_CLOUD_AZURE_ACCOUNT_KEY] = { "azure-account-key", AZURE, true, false, is_account_key,
					 "88 characters of base64, ending with ==" },
	[PX_CLOUD_GOOGLE_PROJECT_ID] = { "google-project-id", GOOGLE, false, false, is_project,
					 "small letters, digits and hyphens" },
	[PX_CLOUD_GOOGLE_JSON_KEY] = { "google-json-key", GOOGLE, true, false, is_json_object,
				       "the JSON file of a service account's key" },
	[PX_CLOUD_ENCRYPTION_PASSPHRASE] = { "encryption-passphrase", ANY, true, false,
					     is_passphrase, "printable text of 512 bytes at most" },
};

const char *px_cloud_name(enum px_cloud_field field)
{
	return table[field].name;
}

bool px_cloud_is_secret(enum px_cloud_field field)
{
	return table[field].secret;
}

bool px_cloud_is_flag(enum px_cloud_field field)
{
	return table[field].flag;
}

const char *px_cloud_get(const struct px_secret *members, enum px_cloud_field field)
{
	return px_members_get(members, table[field].name);
}

bool px_cloud_is_of(const struct px_secret *members, const char *provider)
{
	const char *own = px_cloud_get(members, PX_CLOUD_PROVIDER);

	return own && strcmp(own, provider) == 0;
}

const char *px_cloud_account(const struct px_secret *members)
{
	if (px_cloud_is_of(members, "azure"))
		return px_cloud_get(members, PX_CLOUD_AZURE_ACCOUNT_NAME);
	if (px_cloud_is_of(members, "google"))
		return px_cloud_get(members, PX_CLOUD_GOOGLE_PROJECT_ID);
	return px_cloud_get(members, PX_CLOUD_S3_ACCESS_KEY);
}

static int PX_PRINTF(2, 3) blame(char fault[PX_CLOUD_FAULT_SIZE], const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(fault, PX_CLOUD_FAULT_SIZE, fmt, args);
	va_end(args);
	return -EINVAL;
}

static enum provider provider_of(const struct px_secret *members)
{
	if (px_cloud_is_of(members, "s3"))
		return S3;
	return px_cloud_is_of(members, "azure") ? AZURE : GOOGLE;
}

static const struct member *find(const char *name)
{
	size_t i;

	for (i = 0; i < PX_CLOUD_FIELDS; i++)
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
	return NULL;
}

/* A member that a newer pxenc may have written is not passed over: it might matter. */
static int check_member(const char *name, const char *value, enum provider provider, char *fault)
{
	const struct member *member = find(name);

	if (!member)
		return blame(fault, "%.64s is not known here", name);
	if (!member->is_fit(value))
		return blame(fault, "%s has to be %s", name, member->form);
	if (!(member->providers & provider))
		return blame(fault, "%s is not for this provider", name);
	return 0;
}

/* What S3 wants: keys, or the role of the machine; and one opinion of TLS. */
static int check_s3(const struct px_secret *members, char *fault)
{
	const char *access_key = px_cloud_get(members, PX_CLOUD_S3_ACCESS_KEY);
	const char *secret_key = px_cloud_get(members, PX_CLOUD_S3_SECRET_KEY);
	const char *endpoint = px_cloud_get(members, PX_CLOUD_S3_ENDPOINT);
	bool plain = px_cloud_get(members, PX_CLOUD_S3_DISABLE_SSL) != NULL;

	if (px_cloud_get(members, PX_CLOUD_USE_IAM)) {
		if (access_key || secret_key)
			return blame(fault, "use-iam and keys exclude each other");
	} else if (!access_key || !secret_key) {
		return blame(fault, "s3 wants s3-access-key and s3-secret-key, or use-iam");
	}
	if (endpoint && !plain && starts_with(endpoint, "http://"))
		return blame(fault, "an s3-endpoint without TLS takes s3-disable-ssl");
	if (endpoint && plain && starts_with(endpoint, "https://"))
		return blame(fault, "s3-endpoint says https, s3-disable-ssl says not");
	return 0;
}

static int check_pair(const struct px_secret *members, enum px_cloud_field first,
		      enum px_cloud_field second, char *fault)
{
	if (px_cloud_get(members, first) && px_cloud_get(members, second))
		return 0;
	return blame(fault, "%s wants %s and %s", px_cloud_get(members, PX_CLOUD_PROVIDER),
		     table[first].name, table[second].name);
}

int px_cloud_check(const struct px_secret *members, char fault[PX_CLOUD_FAULT_SIZE])
{
	const char *provider = px_cloud_get(members, PX_CLOUD_PROVIDER);
	const char *name, *value;
	size_t pos = 0;
	int r = 0;

	if (!provider || !is_provider(provider))
		return blame(fault, "provider has to be %s", table[PX_CLOUD_PROVIDER].form);
	while (r == 0 && px_members_next(members, &pos, &name, &value))
		r = check_member(name, value, provider_of(members), fault);
	if (r < 0)
		return r;
	switch (provider_of(members)) {
	case S3:
		return check_s3(members, fault);
	case AZURE:
		return check_pair(members, PX_CLOUD_AZURE_ACCOUNT_NAME, PX_CLOUD_AZURE_ACCOUNT_KEY,
				  fault);
	default:
		return check_pair(members, PX_CLOUD_GOOGLE_PROJECT_ID, PX_CLOUD_GOOGLE_JSON_KEY,
				  fault);
	}
}

static bool is_private_key(const char *text)
{
	return starts_with(text, "-----BEGIN PRIVATE KEY-----\n") &&
	       strstr(text, "\n-----END PRIVATE KEY-----");
}

int px_cloud_check_google(const struct px_secret *key, char fault[PX_CLOUD_FAULT_SIZE])
{
	static const char *const wanted[] = { "type", "private_key", "client_email", "token_uri" };
	size_t i;

	for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (!px_members_get(key, wanted[i]))
			return blame(fault, "google-json-key has no member %s", wanted[i]);
	if (strcmp(px_members_get(key, "type"), "service_account") != 0)
		return blame(fault, "google-json-key is not a service account's");
	if (!is_private_key(px_members_get(key, "private_key")))
		return blame(fault,
			     "the private_key in google-json-key is no PEM text, or cut off");
	return 0;
}

int px_cloud_json(const struct px_secret *members, struct px_secret **ret_json)
{
	struct px_json_pair pairs[PX_CLOUD_FIELDS];
	size_t i, count = 0;

	for (i = 0; i < PX_CLOUD_FIELDS; i++) {
		const char *value = px_cloud_get(members, (enum px_cloud_field)i);

		if (value)
			pairs[count++] =
				(struct px_json_pair){ table[i].name, value, strlen(value) };
	}
	return px_json_object(pairs, count, ret_json);
}
