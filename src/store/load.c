#include "store/load.h"

#include <string.h>

#include "store/array.h"

/* The columns of the statements that load: sql/parts/load_columns.sql, and `gone`. */
enum column {
	MESSAGE_ID = 0,
	SEQ,
	ACCEPTED_AT,
	LANE,
	TENANT_ID,
	OUTLET_ID,
	CONVERSATION_ID,
	RECIPIENT,
	MESSAGE_TYPE,
	PAYLOAD,
	SENDER_TYPE,
	QUEUE,
	DELIVER_BETWEEN,
	STATE,
	CALLER_WAITS,
	ATTEMPT,
	COUNTED,
	THROTTLED,
	INCARNATION,
	BEGUN_AT,
	DEADLINE_AT,
	DUE_AT,
	EXPIRES_AT,
	NUMBER,
	WAMID,
	CONVERSATION_TRIES,
	NOW,
	GONE,
	COLUMNS,
};

static const char *statement_of(const struct op_load *load)
{
	if (load->held)
		return load->probe ? "load_probe" : "load_held";
	return load->due ? "load_due" : "load_copies";
}

int load_send(const struct op_load *load, PGconn *handle, struct array *memory, int64_t now_wall_us)
{
	struct array_values v;

	array_reset(memory);
	array_bits(memory, load->lanes);
	if (!load->held)
		array_time(memory, load->due_until_wall_us);
	array_int4(memory, load->probe ? load->probe : (int)load->limit);
	if (!load->held)
		array_time(memory, now_wall_us);
	return array_values(memory, &v) && PQsendQueryPrepared(handle, statement_of(load), v.count,
							       v.values, v.lengths, v.formats, 1)
		       ? 0
		       : -1;
}

struct row {
	const PGresult *result;
	int at;
	int64_t ahead_us; /* our clock, of the server's */
};

static const char *text(const struct row *r, enum column c)
{
	return PQgetvalue(r->result, r->at, (int)c); /* "" for null */
}

static int64_t number(const struct row *r, enum column c)
{
	return array_read_int(text(r, c), PQgetlength(r->result, r->at, (int)c));
}

static int64_t moment(const struct row *r, enum column c)
{
	return PQgetisnull(r->result, r->at, (int)c) ? 0 : array_read_time(text(r, c));
}

/* By the server's clock there, by ours here. */
static int64_t moment_here(const struct row *r, enum column c)
{
	return PQgetisnull(r->result, r->at, (int)c) ? 0 : moment(r, c) + r->ahead_us;
}

static struct message_id uuid(const struct row *r, enum column c)
{
	struct message_id id = { { 0 } };

	if (!PQgetisnull(r->result, r->at, (int)c))
		memcpy(id.bytes, text(r, c), sizeof(id.bytes));
	return id;
}

static struct store_work work_of(const struct row *r)
{
	const uint64_t queue = (uint64_t)number(r, QUEUE);

	struct store_work work = {
		.message = {
			.id = uuid(r, MESSAGE_ID),
			.seq = (uint64_t)number(r, SEQ),
			.accepted_wall_us = moment(r, ACCEPTED_AT),
			.lane = (unsigned)number(r, LANE),
			.tenant_id = text(r, TENANT_ID),
			.outlet_id = text(r, OUTLET_ID),
			.conversation_id = text(r, CONVERSATION_ID),
			.recipient = text(r, RECIPIENT),
			.type = text(r, MESSAGE_TYPE),
			.payload = text(r, PAYLOAD),
			.sender_type = text(r, SENDER_TYPE),
			.queue = queue,
			.class = message_queue_class(queue),
			.deliver_between = text(r, DELIVER_BETWEEN),
		},
		.caller_waited = number(r, CALLER_WAITS) != 0,
		.attempt = (unsigned)number(r, ATTEMPT),
		.counted = (unsigned)number(r, COUNTED),
		.throttled = (unsigned)number(r, THROTTLED),
		.incarnation = uuid(r, INCARNATION),
		.begun_wall_us = moment(r, BEGUN_AT),
		.deadline_wall_us = moment_here(r, DEADLINE_AT),
		.due_wall_us = moment_here(r, DUE_AT),
		.expires_wall_us = moment_here(r, EXPIRES_AT),
		.number = text(r, NUMBER),
		.wamid = text(r, WAMID),
		.conversation_tries = (unsigned)number(r, CONVERSATION_TRIES),
		.gone = number(r, GONE) != 0,
	};

