/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/config.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <string.h>

#include "pxenc/file.h"
#include "pxenc/log.h"
#include "pxenc/options.h"
#include "pxenc/path.h"
#include "pxenc/strv.h"

#define CONFIG_MAX 65536
#define TIMEOUT_MAX 86400
#define URL_MAX 511 /* what pxenc-fetch takes */

/* One known key of one JSON object: parse takes its value. */
struct key {
	const char *name;
	enum px_status (*parse)(struct px_config *config, const cJSON *value);
};

static enum px_status parse_object(struct px_config *config, const cJSON *object, const char *where,
				   const struct key *keys);

static enum px_status wrong_type(const struct px_config *config, const cJSON *value,
				 const char *wanted)
{
	return px_fail(PX_USAGE, "config '%s': \"%s\" must be %s", config->file, value->string,
		       wanted);
}

/* A string goes into its slot; a second one of the same name has been refused before. */
static enum px_status parse_string(struct px_config *config, const cJSON *value, char **slot)
{
	if (!cJSON_IsString(value) || !*value->valuestring)
		return wrong_type(config, value, "a string that is not empty");
	*slot = strdup(value->valuestring);
	return *slot ? PX_OK : px_nomem();
}

static enum px_status parse_secret_type(struct px_config *config, const cJSON *value)
{
	if (!cJSON_IsString(value) || strcmp(value->valuestring, "dcos") != 0)
		return wrong_type(config, value, "\"dcos\", the only store there is");
	return PX_OK;
}

static enum px_status parse_cluster_secret_key(struct px_config *config, const cJSON *value)
{
	return parse_string(config, value, &config->cluster_secret_key);
}

static enum px_status add_url(struct px_config *config, const cJSON *value)
{
	if (!cJSON_IsString(value) || !*value->valuestring)
		return px_fail(PX_USAGE,
			       "config '%s': \"cluster_url\" must be a URL or an array of URLs",
			       config->file);
	return px_strv_add(&config->cluster_urls, value->valuestring) < 0 ? px_nomem() : PX_OK;
}

static enum px_status parse_cluster_url(struct px_config *config, const cJSON *value)
{
	const cJSON *element;

	if (!cJSON_IsArray(value))
		return add_url(config, value);
	if (!cJSON_GetArraySize(value))
		return wrong_type(config, value, "a URL or an array of at least one");
	cJSON_ArrayForEach (element, value) {
		enum px_status st = add_url(config, element);

		if (st)
			return st;
	}
	return PX_OK;
}

static enum px_status parse_ca_cert_file(struct px_config *config, const cJSON *value)
{
	return parse_string(config, value, &config->ca_cert_file);
}

static enum px_status parse_store(struct px_config *config, const cJSON *value)
{
	return parse_string(config, value, &config->store);
}

static enum px_status parse_base_path(struct px_config *config, const cJSON *value)
{
	if (!cJSON_IsString(value))
		return wrong_type(config, value, "a string");
	return px_config_set_base_path(config, value->valuestring);
}

static enum px_status parse_username_file(struct px_config *config, const cJSON *value)
{
	return parse_string(config, value, &config->username_file);
}

static enum px_status parse_password_file(struct px_config *config, const cJSON *value)
{
	return parse_string(config, value, &config->password_file);
}

static enum px_status parse_service_account_file(struct px_config *config, const cJSON *value)
{
	return parse_string(config, value, &config->service_account_file);
}

static enum px_status parse_dcos(struct px_config *config, const cJSON *value)
{
	static const struct key keys[] = {
		{ "cluster_url", parse_cluster_url },
		{ "ca_cert_file", parse_ca_cert_file },
		{ "store", parse_store },
		{ "base_path", parse_base_path },
		{ "username_file", parse_username_file },
		{ "password_file", parse_password_file },
		{ "service_account_file", parse_service_account_file },
		{ NULL, NULL },
	};

	return parse_object(config, value, "secret.dcos", keys);
}

static enum px_status parse_secret(struct px_config *config, const cJSON *value)
{
	static const struct key keys[] = {
		{ "secret_type", parse_secret_type },
		{ "cluster_secret_key", parse_cluster_secret_key },
		{ "dcos", parse_dcos },
		{ NULL, NULL },
	};

	return parse_object(config, value, "secret", keys);
}

static enum px_status parse_timeout(struct px_config *config, const cJSON *value)
{
	double seconds = value->valuedouble;

	if (!cJSON_IsNumber(value) || seconds < 0 || seconds > TIMEOUT_MAX ||
	    seconds != (double)(unsigned int)seconds)
		return wrong_type(config, value, "whole seconds from 0 (for ever) to 86400");
	config->timeout = (unsigned int)seconds;
	return PX_OK;
}

