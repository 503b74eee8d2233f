/*
 * collect - turns the bytes of one FastCGI connection into whole requests.
 *
 * Follows the 8-byte record headers only (FastCGI 1.0, section 3.3); what the records say is
 * read later by libfcgi.  Answers by itself what must be answered before, or without, a
 * request: management records, a second request begun on top of the first, roles other
 * than responder, aborts.  Pure: bytes in, events out; no descriptor, no clock.
 *
 * Bounds: PARAMS and STDIN bytes are counted when a record header announces them, before
 * any of them is stored.  A request beyond a bound is still followed to its end, storing
 * nothing more, so that its refusal can be answered and the connection stays in step.  What
 * all connections hold of unfinished requests has a bound too, the budget they share.
 *
 * Requests to some addresses may have a longer body than others (struct collect_large).  Which
 * they are is seen when their parameters are complete, before the body comes; theirs is kept
 * apart from the records, without headers, so that it need not be copied again.
 */
#ifndef FCGI_COLLECT_H
#define FCGI_COLLECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/str.h"
#include "http/request.h"

#define COLLECT_HEADER_BYTES 8
/* All PARAMS are kept as one record, so no bound on them can be larger. */
#define COLLECT_PARAMS_MAX 65535u
#define COLLECT_REPLY_BYTES 128

enum collect_phase {
	COLLECT_IDLE = 0, /* between requests */
	COLLECT_BEGIN,    /* inside the BEGIN_REQUEST record */
	COLLECT_PARAMS,
	COLLECT_STDIN,
	COLLECT_WAITING, /* complete; not yet answered */
};

enum collect_event {
	COLLECT_MORE = 0, /* all bytes were taken */
	COLLECT_COMPLETE, /* a whole request is in `stream`; see also fault, id, keep */
	COLLECT_REPLY,    /* ret_reply goes to the peer */
	COLLECT_ENDED,    /* the request was aborted or refused and is forgotten; ret_reply goes
	                   * to the peer, then the connection ends unless `keep` */
	COLLECT_HELD,     /* the next request begins before this one is answered: offer the
	                   * bytes not taken again after collect_next() */
	COLLECT_BROKEN,   /* not FastCGI, or no memory: the connection is of no more use */
};

/* Shared by the collects of one thread; outlives them. */
struct collect_budget {
	size_t max_bytes;
	size_t held_bytes; /* PARAMS and STDIN announced of requests not yet released */
};

/* One kind of them; kinds are an array that ends with one without `is`. */
struct collect_large {
	/* Of REQUEST_URI up to '?', as it was sent; not ended by 0. */
	bool (*is)(const char *path, size_t len);
	size_t max_body_bytes;
};

struct collect {
	enum collect_phase phase;
	uint16_t id;           /* of the request, never 0 */
	bool keep;             /* its FCGI_KEEP_CONN */
	enum http_fault fault; /* NONE, HEAD_TOO_LARGE, BODY_TOO_LARGE or OVERLOADED */
	size_t params_bytes;   /* announced so far */
	size_t body_bytes;     /* announced so far */
	size_t max_params_bytes;
	size_t max_body_bytes;
	const struct collect_large *kinds; /* null: none is large */
	const struct collect_large *large; /* of this request, whose body is in `body`; null: not */
	struct collect_budget *budget;
	size_t held_bytes; /* of the budget */
	struct str stream; /* the request's records: BEGIN, PARAMS, STDIN with their ends,
	                         * without padding; neighbours of one type are merged */
	struct str body;   /* of a large request: what its STDIN records hold */
	struct str side;   /* content of a management record */

	/* the record at hand */
	uint8_t header[COLLECT_HEADER_BYTES];
	uint8_t header_len;
	bool in_record;    /* header complete and accepted */
	struct str *store; /* where content goes, null: skipped */
	uint32_t content_left;
	uint32_t padding_left;
	size_t open_at; /* where in `stream` the last record's header is */
};

struct collect_reply {
	uint8_t data[COLLECT_REPLY_BYTES];
	size_t len;
};

/* max_params_bytes above COLLECT_PARAMS_MAX is taken as that.  budget and large (kinds of large
 * requests; null: none is) are borrowed. */
void collect_init(struct collect *c, struct collect_budget *budget, size_t max_params_bytes,
		  size_t max_body_bytes, const struct collect_large *large);
void collect_fini(struct collect *c);

/* Takes bytes until an event; returns how many.  ret_reply is written with COLLECT_REPLY
 * and COLLECT_ENDED only.  Nothing may be fed after COLLECT_BROKEN. */
size_t collect_feed(struct collect *c, const uint8_t *data, size_t len,
		    enum collect_event *ret_event, struct collect_reply *ret_reply) MUST_CHECK;

/* Frees the stored bytes of a complete request; id, keep and phase stay. */
void collect_release(struct collect *c);
/* The most bytes the body of the request at hand may have. */
size_t collect_body_limit(const struct collect *c);
/* The complete request was answered: ready for the next. */
void collect_next(struct collect *c);

/* True when no byte of a request or record has come since the last one ended. */
bool collect_is_idle(const struct collect *c);

#endif
