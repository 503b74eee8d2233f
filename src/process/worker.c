#include "process/worker.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/die.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/loop.h"
#include "crypto/seal.h"
#include "delivery/delivery.h"
#include "delivery/world.h"
#include "fcgi/server.h"
#include "http/router.h"
#include "pipeline/pipeline.h"
#include "process/beacon_keeper.h"
#include "process/management.h"
#include "process/signals.h"
#include "transport/transport.h"

#define ACCEPT_TIMEOUT_MS 1500      /* with what comes after it, the caller's 503 within 2 s */
#define PAIR_MS INT64_C(1050)       /* a second: what leaves evenly does not arrive so */
#define COMMIT_TIMEOUT_MS 5000      /* an attempt that began so late does not leave any more */
#define READY_WITHOUT_STORE_MS 1000 /* a worker is useful without a database: it says so */
#define ORPHAN_DRAIN_MS 15000
#define DRAIN_RESERVE_MS 1000 /* of DRAIN_SECONDS, to answer and record what is left */
#define CONNECTIONS_PER_REQUEST 2
#define KEPT_CONNECTIONS 1024 /* idle ones that nginx keeps */
#define SERVICE_CONNECTIONS 64
#define CACHE_ENTRIES 20000
#define ITEMS_PER_WORKER 50000
#define READ_TIMEOUT_MS 30000
#define IDLE_TIMEOUT_MS 75000
#define BEAT_MS 500 /* how often the master is told that the loop turns */

struct worker {
	const struct worker_options *options;
	struct log log;
	struct log_held log_held;
	struct loop *loop;
	struct signals signals;
	uint64_t lifeline;
	struct seal_keys *master_keys; /* null: none */
	struct world *world;
	struct delivery *delivery;
	struct pipeline *pipeline;
	struct fcgi_server *server;
	struct collect_large large[3]; /* kinds of requests with long bodies, and their end */
	struct management *management; /* null: off */
	int ready_fd;
	int64_t started_ms;
	uint64_t ready_timer;
	uint64_t drain_timer;
	uint64_t orphan_timer;
	bool draining;
	bool store_was_ready;
	bool store_was_ready_once;
	struct log_rate store_log;
	struct beacon_keeper keeper;
	bool restore_told;
	int status;
};

static unsigned requests_per_worker(const struct settings *s)
{
	return (s->max_in_flight + s->workers - 1) / s->workers;
}

static const struct meter *meter(const struct worker *w)
{
	return metrics_meter(w->options->metrics, w->options->birth->slot);
}

/* No more attempts begin than there are streams for, as their time runs from then on. */
static unsigned graph_calls(const struct settings *s)
{
	const unsigned streams = s->graph_max_connections * s->graph_streams_per_connection;
	const unsigned requests = requests_per_worker(s);

	return requests < streams ? requests : streams;
}

static struct retry_policy retry_policy(const struct settings *s)
{
	return (struct retry_policy){
		.max_retries = s->max_retries,
		.initial_ms = INT64_C(1000) * s->initial_backoff_seconds,
		.cap_ms = INT64_C(1000) * s->max_backoff_seconds,
	};
}

static struct world_settings world_settings(const struct worker *w, const char *name)
{
	const struct settings *s = w->options->settings;
	const unsigned requests = requests_per_worker(s);

