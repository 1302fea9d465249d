/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>

#include "../../src/volume/luks-private.h"
#include "../format_volume.h"
#include "pxenc/key.h"

/*
 * Makes many volumes for tests, faster than pxenc format could, and without a store: sparse files
 * DIR/N.img, each with a uuid, a keyslot and a seal of its own. Volume N has the secret
 * many/(N % SECRETS), and boot may open it. For each secret a line PATH=VALUE is printed.
 *
 * One is formatted; the others are copies of its header, with the uuid, the keyslot and the LUKS2
 * token replaced.
 */
#define IMAGE_SIZE ((off_t)20 << 20)
#define HEADER_SIZE (512 << 10) /* both copies of the JSON, and the first two keyslots */

static char header[HEADER_SIZE];

static void __attribute__((noreturn)) die(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

static void make_uuid(char uuid[37])
{
	unsigned char b[16];

	if (getrandom(b, sizeof(b), 0) != sizeof(b))
		die("getrandom");
	snprintf(uuid, 37, "%02x%02x%02x%02x-%02x%02x-4%01x%02x-a%01x%02x-%02x%02x%02x%02x%02x%02x",
		 b[0], b[1], b[2], b[3], b[4], b[5], b[6] & 15, b[7], b[8] & 15, b[9], b[10], b[11],
		 b[12], b[13], b[14], b[15]);
}

static int make_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || ftruncate(fd, IMAGE_SIZE) < 0)
		die(path);
	return fd;
}

static struct px_secret *key_of(const char *text)
{
	struct px_secret *key;

	if (px_secret_from(text, strlen(text), &key) < 0)
		die("key");
	return key;
}

static void format_first(const char *path, const char *text)
{
	px_auto(luks) struct px_luks *luks = NULL;
	px_auto(secret) struct px_secret *key = key_of(text);
	px_auto(fd) int fd = make_file(path);
	char uuid[37];
	const struct px_luks_params params = { .uuid = uuid,
					       .cipher = "aes-xts-plain64",
					       .key_bits = 512,
					       .secret = "first",
					       .store = "default" };

	make_uuid(uuid);
	if (format_volume(path, &params, key, &luks))
		exit(EXIT_FAILURE);
	if (pread(fd, header, sizeof(header), 0) != sizeof(header))
		die(path);
}

/* The LUKS2 token moves to the new keyslot before the old one goes, and is sealed once more. */
static int exchange_key(struct px_luks *luks, const struct px_token *token,
			const struct px_secret *old, const struct px_secret *new)
{
	px_auto(secret) struct px_secret *volume_key = NULL;

	return px_luks_open_slot(luks, 0, old, &volume_key) < 0 ||
	       px_luks_add_slot(luks, 1, volume_key, new) || px_luks_set_token(luks, token, new) ||
	       px_luks_destroy_slot(luks, 0) || px_luks_set_token(luks, token, new);
}

/* libcryptsetup keeps process globals, so this is a process's only volume. */
static void make_copy(const char *path, unsigned int secret, const char *first, const char *text)
{
	px_auto(luks) struct px_luks *luks = NULL;
	px_auto(secret) struct px_secret *old = key_of(first), *new = key_of(text);
	px_auto(fd) int fd = make_file(path);
	char name[64], store[] = "default", uuid[37];
	const struct px_token token = {
		.keyslot = 1, .store = store, .secret = name, .auto_open = true
	};

	if (pwrite(fd, header, sizeof(header), 0) != sizeof(header))
		die(path);
	snprintf(name, sizeof(name), "many/%u", secret);
	make_uuid(uuid);
	if (px_luks_load_to_change(path, &luks) || crypt_set_uuid(luks->cd, uuid) < 0 ||
	    exchange_key(luks, &token, old, new))
		exit(EXIT_FAILURE);
}

static void reap(unsigned int *running)
{
	int status;

	if (wait(&status) < 0 || status != 0)
		exit(EXIT_FAILURE);
	--*running;
}

/* In plain memory: these keys are for tests. */
static char *new_key(void)
{
	px_auto(secret) struct px_secret *key = NULL;
	char *text;

	if (px_key_generate(&key) < 0)
		die("key");
	text = strndup((const char *)px_secret_bytes(key), px_secret_len(key));
	if (!text)
		die("key");
	return text;
}

static void make_all(const char *dir, unsigned int count, unsigned int secrets, char **keys)
{
	unsigned int i, running = 0;
	char path[512];

	snprintf(path, sizeof(path), "%s/first", dir);
	format_first(path, keys[secrets]);
	unlink(path);
	for (i = 0; i < count; i++) {
		pid_t pid;

		if (running == 8 * (unsigned int)get_nprocs())
			reap(&running);
		snprintf(path, sizeof(path), "%s/%u.img", dir, i);
		pid = fork();
		if (pid < 0)
			die("fork");
		if (pid == 0) {
			make_copy(path, i % secrets, keys[secrets], keys[i % secrets]);
			_exit(EXIT_SUCCESS);
		}
		running++;
	}
	while (running)
		reap(&running);
}

int main(int argc, char **argv)
{
	unsigned int i, count = argc == 4 ? (unsigned int)atoi(argv[2]) : 0;
	unsigned int secrets = argc == 4 ? (unsigned int)atoi(argv[3]) : 0;
	char **keys;

	if (!count || !secrets || secrets > count) {
		fputs("usage: luks2-many DIR VOLUMES SECRETS\n", stderr);
		return EXIT_FAILURE;
	}
	keys = calloc(secrets + 1, sizeof(*keys));
	if (!keys)
		die("keys");
	for (i = 0; i <= secrets; i++)
		keys[i] = new_key();
	make_all(argv[1], count, secrets, keys);
	for (i = 0; i < secrets; i++)
		printf("many/%u=%s\n", i, keys[i]);
	for (i = 0; i <= secrets; i++)
		free(keys[i]);
	free(keys);
	return EXIT_SUCCESS;
}
