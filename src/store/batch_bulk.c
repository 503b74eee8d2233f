#include "store/batch_private.h"

void batch_put_ids(struct array *a, struct op *const *ops, unsigned count)
{
	COLUMN(a, ARRAY_UUID, array_put_uuid, ops[i]->id);
}

void batch_put_bounds(struct array *a, struct op *const *ops, unsigned count)
{
	array_uuid(a, ops[0]->id);
	array_uuid(a, ops[count - 1]->id);
}

void batch_put_keys(struct array *a, struct op *const *ops, unsigned count)
{
	COLUMN(a, ARRAY_TEXT, array_put_text_or_null, ops[i]->key ? ops[i]->key->key : NULL);
	array_begin(a, ARRAY_BYTEA, count);
	for (unsigned i = 0; i < count; i++) {
		if (ops[i]->key)
			array_put_bytes(a, ops[i]->key->fingerprint, STORE_FINGERPRINT_BYTES);
		else
			array_put_null(a);
	}
	COLUMN(a, ARRAY_INT4, array_put_int4, ops[i]->key ? (int)ops[i]->key->runs_ms : 0);
}

void batch_fill_open(struct array *a, struct op *const *ops, unsigned count,
		     const struct fill_context *context)
{
	(void)context;
	batch_put_ids(a, ops, count);
	COLUMN(a, ARRAY_TEXT, array_put_text, ops[i]->row.open.tenant_id);
	COLUMN(a, ARRAY_INT4, array_put_int4, (int)ops[i]->row.open.messages);
	batch_put_keys(a, ops, count);
}

void batch_fill_close(struct array *a, struct op *const *ops, unsigned count,
		      const struct fill_context *context)
{
	(void)context;
	batch_put_ids(a, ops, count);
	COLUMN(a, ARRAY_INT4, array_put_int4, (int)ops[i]->row.close.accepted);
	COLUMN(a, ARRAY_INT4, array_put_int4, (int)ops[i]->row.close.refused);
}
