/*
 * world - everything outside that a worker talks to, opened after the fork: the clients of
 * the three services and the store, with the ids of the jobs that wait for them.
 */
#ifndef DELIVERY_WORLD_H
#define DELIVERY_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "clients/conversation_client.h"
#include "clients/graph_client.h"
#include "clients/tenant_client.h"
#include "crypto/seal.h"
#include "delivery/job.h"
#include "delivery/tally.h"
#include "metrics/meter.h"
#include "store/store.h"
#include "zone/zone.h"

struct world {
	struct loop *loop;         /* borrowed */
	const struct log *log;     /* borrowed */
	const struct meter *meter; /* borrowed; null: counts nowhere */
	struct tenant_client *tenant;
	struct graph_client *graph;
	struct conversation_client *conversation; /* null: there is no such service */
	const struct seal_keys *master_keys;      /* borrowed; null: none */
	bool own; /* there is no Tenant Service: our own tables say who sends with what */
	struct store *store;
	struct tally *tally;
	struct zones *zones;
	struct idmap *jobs;
	/* Told of rows that the store loads; set by delivery. */
	store_work_fn *work;
	store_queue_fn *queue;
	store_unknown_fn *unknown;
	void *work_arg;
	/* Told of lanes, of bells from other nodes, of holds, of receipts; set by delivery. */
	store_lanes_fn *lanes;
	store_rung_fn *rung;
	store_holds_fn *holds;
	void (*receipts)(void *arg, const struct store_received *received);
	void *lanes_arg;
	/* Told of API keys; set by pipeline. */
	store_api_key_fn *api_key;
	void *api_key_arg;
};

struct world_settings {
	struct tenant_client_settings tenant; /* base_url "": our own tables */
	struct graph_client_settings graph;
	struct conversation_client_settings conversation; /* base_url "": none */
	const struct seal_keys *master_keys;              /* borrowed; null: none */
	struct store_settings store;
	struct backlog_limits backlog;
	uint32_t max_jobs;
	const struct meter *meter; /* null: counts nowhere */
};

struct world *world_new(struct loop *loop, const struct log *log,
			const struct world_settings *settings, struct err *ret_err) MUST_CHECK;
void world_free(struct world *w);

/* Gives the job an id; false: too many jobs. */
bool world_add(struct world *w, struct job *job) MUST_CHECK;
/* Completions still under way for it find nothing from now on. */
void world_remove(struct world *w, struct job *job);

#endif
