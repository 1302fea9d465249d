/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <stdio.h>

#include "../unit/luks_samples.h"

/*
 * Forges LUKS2 headers for tests: whoever can write to a disk can do this. Replaces texts in the
 * JSON of both copies, each of which must occur exactly once, and makes the checksums right.
 */
static int usage(void)
{
	fputs("usage: luks2-edit IMAGE OLD NEW [OLD NEW]...\n"
	      "       luks2-edit --dump IMAGE\n",
	      stderr);
	return 1;
}

static int fail(const char *what, int r)
{
	fprintf(stderr, "luks2-edit: %s: %s\n", what, strerror(-r));
	return 1;
}

static int replace_all(struct luks2_copy *copy, char **texts)
{
	int r;

	for (; texts[0]; texts += 2) {
		r = luks2_replace(copy, texts[0], texts[1]);
		if (r < 0)
			return fail(texts[0], r);
	}
	return 0;
}

static int edit(int fd, struct luks2_copy copies[2], char **texts)
{
	int r;

	if (replace_all(&copies[0], texts) || replace_all(&copies[1], texts))
		return 1;
	r = luks2_write_both(fd, copies);
	return r < 0 ? fail("write", r) : 0;
}

static int run(const char *image, char **texts)
{
	struct luks2_copy copies[2];
	int fd, r, status;

	fd = open(image, (texts ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	if (fd < 0)
		return fail(image, -errno);
	r = luks2_read_both(fd, copies);
	if (r < 0) {
		close(fd);
		return fail(image, r);
	}
	status = texts ? edit(fd, copies, texts) : (puts(luks2_json(&copies[0])) < 0);
	luks2_free(&copies[0]);
	luks2_free(&copies[1]);
	if (texts && fsync(fd) < 0)
		status = fail(image, -errno);
	close(fd);
	return status;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "--dump") == 0)
		return run(argv[2], NULL);
	if (argc < 4 || argc % 2 != 0)
		return usage();
	return run(argv[1], argv + 2);
}
