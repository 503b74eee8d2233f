/*
 * store_private - the front from within: what its files share.
 */
#ifndef STORE_STORE_PRIVATE_H
#define STORE_STORE_PRIVATE_H

#include "base/compiler.h"
#include "store/manager.h"
#include "store/op.h"
#include "store/reader.h"
#include "store/store.h"
#include "store/writer.h"

struct store {
	struct loop *loop;
	struct store_callbacks callbacks;
	struct message_id incarnation;
	unsigned max_pending;
	const struct meter *meter;
	struct writer *writer;
	struct reader *reader;
	struct manager *quick; /* what is decided by key … */
	struct manager *slow;  /* … and may take long */
	struct list completed;
	size_t webhook_bytes;         /* that wait to be written */
	struct store_lanes_view view; /* room for the one that is being told */
};

/* Null with ret_err: too much waits already, or no memory. */
struct op *store_new_op(struct store *s, enum op_kind kind, uint64_t tag, struct message_id id,
			struct err *ret_err) MUST_CHECK;
/* The op gets a copy; false: no memory, and no op any more. */
bool store_keep_key(struct op *op, const struct store_key *key, struct err *ret_err) MUST_CHECK;

/* store_asks.c: what an op that asked for keys has come to. */
void store_tell_api_key(struct store *s, const struct op *op);
/* store_manage.c */
void store_tell_managed(struct store *s, const struct op *op);

#endif
