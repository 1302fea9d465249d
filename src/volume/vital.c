/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/vital.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "pxenc/mount.h"
#include "pxenc/stack.h"

#define PROC_SWAPS "/proc/swaps"

static const char *proc_swaps = PROC_SWAPS;

void px_vital_set_swaps(const char *file)
{
	proc_swaps = file ? file : PROC_SWAPS;
}

/* A path without its links; NULL: it is not there. */
static int resolve(const char *path, char **ret_resolved)
{
	*ret_resolved = realpath(path, NULL);
	return *ret_resolved || errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
}

/* Whether a path lies on a filesystem that lies on the stack: 1, 0 or -errno. */
static int lies_on(const struct px_stack *stack, const char *path)
{
	dev_t device;
	int r = px_mount_device(path, &device);

	return r < 0 ? r : px_stack_has(stack, device);
}

/* The kernel writes white space and backslashes in names as octal numbers. */
static void unescape(char *name)
{
	char *to = name;
	unsigned int byte;

	for (; *name; name++, to++) {
		*to = *name;
		if (name[0] != '\\' || sscanf(name + 1, "%3o", &byte) != 1 || strlen(name) < 4)
			continue;
		*to = (char)byte;
		name += 3;
	}
	*to = '\0';
}

/* A swap is a device of the stack, or a file that lies on it: 1, 0 or -errno. */
static int swaps_on(const struct px_stack *stack, const char *name)
{
	struct stat st;

	if (stat(name, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	return S_ISBLK(st.st_mode) ? px_stack_has(stack, st.st_rdev) : lies_on(stack, name);
}

/* A line of /proc/swaps; that of the headings names no file. */
static int check_swap(const struct px_stack *stack, char *line, char **ret_what)
{
	int r;

	line[strcspn(line, " \t\n")] = '\0';
	unescape(line);
	r = line[0] == '/' ? swaps_on(stack, line) : 0;
	if (r <= 0)
		return r;
	if (asprintf(ret_what, "the swap %s", line) >= 0)
		return 0;
	*ret_what = NULL;
	return -ENOMEM;
}

static void file_cleanup(FILE **file)
{
	if (*file)
		fclose(*file);
}

static int find_swap(const struct px_stack *stack, char **ret_what)
{
	px_cleanup(file_cleanup) FILE *file = fopen(proc_swaps, "re");
	px_auto(free) char *line = NULL, *what = NULL;
	size_t size = 0;
	int r = 0;

	if (!file) /* a kernel without swap */
		return errno == ENOENT ? 0 : -errno;
	while (r == 0 && !what && getline(&line, &size, file) >= 0)
		r = check_swap(stack, line, &what);
	if (r == 0 && ferror(file))
		r = -EIO;
	if (r == 0)
		*ret_what = px_steal(&what);
	return r;
}

static int find_path(const struct px_stack *stack, const char *const paths[], char **ret_what)
{
	for (; *paths; paths++) {
		px_auto(free) char *path = NULL;
		int r = resolve(*paths, &path);

		if (r == 0 && path)
			r = lies_on(stack, path);
		if (r > 0)
			*ret_what = px_steal(&path);
		if (r != 0)
			return r < 0 ? r : 0;
	}
	return 0;
}

int px_vital_on(dev_t device, const char *const paths[], char **ret_what)
{
	px_auto(stack) struct px_stack stack = { .devices = NULL };
	px_auto(free) char *what = NULL;
	int r = px_stack_above(device, &stack);

	if (r == 0)
		r = find_path(&stack, paths, &what);
	if (r == 0 && !what)
		r = find_swap(&stack, &what);
	if (r == 0)
		*ret_what = px_steal(&what);
	return r;
}
