/*
 * Statements that wait together are sent together, ended by one sync; the next group goes
 * out when the last answer of this one is in.  Nothing is repeated: a caller asks again.
 */
#include "store/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "store/array.h"
#include "store/connection.h"
#include "store/own.h"

#define GROUP_MAX 64

struct reader {
	struct loop *loop;
	struct connection *connection;
	struct list *completed;
	const struct meter *meter;
	struct message_id incarnation;
	store_rung_fn *rung; /* null: not listened to */
	void *rung_arg;
	struct list waiting;
	struct list flying; /* in order of their statements */
	unsigned pending;
	bool in_flight; /* until the sync */
	int64_t sent_ms;
	uint64_t timer;
	struct array memory;
};

static const struct connection_setting settings[] = {
	{ "search_path", "pg_catalog, pg_temp" },
	{ "timezone", "UTC" },
	{ "idle_in_transaction_session_timeout", "5s" },
	{ "lock_timeout", "500ms" },
	{ "statement_timeout", "1500ms" },
	{ "plan_cache_mode", "force_generic_plan" },
	{ "enable_seqscan", "off" },
	{ "enable_bitmapscan", "off" },
	{ "jit", "off" },
	{ "synchronous_commit", "off" }, /* a bell need not survive anything */
	{ "client_min_messages", "error" },
	{ NULL, NULL },
};

static const char *const read_statements[] = {
	[STORE_READ_WHOLE] = "message_whole", [STORE_READ_EVENTS] = "message_events",
	[STORE_READ_FACTS] = "message_facts", [STORE_READ_LIST] = "message_list",
	[STORE_READ_BATCH] = "batch_status",  [STORE_READ_REPORT] = "report_json",
	[STORE_READ_SEEN] = "message_seen",   [STORE_READ_BATCH_SEEN] = "batch_seen",
};

static const char *const statements[] = {
	"status",        "looks",          "find_key",      "ring",
	"message_whole", "message_events", "message_facts", "message_list",
	"batch_status",  "report_json",    "own_outlet",    "message_seen",
	"batch_seen",    "key_find",       "keys_used",     NULL
};

static const struct connection_kind kind = {
	.role = "message_sender_reader",
	.settings = settings,
	.statements = statements,
};

void reader_channel(const struct message_id *incarnation, char *name)
{
	char hex[2 * sizeof(struct message_id) + 1] = "all";

	if (incarnation)
		text_hex(hex, incarnation->bytes, sizeof(incarnation->bytes));
	(void)snprintf(name, STORE_CHANNEL_BYTES, "ms_%s", hex);
}

/* Names are of our own making: nothing to quote. */
static int setup(void *arg, PGconn *handle)
{
	const struct reader *r = arg;
	char channel[STORE_CHANNEL_BYTES];
	char listen[STORE_CHANNEL_BYTES + 16];

	if (!r->rung)
		return 0;
	for (int all = 0; all < 2; all++) {
		reader_channel(all ? NULL : &r->incarnation, channel);
		(void)snprintf(listen, sizeof(listen), "LISTEN %s", channel);
		if (!PQsendQueryParams(handle, listen, 0, NULL, NULL, NULL, NULL, 0))
			return -1;
	}
	return 0;
}

static int setup_result(void *arg, const PGresult *result, struct err *ret_err)
{
	(void)arg;
	(void)result;
	(void)ret_err;
	return 0;
}

static void complete(struct reader *r, struct op *op, enum store_verdict verdict,
		     const struct err *err)
{
	r->pending--;
	op_complete(op, r->completed, verdict, err);
}

static struct op *first(struct list *ops)
{
	return list_empty(ops) ? NULL : LIST_OBJECT(ops->next, struct op, node);
}

/* The pump sends what waits. */
static void ready(void *arg)
{
	struct reader *r = arg;

	if (r->rung)
		r->rung(r->rung_arg, NULL);
}

static void lost(void *arg)
{
	struct reader *r = arg;
	struct op *op;

	meter_count(r->meter, METRIC_CONNECTIONS_LOST, CONNECTION_READER, 0);
	while ((op = first(&r->flying)))
		complete(r, op, STORE_AWAY, connection_trouble(r->connection));
	r->in_flight = false;
	if (r->rung)
		r->rung(r->rung_arg, NULL);
}

