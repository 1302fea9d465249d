/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/store.h"

#include <errno.h>
#include <string.h>

#include "conversation.h"
#include "pxenc/credentials.h"
#include "pxenc/file.h"
#include "pxenc/log.h"
#include "pxenc/members.h"
#include "pxenc/path.h"
#include "pxenc/persist.h"
#include "pxenc/places.h"
#include "pxenc/strv.h"

/* One question: what is asked, and about what. */
struct question {
	enum px_op op;
	const char *path;
	unsigned int how;	       /* enum px_get */
	const struct px_secret *value; /* NULL: none */
};

enum px_status px_store_new(const struct px_config *config, int64_t deadline,
			    struct px_store **ret_store)
{
	struct px_store *store;
	enum px_status st;

	st = px_login_hide_password();
	if (st)
		return st;
	store = calloc(1, sizeof(*store));
	if (!store)
		return px_nomem();
	store->config = config;
	store->deadline = deadline;
	store->child = PX_CHILD_NONE;
	*ret_store = store;
	return PX_OK;
}

void px_store_ask_only(struct px_store *store, const char *url)
{
	store->only = url;
}

const char *px_store_user(const struct px_store *store)
{
	return store->shown.uid;
}

static int make_request(const struct question *question, struct px_frame *ret_frame)
{
	size_t value_len = question->value ? px_secret_len(question->value) : 0;
	int r;

	r = px_frame_new(PX_FRAME_REQUEST, 0,
			 2 * PX_FIELD_NUMBER_SIZE + PX_FIELD_SIZE(strlen(question->path)) +
				 PX_FIELD_SIZE(value_len),
			 ret_frame);
	if (r < 0)
		return r;
	r = px_frame_add_number(ret_frame, PX_FIELD_OP, question->op);
	if (r == 0)
		r = px_frame_add_text(ret_frame, PX_FIELD_PATH, question->path);
	if (r == 0)
		r = px_frame_add_number(ret_frame, PX_FIELD_HOW, question->how);
	if (r == 0 && question->value)
		r = px_frame_add_secret(ret_frame, PX_FIELD_VALUE, question->value);
	return r;
}

/* The path may come from a header that somebody else wrote, and the command is there to be pasted:
 * what a shell would make something of stands in quotes, and what would end them in no command. */
static enum px_status forbidden(const struct px_store *store, const struct question *question,
				const char *text)
{
	const char *list = question->op == PX_OP_LIST ? "list:" : "";
	bool reads = *list || question->op == PX_OP_GET;
	const char *user = store->shown.uid ? store->shown.uid : "USER";
	const char *base = store->config->base_path ? store->config->base_path : "";

	if (strchr(question->path, '\''))
		return px_fail(PX_FORBIDDEN, "%s: DC/OS has to grant it to the user %s", text,
			       user);
	return px_fail(PX_FORBIDDEN,
		       "%s: grant it: dcos security org users grant %s 'dcos:secrets:%s%s:/%s' %s; "
		       "or mend the base path, which is '%s'",
		       text, user, list, store->config->store, question->path,
		       reads ? "read" : "full", base);
}

/* The failure in pxenc-fetch's words, and what to do about it in ours. */
static enum px_status report(const struct px_store *store, const struct question *question,
			     enum px_status st, const char *text)
{
	switch (st) {
	case PX_FORBIDDEN:
		if (question->how & PX_GET_VERDICT)
			return st;
		if (question->op != PX_OP_LOGIN)
			return forbidden(store, question, text);
		return px_fail(st, "%s", text);
	case PX_UNAUTHENTICATED:
		/* Else it is the ACS token that is refused, and not what it was got with. */
		if (store->login == PX_LOGIN_SENT)
			return px_fail(st, "%s: %s", text, px_login_advice(store));
		return px_fail(st, "%s", text);
	case PX_NO_SECRET:
		if (question->how & (PX_GET_MAYBE | PX_GET_VERDICT))
			return st;
		return px_fail(st, "%s: pxenc secrets list shows what there is", text);
	case PX_UNREACHABLE:
		return px_fail(st, "%s: check cluster_url and the network", text);
	case PX_NOMEM:
		return px_fail(st, "pxenc-fetch is out of memory: raise RLIMIT_MEMLOCK");
	default:
		return px_fail(st, "%s", text);
	}
}

