#include "harness.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/text.h"
#include "store/migrate.h"

struct wait {
	struct harness *h;
	harness_condition *condition;
	void *arg;
	int64_t deadline_ms;
	bool held;
};

static struct wait *waiting; /* the loop's hook has no way to be taken out */

const char *harness_url(void)
{
	const char *url = getenv("STORE_TEST_URL");

	ck_assert_msg(url != NULL, "STORE_TEST_URL is not set: run tests/store/run");
	return url;
}

static void on_done(void *arg, uint64_t tag, enum store_verdict verdict, uint64_t seq,
		    const struct err *err)
{
	struct harness *h = arg;
	struct done *done = &h->done[tag];

	done->times++;
	done->verdict = verdict;
	done->seq = seq;
	done->after_ms = clock_boot_ms() - h->started_ms;
	if (err)
		done->err = *err;
	done->order = ++h->done_count;
}

static void on_status(void *arg, uint64_t tag, enum store_verdict verdict,
		      const struct store_status *status, const struct err *err)
{
	struct harness *h = arg;

	h->status = *status;
	on_done(h, tag, verdict, 0, err);
}

static void on_first(void *arg, uint64_t tag, enum store_verdict verdict,
		     const struct store_first *first, const struct err *err)
{
	struct harness *h = arg;

	h->first = *first;
	h->first.answer_body = NULL;
	text_copy_cut(h->first_body, sizeof(h->first_body), first->answer_body);
	on_done(h, tag, verdict, 0, err);
}

static void on_found(void *arg, uint64_t tag, enum store_verdict verdict,
		     const struct store_found *found, const struct err *err)
{
	struct harness *h = arg;

	h->found = found->found;
	text_copy_cut(h->json, sizeof(h->json), found->json ? found->json : "");
	on_done(h, tag, verdict, 0, err);
}

static void on_work(void *arg, uint64_t tag, enum store_verdict verdict,
		    const struct store_work *work, bool more, const struct err *err)
{
	struct harness *h = arg;

	if (work) {
		struct loaded *l = &h->loaded[h->loaded_count++];

		*l = (struct loaded){ .message = message_copy(&work->message),
				      .state = work->state,
				      .attempt = work->attempt,
				      .counted = work->counted,
				      .deadline_wall_us = work->deadline_wall_us,
				      .due_wall_us = work->due_wall_us,
				      .expires_wall_us = work->expires_wall_us,
				      .incarnation = work->incarnation };
		text_copy_cut(l->number, sizeof(l->number), work->number);
		text_copy_cut(l->wamid, sizeof(l->wamid), work->wamid);
		return;
	}
	h->more = more;
	on_done(h, tag, verdict, 0, err);
}

static void on_queue(void *arg, enum store_verdict verdict, const struct store_queue *queue,
		     bool more)
{
	struct harness *h = arg;

	if (queue) {
		ck_assert_uint_lt(h->queue_count, HARNESS_QUEUES);
		h->queues[h->queue_count++] = *queue;
		return;
	}
	h->more = more;
	h->looked = verdict;
	h->looked_count++;
}

static void on_unknown(void *arg, uint64_t tag, enum store_verdict verdict,
		       const struct store_unknown *unknown, bool more, const struct err *err)
{
	struct harness *h = arg;

	if (unknown) {
		struct harness_unknown *u = &h->unknown[h->unknown_count++];

		u->row = *unknown;
		u->row.tenant_id = u->row.number = u->row.receipt_wamid = NULL;
		text_copy_cut(u->number, sizeof(u->number), unknown->number);
		text_copy_cut(u->wamid, sizeof(u->wamid), unknown->receipt_wamid);
		return;
	}
	h->more = more;
	on_done(h, tag, verdict, 0, err);
}

static void on_received(void *arg, uint64_t tag, enum store_verdict verdict,
			const struct store_received *received, const struct err *err)
{
	struct harness *h = arg;

	if (tag == 0) {
		if (received)
			h->adopted = *received;
		h->adopted_count += verdict == STORE_DONE;
		return;
	}
	if (received) {
		h->received = *received;
		h->received.acts = h->acts;
		for (unsigned i = 0; i < received->act_count && i < HARNESS_ACTS; i++)
			h->acts[i] = received->acts[i];
	}
	on_done(h, tag, verdict, 0, err);
}

