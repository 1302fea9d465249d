/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/acs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "pxenc/clock.h"
#include "pxenc/flock.h"
#include "pxenc/frame.h"

#define DIGEST_SIZE 32
#define LIFETIME_MAX (5 * 86400) /* DC/OS's own */

struct px_acs_cache {
	int dir;
	int lock;
	uint8_t cluster[DIGEST_SIZE];
};

/* The name of a file: 64 hex digits and an ending of at most 8. */
struct name {
	char text[2 * DIGEST_SIZE + 9];
};

bool px_acs_is_token(const struct px_secret *token)
{
	const uint8_t *bytes = px_secret_bytes(token);
	size_t i, len = px_secret_len(token);

	for (i = 0; i < len; i++)
		if (bytes[i] <= ' ' || bytes[i] > '~')
			return false;
	return len > 0;
}

void px_acs_clear(struct px_acs *acs)
{
	px_secret_free(&acs->token);
	free(acs->uid);
	free(acs->base_path);
	*acs = (struct px_acs){ .token = NULL };
}

/* A directory that nobody else can look into or write to. The descriptor, or -errno. */
static int open_private_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0 && st.st_uid == geteuid() && !(st.st_mode & (S_IRWXG | S_IRWXO)))
		return fd;
	close(fd);
	return -EPERM;
}

static bool digest_sized(EVP_MD_CTX *md, const void *data, size_t len)
{
	const uint64_t size = len;

	return EVP_DigestUpdate(md, &size, sizeof(size)) == 1 &&
	       (!len || EVP_DigestUpdate(md, data, len) == 1);
}

/* Each part with its length before it, so that no two lists of parts look the same. */
static int digest_cluster(char *const *urls, const void *ca, size_t ca_len,
			  uint8_t digest[DIGEST_SIZE])
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool fine = md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1;

	for (; fine && *urls; urls++)
		fine = digest_sized(md, *urls, strlen(*urls));
	/* No URL is empty: this tells where they end. */
	fine = fine && digest_sized(md, "", 0) && digest_sized(md, ca, ca_len) &&
	       EVP_DigestFinal_ex(md, digest, NULL) == 1;
	EVP_MD_CTX_free(md);
	return fine ? 0 : -ENOMEM;
}

static void hex_name(const uint8_t digest[DIGEST_SIZE], const char *ending, struct name *name)
{
	size_t i;

	for (i = 0; i < DIGEST_SIZE; i++)
		snprintf(name->text + 2 * i, 3, "%02x", digest[i]);
	snprintf(name->text + 2 * i, sizeof(name->text) - 2 * i, "%s", ending);
}

int px_acs_owner(const char *uid, const void *proof, size_t len, char **ret_owner)
{
	uint8_t digest[DIGEST_SIZE];
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	char *owner;
	bool fine;

	fine = md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 &&
	       digest_sized(md, uid, strlen(uid)) && digest_sized(md, proof, len) &&
	       EVP_DigestFinal_ex(md, digest, NULL) == 1;
	EVP_MD_CTX_free(md);
	/* No user name has a newline. What asprintf failed to make is undefined. */
	if (!fine || asprintf(&owner, "%s\n%02x%02x", uid, digest[0], digest[1]) < 0)
		return -ENOMEM;
	*ret_owner = owner;
	return 0;
}

static int name_of(const struct px_acs_cache *cache, const char *owner, const char *ending,
		   struct name *name)
{
	uint8_t digest[DIGEST_SIZE];
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool fine;

	fine = md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 &&
	       digest_sized(md, cache->cluster, DIGEST_SIZE) &&
	       digest_sized(md, owner, strlen(owner)) && EVP_DigestFinal_ex(md, digest, NULL) == 1;
	EVP_MD_CTX_free(md);
	if (!fine)
		return -ENOMEM;
	hex_name(digest, ending, name);
	return 0;
}

int px_acs_cache_open(const char *dir, char *const *urls, const void *ca, size_t ca_len,
		      struct px_acs_cache **ret_cache)
{
	px_auto(acs_cache) struct px_acs_cache *cache = calloc(1, sizeof(*cache));
	int r;

	if (!cache)
		return -ENOMEM;
	cache->lock = cache->dir = -1;
	if (!dir)
		return -ENOENT;
	r = digest_cluster(urls, ca, ca_len, cache->cluster);
	if (r < 0)
		return r;
	if (mkdir(dir, S_IRWXU) < 0 && errno != EEXIST)
		return -errno;
	cache->dir = open_private_dir(dir);
	if (cache->dir < 0)
		return cache->dir;
	*ret_cache = px_steal(&cache);
	return 0;
}

static int open_private_file(const struct px_acs_cache *cache, const char *name)
{
	int fd = openat(cache->dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
	    !(st.st_mode & (S_IRWXG | S_IRWXO)))
		return fd;
	close(fd);
	return -EPERM;
}

