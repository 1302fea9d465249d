/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_TESTS_LUKS_SAMPLES_H
#define PXENC_TESTS_LUKS_SAMPLES_H

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

/*
 * LUKS2 headers on disk, to be read and forged by tests: the checksums are made right, as an
 * attacker would. "LUKS2 On-Disk Format Specification", 1.1.
 */
#define LUKS2_BIN_SIZE 4096
#define LUKS2_MAX_SIZE ((size_t)4 << 20)

#define LUKS2_AT_SIZE 8
#define LUKS2_AT_UUID 168
#define LUKS2_AT_SUM 448
#define LUKS2_SUM_SIZE 64

/* One copy of a header: binary part and JSON. */
struct luks2_copy {
	unsigned char *bytes;
	size_t size;
	off_t offset;
};

static inline char *luks2_json(struct luks2_copy *copy)
{
	return (char *)copy->bytes + LUKS2_BIN_SIZE;
}

static inline void luks2_free(struct luks2_copy *copy)
{
	free(copy->bytes);
	copy->bytes = NULL;
}

static inline int luks2_read(int fd, off_t offset, size_t size, struct luks2_copy *ret_copy)
{
	struct luks2_copy copy = { .bytes = malloc(size + 1), .size = size, .offset = offset };

	if (!copy.bytes)
		return -ENOMEM;
	if (pread(fd, copy.bytes, size, offset) != (ssize_t)size) {
		luks2_free(&copy);
		return -EIO;
	}
	copy.bytes[size] = '\0';
	*ret_copy = copy;
	return 0;
}

/* Both copies. -EINVAL: it is no LUKS2 header. */
static inline int luks2_read_both(int fd, struct luks2_copy ret_copies[2])
{
	unsigned char start[16];
	uint64_t size;
	int r;

	if (pread(fd, start, sizeof(start), 0) != sizeof(start))
		return -EIO;
	memcpy(&size, start + LUKS2_AT_SIZE, sizeof(size));
	size = be64toh(size);
	if (memcmp(start, "LUKS\xba\xbe\0\2", 8) != 0 || size <= LUKS2_BIN_SIZE ||
	    size > LUKS2_MAX_SIZE)
		return -EINVAL;
	r = luks2_read(fd, 0, size, &ret_copies[0]);
	if (r < 0)
		return r;
	r = luks2_read(fd, (off_t)size, size, &ret_copies[1]);
	if (r < 0)
		luks2_free(&ret_copies[0]);
	return r;
}

/* Replaces the only occurrence of a text in the JSON. -ENOENT, -EEXIST: several, -ENOSPC. */
static inline int luks2_replace(struct luks2_copy *copy, const char *from, const char *to)
{
	size_t room = copy->size - LUKS2_BIN_SIZE;
	size_t from_len = strlen(from), to_len = strlen(to), tail;
	char *at = strstr(luks2_json(copy), from);

	if (!at || !from_len)
		return -ENOENT;
	if (strstr(at + 1, from))
		return -EEXIST;
	if (strlen(luks2_json(copy)) - from_len + to_len >= room)
		return -ENOSPC;
	tail = strlen(at + from_len) + 1;
	memmove(at + to_len, at + from_len, tail);
	memcpy(at, to, to_len);
	/* A shorter text leaves bytes of the old one behind its end, which are no JSON. */
	memset(at + to_len + tail, 0, room - (size_t)(at - luks2_json(copy)) - to_len - tail);
	return 0;
}

/* Makes the checksum right and writes the copy. */
static inline int luks2_write(int fd, struct luks2_copy *copy)
{
	unsigned char *sum = copy->bytes + LUKS2_AT_SUM;

	memset(sum, 0, LUKS2_SUM_SIZE);
	if (!EVP_Digest(copy->bytes, copy->size, sum, NULL, EVP_sha256(), NULL))
		return -EIO;
	return pwrite(fd, copy->bytes, copy->size, copy->offset) == (ssize_t)copy->size ? 0 : -EIO;
}