static void on_lanes(void *arg, uint64_t tag, enum store_verdict verdict,
		     const struct store_lanes_view *view, const struct err *err)
{
	struct harness *h = arg;

	if (view)
		h->view = *view;
	on_done(h, tag, verdict, 0, err);
}

static void on_holds(void *arg, enum store_verdict verdict, const struct store_holds *holds)
{
	struct harness *h = arg;

	ck_assert_int_eq(verdict, STORE_DONE);
	ck_assert_uint_le(holds->set.count, HARNESS_HOLDS);
	h->holds_version = holds->version;
	h->holds_changed = holds->changed;
	h->hold_count = holds->set.count;
	for (unsigned i = 0; i < holds->set.count; i++)
		h->holds[i] = holds->set.holds[i];
	on_done(h, HARNESS_HOLDS_TAG, verdict, 0, NULL);
}

static void on_api_key(void *arg, enum store_verdict verdict, int64_t version, const char *id,
		       const struct api_key *key)
{
	struct harness *h = arg;

	h->keys_version = version;
	h->key_found = key != NULL;
	if (key) {
		h->key = *key;
		text_copy_cut(h->key_outlets, sizeof(h->key_outlets), key->outlets);
		ck_assert_str_eq(key->id, id);
	}
	on_done(h, HARNESS_KEYS_TAG, verdict, 0, NULL);
}

static void on_rung(void *arg, const char *text)
{
	struct harness *h = arg;

	if (!text) {
		h->missed_count++;
		return;
	}
	h->rung_count++;
	text_copy_cut(h->rung, sizeof(h->rung), text);
}

static void on_backlog(void *arg, uint64_t tag, enum store_verdict verdict,
		       const struct store_backlog *backlog, const struct err *err)
{
	struct harness *h = arg;

	if (backlog) {
		if (!h->backlog)
			h->backlog = malloc(sizeof(*h->backlog));
		*h->backlog = *backlog;
		for (unsigned i = 0; i < backlog->count && i < 8; i++) {
			text_copy_cut(h->tenants[i], sizeof(h->tenants[i]),
				      backlog->tenants[i].tenant_id);
			h->backlog->tenants[i].tenant_id = h->tenants[i];
		}
	}
	on_done(h, tag, verdict, 0, err);
}

static bool look(void *arg)
{
	(void)arg;
	if (waiting && waiting->condition(waiting->h, waiting->arg)) {
		waiting->held = true;
		loop_stop(waiting->h->loop);
	}
	return false;
}

static void too_late(void *arg)
{
	struct wait *w = arg;

	loop_stop(w->h->loop);
}

static bool run(struct harness *h, int64_t within_ms, harness_condition *condition, void *arg)
{
	struct wait w = { .h = h, .condition = condition, .arg = arg };
	struct err err;
	uint64_t timer = loop_timer(h->loop, clock_boot_ms() + within_ms, too_late, &w);

	waiting = &w;
	ck_assert_int_eq(loop_run(h->loop, &err), 0);
	waiting = NULL;
	loop_cancel(h->loop, timer);
	return w.held;
}

void harness_until(struct harness *h, int64_t within_ms, harness_condition *condition, void *arg)
{
	const struct err *trouble;

	if (run(h, within_ms, condition, arg))
		return;
	trouble = store_trouble(h->store);
	ck_abort_msg("not within %ld ms; %u done; trouble: %s", (long)within_ms, h->done_count,
		     trouble ? trouble->text : "none");
}

static bool never(struct harness *h, void *arg)
{
	(void)h;
	(void)arg;
	return false;
}

void harness_run_for(struct harness *h, int64_t ms)
{
	(void)run(h, ms, never, NULL);
}

static bool enough_done(struct harness *h, void *arg)
{
	return h->done_count >= *(unsigned *)arg;
}

