/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_FRAME_H
#define PXENC_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "pxenc/secret.h"

/*
 * What pxenc and pxenc-fetch say to each other, and the form of the cached ACS token on tmpfs.
 * Numbers are little-endian. A frame is a header of 16 bytes and a payload of fields:
 *
 *   header   0  4  magic "pxF1"
 *            4  2  type, enum px_frame_type
 *            6  2  zero
 *            8  4  seq: the request that it belongs to; 0: the session as a whole
 *           12  4  length of the payload, at most PX_FRAME_MAX
 *
 *   field    0  2  tag, enum px_field_tag
 *            2  4  length of the value
 *            6  …  the value; a number has 8 bytes, a text has no NUL and no control character
 *
 * Every function returns 0 or -errno; -EBADMSG: the bytes are no such frame, field or value.
 */
#define PX_FRAME_HEADER 16
#define PX_FRAME_MAX PX_SECRET_MAX
#define PX_FIELD_HEADER 6
#define PX_FIELD_SIZE(len) (PX_FIELD_HEADER + (size_t)(len))
#define PX_FIELD_NUMBER_SIZE PX_FIELD_SIZE(8)

/* The longest texts that either side takes from the other. */
#define PX_TEXT_MAX 512	 /* a message, a URL, a store's name */
#define PX_UID_MAX 256	 /* a DC/OS user's name */
#define PX_ACS_MAX 16384 /* an ACS token */
#define PX_PASSWORD_MAX 4096
#define PX_CA_MAX 1048576 /* CA certificates in PEM */

/* Milliseconds for which pxenc-fetch uses a PX_FIELD_SERVICE before it wants a newer one: half of
 * PX_SERVICE_LIFETIME, since the way to the store and the clocks there take their part. */
#define PX_SERVICE_USE_MS 30000

enum px_frame_type {
	/* from pxenc */
	PX_FRAME_SESSION = 1,	  /* URL…, STORE, and where there are: CA, TIMEOUT, ACS; without
				     STORE: a stranger, no DC/OS cluster, and URL may be http */
	PX_FRAME_REQUEST = 2,	  /* OP, PATH, and where the op has it: HOW, VALUE, LINE… */
	PX_FRAME_CREDENTIALS = 3, /* ACS, or UID and PASSWORD or SERVICE: for a WANT_LOGIN */
	/* from pxenc-fetch */
	PX_FRAME_NOTE = 16,	  /* KIND, TEXT */
	PX_FRAME_WANT_LOGIN = 17, /* nothing: there is no ACS token, or it was rejected; or
				     SERVICE has been used for as long as it may be */
	PX_FRAME_TOKEN = 18,	  /* ACS, EXPIRY: a login with credentials worked */
	PX_FRAME_ANSWER = 19, /* STATUS, and TEXT (a failure), VALUE (get, parse) or LIST (list) */
	PX_FRAME_AGAIN = 20,  /* nothing: start me anew, the sandbox shuts out a new file */
	/* in files */
	PX_FRAME_CACHED = 32,  /* CLUSTER, UID, BASE, ACS, EXPIRY */
	PX_FRAME_REFUSED = 33, /* SOURCE, TIME: a login was refused */
};

enum px_field_tag {
	PX_FIELD_URL = 1,     /* text; repeated, in the order to try */
	PX_FIELD_CA = 2,      /* PEM; none: the system's store */
	PX_FIELD_STORE = 3,   /* text */
	PX_FIELD_TIMEOUT = 4, /* number, milliseconds left; none: for ever */
	PX_FIELD_ACS = 5,     /* an ACS token */
	PX_FIELD_OP = 6,      /* number, enum px_op */
	PX_FIELD_PATH = 7,    /* text; the full path */
	PX_FIELD_HOW = 8,     /* number, enum px_get */
	PX_FIELD_VALUE = 9,   /* bytes of a secret */
	PX_FIELD_UID = 10,    /* text */
	PX_FIELD_PASSWORD = 11,
	PX_FIELD_KIND = 12,    /* number, enum px_note_kind */
	PX_FIELD_TEXT = 13,    /* text of one line */
	PX_FIELD_EXPIRY = 14,  /* number, seconds since 1970; 0: not known */
	PX_FIELD_STATUS = 15,  /* number, enum px_status */
	PX_FIELD_LIST = 16,    /* relative paths, each with a NUL at its end */
	PX_FIELD_CLUSTER = 17, /* SHA-256 of URLs and CA */
	PX_FIELD_BASE = 18,    /* text; the base path of a login by hand, may be empty */
	PX_FIELD_TIME = 19,    /* number, px_now_ms() */
	PX_FIELD_SERVICE = 20, /* a service account's login token, which pxenc signed */
	PX_FIELD_LINE = 21,    /* text; a line of HTTP's header; repeated */
	PX_FIELD_LAST = PX_FIELD_LINE,
};

