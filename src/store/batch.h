/*
 * batch - writes that share a transaction: rows to parameter arrays, arrays to statements,
 * results to verdicts.
 *
 * A batch is worked off in segments, each one transaction; it begins as one, and a segment
 * that has a bad row is halved until that stands alone.  Segments keep the order
 * of submission.
 */
#ifndef STORE_BATCH_H
#define STORE_BATCH_H

#include <libpq-fe.h>
#include <stdbool.h>

#include "base/compiler.h"
#include "base/err.h"
#include "domain/message_id.h"
#include "metrics/meter.h"
#include "store/array.h"
#include "store/op.h"
#include "store/sqlstate.h"

#define BATCH_ROWS 256
#define BATCH_BYTES (1u << 20)
#define BATCH_SEGMENTS 10   /* 1 + log2(BATCH_ROWS) + 1 */
#define BATCH_STATEMENTS 28 /* most in one transaction */

struct batch_statement;

/* A statement that was sent, and the ops it is about. */
struct batch_sent {
	const struct batch_statement *statement;
	struct op **ops;
	unsigned count;
};

struct batch {
	const struct meter *meter;  /* borrowed; null: counts nowhere */
	struct store_again again;   /* what has failed by receipt */
	struct op *ops[BATCH_ROWS]; /* null: taken out */
	unsigned count;
	struct {
		unsigned start;
		unsigned count;
	} segments[BATCH_SEGMENTS]; /* a stack: the last is worked on */
	unsigned segment_count;     /* 0: nothing left */
	unsigned repeated;          /* segments sent again unchanged; for the owner to count */

	/* The segment in flight: */
	struct op *sorted[BATCH_ROWS];
	unsigned sorted_count;
	struct batch_sent sent[BATCH_STATEMENTS];
	unsigned sent_count;
	unsigned answered;
	bool failed;
	bool fenced; /* set by the owner: attempts do not begin */
	enum sqlstate_class why_class;
	struct err why;
};

/* After ops[] and count were filled. */
void batch_start(struct batch *b);
/* Queues the last segment's statements and a sync.  Returns how many ops that is (0: all
 * were taken out; nothing is queued), or -1: libpq or memory failed, give the connection up.
 * Marks its ops as flying. */
int batch_send(struct batch *b, PGconn *handle, struct array *memory, struct message_id incarnation,
	       int64_t now_wall_us) MUST_CHECK;

enum batch_step {
	BATCH_MORE = 0,  /* results are missing */
	BATCH_COMMITTED, /* each op in sorted[] has its verdict */
	BATCH_FAILED,    /* rolled back: why, why_class */
};
enum batch_step batch_result(struct batch *b, const PGresult *result);
/* The connection went while the segment was in flight: its ops are in doubt. */
void batch_lost(struct batch *b);

/* The segment is done with. */
void batch_pop(struct batch *b);
/* Halves the segment.  False: it is one op. */
bool batch_split(struct batch *b);
/* Those of this message in segments not done with, in order, to the end of `to`; only while
 * nothing is in flight. */
void batch_take_message(struct batch *b, struct message_id id, struct list *to);
/* The op leaves the batch; only while nothing is in flight. */
void batch_remove(struct batch *b, const struct op *op);

#endif
