/*
 * h2_session - the HTTP/2 side of one connection, bytes in and bytes out: no descriptor, no
 * clock.
 *
 * The last gate is asked while the bytes to send are packed, right before they are written
 * (h2_session_pack()).  Streams that ended stand in rules->ended, for their owner to take.
 */
#ifndef TRANSPORT_H2_SESSION_H
#define TRANSPORT_H2_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/list.h"
#include "transport/h2_stream.h"
#include "transport/origin.h"
#include "transport/pool.h"

struct h2_session;

/* Borrowed; outlives the session. */
struct h2_rules {
	const struct pool_rules *pool;
	const struct origin *origin;
	struct list *ended; /* of h2_stream */
};

struct h2_session *h2_session_new(const struct h2_rules *rules, struct err *ret_err) MUST_CHECK;
/* All streams have ended before. */
void h2_session_free(struct h2_session *s);

/* How many more streams the server allows: 0 until its SETTINGS came and after its GOAWAY. */
unsigned h2_session_room(const struct h2_session *s);
unsigned h2_session_streams(const struct h2_session *s);
/* The server's SETTINGS came: it speaks HTTP/2. */
bool h2_session_settled(const struct h2_session *s);
/* It takes no new streams any more. */
bool h2_session_leaving(const struct h2_session *s);

/* Takes over a stream that was begun.  False: no memory or no stream number left, the
 * stream is still the caller's. */
bool h2_session_add(struct h2_session *s, struct h2_stream *stream) MUST_CHECK;
/* Streams whose deadline has passed end, reset; the earliest deadline of the others, INT64_MAX
 * when there is none. */
int64_t h2_session_end_overdue(struct h2_session *s, int64_t now_boot_ms);
/* The connection is over: all streams end. */
void h2_session_end_all(struct h2_session *s, const struct err *err);

/* False with ret_err: not HTTP/2, or no memory; the connection is of no more use. */
bool h2_session_receive(struct h2_session *s, const uint8_t *data, size_t len,
			struct err *ret_err) MUST_CHECK;
/* Packs frames into data, all there are or more than H2_SESSION_PACK_BYTES, and sets their
 * length.  False with ret_err: of no more use. */
bool h2_session_pack(struct h2_session *s, uint8_t *data, size_t *ret_len,
		     struct err *ret_err) MUST_CHECK;
bool h2_session_wants_write(const struct h2_session *s);
/* Neither side has anything more to say. */
bool h2_session_over(const struct h2_session *s);

/* Asks for a sign of life; pending until it came. */
void h2_session_ping(struct h2_session *s);
bool h2_session_ping_pending(const struct h2_session *s);

#define H2_SESSION_PACK_BYTES 16384u
#define H2_SESSION_PACK_SPACE (2 * H2_SESSION_PACK_BYTES + 1024)

#endif
