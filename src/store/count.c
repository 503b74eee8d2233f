#include "store/count.h"

#include <stdlib.h>

/* The columns of sql/statements/backlog_view.sql. */
enum column {
	AGE = 0,
	TOOK,
	MESSAGES,
	ACCEPTED,
	TENANT_ID,
	WAITING,
	DEPTH, /* a column a class */
	LATE = DEPTH + MESSAGE_CLASSES,
	COLUMNS = LATE + MESSAGE_CLASSES,
};

int count_send(const struct op_count *count, PGconn *handle, struct array *memory)
{
	struct array_values v;

	array_reset(memory);
	if (count->anew)
		array_int8(memory, count->least);
	return array_values(memory, &v) &&
			       PQsendQueryPrepared(handle,
						   count->anew ? "backlog_count" : "backlog_view",
						   v.count, v.values, v.lengths, v.formats, 1)
		       ? 0
		       : -1;
}

static int64_t number(const PGresult *result, int row, enum column c)
{
	return array_read_int(PQgetvalue(result, row, (int)c), PQgetlength(result, row, (int)c));
}

struct store_backlog *count_read(const PGresult *result)
{
	struct store_backlog *b;

	if (!result || PQnfields(result) != COLUMNS || PQntuples(result) == 0)
		return NULL;
	b = calloc(1, sizeof(*b));
	if (!b)
		return NULL;
	b->age_us = number(result, 0, AGE);
	b->took_us = number(result, 0, TOOK);
	b->messages = number(result, 0, MESSAGES);
	b->accepted = number(result, 0, ACCEPTED);
	for (unsigned c = 0; c < MESSAGE_CLASSES; c++) {
		b->depth[c] = number(result, 0, DEPTH + c);
		b->late_us[c] = number(result, 0, LATE + c);
	}
	for (int row = 0; row < PQntuples(result) && b->count < STORE_COUNTED_MAX; row++) {
		if (PQgetisnull(result, row, TENANT_ID))
			continue;
		b->tenants[b->count].tenant_id = PQgetvalue(result, row, TENANT_ID);
		b->tenants[b->count++].waiting = number(result, row, WAITING);
	}
	return b;
}
