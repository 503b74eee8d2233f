/*
 * What is asked for callers, on the reader's connection: messages, first requests, API keys.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "store/op.h"
#include "store/reader.h"
#include "store/store_private.h"

/* False, after the op was freed: no memory. */
static bool keep_asker(struct op *op, const struct store_asker *asker, struct err *ret_err)
{
	op->own_outlets = strdup(asker && asker->outlets ? asker->outlets : "");
	op->own_tenant = asker && asker->tenant_id ? strdup(asker->tenant_id) : NULL;
	if (op->own_outlets && (op->own_tenant || !asker || !asker->tenant_id))
		return true;
	op_free(op);
	err_set(ret_err, ERR_LIMIT, 0, "database: no memory");
	return false;
}

int store_status(struct store *s, uint64_t tag, struct message_id id,
		 const struct store_asker *asker, struct err *ret_err)
{
	struct op *op = store_new_op(s, OP_STATUS, tag, id, ret_err);

	if (!op || !keep_asker(op, asker, ret_err))
		return -1;
	reader_submit(s->reader, op);
	return 0;
}

int store_looks(struct store *s, const struct store_look *looks, unsigned count,
		struct err *ret_err)
{
	const struct message_id none = { { 0 } };
	struct op *op;

	if (count == 0) {
		err_set(ret_err, ERR_INTERNAL, 0, "a look at nothing");
		return -1;
	}
	op = store_new_op(s, OP_LOOKS, 0, none, ret_err);
	if (!op)
		return -1;
	op->row.looks = malloc(sizeof(*op->row.looks) + count * sizeof(*looks));
	if (!op->row.looks) {
		op_free(op);
		err_set(ret_err, ERR_LIMIT, 0, "database: no memory");
		return -1;
	}
	op->row.looks->count = count;
	memcpy(op->row.looks->looks, looks, count * sizeof(*looks));
	reader_submit(s->reader, op);
	return 0;
}

int store_find_key(struct store *s, uint64_t tag, const char *tenant_id, const char *key,
		   struct err *ret_err)
{
	const struct message_id none = { { 0 } };
	struct op *op = store_new_op(s, OP_FIND_KEY, tag, none, ret_err);

	if (!op)
		return -1;
	op->row.find_key = (struct op_find_key){ tenant_id, key };
	reader_submit(s->reader, op);
	return 0;
}

int store_read(struct store *s, uint64_t tag, const struct store_read *request, struct err *ret_err)
{
	struct op *op = store_new_op(s, OP_READ, tag, request->id, ret_err);

	if (!op || !keep_asker(op, &request->asker, ret_err))
		return -1;
	op->row.read = *request;
	reader_submit(s->reader, op);
	return 0;
}

int store_find_api_key(struct store *s, const char *id, struct err *ret_err)
{
	const struct message_id none = { { 0 } };
	struct op *op = store_new_op(s, OP_FIND_API_KEY, 0, none, ret_err);

	if (!op)
		return -1;
	text_copy_cut(op->row.api_key_id, sizeof(op->row.api_key_id), id);
	reader_submit(s->reader, op);
	return 0;
}

int store_keys_used(struct store *s, const char (*ids)[API_KEY_ID_BYTES], unsigned count,
		    struct err *ret_err)
{
	const struct message_id none = { { 0 } };
	struct op *op = store_new_op(s, OP_KEYS_USED, 0, none, ret_err);

	if (!op)
		return -1;
	op->row.keys_used = malloc(sizeof(*op->row.keys_used) + count * sizeof(*ids));
	if (!op->row.keys_used) {
		op_free(op);
		err_set(ret_err, ERR_LIMIT, 0, "database: no memory");
		return -1;
	}
	op->row.keys_used->count = count;
	memcpy(op->row.keys_used->ids, ids, count * sizeof(*ids));
	reader_submit(s->reader, op);
	return 0;
}

void store_tell_api_key(struct store *s, const struct op *op)
{
	char outlets[API_KEY_OUTLETS_BYTES];
	struct api_key key = { .outlets = outlets };
	const bool asked = op->kind == OP_FIND_API_KEY;
	enum store_verdict verdict = op->verdict;
	int64_t version = 0;
	bool found = false;

	if (!s->callbacks.api_key)
		return;
	if (verdict == STORE_DONE && !reader_api_key(op, &version, &key, outlets, &found))
		verdict = STORE_AWAY;
	s->callbacks.api_key(s->callbacks.arg, verdict, version, asked ? op->row.api_key_id : NULL,
			     found ? &key : NULL);
}
