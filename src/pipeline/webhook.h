/*
 * webhook - a webhook on its way: what the flow of such a request has beside.  Private to pipeline.
 *
 * Invariants
 *  W1  Nothing of the body is looked at before its signature fits.
 *  W2  It is answered 200 when the body and its receipts are committed, and not before: until then
 *      Meta keeps it for us, and sends it again for 7 days.
 *  W3  What is genuine but cannot be read is kept, and answered 200: Meta could only repeat it.
 *  W4  All webhooks of a worker have WEBHOOK_SLICE_MS of each round of its loop, in order of their
 *      coming, and WEBHOOK_HELD_BYTES of memory at most before they are the store's.
 */
#ifndef PIPELINE_WEBHOOK_H
#define PIPELINE_WEBHOOK_H

#include "base/compiler.h"
#include "base/str.h"
#include "pipeline/flow.h"

#define WEBHOOK_SLICE_MS 2
#define WEBHOOK_HELD_BYTES ((size_t)32 << 20)

struct webhook;

/* Takes the body over.  Null: no memory, or too much is held; body stays. */
struct webhook *webhook_new(struct flow *f, struct str *body, const char *signature) MUST_CHECK;
void webhook_free(struct webhook *w); /* null is allowed */

/* Steps. */
enum flow_result webhook_check(struct flow *f);
enum flow_result webhook_read(struct flow *f);
enum flow_result webhook_store(struct flow *f);
/* The last one's completion. */
enum flow_result webhook_stored(struct flow *f, enum store_verdict verdict,
				const struct store_received *received);

/* The 200; initialises r. */
void webhook_answer(const struct flow *f, struct http_response *r);
/* What came of it is counted, and said in the log's line. */
void webhook_count(const struct flow *f);
void webhook_log(const struct flow *f, struct log_line *line);

#endif
