/*
 * A request is one statement, but a replay: that looks for room, and then takes its messages page
 * by page, each found in one statement and sent in the next, with the wait that its rate asks for
 * between them.  It ends when there are no more, at its limit, or after REPLAY_MS; who wants the
 * rest asks again, as what was replayed is left out.
 */
#include "pipeline/manage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

#define REPLAY_MS 40000 /* no page begins later */
#define LIST_MAX ((size_t)1024 * 1024)
#define ARRAYS_MAX ((size_t)64 * MANAGE_BATCH_MAX)
#define RETRY_AFTER_S 60

/* The parameters that the statements of a replay share. */
enum { FILTERS = 8, LAST = FILTERS, MOST, FIND_VALUES };

enum phase { PHASE_ROOM = 0, PHASE_FIND, PHASE_SEND, PHASE_WAIT };

struct manage {
	struct http_hold hold; /* of pause and resume */
	struct http_resolve resolve;
	struct http_replay replay;
	char who[API_KEY_ID_BYTES + 8];
	char hindrance[128];
	enum phase phase;
	char last[MESSAGE_ID_TEXT_BYTES]; /* read so far; "": nothing yet */
	struct str ids;                   /* of the page */
	struct str lanes;
	struct str list; /* of what was replayed */
	unsigned found;  /* of the page */
	uint64_t replayed;
	uint64_t left_out;
	int64_t page_boot_ms;
};

static struct manage *manage_new(const struct grant *grant)
{
	struct manage *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	(void)snprintf(m->who, sizeof(m->who), "key:%s", grant->key.id);
	str_init(&m->ids, ARRAYS_MAX);
	str_init(&m->lanes, ARRAYS_MAX);
	str_init(&m->list, LIST_MAX);
	return m;
}

void manage_free(struct manage *m)
{
	if (!m)
		return;
	str_fini(&m->ids);
	str_fini(&m->lanes);
	str_fini(&m->list);
	free(m);
}

/* -- receiving ---------------------------------------------------------------------------- */

static const char *text_or_null(const char *text)
{
	return *text ? text : NULL;
}

/* Null, or what its key has not got. */
static const char *refuses_hold(const struct grant *grant, const struct http_hold *hold)
{
	if (!grant_tenant(grant))
		return NULL;
	if (hold->scope == HOLD_ALL)
		return "all: is not for a key of one tenant; name what is its own";
	if (hold->scope == HOLD_NUMBER)
		return "number: is not for a key of one tenant, as others may send from it; name "
		       "an outlet";
	return grant_refuses_whole(grant, hold->tenant_id, text_or_null(hold->outlet_id));
}

static enum flow_step refused(struct flow *f, enum flow_reply reply, const char *why)
{
	f->reply = reply;
	text_copy_cut(f->reason, sizeof(f->reason), why);
	return FLOW_ANSWER;
}

enum flow_step manage_receive(struct flow *f, const struct http_request *request)
{
	const char *tenant_id = grant_tenant(f->grant);
	struct manage *m = f->manage = manage_new(f->grant);
	const char *why = NULL;
	struct err err;
	bool ok;

	if (!m) {
		f->reply = REPLY_OVERLOADED;
		return FLOW_ANSWER;
	}
	if (f->route == ROUTE_REPLAY)
		ok = http_replay_read(request, tenant_id, clock_wall_us(), &m->replay, &err);
	else if (f->route == ROUTE_RESOLVE)
		ok = http_resolve_read(request, &m->resolve, &err);
	else
		ok = http_hold_read(request, tenant_id, &m->hold, &err);
	if (!ok)
		return refused(f, err.class == ERR_INTERNAL ? REPLY_INTERNAL : REPLY_INVALID,
			       err.text);
	if (f->route == ROUTE_RESOLVE)
		return FLOW_RESOLVE_SEEN;
	if (f->route == ROUTE_REPLAY) {
		f->tenant_id = m->replay.tenant_id;
		why = grant_refuses_whole(f->grant, f->tenant_id,
					  text_or_null(m->replay.outlet_id));
	} else {
		f->tenant_id = text_or_null(m->hold.tenant_id);
		why = refuses_hold(f->grant, &m->hold);
	}
	if (why)
		return refused(f, REPLY_FORBIDDEN, why);
	if (f->route != ROUTE_REPLAY)
		return FLOW_HOLD;
	return m->replay.dry_run ? FLOW_REPLAY_COUNT : FLOW_REPLAY_QUOTA;
}

