/*
 * bulk_rows - the messages of a bulk call on their way to the store, and the call as both halves of
 * it see it.  Private to bulk.
 */
#ifndef PIPELINE_BULK_ROWS_H
#define PIPELINE_BULK_ROWS_H

#include "pipeline/bulk.h"

#define BULK_AGAIN_MS 20 /* the store, or its reader, has no room */

enum row_state {
	ROW_ADDING = 0, /* the store has it */
	ROW_ASKS,       /* its key is another message's, which is to be asked for */
	ROW_ASKING,
	ROW_TAKEN,
	ROW_REPLAYED,
	ROW_REFUSED,
};

struct row {
	struct job job;
	struct bulk *bulk;
	enum row_state state;
	unsigned index;
	struct message_id id;
	const char *status; /* static */
	uint64_t queue;
	uint64_t seq; /* once it is taken */
	enum problem problem;
	struct store_key key; /* "": none */
	char why[ERR_TEXT_BYTES];
};

struct bulk {
	struct flow *flow;
	struct list turn; /* in pipeline.bulks: the first one has its turn */
	struct http_bulk *body;
	struct digest *digest;
	size_t digested;
	bool looked; /* the first bytes are read */
	bool whole;  /* all are */
	bool resumed;
	bool opened;
	uint64_t tick;     /* the next slice */
	uint64_t deadline; /* fires at flow.deadline_boot_ms */

	struct row *rows; /* BULK_ROWS */
	unsigned used;
	unsigned under_way; /* ADDING, ASKS, ASKING */
	unsigned next;      /* item */
	unsigned entered;   /* in the tally, not left */
	struct http_bulk_counts counts;
	struct str results;
};

/* In another round, so that others come in between. */
enum flow_result bulk_go_on(struct bulk *b, int64_t wait_ms);
/* To the next step. */
enum flow_result bulk_go_over(struct bulk *b);

#endif
