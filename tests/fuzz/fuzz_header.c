/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pxenc/header.h"
#include "pxenc/log.h"
#include "pxenc/mark.h"
#include "pxenc/probe-header.h"
#include "pxenc/seal.h"

#define UUID "0f3c8e1a-5b7d-4c2e-9a61-d2f4b8c07e35"

static void ignore(const char *line)
{
	(void)line;
}

/* What passes the allowlist must keep its promises. */
static void check_header(const char *json, size_t size)
{
	const uint64_t device_size = (uint64_t)64 << 20;
	struct px_header *header = NULL;

	if (px_header_check(json, size, device_size, "fuzz", &header) != PX_OK)
		return;
	if (!header->cipher || header->data_offset < 32768 || header->data_offset >= device_size ||
	    (!header->token) != (header->token_id < 0))
		abort();
	px_header_free(&header);
}

/* What is sealed depends on the header alone. */
static void check_seal(const char *json, size_t size)
{
	char *text = NULL, *again = NULL;

	if (px_seal_text(json, size, UUID, &text) < 0)
		return;
	if (px_seal_text(json, size, UUID, &again) < 0 || strcmp(text, again) != 0)
		abort();
	free(text);
	free(again);
}

/* What pxenc-probe makes of the same JSON: where the allowlist is content, it finds the same mark.
 */
static void check_mark(const char *json, size_t size)
{
	struct px_header *header = NULL;
	bool automatic = false;

	if (px_header_check(json, size, (uint64_t)64 << 20, "fuzz", &header) != PX_OK) {
		(void)!px_mark_read(json, size, "fuzz", &automatic);
		return;
	}
	if (px_mark_read(json, size, "fuzz", &automatic) !=
		    (header->token ? PX_OK : PX_NO_VOLUME) ||
	    automatic != (header->token && header->token->auto_open))
		abort();
	px_header_free(&header);
}

/* And of a copy of a header as it lies on the disk: that its checksum is right is for the unit
 * tests, since no fuzzer finds one. */
static void check_copy(const uint8_t *data, size_t size)
{
	uint8_t *copy;
	const char *json;
	size_t len, whole;

	if (size < PX_PROBE_BINARY_SIZE || px_probe_header_size(data, 0, &whole) < 0 ||
	    whole > size)
		return;
	copy = malloc(whole);
	if (!copy)
		return;
	memcpy(copy, data, whole);
	if (px_probe_header_json(copy, whole, &json, &len) == 0 &&
	    json + len >= (char *)copy + whole)
		abort();
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	px_log_set_sink(ignore);
	check_header((const char *)data, size);
	check_seal((const char *)data, size);
	check_mark((const char *)data, size);
	check_copy(data, size);
	return 0;
}
