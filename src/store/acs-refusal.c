/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "acs-private.h"
#include "pxenc/clock.h"

int px_acs_refuse(const struct px_acs_cache *cache, const char *owner)
{
	px_auto(frame) struct px_frame frame = { .payload = NULL };
	struct px_acs_name name;
	int r;

	if (!cache)
		return 0;
	r = px_acs_name(cache, owner, ".refused", &name);
	if (r == 0)
		r = px_frame_new(PX_FRAME_REFUSED, 0, PX_FIELD_NUMBER_SIZE, &frame);
	if (r == 0)
		r = px_frame_add_number(&frame, PX_FIELD_TIME, (uint64_t)px_now_ms());
	return r < 0 ? r : px_acs_write(cache, name.text, &frame);
}

int px_acs_refused_ms(const struct px_acs_cache *cache, const char *owner)
{
	px_auto(frame) struct px_frame frame = { .payload = NULL };
	struct px_acs_name name;
	uint64_t when;
	int64_t age;

	if (!cache || px_acs_name(cache, owner, ".refused", &name) < 0 ||
	    px_acs_read(cache, name.text, PX_FRAME_REFUSED, &frame) < 0 ||
	    px_frame_get_number(&frame, PX_FIELD_TIME, &when) < 0)
		return 0;
	age = px_now_ms() - (int64_t)when;
	return age >= 0 && age < PX_ACS_REFUSED_MS ? (int)(PX_ACS_REFUSED_MS - age) : 0;
}

void px_acs_pardon(const struct px_acs_cache *cache, const char *owner)
{
	px_acs_remove(cache, owner, ".refused");
}