static int read_file(const struct px_acs_cache *cache, const char *name, enum px_frame_type type,
		     struct px_frame *ret_frame)
{
	px_auto(fd) int fd = open_private_file(cache, name);
	int r;

	if (fd < 0)
		return fd;
	r = px_frame_read(fd, PX_FOREVER, ret_frame);
	if (r < 0)
		return r == -ENODATA ? -EBADMSG : r;
	return ret_frame->type == type ? 0 : -EBADMSG;
}

/* Readers see the old file or the new one. Callers hold the cluster's lock, so a name of its own
 * for the cluster and owner is enough. */
static int write_file(const struct px_acs_cache *cache, const char *name,
		      const struct px_frame *frame)
{
	px_auto(fd) int fd = -1;
	struct name temporary;
	int r;

	snprintf(temporary.text, sizeof(temporary.text), "%.*s.new", 2 * DIGEST_SIZE, name);
	unlinkat(cache->dir, temporary.text, 0);
	fd = openat(cache->dir, temporary.text,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
	if (fd < 0)
		return -errno;
	r = px_frame_write(fd, frame, PX_FOREVER);
	if (r == 0 && renameat(cache->dir, temporary.text, cache->dir, name) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(cache->dir, temporary.text, 0);
	return r;
}

static int check_cluster(const struct px_acs_cache *cache, const struct px_frame *frame)
{
	struct px_field field;
	int r;

	r = px_frame_get(frame, PX_FIELD_CLUSTER, &field);
	if (r < 0)
		return r;
	return field.len == DIGEST_SIZE && memcmp(field.data, cache->cluster, DIGEST_SIZE) == 0
		       ? 0
		       : -EBADMSG;
}

static int parse_acs(const struct px_frame *frame, struct px_acs *acs)
{
	uint64_t expiry;
	int r;

	r = px_frame_get_secret(frame, PX_FIELD_ACS, PX_ACS_MAX, &acs->token);
	if (r == 0)
		r = px_frame_get_text(frame, PX_FIELD_UID, PX_UID_MAX, &acs->uid);
	if (r == 0)
		r = px_frame_get_number(frame, PX_FIELD_EXPIRY, &expiry);
	if (r == 0 && !px_acs_is_token(acs->token))
		r = -EBADMSG;
	if (r < 0)
		return r == -ENOENT ? -EBADMSG : r;
	acs->expiry = (int64_t)expiry;
	r = px_frame_get_text(frame, PX_FIELD_BASE, PX_TEXT_MAX * 2, &acs->base_path);
	return r == -ENOENT ? 0 : r;
}

int px_acs_load(const struct px_acs_cache *cache, const char *owner, struct px_acs *ret_acs)
{
	px_auto(frame) struct px_frame frame = { .payload = NULL };
	px_auto(acs) struct px_acs acs = { .token = NULL };
	struct name name;
	int r;

	if (!cache)
		return -ENOENT;
	r = name_of(cache, owner, ".acs", &name);
	if (r == 0)
		r = read_file(cache, name.text, PX_FRAME_CACHED, &frame);
	if (r == 0)
		r = check_cluster(cache, &frame);
	if (r == 0)
		r = parse_acs(&frame, &acs);
	if (r < 0)
		return r;
	if (acs.expiry <= time(NULL) + PX_ACS_MARGIN)
		return -ENOENT;
	*ret_acs = acs;
	acs = (struct px_acs){ .token = NULL };
	return 0;
}

static uint64_t bounded_expiry(int64_t expiry)
{
	int64_t latest = time(NULL) + LIFETIME_MAX;

	return (uint64_t)(expiry > 0 && expiry < latest ? expiry : latest);
}

static int format_acs(const struct px_acs_cache *cache, const struct px_acs *acs,
		      struct px_frame *frame)
{
	size_t base_len = acs->base_path ? strlen(acs->base_path) : 0;
	int r;

	r = px_frame_new(PX_FRAME_CACHED, 0,
			 PX_FIELD_SIZE(DIGEST_SIZE) + PX_FIELD_SIZE(strlen(acs->uid)) +
				 PX_FIELD_SIZE(base_len) +
				 PX_FIELD_SIZE(px_secret_len(acs->token)) + PX_FIELD_NUMBER_SIZE,
			 frame);
	if (r == 0)
		r = px_frame_add(frame, PX_FIELD_CLUSTER, cache->cluster, DIGEST_SIZE);
	if (r == 0)
		r = px_frame_add_text(frame, PX_FIELD_UID, acs->uid);
	if (r == 0 && acs->base_path)
		r = px_frame_add_text(frame, PX_FIELD_BASE, acs->base_path);
	if (r == 0)
		r = px_frame_add_secret(frame, PX_FIELD_ACS, acs->token);
	if (r == 0)
		r = px_frame_add_number(frame, PX_FIELD_EXPIRY, bounded_expiry(acs->expiry));
	return r;
}

int px_acs_save(const struct px_acs_cache *cache, const char *owner, const struct px_acs *acs)
{
	px_auto(frame) struct px_frame frame = { .payload = NULL };
	struct name name;
	int r;

	if (!cache)
		return 0;
	r = name_of(cache, owner, ".acs", &name);
	if (r == 0)
		r = format_acs(cache, acs, &frame);
	return r < 0 ? r : write_file(cache, name.text, &frame);
}

static int drop(const struct px_acs_cache *cache, const char *owner, const char *ending)
{
	struct name name;
	int r;

	if (!cache)
		return -ENOENT;
	r = name_of(cache, owner, ending, &name);
	if (r == 0 && unlinkat(cache->dir, name.text, 0) < 0)
		r = -errno;
	return r;
}

int px_acs_drop(const struct px_acs_cache *cache, const char *owner)
{
	return drop(cache, owner, ".acs");
}

/* A file that cannot be read as a token of another cluster goes too: it is of no use. */
static bool is_ours(const struct px_acs_cache *cache, const char *name)
{
	px_auto(frame) struct px_frame frame = { .payload = NULL };
	const char *ending = strrchr(name, '.');

	if (!ending || strcmp(ending, ".acs") != 0)
		return false;
	return read_file(cache, name, PX_FRAME_CACHED, &frame) == 0 &&
	       check_cluster(cache, &frame) == 0;
}

static void dir_cleanup(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

int px_acs_drop_all(const struct px_acs_cache *cache, bool *ret_any)
{
	__attribute__((cleanup(dir_cleanup))) DIR *dir = NULL;
	const struct dirent *entry;
	bool any = false;
	int fd;

	if (!cache) {
		*ret_any = false;
		return 0;
	}
	/* Of its own: closedir closes it, and reading moves it. */
	fd = openat(cache->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		if (!is_ours(cache, entry->d_name))
			continue;
		if (unlinkat(cache->dir, entry->d_name, 0) < 0)
			return -errno;
		any = true;
	}
	*ret_any = any;
	return 0;
}

int px_acs_lock(struct px_acs_cache *cache, int64_t deadline)
{
	px_auto(fd) int fd = -1;
	struct name name;
	int r;

	if (!cache || cache->lock >= 0)
		return 0;
	hex_name(cache->cluster, ".lock", &name);
	fd = openat(cache->dir, name.text, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
		    S_IRUSR | S_IWUSR);
	if (fd < 0)
		return -errno;
	r = px_flock_by(fd, deadline);
	if (r < 0)
		return r;
	cache->lock = fd;
	fd = -1;
	return 0;
}

void px_acs_unlock(struct px_acs_cache *cache)
{
	if (!cache || cache->lock < 0)
		return;
	close(cache->lock);
	cache->lock = -1;
}

int px_acs_refuse(const struct px_acs_cache *cache, const char *owner)
{
	px_auto(frame) struct px_frame frame = { .payload = NULL };
	struct name name;
	int r;

	if (!cache)
		return 0;
	r = name_of(cache, owner, ".refused", &name);
	if (r == 0)
		r = px_frame_new(PX_FRAME_REFUSED, 0, PX_FIELD_NUMBER_SIZE, &frame);
	if (r == 0)
		r = px_frame_add_number(&frame, PX_FIELD_TIME, (uint64_t)px_now_ms());
	return r < 0 ? r : write_file(cache, name.text, &frame);
}

int px_acs_refused_ms(const struct px_acs_cache *cache, const char *owner)
{
	px_auto(frame) struct px_frame frame = { .payload = NULL };
	struct name name;
	uint64_t when;
	int64_t age;

	if (!cache || name_of(cache, owner, ".refused", &name) < 0 ||
	    read_file(cache, name.text, PX_FRAME_REFUSED, &frame) < 0 ||
	    px_frame_get_number(&frame, PX_FIELD_TIME, &when) < 0)
		return 0;
	age = px_now_ms() - (int64_t)when;
	return age >= 0 && age < PX_ACS_REFUSED_MS ? (int)(PX_ACS_REFUSED_MS - age) : 0;
}

void px_acs_pardon(const struct px_acs_cache *cache, const char *owner)
{
	drop(cache, owner, ".refused");
}

void px_acs_cache_free(struct px_acs_cache **cache)
{
	if (!cache || !*cache)
		return;
	px_fd_cleanup(&(*cache)->dir);
	px_fd_cleanup(&(*cache)->lock);
	free(*cache);
	*cache = NULL;
}
