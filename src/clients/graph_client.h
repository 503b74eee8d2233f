/*
 * graph_client - one attempt: the Graph API's send call, and what its answer means.
 *
 *   POST {url}/{version}/{number}/messages, Authorization: Bearer {token}
 *
 * with ?appsecret_proof={proof} when there is one.
 *
 * Every call carries biz_opaque_callback_data "<message_id>:<attempt>" (lost replies are
 * settled by it).  The last gate is asked before the body leaves.
 */
#ifndef CLIENTS_GRAPH_CLIENT_H
#define CLIENTS_GRAPH_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/loop.h"
#include "clients/tenant_client.h"
#include "domain/message.h"
#include "domain/outcome.h"

#define WAMID_BYTES 160

/* Borrowed for the call. */
struct graph_answer {
	struct call_facts facts;
	struct verdict verdict;  /* outcome_decide() of the facts */
	char wamid[WAMID_BYTES]; /* when accepted */
	char title[128];         /* Meta's words ("(#130429) Rate limit hit"), cut */
	char details[256];       /* error_data.details, cut */
	char trace[64];          /* fbtrace_id, for Meta's support */
	int64_t server_wait_ms;  /* Retry-After or usage header's minutes; 0 none */
	int64_t took_ms;
	bool rewind_refused;
	bool gate_refused; /* the last gate was shut: no fault of the other side */
	struct err err;    /* when there was no answer */
};

typedef void graph_done_fn(void *arg, uint64_t tag, const struct graph_answer *answer);
/* The last gate: may attempt `tag` still leave? */
typedef bool graph_gate_fn(void *arg, uint64_t tag);

struct graph_client;

struct graph_client_settings {
	const char *url;     /* GRAPH_API_URL; copied */
	const char *version; /* "v25.0"; copied */
	const char *ca_file; /* copied */
	int64_t connect_timeout_ms;
	unsigned max_connections;
	unsigned streams;
	unsigned max_in_flight;
	bool ambiguous_5xx; /* GRAPH_AMBIGUOUS_5XX=unknown */
};

struct graph_client *graph_client_new(struct loop *loop,
				      const struct graph_client_settings *settings,
				      graph_done_fn *done, graph_gate_fn *gate, void *arg,
				      struct err *ret_err) MUST_CHECK;
void graph_client_free(struct graph_client *c);

/* 0: the answer comes later with this tag.  -1 with ret_err: not sent, nothing comes. */
int graph_client_send(struct graph_client *c, uint64_t tag, const struct message *m,
		      const struct credentials *credentials, unsigned attempt,
		      int64_t deadline_boot_ms, struct err *ret_err) MUST_CHECK;

/* Meta did not choose HTTP/2 when it was offered last: calls go over HTTP/1.1. */
bool graph_client_fell_back(const struct graph_client *c);
/* How many more attempts could begin now. */
unsigned graph_client_room(const struct graph_client *c);

#endif
