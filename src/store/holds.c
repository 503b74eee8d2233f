#include "store/holds.h"

#include <stdlib.h>

#include "base/text.h"

#define SERVICE "message-sender" /* who holds, and releases */

/* The columns of sql/statements/holds.sql. */
enum column {
	AT_VERSION = 0,
	ID,
	SCOPE,
	TENANT_ID,
	OUTLET_ID,
	NUMBER,
	REASON,
	SET_AT,
	RATE,
	WEIGHT,
	COLUMNS,
};

int holds_send(int64_t version, PGconn *handle, struct array *memory)
{
	struct array_values v;

	array_reset(memory);
	array_int8(memory, version);
	return array_values(memory, &v) && PQsendQueryPrepared(handle, "holds", v.count, v.values,
							       v.lengths, v.formats, 1)
		       ? 0
		       : -1;
}

int holds_send_change(const struct op *op, PGconn *handle, struct array *memory)
{
	const struct op_hold *row = &op->row.hold;
	const bool release = op->kind == OP_HOLD_RELEASE;
	struct array_values v;

	array_reset(memory);
	if (release) {
		array_int4(memory, row->id);
	} else {
		array_text(memory, hold_scope_name(row->hold->scope));
		array_text(memory, row->hold->tenant_id);
		array_text(memory, row->hold->outlet_id);
		array_text(memory, row->hold->number);
		array_text(memory, hold_reason_name(row->hold->reason));
	}
	array_text(memory, SERVICE);
	array_text(memory, row->note);
	if (!release) {
		array_int4(memory, HOLDS_MAX);
		array_int4(memory, HOLDS_MAX);
	}
	return array_values(memory, &v) &&
			       PQsendQueryPrepared(handle, release ? "hold_end" : "hold_set",
						   v.count, v.values, v.lengths, v.formats, 1)
		       ? 0
		       : -1;
}

static int64_t number(const PGresult *result, int row, enum column c)
{
	return array_read_int(PQgetvalue(result, row, (int)c), PQgetlength(result, row, (int)c));
}

static bool read_hold(const PGresult *result, int row, struct hold *hold)
{
	hold->id = (int)number(result, row, ID);
	hold->set_wall_us = array_read_time(PQgetvalue(result, row, SET_AT));
	return hold_scope_parse(PQgetvalue(result, row, SCOPE), &hold->scope) &&
	       hold_reason_parse(PQgetvalue(result, row, REASON), &hold->reason) &&
	       text_copy(hold->tenant_id, sizeof(hold->tenant_id),
			 PQgetvalue(result, row, TENANT_ID)) &&
	       text_copy(hold->outlet_id, sizeof(hold->outlet_id),
			 PQgetvalue(result, row, OUTLET_ID)) &&
	       text_copy(hold->number, sizeof(hold->number), PQgetvalue(result, row, NUMBER));
}

static bool read_limit(const PGresult *result, int row, struct limit *limit)
{
	limit->rate = (int)number(result, row, RATE);
	limit->weight = (unsigned)number(result, row, WEIGHT);
	return text_copy(limit->tenant_id, sizeof(limit->tenant_id),
			 PQgetvalue(result, row, TENANT_ID)) &&
	       text_copy(limit->outlet_id, sizeof(limit->outlet_id),
			 PQgetvalue(result, row, OUTLET_ID));
}

/* Room for all rows in either. */
static bool make_room(struct store_holds *holds, size_t holds_count, size_t limits_count)
{
	holds->set.holds = calloc(holds_count + 1, sizeof(*holds->set.holds));
	holds->limits.limits = calloc(limits_count + 1, sizeof(*holds->limits.limits));
	return holds->set.holds && holds->limits.limits;
}

bool holds_read(const PGresult *result, struct store_holds *holds)
{
	const int rows = PQntuples(result);
	size_t limits = 0;

	if (PQnfields(result) != COLUMNS || rows < 1)
		return false;
	holds->changed = number(result, 0, AT_VERSION) != holds->version;
	holds->version = number(result, 0, AT_VERSION);
	if (PQgetisnull(result, 0, ID))
		return true; /* no change, or there is none */
	for (int row = 0; row < rows; row++)
		limits += !PQgetisnull(result, row, RATE);
	if (!make_room(holds, (size_t)rows - limits, limits))
		return false;
	for (int row = 0; row < rows; row++) {
		const bool read =
			PQgetisnull(result, row, RATE)
				? read_hold(result, row, &holds->set.holds[holds->set.count++])
				: read_limit(result, row,
					     &holds->limits.limits[holds->limits.count++]);

		if (!read)
			return false;
	}
	hold_sort(&holds->set);
	limit_sort(&holds->limits);
	return true;
}
