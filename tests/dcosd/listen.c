/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "listen.h"

#include <err.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "util.h"

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static bool parse_port(const char *text, in_port_t *ret_port)
{
	char *rest;
	unsigned long port;

	if (*text < '0' || *text > '9')
		return false;
	port = strtoul(text, &rest, 10);
	if (*rest || port > 65535)
		return false;
	*ret_port = htons((in_port_t)port);
	return true;
}

static bool parse_address(const char *text, union address *ret_address, socklen_t *ret_len)
{
	DCOSD_CLEANUP_FREE char *host = dcosd_strdup(text);
	char *colon = strrchr(host, ':');
	in_port_t port;

	if (!colon || !parse_port(colon + 1, &port))
		return false;
	*colon = '\0';
	*ret_address = (union address){ 0 };
	if (*host == '[' && colon[-1] == ']') {
		colon[-1] = '\0';
		ret_address->v6.sin6_family = AF_INET6;
		ret_address->v6.sin6_port = port;
		*ret_len = sizeof(ret_address->v6);
		return inet_pton(AF_INET6, host + 1, &ret_address->v6.sin6_addr) == 1;
	}
	ret_address->v4.sin_family = AF_INET;
	ret_address->v4.sin_port = port;
	*ret_len = sizeof(ret_address->v4);
	return inet_pton(AF_INET, host, &ret_address->v4.sin_addr) == 1;
}

static bool is_loopback(const union address *address)
{
	if (address->any.sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr);
	return ntohl(address->v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

static char *url_of(int fd)
{
	char host[INET6_ADDRSTRLEN];
	union address address = { 0 };
	socklen_t len = sizeof(address);

	if (getsockname(fd, &address.any, &len))
		return NULL;
	if (address.any.sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &address.v6.sin6_addr, host, sizeof(host));
		return dcosd_format("https://[%s]:%d", host, ntohs(address.v6.sin6_port));
	}
	inet_ntop(AF_INET, &address.v4.sin_addr, host, sizeof(host));
	return dcosd_format("https://%s:%d", host, ntohs(address.v4.sin_port));
}

static int open_socket(const union address *address, socklen_t len)
{
	const int on = 1;
	int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, &address->any, len) || listen(fd, SOMAXCONN)) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

int dcosd_listen(const char *address, char **ret_url)
{
	union address parsed;
	socklen_t len;
	char *url;
	int fd;

	if (!parse_address(address, &parsed, &len)) {
		warnx("--listen %s: expected ADDRESS:PORT, such as 127.0.0.1:0 or [::1]:0",
		      address);
		return -1;
	}
	if (!is_loopback(&parsed)) {
		warnx("--listen %s: this is a stand-in for tests, not a secret store: it listens "
		      "on loopback addresses only",
		      address);
		return -1;
	}
	fd = open_socket(&parsed, len);
	url = fd < 0 ? NULL : url_of(fd);
	if (!url) {
		warn("--listen %s", address);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	*ret_url = url;
	return fd;
}