enum px_op {
	PX_OP_GET = 1,
	PX_OP_CREATE = 2,
	PX_OP_UPDATE = 3,
	PX_OP_DELETE = 4,
	PX_OP_LIST = 5,
	PX_OP_LOGIN = 6, /* log in, whatever ACS token there is */
	PX_OP_PARSE = 7, /* VALUE, a JSON object of texts, into members.h's form; no network. PATH
			    is what messages call it */
	PX_OP_S3 = 8, /* of a stranger: GET PATH with LINE…, of which the status alone counts */
	PX_OP_LAST = PX_OP_S3,
};

enum px_note_kind {
	PX_NOTE_DOING = 1, /* what goes on now: "resolving master.mesos" */
	PX_NOTE_DONE = 2,  /* what a stage took, for -v */
	PX_NOTE_WAIT = 3,  /* there is something to wait for; said once */
};

struct px_frame {
	enum px_frame_type type;
	uint32_t seq;
	struct px_secret *payload;
};

struct px_field {
	enum px_field_tag tag;
	const uint8_t *data;
	size_t len;
};

/* The parsers, which do no I/O. */

/* Checks the PX_FRAME_HEADER bytes of a header. */
int px_frame_parse_header(const uint8_t *bytes, enum px_frame_type *ret_type, uint32_t *ret_seq,
			  size_t *ret_len) PX_MUST_CHECK;

/* The field at *pos, which moves on to the next. -ENODATA: that was the last. */
int px_field_next(const uint8_t *payload, size_t len, size_t *pos, struct px_field *ret_field)
	PX_MUST_CHECK;

/* Whether a whole payload is well-formed fields with known tags. */
int px_fields_check(const uint8_t *payload, size_t len) PX_MUST_CHECK;

/* Reading a frame. A field that is not there: -ENOENT; one that is there twice: -EBADMSG. */

int px_frame_get(const struct px_frame *frame, enum px_field_tag tag, struct px_field *ret_field)
	PX_MUST_CHECK;
int px_frame_get_number(const struct px_frame *frame, enum px_field_tag tag, uint64_t *ret_number)
	PX_MUST_CHECK;
/* max: bytes, without the NUL that the copy ends with. */
int px_frame_get_text(const struct px_frame *frame, enum px_field_tag tag, size_t max,
		      char **ret_text) PX_MUST_CHECK;
int px_frame_get_secret(const struct px_frame *frame, enum px_field_tag tag, size_t max,
			struct px_secret **ret_secret) PX_MUST_CHECK;

/* A copy of a field as a text; the same check. */
int px_field_text(const struct px_field *field, size_t max, char **ret_text) PX_MUST_CHECK;

/* Building a frame. -ENOSPC: the capacity (sums of PX_FIELD_SIZE) does not hold the field. */

int px_frame_new(enum px_frame_type type, uint32_t seq, size_t capacity, struct px_frame *ret_frame)
	PX_MUST_CHECK;
int px_frame_add(struct px_frame *frame, enum px_field_tag tag, const void *data, size_t len)
	PX_MUST_CHECK;
int px_frame_add_text(struct px_frame *frame, enum px_field_tag tag, const char *text)
	PX_MUST_CHECK;
int px_frame_add_number(struct px_frame *frame, enum px_field_tag tag, uint64_t number)
	PX_MUST_CHECK;
int px_frame_add_secret(struct px_frame *frame, enum px_field_tag tag,
			const struct px_secret *secret) PX_MUST_CHECK;

/*
 * Over a pipe. The deadline holds however slow or silent the other end is: -ETIMEDOUT.
 * px_frame_read: -ENODATA at the end of the stream. px_frame_write: -EPIPE, where SIGPIPE is
 * ignored.
 */
int px_frame_read(int fd, int64_t deadline, struct px_frame *ret_frame) PX_MUST_CHECK;
int px_frame_write(int fd, const struct px_frame *frame, int64_t deadline) PX_MUST_CHECK;

void px_frame_clear(struct px_frame *frame);

static inline void px_frame_cleanup(struct px_frame *frame)
{
	px_frame_clear(frame);
}

#endif
