/*
 * op - one operation of the store, from its submission until its caller was told.
 *
 * Owned by exactly one list or batch at a time.  Rows are copies of what the caller gave;
 * their texts are borrowed until completion.
 */
#ifndef STORE_OP_H
#define STORE_OP_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/list.h"
#include "store/store.h"

/* The order of the statements in a batch. */
enum op_kind {
	OP_CANCEL = 0, /* an accept whose caller was told STORE_UNCERTAIN … */
	OP_RELEASE,    /* … and one with a key: it goes on without its caller */
	OP_OPEN,       /* a bulk call */
	OP_ACCEPT,
	OP_ADD, /* messages of bulk calls */
	OP_BEGIN,
	OP_OUTCOME,
	OP_SETTLE, /* behind outcomes: what came late is worth more */
	OP_DEFER,
	OP_CONVERSATION,
	OP_CALL_OFF,
	OP_CLOSE,    /* a bulk call is taken */
	OP_RECEIPTS, /* a portion of a webhook's */
	OP_FAILURES, /* so too those that failed: behind what is better */
	OP_WEBHOOK,  /* its body */
	OP_ANSWER,
	OP_NOTICES, /* a portion of what it tells besides; last, as its lock may be everybody's */
	OP_WRITES,  /* how many kinds share batches */
	OP_LOAD = OP_WRITES,
	OP_LOAD_IDS,
	OP_LOAD_QUEUES,
	OP_QUEUES, /* which have work */
	OP_HOLDS,
	OP_LOAD_UNKNOWN,
	OP_HOLD,         /* begins; nobody is told */
	OP_HOLD_RELEASE, /* so here */
	OP_COUNT,        /* how much waits */
	OP_CANCEL_BATCH,
	OP_LANES,         /* a change of lanes, and the view of them */
	OP_UPKEEP,        /* partitions; nobody is told */
	OP_EXPIRE,        /* what is kept for some time only; nobody is told */
	OP_TICK,          /* the beacon; nobody is told */
	OP_MARK,          /* unknown after a restore; nobody is told */
	OP_ORPHANS,       /* looked at again; what has found its message becomes receipts */
	OP_ORPHANS_COUNT, /* nobody is told */
	OP_HOLDS_OVER,    /* so here */
	OP_STATUS,
	OP_LOOKS, /* many statuses */
	OP_FIND_KEY,
	OP_READ,
	OP_OWN,
	OP_FIND_API_KEY,
	OP_KEYS_USED,
	OP_RING, /* a bell by NOTIFY; nobody is told */
	OP_MANAGE,
};

#define STORE_CHANNEL_BYTES 40

struct op_load {
	uint64_t lanes;
	int64_t due_until_wall_us;
	unsigned limit;
	bool held; /* the time does not count */
	bool due;  /* neither: copies */
	int probe; /* with held: one message of this hold; 0: none */
};

struct op_load_queues {
	unsigned count;
	struct store_queue_load loads[];
};

struct op_queues {
	uint64_t lanes;
	int64_t after;
	int64_t due_until_wall_us;
	unsigned limit;
};

struct op_load_unknown {
	uint64_t lanes;
	unsigned limit;
	enum unknown_policy policy;
	unsigned quarantine_s;
	bool changed;
};

struct op_load_ids {
	uint64_t lanes;
	unsigned count;
	struct message_id ids[STORE_CALLS_MAX];
};

struct op_looks {
	unsigned count;
	struct store_look looks[];
};

struct op_count {
	bool anew; /* else as it was counted last */
	int64_t least;
};

struct op_ring {
	char channel[STORE_CHANNEL_BYTES];
	char *text; /* owned */
};

struct op_hold {
	int id;            /* with release */
	struct hold *hold; /* else; owned */
	char *note;        /* owned */
};

struct op_answer {
	int status;
	char *body; /* owned */
};

struct op_close {
	unsigned accepted;
	unsigned refused;
};

struct op_own;
struct receipts_call;

struct op_receipts {
	struct receipts_call *call; /* a share of it */
	unsigned *at;               /* which of its receipts, or notices; owned; null: the body */
	unsigned count;
	unsigned repeated; /* what became of them … */
	unsigned orphans;
	struct store_act *acts; /* owned */
	unsigned act_count;
	unsigned effects[STORE_EFFECTS];
};

