#include "delivery/world.h"

#include <stdlib.h>

#include "base/idmap.h"
#include "delivery/own.h"

static struct job *find(struct world *w, uint64_t tag)
{
	return idmap_get(w->jobs, tag);
}

static void on_quota(void *arg, uint64_t tag, const struct quota_answer *answer)
{
	struct job *job = find(arg, tag);

	if (job)
		job->operations->quota(job, answer);
}

static void on_credentials(void *arg, uint64_t tag, const struct credentials_answer *answer)
{
	struct job *job = find(arg, tag);

	if (job)
		job->operations->credentials(job, answer);
}

static void on_graph(void *arg, uint64_t tag, const struct graph_answer *answer)
{
	struct job *job = find(arg, tag);

	if (job)
		job->operations->graph(job, answer);
}

static bool on_gate(void *arg, uint64_t tag)
{
	struct job *job = find(arg, tag);

	return job && job->operations->gate(job);
}

static void on_conversation(void *arg, uint64_t tag, bool stored, const struct err *err)
{
	struct job *job = find(arg, tag);

	if (job)
		job->operations->conversation(job, stored, err);
}

static void on_written(void *arg, uint64_t tag, enum store_verdict verdict, uint64_t seq,
		       const struct err *err)
{
	struct job *job = find(arg, tag);

	if (job)
		job->operations->written(job, verdict, seq, err);
}

static void on_status(void *arg, uint64_t tag, enum store_verdict verdict,
		      const struct store_status *status, const struct err *err)
{
	struct job *job = find(arg, tag);

	if (job)
		job->operations->status(job, verdict, status, err);
}

static void on_first(void *arg, uint64_t tag, enum store_verdict verdict,
		     const struct store_first *first, const struct err *err)
{
	struct job *job = find(arg, tag);

	if (job)
		job->operations->first(job, verdict, first, err);
}

static void on_found(void *arg, uint64_t tag, enum store_verdict verdict,
		     const struct store_found *found, const struct err *err)
{
	struct job *job = find(arg, tag);

	if (job)
		job->operations->found(job, verdict, found, err);
}

static void on_work(void *arg, uint64_t tag, enum store_verdict verdict,
		    const struct store_work *work, bool more, const struct err *err)
{
	struct world *w = arg;

	if (w->work)
		w->work(w->work_arg, tag, verdict, work, more, err);
}

static void on_queue(void *arg, enum store_verdict verdict, const struct store_queue *queue,
		     bool more)
{
	struct world *w = arg;

	if (w->queue)
		w->queue(w->work_arg, verdict, queue, more);
}

static void on_unknown(void *arg, uint64_t tag, enum store_verdict verdict,
		       const struct store_unknown *unknown, bool more, const struct err *err)
{
	struct world *w = arg;

	if (w->unknown)
		w->unknown(w->work_arg, tag, verdict, unknown, more, err);
}

static void on_lanes(void *arg, uint64_t tag, enum store_verdict verdict,
		     const struct store_lanes_view *view, const struct err *err)
{
	struct world *w = arg;

	if (w->lanes)
		w->lanes(w->lanes_arg, tag, verdict, view, err);
}

static void on_rung(void *arg, const char *text)
{
	struct world *w = arg;

	if (w->rung)
		w->rung(w->lanes_arg, text);
}

static void on_holds(void *arg, enum store_verdict verdict, const struct store_holds *holds)
{
	struct world *w = arg;

	/* So is a change of tenants and outlets told. */
	if (w->own && verdict == STORE_DONE && holds->changed)
		tenant_client_forget(w->tenant);
	if (w->holds)
		w->holds(w->lanes_arg, verdict, holds);
}

static void on_api_key(void *arg, enum store_verdict verdict, int64_t version, const char *id,
		       const struct api_key *key)
{
	struct world *w = arg;

	if (w->api_key)
		w->api_key(w->api_key_arg, verdict, version, id, key);
}

static void on_backlog(void *arg, uint64_t tag, enum store_verdict verdict,
		       const struct store_backlog *backlog, const struct err *err)
{
	struct world *w = arg;

	(void)tag;
	(void)err;
	tally_on_count(w->tally, verdict == STORE_DONE ? backlog : NULL);
}