static inline int luks2_write_both(int fd, struct luks2_copy copies[2])
{
	int r;

	r = luks2_write(fd, &copies[0]);
	if (r < 0)
		return r;
	return luks2_write(fd, &copies[1]);
}

/*
 * The JSON of a volume that pxenc formatted with a generated key, as crypt_dump_json gives it,
 * but with ' for ". sample_json makes it a text, with one part of it replaced.
 */
#define SAMPLE_UUID "0f3c8e1a-5b7d-4c2e-9a61-d2f4b8c07e35"
#define SAMPLE_SIZE ((uint64_t)32 << 20)

#define SAMPLE_KEYSLOT_0                                                                           \
	"'0':{'type':'luks2','key_size':64,"                                                       \
	"'af':{'type':'luks1','stripes':4000,'hash':'sha512'},"                                    \
	"'area':{'type':'raw','offset':'32768','size':'258048',"                                   \
	"'encryption':'aes-xts-plain64','key_size':64},"                                           \
	"'kdf':{'type':'pbkdf2','hash':'sha512','iterations':1000,"                                \
	"'salt':'dRL7VhdViS2ZEqoh0w3zQK5ZApVnwYU7IWFwn8YorVw='}}"

#define SAMPLE_KEYSLOT_1                                                                           \
	"'1':{'type':'luks2','key_size':64,'priority':1,"                                          \
	"'af':{'type':'luks1','stripes':4000,'hash':'sha256'},"                                    \
	"'area':{'type':'raw','offset':'290816','size':'258048',"                                  \
	"'encryption':'aes-xts-plain64','key_size':64},"                                           \
	"'kdf':{'type':'argon2id','time':7,'memory':1048576,'cpus':4,"                             \
	"'salt':'F/jVTCUM8HMsBmu7sCNKSBxM4vgDlksOfmaD1ufbFRk='}}"

#define SAMPLE_TOKEN                                                                               \
	"'0':{'type':'pxenc','keyslots':['0'],'version':1,'secret_type':'dcos',"                   \
	"'store':'default','secret':'volumes/" SAMPLE_UUID "/1','auto':true,"                      \
	"'seal':'xuhvIVfrMdNd2HOYwG5CDqAWl4f9ME_rlK0cNj-faZM'}"

#define SAMPLE_JSON                                                                                \
	"{'keyslots':{" SAMPLE_KEYSLOT_0 "},'tokens':{" SAMPLE_TOKEN "},"                          \
	"'segments':{'0':{'type':'crypt','offset':'16777216','size':'dynamic','iv_tweak':'0',"     \
	"'encryption':'aes-xts-plain64','sector_size':4096}},"                                     \
	"'digests':{'0':{'type':'pbkdf2','keyslots':['0'],'segments':['0'],'hash':'sha512',"       \
	"'iterations':1000,'salt':'ZAh15R/2CRtS67KtlMNxSpU+3QduLpxz0y3M4uss+gI=',"                 \
	"'digest':'iJulfzZVVF9PPV2XsqpBqzeFCsRsJ/wz7JyKP4g678A='}},"                               \
	"'config':{'json_size':'12288','keyslots_size':'16744448'}}"

/* from must occur once; NULL: nothing is replaced. NULL when that is not so. The caller frees. */
static inline char *sample_json(const char *from, const char *to)
{
	const char *at = from ? strstr(SAMPLE_JSON, from) : SAMPLE_JSON;
	size_t from_len = from ? strlen(from) : 0, to_len = from ? strlen(to) : 0;
	char *text;

	if (!at || (from && strstr(at + 1, from)))
		return NULL;
	text = calloc(1, sizeof(SAMPLE_JSON) + to_len);
	if (!text)
		return NULL;
	memcpy(text, SAMPLE_JSON, (size_t)(at - SAMPLE_JSON));
	memcpy(text + strlen(text), to ? to : "", to_len);
	memcpy(text + strlen(text), at + from_len, strlen(at + from_len));
	for (char *c = text; *c; c++)
		if (*c == '\'')
			*c = '"';
	return text;
}

#endif
