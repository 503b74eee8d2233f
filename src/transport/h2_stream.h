/*
 * h2_stream - one call on an HTTP/2 connection: how far its request got and what came of it,
 * which is what "not sent" and "lost" rest on.
 */
#ifndef TRANSPORT_H2_STREAM_H
#define TRANSPORT_H2_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/list.h"
#include "base/str.h"
#include "transport/call.h"
#include "transport/transport.h"

struct h2_stream {
	struct list node;  /* in its session, or among those that ended */
	int32_t id;        /* on its connection */
	struct call *call; /* owned; null between calls */
	struct str answer;
	size_t body_at;
	size_t header_bytes; /* of the answer so far */
	int status;          /* 0: no answer has begun */
	char *retry_after;   /* headers of an answer that is no success; null: absent */
	char *usage;
	bool headers_left; /* the request's headers were given to the connection */
	bool body_begun;   /* the body's first byte was */
	bool gate_refused;
	bool refused;   /* the server said it has not looked at it (RFC 9113, 8.7) */
	bool complete;  /* the whole answer came */
	struct err err; /* why it ended without one */
};

/* Null: no memory. */
struct h2_stream *h2_stream_new(void) MUST_CHECK;
void h2_stream_free(struct h2_stream *s);

/* Takes the call over. */
void h2_stream_begin(struct h2_stream *s, struct call *call);
/* Drops the call: the stream can be begun again. */
void h2_stream_end(struct h2_stream *s);

/* Takes a header of the answer.  False: more than H2_STREAM_HEADERS_MAX bytes in all. */
bool h2_stream_header(struct h2_stream *s, const char *name, const char *value,
		      size_t len) MUST_CHECK;
/* Takes bytes of the answer's body.  False: more than the call allows, or no memory. */
bool h2_stream_data(struct h2_stream *s, const char *data, size_t len) MUST_CHECK;

/* What the call came to; texts are borrowed until h2_stream_end(). */
void h2_stream_result(const struct h2_stream *s, int64_t now_boot_ms,
		      struct transport_result *ret_result);

#define H2_STREAM_HEADERS_MAX 16384

#endif
