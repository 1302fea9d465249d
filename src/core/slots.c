/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/slots.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The machine has other things to do. */
static uint64_t share_of(uint64_t available)
{
	return available - available / 8;
}

/*
 * Twice, since memory is counted as used only when it is touched: what was free before the first
 * began must hold all, and what is free now must hold this one.
 */
static bool fits(const struct px_slots *slots, uint64_t memory, uint64_t available)
{
	return memory <= share_of(available) && slots->reserved <= slots->budget &&
	       memory <= slots->budget - slots->reserved;
}

static bool take_costly(struct px_slots *slots, uint64_t memory, uint64_t available)
{
	if (slots->costly == 0)
		slots->budget = share_of(available);
	else if (memory > 0 && !fits(slots, memory, available))
		return false;
	slots->costly++;
	slots->reserved += memory;
	return true;
}

bool px_slots_is_free(const struct px_slots *slots, const struct px_cost *cost)
{
	return (cost->cheap ? slots->cheap : slots->costly) < slots->places;
}

bool px_slots_take(struct px_slots *slots, const struct px_cost *cost, uint64_t available)
{
	if (!px_slots_is_free(slots, cost))
		return false;
	if (!cost->cheap)
		return take_costly(slots, cost->memory, available);
	slots->cheap++;
	return true;
}

void px_slots_give(struct px_slots *slots, const struct px_cost *cost)
{
	if (cost->cheap) {
		slots->cheap--;
		return;
	}
	slots->costly--;
	slots->reserved -= cost->memory;
}

int px_memory_parse(const char *meminfo, uint64_t *ret_bytes)
{
	static const char name[] = "\nMemAvailable:";
	const char *line = strstr(meminfo, name);
	uint64_t kib;

	if (!line || sscanf(line + strlen(name), "%" SCNu64 " kB", &kib) != 1 ||
	    kib > UINT64_MAX / 1024)
		return -EBADMSG;
	*ret_bytes = kib * 1024;
	return 0;
}

int px_memory_available(uint64_t *ret_bytes)
{
	px_auto(fd) int fd = open("/proc/meminfo", O_RDONLY | O_CLOEXEC);
	char text[1024]; /* it is the third line */
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	return px_memory_parse(text, ret_bytes);
}
