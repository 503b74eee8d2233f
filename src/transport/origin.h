/*
 * origin - the server part of an https URL.  Pure.
 */
#ifndef TRANSPORT_ORIGIN_H
#define TRANSPORT_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

#define ORIGIN_HOST_BYTES 256

struct origin {
	char url[ORIGIN_HOST_BYTES + 16];      /* "https://graph.facebook.com:443" as written */
	char authority[ORIGIN_HOST_BYTES + 8]; /* its part behind "https://" */
	char host[ORIGIN_HOST_BYTES];          /* without port, an IPv6 address without [] */
	char port[6];                          /* "443" unless written otherwise */
	bool address;                          /* host is a numeric address */
};

/* False: not https, or written in a way that is not served here (user names, port 0). */
bool origin_of(const char *url, struct origin *ret_origin) MUST_CHECK;

/* The path of a URL of this origin ("/" when it has none), null when it is of another. */
const char *origin_path(const struct origin *origin, const char *url) MUST_CHECK;

#endif