/* -- the statements ----------------------------------------------------------------------- */

static enum flow_result ask(struct flow *f, enum store_manage what, const char *const *values,
			    unsigned count)
{
	struct err err;

	if (!store_manage(f->pipeline->world->store, f->job.id, what, values, count, &err))
		return FLOW_PENDING;
	f->reply = REPLY_OVERLOADED;
	return FLOW_NO;
}

enum flow_result manage_hold(struct flow *f)
{
	const struct manage *m = f->manage;
	const struct http_hold *h = &m->hold;
	const bool own = grant_tenant(f->grant) != NULL;
	char most[12];
	char most_own[12];
	const char *const set[] = { hold_scope_name(h->scope),
				    h->tenant_id,
				    h->outlet_id,
				    h->number,
				    hold_reason_name(own ? HOLD_CALLER : HOLD_PAUSED),
				    m->who,
				    h->why,
				    most,
				    most_own };
	const char *const release[] = {
		hold_scope_name(h->scope), h->tenant_id, h->outlet_id, h->number, m->who, h->why,
		own ? "true" : "false"
	};

	(void)snprintf(most, sizeof(most), "%d", HOLDS_MAX);
	(void)snprintf(most_own, sizeof(most_own), "%d", own ? HOLDS_CALLER_MAX : HOLDS_MAX);
	return f->route == ROUTE_PAUSE ? ask(f, STORE_HOLD_SET, set, 9)
				       : ask(f, STORE_HOLD_RELEASE, release, 7);
}

enum flow_result manage_resolve(struct flow *f)
{
	const struct manage *m = f->manage;
	char id[MESSAGE_ID_TEXT_BYTES];
	const char *const values[] = { id, m->resolve.as, m->resolve.why, m->who,
				       text_or_null(m->resolve.wamid) };

	message_id_text(f->id, id);
	return ask(f, STORE_RESOLVE, values, 5);
}

static void fill_filters(const struct manage *m, const char *values[FILTERS])
{
	const struct http_replay *r = &m->replay;
	const char *const filters[FILTERS] = { r->tenant_id,
					       text_or_null(r->outlet_id),
					       text_or_null(r->number),
					       text_or_null(r->code),
					       r->since,
					       r->until,
					       "false",
					       r->include_unknown ? "true" : "false" };

	memcpy(values, filters, sizeof(filters));
}

enum flow_result manage_count(struct flow *f)
{
	const char *values[FILTERS];

	fill_filters(f->manage, values);
	return ask(f, STORE_REPLAY_COUNT, values, FILTERS);
}

static enum flow_result ask_room(struct flow *f)
{
	const struct backlog_limits *limits = &f->pipeline->settings.backlog;
	char all[24];
	char tenant[24];
	const char *const values[] = { f->tenant_id, all, tenant };

	(void)snprintf(all, sizeof(all), "%lld", (long long)limits->all);
	(void)snprintf(tenant, sizeof(tenant), "%lld", (long long)limits->tenant);
	return ask(f, STORE_REPLAY_ROOM, values, 3);
}

static uint64_t left(const struct manage *m)
{
	const uint64_t looked = m->replayed + m->left_out;

	return looked < m->replay.limit ? m->replay.limit - looked : 0;
}

static enum flow_result ask_page(struct flow *f)
{
	struct manage *m = f->manage;
	const char *values[FIND_VALUES];
	char most[12];