	return (struct world_settings){
		.tenant = { .base_url = s->tenant_service_url,
			    .ca_file = s->graph_ca_file,
			    .quota_timeout_ms = s->quota_timeout_ms,
			    .quota_cache_ms = INT64_C(1000) * s->quota_cache_seconds,
			    .credentials_timeout_ms = s->credentials_timeout_ms,
			    .credentials_cache_ms = INT64_C(1000) * s->credentials_cache_seconds,
			    .max_entries = CACHE_ENTRIES,
			    .max_connections = SERVICE_CONNECTIONS },
		.graph = { .url = s->graph_api_url,
			   .version = s->graph_api_version,
			   .ca_file = s->graph_ca_file,
			   .connect_timeout_ms = INT64_C(500) * s->request_timeout_seconds,
			   .max_connections = s->graph_max_connections,
			   .streams = s->graph_streams_per_connection,
			   .max_in_flight = graph_calls(s),
			   .ambiguous_5xx = s->graph_ambiguous_5xx_unknown },
		.conversation = { .base_url = s->conversation_service_url,
				  .ca_file = s->graph_ca_file,
				  .timeout_ms = INT64_C(1000) * s->conversation_timeout_seconds,
				  .max_connections = SERVICE_CONNECTIONS,
				  .max_in_flight = ITEMS_PER_WORKER },
		.store = { .conninfo = s->database_url,
			   .incarnation = w->options->birth->incarnation,
			   .application_name = name,
			   .node_id = node_id(w->options->node),
			   .boot_id = node_boot_id(w->options->node),
			   .node_file = node_file(w->options->node),
			   .accept_timeout_ms = ACCEPT_TIMEOUT_MS,
			   .webhook_days = s->webhook_keep_days,
			   .max_pending = ITEMS_PER_WORKER,
			   .meter = meter(w),
			   .again = { .on = s->retry_failed_receipts,
				      .retry = retry_policy(s),
				      .ttl_s = s->message_ttl_seconds },
			   .known = w->keeper.kept },
		.master_keys = w->master_keys,
		.meter = meter(w),
		.backlog = { .tenant = s->max_backlog_per_tenant, .all = s->max_backlog },
		.max_jobs = 2 * ITEMS_PER_WORKER + requests,
	};
}

static struct delivery_settings delivery_settings(const struct worker *w)
{
	const struct settings *s = w->options->settings;

	return (struct delivery_settings){
		.node = w->options->node,
		.slot = w->options->birth->slot,
		.incarnation = w->options->birth->incarnation,
		.retry = retry_policy(s),
		.breaker = { .failures = s->breaker_failures,
			     .open_ms = INT64_C(1000) * s->breaker_open_seconds,
			     .open_max_ms = INT64_C(1000) * s->breaker_max_seconds,
			     .probe_ms = INT64_C(1000) * s->request_timeout_seconds +
					 COMMIT_TIMEOUT_MS },
		.request_timeout_ms = INT64_C(1000) * s->request_timeout_seconds,
		.order_hold_ms = INT64_C(1000) * s->order_hold_seconds,
		.token_probe_ms = INT64_C(1000) * s->token_probe_seconds,
		.commit_timeout_ms = COMMIT_TIMEOUT_MS,
		.unknown_policy = (enum unknown_policy)s->unknown_policy,
		.unknown_quarantine_s = s->unknown_quarantine_seconds,
		.pace = { .number_rate = s->number_rate,
			  .tenant_rate = s->tenant_rate,
			  .pair = { .every_ms = PAIR_MS * s->pair_seconds, .burst = s->pair_burst },
			  .max_lines = ITEMS_PER_WORKER },
		.max_items = ITEMS_PER_WORKER,
	};
}

static struct pipeline_settings pipeline_settings(const struct worker *w)
{
	const struct settings *s = w->options->settings;

	return (struct pipeline_settings){
		.slot = w->options->birth->slot,
		.keys = s->auth_keys,
		.max_requests = requests_per_worker(s),
		.sync_wait_ms = INT64_C(1000) * s->sync_wait_seconds,
		.accept_timeout_ms = ACCEPT_TIMEOUT_MS,
		.request_timeout_ms = INT64_C(1000) * s->request_timeout_seconds,
		.message_ttl_ms = INT64_C(1000) * s->message_ttl_seconds,
		.rates = { .number = s->number_rate, .tenant = s->tenant_rate },
		.backlog = { .tenant = s->max_backlog_per_tenant, .all = s->max_backlog },
		.version = w->options->version,
		.environment = s->environment,
		.app_secrets = s->whatsapp_app_secret,
		.verify_tokens = s->whatsapp_verify_token,
		.unsigned_webhooks = s->webhook_unsigned,
	};
}

