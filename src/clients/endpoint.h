/*
 * endpoint - the parts of a call that all clients build alike.
 */
#ifndef CLIENTS_ENDPOINT_H
#define CLIENTS_ENDPOINT_H

#include <stdbool.h>

#include "base/compiler.h"
#include "base/err.h"
#include "transport/transport.h"
#include "json/json_in.h"

#define ENDPOINT_URL_MAX 4096
#define ENDPOINT_USER_AGENT "message-sender"
#define ENDPOINT_JSON "Content-Type: application/json"
#define ENDPOINT_HEADER_BYTES 192
#define ENDPOINT_TRACE_BYTES 72 /* "traceparent: " and one */
#define ENDPOINT_HTTP2_AGAIN_MS 60000

/* A copy without slashes at its end, owned by the caller; null: no memory. */
char *endpoint_base(const char *base_url) MUST_CHECK;

/* "X-Tenant-Id: <tenant>"; false when the id is not 1 to 128 visible ASCII characters. */
bool endpoint_tenant_header(char header[ENDPOINT_HEADER_BYTES], const char *tenant_id) MUST_CHECK;

/* "traceparent: <that>"; false: there is none. */
bool endpoint_trace_header(char header[ENDPOINT_TRACE_BYTES], const char *traceparent) MUST_CHECK;

/* The JSON of a 2xx answer; null with ret_err for everything else.  what: "quota check". */
struct json_doc *endpoint_answer(const struct transport_result *result, const char *what,
				 struct err *ret_err) MUST_CHECK;
/* Is the status a 2xx of a complete answer?  If not, ret_err says what it is. */
bool endpoint_succeeded(const struct transport_result *result, const char *what,
			struct err *ret_err) MUST_CHECK;

#endif