static void answer(struct reader *r, PGresult *result)
{
	struct op *op = first(&r->flying);
	struct err err;

	if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
		r->in_flight = false;
		while ((op = first(&r->flying))) {
			err_set(&err, ERR_INTERNAL, 0, "database: a read had no answer");
			complete(r, op, STORE_AWAY, &err);
		}
	} else if (op && PQresultStatus(result) == PGRES_TUPLES_OK) {
		op->result = result;
		complete(r, op, STORE_DONE, NULL);
		return;
	} else if (op) {
		connection_describe(result, &err);
		complete(r, op, STORE_AWAY, &err);
	}
	PQclear(result);
}

static void take_bells(struct reader *r)
{
	PGconn *handle = connection_handle(r->connection);
	PGnotify *notify;

	while (handle && (notify = PQnotifies(handle))) {
		if (r->rung)
			r->rung(r->rung_arg, notify->extra);
		PQfreemem(notify);
		handle = connection_handle(r->connection);
	}
}

static void readable(void *arg)
{
	struct reader *r = arg;
	PGresult *result;

	while (r->in_flight && (result = connection_result(r->connection)))
		answer(r, result);
	take_bells(r);
}

static const char *statement_of(const struct op *op)
{
	if (op->kind == OP_RING)
		return "ring";
	if (op->kind == OP_LOOKS)
		return "looks";
	if (op->kind == OP_FIND_API_KEY)
		return "key_find";
	return op->kind == OP_KEYS_USED ? "keys_used" : "find_key";
}

/* Parameters as text: there are few. */
static int send_list(PGconn *handle, const struct message_filter *filter, const char *outlets)
{
	char since[24];
	char before[MESSAGE_ID_TEXT_BYTES];
	char limit[12];
	const char *const values[] = { filter->tenant_id,
				       *filter->status ? filter->status : NULL,
				       filter->has_since ? since : NULL,
				       filter->has_before ? before : NULL,
				       limit,
				       outlets };

	(void)snprintf(since, sizeof(since), "%lld", (long long)filter->since_wall_us);
	message_id_text(filter->before, before);
	(void)snprintf(limit, sizeof(limit), "%u", filter->limit);
	return PQsendQueryPrepared(handle, read_statements[STORE_READ_LIST], 6, values, NULL, NULL,
				   0)
		       ? 0
		       : -1;
}

static int send_report(PGconn *handle, const struct report_filter *filter)
{
	char limit[12];
	const char *const values[] = { filter->name, filter->tenant_id,
				       *filter->since ? filter->since : NULL,
				       *filter->until ? filter->until : NULL, limit };

	(void)snprintf(limit, sizeof(limit), "%u", filter->limit);
	return PQsendQueryPrepared(handle, read_statements[STORE_READ_REPORT], 5, values, NULL,
				   NULL, 0)
		       ? 0
		       : -1;
}

static int send_read(PGconn *handle, const struct op *op)
{
	const bool status = op->kind == OP_STATUS;
	char id[MESSAGE_ID_TEXT_BYTES];
	const char *const values[] = { id, op->own_tenant, op->own_outlets };

	if (!status && op->row.read.kind == STORE_READ_LIST)
		return send_list(handle, &op->row.read.filter, op->own_outlets);
	if (!status && op->row.read.kind == STORE_READ_REPORT)
		return send_report(handle, &op->row.read.report);
	message_id_text(op->id, id);
	return PQsendQueryPrepared(handle, status ? "status" : read_statements[op->row.read.kind],
				   3, values, NULL, NULL, status)
		       ? 0
		       : -1;
}

static int send_one(struct reader *r, PGconn *handle, const struct op *op)
{
	struct array_values v;

	if (op->kind == OP_READ || op->kind == OP_STATUS)
		return send_read(handle, op);
	if (op->kind == OP_OWN)
		return own_send(op->row.own, handle);
	array_reset(&r->memory);
	if (op->kind == OP_RING) {
		array_text(&r->memory, op->row.ring.channel);
		array_text(&r->memory, op->row.ring.text);
	} else if (op->kind == OP_FIND_KEY) {
		array_text(&r->memory, op->row.find_key.tenant_id);
		array_text(&r->memory, op->row.find_key.key);
	} else if (op->kind == OP_LOOKS) {
		array_begin(&r->memory, ARRAY_UUID, op->row.looks->count);
		for (unsigned i = 0; i < op->row.looks->count; i++)
			array_put_uuid(&r->memory, op->row.looks->looks[i].id);
	} else if (op->kind == OP_FIND_API_KEY) {
		array_text(&r->memory, op->row.api_key_id);
	} else if (op->kind == OP_KEYS_USED && op->row.keys_used->count == 0) {
		array_empty(&r->memory, ARRAY_TEXT);
	} else if (op->kind == OP_KEYS_USED) {
		array_begin(&r->memory, ARRAY_TEXT, op->row.keys_used->count);
		for (unsigned i = 0; i < op->row.keys_used->count; i++)
			array_put_text(&r->memory, op->row.keys_used->ids[i]);
	}
	return array_values(&r->memory, &v) &&
			       PQsendQueryPrepared(handle, statement_of(op), v.count, v.values,
						   v.lengths, v.formats, 1)
		       ? 0
		       : -1;
}

