/*
 * writer - the connection that writes: queue, batches, time-outs, cancelling of what callers
 * were told may not have been taken; also loads work and keeps partitions ahead, between
 * batches, as the lane loops run in the writer's role.
 *
 * Completed ops go to the list given; whoever owns that tells the callers.
 */
#ifndef STORE_WRITER_H
#define STORE_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/list.h"
#include "base/loop.h"
#include "store/op.h"
#include "store/session.h"
#include "store/store.h"

struct writer;

struct writer *writer_new(struct loop *loop, const struct store_settings *settings,
			  struct list *completed, struct err *ret_err) MUST_CHECK;
void writer_free(struct writer *w);

/* Takes the op over. */
void writer_submit(struct writer *w, struct op *op);
/* Sends what is due; to be called from a loop hook.  True: something was sent or completed. */
bool writer_pump(struct writer *w);

bool writer_ready(const struct writer *w);
const struct err *writer_trouble(const struct writer *w);
bool writer_schema_mismatch(const struct writer *w);
const struct session *writer_session(const struct writer *w);
/* See store_count_orphans(). */
void writer_count_orphans(struct writer *w, bool counts);
/* Ops not completed; age of the oldest write that waits for its first batch. */
unsigned writer_pending(const struct writer *w);
int64_t writer_oldest_ms(const struct writer *w);

#endif
