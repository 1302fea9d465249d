/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pxenc/cmd.h"
#include "pxenc/log.h"

static const struct px_command *find_command(const char *words)
{
	const struct px_command *command;

	for (command = px_commands; strcmp(command->words, words) != 0; command++)
		;
	return command;
}

static void print_usage(FILE *to, const char *words)
{
	const struct px_command *command = find_command(words);

	fprintf(to, "usage: pxenc %s%s%s\n", command->words, *command->takes ? " " : "",
		command->takes);
}

enum px_status px_usage(const char *words)
{
	print_usage(stderr, words);
	return PX_USAGE;
}

static void __attribute__((noreturn)) help(const char *words)
{
	print_usage(stdout, words);
	printf("%s\n", find_command(words)->help);
	exit(PX_OK);
}

int px_next_option(const char *words, int argc, char **argv, const char *shorts,
		   const struct option *longs)
{
	static char program[] = "pxenc";
	char with_common[32];
	int c;

	snprintf(with_common, sizeof(with_common), "%shv", shorts);
	/* getopt speaks under this name. */
	argv[0] = program;
	while ((c = getopt_long(argc, argv, with_common, longs, NULL)) == 'v')
		px_log_init("pxenc", 1);
	if (c == 'h')
		help(words);
	if (c == '?')
		px_usage(words);
	return c;
}