static enum px_status parse_header_backup(struct px_config *config, const cJSON *value)
{
	if (!cJSON_IsBool(value))
		return wrong_type(config, value, "true or false");
	config->header_backup = cJSON_IsTrue(value);
	return PX_OK;
}

static const struct key *find_key(const struct key *keys, const char *name)
{
	for (; keys->name; keys++)
		if (strcmp(keys->name, name) == 0)
			return keys;
	return NULL;
}

static bool seen_before(const cJSON *object, const cJSON *member)
{
	const cJSON *other;

	for (other = object->child; other != member; other = other->next)
		if (strcmp(other->string, member->string) == 0)
			return true;
	return false;
}

static enum px_status parse_member(struct px_config *config, const cJSON *object,
				   const cJSON *member, const char *where, const struct key *keys)
{
	const struct key *key = find_key(keys, member->string);

	if (!key)
		return px_fail(PX_USAGE,
			       "config '%s': unknown key \"%s\" in %s: remove it, or mend its "
			       "spelling (pxenc(5) lists the keys)",
			       config->file, member->string, where);
	if (seen_before(object, member))
		return px_fail(PX_USAGE, "config '%s': \"%s\" in %s is given twice: remove one",
			       config->file, member->string, where);
	return key->parse(config, member);
}

static enum px_status parse_object(struct px_config *config, const cJSON *object, const char *where,
				   const struct key *keys)
{
	const cJSON *member;

	if (!cJSON_IsObject(object))
		return px_fail(PX_USAGE, "config '%s': %s must be an object: {…}", config->file,
			       where);
	cJSON_ArrayForEach (member, object) {
		enum px_status st = parse_member(config, object, member, where, keys);

		if (st)
			return st;
	}
	return PX_OK;
}

static unsigned int line_of(const char *text, const char *where)
{
	unsigned int line = 1;

	for (; text < where; text++)
		line += *text == '\n';
	return line;
}

/* An empty config whose timeout is the default's, since every other value has NULL for "unset". */
static struct px_config *new_config(const char *file)
{
	struct px_config *config = calloc(1, sizeof(*config));

	if (!config)
		return NULL;
	config->timeout = PX_TIMEOUT_DEFAULT;
	config->file = strdup(file);
	if (!config->file)
		px_config_free(&config);
	return config;
}

/* cJSON would end a string at a NUL, and take "secret\u0000x" for "secret". */
static bool has_nul(const char *text, size_t len)
{
	return len && (memchr(text, '\0', len) || memmem(text, len, "\\u0000", 6));
}

static void json_cleanup(cJSON **json)
{
	cJSON_Delete(*json);
}

enum px_status px_config_parse(const char *text, size_t len, const char *file,
			       struct px_config **ret_config)
{
	static const struct key keys[] = {
		{ "secret", parse_secret },
		{ "timeout", parse_timeout },
		{ "header_backup", parse_header_backup },
		{ NULL, NULL },
	};
	px_auto(config) struct px_config *config = new_config(file);
	px_cleanup(json_cleanup) cJSON *json = NULL;
	const char *end = text;
	enum px_status st;

	if (!config)
		return px_nomem();
	if (has_nul(text, len))
		return px_fail(PX_USAGE, "config '%s': not valid: it holds a NUL character", file);
	json = cJSON_ParseWithLengthOpts(text, len, &end, 0);
	if (!json)
		return px_fail(PX_USAGE, "config '%s': not valid JSON near line %u", file,
			       line_of(text, end));
	for (; end < text + len; end++)
		if (!strchr(" \t\r\n", *end) || !*end)
			return px_fail(PX_USAGE, "config '%s': text after the JSON in line %u",
				       file, line_of(text, end));
	st = parse_object(config, json, "the config", keys);
	if (st)
		return st;
	*ret_config = px_steal(&config);
	return PX_OK;
}

enum px_status px_config_set_base_path(struct px_config *config, const char *base)
{
	size_t len;
	char *copy;

	base += strspn(base, "/");
	len = strlen(base);
	while (len && base[len - 1] == '/')
		len--;
	copy = strndup(base, len);
	if (!copy)
		return px_nomem();
	if (*copy && px_path_check(copy) < 0) {
		px_fail(PX_USAGE, "the base path '%s' is no path of secrets: %s", copy,
			px_path_fault(copy));
		free(copy);
		return PX_USAGE;
	}
	free(config->base_path);
	config->base_path = copy;
	return PX_OK;
}

/* The value of an environment variable, or fallback, for a slot that the config left empty. */
static enum px_status fill(char **slot, const char *variable, const char *fallback)
{
	const char *value = variable ? getenv(variable) : NULL;

	if (!value || !*value)
		value = fallback;
	if (*slot || !value)
		return PX_OK;
	*slot = strdup(value);
	return *slot ? PX_OK : px_nomem();
}

