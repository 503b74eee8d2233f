/*
 * server - the FastCGI side of a worker: accepts, collects whole requests without ever
 * blocking, hands each to one function, and writes answers back.
 *
 * libfcgi parses and writes, and never waits: the loop collects a connection's records up
 * to the empty STDIN, gives them to FCGX_Accept_r through a memfd, copies out what is
 * needed and frees the FCGX_Request at once; the answer goes through a second memfd.
 * While a request waits only its id, its keep flag and its connection are held.
 *
 * Peers: lighttpd (one request per connection), nginx with and without fastcgi_keep_conn.
 * One thread: the loop's.
 *
 * MUST: every request handed over is answered exactly once with fcgi_server_answer(), even
 * when the peer has gone meanwhile (the answer is then dropped and false returned).
 */
#ifndef FCGI_SERVER_H
#define FCGI_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/loop.h"
#include "fcgi/collect.h"
#include "http/request.h"
#include "http/response.h"
#include "metrics/meter.h"

struct fcgi_server;

struct fcgi_server_settings {
	int listen_fd;            /* borrowed, non-blocking, shared with the other workers */
	unsigned max_connections; /* open at once; beyond it new ones wait in the backlog */
	size_t max_body_bytes;    /* a longer body: HTTP_FAULT_BODY_TOO_LARGE */
	/* Kinds of requests that may have a longer one (collect.h), borrowed; null: none. */
	const struct collect_large *large;
	size_t max_params_bytes;   /* all parameters, at most 65535: HTTP_FAULT_HEAD_TOO_LARGE */
	size_t max_held_bytes;     /* of requests that are still coming, all together; beyond it:
	                            * HTTP_FAULT_OVERLOADED */
	int64_t read_timeout_ms;   /* a request not complete so long after its first byte is
	                            * dropped, and so is an answer not taken */
	int64_t idle_timeout_ms;   /* a connection without a byte of a request is closed */
	const struct meter *meter; /* borrowed; null: counts nowhere */
};

/* request is borrowed for the call (but see its `large`); id answers it later, or at once, from
 * within. */
typedef void fcgi_request_fn(void *arg, uint64_t id, const struct http_request *request);

/* Calls FCGX_Init: install your own signal handlers after it.  Null with ret_err. */
struct fcgi_server *fcgi_server_new(struct loop *loop, const struct fcgi_server_settings *settings,
				    fcgi_request_fn *fn, void *arg, struct err *ret_err) MUST_CHECK;
void fcgi_server_free(struct fcgi_server *server);

/* Takes the response's bytes (the caller still owns and finishes it).  False: the peer has
 * gone or aborted; nothing was written. */
bool fcgi_server_answer(struct fcgi_server *server, uint64_t id,
			const struct http_response *response);

/* Stops listening, after taking what already waits in the backlog when `drain_backlog`;
 * idle kept connections are closed, requests in flight go on.  Not from within the request
 * function. */
void fcgi_server_close(struct fcgi_server *server, bool drain_backlog);

/* Requests handed over and not answered, answers not yet written out, and requests that are
 * being collected: 0 means the worker may exit. */
unsigned fcgi_server_busy(const struct fcgi_server *server);

#endif
