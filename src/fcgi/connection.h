/*
 * connection - the open FastCGI connections of a worker: bytes in, requests handed over,
 * answers out.  All of it non-blocking; a silent or half-way peer costs only its own
 * connection, and that only until connections_sweep() finds it late.
 *
 * Private to src/fcgi: server.h is the public face.  One thread.
 */
#ifndef FCGI_CONNECTION_H
#define FCGI_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/idmap.h"
#include "base/list.h"
#include "base/loop.h"
#include "fcgi/collect.h"
#include "fcgi/convert.h"
#include "fcgi/server.h"

/* A connection is in one place at a time; each is a list, longest there first. */
enum connection_place {
	PLACE_NONE = 0, /* just made; in no list */
	PLACE_IDLE,     /* no byte of a request yet; bounded by idle_timeout_ms */
	PLACE_BUSY,     /* a request comes or an answer goes; bounded by read_timeout_ms */
	PLACE_WAITING,  /* its request is handed over and not answered; no bound of ours */
	PLACE_READY,    /* bytes of the next request are here, to be taken next round */
	PLACE_COUNT,
};

struct connections {
	struct loop *loop;
	const struct fcgi_server_settings *settings;
	fcgi_request_fn *fn;
	void *arg;
	struct convert *convert;
	struct idmap *requests; /* id handed out -> its connection */
	struct list places[PLACE_COUNT];
	unsigned counts[PLACE_COUNT];
	unsigned unanswered; /* handed over; their peers may be gone */
	bool closing;        /* idle connections that were used are closed */
	uint64_t ready_timer;
	uint8_t *scratch; /* one read */
	struct collect_budget budget;
};

/* settings stays the caller's and must outlive the set. */
int connections_init(struct connections *set, struct loop *loop,
		     const struct fcgi_server_settings *settings, fcgi_request_fn *fn, void *arg,
		     struct err *ret_err) MUST_CHECK;
/* Drops them all; safe after a failed connections_init(). */
void connections_fini(struct connections *set);

/* Takes over an accepted, non-blocking descriptor and reads what is there already. */
void connections_add(struct connections *set, int fd);
bool connections_answer(struct connections *set, uint64_t id, const struct http_response *response);
/* Drops those past their time. */
void connections_sweep(struct connections *set);
/* From now on no connection is kept after its answer. */
void connections_close_idle(struct connections *set);
unsigned connections_count(const struct connections *set);
unsigned connections_busy(const struct connections *set);

#endif
