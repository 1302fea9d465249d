/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/stack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/sysmacros.h>

#define SYS_DEV_BLOCK "/sys/dev/block"

static const char *sys_dev_block = SYS_DEV_BLOCK;

void px_stack_set_root(const char *root)
{
	sys_dev_block = root ? root : SYS_DEV_BLOCK;
}

static void dir_cleanup(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

#define auto_dir px_cleanup(dir_cleanup) DIR

/* A device's directory, or its "holders". NULL with errno. */
static DIR *open_dir(dev_t device, const char *below)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/%u:%u%s", sys_dev_block, major(device),
			 minor(device), below);

	if (n < 0 || n >= (int)sizeof(path)) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	return opendir(path);
}

/* An entry's device number, from its attribute "dev". */
static int read_devno(DIR *dir, const char *name, dev_t *ret_device)
{
	unsigned int major_no, minor_no;
	char path[NAME_MAX + sizeof("/dev")], line[32];
	px_auto(fd) int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/dev", name);
	fd = openat(dirfd(dir), path, O_RDONLY | O_CLOEXEC);
	n = fd >= 0 ? read(fd, line, sizeof(line) - 1) : -1;
	if (n < 0)
		return -errno;
	line[n] = '\0';
	if (sscanf(line, "%u:%u", &major_no, &minor_no) != 2)
		return -EINVAL;
	*ret_device = makedev(major_no, minor_no);
	return 0;
}

static int add(struct px_stack *stack, dev_t device)
{
	dev_t *larger;

	if (px_stack_has(stack, device))
		return 0;
	larger = reallocarray(stack->devices, stack->count + 1, sizeof(*larger));
	if (!larger)
		return -ENOMEM;
	stack->devices = larger;
	larger[stack->count++] = device;
	return 0;
}

static bool is_holder(DIR *dir, const char *name)
{
	(void)dir;
	return name[0] != '.';
}

static bool is_partition(DIR *dir, const char *name)
{
	char path[NAME_MAX + sizeof("/partition")];

	snprintf(path, sizeof(path), "%s/partition", name);
	return name[0] != '.' && faccessat(dirfd(dir), path, F_OK, 0) == 0;
}

/* What of a directory's entries counts. One that is gone when it is read holds nothing. */
static int add_entries(DIR *dir, bool (*counts)(DIR *dir, const char *name), struct px_stack *stack)
{
	struct dirent *entry;
	dev_t device;
	int r = 0;

	errno = 0;
	while (r == 0 && (entry = readdir(dir))) {
		if (counts(dir, entry->d_name)) {
			r = read_devno(dir, entry->d_name, &device);
			r = r == 0 ? add(stack, device) : r == -ENOENT ? 0 : r;
		}
		errno = 0;
	}
	return r < 0 ? r : -errno;
}

static int add_above(dev_t device, struct px_stack *stack)
{
	auto_dir *self = open_dir(device, ""), *holders = NULL;
	int r;

	if (!self)
		return -errno;
	r = add_entries(self, is_partition, stack);
	if (r < 0)
		return r;
	holders = open_dir(device, "/holders");
	return holders ? add_entries(holders, is_holder, stack) : -errno;
}

int px_stack_above(dev_t device, struct px_stack *ret_stack)
{
	px_auto(stack) struct px_stack stack = { .devices = NULL };
	int r = add(&stack, device);

	for (size_t i = 0; r == 0 && i < stack.count; i++)
		r = add_above(stack.devices[i], &stack);
	if (r < 0)
		return r;
	*ret_stack = stack;
	stack = (struct px_stack){ .devices = NULL };
	return 0;
}

bool px_stack_has(const struct px_stack *stack, dev_t device)
{
	for (size_t i = 0; i < stack->count; i++)
		if (stack->devices[i] == device)
			return true;
	return false;
}

void px_stack_clear(struct px_stack *stack)
{
	free(stack->devices);
	*stack = (struct px_stack){ .devices = NULL };
}
