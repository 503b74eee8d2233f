#include "store/unknown.h"

#include <string.h>

/* The columns of sql/statements/load_unknown.sql. */
enum column {
	MESSAGE_ID = 0,
	TENANT_ID,
	ATTEMPT,
	INCARNATION,
	NUMBER,
	BEGUN_AT,
	TO_COPY,
	POLICY,
	QUARANTINE,
	LOST_FOR,
	VALID,
	RESENDS,
	LATER_RECEIPTS,
	RECEIPT_ATTEMPT,
	RECEIPT_WAMID,
	RECEIPT_AT,
	RESTORED,
	POLICY_SET_AT,
	COLUMNS,
};

int unknown_send(const struct op_load_unknown *load, PGconn *handle, struct array *memory)
{
	struct array_values v;

	array_reset(memory);
	array_bits(memory, load->lanes);
	array_int4(memory, (int)load->limit);
	array_text(memory, unknown_policy_name(load->policy));
	array_int4(memory, (int)load->quarantine_s);
	array_bool(memory, load->changed);
	return array_values(memory, &v) && PQsendQueryPrepared(handle, "load_unknown", v.count,
							       v.values, v.lengths, v.formats, 1)
		       ? 0
		       : -1;
}

struct row {
	const PGresult *result;
	int at;
};

static const char *text(const struct row *r, enum column c)
{
	return PQgetvalue(r->result, r->at, (int)c); /* "" for null */
}

/* 0 for null, as for false. */
static int64_t number(const struct row *r, enum column c)
{
	return array_read_int(text(r, c), PQgetlength(r->result, r->at, (int)c));
}

static int64_t moment(const struct row *r, enum column c)
{
	return PQgetisnull(r->result, r->at, (int)c) ? 0 : array_read_time(text(r, c));
}

static struct message_id uuid(const struct row *r, enum column c)
{
	struct message_id id = { { 0 } };

	if (!PQgetisnull(r->result, r->at, (int)c))
		memcpy(id.bytes, text(r, c), sizeof(id.bytes));
	return id;
}

bool unknown_row(const PGresult *result, int row, struct store_unknown *ret_unknown)
{
	const struct row r = { .result = result, .at = row };
	enum unknown_policy policy;

	if (PQnfields(result) != COLUMNS || !unknown_policy_parse(text(&r, POLICY), &policy))
		return false;
	*ret_unknown = (struct store_unknown){
		.id = uuid(&r, MESSAGE_ID),
		.tenant_id = text(&r, TENANT_ID),
		.attempt = (unsigned)number(&r, ATTEMPT),
		.incarnation = uuid(&r, INCARNATION),
		.number = text(&r, NUMBER),
		.begun_wall_us = moment(&r, BEGUN_AT),
		.to_copy = number(&r, TO_COPY) != 0,
		.policy = policy,
		.quarantine_s = (unsigned)number(&r, QUARANTINE),
		.policy_wall_us = moment(&r, POLICY_SET_AT),
		.lost_for_ms = number(&r, LOST_FOR),
		.valid_ms = number(&r, VALID),
		.resends = (unsigned)number(&r, RESENDS),
		.later_receipts = (unsigned)number(&r, LATER_RECEIPTS),
		.receipt_attempt = (unsigned)number(&r, RECEIPT_ATTEMPT),
		.receipt_wamid = text(&r, RECEIPT_WAMID),
		.receipt_wall_us = moment(&r, RECEIPT_AT),
		.restored = number(&r, RESTORED) != 0,
	};
	return true;
}
