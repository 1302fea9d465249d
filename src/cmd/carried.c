/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "carried.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pxenc/log.h"
#include "pxenc/places.h"
#include "pxenc/vital.h"

#define PATHS_MAX 20

/*
 * What the machine cannot do without, or pxenc when it is to bring the volume back: it would wait
 * for itself.
 */
static void list_vital(const struct px_config *config, const char *paths[PATHS_MAX])
{
	static const char *const system[] = {
		"/",
		"/usr",
		"/var",
		"/etc",
		"/run",
		"/var/log/journal",
		"/run/log/journal",
		"/proc/self/exe",
	};
	const char *config_file = getenv("PXENC_CONFIG");
	size_t n = 0;

	for (; n < sizeof(system) / sizeof(system[0]); n++)
		paths[n] = system[n];
	paths[n++] = px_place_fetch();
	paths[n++] = config_file ? config_file : PX_CONFIG_FILE;
	if (px_place_run())
		paths[n++] = px_place_run();
	if (config && config->ca_cert_file)
		paths[n++] = config->ca_cert_file;
	if (config && config->username_file)
		paths[n++] = config->username_file;
	if (config && config->password_file)
		paths[n++] = config->password_file;
	if (config && config->service_account_file)
		paths[n++] = config->service_account_file;
	paths[n] = NULL;
}

enum px_status px_refuse_carrier(const struct px_mapping *mapping, const struct px_config *config,
				 const char *undone)
{
	const char *paths[PATHS_MAX];
	px_auto(free) char *what = NULL;
	int r;

	list_vital(config, paths);
	r = px_vital_on(mapping->devno, paths, &what);
	if (r == -ENOMEM)
		return px_nomem();
	if (r < 0)
		return px_fail(PX_KERNEL, "cannot find out what lies on %s: %s: it is not %s",
			       mapping->name, strerror(-r), undone);
	if (what)
		return px_fail(PX_BUSY,
			       "%s carries %s, without which this machine would stop: it is not %s",
			       mapping->name, what, undone);
	return PX_OK;
}
