/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <string.h>

#include "http-private.h"

/* A socket has its own port from the moment on that TCP is connected; libcurl's time of that is not
 * there before TLS is, too. */
static enum px_status timed_out(const struct px_http *http, const struct px_http_answer *answer,
				struct px_cause *cause)
{
	const char *what = "connect to";

	if (answer->code)
		what = "the answer of";
	else if (answer->sent)
		what = "waiting for";
	else if (px_http_info(http->curl, CURLINFO_LOCAL_PORT) > 0)
		what = "TLS handshake with";
	return px_cause_set(cause, PX_UNREACHABLE, "%s %s: timed out after %.1f s", what,
			    http->where, (double)answer->total_us / 1e6);
}

/* The certificate is wrong. libcurl has one code for all, and tells them apart in words. */
static enum px_status not_verified(const struct px_http *http, struct px_cause *cause)
{
	bool time = strstr(http->error, "expired") || strstr(http->error, "not yet valid");

	return px_cause_set(cause, PX_UNTRUSTED, "%s at %s cannot be trusted: %s: %s", http->url,
			    http->where, http->error,
			    time ? "renew the server's certificate, or set this machine's clock"
				 : http->peer->mend);
}

/* An answer that began and did not end well. */
static enum px_status broke_off(const struct px_http *http, const struct px_exchange *exchange,
				CURLcode c, struct px_cause *cause)
{
	if (exchange->nomem || c == CURLE_OUT_OF_MEMORY)
		return px_cause_nomem(cause);
	if (exchange->oversize)
		return px_cause_set(cause, PX_UNTRUSTED, "the answer of %s is too large",
				    http->where);
	return px_cause_set(cause, PX_UNTRUSTED, "the answer of %s is truncated or malformed: %s",
			    http->where, http->error);
}

static enum px_status dropped(const struct px_http *http, const struct px_exchange *exchange,
			      CURLcode c, struct px_cause *cause)
{
	if (exchange->header_len)
		return broke_off(http, exchange, c, cause);
	return px_cause_set(cause, PX_UNREACHABLE, "%s dropped the connection", http->where);
}

enum px_status px_http_explain(const struct px_http *http, const struct px_exchange *exchange,
			       CURLcode c, const struct px_http_answer *answer,
			       struct px_cause *cause)
{
	switch (c) {
	case CURLE_COULDNT_CONNECT:
		return px_cause_set(cause, PX_UNREACHABLE, "connect to %s: %s", http->where,
				    strerror((int)px_http_info(http->curl, CURLINFO_OS_ERRNO)));
	case CURLE_OPERATION_TIMEDOUT:
		return timed_out(http, answer, cause);
	case CURLE_GOT_NOTHING:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
		return dropped(http, exchange, c, cause);
	/* A server that is starting, a balancer with nothing behind it, a port without TLS: the
	 * next one may be sound. */
	case CURLE_SSL_CONNECT_ERROR:
		return px_cause_set(cause, PX_UNREACHABLE, "TLS handshake with %s: %s", http->where,
				    http->error);
	case CURLE_PEER_FAILED_VERIFICATION:
		return not_verified(http, cause);
	case CURLE_SSL_CACERT_BADFILE:
		return px_cause_set(cause, PX_USAGE,
				    http->ca ? "%s holds no PEM certificate"
					     : "the system has no CA certificates: set %s or "
					       "install ca-certificates",
				    http->peer->ca);
	default:
		return broke_off(http, exchange, c, cause);
	}
}
