/*
 * The simulator's state, and the services that share it. One thread; the services are functions
 * that fill in an exchange's answer and send it.
 */
#ifndef SIMULATOR_SIM_H
#define SIMULATOR_SIM_H

#include "simulator/conn.h"
#include "simulator/dict.h"
#include "simulator/journal.h"
#include "simulator/limits.h"
#include "simulator/script.h"
#include "simulator/tally.h"
#include "simulator/webhook.h"

enum service {
	SERVICE_GRAPH,
	SERVICE_QUOTA,
	SERVICE_OUTLET,
	SERVICE_CONVERSATION,
	SERVICES,
};

/* Their names in control calls. */
extern const char *const service_names[SERVICES];

struct totals {
	int64_t calls[SERVICES];
	int64_t graph_accepted;
	int64_t graph_in_flight;
	int64_t graph_in_flight_max;
	int64_t conversation_stored;
	int64_t conversation_distinct; /* idempotency keys stored at least once */
	int64_t conversation_repeated; /* stores under a key that was stored before */
	int64_t duplicates;            /* messages accepted more than once */
	int64_t refused_throughput;    /* by the limits, not by a script */
	int64_t refused_pair;
	int64_t unknown_requests;
};

/* The last request a service saw, as it came. */
struct last_request {
	const char *proto; /* NULL: none yet */
	char method[16];
	struct buf target;
	struct buf headers;
	struct buf body;
};

struct sim {
	struct loop loop;
	struct net net;
	struct listener plain;
	struct listener tls;
	struct script *script;
	struct limits *limits;
	struct tally *messages;   /* by message id */
	struct tally *recipients; /* by digits, or by user or group id */
	struct webhooks *webhooks;
	struct dict *receipts; /* recipient, or "" for all -> its plan */
	FILE *journal;         /* NULL: none is kept */
	struct dict *tokens;   /* number -> the token last given out for it */
	struct totals totals;
	struct last_request last[SERVICES];
	int graph_ms;
	int service_ms;
	bool strict_token;
	const char *country; /* put before a "to" without plus; NULL: nothing is */
	uint64_t serial;     /* makes ids unique within this run */
	uint32_t run;        /* and across runs */
};

/* The one that net->on_request leads to; `ctx` is the struct sim. */
void router_serve(void *ctx, struct exchange *exchange);

/* The digits of a phone number as written by people. False: other characters, or too long. */
bool sim_digits(const char *text, char *to, size_t size);
/* Answers with a JSON text. */
void sim_answer_json(struct answer *answer, int status, const char *json);

/* {version}/{number}/messages */
void graph_serve(struct sim *sim, struct exchange *exchange);
void tenant_serve_quota(struct sim *sim, struct exchange *exchange);
void tenant_serve_outlet(struct sim *sim, struct exchange *exchange);
void conversation_serve(struct sim *sim, struct exchange *exchange);
/* Everything under /_sim/ */
void control_serve(struct sim *sim, struct exchange *exchange);

#endif
