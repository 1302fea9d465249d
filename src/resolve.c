/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/resolve.h"

#include <errno.h>
#include <string.h>

#include "pxenc/log.h"
#include "pxenc/path.h"

/* The full and the relative path of a secret below the base path. */
static enum px_status choose(const struct px_config *config, const char *relative,
			     const char *because, struct px_choice *ret_choice)
{
	px_auto(choice) struct px_choice choice = { .because = because };
	int r;

	r = px_path_join(config->base_path, relative, &choice.path);
	if (r == -EINVAL)
		return px_fail(PX_USAGE, "too long a path below the base path '%s': '%s'",
			       config->base_path, relative);
	choice.relative = strdup(relative);
	if (r < 0 || !choice.relative)
		return px_nomem();
	*ret_choice = choice;
	choice = (struct px_choice){ 0 };
	return PX_OK;
}

enum px_status px_resolve_path(const struct px_config *config, const char *path,
			       struct px_choice *ret_choice)
{
	px_auto(free) char *relative = NULL;
	int r;

	r = px_path_relative(config->base_path, path, &relative);
	if (r == -EINVAL)
		return px_fail(PX_USAGE, "'%s' is no path of a secret: %s", path,
			       px_path_fault(path));
	if (r < 0)
		return px_nomem();
	if (!px_path_may_be_key(relative))
		return px_fail(PX_USAGE,
			       "the secret '%s' cannot be a key: pxenc keeps its own "
			       "things there",
			       path);
	return choose(config, relative, "as told", ret_choice);
}

/* The text of the cluster setting as a path; it came over the network. */
static enum px_status parse_setting(const struct px_secret *value, const char *where,
				    char **ret_relative)
{
	const char *text = (const char *)px_secret_bytes(value);
	size_t len = px_secret_len(value);
	px_auto(free) char *relative = NULL;

	if (len && text[len - 1] == '\n')
		len--;
	relative = strndup(text, len);
	if (!relative)
		return px_nomem();
	if (strlen(relative) != len || !px_path_may_be_key(relative))
		return px_fail(PX_UNTRUSTED,
			       "the cluster setting '%s' does not hold the path of a "
			       "secret: set it with pxenc secrets set-cluster-key",
			       where);
	*ret_relative = px_steal(&relative);
	return PX_OK;
}

static enum px_status read_setting(const struct px_config *config, struct px_store *store,
				   char **ret_relative)
{
	px_auto(secret) struct px_secret *value = NULL;
	px_auto(free) char *where = NULL;
	enum px_status st;
	int r;

	r = px_path_join(config->base_path, PX_CLUSTER_SETTING, &where);
	if (r < 0)
		return r == -ENOMEM ? px_nomem() : px_fail(PX_USAGE, "the base path is too long");
	st = px_store_get(store, where, PX_GET_RAW | PX_GET_MAYBE, &value);
	if (st)
		return st;
	return parse_setting(value, where, ret_relative);
}

enum px_status px_resolve_cluster(const struct px_config *config, struct px_store *store,
				  struct px_choice *ret_choice)
{
	px_auto(free) char *relative = NULL;
	enum px_status st;

	st = read_setting(config, store, &relative);
	if (st == PX_OK)
		return choose(config, relative, "by the cluster setting", ret_choice);
	if (st != PX_NO_SECRET || !config->cluster_secret_key)
		return st;
	st = px_resolve_path(config, config->cluster_secret_key, ret_choice);
	if (!st)
		ret_choice->because = "by cluster_secret_key in the config";
	return st;
}

static enum px_status resolve_token(const struct px_config *config, const struct px_token *token,
				    struct px_choice *ret_choice)
{
	enum px_status st;

	if (strcmp(token->store, config->store) != 0)
		return px_fail(PX_USAGE,
			       "the volume's key lies in the store '%s', the config "
			       "names '%s': mend \"store\"",
			       token->store, config->store);
	st = choose(config, token->secret, "by the volume's LUKS2 token", ret_choice);
	if (!st)
		ret_choice->named_slot = true;
	return st;
}

static enum px_status resolve_option(const struct px_config *config,
				     const struct px_options *options, const struct px_token *token,
				     struct px_choice *ret_choice)
{
	enum px_status st;

	st = px_resolve_path(config, options->secret, ret_choice);
	if (!st && token)
		ret_choice->named_slot = strcmp(ret_choice->relative, token->secret) == 0;
	return st;
}

enum px_status px_resolve(const struct px_config *config, struct px_store *store,
			  const struct px_options *options, const struct px_token *token,
			  struct px_choice *ret_choice)
{
	enum px_status st;

	if (options->secret)
		return resolve_option(config, options, token, ret_choice);
	if (token && !options->cluster_key)
		return resolve_token(config, token, ret_choice);
	st = px_resolve_cluster(config, store, ret_choice);
	if (st == PX_NO_SECRET)
		return px_fail(PX_USAGE, "no secret is named for this volume: give secret=PATH, or "
					 "set a cluster key with pxenc secrets set-cluster-key");
	return st;
}

void px_choice_clear(struct px_choice *choice)
{
	free(choice->path);
	free(choice->relative);
	*choice = (struct px_choice){ 0 };
}
