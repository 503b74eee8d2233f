/*
 * bulk - a bulk call on its way: what the flow of such a request has beside.  Private to pipeline.
 *
 * Invariants
 *  B1  The ids of its messages follow from its own, and how they are read from the time in it: who
 *      repeats the call with its key adds exactly what is missing, and answers the same.
 *  B2  The body is read, and its messages are added, in portions of BULK_SLICE_MS; of a worker's
 *      calls one at a time has its turn, with BULK_ROWS messages on their way to the store at most.
 *  B3  A message that is on its way is the store's, whatever becomes of the call.
 */
#ifndef PIPELINE_BULK_H
#define PIPELINE_BULK_H

#include <stdbool.h>

#include "base/compiler.h"
#include "base/str.h"
#include "http/bulk.h"
#include "pipeline/flow.h"

#define BULKS_MAX 8           /* bodies a worker holds … */
#define BULKS_OF_TENANT_MAX 3 /* … of one tenant; so many more if they name it last */
#define BULK_ROWS 200
#define BULK_SLICE_MS 2

struct bulk;

/* Takes the body over and queues for its turn.  Null: no memory. */
struct bulk *bulk_new(struct flow *f, struct str *body) MUST_CHECK;
/* null is allowed. */
void bulk_free(struct bulk *b);

/* Steps. */
enum flow_result bulk_read(struct flow *f);
enum flow_result bulk_open(struct flow *f);
enum flow_result bulk_add(struct flow *f);
enum flow_result bulk_close(struct flow *f);
/* Their completions. */
enum flow_result bulk_opened(struct flow *f, enum store_verdict verdict);
enum flow_result bulk_closed(struct flow *f, enum store_verdict verdict);

/* Its key's first request was not answered, and nobody is at it any more: it goes on as that. */
void bulk_resume(struct flow *f, struct message_id id);
/* Waits no longer than until then. */
void bulk_hurry(struct flow *f, int64_t until_boot_ms);

/* Of the body. */
unsigned bulk_count(const struct bulk *b);
const struct http_bulk_counts *bulk_counts(const struct bulk *b);
/* The 202; initialises r. */
void bulk_answer(const struct flow *f, struct http_response *r);

#endif
