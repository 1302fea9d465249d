/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_HTTP_H
#define PXENC_HTTP_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pxenc/frame.h"
#include "pxenc/secret.h"
#include "pxenc/status.h"

/*
 * HTTP as pxenc-fetch speaks it: over verified TLS or not at all, to an address that we resolved
 * ourselves, without redirects, proxies or threads. pxenc-fetch has no standard error: a failure
 * is a status and one line, which travel to pxenc in the answer.
 */
struct px_cause {
	enum px_status status;
	char text[PX_TEXT_MAX];
};

/* Fills the cause and returns the status, so that a failure reads `return px_cause_set(…)`. */
enum px_status px_cause_set(struct px_cause *cause, enum px_status status, const char *fmt, ...)
	PX_PRINTF(3, 4);
enum px_status px_cause_nomem(struct px_cause *cause);

/* Who is asked: its name in messages, whence URL and CA come, what to do when its certificate does
 * not verify, and whether it may be spoken to without TLS. */
struct px_peer {
	const char *name; /* "the store" */
	const char *url;  /* "cluster_url" */
	const char *ca;	  /* "ca_cert_file" */
	const char *mend; /* "check ca_cert_file and cluster_url" */
	bool plain;	  /* http:// as well as https:// */
};

/* Who wants to know what goes on. */
struct px_listener {
	void (*note)(void *arg, enum px_note_kind kind, const char *text);
	void *arg;
};

void px_listener_note(const struct px_listener *listener, enum px_note_kind kind, const char *fmt,
		      ...) PX_PRINTF(3, 4);

/* One question. Strings and secrets are kept by reference and must outlive it. */
struct px_http_request {
	const char *method;
	const char *target;	  /* path and query, escaped, with its leading slash */
	const char *accept;	  /* media types */
	const char *content_type; /* NULL: there is no body */
	const struct px_secret *body;
	const struct px_secret *acs; /* ACS token; NULL: none is sent */
	char *const *headers;	     /* more of them, "Name: value"; NULL: none */
	size_t answer_max;	     /* bytes of the answer's body */
	bool fresh;	    /* on a new connection: libcurl repeats a question on a dead kept one by
			       itself, and of a create or delete we have to know how often it was sent */
	const char *doing;  /* for messages: "reading 'pwx/secrets/a'" */
	int64_t good_until; /* px_now_ms(): not sent later than this; 0: it may always be */
};

struct px_http_answer {
	unsigned int code;	      /* 0: no answer came */
	char content_type[64];	      /* "" when there is none */
	unsigned int retry_after;     /* seconds; 0: not said */
	struct px_secret *body;	      /* NULL when it is empty */
	bool sent;		      /* the question left, so it may have had its effect */
	int64_t connect_us, total_us; /* connect: TCP and TLS; 0 on a kept connection */
};

void px_http_answer_clear(struct px_http_answer *answer);

static inline void px_http_answer_cleanup(struct px_http_answer *answer)
{
	px_http_answer_clear(answer);
}

/* Loads what libcurl and OpenSSL load at their first use, without network. 0 or -EIO. */
int px_http_init(void) PX_MUST_CHECK;

/* Splits an https URL (plain: or an http one) of host and port alone. -EINVAL for any other,
 * -ENOMEM. */
int px_http_split(const char *url, bool plain, char **ret_host, char **ret_port) PX_MUST_CHECK;

/* A connection to one address of one URL, kept between questions. */
struct px_http;

/* url: https://HOST[:PORT] without a slash at its end. address: numeric. ca: PEM, kept by
 * reference, as peer is; NULL: the system's store. -ENOMEM. */
int px_http_new(const struct px_peer *peer, const char *url, const char *address, const char *port,
		const struct px_secret *ca, struct px_http **ret_http) PX_MUST_CHECK;

/*
 * Asks once, in timeout_ms, of which TCP and TLS may take connect_ms. PX_OK: an answer came, of
 * whatever code. PX_UNREACHABLE: none came, and asking again or elsewhere may help. Else final:
 * PX_UNTRUSTED, PX_USAGE (the CA), PX_NOMEM. sent is set in any case.
 */
enum px_status px_http_ask(struct px_http *http, const struct px_http_request *request,
			   int connect_ms, int timeout_ms, struct px_http_answer *ret_answer,
			   struct px_cause *cause) PX_MUST_CHECK;

void px_http_free(struct px_http **http);

/* What an address costs that does not answer: milliseconds for TCP and TLS. Each time it doubles,
 * up to the latter, since it may only be far away. */
#define PX_CONNECT_MS 2000
#define PX_CONNECT_MAX_MS 16000

/* The numeric addresses of a host, in getaddrinfo's order. 0 or a getaddrinfo error. */
int px_http_resolve(const char *host, const char *port, char (*addresses)[INET6_ADDRSTRLEN],
		    size_t max, size_t *ret_count) PX_MUST_CHECK;

#endif
