/*
 * transport - HTTP out: submit a call, get an id; its completion comes later, once, with a
 * result that says honestly whether anything may have reached the other side.
 *
 * One transport per upstream and worker.  With http2 its calls go over nghttp2 and OpenSSL to
 * the origin of the first https URL (h2_pool.h): that costs half of what libcurl does.  A
 * server that does not choose HTTP/2 (which is offered again later), any other origin and any
 * transport without http2 is served over HTTP/1.1 by one curl multi (http1_pool.h).  Calls
 * that cannot start wait in our own queue.
 *
 * Promises:
 *  - The done function is called from a loop hook, never from within submit.
 *  - Each submitted call completes exactly once, by its deadline plus a second at the latest.
 *  - TRANSPORT_NOT_SENT: the body's first byte was never handed over (or, for a call that is
 *    not gated, nothing was), or the server said over HTTP/2 that it has not looked at the call
 *    (REFUSED_STREAM, GOAWAY).  TRANSPORT_LOST: it was, and no complete answer came.
 *  - The body of a gated call is read through a callback that first asks the last gate, and is
 *    handed over once: nothing below sends it twice (Law 3).  A call that is not gated must be
 *    one that may be repeated (a GET, a POST with an idempotency key): over HTTP/1.1 libcurl
 *    repeats it when a connection it used before ends without an answer.
 *  - No redirects, no proxy from the environment, certificates always verified, TLS >= 1.2.
 *  - Name resolution never blocks the loop.
 */
#ifndef TRANSPORT_TRANSPORT_H
#define TRANSPORT_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/loop.h"

struct transport;

struct transport_settings {
	bool http2;               /* to the origin of the first https URL, if it can */
	unsigned max_connections; /* open at once */
	unsigned streams;         /* per HTTP/2 connection, 16 to 32 */
	unsigned max_in_flight;   /* started and queued; beyond it submit refuses */
	int64_t connect_timeout_ms;
	int64_t idle_max_ms;    /* a connection idle longer is not used again (30 s) */
	int64_t http2_again_ms; /* to a server that did not choose HTTP/2 it is offered again */
	const char *ca_file;    /* extra CA bundle, "" none; copied */
	const char *user_agent; /* copied */
};

/* All pointers are copied by submit. */
struct transport_request {
	uint64_t tag; /* the caller's id, comes back in the result */
	const char *url;
	bool post;                  /* else GET */
	const char *const *headers; /* "Name: value"; values checked by the caller */
	unsigned header_count;      /* at most 8 */
	const char *body;
	size_t body_len;
	int64_t deadline_boot_ms; /* for all of it, queueing too */
	size_t answer_max;        /* bytes of answer body; more is TRANSPORT_LOST */
	bool gated;               /* a POST: ask the gate before the body leaves, once */
};

enum transport_end {
	TRANSPORT_ANSWERED = 0,
	TRANSPORT_NOT_SENT,
	TRANSPORT_LOST,
};

/* Borrowed for the call. */
struct transport_result {
	uint64_t tag;
	enum transport_end end;
	int status;       /* HTTP status when answered */
	const char *body; /* ends with 0; "" when there is none */
	size_t body_len;
	int64_t retry_after_ms; /* Retry-After in seconds form, 0 when absent; <= 1 day */
	bool rewind_refused;    /* curl wanted to send again (error 65): counted apart */
	bool gate_refused;
	int64_t took_ms; /* submit to completion */
	struct err err;  /* why it did not end with an answer */
};

typedef void transport_done_fn(void *arg, const struct transport_result *result);
/* False: this call may not leave any more (outcome not_sent).  Must not call back. */
typedef bool transport_gate_fn(void *arg, uint64_t tag);

/* gate null: a gated call never leaves. */
struct transport *transport_new(struct loop *loop, const struct transport_settings *settings,
				transport_done_fn *done, transport_gate_fn *gate, void *arg,
				struct err *ret_err) MUST_CHECK;
/* Calls still running end without completion.  The loop must not run again after. */
void transport_free(struct transport *t);

/* 0, or -1 with ret_err (ERR_LIMIT: max_in_flight reached; ERR_INVALID: bad URL). */
int transport_submit(struct transport *t, const struct transport_request *request,
		     struct err *ret_err) MUST_CHECK;

/* Calls submitted and not completed; how many more submit would take. */
unsigned transport_in_flight(const struct transport *t);
unsigned transport_room(const struct transport *t);

/* With http2: its calls go over HTTP/1.1, as the server did not choose HTTP/2. */
bool transport_fell_back(const struct transport *t);

/* Once per process, before the first transport and before any thread; and its end. */
int transport_global_init(struct err *ret_err) MUST_CHECK;
void transport_global_fini(void);

#endif
