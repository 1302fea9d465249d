/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pxenc/config.h"
#include "pxenc/log.h"
#include "pxenc/options.h"
#include "pxenc/path.h"

static void ignore(const char *line)
{
	(void)line;
}

/* What is accepted has to be fit for what it becomes: a file's name, a program's name, a URL. */
static void take_options(const char *text)
{
	px_auto(options) struct px_options options = { 0 };

	if (px_options_parse(&options, text))
		return;
	if ((options.name && strchr(options.name, '/')) ||
	    (options.fstype && strchr(options.fstype, '/')) || options.timeout > 86400)
		abort();
}

static void take_path(const char *text)
{
	px_auto(free) char *full = NULL;

	if (px_path_full("base/path", text, &full) == 0 &&
	    (strncmp(full, "base/path/", 10) != 0 || strstr(full, "/../") || px_path_fault(full)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	px_auto(config) struct px_config *config = NULL;
	px_auto(free) char *text = strndup((const char *)data, size);

	px_log_set_sink(ignore);
	if (!text)
		return 0;
	if (px_config_parse((const char *)data, size, "fuzz", &config) == PX_OK &&
	    config->timeout > 86400)
		abort();
	take_options(text);
	take_path(text);
	return 0;
}
