/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_STACK_H
#define PXENC_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "pxenc/cleanup.h"

/*
 * A block device and all that is stacked upon it, as sysfs has it: partitions, LVM, RAID, other
 * mappings. Nothing here opens a device.
 */
struct px_stack {
	dev_t *devices; /* the device itself comes first; each is there once */
	size_t count;
};

/* 0, -ENOMEM, or sysfs's -errno. *ret_stack is to be cleared by px_stack_clear. */
int px_stack_above(dev_t device, struct px_stack *ret_stack) PX_MUST_CHECK;

bool px_stack_has(const struct px_stack *stack, dev_t device);

void px_stack_clear(struct px_stack *stack);

static inline void px_stack_cleanup(struct px_stack *stack)
{
	px_stack_clear(stack);
}

/* For tests: another directory in place of /sys/dev/block; NULL restores it. */
void px_stack_set_root(const char *root);

#endif
