/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "progress.h"

#include <stdio.h>
#include <unistd.h>

#include "pxenc/clock.h"

#define INTERVAL_MS 500

#define MIB ((double)(1 << 20))

void px_progress_begin(struct px_progress *progress, const char *what)
{
	*progress = (struct px_progress){ .what = what,
					  .since = px_now_ms(),
					  .on = isatty(STDERR_FILENO) == 1 };
}

static void show_rest(double seconds)
{
	if (seconds < 3600)
		fprintf(stderr, ", %.0f:%02.0f left", (double)((int)seconds / 60),
			(double)((int)seconds % 60));
	else
		fprintf(stderr, ", %.1f h left", seconds / 3600);
}

void px_progress_show(struct px_progress *progress, uint64_t done, uint64_t size)
{
	int64_t now = px_now_ms();
	double speed;

	if (!progress->on || size == 0 || now - progress->shown < INTERVAL_MS)
		return;
	if (!progress->begun)
		progress->first = done;
	progress->begun = true;
	progress->shown = now;
	speed = (double)(done - progress->first) / MIB /
		((double)(now - progress->since + 1) / 1000);
	/* A terminal that is gone is no reason to stop. */
	fprintf(stderr, "\r%s: %5.1f %% of %.0f MiB, %.0f MiB/s", progress->what,
		100 * (double)done / (double)size, (double)size / MIB, speed);
	if (speed > 0)
		show_rest((double)(size - done) / MIB / speed);
	fputs("\033[K", stderr);
}

void px_progress_end(struct px_progress *progress)
{
	if (progress->begun)
		fputs("\r\033[K", stderr);
	progress->on = false;
}
