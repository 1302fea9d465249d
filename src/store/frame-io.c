/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>

#include "pxenc/clock.h"
#include "pxenc/frame.h"

/* Until fd can be read (or written, or the other end is gone), or -ETIMEDOUT. */
static int wait_for(int fd, short events, int64_t deadline)
{
	struct pollfd poller = { .fd = fd, .events = events };
	int r;

	/* An end that never stops talking does not get more time than one that says nothing. */
	if (deadline != PX_FOREVER && px_now_ms() > deadline)
		return -ETIMEDOUT;
	do
		r = poll(&poller, 1, px_deadline_left(deadline));
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	return r == 0 ? -ETIMEDOUT : 0;
}

/* Reads exactly len bytes. -ENODATA: the end comes before the first, -EBADMSG: after it. */
static int read_exactly(int fd, uint8_t *data, size_t len, int64_t deadline)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n;
		int r;

		r = wait_for(fd, POLLIN, deadline);
		if (r < 0)
			return r;
		n = read(fd, data + done, len - done);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return done ? -EBADMSG : -ENODATA;
		if (n > 0)
			done += (size_t)n;
	}
	return 0;
}

static int read_payload(int fd, size_t len, int64_t deadline, struct px_secret *payload)
{
	int r;

	r = read_exactly(fd, px_secret_data(payload), len, deadline);
	if (r < 0)
		return r == -ENODATA ? -EBADMSG : r;
	px_secret_set_len(payload, len);
	return px_fields_check(px_secret_bytes(payload), len);
}

int px_frame_read(int fd, int64_t deadline, struct px_frame *ret_frame)
{
	px_auto(frame) struct px_frame frame = { .payload = NULL };
	uint8_t header[PX_FRAME_HEADER];
	enum px_frame_type type;
	uint32_t seq;
	size_t len;
	int r;

	r = read_exactly(fd, header, sizeof(header), deadline);
	if (r == 0)
		r = px_frame_parse_header(header, &type, &seq, &len);
	if (r == 0)
		r = px_frame_new(type, seq, len, &frame);
	if (r == 0)
		r = read_payload(fd, len, deadline, frame.payload);
	if (r < 0)
		return r;
	*ret_frame = frame;
	frame.payload = NULL;
	return 0;
}

/* A pipe that polls as writable takes PIPE_BUF bytes without blocking, and no more for sure. */
static int write_chunks(int fd, const uint8_t *data, size_t len, int64_t deadline)
{
	while (len) {
		ssize_t n;
		int r;

		r = wait_for(fd, POLLOUT, deadline);
		if (r < 0)
			return r;
		n = write(fd, data, len < PIPE_BUF ? len : PIPE_BUF);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

static void format_header(const struct px_frame *frame, uint8_t bytes[PX_FRAME_HEADER])
{
	uint32_t seq = htole32(frame->seq);
	uint32_t len = htole32((uint32_t)px_secret_len(frame->payload));

	memset(bytes, 0, PX_FRAME_HEADER);
	memcpy(bytes, "pxF1", 4);
	bytes[4] = (uint8_t)frame->type;
	memcpy(bytes + 8, &seq, sizeof(seq));
	memcpy(bytes + 12, &len, sizeof(len));
}

int px_frame_write(int fd, const struct px_frame *frame, int64_t deadline)
{
	uint8_t header[PX_FRAME_HEADER];
	int r;

	format_header(frame, header);
	r = write_chunks(fd, header, sizeof(header), deadline);
	if (r == 0)
		r = write_chunks(fd, px_secret_bytes(frame->payload), px_secret_len(frame->payload),
				 deadline);
	return r;
}