	trace_of_message(work.message.id, work.message.traceparent);
	return work;
}

bool load_row(const PGresult *result, int at, int64_t now_wall_us, struct store_work *ret_work)
{
	struct row r = { .result = result, .at = at };
	enum state state;

	if (PQnfields(result) != COLUMNS || !state_parse(text(&r, STATE), &state))
		return false;
	r.ahead_us = now_wall_us - moment(&r, NOW);
	*ret_work = work_of(&r);
	ret_work->state = state;
	return true;
}

int load_send_ids(const struct op_load_ids *load, PGconn *handle, struct array *memory)
{
	struct array_values v;

	array_reset(memory);
	array_bits(memory, load->lanes);
	array_begin(memory, ARRAY_UUID, load->count);
	for (unsigned i = 0; i < load->count; i++)
		array_put_uuid(memory, load->ids[i]);
	return array_values(memory, &v) && PQsendQueryPrepared(handle, "load_ids", v.count,
							       v.values, v.lengths, v.formats, 1)
		       ? 0
		       : -1;
}

#define COLUMN(type, put, member)                           \
	do {                                                \
		array_begin(memory, type, load->count);     \
		for (unsigned i = 0; i < load->count; i++)  \
			put(memory, load->loads[i].member); \
	} while (0)

static void put_int2(struct array *memory, unsigned v)
{
	array_put_int2(memory, (int)v);
}

static void put_int4(struct array *memory, unsigned v)
{
	array_put_int4(memory, (int)v);
}

static void put_int8(struct array *memory, uint64_t v)
{
	array_put_int8(memory, v < INT64_MAX ? (int64_t)v : INT64_MAX);
}

int load_send_queues(const struct op_load_queues *load, PGconn *handle, struct array *memory,
		     int64_t now_wall_us)
{
	struct array_values v;

	array_reset(memory);
	COLUMN(ARRAY_INT2, put_int2, lane);
	COLUMN(ARRAY_INT8, put_int8, queue);
	COLUMN(ARRAY_INT8, put_int8, above);
	COLUMN(ARRAY_INT8, put_int8, last);
	COLUMN(ARRAY_TIME, array_put_time_or_null, due_after_wall_us);
	COLUMN(ARRAY_TIME, array_put_time, due_until_wall_us);
	COLUMN(ARRAY_INT4, put_int4, most);
	array_time(memory, now_wall_us);
	return array_values(memory, &v) && PQsendQueryPrepared(handle, "load_queues", v.count,
							       v.values, v.lengths, v.formats, 1)
		       ? 0
		       : -1;
}

int load_send_census(const struct op_queues *ask, PGconn *handle, struct array *memory,
		     int64_t now_wall_us)
{
	struct array_values v;

	array_reset(memory);
	array_bits(memory, ask->lanes);
	array_int8(memory, ask->after);
	array_time(memory, ask->due_until_wall_us);
	array_int4(memory, (int)ask->limit);
	array_time(memory, now_wall_us);
	return array_values(memory, &v) && PQsendQueryPrepared(handle, "queues", v.count, v.values,
							       v.lengths, v.formats, 1)
		       ? 0
		       : -1;
}

struct store_queue load_queue(const PGresult *result, int row)
{
	const struct row r = { .result = result, .at = row };

	return (struct store_queue){
		(unsigned)array_read_int(text(&r, 0), PQgetlength(result, row, 0)),
		(uint64_t)array_read_int(text(&r, 1), PQgetlength(result, row, 1))
	};
}