static enum px_status fill_url(struct px_config *config)
{
	const char *url = getenv("DCOS_CLUSTER_URL");

	if (config->cluster_urls)
		return PX_OK;
	if (!url || !*url)
		url = "https://master.mesos";
	return px_strv_add(&config->cluster_urls, url) < 0 ? px_nomem() : PX_OK;
}

static enum px_status fill_base_path(struct px_config *config)
{
	const char *base = getenv("DCOS_SECRETS_BASE_PATH");

	return config->base_path ? PX_OK : px_config_set_base_path(config, base ? base : "");
}

static bool has_space(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text <= ' ' || *text == 0x7f)
			return true;
	return false;
}

/* scheme://host[:port] and no more: the API's own paths follow, and a user belongs nowhere here. */
static enum px_status check_url(const char *url)
{
	const char *host = url + strlen("https://");
	size_t len;

	if (strlen(url) > URL_MAX)
		return px_fail(PX_USAGE, "cluster_url is longer than %d bytes: '%.60s…'", URL_MAX,
			       url);
	if (strncmp(url, "https://", strlen("https://")) != 0)
		return px_fail(PX_USAGE,
			       "cluster_url '%s' must start with https://: keys travel "
			       "over verified TLS or not at all",
			       url);
	len = strcspn(host, "/@?#\\");
	if (!len || *host == ':' || has_space(host) || host[len + strspn(host + len, "/")])
		return px_fail(PX_USAGE,
			       "cluster_url '%s' must be https://HOST or "
			       "https://HOST:PORT and no more",
			       url);
	return PX_OK;
}

static enum px_status check_urls(const struct px_config *config)
{
	char **url;

	for (url = config->cluster_urls; *url; url++) {
		enum px_status st = check_url(*url);

		if (st)
			return st;
	}
	return PX_OK;
}

static enum px_status check_store(const struct px_config *config)
{
	if (px_path_may_be_store(config->store))
		return PX_OK;
	return px_fail(PX_USAGE, "the store '%s' must be letters, digits, - and _, %d at most",
		       config->store, PX_STORE_MAX);
}

static enum px_status check_cluster_secret_key(const struct px_config *config)
{
	const char *path = config->cluster_secret_key;

	if (path && px_path_check(path) < 0)
		return px_fail(PX_USAGE, "cluster_secret_key '%s' is no path of a secret: %s", path,
			       px_path_fault(path));
	return PX_OK;
}

static enum px_status check_credentials(const struct px_config *config)
{
	if (config->service_account_file && (config->username_file || config->password_file))
		return px_fail(PX_USAGE,
			       "config '%s': it has a service_account_file and a user's files: "
			       "remove username_file and password_file, or the former",
			       config->file);
	return PX_OK;
}

enum px_status px_config_complete(struct px_config *config)
{
	enum px_status st;

	st = fill_url(config);
	if (!st)
		st = fill(&config->ca_cert_file, "DCOS_SECRETS_CA_CERT_FILE", NULL);
	if (!st)
		st = fill(&config->store, NULL, "default");
	if (!st)
		st = fill_base_path(config);
	if (!st)
		st = check_urls(config);
	if (!st)
		st = check_store(config);
	if (!st)
		st = check_cluster_secret_key(config);
	if (!st)
		st = check_credentials(config);
	return st;
}

/* Only the default file may be missing: one that was named was meant. */
static enum px_status read_config(const char *named, struct px_config **ret_config)
{
	const char *file = named ? named : PX_CONFIG_FILE;
	px_auto(free) char *text = NULL;
	enum px_status st;
	size_t len;

	if (!named && access(file, F_OK) < 0 && errno == ENOENT) {
		*ret_config = new_config(file);
		return *ret_config ? PX_OK : px_nomem();
	}
	st = px_file_read(file, "config", CONFIG_MAX, &text, &len);
	if (st)
		return st;
	return px_config_parse(text, len, file, ret_config);
}

enum px_status px_config_load(struct px_config **ret_config)
{
	px_auto(config) struct px_config *config = NULL;
	const char *named = getenv("PXENC_CONFIG");
	enum px_status st;

	st = read_config(named && *named ? named : NULL, &config);
	if (st)
		return st;
	st = px_config_complete(config);
	if (st)
		return st;
	*ret_config = px_steal(&config);
	return PX_OK;
}

void px_config_free(struct px_config **config)
{
	struct px_config *c = config ? *config : NULL;

	if (!c)
		return;
	px_strv_free(&c->cluster_urls);
	free(c->file);
	free(c->ca_cert_file);
	free(c->store);
	free(c->base_path);
	free(c->username_file);
	free(c->password_file);
	free(c->service_account_file);
	free(c->cluster_secret_key);
	free(c);
	*config = NULL;
}
