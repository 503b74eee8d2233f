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
	if (load->due)
		return "load_due";
	return load->copies ? "load_copies" : "load";
}

int load_send(const struct op_load *load, PGconn *handle, struct array *memory, int64_t now_wall_us)
{
	struct array_values v;

	array_reset(memory);
	array_begin(memory, ARRAY_INT2, (unsigned)__builtin_popcountll(load->lanes));
	for (int lane = 0; lane < MESSAGE_LANES; lane++)
		if (load->lanes >> lane & 1)
			array_put_int2(memory, lane);
	if (!load->copies && !load->held && !load->due)
		array_int8(memory, (int64_t)load->after_seq);
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

	return (struct store_work){
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