static enum px_status ask(struct px_store *store, const struct question *question,
			  struct px_frame *ret_answer)
{
	px_auto(frame) struct px_frame request = { .payload = NULL };
	px_auto(free) char *text = NULL;
	enum px_status st;
	int r;

	r = make_request(question, &request);
	if (r == -ENOSPC)
		return px_fail(PX_USAGE,
			       "the value of '%s' is too large for the store: it takes "
			       "about 1 MB",
			       question->path);
	if (r < 0)
		return px_nomem();
	st = px_conversation_ask(store, &request, ret_answer, &text);
	return st && text ? report(store, question, st, text) : st;
}

static enum px_status not_understood(int r)
{
	if (r == -ENOMEM)
		return px_nomem();
	return px_fail(PX_UNTRUSTED, "pxenc-fetch gave an answer that cannot be understood");
}

enum px_status px_store_get(struct px_store *store, const char *path, unsigned int how,
			    struct px_secret **ret_value)
{
	const struct question question = { .op = PX_OP_GET, .path = path, .how = how };
	px_auto(frame) struct px_frame answer = { .payload = NULL };
	enum px_status st;
	int r;

	st = ask(store, &question, &answer);
	if (st)
		return st;
	r = px_frame_get_secret(&answer, PX_FIELD_VALUE, PX_FRAME_MAX, ret_value);
	return r < 0 ? not_understood(r) : PX_OK;
}

static enum px_status ask_plainly(struct px_store *store, const struct question *question)
{
	px_auto(frame) struct px_frame answer = { .payload = NULL };

	return ask(store, question, &answer);
}

enum px_status px_store_create(struct px_store *store, const char *path,
			       const struct px_secret *value)
{
	return ask_plainly(store, &(struct question){ PX_OP_CREATE, path, 0, value });
}

enum px_status px_store_update(struct px_store *store, const char *path,
			       const struct px_secret *value)
{
	return ask_plainly(store, &(struct question){ PX_OP_UPDATE, path, 0, value });
}

enum px_status px_store_delete(struct px_store *store, const char *path)
{
	return ask_plainly(store, &(struct question){ PX_OP_DELETE, path, 0, NULL });
}

enum px_status px_store_drop(struct px_store *store, const char *path)
{
	const struct question question = { PX_OP_DELETE, path, PX_GET_MAYBE, NULL };
	enum px_status st = ask_plainly(store, &question);

	return st == PX_NO_SECRET ? PX_OK : st;
}

static size_t count_nuls(const uint8_t *data, size_t len)
{
	size_t i, count = 0;

	for (i = 0; i < len; i++)
		count += data[i] == '\0';
	return count;
}

/* Every path ends with a NUL, is not empty and drives no terminal. */
static int split_list(const struct px_field *field, char **paths)
{
	const uint8_t *at = field->data, *end = field->data + field->len;

	while (at < end) {
		const uint8_t *nul = memchr(at, '\0', (size_t)(end - at));
		struct px_field one = { .data = at };
		int r;

		if (!nul || nul == at)
			return -EBADMSG;
		one.len = (size_t)(nul - at);
		r = px_field_text(&one, PX_PATH_MAX, paths++);
		if (r < 0)
			return r;
		at = nul + 1;
	}
	return 0;
}

/* An empty list is a list. */
static int read_list(const struct px_frame *answer, char ***ret_paths)
{
	struct px_field field;
	char **paths = NULL;
	int r;

	r = px_frame_get(answer, PX_FIELD_LIST, &field);
	if (r < 0)
		return r;
	paths = calloc(count_nuls(field.data, field.len) + 1, sizeof(*paths));
	r = paths ? split_list(&field, paths) : -ENOMEM;
	if (r < 0) {
		px_strv_free(&paths);
		return r;
	}
	px_strv_sort(paths);
	*ret_paths = paths;
	return 0;
}

enum px_status px_store_list(struct px_store *store, const char *path, char ***ret_paths)
{
	const struct question question = { .op = PX_OP_LIST, .path = path };
	px_auto(frame) struct px_frame answer = { .payload = NULL };
	enum px_status st;
	int r;

	st = ask(store, &question, &answer);
	if (st)
		return st;
	r = read_list(&answer, ret_paths);
	return r < 0 ? not_understood(r) : PX_OK;
}

