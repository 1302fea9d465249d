/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "acs-private.h"
#include "pxenc/clock.h"
#include "pxenc/flock.h"

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
			  uint8_t digest[PX_ACS_DIGEST])
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

static void hex_name(const uint8_t digest[PX_ACS_DIGEST], const char *ending,
		     struct px_acs_name *name)
{
	size_t i;

	for (i = 0; i < PX_ACS_DIGEST; i++)
		snprintf(name->text + 2 * i, 3, "%02x", digest[i]);
	snprintf(name->text + 2 * i, sizeof(name->text) - 2 * i, "%s", ending);
}

static int digest_pair(const void *first, size_t first_len, const void *second, size_t second_len,
		       uint8_t digest[PX_ACS_DIGEST])
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool fine;

	fine = md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 &&
	       digest_sized(md, first, first_len) && digest_sized(md, second, second_len) &&
	       EVP_DigestFinal_ex(md, digest, NULL) == 1;
	EVP_MD_CTX_free(md);
	return fine ? 0 : -ENOMEM;
}

int px_acs_owner(const char *uid, const void *proof, size_t len, char **ret_owner)
{
	uint8_t digest[PX_ACS_DIGEST];
	char *owner;

	/* No user name has a newline. What asprintf failed to make is undefined. */
	if (digest_pair(uid, strlen(uid), proof, len, digest) < 0 ||
	    asprintf(&owner, "%s\n%02x%02x", uid, digest[0], digest[1]) < 0)
		return -ENOMEM;
	*ret_owner = owner;
	return 0;
}

int px_acs_name(const struct px_acs_cache *cache, const char *owner, const char *ending,
		struct px_acs_name *name)
{
	uint8_t digest[PX_ACS_DIGEST];
	int r;

	r = digest_pair(cache->cluster, PX_ACS_DIGEST, owner, strlen(owner), digest);
	if (r == 0)
		hex_name(digest, ending, name);
	return r;
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

int px_acs_read(const struct px_acs_cache *cache, const char *name, enum px_frame_type type,
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
int px_acs_write(const struct px_acs_cache *cache, const char *name, const struct px_frame *frame)
{
	px_auto(fd) int fd = -1;
	struct px_acs_name temporary;
	int r;

	snprintf(temporary.text, sizeof(temporary.text), "%.*s.new", 2 * PX_ACS_DIGEST, name);
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

int px_acs_remove(const struct px_acs_cache *cache, const char *owner, const char *ending)
{
	struct px_acs_name name;
	int r;

	if (!cache)
		return -ENOENT;
	r = px_acs_name(cache, owner, ending, &name);
	if (r == 0 && unlinkat(cache->dir, name.text, 0) < 0)
		r = -errno;
	return r;
}

int px_acs_lock(struct px_acs_cache *cache, int64_t deadline)
{
	px_auto(fd) int fd = -1;
	struct px_acs_name name;
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

void px_acs_cache_free(struct px_acs_cache **cache)
{
	if (!cache || !*cache)
		return;
	px_fd_cleanup(&(*cache)->dir);
	px_fd_cleanup(&(*cache)->lock);
	free(*cache);
	*cache = NULL;
}