	m->page_boot_ms = loop_now_ms(f->pipeline->world->loop);
	fill_filters(m, values);
	(void)snprintf(most, sizeof(most), "%u", replay_batch(m->replay.rate, left(m)));
	values[LAST] = text_or_null(m->last);
	values[MOST] = most;
	return ask(f, STORE_REPLAY_FIND, values, FIND_VALUES);
}

static enum flow_result send_page(struct flow *f)
{
	struct manage *m = f->manage;
	char ttl[24];
	const char *const values[] = { m->ids.data,
				       m->lanes.data,
				       m->who,
				       m->replay.why,
				       ttl,
				       "false",
				       m->replay.include_unknown ? "true" : "false" };

	(void)snprintf(ttl, sizeof(ttl), "%lld",
		       (long long)(f->pipeline->settings.message_ttl_ms / 1000));
	return ask(f, STORE_REPLAY_SEND, values, 7);
}

/* -- a replay, page by page --------------------------------------------------------------- */

static enum flow_result end_replay(struct flow *f, bool more)
{
	const struct manage *m = f->manage;

	f->reply = REPLY_INTERNAL;
	f->response = str_ok(&m->list) ? malloc(sizeof(*f->response)) : NULL;
	if (!f->response)
		return FLOW_OK;
	http_replayed(f->response, &m->list, m->replayed, m->left_out, more);
	f->reply = REPLY_READ;
	return FLOW_OK;
}

static void on_page(void *arg)
{
	struct flow *f = arg;

	f->timer = 0;
	f->manage->phase = PHASE_FIND;
	flow_ready(f, FLOW_PENDING); /* the step once more */
}

/* The next page when the rate lets it begin; none any more when it is the last or time is over. */
static enum flow_result wait_page(struct flow *f)
{
	const struct pipeline *p = f->pipeline;
	struct manage *m = f->manage;
	const int64_t at_ms = m->page_boot_ms + replay_wait_ms(m->replay.rate, m->found);

	if (left(m) == 0 || p->draining || at_ms > f->begun_boot_ms + REPLAY_MS)
		return end_replay(f, true);
	f->timer = loop_timer(p->world->loop, at_ms, on_page, f);
	return FLOW_PENDING;
}

static enum flow_result go_on(struct flow *f)
{
	switch (f->manage->phase) {
	case PHASE_ROOM:
		return ask_room(f);
	case PHASE_FIND:
		return ask_page(f);
	case PHASE_SEND:
		return send_page(f);
	case PHASE_WAIT:
		break;
	}
	return wait_page(f);
}

/* What was replayed is told, though no more can be asked for now. */
enum flow_result manage_replay(struct flow *f)
{
	const enum flow_result result = go_on(f);

	return result == FLOW_NO && f->manage->replayed ? end_replay(f, true) : result;
}

/* -- what came of it ---------------------------------------------------------------------- */

static const char *value(const void *rows, unsigned row, unsigned column)
{
	return store_rows_value(rows, row, column);
}

static enum flow_result answer_rows(struct flow *f, const struct store_rows *rows)
{
	const struct http_rows table = { store_rows_count(rows), value, rows };
	const struct manage *m = f->manage;

	if (f->route == ROUTE_PAUSE && table.count == 0) {
		f->reply = REPLY_HOLDS_FULL;
		return FLOW_NO;
	}
	f->reply = REPLY_INTERNAL;
	f->response = malloc(sizeof(*f->response));
	if (!f->response)
		return FLOW_NO;
	if (f->route == ROUTE_PAUSE)
		http_held(f->response, &m->hold, &table);
	else if (f->route == ROUTE_RESUME)
		http_released(f->response, &table);
	else
		http_replay_counted(f->response, &m->replay, &table);
	if (str_ok(&f->response->body))
		f->reply = REPLY_READ;
	return FLOW_OK;
}

