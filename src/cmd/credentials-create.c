/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "credentials.h"
#include "pxenc/cmd.h"
#include "pxenc/log.h"
#include "pxenc/members.h"

static const char words[] = "credentials create";

/* The values of an option: its text, or a file that holds it. */
#define TEXT 256
#define FROM_FILE 512

static const struct option options[] = {
	PX_COMMON_OPTIONS,
	{ "provider", required_argument, NULL, TEXT + PX_CLOUD_PROVIDER },
	{ "s3-access-key", required_argument, NULL, TEXT + PX_CLOUD_S3_ACCESS_KEY },
	{ "s3-secret-key", required_argument, NULL, TEXT + PX_CLOUD_S3_SECRET_KEY },
	{ "s3-secret-key-file", required_argument, NULL, FROM_FILE + PX_CLOUD_S3_SECRET_KEY },
	{ "s3-region", required_argument, NULL, TEXT + PX_CLOUD_S3_REGION },
	{ "s3-endpoint", required_argument, NULL, TEXT + PX_CLOUD_S3_ENDPOINT },
	{ "s3-disable-ssl", no_argument, NULL, TEXT + PX_CLOUD_S3_DISABLE_SSL },
	{ "s3-storage-class", required_argument, NULL, TEXT + PX_CLOUD_S3_STORAGE_CLASS },
	{ "disable-path-style", no_argument, NULL, TEXT + PX_CLOUD_DISABLE_PATH_STYLE },
	{ "use-iam", no_argument, NULL, TEXT + PX_CLOUD_USE_IAM },
	{ "bucket", required_argument, NULL, TEXT + PX_CLOUD_BUCKET },
	{ "azure-account-name", required_argument, NULL, TEXT + PX_CLOUD_AZURE_ACCOUNT_NAME },
	{ "azure-account-key", required_argument, NULL, TEXT + PX_CLOUD_AZURE_ACCOUNT_KEY },
	{ "azure-account-key-file", required_argument, NULL,
	  FROM_FILE + PX_CLOUD_AZURE_ACCOUNT_KEY },
	{ "google-project-id", required_argument, NULL, TEXT + PX_CLOUD_GOOGLE_PROJECT_ID },
	{ "google-json-key-file", required_argument, NULL, FROM_FILE + PX_CLOUD_GOOGLE_JSON_KEY },
	{ "encryption-passphrase", required_argument, NULL, TEXT + PX_CLOUD_ENCRYPTION_PASSPHRASE },
	{ "encryption-passphrase-file", required_argument, NULL,
	  FROM_FILE + PX_CLOUD_ENCRYPTION_PASSPHRASE },
	{ NULL, 0, NULL, 0 },
};

static enum px_status add(struct px_secret *members, enum px_cloud_field field, const char *value)
{
	if (px_cloud_get(members, field))
		return px_fail(PX_USAGE, "%s is given twice", px_cloud_name(field));
	if (px_members_add(members, px_cloud_name(field), value) < 0)
		return px_fail(PX_USAGE, "%s is too long", px_cloud_name(field));
	return PX_OK;
}

/* --s3-secret-key and the like exist because pxctl has them; ps shall not see them for long. */
static enum px_status take_text(struct px_secret *members, enum px_cloud_field field, char *text)
{
	enum px_status st = add(members, field, text ? text : "true");

	if (px_cloud_is_secret(field)) {
		px_wipe_string(text);
		px_warn("--%s can be seen by every user of this machine: --%s-file - cannot",
			px_cloud_name(field), px_cloud_name(field));
	}
	return st;
}

/* What was read or typed, which has no NUL at its end yet, and none elsewhere. */
static enum px_status take_secret(struct px_secret *members, enum px_cloud_field field,
				  struct px_secret *secret)
{
	size_t len = px_secret_len(secret);

	if (!len || memchr(px_secret_bytes(secret), '\0', len))
		return px_fail(PX_USAGE, "the %s is empty, or no text", px_cloud_name(field));
	if (px_secret_append(secret, "", 1) < 0)
		return px_fail(PX_USAGE, "the %s is too long", px_cloud_name(field));
	return add(members, field, (const char *)px_secret_bytes(secret));
}

