/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <endian.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Reads the log of the kernel's dm-log-writes target, and plays it back up to any entry: what a
 * disk holds whose power failed there. The target logs a write when a flush has made sure of it,
 * so the order of the entries is one in which they may have reached the disk.
 *
 * The log's first block says how large its blocks are. Then comes, for each entry, a block with its
 * description, behind it in the same block the text of a mark; and the blocks that were written.
 * All numbers are little-endian.
 */
#define MAGIC UINT64_C(0x6a736677736872)
#define VERSION 1

enum { FLUSH = 1, FUA = 2, DISCARD = 4, MARK = 8 };

struct head {
	uint64_t magic, version, entries;
	uint32_t block_size;
};

struct entry {
	uint64_t block; /* on the device */
	uint64_t blocks;
	uint64_t flags;
	uint64_t text_len; /* of a mark */
};

struct log {
	int fd;
	uint64_t entries;
	uint64_t at; /* bytes, the next entry */
	uint32_t block_size;
};

static void read_at(const struct log *log, void *data, size_t len, uint64_t at)
{
	ssize_t n = pread(log->fd, data, len, (off_t)at);

	if (n < 0)
		err(1, "read the log");
	if ((size_t)n != len)
		errx(1, "the log ends too early");
}

static struct log open_log(const char *path)
{
	struct log log = { .fd = open(path, O_RDONLY | O_CLOEXEC) };
	struct head head;

	if (log.fd < 0)
		err(1, "%s", path);
	read_at(&log, &head, sizeof(head), 0);
	log.block_size = le32toh(head.block_size);
	log.entries = le64toh(head.entries);
	if (le64toh(head.magic) != MAGIC || le64toh(head.version) != VERSION)
		errx(1, "%s: not a log of dm-log-writes, version %d", path, VERSION);
	if (log.block_size < 512 || log.block_size > 65536)
		errx(1, "%s: blocks of %" PRIu32 " bytes", path, log.block_size);
	log.at = log.block_size;
	return log;
}

/* The next entry; *ret_data: where in the log its blocks are. */
static struct entry next_entry(struct log *log, uint64_t *ret_data)
{
	struct entry entry;

	read_at(log, &entry, sizeof(entry), log->at);
	entry.block = le64toh(entry.block);
	entry.blocks = le64toh(entry.blocks);
	entry.flags = le64toh(entry.flags);
	entry.text_len = le64toh(entry.text_len);
	*ret_data = log->at + log->block_size;
	log->at = *ret_data + ((entry.flags & DISCARD) ? 0 : entry.blocks * log->block_size);
	return entry;
}

static void print_text(const struct log *log, const struct entry *entry, uint64_t data)
{
	size_t len = (size_t)entry->text_len;
	char *text;

	if (len > log->block_size - sizeof(*entry))
		errx(1, "a mark is longer than its block");
	text = calloc(1, len + 1);
	if (!text)
		err(1, NULL);
	read_at(log, text, len, data - log->block_size + sizeof(*entry));
	printf(" %s", text);
	free(text);
}

static void list(struct log *log)
{
	for (uint64_t i = 1; i <= log->entries; i++) {
		uint64_t data;
		struct entry entry = next_entry(log, &data);

		printf("%" PRIu64 " %" PRIu64 "+%" PRIu64 "%s%s%s%s", i, entry.block, entry.blocks,
		       (entry.flags & FLUSH) ? " flush" : "", (entry.flags & FUA) ? " fua" : "",
		       (entry.flags & DISCARD) ? " discard" : "",
		       (entry.flags & MARK) ? " mark" : "");
		if (entry.flags & MARK)
			print_text(log, &entry, data);
		putchar('\n');
	}
}

/* How many entries are on the disk when the power fails: up to each of which something was sure. */
static void list_cuts(struct log *log)
{
	for (uint64_t i = 1; i <= log->entries; i++) {
		uint64_t data;

		if (next_entry(log, &data).flags & (FLUSH | FUA | MARK))
			printf("%" PRIu64 "\n", i);
	}
}

static void write_at(int fd, const char *data, size_t len, uint64_t at)
{
	while (len > 0) {
		ssize_t n = pwrite(fd, data, len, (off_t)at);

		if (n < 0)
			err(1, "write the device");
		data += n;
		len -= (size_t)n;
		at += (uint64_t)n;
	}
}

/* Block by block. What was discarded reads as zeros, as from most disks. */
static void replay_blocks(const struct log *log, const struct entry *entry, uint64_t data,
			  uint64_t blocks, int device)
{
	char *block = calloc(1, log->block_size);

	if (!block)
		err(1, NULL);
	for (uint64_t i = 0; i < blocks; i++) {
		if (!(entry->flags & DISCARD))
			read_at(log, block, log->block_size, data + i * log->block_size);
		write_at(device, block, log->block_size, (entry->block + i) * log->block_size);
	}
	free(block);
}

/* How far the log is played back. */
struct stop {
	uint64_t entries;
	bool torn; /* and the first half of the next one */
};

static void replay(struct log *log, const char *path, uint64_t from, struct stop to)
{
	int device = open(path, O_WRONLY | O_CLOEXEC);
	uint64_t end = to.entries + (to.torn ? 1 : 0);

	if (device < 0)
		err(1, "%s", path);
	if (end > log->entries)
		errx(1, "the log has %" PRIu64 " entries", log->entries);
	for (uint64_t i = 1; i <= end; i++) {
		uint64_t data;
		struct entry entry = next_entry(log, &data);

		if (i > from)
			replay_blocks(log, &entry, data,
				      i > to.entries ? entry.blocks / 2 : entry.blocks, device);
	}
	if (fsync(device) < 0 && errno != EINVAL)
		err(1, "%s", path);
	close(device);
}

/* "12", or "12.5" for half an entry more. */
static struct stop parse(const char *text)
{
	char *end;
	struct stop stop = { .entries = strtoull(text, &end, 10) };

	stop.torn = strcmp(end, ".5") == 0;
	if (end == text || (*end && !stop.torn))
		errx(1, "not a number of entries: %s", text);
	return stop;
}

int main(int argc, char **argv)
{
	struct log log;

	if (!((argc == 3 && (!strcmp(argv[1], "list") || !strcmp(argv[1], "cuts"))) ||
	      (argc == 6 && !strcmp(argv[1], "replay"))))
		errx(1, "usage: replay-log list LOG | cuts LOG | replay LOG DEVICE FROM TO\n"
			"replay: the device has the first FROM entries, and is to have the first "
			"TO; with \".5\", the first half of the next one, too");
	log = open_log(argv[2]);
	if (argc == 6)
		replay(&log, argv[3], parse(argv[4]).entries, parse(argv[5]));
	else if (!strcmp(argv[1], "cuts"))
		list_cuts(&log);
	else
		list(&log);
	close(log.fd);
	return fflush(stdout) == 0 ? 0 : 1;
}