static enum flow_result use_hindrance(struct flow *f, const struct store_rows *rows)
{
	const char *text = store_rows_count(rows) ? store_rows_value(rows, 0, 0) : NULL;

	text_copy_cut(f->manage->hindrance, sizeof(f->manage->hindrance), text ? text : "");
	return FLOW_OK;
}

static enum flow_result use_room(struct flow *f, const struct store_rows *rows)
{
	const struct backlog_limits *limits = &f->pipeline->settings.backlog;
	const bool of_tenant = store_rows_count(rows) && store_rows_value(rows, 0, 0);

	if (store_rows_count(rows) == 0) {
		f->manage->phase = PHASE_FIND;
		return FLOW_PENDING;
	}
	f->full = (struct tally_full){
		.verdict = of_tenant ? BACKLOG_TENANT_FULL : BACKLOG_ALL_FULL,
		.limit = of_tenant ? limits->tenant : limits->all,
		.waiting = strtoll(store_rows_value(rows, 0, 1), NULL, 10),
		.retry_after_s = RETRY_AFTER_S,
	};
	meter_bound(f->pipeline->world->meter, of_tenant ? BOUND_TENANT_FULL : BOUND_ALL_FULL);
	f->reply = REPLY_QUEUE_FULL;
	return FLOW_NO;
}

static enum flow_result use_page(struct flow *f, const struct store_rows *rows)
{
	struct manage *m = f->manage;

	m->found = store_rows_count(rows);
	if (m->found == 0)
		return end_replay(f, false);
	str_reset(&m->ids);
	str_reset(&m->lanes);
	for (unsigned row = 0; row < m->found; row++) {
		replay_add(&m->ids, &m->lanes, store_rows_value(rows, row, 0),
			   store_rows_value(rows, row, 1));
		text_copy_cut(m->last, sizeof(m->last), store_rows_value(rows, row, 0));
	}
	m->phase = PHASE_SEND;
	if (replay_close(&m->ids, &m->lanes))
		return FLOW_PENDING;
	f->reply = REPLY_INTERNAL;
	return FLOW_NO;
}

static enum flow_result use_sent(struct flow *f, const struct store_rows *rows)
{
	const struct http_rows table = { store_rows_count(rows), value, rows };
	struct manage *m = f->manage;

	http_replayed_add(&m->list, &table);
	m->replayed += table.count;
	m->left_out += m->found - table.count;
	m->phase = PHASE_WAIT;
	return FLOW_PENDING;
}

enum flow_result manage_done(struct flow *f, enum store_verdict verdict,
			     const struct store_rows *rows)
{
	if (verdict != STORE_DONE) {
		f->reply = f->step == FLOW_REPLAY_COUNT ? REPLY_STORE_AWAY : REPLY_MANAGE_UNKNOWN;
		return FLOW_NO;
	}
	if (f->step == FLOW_RESOLVE)
		return use_hindrance(f, rows);
	if (f->step != FLOW_REPLAY)
		return answer_rows(f, rows);
	switch (f->manage->phase) {
	case PHASE_ROOM:
		return use_room(f, rows);
	case PHASE_FIND:
		return use_page(f, rows);
	default:
		return use_sent(f, rows);
	}
}

const char *manage_hindrance(const struct flow *f)
{
	return f->manage->hindrance;
}

void manage_log(const struct flow *f, struct log_line *line)
{
	const struct manage *m = f->manage;

	if (f->route == ROUTE_RESOLVE) {
		log_str(line, "as", m->resolve.as);
		log_str(line, "why", m->resolve.why);
	} else if (f->route == ROUTE_REPLAY) {
		log_str(line, "dry_run", m->replay.dry_run ? "true" : "false");
		log_int(line, "replayed_count", (int64_t)m->replayed);
		log_str(line, "why", m->replay.why);
	} else {
		log_str(line, "scope", hold_scope_name(m->hold.scope));
		log_str(line, "why", m->hold.why);
	}
}
