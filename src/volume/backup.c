/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "backup.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>

#include "mac.h"

/* The layout in pxenc/backup.h. */
struct head {
	char magic[4];
	uint32_t json_len;
	uint64_t areas_len;
	uint64_t generation;
	struct px_backup_names names;
} __attribute__((packed));

_Static_assert(sizeof(struct head) == PX_BACKUP_HEAD, "the layout of a backup");
_Static_assert(PX_MAC_LEN == PX_BACKUP_MAC, "the layout of a backup");

static const char info[] = "pxenc header backup v1";

static bool is_text(const char *field, size_t size)
{
	return memchr(field, '\0', size) != NULL;
}

static bool are_texts(const struct px_backup_names *names)
{
	return is_text(names->uuid, sizeof(names->uuid)) &&
	       is_text(names->label, sizeof(names->label)) &&
	       is_text(names->subsystem, sizeof(names->subsystem));
}

int px_backup_parse(const void *bytes, size_t len, struct px_backup *ret_backup)
{
	const struct head *head = bytes;
	struct px_backup backup = { .bytes = bytes, .len = len };

	if (len < PX_BACKUP_HEAD + PX_BACKUP_MAC || len > PX_BACKUP_MAX ||
	    memcmp(head->magic, PX_BACKUP_MAGIC, sizeof(head->magic)) != 0 ||
	    !are_texts(&head->names))
		return -EBADMSG;
	backup.json_len = le32toh(head->json_len);
	backup.areas_len = le64toh(head->areas_len);
	len -= PX_BACKUP_HEAD + PX_BACKUP_MAC;
	if (backup.json_len > len || backup.areas_len != len - backup.json_len)
		return -EBADMSG;
	backup.generation = le64toh(head->generation);
	backup.names = head->names;
	backup.json = (const char *)bytes + PX_BACKUP_HEAD;
	backup.areas = backup.bytes + PX_BACKUP_HEAD + backup.json_len;
	*ret_backup = backup;
	return 0;
}

int px_backup_build(const struct px_backup *parts, uint8_t **ret_bytes, size_t *ret_len)
{
	struct head head = { .magic = { 'p', 'x', 'B', '1' },
			     .json_len = htole32((uint32_t)parts->json_len),
			     .areas_len = htole64(parts->areas_len),
			     .generation = htole64(parts->generation),
			     .names = parts->names };
	size_t len;
	uint8_t *bytes;

	if (parts->json_len > PX_BACKUP_MAX || parts->areas_len > PX_BACKUP_MAX)
		return -E2BIG;
	len = PX_BACKUP_HEAD + parts->json_len + parts->areas_len + PX_BACKUP_MAC;
	if (len > PX_BACKUP_MAX)
		return -E2BIG;
	bytes = calloc(1, len);
	if (!bytes)
		return -ENOMEM;
	memcpy(bytes, &head, sizeof(head));
	memcpy(bytes + PX_BACKUP_HEAD, parts->json, parts->json_len);
	*ret_bytes = bytes;
	*ret_len = len;
	return 0;
}

static int authenticate(const struct px_backup *backup, const struct px_secret *volume_key,
			uint8_t ret_mac[PX_MAC_LEN])
{
	return px_mac(volume_key, backup->names.uuid, info, backup->bytes,
		      backup->len - PX_BACKUP_MAC, ret_mac);
}

int px_backup_sign(uint8_t *bytes, size_t len, const struct px_secret *volume_key)
{
	struct px_backup backup;
	int r = px_backup_parse(bytes, len, &backup);

	return r < 0 ? r : authenticate(&backup, volume_key, bytes + len - PX_BACKUP_MAC);
}

int px_backup_verify(const struct px_backup *backup, const struct px_secret *volume_key)
{
	uint8_t mac[PX_MAC_LEN];
	int r = authenticate(backup, volume_key, mac);

	if (r < 0)
		return r;
	return CRYPTO_memcmp(mac, backup->bytes + backup->len - PX_BACKUP_MAC, sizeof(mac)) == 0
		       ? 0
		       : -EBADMSG;
}
