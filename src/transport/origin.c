#include "transport/origin.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/text.h"

#define SCHEME "https://"
#define SCHEME_LEN (sizeof(SCHEME) - 1)

static bool copy_part(char *dst, size_t size, const char *begin, const char *end)
{
	size_t len = (size_t)(end - begin);

	if (end < begin || len >= size)
		return false;
	memcpy(dst, begin, len);
	dst[len] = 0;
	return true;
}

static bool is_address(const char *host)
{
	struct in6_addr any;

	return inet_pton(AF_INET, host, &any) == 1 || inet_pton(AF_INET6, host, &any) == 1;
}

/* Splits "host:port", "[v6]:port" or either without port. */
static bool split(struct origin *o)
{
	const char *host = o->authority;
	const char *end = host + strcspn(host, ":");
	const char *after = end;
	uint64_t port;

	if (*host == '[') {
		end = strchr(++host, ']');
		if (end == NULL)
			return false;
		after = end + 1;
	}
	if (end == host || !copy_part(o->host, sizeof(o->host), host, end))
		return false;
	o->address = is_address(o->host);
	if (*after == 0)
		return text_copy(o->port, sizeof(o->port), "443");
	return *after == ':' && text_to_u64(after + 1, 1, 65535, &port) &&
	       text_copy(o->port, sizeof(o->port), after + 1);
}

bool origin_of(const char *url, struct origin *ret_origin)
{
	struct origin o = { .address = false };
	const char *end;

	if (strncmp(url, SCHEME, SCHEME_LEN) != 0)
		return false;
	end = url + SCHEME_LEN + strcspn(url + SCHEME_LEN, "/?#\\");
	if (!copy_part(o.authority, sizeof(o.authority), url + SCHEME_LEN, end) ||
	    !copy_part(o.url, sizeof(o.url), url, end) || strchr(o.authority, '@') != NULL ||
	    !split(&o))
		return false;
	*ret_origin = o;
	return true;
}

const char *origin_path(const struct origin *origin, const char *url)
{
	size_t len = strlen(origin->url);

	if (strncmp(url, origin->url, len) != 0)
		return NULL;
	if (url[len] == 0)
		return "/";
	return url[len] == '/' ? url + len : NULL;
}
