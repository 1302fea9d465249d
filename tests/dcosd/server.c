/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <microhttpd.h>

#include "control.h"
#include "hook.h"
#include "router.h"
#include "stop.h"
#include "util.h"

#define BLOCK_SIZE 1024
#define SLOW_PAUSE_MS 1000
#define ENDLESS_PAUSE_MS 50

struct dcosd_server {
	struct dcosd_server_config config;
	struct MHD_Daemon *daemon;
	struct dcosd_stop stop;
};

/* One line in one write: lines of several threads and processes do not mix. */
static void log_request(const struct dcosd_server *server, const struct dcosd_request *request,
			unsigned int status)
{
	DCOSD_CLEANUP_FREE char *line =
		dcosd_format("%s %s %03u\n", request->method, request->target, status);

	if (server->config.log_fd >= 0 && write(server->config.log_fd, line, strlen(line)) < 0)
		perror("pxenc-dcosd: cannot write the log");
}

/* A body that a fault spreads over time or cuts off. */
struct stream {
	char *body;
	size_t len;
	enum dcosd_delivery delivery;
	struct dcosd_stop *stop;
};

static void free_stream(void *cls)
{
	struct stream *stream = cls;

	free(stream->body);
	free(stream);
}

static ssize_t copy_block(const struct stream *stream, uint64_t pos, size_t end, char *buf,
			  size_t max)
{
	size_t len = end - (size_t)pos < max ? end - (size_t)pos : max;

	memcpy(buf, stream->body + pos, len);
	return (ssize_t)len;
}

static ssize_t read_stream(void *cls, uint64_t pos, char *buf, size_t max)
{
	const struct stream *stream = cls;
	size_t end = stream->delivery == DCOSD_TRUNCATED ? stream->len / 2 : stream->len;

	if (stream->delivery == DCOSD_SLOW && dcosd_stop_wait(stream->stop, SLOW_PAUSE_MS))
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (pos < end)
		return copy_block(stream, pos, end, buf, stream->delivery == DCOSD_SLOW ? 1 : max);
	if (stream->delivery != DCOSD_ENDLESS || dcosd_stop_wait(stream->stop, ENDLESS_PAUSE_MS))
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (max > BLOCK_SIZE)
		max = BLOCK_SIZE;
	memset(buf, 'x', max);
	return (ssize_t)max;
}

static struct MHD_Response *stream_response(struct dcosd_server *server,
					    struct dcosd_answer *answer)
{
	uint64_t size = answer->delivery == DCOSD_ENDLESS ? MHD_SIZE_UNKNOWN : answer->body_len;
	struct stream *stream = dcosd_alloc(sizeof(*stream));
	struct MHD_Response *response;

	*stream =
		(struct stream){ answer->body, answer->body_len, answer->delivery, &server->stop };
	answer->body = NULL;
	response = MHD_create_response_from_callback(size, BLOCK_SIZE, read_stream, stream,
						     free_stream);
	if (!response)
		free_stream(stream);
	return response;
}

static struct MHD_Response *make_response(struct dcosd_server *server, struct dcosd_answer *answer)
{
	struct MHD_Response *response;

	if (answer->delivery != DCOSD_WHOLE && answer->body)
		response = stream_response(server, answer);
	else
		response = MHD_create_response_from_buffer(answer->body_len, answer->body,
							   MHD_RESPMEM_MUST_COPY);
	if (!response)
		return NULL;
	if (answer->content_type)
		MHD_add_response_header(response, "Content-Type", answer->content_type);
	for (size_t i = 0; i < answer->header_count; i++)
		MHD_add_response_header(response, answer->headers[i].name,
					answer->headers[i].value);
	return response;
}

static enum MHD_Result send_whole(struct dcosd_server *server, struct MHD_Connection *connection,
				  struct dcosd_answer *answer)
{
	struct MHD_Response *response = make_response(server, answer);
	enum MHD_Result r;

	if (!response)
		return MHD_NO;
	r = MHD_queue_response(connection, answer->status, response);
	MHD_destroy_response(response);
	return r;
}

