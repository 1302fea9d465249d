/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/s3.h"

#include <stdio.h>
#include <string.h>

#define ANSWER_MAX 65536

static bool is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

void px_s3_error_code(const char *body, size_t len, char ret_code[PX_S3_CODE_MAX])
{
	static const char begin[] = "<Code>", end[] = "</Code>";
	const char *at = memmem(body, len, begin, strlen(begin));
	size_t left, n = 0;

	ret_code[0] = '\0';
	if (!at)
		return;
	at += strlen(begin);
	left = len - (size_t)(at - body);
	while (n < left && n < PX_S3_CODE_MAX - 1 && is_letter(at[n]))
		n++;
	if (left - n < strlen(end) || memcmp(at + n, end, strlen(end)) != 0)
		return;
	memcpy(ret_code, at, n);
	ret_code[n] = '\0';
}

/* S3 answers 403 both to keys that it does not take and to what good keys may not do. */
static bool blames_keys(const char *code)
{
	static const char *const codes[] = { "ExpiredToken", "InvalidAccessKeyId", "InvalidToken",
					     "SignatureDoesNotMatch" };
	size_t i;

	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (strcmp(code, codes[i]) == 0)
			return true;
	return false;
}

/* "403 SignatureDoesNotMatch", or the number alone. */
struct verdict {
	char code[PX_S3_CODE_MAX];
	char text[PX_S3_CODE_MAX + 16];
};

static void read_verdict(const struct px_http_answer *answer, struct verdict *verdict)
{
	verdict->code[0] = '\0';
	if (answer->body)
		px_s3_error_code((const char *)px_secret_bytes(answer->body),
				 px_secret_len(answer->body), verdict->code);
	snprintf(verdict->text, sizeof(verdict->text), "%u%s%s", answer->code,
		 *verdict->code ? " " : "", verdict->code);
}

static enum px_status refused(const struct px_http_answer *answer, struct px_cause *cause)
{
	struct verdict verdict;

	read_verdict(answer, &verdict);
	if (strcmp(verdict.code, "RequestTimeTooSkewed") == 0)
		return px_cause_set(cause, PX_UNAUTHENTICATED,
				    "the endpoint refuses the time of the signature (%s): set this "
				    "machine's clock, or the endpoint's",
				    verdict.text);
	if (answer->code == 401 || blames_keys(verdict.code))
		return px_cause_set(cause, PX_UNAUTHENTICATED,
				    "the endpoint refuses the keys (%s): check access key and "
				    "secret key",
				    verdict.text);
	if (answer->code == 403)
		return px_cause_set(cause, PX_FORBIDDEN,
				    "the keys may not list what they are for (%s): grant it, or "
				    "name a bucket that they may list",
				    verdict.text);
	if (answer->code == 404 && strcmp(verdict.code, "NoSuchBucket") == 0)
		return px_cause_set(cause, PX_NO_SECRET, "there is no such bucket (%s)",
				    verdict.text);
	return px_cause_set(cause, PX_UNTRUSTED,
			    "the endpoint's answer is %s: check its address and the region",
			    verdict.text);
}

enum px_status px_s3_ask(struct px_route *route, const char *target, char *const *headers,
			 struct px_cause *cause)
{
	const struct px_http_request request = {
		.method = "GET",
		.target = target,
		.accept = "*/*",
		.headers = headers,
		.answer_max = ANSWER_MAX,
		.doing = "trying the keys",
	};
	px_auto(http_answer) struct px_http_answer answer = { .code = 0 };
	enum px_status st;
	bool lost; /* a list may be asked for again */

	st = px_route_ask(route, &request, &answer, &lost, cause);
	if (st)
		return st;
	return answer.code == 200 ? PX_OK : refused(&answer, cause);
}
