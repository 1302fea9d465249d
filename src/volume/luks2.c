/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "luks2.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include <openssl/evp.h>

#include "pxenc/io.h"

#define MAGIC_SIZE 6
#define VERSION 2
#define CHECKSUM "sha256"
#define CHECKSUM_SIZE 32

/* The binary part. Numbers are big-endian. */
struct binary {
	char magic[MAGIC_SIZE];
	uint16_t version;
	uint64_t size;
	uint64_t seqid;
	char label[48];
	char checksum_name[32];
	uint8_t salt[64];
	char uuid[40];
	char subsystem[48];
	uint64_t offset;
	uint8_t padding[184];
	uint8_t checksum[64];
	uint8_t rest[PX_LUKS2_BIN_SIZE - 512];
} __attribute__((packed));

_Static_assert(sizeof(struct binary) == PX_LUKS2_BIN_SIZE, "the layout of LUKS2");

static const char *magic_at(uint64_t offset)
{
	return offset == 0 ? "LUKS\xba\xbe" : "SKUL\xba\xbe";
}

static bool is_text(const char *field, size_t size)
{
	return memchr(field, '\0', size) != NULL;
}

size_t px_luks2_size(const uint8_t start[PX_LUKS2_BIN_SIZE], uint64_t offset)
{
	const struct binary *binary = (const struct binary *)start;
	uint64_t size = be64toh(binary->size);

	if (memcmp(binary->magic, magic_at(offset), MAGIC_SIZE) != 0 ||
	    be16toh(binary->version) != VERSION || size < PX_LUKS2_SIZE_MIN ||
	    size > PX_LUKS2_SIZE_MAX || (size & (size - 1)) != 0)
		return 0;
	return (size_t)size;
}

int px_luks2_glance(const uint8_t start[PX_LUKS2_BIN_SIZE], uint64_t offset,
		    struct px_luks2 *ret_header)
{
	const struct binary *binary = (const struct binary *)start;
	struct px_luks2 header = { .size = px_luks2_size(start, offset) };

	if (header.size == 0 || !is_text(binary->uuid, sizeof(binary->uuid)) ||
	    !is_text(binary->label, sizeof(binary->label)) ||
	    !is_text(binary->subsystem, sizeof(binary->subsystem)))
		return -EBADMSG;
	header.seqid = be64toh(binary->seqid);
	memcpy(header.names.uuid, binary->uuid, sizeof(header.names.uuid));
	memcpy(header.names.label, binary->label, sizeof(header.names.label));
	memcpy(header.names.subsystem, binary->subsystem, sizeof(header.names.subsystem));
	*ret_header = header;
	return 0;
}

static bool digest_part(EVP_MD_CTX *context, const void *data, size_t len)
{
	return EVP_DigestUpdate(context, data, len) > 0;
}

/* Over the whole copy, with nothing in the place of the checksum. */
static int checksum(const uint8_t *bytes, size_t size, uint8_t ret_sum[CHECKSUM_SIZE])
{
	static const uint8_t nothing[sizeof(((struct binary *)0)->checksum)];
	const size_t at = offsetof(struct binary, checksum), behind = at + sizeof(nothing);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool done = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) > 0 &&
		    digest_part(context, bytes, at) &&
		    digest_part(context, nothing, sizeof(nothing)) &&
		    digest_part(context, bytes + behind, size - behind) &&
		    EVP_DigestFinal_ex(context, ret_sum, NULL) > 0;

	EVP_MD_CTX_free(context);
	return done ? 0 : -EIO;
}

int px_luks2_decode(const uint8_t *bytes, size_t len, uint64_t offset, struct px_luks2 *ret_header,
		    const char **ret_json)
{
	const struct binary *binary = (const struct binary *)bytes;
	const char *json = (const char *)bytes + PX_LUKS2_BIN_SIZE;
	uint8_t sum[CHECKSUM_SIZE];
	struct px_luks2 header;
	int r;

	if (len < PX_LUKS2_SIZE_MIN || px_luks2_glance(bytes, offset, &header) < 0 ||
	    header.size > len || be64toh(binary->offset) != offset ||
	    strncmp(binary->checksum_name, CHECKSUM, sizeof(binary->checksum_name)) != 0 ||
	    !is_text(json, header.size - PX_LUKS2_BIN_SIZE))
		return -EBADMSG;
	r = checksum(bytes, header.size, sum);
	if (r < 0)
		return r;
	if (memcmp(sum, binary->checksum, sizeof(sum)) != 0)
		return -EBADMSG;
	*ret_header = header;
	*ret_json = json;
	return 0;
}