enum px_status px_store_parse(struct px_store *store, const char *what,
			      const struct px_secret *json, struct px_secret **ret_members)
{
	const struct question question = { .op = PX_OP_PARSE, .path = what, .value = json };
	px_auto(secret) struct px_secret *members = NULL;
	px_auto(frame) struct px_frame answer = { .payload = NULL };
	enum px_status st;
	int r;

	st = ask(store, &question, &answer);
	if (st)
		return st;
	r = px_frame_get_secret(&answer, PX_FIELD_VALUE, PX_MEMBERS_MAX, &members);
	if (r == 0)
		r = px_members_check(members);
	if (r < 0 && r != -ENOENT)
		return not_understood(r);
	*ret_members = px_steal(&members);
	return PX_OK;
}

enum px_status px_store_login(struct px_store *store, const struct px_account *account,
			      const char *base_path)
{
	enum px_status st;

	st = px_account_check_uid(account->uid, "--username");
	if (st)
		return st;
	if (account->password && px_secret_len(account->password) > PX_PASSWORD_MAX)
		return px_fail(PX_USAGE, "the password is longer than %d bytes", PX_PASSWORD_MAX);
	store->hand = account;
	store->hand_base = base_path;
	st = ask_plainly(store, &(struct question){ PX_OP_LOGIN, "", 0, NULL });
	store->hand = NULL;
	store->hand_base = NULL;
	return st;
}

/* The cache of a config's cluster; NULL where nothing is cached: *ret_cause has the -errno. */
static enum px_status open_cache(const struct px_config *config, struct px_acs_cache **ret_cache,
				 int *ret_cause)
{
	px_auto(free) char *ca = NULL;
	enum px_status st = PX_OK;
	size_t ca_len = 0;

	if (config->ca_cert_file)
		st = px_file_read(config->ca_cert_file, "CA certificate", PX_CA_MAX, &ca, &ca_len);
	if (st)
		return st;
	*ret_cause = px_acs_cache_open(px_place_run(), config->cluster_urls, ca, ca_len, ret_cache);
	return *ret_cause == -ENOMEM ? px_nomem() : PX_OK;
}

enum px_status px_store_logout(const struct px_config *config, bool *ret_any)
{
	px_auto(acs_cache) struct px_acs_cache *cache = NULL;
	enum px_status st;
	int r;

	st = open_cache(config, &cache, &r);
	if (st)
		return st;
	r = px_acs_drop_all(cache, ret_any);
	if (r < 0)
		return px_fail(PX_KERNEL, "cannot remove the ACS tokens in '%s': %s",
			       px_place_run(), strerror(-r));
	return PX_OK;
}

enum px_status px_store_session_base(struct px_config *config)
{
	px_auto(acs_cache) struct px_acs_cache *cache = NULL;
	px_auto(acs) struct px_acs session = { .token = NULL };
	px_auto(free) char *kept = NULL;
	enum px_status st;
	int r;

	st = open_cache(config, &cache, &r);
	if (st)
		return st;
	if (px_acs_load(cache, PX_ACS_SESSION, &session) == 0) {
		config->base_of_session = session.base_path != NULL;
		return session.base_path ? px_config_set_base_path(config, session.base_path)
					 : PX_OK;
	}
	if (px_credentials_which(config) != PX_CREDENTIALS_KEPT)
		return PX_OK;
	st = px_persist_base_path(&kept);
	return st || !kept ? st : px_config_set_base_path(config, kept);
}

enum px_status px_store_session(const struct px_config *config,
				struct px_store_session *ret_session)
{
	px_auto(acs_cache) struct px_acs_cache *cache = NULL;
	px_auto(acs) struct px_acs acs = { .token = NULL };
	struct px_store_session session = { .uid = NULL };
	enum px_status st;

	st = open_cache(config, &cache, &session.cache);
	if (st)
		return st;
	if (px_acs_load(cache, PX_ACS_SESSION, &acs) == 0) {
		session.uid = px_steal(&acs.uid);
		session.expiry = acs.expiry;
	}
	*ret_session = session;
	return PX_OK;
}

void px_store_free(struct px_store **store)
{
	if (!store || !*store)
		return;
	px_conversation_end(*store);
	px_login_clear(*store);
	free((*store)->ca);
	free(*store);
	*store = NULL;
}