static struct fcgi_server_settings server_settings(struct worker *w)
{
	const struct settings *s = w->options->settings;

	w->large[0] = (struct collect_large){ http_route_is_bulk, s->max_bulk_bytes };
	w->large[1] = (struct collect_large){ http_route_is_webhook, s->max_webhook_bytes };
	return (struct fcgi_server_settings){
		.listen_fd = w->options->listen_fd,
		/* More than requests, so that the ones too many can be told so. */
		.max_connections =
			CONNECTIONS_PER_REQUEST * requests_per_worker(s) + KEPT_CONNECTIONS,
		.max_body_bytes = s->max_body_bytes,
		.large = w->large,
		.max_params_bytes = SETTINGS_PARAMS_BYTES,
		.max_held_bytes = s->max_receiving_bytes,
		.read_timeout_ms = READ_TIMEOUT_MS,
		.idle_timeout_ms = IDLE_TIMEOUT_MS,
		.meter = meter(w),
	};
}

/* -- ready, and the state of the store ------------------------------------------------- */

static void report_ready(struct worker *w)
{
	if (w->ready_fd < 0)
		return;
	/* The master is gone if this fails; the lifeline says so too. */
	(void)!write(w->ready_fd, "R", 1);
	fd_close(&w->ready_fd);
}

static void on_beat(void *arg)
{
	struct worker *w = arg;
	const int64_t now_ms = loop_now_ms(w->loop);

	node_beat(w->options->node, w->options->birth->slot, now_ms);
	(void)loop_timer(w->loop, now_ms + BEAT_MS, on_beat, w);
}

static void on_ready_late(void *arg)
{
	struct worker *w = arg;

	w->ready_timer = 0;
	report_ready(w);
}

static void drain(struct worker *w);

static bool watch_store(void *arg)
{
	struct worker *w = arg;
	const bool ready = store_ready(w->world->store);
	const struct err *trouble = store_trouble(w->world->store);
	uint64_t suppressed;

	if (store_schema_mismatch(w->world->store) && !w->status) {
		log_text(&w->log, LOG_ERROR, "schema_mismatch", "%s",
			 trouble ? trouble->text : "run `message-sender db migrate`");
		w->status = CREW_EXIT_CONFIG;
		if (w->store_was_ready_once)
			drain(w);
		else
			loop_stop(w->loop);
		return false;
	}
	if (ready)
		w->store_was_ready_once = true;
	if (ready && delivery_knows_lanes(w->delivery))
		report_ready(w);
	if (ready != w->store_was_ready) {
		w->store_was_ready = ready;
		log_text(&w->log, ready ? LOG_INFO : LOG_WARNING,
			 ready ? "store_ready" : "store_away", "%s",
			 ready     ? "PostgreSQL is connected"
			 : trouble ? trouble->text
				   : "");
	} else if (trouble && loop_now_ms(w->loop) - w->started_ms > READY_WITHOUT_STORE_MS &&
		   log_rate_allows(&w->store_log, loop_now_ms(w->loop), &suppressed)) {
		log_text(&w->log, LOG_WARNING, "store_trouble", "%s", trouble->text);
	}
	return false;
}

static void drain(struct worker *w);

/* -- was PostgreSQL restored? ---------------------------------------------------------- */

/* One worker of the node does: all of them know much the same. */
static bool keeps_beacon(const struct worker *w)
{
	return w->options->birth->number == 0;
}

static bool watch_beacon(void *arg)
{
	struct worker *w = arg;
	const char *noticed = store_noticed(w->world->store);

	if (*noticed && !w->restore_told) {
		w->restore_told = true;
		log_text(&w->log, LOG_ERROR, "restored",
			 "%s: what was unfinished becomes unknown, and nothing is sent before "
			 "`message-sender queue release`",
			 noticed);
	}
	if (keeps_beacon(w))
		beacon_keeper_keep(&w->keeper, store_beacon(w->world->store), loop_now_ms(w->loop));
	return false;
}

