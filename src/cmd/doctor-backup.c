/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "doctor.h"
#include "header-store.h"
#include "pxenc/backup.h"
#include "pxenc/clock.h"
#include "pxenc/log.h"

#define CHECK "header backup"

/* No volume needs it to open: so whatever is wrong with it, as long as the store answers, is a
 * warning. */
struct job {
	struct px_doctor *doctor;
	struct px_session session; /* its config is the caller's */
	struct px_luks *luks;
	const struct px_secret *key;
};

static const char *device_of(const struct job *job)
{
	return px_luks_device(job->luks);
}

static enum px_status there_is_none(const struct job *job)
{
	px_doctor_warn(job->doctor, CHECK, "there is none: pxenc header backup %s takes one%s",
		       device_of(job),
		       job->session.config->header_backup
			       ? ""
			       : "; \"header_backup\": true in the config keeps one of every "
				 "volume");
	return PX_OK;
}

static enum px_status read_generation(const struct job *job, uint64_t *ret_generation)
{
	px_auto(fd) int fd = open(device_of(job), O_RDONLY | O_CLOEXEC);
	struct px_glance glance;
	enum px_status st;

	if (fd < 0)
		return px_fail(PX_KERNEL, "%s: cannot be opened: %s", device_of(job),
			       strerror(errno));
	st = px_header_glance(fd, device_of(job), &glance);
	if (!st)
		*ret_generation = glance.generation;
	return st;
}

/* Whether it was made with this volume's key, and is whole. */
static enum px_status verify(const struct job *job, const struct px_manifest *manifest,
			     bool *ret_good)
{
	px_auto(secret) struct px_secret *volume_key = NULL;
	px_auto(free) uint8_t *bytes = NULL;
	struct px_session session = job->session;
	struct px_backup backup;
	enum px_status st;
	int r;

	*ret_good = false;
	st = px_header_fetch(&session, manifest, &bytes);
	if (st == PX_NO_SECRET || st == PX_UNTRUSTED)
		return PX_OK;
	if (!st)
		st = px_luks_open_named(job->luks, job->key, &volume_key);
	if (st)
		return st;
	r = px_backup_parse(bytes, (size_t)manifest->len, &backup);
	if (r == 0)
		r = px_backup_verify(&backup, volume_key);
	if (r < 0 && r != -EBADMSG)
		return px_fail(PX_KERNEL, "the header backup cannot be verified: %s", strerror(-r));
	*ret_good = r == 0 && backup.generation == manifest->generation;
	return PX_OK;
}

static void compare(const struct job *job, uint64_t backup, uint64_t header)
{
	if (backup < header)
		px_doctor_warn(job->doctor, CHECK,
			       "it is older (generation %" PRIu64 ") than the header (%" PRIu64
			       "): pxenc header backup %s",
			       backup, header, device_of(job));
	else if (backup > header)
		px_doctor_warn(job->doctor, CHECK,
			       "it is newer (generation %" PRIu64 ") than the header (%" PRIu64
			       "): an older header was put back, or a clone has the same uuid",
			       backup, header);
	else
		px_doctor_ok(job->doctor, CHECK,
			     "the store has the present header (generation %" PRIu64 ")", header);
}

static enum px_status check(struct job *job)
{
	struct px_manifest manifest;
	uint64_t generation = 0;
	enum px_status st;
	bool good = false;

	st = px_header_find(&job->session, px_luks_uuid(job->luks), &manifest);
	if (st == PX_NO_SECRET || (st == PX_OK && manifest.parts == 0))
		return there_is_none(job);
	if (!st)
		st = read_generation(job, &generation);
	if (!st)
		st = verify(job, &manifest, &good);
	if (st)
		return st;
	if (good)
		compare(job, manifest.generation, generation);
	else
		px_doctor_warn(job->doctor, CHECK,
			       "it is not whole, or was not made with this volume's key, and "
			       "restores nothing here: pxenc header backup %s says what to do",
			       device_of(job));
	return PX_OK;
}

void px_doctor_check_backup(struct px_doctor *doctor, struct px_config *config,
			    struct px_luks *luks, const struct px_secret *key)
{
	px_auto(store) struct px_store *store = NULL;
	struct job job = { .doctor = doctor, .luks = luks, .key = key };
	enum px_status st;

	st = px_store_new(config, px_deadline_in(config->timeout), &store);
	if (!st) {
		job.session = (struct px_session){ .config = config, .store = store };
		st = check(&job);
	}
	if (st)
		px_doctor_fail(doctor, CHECK, st);
}
