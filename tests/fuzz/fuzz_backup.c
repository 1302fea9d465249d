/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/manifest.h"
#include "pxenc/backup.h"
#include "volume/luks2.h"

/* What was parsed lies within the bytes that it was parsed from. */
static void check_backup(const uint8_t *data, size_t size)
{
	struct px_backup backup;

	if (px_backup_parse(data, size, &backup) < 0)
		return;
	if (backup.areas_len > size || backup.json_len > size ||
	    backup.areas + backup.areas_len + PX_BACKUP_MAC != data + size ||
	    (const uint8_t *)backup.json != data + PX_BACKUP_HEAD ||
	    strlen(backup.names.uuid) >= sizeof(backup.names.uuid))
		abort();
}

/* What is a manifest is one again when it is written. */
static void check_manifest(const uint8_t *data, size_t size)
{
	struct px_manifest manifest, again;
	char *text;

	if (px_manifest_parse(data, size, &manifest) < 0)
		return;
	text = px_manifest_format(&manifest);
	if (!text || (manifest.parts == 0) != (manifest.len == 0) ||
	    manifest.parts > PX_PARTS_MAX || px_manifest_parse(text, strlen(text), &again) < 0 ||
	    again.len != manifest.len || strcmp(again.label, manifest.label) != 0)
		abort();
	free(text);
}

static void check_copy(const uint8_t *data, size_t size, uint64_t offset)
{
	struct px_luks2 header;
	const char *json;

	if (px_luks2_decode(data, size, offset, &header, &json) == 0 &&
	    (header.size > size || strlen(json) >= header.size - PX_LUKS2_BIN_SIZE))
		abort();
	if (size >= PX_LUKS2_BIN_SIZE && px_luks2_glance(data, offset, &header) == 0 &&
	    strlen(header.names.label) >= sizeof(header.names.label))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_backup(data, size);
	check_manifest(data, size);
	check_copy(data, size, 0);
	check_copy(data, size, PX_LUKS2_SIZE_MIN);
	return 0;
}