/* -- drain ------------------------------------------------------------------------------ */

static bool watch_drain(void *arg)
{
	struct worker *w = arg;

	/* This life is over; the master begins another. */
	if (delivery_fenced(w->delivery))
		drain(w);
	if (w->draining && !pipeline_busy(w->pipeline) && !delivery_busy(w->delivery) &&
	    !delivery_holds_lanes(w->delivery) && !fcgi_server_busy(w->server) &&
	    !store_pending(w->world->store))
		loop_stop(w->loop);
	return false;
}

static void on_drain_late(void *arg)
{
	struct worker *w = arg;

	w->drain_timer = 0;
	log_text(&w->log, LOG_WARNING, "drain_late",
		 "DRAIN_SECONDS are nearly over: %u requests are answered as they stand",
		 pipeline_busy(w->pipeline));
	delivery_give_up(w->delivery);
	pipeline_give_up(w->pipeline);
}

static int64_t drain_ms(const struct worker *w)
{
	const int64_t ms = INT64_C(1000) * w->options->settings->drain_seconds;

	return ms > 2 * DRAIN_RESERVE_MS ? ms - DRAIN_RESERVE_MS : ms / 2;
}

static void drain(struct worker *w)
{
	if (w->draining)
		return;
	w->draining = true;
	w->drain_timer = loop_timer(w->loop, loop_now_ms(w->loop) + drain_ms(w), on_drain_late, w);
	log_text(&w->log, LOG_INFO, "draining", "%u requests, %u messages under way",
		 pipeline_busy(w->pipeline), delivery_busy(w->delivery));
	management_close(w->management);
	pipeline_drain(w->pipeline);
	delivery_drain(w->delivery);
	/* When a sibling goes on listening, what waits in the backlog is its business. */
	fcgi_server_close(w->server,
			  !delivery_fenced(w->delivery) &&
				  node_owner(w->options->node, w->options->birth->number) ==
					  w->options->birth->slot);
}

static void on_signal(void *arg, int number)
{
	(void)number;
	drain(arg);
}

static void on_orphan_late(void *arg)
{
	struct worker *w = arg;

	log_text(&w->log, LOG_WARNING, "orphan_late", "the master is gone; ending unfinished");
	loop_stop(w->loop);
}

static void on_lifeline(void *arg, int fd, uint32_t events)
{
	struct worker *w = arg;

	(void)fd;
	(void)events;
	loop_unwatch(w->loop, w->lifeline);
	log_text(&w->log, LOG_WARNING, "orphaned", "the master is gone");
	w->orphan_timer = loop_timer(w->loop, clock_boot_ms() + ORPHAN_DRAIN_MS, on_orphan_late, w);
	drain(w);
	/* Nobody accepts any more: new peers must be refused, not kept waiting. */
	(void)close(w->options->listen_fd);
	if (w->options->management_fd >= 0)
		(void)close(w->options->management_fd);
}

/* -- management -------------------------------------------------------------------------- */

/* Why new messages would not be served now; null: they are. */
static const char *not_ready(void *arg)
{
	const struct worker *w = arg;

	if (w->draining)
		return "draining";
	if (!store_ready(w->world->store))
		return "the database is away";
	return delivery_knows_lanes(w->delivery) ? NULL : "the lanes are not known yet";
}

static int open_management(struct worker *w, struct err *ret_err)
{
	if (w->options->management_fd < 0)
		return 0;
	w->management = management_new(w->loop, w->options->management_fd, w->options->metrics,
				       not_ready, w, ret_err);
	return w->management ? 0 : -1;
}

static int load_master_keys(struct worker *w, struct err *ret_err)
{
	const char *file = w->options->settings->master_key_file;

	if (!*file)
		return 0;
	w->master_keys = seal_keys_load(file, ret_err);
	if (!w->master_keys)
		err_prefix(ret_err, "MASTER_KEY_FILE");
	return w->master_keys ? 0 : -1;
}