struct op_keys_used {
	unsigned count;
	char ids[][API_KEY_ID_BYTES];
};

struct op_manage {
	enum store_manage what;
	unsigned count;
	const char *values[STORE_MANAGE_VALUES]; /* into texts; null: NULL */
	char texts[];
};

struct op_find_key {
	const char *tenant_id; /* borrowed */
	const char *key;
};

struct op {
	struct list node;  /* of the queue, of loads, or of what is completed */
	struct list timed; /* of those that time out, in order of submission */
	enum op_kind kind;
	uint64_t tag;
	int64_t submitted_ms;
	struct message_id id;
	size_t bytes; /* of its texts, about */

	uint64_t barrier; /* of a release: sent behind writes up to this serial */

	/* The op of the same message that waited when this one came. */
	uint64_t serial;        /* counted up, from 1 */
	uint64_t before_serial; /* 0: none */
	enum op_kind before_kind;

	enum op_kind sent_as;  /* by the last batch_send() */
	bool flying;           /* written, and the answer may still come */
	bool doubt;            /* written, and the answer will not come: may be there */
	struct store_key *key; /* of an accept or open; owned: what row.accept.key points to */
	struct message *own;   /* of an add, cancel or release: what row.accept.message is */
	char *own_reason;      /* so too row.accept.failure_reason; of an open its tenant */
	char *own_tenant;      /* of a status or read: who asks; null: whoever knows the id */
	char *own_outlets;     /* so too its outlets; never null behind submission */
	struct op *merged;     /* of an outcome: the conversation it settles as well */
	bool plain;            /* of an outcome: without the texts that may be left out */

	/* While it stands alone (aside.h): */
	bool aside;
	int64_t wait_ms;
	int64_t not_before_ms;
	struct list behind; /* later ops of its message */

	union {
		struct store_accept accept;
		struct store_batch open;
		struct op_close close;
		struct message_id cancel_after;
		struct store_begin begin;
		struct store_outcome outcome;
		struct store_settle settle;
		struct store_defer defer;
		struct store_conversation conversation;
		struct op_answer answer;
		struct op_receipts receipts;
		struct op_load load;
		struct op_load_unknown load_unknown;
		struct op_find_key find_key;
		char api_key_id[API_KEY_ID_BYTES];
		struct op_keys_used *keys_used; /* owned */
		struct store_read read;
		struct op_load_ids *load_ids;       /* owned */
		struct op_load_queues *load_queues; /* owned */
		struct op_queues queues;
		struct store_lanes *lanes; /* owned */
		struct op_looks *looks;    /* owned */
		struct op_own *own;        /* owned */
		struct op_manage *manage;  /* owned */
		struct op_ring ring;
		int64_t holds_version;
		struct op_count count;
		struct op_hold hold;
	} row;

	/* Completion. */
	enum store_verdict verdict;
	uint64_t seq;
	struct err err;   /* unless DONE */
	PGresult *result; /* of reads; owned */
};

/* Null: no memory. */
struct op *op_new(enum op_kind kind, uint64_t tag, struct message_id id, int64_t now_ms) MUST_CHECK;
void op_free(struct op *op);

/* An accept that is settled without its caller, before anything else happens. */
static inline bool op_is_settling(const struct op *op)
{
	return op->kind == OP_CANCEL || op->kind == OP_RELEASE;
}

/* The caller of an accept is told that it may have been taken: `op` goes on as a cancel, or, with
 * a key, as a release, with texts of its own; returned is a stand-in to be completed.  Null: no
 * memory, no change. */
struct op *op_turn_into_cancel(struct op *op) MUST_CHECK;
/* An outcome loses the texts from outside, that may be the reason why it is refused: the fact
 * matters more.  False: no outcome, or it had lost them. */
bool op_make_plain(struct op *op) MUST_CHECK;
/* A conversation that is stored goes with the outcome (or null) that waits before it. */
bool op_merge(struct op *outcome, struct op *conversation) MUST_CHECK;

/* Puts it at the end of `completed`, with the conversation merged into it; err may be null
 * with STORE_DONE. */
void op_complete(struct op *op, struct list *completed, enum store_verdict verdict,
		 const struct err *err);

#endif
