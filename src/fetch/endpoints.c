/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "endpoints.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pxenc/strv.h"

static enum px_status add_site(struct px_endpoints *endpoints, const struct px_peer *peer,
			       const char *url, struct px_cause *cause)
{
	struct px_site *site = &endpoints->sites[endpoints->site_count];
	size_t len = strlen(url);
	int r;

	while (len && url[len - 1] == '/')
		len--;
	site->url = strndup(url, len);
	if (!site->url)
		return px_cause_nomem(cause);
	endpoints->site_count++;
	r = px_http_split(site->url, peer->plain, &site->host, &site->port);
	if (r == -EINVAL)
		return px_cause_set(cause, PX_USAGE, "%s '%s' is no %s URL", peer->url, url,
				    peer->plain ? "http or https" : "https");
	return r < 0 ? px_cause_nomem(cause) : PX_OK;
}

enum px_status px_endpoints_init(struct px_endpoints *endpoints, const struct px_peer *peer,
				 char *const *urls, struct px_cause *cause)
{
	enum px_status st = PX_OK;

	endpoints->sites = calloc(px_strv_len(urls) + 1, sizeof(*endpoints->sites));
	if (!endpoints->sites)
		return px_cause_nomem(cause);
	for (; st == PX_OK && *urls; urls++)
		st = add_site(endpoints, peer, *urls, cause);
	return st;
}

static struct px_endpoint *find(struct px_endpoints *endpoints, const struct px_site *site,
				const char *address)
{
	for (size_t i = 0; i < endpoints->count; i++)
		if (endpoints->list[i].site == site &&
		    strcmp(endpoints->list[i].address, address) == 0)
			return &endpoints->list[i];
	return NULL;
}

/* So many places are a site's, lest a name with many addresses shuts out the others. */
static size_t share_of(const struct px_endpoints *endpoints)
{
	size_t share = PX_ENDPOINTS_MAX / endpoints->site_count;

	return share ? share : 1;
}

/* One of the site's places: a free one, or else that of the address which its name led to longest
 * ago. NULL: it leads to all of them now. */
static struct px_endpoint *make_room(struct px_endpoints *endpoints, const struct px_site *site)
{
	struct px_endpoint *oldest = NULL;
	size_t own = 0;

	for (size_t i = 0; i < endpoints->count; i++) {
		struct px_endpoint *endpoint = &endpoints->list[i];

		if (endpoint->site != site)
			continue;
		own++;
		if (endpoint != endpoints->preferred && endpoint->named != endpoints->pass &&
		    (!oldest || endpoint->named < oldest->named))
			oldest = endpoint;
	}
	if (own < share_of(endpoints) && endpoints->count < PX_ENDPOINTS_MAX)
		return &endpoints->list[endpoints->count++];
	if (oldest)
		px_http_free(&oldest->http);
	return oldest;
}

/* Its name leads there. */
static void name(struct px_endpoints *endpoints, const struct px_site *site, const char *address)
{
	struct px_endpoint *endpoint = find(endpoints, site, address);

	if (!endpoint) {
		endpoint = make_room(endpoints, site);
		if (!endpoint)
			return;
		*endpoint = (struct px_endpoint){ .site = site, .connect_ms = PX_CONNECT_MS };
		memcpy(endpoint->address, address, strnlen(address, sizeof(endpoint->address) - 1));
	}
	endpoint->named = endpoints->pass;
}

int px_endpoints_resolve(struct px_endpoints *endpoints, struct px_site *site)
{
	char addresses[PX_ENDPOINTS_MAX][INET6_ADDRSTRLEN];
	size_t count = 0;
	int r = px_http_resolve(site->host, site->port, addresses, PX_ENDPOINTS_MAX, &count);

	site->resolved = true;
	for (size_t i = 0; r == 0 && i < count; i++)
		name(endpoints, site, addresses[i]);
	return r;
}

/* Whether there is another address than those that timed out, and it may be asked. */
static bool any_alive(const struct px_endpoints *endpoints, int64_t now)
{
	for (size_t i = 0; i < endpoints->count; i++)
		if (endpoints->list[i].dead_until <= now && endpoints->list[i].not_before <= now)
			return true;
	return false;
}

bool px_endpoints_is_due(const struct px_endpoints *endpoints, const struct px_endpoint *endpoint,
			 int64_t now)
{
	return endpoint->pass != endpoints->pass && now >= endpoint->not_before &&
	       (now >= endpoint->dead_until || !any_alive(endpoints, now));
}

int64_t px_endpoints_earliest(const struct px_endpoints *endpoints)
{
	int64_t first = endpoints->count ? INT64_MAX : 0;

	for (size_t i = 0; i < endpoints->count; i++)
		if (endpoints->list[i].not_before < first)
			first = endpoints->list[i].not_before;
	return first;
}

static void append(char *text, size_t size, const char *before, const char *word)
{
	size_t used = strlen(text);

	snprintf(text + used, size - used, "%s%s", before, word);
}

void px_endpoints_describe(const struct px_endpoints *endpoints, char *text, size_t size)
{
	text[0] = '\0';
	for (size_t i = 0; i < endpoints->site_count; i++) {
		const char *before = " at ";

		append(text, size, i ? "; " : "", endpoints->sites[i].url);
		for (size_t j = 0; j < endpoints->count; j++) {
			if (endpoints->list[j].site != &endpoints->sites[i])
				continue;
			append(text, size, before, endpoints->list[j].address);
			before = ", ";
		}
	}
}

void px_endpoints_clear(struct px_endpoints *endpoints)
{
	for (size_t i = 0; i < endpoints->count; i++)
		px_http_free(&endpoints->list[i].http);
	for (size_t i = 0; i < endpoints->site_count; i++) {
		free(endpoints->sites[i].url);
		free(endpoints->sites[i].host);
		free(endpoints->sites[i].port);
	}
	free(endpoints->sites);
}