static void fill_in(const struct px_luks2 *header, uint64_t offset, struct binary *binary)
{
	memcpy(binary->magic, magic_at(offset), MAGIC_SIZE);
	binary->version = htobe16(VERSION);
	binary->size = htobe64(header->size);
	binary->seqid = htobe64(header->seqid);
	memcpy(binary->label, header->names.label, sizeof(binary->label));
	memcpy(binary->checksum_name, CHECKSUM, sizeof(CHECKSUM));
	memcpy(binary->uuid, header->names.uuid, sizeof(binary->uuid));
	memcpy(binary->subsystem, header->names.subsystem, sizeof(binary->subsystem));
	binary->offset = htobe64(offset);
}

int px_luks2_encode(const struct px_luks2 *header, const char *json, size_t json_len,
		    uint64_t offset, uint8_t *bytes)
{
	struct binary *binary = (struct binary *)bytes;

	if (json_len >= header->size - PX_LUKS2_BIN_SIZE)
		return -ENOSPC;
	memset(bytes, 0, header->size);
	fill_in(header, offset, binary);
	/* The salt makes the checksums of two headers differ, no more. */
	if (getrandom(binary->salt, sizeof(binary->salt), 0) != sizeof(binary->salt))
		return -EIO;
	memcpy(bytes + PX_LUKS2_BIN_SIZE, json, json_len);
	return checksum(bytes, header->size, binary->checksum);
}

/* One copy. -EBADMSG: there is none, or it is broken. */
static int read_copy(int fd, uint64_t offset, struct px_luks2 *ret_header, char **ret_json)
{
	uint8_t start[PX_LUKS2_BIN_SIZE];
	px_auto(free) uint8_t *bytes = NULL;
	const char *json;
	ssize_t n = px_read_at(fd, start, sizeof(start), offset);
	size_t size;
	int r;

	if (n < 0)
		return (int)n;
	size = n == sizeof(start) ? px_luks2_size(start, offset) : 0;
	if (size == 0)
		return -EBADMSG;
	bytes = malloc(size);
	if (!bytes)
		return -ENOMEM;
	n = px_read_at(fd, bytes, size, offset);
	if (n < 0)
		return (int)n;
	r = px_luks2_decode(bytes, (size_t)n, offset, ret_header, &json);
	if (r < 0)
		return r;
	*ret_json = strdup(json);
	return *ret_json ? 0 : -ENOMEM;
}

static int glance_copy(int fd, uint64_t offset, struct px_luks2 *ret_header)
{
	uint8_t start[PX_LUKS2_BIN_SIZE];
	ssize_t n = px_read_at(fd, start, sizeof(start), offset);

	if (n < 0)
		return (int)n;
	return n == sizeof(start) ? px_luks2_glance(start, offset, ret_header) : -EBADMSG;
}

/* A copy on a sector that the disk cannot read is as good as one that is broken. */
static bool is_lost(int r)
{
	return r == -EBADMSG || r == -EIO;
}

/* Of two copies that are lost: a disk that cannot read is what is said. */
static int worse(int r, int s)
{
	return r == -EIO ? r : s;
}

int px_luks2_glance_at(int fd, struct px_luks2 *ret_header)
{
	int r = glance_copy(fd, 0, ret_header);

	for (size_t at = PX_LUKS2_SIZE_MIN; is_lost(r) && at <= PX_LUKS2_SIZE_MAX; at *= 2) {
		int s = glance_copy(fd, at, ret_header);

		r = is_lost(s) ? worse(r, s) : s;
	}
	return r;
}

/* The second copy lies right behind the first; where that is gone, wherever it can be. */
static int read_second(int fd, size_t size, struct px_luks2 *ret_header, char **ret_json)
{
	int r = -EBADMSG;

	if (size != 0)
		return read_copy(fd, size, ret_header, ret_json);
	for (size = PX_LUKS2_SIZE_MIN; is_lost(r) && size <= PX_LUKS2_SIZE_MAX; size *= 2) {
		int s = read_copy(fd, size, ret_header, ret_json);

		r = is_lost(s) ? worse(r, s) : s;
	}
	return r;
}

int px_luks2_read(int fd, struct px_luks2 *ret_header, char **ret_json)
{
	px_auto(free) char *first_json = NULL, *second_json = NULL;
	struct px_luks2 first = { .size = 0 }, second;
	int r, s;

	r = read_copy(fd, 0, &first, &first_json);
	if (r < 0 && !is_lost(r))
		return r;
	s = read_second(fd, first.size, &second, &second_json);
	if (s < 0 && (r < 0 || !is_lost(s)))
		return is_lost(s) ? worse(r, s) : s;
	if (r < 0 || (s == 0 && second.seqid > first.seqid)) {
		*ret_header = second;
		*ret_json = px_steal(&second_json);
	} else {
		*ret_header = first;
		*ret_json = px_steal(&first_json);
	}
	return 0;
}