/* -- life ------------------------------------------------------------------------------- */

static int open_all(struct worker *w, struct err *ret_err)
{
	/* Ctrl-C in a terminal reaches the whole group; the master decides what it means. */
	static const int signals[] = { SIGTERM, 0 };
	const struct crew_birth *birth = w->options->birth;
	struct delivery_settings delivery = delivery_settings(w);
	struct pipeline_settings pipeline = pipeline_settings(w);
	struct fcgi_server_settings server = server_settings(w);
	struct world_settings world;
	char name[64];

	(void)snprintf(name, sizeof(name), "message-sender %s", w->log.role);
	beacon_keeper_open(&w->keeper, &w->log, w->options->settings->state_dir,
			   w->options->settings->fcgi_socket);
	if (load_master_keys(w, ret_err))
		return -1;
	world = world_settings(w, name);
	w->loop = loop_new(ret_err);
	if (!w->loop || transport_global_init(ret_err))
		return -1;
	w->world = world_new(w->loop, &w->log, &world, ret_err);
	if (!w->world)
		return -1;
	w->pipeline = pipeline_new(w->world, &pipeline, ret_err);
	if (!w->pipeline)
		return -1;
	w->delivery = delivery_new(w->world, &delivery, pipeline_on_result, w->pipeline, ret_err);
	if (!w->delivery)
		return -1;
	/* FCGX_Init comes first, then our signals. */
	w->server = fcgi_server_new(w->loop, &server, pipeline_on_request, w->pipeline, ret_err);
	if (!w->server || open_management(w, ret_err) ||
	    signals_open(&w->signals, w->loop, signals, on_signal, w, ret_err))
		return -1;
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	die_instead_of_abort();
	pipeline_attach(w->pipeline, w->delivery, w->server);
	w->lifeline = loop_watch(w->loop, birth->lifeline_fd, EPOLLIN | EPOLLHUP, on_lifeline, w,
				 ret_err);
	return w->lifeline ? 0 : -1;
}

static void close_all(struct worker *w)
{
	if (w->loop)
		signals_close(&w->signals, w->loop);
	management_free(w->management);
	pipeline_free(w->pipeline);
	delivery_free(w->delivery);
	fcgi_server_free(w->server);
	world_free(w->world);
	seal_keys_free(w->master_keys);
	loop_free(w->loop);
	transport_global_fini();
}

static void flush_log(void *arg)
{
	const struct worker *w = arg;

	log_flush(&w->log);
}

int worker_run(const struct worker_options *options)
{
	struct worker w = {
		.options = options,
		.log = { .fd = STDERR_FILENO, .level = options->settings->log_level },
		.signals = { .fd = -1 },
		.ready_fd = options->birth->ready_fd,
		.started_ms = clock_boot_ms(),
	};
	struct err err;

	w.log.held = &w.log_held;
	(void)snprintf(w.log.role, sizeof(w.log.role), "worker-%u", options->birth->number + 1);
	if (open_all(&w, &err)) {
		log_text(&w.log, LOG_ERROR, "worker_start_failed", "%s", err.text);
		return err.class == ERR_INVALID ? CREW_EXIT_CONFIG : 1;
	}
	loop_hook(w.loop, watch_store, &w);
	loop_hook(w.loop, watch_beacon, &w);
	loop_hook(w.loop, watch_drain, &w);
	loop_before_wait(w.loop, flush_log, &w);
	on_beat(&w);
	w.ready_timer =
		loop_timer(w.loop, w.started_ms + READY_WITHOUT_STORE_MS, on_ready_late, &w);
	if (loop_run(w.loop, &err)) {
		log_text(&w.log, LOG_ERROR, "loop_failed", "%s", err.text);
		w.status = 1;
	}
	if (keeps_beacon(&w))
		beacon_keeper_close(&w.keeper, store_beacon(w.world->store));
	close_all(&w);
	log_flush(&w.log);
	return w.status;
}
