/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <inttypes.h>
#include <string.h>

#include "header-private.h"

/* LUKS2's binary header before the JSON, and the bounds of both together. */
#define HDR_BIN_SIZE 4096
#define HDR_SIZE_MIN ((uint64_t)16 << 10)
#define HDR_SIZE_MAX ((uint64_t)4 << 20)
#define KEYSLOTS_SIZE_MAX ((uint64_t)128 << 20)

/* The requirement of a reencryption that libcryptsetup authenticates with the volume keys. */
#define REENCRYPTING "online-reencrypt-v2"

static const struct px_json_member config_members[] = {
	{ "json_size", PX_JSON_STRING, false },
	{ "keyslots_size", PX_JSON_STRING, false },
	{ "flags", PX_JSON_ARRAY, true },
	{ "requirements", PX_JSON_OBJECT, true },
};

static const struct px_json_member requirements_members[] = {
	{ "mandatory", PX_JSON_ARRAY, true },
};

static enum px_status check_flags(const struct px_check *check, const cJSON *flags)
{
	static const char *const known[] = {
		"allow-discards",    "same-cpu-crypt",	   "submit-from-crypt-cpus",
		"no-read-workqueue", "no-write-workqueue",
	};
	const cJSON *flag = NULL;

	cJSON_ArrayForEach (flag, flags) {
		if (!cJSON_IsString(flag))
			return PX_REFUSE(check, "config: a flag is not a string");
		if (!px_is_one_of(flag->valuestring, known, PX_COUNT(known)))
			return PX_REFUSE(check, "config: the flag \"%s\" is not one of ours",
					 flag->valuestring);
	}
	return PX_OK;
}

static enum px_status check_requirements(struct px_check *check, const cJSON *requirements)
{
	const char *requirement;
	const cJSON *mandatory;
	enum px_status status;

	if (!requirements)
		return PX_OK;
	status = px_check_shape(check, requirements, "config: requirements", requirements_members,
				PX_COUNT(requirements_members));
	if (status != PX_OK)
		return status;
	mandatory = px_json_get(requirements, "mandatory");
	if (cJSON_GetArraySize(mandatory) == 0)
		return PX_OK;
	requirement = cJSON_GetStringValue(mandatory->child);
	if (cJSON_GetArraySize(mandatory) != 1 || !requirement ||
	    strcmp(requirement, REENCRYPTING) != 0)
		return PX_REFUSE(check,
				 "config: the requirement \"%s\" is not one of ours; a "
				 "reencryption that was interrupted is finished with cryptsetup "
				 "reencrypt --resume-only",
				 requirement ? requirement : "");
	check->header->reencrypting = true;
	return PX_OK;
}

enum px_status px_check_config(struct px_check *check, const cJSON *config)
{
	uint64_t json_size = 0, keyslots_size = 0, hdr_size;
	enum px_status status =
		px_check_shape(check, config, "config", config_members, PX_COUNT(config_members));

	if (status != PX_OK)
		return status;
	if (px_json_u64(config, "json_size", &json_size) < 0 || json_size > HDR_SIZE_MAX ||
	    px_json_u64(config, "keyslots_size", &keyslots_size) < 0)
		return PX_REFUSE(check, "config: a size is malformed");
	hdr_size = json_size + HDR_BIN_SIZE;
	if (hdr_size < HDR_SIZE_MIN || hdr_size > HDR_SIZE_MAX || (hdr_size & (hdr_size - 1)) != 0)
		return PX_REFUSE(check, "config: a JSON area of %" PRIu64 " bytes", json_size);
	if (keyslots_size > KEYSLOTS_SIZE_MAX || keyslots_size % 4096 != 0)
		return PX_REFUSE(check, "config: keyslots of %" PRIu64 " bytes", keyslots_size);
	/* They lie after both copies of the header. */
	check->header->copy_size = hdr_size;
	check->keyslots_area = (struct px_area){ 2 * hdr_size, 2 * hdr_size + keyslots_size };

	status = check_flags(check, px_json_get(config, "flags"));
	if (status == PX_OK)
		status = check_requirements(check, px_json_get(config, "requirements"));
	return status;
}
