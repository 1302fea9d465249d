/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pxenc/cloud.h"
#include "pxenc/members.h"

/* A variable and whose value it has; PX_CLOUD_FIELDS: none of a member as it is. */
struct variable {
	const char *provider; /* NULL: of all */
	const char *name;
	enum px_cloud_field field;
};

/* The names that the providers' own tools and libraries read. What they have no name for begins
 * with PXENC_. Those of no field are in the way of the others, or are made below. */
static const struct variable variables[] = {
	{ "s3", "AWS_ACCESS_KEY_ID", PX_CLOUD_S3_ACCESS_KEY },
	{ "s3", "AWS_SECRET_ACCESS_KEY", PX_CLOUD_S3_SECRET_KEY },
	/* Newer libraries read the first, the aws command the second. */
	{ "s3", "AWS_REGION", PX_CLOUD_S3_REGION },
	{ "s3", "AWS_DEFAULT_REGION", PX_CLOUD_S3_REGION },
	{ "s3", "AWS_ENDPOINT_URL", PX_CLOUD_FIELDS },
	{ "s3", "AWS_ENDPOINT_URL_S3", PX_CLOUD_FIELDS },
	{ "s3", "AWS_SESSION_TOKEN", PX_CLOUD_FIELDS },
	{ "s3", "AWS_SECURITY_TOKEN", PX_CLOUD_FIELDS },
	{ "s3", "AWS_PROFILE", PX_CLOUD_FIELDS },
	{ "s3", "AWS_DEFAULT_PROFILE", PX_CLOUD_FIELDS },
	{ "azure", "AZURE_STORAGE_ACCOUNT", PX_CLOUD_AZURE_ACCOUNT_NAME },
	{ "azure", "AZURE_STORAGE_KEY", PX_CLOUD_AZURE_ACCOUNT_KEY },
	{ "azure", "AZURE_STORAGE_CONNECTION_STRING", PX_CLOUD_FIELDS },
	{ "azure", "AZURE_STORAGE_SAS_TOKEN", PX_CLOUD_FIELDS },
	{ "google", "GOOGLE_CLOUD_PROJECT", PX_CLOUD_GOOGLE_PROJECT_ID },
	{ "google", "GOOGLE_APPLICATION_CREDENTIALS", PX_CLOUD_FIELDS },
	{ NULL, "PXENC_BUCKET", PX_CLOUD_BUCKET },
	{ NULL, "PXENC_S3_STORAGE_CLASS", PX_CLOUD_S3_STORAGE_CLASS },
	{ NULL, "PXENC_ENCRYPTION_PASSPHRASE", PX_CLOUD_ENCRYPTION_PASSPHRASE },
};

#define COUNT (sizeof(variables) / sizeof(variables[0]))

static bool applies(const struct px_secret *members, const struct variable *variable)
{
	return !variable->provider || px_cloud_is_of(members, variable->provider);
}

static int append(struct px_secret *block, const char *text)
{
	return px_secret_append(block, text, strlen(text));
}

/* Value in two parts, of which the first may be "". */
static int add(struct px_secret *block, const char *name, const char *before, const char *value)
{
	int r;

	r = append(block, name);
	if (r == 0)
		r = append(block, "=");
	if (r == 0)
		r = append(block, before);
	if (r == 0)
		r = append(block, value);
	return r < 0 ? r : px_secret_append(block, "", 1);
}

/* An endpoint that is written without a scheme gets the one that is used. */
static int add_endpoint(const struct px_secret *members, struct px_secret *block)
{
	const char *endpoint = px_cloud_get(members, PX_CLOUD_S3_ENDPOINT);
	const char *scheme =
		px_cloud_get(members, PX_CLOUD_S3_DISABLE_SSL) ? "http://" : "https://";

	if (!endpoint)
		return 0;
	return add(block, "AWS_ENDPOINT_URL", strstr(endpoint, "://") ? "" : scheme, endpoint);
}

static int add_all(const struct px_secret *members, const char *key_file, struct px_secret *block)
{
	size_t i;
	int r = 0;

	for (i = 0; i < COUNT && r == 0; i++) {
		const char *value = variables[i].field == PX_CLOUD_FIELDS
					    ? NULL
					    : px_cloud_get(members, variables[i].field);

		if (value && applies(members, &variables[i]))
			r = add(block, variables[i].name, "", value);
	}
	if (r == 0)
		r = add_endpoint(members, block);
	if (r == 0 && px_cloud_is_of(members, "google"))
		r = add(block, "GOOGLE_APPLICATION_CREDENTIALS", "", key_file);
	return r;
}

/* Names are 32 bytes at most, and a value has two of them at most: the region. */
static size_t block_size(const struct px_secret *members, const char *key_file)
{
	return 2 * px_secret_len(members) + 64 * COUNT + strlen(key_file);
}

int px_cloud_environment(const struct px_secret *members, const char *key_file,
			 struct px_secret **ret_variables)
{
	px_auto(secret) struct px_secret *block = NULL;
	int r;

	r = px_secret_new(block_size(members, key_file), &block);
	if (r == 0)
		r = add_all(members, key_file, block);
	if (r < 0)
		return r;
	*ret_variables = px_steal(&block);
	return 0;
}

bool px_cloud_replaces(const struct px_secret *members, const char *variable)
{
	size_t i, len = strcspn(variable, "=");

	for (i = 0; i < COUNT; i++)
		if (strlen(variables[i].name) == len &&
		    strncmp(variables[i].name, variable, len) == 0)
			return applies(members, &variables[i]);
	return false;
}
