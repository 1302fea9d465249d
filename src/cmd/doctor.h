/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_CMD_DOCTOR_H
#define PXENC_CMD_DOCTOR_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <sys/types.h>

#include "pxenc/config.h"
#include "pxenc/luks.h"
#include "pxenc/secret.h"
#include "pxenc/status.h"

/*
 * The checks of pxenc doctor, one line each. While it runs, failures are not logged but kept: the
 * message of whatever failed last is what the line of its check says.
 */
struct px_doctor {
	enum px_status status; /* of the first check that failed */
	cJSON *json;	       /* an array of the lines; NULL: they are printed as they come */
};

void px_doctor_begin(void);
void px_doctor_end(void);

void px_doctor_ok(struct px_doctor *doctor, const char *check, const char *fmt, ...)
	PX_PRINTF(3, 4);

/* What works, and should not stay as it is. */
void px_doctor_warn(struct px_doctor *doctor, const char *check, const char *fmt, ...)
	PX_PRINTF(3, 4);

/* What failed with this status; its message is the one that was kept. */
void px_doctor_fail(struct px_doctor *doctor, const char *check, enum px_status status);

/* The message that was kept, and is kept no longer. Valid until the next failure. */
const char *px_doctor_cause(void);

/* This machine: its kernel, and who it is to the store. false: the store cannot be asked anything.
 */
void px_doctor_check_kernel(struct px_doctor *doctor);
bool px_doctor_check_login(struct px_doctor *doctor, const struct px_config *config);

/* The store: each URL, the login, what the user may do, the cluster-wide key. false: it is of no
 * use for more questions. */
bool px_doctor_check_store(struct px_doctor *doctor, const struct px_config *config);

/* One volume. config NULL: the store cannot be asked. */
void px_doctor_check_device(struct px_doctor *doctor, struct px_config *config, const char *device);

/* The backup of a volume's header in the store; key opens the LUKS2 token's keyslot. */
void px_doctor_check_backup(struct px_doctor *doctor, struct px_config *config,
			    struct px_luks *luks, const struct px_secret *key);

/* What device-mapper has of a block device, or of what bears its uuid (NULL: it is not known). */
void px_doctor_check_mapping(struct px_doctor *doctor, const char *device, dev_t devno,
			     const char *uuid);

#endif