/* MHD_NO closes the connection without a word, which is what a dropped answer is. */
static enum MHD_Result send_answer(struct dcosd_server *server, struct MHD_Connection *connection,
				   const struct dcosd_request *request, struct dcosd_answer *answer)
{
	if (answer->delivery == DCOSD_DROPPED ||
	    (answer->delivery == DCOSD_TRUNCATED && !answer->body)) {
		log_request(server, request, 0);
		return MHD_NO;
	}
	/* Logged first: who has the answer may rely on the line being there. */
	log_request(server, request, answer->status);
	return send_whole(server, connection, answer);
}

static void read_headers(struct MHD_Connection *connection, struct dcosd_request *request)
{
	const enum MHD_ValueKind kind = MHD_HEADER_KIND;

	request->accept = MHD_lookup_connection_value(connection, kind, "Accept");
	request->authorization = MHD_lookup_connection_value(connection, kind, "Authorization");
	request->content_type = MHD_lookup_connection_value(connection, kind, "Content-Type");
	request->cookie = MHD_lookup_connection_value(connection, kind, "Cookie");
	request->chunked =
		MHD_lookup_connection_value(connection, kind, "Transfer-Encoding") != NULL;
}

static enum MHD_Result answer_request(struct dcosd_server *server,
				      struct MHD_Connection *connection,
				      struct dcosd_request *request)
{
	const struct dcosd_fault *fault;
	struct dcosd_answer answer = { 0 };
	enum MHD_Result r;

	if (dcosd_control_answer(server->config.cluster, server->config.faults, request, &answer))
		return send_whole(server, connection, &answer);
	fault = dcosd_faults_match(server->config.faults, request->method, request->target);
	read_headers(connection, request);
	if (fault)
		dcosd_stop_wait(&server->stop, dcosd_fault_delay(fault));
	if (!fault || !dcosd_fault_answer(fault, &answer)) {
		dcosd_hook_run(server->config.hook, request);
		dcosd_router_answer(server->config.cluster, request, &answer);
	}
	if (fault)
		answer.delivery = dcosd_fault_delivery(fault);
	r = send_answer(server, connection, request, &answer);
	dcosd_answer_clear(&answer);
	return r;
}

/* Called once when the headers are there, then for each part of the body, then at its end. */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *data,
				  size_t *data_len, void **context)
{
	struct dcosd_request *request = *context;

	(void)url;
	(void)version;
	if (!request->method) {
		request->method = dcosd_strdup(method);
		return MHD_YES;
	}
	if (*data_len) {
		dcosd_request_add_body(request, data, *data_len);
		*data_len = 0;
		return MHD_YES;
	}
	return answer_request(cls, connection, request);
}

/* The one place where libmicrohttpd shows the target as it was received. */
static void *on_target(void *cls, const char *target, struct MHD_Connection *connection)
{
	(void)cls;
	(void)connection;
	return dcosd_request_new(target);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **context,
			 enum MHD_RequestTerminationCode code)
{
	(void)cls;
	(void)connection;
	(void)code;
	dcosd_request_free(*context);
	*context = NULL;
}

struct dcosd_server *dcosd_server_start(const struct dcosd_server_config *config)
{
	struct dcosd_server *server = dcosd_alloc(sizeof(*server));

	server->config = *config;
	dcosd_stop_init(&server->stop);
	/* A thread for each connection: a fault that waits holds up its own client alone. */
	server->daemon = MHD_start_daemon(
		MHD_USE_TLS | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD |
			MHD_USE_POLL,
		0, NULL, NULL, on_request, server, MHD_OPTION_LISTEN_SOCKET, config->listen_fd,
		MHD_OPTION_HTTPS_MEM_CERT, config->cert_pem, MHD_OPTION_HTTPS_MEM_KEY,
		config->key_pem, MHD_OPTION_URI_LOG_CALLBACK, on_target, NULL,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_END);
	if (!server->daemon) {
		free(server);
		return NULL;
	}
	return server;
}

void dcosd_server_stop(struct dcosd_server *server)
{
	dcosd_stop_raise(&server->stop);
	MHD_stop_daemon(server->daemon);
	free(server);
}
