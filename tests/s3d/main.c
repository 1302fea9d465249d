/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
/*
 * A stand-in for an S3 endpoint, for tests: it knows keys, buckets and nothing in them, and lists
 * them to whoever signs as he should.
 */
#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <microhttpd.h>

#include "../dcosd/listen.h"
#include "../dcosd/util.h"
#include "verify.h"

#define MANY 8

struct s3d {
	const char *listen, *region;
	char *cert, *key;   /* NULL: no TLS */
	char *users[MANY];  /* ACCESS:SECRET */
	const char *denied; /* an access key that may do nothing */
	const char *buckets[MANY];
	size_t user_count, bucket_count;
	long skew; /* seconds that its clock is ahead */
	int log_fd;
};

struct answer {
	unsigned int status;
	const char *code; /* NULL: a list */
};

static const char *secret_of(const struct s3d *s3d, const char *access_key)
{
	for (size_t i = 0; i < s3d->user_count; i++) {
		size_t len = strcspn(s3d->users[i], ":");

		if (strlen(access_key) == len && strncmp(s3d->users[i], access_key, len) == 0)
			return s3d->users[i] + len + 1;
	}
	return NULL;
}

/* "/" and "/BUCKET/". */
static bool has_bucket(const struct s3d *s3d, const char *target)
{
	size_t len = strcspn(target + 1, "/?");

	for (size_t i = 0; i < s3d->bucket_count; i++)
		if (strlen(s3d->buckets[i]) == len &&
		    strncmp(s3d->buckets[i], target + 1, len) == 0)
			return true;
	return len == 0;
}

static struct answer decide(const struct s3d *s3d, const struct s3d_request *request)
{
	DCOSD_CLEANUP_FREE char *access_key = s3d_access_key(request);
	const char *secret = secret_of(s3d, access_key);
	const char *code;

	if (!*access_key)
		return (struct answer){ 403, "AccessDenied" };
	if (!secret)
		return (struct answer){ 403, "InvalidAccessKeyId" };
	code = s3d_verify(request, secret, s3d->region, time(NULL) + s3d->skew);
	if (code)
		return (struct answer){ strcmp(code, "AuthorizationHeaderMalformed") ? 403 : 400,
					code };
	if (s3d->denied && strcmp(access_key, s3d->denied) == 0)
		return (struct answer){ 403, "AccessDenied" };
	if (!has_bucket(s3d, request->target))
		return (struct answer){ 404, "NoSuchBucket" };
	return (struct answer){ 200, NULL };
}

static enum MHD_Result send_answer(struct MHD_Connection *connection, struct answer answer)
{
	DCOSD_CLEANUP_FREE char *body =
		answer.code ? dcosd_format("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
					   "<Error><Code>%s</Code><Message>No.</Message></Error>",
					   answer.code)
			    : dcosd_strdup("<ListBucketResult></ListBucketResult>");
	struct MHD_Response *response =
		MHD_create_response_from_buffer(strlen(body), body, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result r;

	MHD_add_response_header(response, "Content-Type", "application/xml");
	r = MHD_queue_response(connection, answer.status, response);
	MHD_destroy_response(response);
	return r;
}

static enum MHD_Result add_header(void *cls, enum MHD_ValueKind kind, const char *name,
				  const char *value)
{
	struct s3d_request *request = cls;
	char *small = dcosd_strdup(name);

	(void)kind;
	for (char *c = small; *c; c++)
		*c = (char)tolower(*c);
	request->headers[request->header_count].name = small;
	request->headers[request->header_count++].value = dcosd_strdup(value ? value : "");
	return request->header_count < S3D_HEADERS_MAX ? MHD_YES : MHD_NO;
}

static void *on_target(void *cls, const char *target, struct MHD_Connection *connection)
{
	struct s3d_request *request = dcosd_alloc(sizeof(*request));

	(void)cls;
	(void)connection;
	request->target = dcosd_strdup(target);
	return request;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *data,
				  size_t *data_len, void **context)
{
	const struct s3d *s3d = cls;
	struct s3d_request *request = *context;
	DCOSD_CLEANUP_FREE char *line = NULL;
	struct answer answer;

	(void)url;
	(void)version;
	(void)data;
	if (!request->method) {
		request->method = dcosd_strdup(method);
		return MHD_YES;
	}
	if (*data_len) {
		*data_len = 0;
		return MHD_YES;
	}
	MHD_get_connection_values(connection, MHD_HEADER_KIND, add_header, request);
	answer = decide(s3d, request);
	line = dcosd_format("%s %s %u %s host=%s\n", method, request->target, answer.status,
			    answer.code ? answer.code : "-", s3d_header(request, "host"));
	if (s3d->log_fd >= 0 && write(s3d->log_fd, line, strlen(line)) < 0)
		warn("--log");
	return send_answer(connection, answer);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **context,
			 enum MHD_RequestTerminationCode code)
{
	struct s3d_request *request = *context;

