#include "store/notices.h"

#include <string.h>

#include "store/receipts.h"

/* The columns of sql/statements/notices.sql. */
enum column { POSITION = 0, WHAT };

static const char *const effects[STORE_EFFECTS] = {
	[STORE_INBOUND] = "inbound", [STORE_OPT_OUT] = "opt_out", [STORE_NUMBER] = "number",
	[STORE_RATE] = "rate",       [STORE_HOLD] = "hold",       [STORE_RELEASE] = "release",
};

const char *store_effect_name(enum store_effect effect)
{
	return effects[effect];
}

static unsigned count_all(struct op *const *ops, unsigned count)
{
	unsigned all = 0;

	for (unsigned i = 0; i < count; i++)
		all += ops[i]->row.receipts.count;
	return all;
}

/* One parameter array: `put` for each notice n of the ops. */
#define NOTICE_COLUMN(a, type, put, value)                                           \
	do {                                                                         \
		array_begin(a, type, count_all(ops, count));                         \
		for (unsigned i = 0; i < count; i++) {                               \
			for (unsigned j = 0; j < ops[i]->row.receipts.count; j++) {  \
				const struct notice *n = receipts_notice(ops[i], j); \
				put(a, value);                                       \
			}                                                            \
		}                                                                    \
	} while (0)

static void put_id(struct array *a, const struct notice *n)
{
	if (n->has_id)
		array_put_uuid(a, n->id);
	else
		array_put_null(a);
}

static void put_raw(struct array *a, const struct notice *n)
{
	if (n->kind == NOTICE_INBOUND)
		array_put_bytes(a, (const uint8_t *)n->raw, n->raw_len);
	else
		array_put_null(a);
}

void notices_fill(struct array *a, struct op *const *ops, unsigned count,
		  const struct fill_context *context)
{
	(void)context;
	NOTICE_COLUMN(a, ARRAY_TEXT, array_put_text, notice_kind_name(n->kind));
	NOTICE_COLUMN(a, ARRAY_TEXT, array_put_text_or_null, n->number);
	NOTICE_COLUMN(a, ARRAY_TEXT, array_put_text_or_null, n->display);
	NOTICE_COLUMN(a, ARRAY_TEXT, array_put_text_or_null, n->account);
	NOTICE_COLUMN(a, ARRAY_TEXT, array_put_text_or_null, n->phone);
	NOTICE_COLUMN(a, ARRAY_TEXT, array_put_text_or_null, n->user);
	NOTICE_COLUMN(a, ARRAY_TIME, array_put_time_or_null, n->at_wall_us);
	NOTICE_COLUMN(a, ARRAY_TIME, array_put_time_or_null, n->until_wall_us);
	NOTICE_COLUMN(a, ARRAY_TEXT, array_put_text_or_null, n->wamid);
	NOTICE_COLUMN(a, ARRAY_TEXT, array_put_text_or_null, n->type);
	NOTICE_COLUMN(a, ARRAY_TEXT, array_put_text_or_null, n->event);
	NOTICE_COLUMN(a, ARRAY_BOOL, array_put_bool, n->stop);
	NOTICE_COLUMN(a, ARRAY_UUID, put_id, n);
	NOTICE_COLUMN(a, ARRAY_BYTEA, put_raw, n);
}

static void note(struct op *op, const char *what)
{
	for (unsigned i = 0; i < STORE_EFFECTS; i++)
		if (strcmp(what, effects[i]) == 0)
			op->row.receipts.effects[i]++;
}

void notices_read(const PGresult *result, struct op *const *ops, unsigned count)
{
	for (unsigned i = 0; i < count; i++) /* of an earlier try */
		memset(ops[i]->row.receipts.effects, 0, sizeof(ops[i]->row.receipts.effects));
	for (int row = 0; row < PQntuples(result); row++) {
		unsigned at;
		struct op *op = receipts_op_at(
			ops, count, array_read_int(PQgetvalue(result, row, POSITION), 4), &at);

		if (op)
			note(op, PQgetvalue(result, row, WHAT));
	}
}