static void give_up(struct reader *r, const char *why)
{
	struct err err;

	err_set(&err, ERR_TEMPORARY, 0, "database: %s", why);
	connection_fail(r->connection, &err);
}

static void send_group(struct reader *r)
{
	PGconn *handle = connection_handle(r->connection);
	struct op *op;

	r->in_flight = true;
	r->sent_ms = loop_now_ms(r->loop);
	for (unsigned i = 0; i < GROUP_MAX && (op = first(&r->waiting)); i++) {
		list_remove(&op->node);
		list_append(&r->flying, &op->node);
		if (send_one(r, handle, op) != 0) {
			give_up(r, "a read could not be sent: no memory");
			return;
		}
	}
	if (PQpipelineSync(handle))
		connection_flush(r->connection);
	else
		give_up(r, "a read could not be sent: no memory");
}

static void tick(void *arg)
{
	struct reader *r = arg;
	int64_t now = loop_now_ms(r->loop);
	struct op *op;

	r->timer = 0;
	if (r->in_flight && now - r->sent_ms >= READER_TIMEOUT_MS)
		give_up(r, "no answer to a read");
	while ((op = first(&r->waiting)) && now - op->submitted_ms >= READER_TIMEOUT_MS) {
		const struct err *trouble = connection_trouble(r->connection);
		struct err late;

		err_set(&late, ERR_TEMPORARY, 0, "database: a read had to wait too long");
		complete(r, op, STORE_AWAY, trouble ? trouble : &late);
	}
}

bool reader_pump(struct reader *r)
{
	if (r->pending > 0 && !r->timer)
		r->timer = loop_timer(r->loop, loop_now_ms(r->loop) + 50, tick, r);
	if (r->in_flight || list_empty(&r->waiting) || !connection_ready(r->connection))
		return false;
	send_group(r);
	return true;
}

struct reader *reader_new(struct loop *loop, const struct store_settings *s,
			  const struct store_callbacks *callbacks, struct list *completed,
			  struct err *ret_err)
{
	struct reader *r = calloc(1, sizeof(*r));
	const struct connection_events events = {
		.setup = setup,
		.setup_result = setup_result,
		.setup_arg = r,
		.ready = ready,
		.readable = readable,
		.lost = lost,
		.arg = r,
	};

	if (!r) {
		err_set(ret_err, ERR_TEMPORARY, 0, "database: no memory");
		return NULL;
	}
	r->loop = loop;
	r->completed = completed;
	r->meter = s->meter;
	r->incarnation = s->incarnation;
	r->rung = callbacks->rung;
	r->rung_arg = callbacks->arg;
	list_init(&r->waiting);
	list_init(&r->flying);
	array_init(&r->memory);
	r->connection =
		connection_new(loop, s->conninfo, s->application_name, &kind, &events, ret_err);
	if (!r->connection) {
		free(r);
		return NULL;
	}
	return r;
}

void reader_free(struct reader *r)
{
	struct op *op;

	if (!r)
		return;
	loop_cancel(r->loop, r->timer);
	connection_free(r->connection);
	while ((op = first(&r->flying)))
		op_free(op);
	while ((op = first(&r->waiting)))
		op_free(op);
	array_fini(&r->memory);
	free(r);
}

void reader_submit(struct reader *r, struct op *op)
{
	r->pending++;
	list_append(&r->waiting, &op->node);
}

bool reader_ready(const struct reader *r)
{
	return connection_ready(r->connection);
}

const struct err *reader_trouble(const struct reader *r)
{
	return connection_trouble(r->connection);
}

unsigned reader_pending(const struct reader *r)
{
	return r->pending;
}

static int64_t time_or_zero(const PGresult *result, int row, int column)
{
	return PQgetisnull(result, row, column) ? 0
						: array_read_time(PQgetvalue(result, row, column));
}

