/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "config.h"
#include "pxenc/cmd.h"
#include "pxenc/libcrypto.h"
#include "pxenc/log.h"

/* Nobody but root may look into a process that will hold keys, and none leaves a core behind. */
static void close_curtains(void)
{
	const struct rlimit none = { 0, 0 };

	prctl(PR_SET_DUMPABLE, 0);
	setrlimit(RLIMIT_CORE, &none);
}

/* Whoever started us may have had children reaped for it by ignoring SIGCHLD; we wait for ours. */
static void expect_children(void)
{
	signal(SIGCHLD, SIG_DFL);
}

/* A reader that goes away must not take us with it, between a mapping and its mark. */
static void survive_readers(void)
{
	signal(SIGPIPE, SIG_IGN);
}

/* What was printed has to have arrived: a full disk must not look like an empty list. */
static enum px_status check_output(enum px_status st)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return st;
	return st ? st : px_fail(PX_KERNEL, "cannot write to standard output");
}

/* A closed standard descriptor must not become the number of a device or of a pipe with a key. */
static void fill_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

static void print_commands(FILE *to)
{
	const struct px_command *command;

	fprintf(to, "usage: pxenc COMMAND …\n\n");
	for (command = px_commands; command->words; command++)
		fprintf(to, "  %s %s\n                  %s\n", command->words, command->takes,
			command->help);
	fprintf(to, "\n  mount -t pxenc DEVICE DIR [-o OPTIONS]\n"
		    "                  unlock a volume and mount the filesystem inside\n\n"
		    "See pxenc(8), mount.pxenc(8), pxenc(5).\n");
}

/* How many of the arguments are the command's words; 0 when they are not. */
static int matched_words(const struct px_command *command, int argc, char **argv)
{
	const char *words = command->words;
	int n = 0;

	while (n < argc) {
		size_t len = strcspn(words, " ");

		if (strlen(argv[n]) != len || strncmp(words, argv[n], len) != 0)
			return 0;
		n++;
		if (!words[len])
			return n;
		words += len + 1;
	}
	return 0;
}

/* Whether the arguments are the first words of a command, as "secrets" is of "secrets list". */
static bool begins(const struct px_command *command, int argc, char **argv)
{
	const char *words = command->words;
	int n;

	for (n = 0; n < argc && argv[n][0] != '-'; n++) {
		size_t len = strlen(argv[n]);

		if (strncmp(words, argv[n], len) != 0 || words[len] != ' ')
			return false;
		words += len + 1;
	}
	return n > 0;
}

/* The commands of a group; false: there are none. */
static bool show_group(FILE *to, int argc, char **argv)
{
	const struct px_command *command;
	bool any = false;

	for (command = px_commands; command->words; command++) {
		if (!begins(command, argc, argv))
			continue;
		fprintf(to, "%s pxenc %s %s\n", any ? "      " : "usage:", command->words,
			command->takes);
		any = true;
	}
	return any;
}

static bool is_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static enum px_status run_command(int argc, char **argv)
{
	const struct px_command *command;
	bool help = is_help(argv[argc - 1]);
	int n;

	for (command = px_commands; command->words; command++) {
		n = matched_words(command, argc, argv);
		if (n)
			return command->run(argc - n + 1, argv + n - 1);
	}
	if (show_group(help ? stdout : stderr, argc, argv))
		return help ? PX_OK : PX_USAGE;
	if (argv[0][0] == '-')
		return px_fail(PX_USAGE, "%s: options follow the command (pxenc --help lists them)",
			       argv[0]);
	return px_fail(PX_USAGE, "no such command: %s%s%s (pxenc --help lists them)", argv[0],
		       argc > 1 ? " " : "", argc > 1 ? argv[1] : "");
}

int main(int argc, char **argv)
{
	fill_standard_descriptors();
	close_curtains();
	expect_children();
	survive_readers();
	if (!px_libcrypto_wipe_freed())
		return (int)px_fail(PX_KERNEL, "libcrypto was used before main");
	if (argc > 0 && strcmp(basename(argv[0]), "mount.pxenc") == 0)
		return px_mount_main(argc, argv);
	if (argc < 2) {
		print_commands(stderr);
		return PX_USAGE;
	}
	if (is_help(argv[1])) {
		print_commands(stdout);
		return PX_OK;
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("pxenc %s\n", PACKAGE_VERSION);
		return PX_OK;
	}
	return (int)check_output(run_command(argc - 1, argv + 1));
}
