/*
 * wait_header - how long a server asks us to wait, from its answer's headers.  Pure.
 */
#ifndef TRANSPORT_WAIT_HEADER_H
#define TRANSPORT_WAIT_HEADER_H

#include <stdint.h>

#define WAIT_HEADER_MAX_MS INT64_C(86400000)

/* Retry-After in seconds form (RFC 9110, 10.2.3), else the greatest
 * "estimated_time_to_regain_access" (minutes) of Meta's X-Business-Use-Case-Usage, a JSON
 * object.  Null: the header was absent.  Milliseconds, 0 when neither says anything, at most
 * a day. */
int64_t wait_header_read(const char *retry_after, const char *business_usage);

#endif