static void on_received(void *arg, uint64_t tag, enum store_verdict verdict,
			const struct store_received *received, const struct err *err)
{
	struct world *w = arg;
	struct job *job = find(w, tag);

	if (received && w->receipts)
		w->receipts(w->lanes_arg, received);
	if (job)
		job->operations->received(job, verdict, received, err);
}

static void on_managed(void *arg, uint64_t tag, enum store_verdict verdict,
		       const struct store_rows *rows, const struct err *err)
{
	struct job *job = find(arg, tag);

	if (job)
		job->operations->managed(job, verdict, rows, err);
}

static void on_own(void *arg, uint64_t tag, enum store_verdict verdict, const struct store_own *own,
		   const struct err *err)
{
	own_found(arg, tag, verdict, own, err);
}

/* A service whose address is empty is none. */
static bool is_none(const char *base_url)
{
	return base_url && !*base_url;
}

static int open_clients(struct world *w, const struct world_settings *settings, struct err *ret_err)
{
	struct tenant_client_settings tenant = settings->tenant;

	w->own = is_none(tenant.base_url);
	if (w->own) {
		tenant.ask = own_ask;
		tenant.ask_arg = w;
	}
	w->tenant = tenant_client_new(w->loop, &tenant, on_quota, on_credentials, w, ret_err);
	if (!w->tenant)
		return -1;
	w->graph = graph_client_new(w->loop, &settings->graph, on_graph, on_gate, w, ret_err);
	if (!w->graph)
		return -1;
	if (is_none(settings->conversation.base_url))
		return 0;
	w->conversation = conversation_client_new(w->loop, &settings->conversation, on_conversation,
						  w, ret_err);
	return w->conversation ? 0 : -1;
}

static int open_all(struct world *w, const struct world_settings *settings, struct err *ret_err)
{
	const struct store_callbacks callbacks = {
		.done = on_written,
		.status = on_status,
		.first = on_first,
		.found = on_found,
		.received = on_received,
		.work = on_work,
		.queue = on_queue,
		.unknown = on_unknown,
		.lanes = on_lanes,
		.rung = on_rung,
		.holds = on_holds,
		.backlog = on_backlog,
		.own = on_own,
		.api_key = on_api_key,
		.managed = on_managed,
		.arg = w,
	};

	w->master_keys = settings->master_keys;
	if (open_clients(w, settings, ret_err))
		return -1;
	w->zones = zones_new();
	w->tally = tally_new(w->loop, &settings->backlog);
	if (!w->zones || !w->tally) {
		err_set(ret_err, ERR_TEMPORARY, 0, "no memory for zones and the tally");
		return -1;
	}
	w->store = store_new(w->loop, &settings->store, &callbacks, ret_err);
	if (!w->store)
		return -1;
	tally_start(w->tally, w->store);
	return 0;
}

struct world *world_new(struct loop *loop, const struct log *log,
			const struct world_settings *settings, struct err *ret_err)
{
	struct world *w = calloc(1, sizeof(*w));

	if (w)
		w->jobs = idmap_new(settings->max_jobs);
	if (!w || !w->jobs) {
		err_set(ret_err, ERR_TEMPORARY, 0, "no memory for %u jobs", settings->max_jobs);
		free(w);
		return NULL;
	}
	w->loop = loop;
	w->log = log;
	w->meter = settings->meter;
	if (open_all(w, settings, ret_err)) {
		world_free(w);
		return NULL;
	}
	return w;
}

void world_free(struct world *w)
{
	if (!w)
		return;
	tally_free(w->tally);
	zones_free(w->zones);
	store_free(w->store);
	conversation_client_free(w->conversation);
	graph_client_free(w->graph);
	tenant_client_free(w->tenant);
	idmap_free(w->jobs);
	free(w);
}

bool world_add(struct world *w, struct job *job)
{
	job->id = idmap_add(w->jobs, job);
	return job->id != 0;
}

void world_remove(struct world *w, struct job *job)
{
	(void)idmap_remove(w->jobs, job->id);
	job->id = 0;
}