static int64_t int_or_zero(const PGresult *result, int row, int column)
{
	return PQgetisnull(result, row, column) ? 0
						: array_read_int(PQgetvalue(result, row, column),
								 PQgetlength(result, row, column));
}

/* The columns of status.sql, from this one on. */
static void read_status(const PGresult *result, int row, int from, struct store_status *ret_status)
{
	memset(ret_status, 0, sizeof(*ret_status));
	if (!state_parse(PQgetvalue(result, row, from), &ret_status->state))
		return;
	ret_status->found = true;
	text_copy_cut(ret_status->wamid, sizeof(ret_status->wamid),
		      PQgetvalue(result, row, from + 1));
	ret_status->sent_wall_us = time_or_zero(result, row, from + 2);
	ret_status->delivered_wall_us = time_or_zero(result, row, from + 3);
	ret_status->read_wall_us = time_or_zero(result, row, from + 4);
	ret_status->failure_code = (int)int_or_zero(result, row, from + 5);
	ret_status->attempts = (unsigned)int_or_zero(result, row, from + 6);
	text_copy_cut(ret_status->failure_reason, sizeof(ret_status->failure_reason),
		      PQgetvalue(result, row, from + 7));
}

bool reader_look(const struct op *op, int row, uint64_t *ret_tag, struct store_status *ret_status)
{
	const int64_t position = int_or_zero(op->result, row, 0);

	if (position < 1 || position > op->row.looks->count)
		return false;
	*ret_tag = op->row.looks->looks[position - 1].tag;
	read_status(op->result, row, 1, ret_status);
	ret_status->copying = int_or_zero(op->result, row, 9) != 0;
	return ret_status->found;
}

void reader_status(const struct op *op, struct store_status *ret_status)
{
	memset(ret_status, 0, sizeof(*ret_status));
	if (op->result && PQntuples(op->result) > 0)
		read_status(op->result, 0, 0, ret_status);
}

void reader_first(const struct op *op, struct store_first *ret_first)
{
	const PGresult *result = op->result;

	memset(ret_first, 0, sizeof(*ret_first));
	ret_first->answer_body = "";
	if (!result || PQntuples(result) == 0 ||
	    PQgetlength(result, 0, 0) != (int)sizeof(ret_first->id.bytes) ||
	    PQgetlength(result, 0, 1) != STORE_FINGERPRINT_BYTES)
		return;
	ret_first->found = true;
	memcpy(ret_first->id.bytes, PQgetvalue(result, 0, 0), sizeof(ret_first->id.bytes));
	memcpy(ret_first->fingerprint, PQgetvalue(result, 0, 1), STORE_FINGERPRINT_BYTES);
	ret_first->answer_status = (int)int_or_zero(result, 0, 2);
	ret_first->answer_body = PQgetvalue(result, 0, 3);
	ret_first->running = int_or_zero(result, 0, 4) != 0;
	read_status(result, 0, 5, &ret_first->message);
	ret_first->seq = (uint64_t)int_or_zero(result, 0, 13);
}

bool reader_api_key(const struct op *op, int64_t *ret_version, struct api_key *ret_key,
		    char *ret_outlets, bool *ret_found)
{
	const PGresult *result = op->result;

	if (!result || PQntuples(result) != 1)
		return false;
	*ret_version = int_or_zero(result, 0, 0);
	*ret_found = false;
	if (op->kind == OP_KEYS_USED || PQgetisnull(result, 0, 1))
		return true;
	*ret_found = PQgetlength(result, 0, 1) == API_KEY_HASH_BYTES &&
		     text_copy(ret_key->id, sizeof(ret_key->id), op->row.api_key_id) &&
		     text_copy(ret_key->tenant_id, sizeof(ret_key->tenant_id),
			       PQgetvalue(result, 0, 2)) &&
		     text_copy(ret_outlets, API_KEY_OUTLETS_BYTES, PQgetvalue(result, 0, 3)) &&
		     scopes_parse(PQgetvalue(result, 0, 4), &ret_key->scopes);
	memcpy(ret_key->hash, PQgetvalue(result, 0, 1), *ret_found ? API_KEY_HASH_BYTES : 0);
	ret_key->revoked = *PQgetvalue(result, 0, 5) != 0;
	ret_key->expires_boot_ms = PQgetisnull(result, 0, 6)
					   ? INT64_MAX
					   : op->submitted_ms + int_or_zero(result, 0, 6);
	return *ret_found;
}