	(void)cls;
	(void)connection;
	(void)code;
	for (size_t i = 0; i < request->header_count; i++) {
		free(request->headers[i].name);
		free(request->headers[i].value);
	}
	free(request->method);
	free(request->target);
	free(request);
}

static struct MHD_Daemon *start(struct s3d *s3d, int fd)
{
	unsigned int flags = MHD_USE_INTERNAL_POLLING_THREAD;

	if (!s3d->cert)
		return MHD_start_daemon(flags, 0, NULL, NULL, on_request, s3d,
					MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_URI_LOG_CALLBACK,
					on_target, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
					NULL, MHD_OPTION_END);
	return MHD_start_daemon(flags | MHD_USE_TLS, 0, NULL, NULL, on_request, s3d,
				MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_HTTPS_MEM_CERT, s3d->cert,
				MHD_OPTION_HTTPS_MEM_KEY, s3d->key, MHD_OPTION_URI_LOG_CALLBACK,
				on_target, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
				MHD_OPTION_END);
}

static char *read_or_exit(const char *file)
{
	size_t len;
	char *text = dcosd_read_file(file, &len);

	if (!text)
		err(1, "%s", file);
	return text;
}

static void apply(struct s3d *s3d, int option)
{
	switch (option) {
	case 'L':
		s3d->listen = optarg;
		break;
	case 'c':
		s3d->cert = read_or_exit(optarg);
		break;
	case 'k':
		s3d->key = read_or_exit(optarg);
		break;
	case 'r':
		s3d->region = optarg;
		break;
	case 'u':
		if (s3d->user_count == MANY || !strchr(optarg, ':'))
			errx(1, "--user: at most %d, of the form ACCESS:SECRET", MANY);
		s3d->users[s3d->user_count++] = optarg;
		break;
	case 'd':
		s3d->denied = optarg;
		break;
	case 'b':
		if (s3d->bucket_count == MANY)
			errx(1, "--bucket: at most %d", MANY);
		s3d->buckets[s3d->bucket_count++] = optarg;
		break;
	case 's':
		s3d->skew = strtol(optarg, NULL, 10);
		break;
	case 'l':
		s3d->log_fd = open(optarg, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
		if (s3d->log_fd < 0)
			err(1, "--log %s", optarg);
		break;
	default:
		errx(1, "pxenc-s3d --listen ADDRESS:PORT [--cert FILE --key FILE] [--region R]\n"
			"  [--user ACCESS:SECRET]... [--deny ACCESS] [--bucket B]... [--skew "
			"SECONDS]\n"
			"  [--log FILE]");
	}
}

static void parse(struct s3d *s3d, int argc, char **argv)
{
	static const struct option options[] = {
		{ "listen", required_argument, NULL, 'L' },
		{ "cert", required_argument, NULL, 'c' },
		{ "key", required_argument, NULL, 'k' },
		{ "region", required_argument, NULL, 'r' },
		{ "user", required_argument, NULL, 'u' },
		{ "deny", required_argument, NULL, 'd' },
		{ "bucket", required_argument, NULL, 'b' },
		{ "skew", required_argument, NULL, 's' },
		{ "log", required_argument, NULL, 'l' },
		{ 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0)
		apply(s3d, option);
	if (!s3d->listen || optind < argc || !s3d->cert != !s3d->key)
		apply(s3d, '?');
}

int main(int argc, char **argv)
{
	struct s3d s3d = { .region = "us-east-1", .log_fd = -1 };
	struct MHD_Daemon *daemon;
	sigset_t ending;
	int fd, number;
	char *url;

	parse(&s3d, argc, argv);
	sigemptyset(&ending);
	sigaddset(&ending, SIGTERM);
	sigaddset(&ending, SIGINT);
	pthread_sigmask(SIG_BLOCK, &ending, NULL);
	signal(SIGPIPE, SIG_IGN);
	fd = dcosd_listen(s3d.listen, &url);
	daemon = fd < 0 ? NULL : start(&s3d, fd);
	if (!daemon)
		errx(1, "cannot start");
	printf("listening on %s%s\n", s3d.cert ? "https" : "http", url + strlen("https"));
	fflush(stdout);
	sigwait(&ending, &number);
	MHD_stop_daemon(daemon);
	free(url);
	free(s3d.cert);
	free(s3d.key);
	return 0;
}
