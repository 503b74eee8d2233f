/*
 * aside - writes that stand alone: a lone one that could not get its lock is tried again by
 * itself, after a wait of its own that grows, so that nothing else waits for it but later
 * writes of the same message.
 */
#ifndef STORE_ASIDE_H
#define STORE_ASIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/list.h"
#include "base/table.h"
#include "domain/message_id.h"
#include "store/op.h"

struct aside {
	struct list ops;     /* that wait */
	struct table *by_id; /* those, and the one that is being tried */
};

int aside_init(struct aside *a) MUST_CHECK;
/* Frees what waits. */
void aside_fini(struct aside *a);

/* The op waits, for the first time or again.  False: no room for the first time. */
bool aside_put(struct aside *a, struct op *op, int64_t now_ms) MUST_CHECK;
/* The first whose wait is over, or null; to be put back or released. */
struct op *aside_take(struct aside *a, int64_t now_ms);
/* The op of this message that stands alone, or null. */
struct op *aside_find(const struct aside *a, struct message_id id);
/* It is settled: op->behind is the caller's now. */
void aside_release(struct aside *a, struct op *op);

#endif
