/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <err.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "control.h"
#include "listen.h"
#include "options.h"
#include "server.h"

#define FIVE_DAYS (5 * 24 * 60 * 60)

/* Blocked in every thread, so that the main thread can wait for them. */
static sigset_t block_ending_signals(void)
{
	sigset_t ending;

	sigemptyset(&ending);
	sigaddset(&ending, SIGTERM);
	sigaddset(&ending, SIGINT);
	pthread_sigmask(SIG_BLOCK, &ending, NULL);
	signal(SIGPIPE, SIG_IGN);
	return ending;
}

static void serve(const struct dcosd_options *options)
{
	struct dcosd_server_config config = {
		.cert_pem = options->cert_pem,
		.key_pem = options->key_pem,
		.log_fd = options->log_fd,
		.cluster = options->cluster,
		.faults = options->faults,
		.hook = options->hook,
	};
	sigset_t ending = block_ending_signals();
	struct dcosd_server *server;
	char *url;
	int number;

	config.listen_fd = dcosd_listen(options->listen, &url);
	if (config.listen_fd < 0)
		exit(1);
	options->cluster->key = dcosd_key_generate();
	if (!options->cluster->key)
		errx(1, "cannot generate an RSA key");
	server = dcosd_server_start(&config);
	if (!server)
		errx(1, "cannot start TLS: are --cert and --key a PEM certificate and its key?");
	printf("listening on %s\n", url);
	fflush(stdout);
	free(url);
	sigwait(&ending, &number);
	dcosd_server_stop(server);
}

int main(int argc, char **argv)
{
	struct dcosd_cluster cluster = {
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.token_lifetime = FIVE_DAYS,
	};
	struct dcosd_faults faults = { .lock = PTHREAD_MUTEX_INITIALIZER };
	struct dcosd_options options = { .log_fd = -1, .cluster = &cluster, .faults = &faults };

	dcosd_options_parse(&options, argc, argv);
	serve(&options);
	dcosd_accounts_free(cluster.accounts);
	dcosd_acl_clear(&cluster.acl);
	dcosd_store_clear(&cluster.store);
	dcosd_control_clear(&cluster);
	dcosd_key_free(cluster.key);
	dcosd_faults_clear(&faults);
	free(cluster.ca_pem);
	free(options.cert_pem);
	free(options.key_pem);
	return 0;
}