/* A newline at the end of the file is not part of the key. */
static enum px_status take_file(struct px_secret *members, enum px_cloud_field field,
				const char *file)
{
	px_auto(secret) struct px_secret *secret = NULL;
	px_auto(fd) int fd = -1;
	size_t len;
	int r;

	fd = strcmp(file, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
				    : open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	r = fd < 0 ? -errno : px_secret_read(fd, PX_MEMBERS_MAX / 2, &secret);
	if (r == -ENOMEM)
		return px_nomem();
	if (r < 0)
		return px_fail(PX_USAGE, "cannot read the %s from '%s': %s", px_cloud_name(field),
			       file, strerror(-r));
	len = px_secret_len(secret);
	if (len && px_secret_bytes(secret)[len - 1] == '\n')
		px_secret_set_len(secret, len - 1);
	return take_secret(members, field, secret);
}

static enum px_status take_option(struct px_secret *members, int c)
{
	if (c == '?')
		return PX_USAGE;
	if (c >= FROM_FILE)
		return take_file(members, (enum px_cloud_field)(c - FROM_FILE), optarg);
	return take_text(members, (enum px_cloud_field)(c - TEXT), optarg);
}

static enum px_status parse(int argc, char **argv, struct px_secret *members, const char **ret_name)
{
	enum px_status st;
	int c;

	while ((c = px_next_option(words, argc, argv, "", options)) != -1) {
		st = take_option(members, c);
		if (st)
			return st;
	}
	if (argc - optind != 1)
		return px_usage(words);
	*ret_name = argv[optind];
	return px_credentials_check_name(*ret_name);
}

static enum px_status prompt(struct px_secret *members, enum px_cloud_field field)
{
	px_auto(secret) struct px_secret *secret = NULL;
	enum px_status st;

	if (px_cloud_get(members, field))
		return PX_OK;
	st = px_prompt_secret(px_cloud_name(field), &secret);
	return st ? st : take_secret(members, field, secret);
}

/* A key that belongs to a name, and was not given, is asked for. */
static enum px_status complete(struct px_secret *members)
{
	enum px_status st = PX_OK;

	if (px_cloud_get(members, PX_CLOUD_S3_ACCESS_KEY))
		st = prompt(members, PX_CLOUD_S3_SECRET_KEY);
	if (!st && px_cloud_get(members, PX_CLOUD_AZURE_ACCOUNT_NAME))
		st = prompt(members, PX_CLOUD_AZURE_ACCOUNT_KEY);
	return st;
}

static enum px_status check(const struct px_secret *members)
{
	char fault[PX_CLOUD_FAULT_SIZE];

	return px_cloud_check(members, fault) < 0 ? px_fail(PX_USAGE, "%s", fault) : PX_OK;
}

static enum px_status prove(const struct px_secret *members)
{
	px_auto(session) struct px_session session = { 0 };
	enum px_status st;
	bool tried;

	st = px_session_open(&session);
	return st ? st : px_credentials_prove(&session, members, PX_USAGE, &tried);
}

/* A session of its own: the endpoint may have taken its time. */
static enum px_status store(const struct px_secret *members, const char *name)
{
	px_auto(session) struct px_session session = { 0 };
	px_auto(secret) struct px_secret *json = NULL;
	px_auto(free) char *full = NULL;
	enum px_status st;

	if (px_cloud_json(members, &json) < 0)
		return px_nomem();
	st = px_session_open(&session);
	if (!st)
		st = px_credentials_path(&session, name, &full);
	return st ? st : px_store_create(session.store, full, json);
}

enum px_status px_cmd_credentials_create(int argc, char **argv)
{
	px_auto(secret) struct px_secret *members = NULL;
	const char *name = NULL;
	enum px_status st;

	if (px_secret_new(PX_MEMBERS_MAX, &members) < 0)
		return px_nomem();
	st = parse(argc, argv, members, &name);
	if (!st)
		st = complete(members);
	if (!st)
		st = check(members);
	if (!st)
		st = prove(members);
	if (!st)
		st = store(members, name);
	/* As pxctl says it, whose identity is a UUID: ours is the name. */
	if (!st)
		printf("Credentials created successfully, NAME:%s\n", name);
	return st;
}
