/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_CMD_H
#define PXENC_CMD_H

#include <getopt.h>
#include <stdbool.h>

#include "pxenc/secret.h"
#include "pxenc/status.h"

/*
 * A command is one file and one row in a table: its words ("secrets create"), what it takes, what
 * it does in one line, and the function. argv[0] is the command's last word.
 */
struct px_command {
	const char *words;
	const char *takes;
	const char *help;
	enum px_status (*run)(int argc, char **argv);
};

extern const struct px_command px_commands[]; /* ends with words == NULL */

enum px_status px_cmd_format(int argc, char **argv) PX_MUST_CHECK;
enum px_status px_cmd_open(int argc, char **argv) PX_MUST_CHECK;
enum px_status px_cmd_close(int argc, char **argv) PX_MUST_CHECK;
enum px_status px_cmd_resize(int argc, char **argv) PX_MUST_CHECK;
enum px_status px_cmd_suspend(int argc, char **argv) PX_MUST_CHECK;
enum px_status px_cmd_resume(int argc, char **argv) PX_MUST_CHECK;
enum px_status px_cmd_guard(int argc, char **argv) PX_MUST_CHECK;
enum px_status px_cmd_status(int argc, char **argv) PX_MUST_CHECK;
enum px_status px_cmd_erase(int argc, char **argv) PX_MUST_CHECK;
enum px_status px_cmd_header_backup(int argc, char **argv) PX_MUST_CHECK;
enum px_status px_cmd_header_restore(int argc, char **argv) PX_MUST_CHECK;
enum px_status px_cmd_header_seal(int argc, char **argv) PX_MUST_CHECK;
enum px_status px_cmd_login(int argc, char **argv) PX_MUST_CHECK;
enum px_status px_cmd_logout(int argc, char **argv) PX_MUST_CHECK;
enum px_status px_cmd_set_cluster_key(int argc, char **argv) PX_MUST_CHECK;
enum px_status px_cmd_doctor(int argc, char **argv) PX_MUST_CHECK;
enum px_status px_cmd_enroll(int argc, char **argv) PX_MUST_CHECK;
enum px_status px_cmd_rotate(int argc, char **argv) PX_MUST_CHECK;
enum px_status px_cmd_secret_create(int argc, char **argv) PX_MUST_CHECK;
enum px_status px_cmd_secret_update(int argc, char **argv) PX_MUST_CHECK;
enum px_status px_cmd_secret_get(int argc, char **argv) PX_MUST_CHECK;
enum px_status px_cmd_secret_list(int argc, char **argv) PX_MUST_CHECK;
enum px_status px_cmd_secret_delete(int argc, char **argv) PX_MUST_CHECK;
enum px_status px_cmd_credentials_create(int argc, char **argv) PX_MUST_CHECK;
enum px_status px_cmd_credentials_list(int argc, char **argv) PX_MUST_CHECK;
enum px_status px_cmd_credentials_validate(int argc, char **argv) PX_MUST_CHECK;
enum px_status px_cmd_credentials_delete(int argc, char **argv) PX_MUST_CHECK;
enum px_status px_cmd_credentials_exec(int argc, char **argv) PX_MUST_CHECK;
enum px_status px_cmd_token_key(int argc, char **argv) PX_MUST_CHECK;

/* mount.pxenc: the exit code is mount(8)'s. */
int px_mount_main(int argc, char **argv);

/*
 * The next option of a command, as getopt_long gives it, with -v and -h taken care of (help goes
 * to standard output and ends the program); -1 after the last; '?' when it is wrong, which has
 * been said. shorts holds the command's own letters only, and does not begin with '+' or ':'.
 */
int px_next_option(const char *words, int argc, char **argv, const char *shorts,
		   const struct option *longs);

/* Rows that each command's table of long options begins with. */
/* clang-format off */
#define PX_COMMON_OPTIONS \
	{ "help", no_argument, NULL, 'h' }, \
	{ "verbose", no_argument, NULL, 'v' }
/* clang-format on */

/* Says how the command is used, on standard error. PX_USAGE. */
enum px_status px_usage(const char *words);

/* Says what to do where no volume can be opened. PX_KERNEL. */
enum px_status px_check_kernel(void) PX_MUST_CHECK;

/* Asks a yes/no question on a terminal. PX_DECLINED where there is none, naming --force. */
enum px_status px_confirm(const char *question) PX_MUST_CHECK;

/* Asks for a secret on a terminal without echo. PX_USAGE where there is none. */
enum px_status px_prompt_secret(const char *prompt, struct px_secret **ret_secret) PX_MUST_CHECK;

/* The same, for one that is to be new: asks twice. PX_USAGE also where the two differ. */
enum px_status px_prompt_new_secret(const char *prompt, struct px_secret **ret_secret)
	PX_MUST_CHECK;

/* The bytes of a file, as they are; "-" is standard input. PX_USAGE: it cannot be read, or has more
 * than max bytes. */
enum px_status px_read_value(const char *file, size_t max, struct px_secret **ret_value)
	PX_MUST_CHECK;

#endif
