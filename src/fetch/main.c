/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <signal.h>

#include "pxenc/dcos.h"
#include "pxenc/sandbox.h"

/*
 * pxenc-fetch: the only program here that sees the network. It is started by pxenc, with pipes
 * as its standard input and output, and gives up what it does not need before it reads.
 */
int main(void)
{
	struct px_sandbox_report report;
	pid_t parent = getppid();
	int r;

	/* TLS writes to sockets whose other end may be gone. */
	signal(SIGPIPE, SIG_IGN);
	r = px_sandbox_enter(parent, px_http_init, &report);
	if (r < 0) {
		px_fetch_refuse(STDOUT_FILENO, report.step, -r);
		return EXIT_FAILURE;
	}
	return px_fetch_serve(STDIN_FILENO, STDOUT_FILENO, report.unlocked);
}
