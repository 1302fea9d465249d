/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
/* A request and its answer, as the modules see them: nothing here knows the HTTP library. */
#ifndef DCOSD_MESSAGE_H
#define DCOSD_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>

struct dcosd_request {
	char *method;
	char *target;	    /* path and query as received */
	char *path;	    /* still percent-encoded */
	const char *query;  /* behind the question mark; NULL if there is none */
	const char *accept; /* this and the next three: NULL if the header is missing */
	const char *authorization;
	const char *content_type;
	const char *cookie;
	bool chunked;	     /* sent with Transfer-Encoding: chunked */
	bool body_too_large; /* more than DCOSD_BODY_MAX; what came after is not kept */
	char *body;	     /* always with a NUL behind it */
	size_t body_len;
	char *uid; /* who asks, once Admin Router has verified the ACS token */
};

/* Escaping in JSON can make a value six times as long: no secret that fits is cut off here. */
#define DCOSD_BODY_MAX ((size_t)8 << 20)

struct dcosd_request *dcosd_request_new(const char *target);
void dcosd_request_add_body(struct dcosd_request *request, const char *data, size_t len);
void dcosd_request_free(struct dcosd_request *request);

/* Whether the header value of type "TYPE; parameters" names TYPE; NULL does not. */
bool dcosd_media_type_is(const char *header, const char *type);
/* Whether an Accept header admits TYPE; without one, everything is admitted. */
bool dcosd_accepts(const char *accept, const char *type);

/* How the answer goes onto the wire. */
enum dcosd_delivery {
	DCOSD_WHOLE,
	DCOSD_DROPPED,	 /* not at all: the connection is closed */
	DCOSD_TRUNCATED, /* half of the body, then the connection is closed */
	DCOSD_SLOW,	 /* one byte of the body a second */
	DCOSD_ENDLESS,	 /* the body, then more of it for ever */
};

#define DCOSD_HEADERS_MAX 4

struct dcosd_answer {
	unsigned int status;
	enum dcosd_delivery delivery;
	const char *content_type; /* NULL: none */
	char *body;		  /* NULL: none */
	size_t body_len;
	size_t header_count;
	struct {
		const char *name;
		char *value;
	} headers[DCOSD_HEADERS_MAX];
};

void dcosd_answer_clear(struct dcosd_answer *answer);

/* Each of these sets the whole answer but its headers. TYPE and TITLE are static. */
void dcosd_answer_empty(struct dcosd_answer *answer, unsigned int status);
void dcosd_answer_bytes(struct dcosd_answer *answer, const char *type, const void *data,
			size_t len);
/* Takes BODY over. */
void dcosd_answer_json(struct dcosd_answer *answer, unsigned int status, char *body);
/* The page of Admin Router, which is an nginx. */
void dcosd_answer_html(struct dcosd_answer *answer, unsigned int status);
/* An error of the Secrets service. DESCRIPTION needs no escaping. */
void dcosd_answer_error(struct dcosd_answer *answer, unsigned int status, const char *description);

/* Takes VALUE over; NAME is static. */
void dcosd_answer_add_header(struct dcosd_answer *answer, const char *name, char *value);

#endif
