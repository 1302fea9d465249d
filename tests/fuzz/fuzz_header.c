/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pxenc/header.h"
#include "pxenc/log.h"
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	px_log_set_sink(ignore);
	check_header((const char *)data, size);
	check_seal((const char *)data, size);
	return 0;
}