void harness_until_done(struct harness *h, unsigned count, int64_t within_ms)
{
	harness_until(h, within_ms, enough_done, &count);
	ck_assert_uint_eq(h->done_count, count);
}

static bool is_ready(struct harness *h, void *arg)
{
	(void)arg;
	return store_ready(h->store);
}

void harness_until_ready(struct harness *h, int64_t within_ms)
{
	harness_until(h, within_ms, is_ready, NULL);
}

void harness_prepare(struct harness *h)
{
	unsigned applied;
	struct err err = { .text = "" };

	memset(h, 0, sizeof(*h));
	ck_assert_msg(migrate_run(harness_url(), NULL, NULL, &applied, &err) == 0, "%s", err.text);
	h->sql = PQconnectdb(harness_url());
	ck_assert_msg(PQstatus(h->sql) == CONNECTION_OK, "%s", PQerrorMessage(h->sql));
	PQclear(PQexec(
		h->sql,
		"TRUNCATE message_sender.hold, message_sender.message, message_sender.attempt, "
		"message_sender.work, message_sender.incarnation, message_sender.idempotency_key, "
		"message_sender.decision, message_sender.wait, message_sender.lane_change, "
		"message_sender.batch, message_sender.tenant, message_sender.outlet, "
		"message_sender.quota, message_sender.quota_change, "
		"message_sender.tenant_policy, message_sender.receipt, "
		"message_sender.receipt_orphan, message_sender.webhook, "
		"message_sender.inbound, message_sender.reply_window, message_sender.opt_out, "
		"message_sender.number, message_sender.account, "
		"message_sender.beacon, message_sender.restore"));
	PQclear(PQexec(h->sql, "UPDATE message_sender.lane SET incarnation = NULL, "
			       "last_incarnation = NULL"));
	random_bytes(h->incarnation.bytes, sizeof(h->incarnation.bytes));
	h->loop = loop_new(&err);
	ck_assert_ptr_nonnull(h->loop);
}

void harness_open(struct harness *h, const char *conninfo, bool wait_ready)
{
	const struct store_settings settings = {
		.conninfo = conninfo,
		.incarnation = h->incarnation,
		.application_name = "store-test",
		.accept_timeout_ms = 1500,
		.max_pending = 1000,
		.again = { .on = true, .retry = { 2, 60000, 120000 }, .ttl_s = 86400 },
		.known = h->known,
	};
	const struct store_callbacks callbacks = { on_done,     on_status,  on_first,
						   on_found,    on_work,    on_queue,
						   h,           on_lanes,   on_rung,
						   on_holds,    on_backlog, on_unknown,
						   on_received, NULL,       .api_key = on_api_key };
	struct err err = { .text = "" };

	h->store = store_new(h->loop, &settings, &callbacks, &err);
	ck_assert_msg(h->store != NULL, "%s", err.text);
	loop_hook(h->loop, look, NULL);
	h->started_ms = clock_boot_ms();
	if (wait_ready)
		harness_until_ready(h, 10000);
}

void harness_start(struct harness *h)
{
	harness_prepare(h);
	harness_open(h, harness_url(), true);
}

void harness_start_behind_proxy(struct harness *h)
{
	char directory[512];
	char conninfo[256];
	struct err err;

	harness_prepare(h);
	/* Several directories may be set. */
	snprintf(directory, sizeof(directory), "%s",
		 harness_sql_text(h, "SELECT split_part(current_setting("
				     "'unix_socket_directories'), ',', 1)"));
	h->proxy = proxy_new(h->loop, directory, (int)harness_sql_long(h, "SHOW port"));
	snprintf(conninfo, sizeof(conninfo), "postgresql://%s@localhost:%d/%s?sslmode=disable",
		 PQuser(h->sql), proxy_port(h->proxy), PQdb(h->sql));
	harness_open(h, conninfo, true);
	ck_assert_int_eq(store_load_copies(h->store, 0, 1, 0, 1, &err), 0);
	harness_until_done(h, 1, 5000);
	h->done_count = 0;
	h->done[0].times = 0;
	h->started_ms = clock_boot_ms();
}

