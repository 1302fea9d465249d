/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "answer.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "pxenc/dcos.h"

const char *px_answer_text(const struct px_http_answer *answer)
{
	return answer->body ? (const char *)px_secret_bytes(answer->body) : "";
}

size_t px_answer_len(const struct px_http_answer *answer)
{
	return answer->body ? px_secret_len(answer->body) : 0;
}

bool px_answer_has_type(const struct px_http_answer *answer, const char *type)
{
	size_t len = strcspn(answer->content_type, "; \t");

	return len == strlen(type) && strncasecmp(answer->content_type, type, len) == 0;
}

enum px_status px_answer_not_parsed(int r, const char *what, struct px_cause *cause)
{
	if (r == -ENOMEM)
		return px_cause_nomem(cause);
	return px_cause_set(cause, PX_UNTRUSTED, "the store's answer to %s cannot be trusted: %s",
			    what, r == -ENOENT ? "it has the wrong type" : "it is malformed");
}

enum px_status px_answer_unexpected(const struct px_http_answer *answer, const char *what,
				    struct px_cause *cause)
{
	if (answer->code >= 300 && answer->code < 400)
		return px_cause_set(cause, PX_UNTRUSTED,
				    "redirect refused: the answer to %s is %u: set cluster_url to "
				    "the address that it leads to",
				    what, answer->code);
	return px_cause_set(cause, PX_UNTRUSTED, "the store's answer to %s is %u, unexpectedly",
			    what, answer->code);
}

bool px_answer_is_foreign(const struct px_http_answer *answer)
{
	return (answer->code == 403 || answer->code == 404) &&
	       !(px_answer_has_type(answer, PX_JSON_TYPE) &&
		 px_dcos_is_error(px_answer_text(answer), px_answer_len(answer)));
}
