/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <netdb.h>
#include <sys/socket.h>

#include "pxenc/http.h"

int px_http_resolve(const char *host, const char *port, char (*addresses)[INET6_ADDRSTRLEN],
		    size_t max, size_t *ret_count)
{
	const struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV,
	};
	struct addrinfo *list = NULL, *entry;
	size_t count = 0;
	int r;

	r = getaddrinfo(host, port, &hints, &list);
	if (r != 0)
		return r;
	for (entry = list; entry && count < max; entry = entry->ai_next) {
		r = getnameinfo(entry->ai_addr, entry->ai_addrlen, addresses[count],
				INET6_ADDRSTRLEN, NULL, 0, NI_NUMERICHOST);
		if (r == 0)
			count++;
	}
	freeaddrinfo(list);
	if (!count)
		return EAI_NONAME;
	*ret_count = count;
	return 0;
}