void harness_stop(struct harness *h)
{
	store_free(h->store);
	proxy_free(h->proxy);
	loop_free(h->loop);
	PQfinish(h->sql);
	free(h->backlog);
	for (unsigned i = 0; i < HARNESS_TAGS; i++)
		message_free(h->messages[i]);
	for (unsigned i = 0; i < h->loaded_count; i++)
		message_free(h->loaded[i].message);
}

struct message *harness_message(struct harness *h, unsigned tag)
{
	uint8_t random[10];
	char tenant[32];
	struct message m = {
		.tenant_id = tenant,
		.outlet_id = "outlet-1",
		.conversation_id = "conv-1",
		.recipient = "+628123456789",
		.type = "text",
		.payload = "{\"body\":\"Hello! Your order #12345 has been shipped.\"}",
		.sender_type = "llm",
		.accepted_wall_us = clock_wall_us(),
	};

	if (h->messages[tag])
		return h->messages[tag];
	random_bytes(random, sizeof(random));
	snprintf(tenant, sizeof(tenant), "tenant-%u", tag % 10);
	m.id = message_id_make(m.accepted_wall_us / 1000, random);
	h->messages[tag] = message_copy(&m);
	ck_assert_ptr_nonnull(h->messages[tag]);
	return h->messages[tag];
}

static void submit_accept(struct harness *h, unsigned tag, bool begin, const struct store_key *key)
{
	const struct store_accept row = {
		.message = harness_message(h, tag),
		.caller_waits = true,
		.expires_wall_us = clock_wall_us() + 86400ll * 1000000,
		.begin = begin,
		.number = "1234567890",
		.deadline_wall_us = clock_wall_us() + 10 * 1000000,
		.key = key,
		.charge = h->charge,
	};
	struct err err = { .text = "" };

	h->done[tag].submitted_ms = clock_boot_ms() - h->started_ms;
	ck_assert_msg(store_accept(h->store, tag, &row, &err) == 0, "%s", err.text);
}

void harness_accept(struct harness *h, unsigned tag, bool begin)
{
	submit_accept(h, tag, begin, NULL);
}

void harness_accept_keyed(struct harness *h, unsigned tag, bool begin, const char *key,
			  uint8_t print)
{
	struct store_key k = { .runs_ms = 60000 };

	ck_assert(text_copy(k.key, sizeof(k.key), key));
	memset(k.fingerprint, print, sizeof(k.fingerprint));
	submit_accept(h, tag, begin, &k);
}

void harness_find_key(struct harness *h, unsigned tag, unsigned find_tag, const char *key)
{
	unsigned target = h->done_count + 1;
	struct err err;

	ck_assert_int_eq(store_find_key(h->store, find_tag, harness_message(h, tag)->tenant_id, key,
					&err),
			 0);
	harness_until_done(h, target, 3000);
}

struct store_outcome harness_outcome(struct harness *h, unsigned tag)
{
	return (struct store_outcome){
		.id = harness_message(h, tag)->id,
		.attempt = 1,
		.incarnation = h->incarnation,
		.outcome = OUTCOME_ACCEPTED,
		.number = "1234567890",
		.begun_wall_us = clock_wall_us() - 200000,
		.ended_wall_us = clock_wall_us(),
		.http_status = 200,
		.title = "",
		.details = "",
		.trace = "",
		.wamid = "wamid.HBgNNjI4MTIzNDU2Nzg5FQIAERgS",
		.next = STORE_NEXT_DONE,
		.counted = 1,
		.failure_reason = "",
	};
}

void harness_begin(struct harness *h, unsigned tag, unsigned attempt, unsigned op)
{
	const struct store_begin row = { .id = harness_message(h, tag)->id,
					 .attempt = attempt,
					 .number = "1234567890",
					 .deadline_wall_us = clock_wall_us() + 10000000 };
	struct err err;

	ck_assert_int_eq(store_begin(h->store, op, &row, &err), 0);
}

struct store_outcome harness_lost(struct harness *h, unsigned tag)
{
	struct store_outcome row = harness_outcome(h, tag);

	row.outcome = OUTCOME_LOST;
	row.http_status = 0;
	row.wamid = "";
	row.next = STORE_NEXT_UNKNOWN;
	row.due_wall_us = clock_wall_us();
	row.counted = 2;
	return row;
}

void harness_lose(struct harness *h, unsigned tag, unsigned op)
{
	const struct store_outcome row = harness_lost(h, tag);
	const unsigned target = h->done_count;

	harness_accept(h, tag, true);
	harness_until_done(h, target + 1, 3000);
	store_outcome(h->store, op, &row);
	harness_until_done(h, target + 2, 3000);
}

void harness_expect(struct harness *h, unsigned op, enum store_verdict verdict)
{
	ck_assert_uint_eq(h->done[op].times, 1);
	ck_assert_msg(h->done[op].verdict == verdict, "op %u: verdict %d: %s", op,
		      (int)h->done[op].verdict, h->done[op].err.text);
}

static bool has_looked(struct harness *h, void *arg)
{
	return h->looked_count > *(unsigned *)arg;
}

void harness_look(struct harness *h, uint64_t lanes, int64_t after, int64_t due_until_wall_us,
		  unsigned limit)
{
	unsigned before = h->looked_count;
	struct err err;

	h->queue_count = 0;
	ck_assert_int_eq(store_queues(h->store, lanes, after, due_until_wall_us, limit, &err), 0);
	harness_until(h, 10000, has_looked, &before);
	ck_assert_int_eq(h->looked, STORE_DONE);
}

void harness_load(struct harness *h, unsigned tag, uint64_t lanes, int64_t due_until_wall_us)
{
	struct store_queue_load loads[STORE_QUEUES_MAX];
	struct err err;

	harness_look(h, lanes, -1, due_until_wall_us, STORE_QUEUES_MAX);
	for (unsigned i = 0; i < h->queue_count; i++)
		loads[i] = (struct store_queue_load){ .lane = h->queues[i].lane,
						      .queue = h->queues[i].queue,
						      .last = UINT64_MAX,
						      .due_until_wall_us = due_until_wall_us,
						      .most = HARNESS_TAGS };
	if (h->queue_count == 0) {
		on_done(h, tag, STORE_DONE, 0, NULL);
		return;
	}
	ck_assert_int_eq(store_load_queues(h->store, tag, loads, h->queue_count, &err), 0);
	harness_until_done(h, h->done_count + 1, 10000);
}

void harness_status(struct harness *h, unsigned tag, unsigned status_tag)
{
	struct err err;
	unsigned target = h->done_count + 1;

	ck_assert_int_eq(
		store_status(h->store, status_tag, harness_message(h, tag)->id, NULL, &err), 0);
	harness_until_done(h, target, 3000);
}

static PGresult *query(struct harness *h, const char *format, va_list list) PRINTF_LIKE(2, 0);

static PGresult *query(struct harness *h, const char *format, va_list list)
{
	char text[2048];
	PGresult *result;

	vsnprintf(text, sizeof(text), format, list);
	result = PQexec(h->sql, text);
	ck_assert_msg(PQresultStatus(result) == PGRES_TUPLES_OK ||
			      PQresultStatus(result) == PGRES_COMMAND_OK,
		      "%s: %s", text, PQerrorMessage(h->sql));
	return result;
}

const char *harness_sql_text(struct harness *h, const char *format, ...)
{
	static char value[1024];
	PGresult *result;
	va_list list;

	va_start(list, format);
	result = query(h, format, list);
	va_end(list);
	text_copy_cut(value, sizeof(value), PQntuples(result) ? PQgetvalue(result, 0, 0) : "");
	PQclear(result);
	return value;
}

long harness_sql_long(struct harness *h, const char *format, ...)
{
	PGresult *result;
	va_list list;
	long value;

	va_start(list, format);
	result = query(h, format, list);
	va_end(list);
	value = PQntuples(result) ? strtol(PQgetvalue(result, 0, 0), NULL, 10) : 0;
	PQclear(result);
	return value;
}

const char *harness_id(struct harness *h, unsigned tag)
{
	static char text[MESSAGE_ID_TEXT_BYTES];

	message_id_text(harness_message(h, tag)->id, text);
	return text;
}
