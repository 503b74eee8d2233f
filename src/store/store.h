/*
 * store - PostgreSQL as this service uses it: one pipelined connection for batched writes,
 * one for reads; every operation is submitted with a tag and completes once, by the done
 * function, from a loop hook.
 *
 * Writes (accept, begin, outcome, defer, conversation) that come together share one
 * transaction: flushed when the connection is idle and the oldest waits 3 ms or 200 rows
 * are there; rows sorted by key; one bad row costs only itself (halving), and so does one that
 * somebody else holds: 40P01, 40001 and 55P03 repeat the batch unchanged, then halve it; what
 * is left alone waits by itself.  After a connection loss the batch is repeated with the
 * same ids until it is settled; nothing of it has completed before.
 *
 * Time-outs: an accept that is not committed within accept_timeout_ms completes as
 * STORE_AWAY (never written: certainly not taken) or STORE_UNCERTAIN (written, no reply: may
 * have been taken; the store then settles it itself, once it can: without a key it is
 * cancelled unless an attempt has begun; with a key it goes on, as whoever repeats the request
 * with it gets this one message's answer).
 * All other writes never fail for time: they are facts, kept and repeated until they land.
 *
 * Times in rows are wall-clock microseconds since 1970 UTC, of this host.  What is due, ends or
 * expires is kept by PostgreSQL's clock and turned back into the clock of who loads it, so
 * that hosts, and a clock that is set, need not agree; records (accepted, begun, ended) stay
 * as given.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/loop.h"
#include "domain/api_key.h"
#include "domain/beacon.h"
#include "domain/facts.h"
#include "domain/filter.h"
#include "domain/hold.h"
#include "domain/limit.h"
#include "domain/message.h"
#include "domain/notice.h"
#include "domain/outcome.h"
#include "domain/receipts.h"
#include "domain/report.h"
#include "domain/retry.h"
#include "domain/settle.h"
#include "domain/state.h"
#include "metrics/meter.h"
#include "store/managing.h"

struct store;

enum store_verdict {
	STORE_DONE = 0,   /* committed */
	STORE_CONFLICT,   /* begin, defer: the work is not as assumed, or gone, or we are fenced;
			  * accept: the key is another message's; answer: there is one already */
	STORE_AWAY,       /* certainly not written: the database could not be reached in time */
	STORE_UNCERTAIN,  /* accept only: may have been taken */
	STORE_REJECTED,   /* this row was refused (SQLSTATE 22, 23, 54, or an unexpected one); of an
			  * outcome also without title, details, trace and failure_reason */
	STORE_NOT_BEGUN,  /* accept with begin: committed without the attempt; we are fenced */
	STORE_OVER_QUOTA, /* accept, add: the tenant's own quota has no room for it; seq says which:
			   * STORE_QUOTA_DAILY, _MONTHLY */
};

enum { STORE_QUOTA_DAILY = 1, STORE_QUOTA_MONTHLY };

#define STORE_KEY_BYTES 256
#define STORE_FINGERPRINT_BYTES 32

/* What the caller named its request by.  One message for each tenant and key, decided by
 * PostgreSQL; kept 7 days. */
struct store_key {
	char key[STORE_KEY_BYTES]; /* 1 to 255 visible ASCII characters */
	uint8_t fingerprint[STORE_FINGERPRINT_BYTES];
	int64_t runs_ms;   /* its own request is answered within that time */
	int answer_status; /* 0: comes later, by store_answer() */
	char *answer_body; /* null without status */
};

/* An accepted message: rows in message and work, and its key, one transaction. */
struct store_accept {
	const struct message *message; /* borrowed until completion */
	bool caller_waits;             /* the contract's schedule applies */
	bool scheduled;           /* state scheduled: read when it is due, by store_load_due() */
	int64_t due_wall_us;      /* 0: now */
	int64_t expires_wall_us;  /* end of validity */
	bool begin;               /* attempt 1 begins in the same transaction */
	const char *number;       /* with begin; borrowed until completion */
	int64_t deadline_wall_us; /* with begin: the attempt's own deadline */
	/* Not to be sent at all: stored as failed, no work. */
	bool failed;
	int failure_code;
	const char *failure_reason;  /* borrowed until completion */
	const struct store_key *key; /* null: none; copied */
	bool charge; /* it takes its part of the tenant's quota, if that has one of ours */
};

/* A bulk call: its row, and the key it came with, so that its messages can be added, by this call
 * or by one that repeats it. */
struct store_batch {
	struct message_id id;
	const char *tenant_id;       /* copied */
	unsigned messages;           /* that it asks for */
	const struct store_key *key; /* null: none; copied */
};

/* Attempt n begins: only if the work row still says attempt n - 1 is the last, and its
 * outcome is recorded. */
struct store_begin {
	struct message_id id;
	unsigned attempt;   /* 1 or more */
	const char *number; /* borrowed until completion */
	int64_t deadline_wall_us;
};

enum store_next {
	STORE_NEXT_DONE = 0,     /* sent; nothing left to do: work row goes */
	STORE_NEXT_CONVERSATION, /* sent; to be stored in the Conversation Service */
	STORE_NEXT_RETRY,        /* due again at due_wall_us */
	STORE_NEXT_UNKNOWN,      /* lost: waits for evidence or policy */
	STORE_NEXT_FAILED,       /* final: work row goes */
	STORE_NEXT_EXPIRED,      /* so too, as there is no time for another attempt: expired, if its
				  * caller gave the validity, else failed */
};

/* The outcome of an attempt: a fact, recorded idempotently, whatever happened meanwhile; also
 * over `lost`.  One accepted outcome makes the message sent, no other undoes that. */
struct store_outcome {
	struct message_id id;
	unsigned attempt;
	struct message_id incarnation; /* that began it */
	enum outcome outcome;
	const char *number; /* all texts: borrowed until completion */
	int64_t begun_wall_us;
	int64_t ended_wall_us;
	int http_status; /* 0: none */
	int code;        /* Meta's; negative for our cases; 0 none */
	int subcode;
	const char *title;
	const char *details;
	const char *trace;
	const char *wamid; /* "" unless accepted */
	enum store_next next;
	int64_t due_wall_us;        /* with RETRY, CONVERSATION */
	unsigned counted;           /* attempts that count against MAX_RETRIES, so far */
	unsigned throttled;         /* rate-limited in a row, so far */
	const char *failure_reason; /* with FAILED */
};

/* Work waits without an attempt (credentials to be had later, or it is held) or ends without
 * one; only while `attempt` is the last one and its outcome lets another follow, else
 * STORE_CONFLICT: another owner has it, or had it. */
struct store_defer {
	struct message_id id;
	unsigned attempt; /* last begun, 0 none */
	bool failed;      /* for GRAPH_CASE_EXPIRED: as with STORE_NEXT_EXPIRED */
	bool later;       /* no load but store_load_due() finds it before due_wall_us */
	/* Else due again at due_wall_us … */
	int hold; /* … or, unless 0, held by this one; due_wall_us counts after its release */
	int64_t due_wall_us;
	int failure_code;
	const char *reason; /* borrowed until completion */
};

/* What a policy decided about a message whose last attempt is lost; nothing is done unless it is
 * still that attempt and still unknown, that policy is still in force, a receipt has not come, and
 * we are not fenced: STORE_CONFLICT. */
struct store_settle {
	struct message_id id;
	unsigned attempt;            /* the lost one */
	enum settle_verdict verdict; /* not SENT: that is an outcome */
	int64_t due_wall_us;         /* with WAIT */
	enum unknown_policy policy;
	unsigned quarantine_s;
	int64_t policy_wall_us; /* as in store_unknown */
	const char *why;        /* with RESEND and FAIL; borrowed until completion */
};

/* The Conversation Service has it, or not yet. */
struct store_conversation {
	struct message_id id;
	bool stored; /* else due again at due_wall_us */
	int64_t due_wall_us;
	unsigned tries;
};

/* Completion of a write.  seq: of an accept that is DONE. */
typedef void store_done_fn(void *arg, uint64_t tag, enum store_verdict verdict, uint64_t seq,
			   const struct err *err);

/* A message's status, for a caller. */
struct store_status {
	bool found;
	enum state state;
	char wamid[160];
	int64_t sent_wall_us; /* 0: none; so below */
	int64_t delivered_wall_us;
	int64_t read_wall_us;
	int failure_code;
	unsigned attempts;
	char failure_reason[512];
	bool copying; /* of looks: sent, and the Conversation Service is being told */
};
typedef void store_status_fn(void *arg, uint64_t tag, enum store_verdict verdict,
			     const struct store_status *status, const struct err *err);

/* What became of the first request with a key. */
struct store_first {
	bool found;
	struct message_id id;
	uint8_t fingerprint[STORE_FINGERPRINT_BYTES];
	int answer_status;           /* 0: not answered yet */
	const char *answer_body;     /* borrowed for the call; "" without status */
	bool running;                /* not answered, and whoever has it still may */
	uint64_t seq;                /* of its message, while there is work to do; 0: none */
	struct store_status message; /* how its message stands */
};
typedef void store_first_fn(void *arg, uint64_t tag, enum store_verdict verdict,
			    const struct store_first *first, const struct err *err);

/* Who asks: sees what is this tenant's, of these outlets (divided by spaces; "": all), and of all
 * else nothing, as if it was not there.  tenant_id null: whoever knows the id.  Borrowed for the
 * call. */
struct store_asker {
	const char *tenant_id;
	const char *outlets; /* with tenant_id */
};

/* What callers read besides a status. */
enum store_read_kind {
	STORE_READ_WHOLE = 0, /* a message, by its id */
	STORE_READ_EVENTS,    /* its timeline */
	STORE_READ_FACTS,     /* what explains how it stands */
	STORE_READ_LIST,      /* a page of a tenant's messages; always found */
	STORE_READ_BATCH,     /* how the messages of a bulk call stand, by its id */
	STORE_READ_REPORT,    /* a report of a tenant; always found */
	STORE_READ_SEEN,      /* nothing but whether who asks sees the message */
	STORE_READ_BATCH_SEEN,
};
struct store_read {
	enum store_read_kind kind;
	struct message_id id;     /* unless LIST or REPORT */
	struct store_asker asker; /* with LIST and REPORT its tenant is the filter's */
	union {
		struct message_filter filter; /* with LIST */
		struct report_filter report;  /* with REPORT */
	};
};
/* Everything borrowed for the call. */
struct store_found {
	bool found;
	/* WHOLE: an object without the payload; EVENTS, LIST, BATCH: the document. */
	const char *json;
	const char *payload; /* with WHOLE */
	bool failed;         /* with WHOLE: and why */
	int failure_code;    /* 0: not known */
	int failure_subcode;
	struct message_facts facts; /* with FACTS */
	bool more;                  /* of store_cancel_batch(): to be called again … */
	struct message_id next;     /* … from here on */
};
typedef void store_found_fn(void *arg, uint64_t tag, enum store_verdict verdict,
			    const struct store_found *found, const struct err *err);

/* One row of live work with its message, as loaded at start and by the fallback poll. */
struct store_work {
	struct message message; /* texts borrowed for the call: message_copy() it */
	enum state state;       /* queued, sending, retrying; of copies: sent */
	bool caller_waited;
	unsigned attempt; /* last begun, 0 none */
	unsigned counted;
	unsigned throttled;
	struct message_id incarnation; /* that began it */
	int64_t begun_wall_us;
	int64_t deadline_wall_us;
	int64_t due_wall_us;
	int64_t expires_wall_us;
	const char *number; /* "" until the first attempt begins */
	const char *wamid;  /* of a sent one, for the Conversation Service */
	unsigned conversation_tries;
	bool gone; /* an open attempt's incarnation is proven dead */
};
/* Called per row, then once with work null: `more` says whether rows may be left beyond the
 * last one. */
typedef void store_work_fn(void *arg, uint64_t tag, enum store_verdict verdict,
			   const struct store_work *work, bool more, const struct err *err);

/* A queue (message.queue) that has work. */
struct store_queue {
	unsigned lane;
	uint64_t queue;
};
/* As store_work_fn. */
typedef void store_queue_fn(void *arg, enum store_verdict verdict, const struct store_queue *queue,
			    bool more);

#define STORE_QUEUES_MAX 64

/* Of one queue: above one seq, not above another, due by then, at most so many, 1 or more. */
struct store_queue_load {
	unsigned lane;
	uint64_t queue;
	uint64_t above;
	uint64_t last;             /* UINT64_MAX: whatever comes */
	int64_t due_after_wall_us; /* 0: since whenever */
	int64_t due_until_wall_us;
	unsigned most;
};

/* A message whose last attempt is lost, with what its policy needs to know. */
struct store_unknown {
	struct message_id id;
	const char *tenant_id; /* texts borrowed for the call */
	unsigned attempt;
	struct message_id incarnation; /* that began it */
	const char *number;
	int64_t begun_wall_us;
	bool to_copy;               /* the Conversation Service gets it when it is sent */
	enum unknown_policy policy; /* in force for its tenant */
	unsigned quarantine_s;
	int64_t policy_wall_us; /* when it was set for the tenant; 0: it is the service's */
	int64_t lost_for_ms;
	int64_t valid_ms;        /* its validity lasts so long yet; 0 or less: it is over */
	unsigned resends;        /* decided by policies so far */
	unsigned later_receipts; /* SETTLE_EVIDENCE at most; 0 when not asked for by policy */
	/* The first receipt of one of its attempts: */
	unsigned receipt_attempt; /* 0: none */
	const char *receipt_wamid;
	int64_t receipt_wall_us; /* by Meta */
	bool restored;           /* lost before PostgreSQL was restored */
};
/* As store_work_fn. */
typedef void store_unknown_fn(void *arg, uint64_t tag, enum store_verdict verdict,
			      const struct store_unknown *unknown, bool more,
			      const struct err *err);

/* What an outlet of our own tables sends with.  Everything borrowed for the call. */
struct store_sealed {
	const uint8_t *bytes;
	size_t len; /* 0: there is none */
};
struct store_own {
	const char *tenant_id; /* as asked for */
	const char *outlet_id;
	const char *fault; /* why it cannot send; null: it can, and there is all that follows */
	const char *number;
	struct store_sealed token;
	struct store_sealed app_secret;
};
/* own: null unless DONE. */
typedef void store_own_fn(void *arg, uint64_t tag, enum store_verdict verdict,
			  const struct store_own *own, const struct err *err);

/* rows: null unless DONE; borrowed.  AWAY: it may have been done. */
typedef void store_managed_fn(void *arg, uint64_t tag, enum store_verdict verdict,
			      const struct store_rows *rows, const struct err *err);

#define STORE_NOTICED_BYTES 128
#define STORE_FENCE_MAX 16
#define STORE_LIVE_MAX 256
#define STORE_RING_BYTES 7500
#define STORE_CALLS_MAX 128

/* A change of lanes; it always renews our lease, for STORE_LEASE_MS from when PostgreSQL
 * does it, unless we are fenced.  Lanes are bits.  One transaction. */
#define STORE_LEASE_MS 10000
struct store_lanes {
	bool draining;    /* we want no lanes any more */
	uint64_t release; /* ours no more; sent behind all writes submitted before */
	uint64_t take;    /* as far as they are free, or their owner is fenced */
	/* Fenced first: those whose lease has run out by PostgreSQL's clock, or proven dead. */
	struct {
		struct message_id id;
		bool dead;
	} fence[STORE_FENCE_MAX];
	unsigned fence_count;
};

/* An incarnation that is not fenced. */
struct store_incarnation {
	struct message_id id;
	struct message_id node_id;
	char boot_id[40];
	char node_file[160];
	bool draining;
	int64_t lease_left_ms; /* below 0: it has run out */
	uint64_t lanes;
};

struct store_lanes_view {
	bool fenced; /* we are */
	bool held;   /* PostgreSQL was restored or failed over: lanes are not taken */
	unsigned count;
	struct store_incarnation live[STORE_LIVE_MAX];
};
/* view: null unless DONE; borrowed. */
typedef void store_lanes_fn(void *arg, uint64_t tag, enum store_verdict verdict,
			    const struct store_lanes_view *view, const struct err *err);
/* A bell from a worker of another node (or of this one); null: from now on none are heard, or
 * again (store_hears()), after some that were not, and some of ours that may be lost. */
typedef void store_rung_fn(void *arg, const char *text);

/* What is held, and what limits are set.  changed: since the version that was told; else there is
 * nothing here.  Borrowed; sorted (hold_sort, limit_sort); not DONE: nothing is known. */
struct store_holds {
	int64_t version;
	bool changed;
	struct hold_set set;
	struct limit_set limits;
};
typedef void store_holds_fn(void *arg, enum store_verdict verdict, const struct store_holds *holds);

/* An API key as asked for by this id (null: it was asked for the version alone).  key: null when
 * there is none; borrowed, with its outlets.  version: what all keys permit has changed so often;
 * not DONE: nothing is known. */
typedef void store_api_key_fn(void *arg, enum store_verdict verdict, int64_t version,
			      const char *id, const struct api_key *key);

#define STORE_COUNTED_MAX 2000

/* How much work waits, as it was counted (sql/migrations, backlog). */
struct store_backlog {
	int64_t age_us;                   /* since the count began, when PostgreSQL answered */
	int64_t took_us;                  /* the count */
	int64_t messages;                 /* rows of work */
	int64_t accepted;                 /* order numbers drawn by then */
	int64_t depth[MESSAGE_CLASSES];   /* to be sent */
	int64_t late_us[MESSAGE_CLASSES]; /* how long the one due longest is due, as PostgreSQL
					   * answered */
	unsigned count; /* tenants with at least so many as asked for, the most first */
	struct {
		const char *tenant_id; /* borrowed */
		int64_t waiting;
	} tenants[STORE_COUNTED_MAX];
};
/* backlog: null unless DONE; borrowed. */
typedef void store_backlog_fn(void *arg, uint64_t tag, enum store_verdict verdict,
			      const struct store_backlog *backlog, const struct err *err);

enum store_act_kind {
	STORE_ACT_SETTLE =
		0,        /* its lost reply is settled now by the owner of its lane: to be rung */
	STORE_ACT_AGAIN,  /* it is sent again (store_again): the owner is to be rung */
	STORE_ACT_FAILED, /* it has failed with this receipt */
};

/* A receipt that is more than news. */
struct store_act {
	enum store_act_kind kind;
	struct receipt receipt; /* of FAILED and AGAIN; texts borrowed; of an orphan its status,
				 * code, number, recipient and user */
	struct message_id id;
	unsigned attempt;
	char tenant_id[MESSAGE_TOKEN_MAX + 1];
	unsigned lane;
};

/* What notices have changed. */
enum store_effect {
	STORE_INBOUND = 0, /* a message of a user is kept */
	STORE_OPT_OUT,     /* a user wants no marketing messages, or wants them again */
	STORE_NUMBER,      /* a number is known that was not, or not so */
	STORE_RATE,        /* a number may send faster */
	STORE_HOLD,        /* a number is held */
	STORE_RELEASE,     /* it is held no more */
	STORE_EFFECTS,
};
/* "inbound", "opt_out", "number", "rate", "hold", "release": as in SQL. */
const char *store_effect_name(enum store_effect effect);

/* What became of the receipts and notices of a webhook. */
struct store_received {
	unsigned fresh;    /* kept, and applied */
	unsigned repeated; /* were there already: nothing was done */
	unsigned orphans;  /* of no message that is known: kept for 7 days, and looked at again */
	unsigned rejected; /* PostgreSQL refused them: they are in the raw body only */
	unsigned act_count;
	const struct store_act *acts;
	unsigned effects[STORE_EFFECTS];
};
/* received: null unless DONE; borrowed.  tag 0: of orphans that have found their messages. */
typedef void store_received_fn(void *arg, uint64_t tag, enum store_verdict verdict,
			       const struct store_received *received, const struct err *err);

/* Whether and when what has failed by receipt is sent again (domain/receipt, R6). */
struct store_again {
	bool on; /* RETRY_FAILED_RECEIPTS */
	struct retry_policy retry;
	unsigned ttl_s; /* the validity of messages whose callers gave none */
};

struct store_settings {
	const char *conninfo;          /* DATABASE_URL; copied */
	struct message_id incarnation; /* of this worker's life: registered at start */
	const char *application_name;  /* "message-sender worker-1"; copied */
	/* Where that life is: for those who want to know whether it still is. */
	struct message_id node_id;
	const char *boot_id;       /* of the host; copied; null: "" */
	const char *node_file;     /* locked while the node lives; copied; null: "" */
	int64_t accept_timeout_ms; /* 1,500: the caller's 503 comes within 2 s */
	unsigned max_pending;      /* rows waiting to be written; beyond: submit refuses */
	unsigned webhook_days;     /* WEBHOOK_KEEP_DAYS; 0: 7 */
	const struct meter *meter; /* borrowed; null: counts nowhere */
	struct store_again again;
	struct beacon_known known; /* of the database, from an earlier life */
};

struct store_callbacks {
	store_done_fn *done;
	store_status_fn *status;
	store_first_fn *first;
	store_found_fn *found;
	store_work_fn *work;
	store_queue_fn *queue; /* null: not asked for */
	void *arg;
	store_lanes_fn *lanes; /* null: not asked for */
	store_rung_fn *rung;   /* null: not listened to */
	store_holds_fn *holds; /* null: not asked for */
	store_backlog_fn *backlog;
	store_unknown_fn *unknown;   /* null: not asked for */
	store_received_fn *received; /* null: not asked for */
	store_own_fn *own;           /* so too */
	store_api_key_fn *api_key;   /* null: not asked for */
	store_managed_fn *managed;   /* so too */
};

struct store *store_new(struct loop *loop, const struct store_settings *settings,
			const struct store_callbacks *callbacks, struct err *ret_err) MUST_CHECK;
void store_free(struct store *s);

/* Both connections are up, roles set, statements prepared, schema version fits. */
bool store_ready(const struct store *s);
/* Bells of other nodes are heard. */
bool store_hears(const struct store *s);
/* What is to be remembered of the database, outside it: it has ticked so far, durably. */
const struct beacon_known *store_beacon(const struct store *s);
/* "" until this store has noticed that PostgreSQL was restored or failed over: why; borrowed.
 * It is noticed when a connection is made, before anything is written on it. */
const char *store_noticed(const struct store *s);
/* Null while healthy; else why it is not (for the log and the 503's text); borrowed. */
const struct err *store_trouble(const struct store *s);
/* The schema is newer or older than this program: `serve` must end with this. */
bool store_schema_mismatch(const struct store *s);

/* 0 or -1 with ret_err (ERR_LIMIT: max_pending).  The rows' borrowed texts must live until
 * completion. */
int store_accept(struct store *s, uint64_t tag, const struct store_accept *row,
		 struct err *ret_err) MUST_CHECK;
int store_begin(struct store *s, uint64_t tag, const struct store_begin *row,
		struct err *ret_err) MUST_CHECK;
/* These four cannot be refused: the caller holds the fact until it is committed. */
void store_outcome(struct store *s, uint64_t tag, const struct store_outcome *row);
void store_defer(struct store *s, uint64_t tag, const struct store_defer *row);
void store_settle(struct store *s, uint64_t tag, const struct store_settle *row);
/* Merged into the outcome row of the same message when that is not written yet; its own
 * completion comes in any case. */
void store_conversation(struct store *s, uint64_t tag, const struct store_conversation *row);

/* Callers cancel it: for good, unless an attempt is under way or may have been accepted, or it has
 * ended.  DONE whether or not it came to that, as its status tells. */
void store_call_off(struct store *s, uint64_t tag, struct message_id id);

/* A webhook: its body as it came (null: it is kept already), and the receipts and notices it
 * brought (null: none).  Completes by `received`: DONE when all of it is committed, a bad one
 * costing only itself; AWAY when that is not so within accept_timeout_ms (some or all may be
 * committed later: whoever sends it again does no harm).  Written in portions, which share batches
 * with other writes.  tag: not 0.  Body (malloc) and lists are the store's from now on, unless it
 * is refused: ERR_LIMIT when STORE_WEBHOOK_BYTES wait already. */
#define STORE_WEBHOOK_BYTES (64u << 20)
int store_receipts(struct store *s, uint64_t tag, struct receipts *receipts,
		   struct notices *notices, char *body, size_t body_len,
		   struct err *ret_err) MUST_CHECK;
/* One worker of all is to count the orphans, for the metrics: is it this one? */
void store_count_orphans(struct store *s, bool counts);

/* The answer of the message's request, kept with its key; the first one stays (CONFLICT: there
 * is another one, or no key any more).  body is copied.  It may be given up waiting for: what
 * is not known to be written may be written all the same. */
void store_answer(struct store *s, uint64_t tag, struct message_id id, int status,
		  const char *body);

/* asker: null: whoever knows the id. */
int store_status(struct store *s, uint64_t tag, struct message_id id,
		 const struct store_asker *asker, struct err *ret_err) MUST_CHECK;
/* How many messages stand, in one statement: each that is there completes as store_status()
 * does, with its own tag.  A hint: of the others, and when it fails, nothing is told. */
struct store_look {
	struct message_id id;
	uint64_t tag;
};
int store_looks(struct store *s, const struct store_look *looks, unsigned count,
		struct err *ret_err) MUST_CHECK;
/* A bulk call begins, or is taken up again: CONFLICT when its key is another request's. */
int store_open_batch(struct store *s, uint64_t tag, const struct store_batch *row,
		     struct err *ret_err) MUST_CHECK;
/* A message of it, without an attempt; it is stored unless it is there already.  CONFLICT: its own
 * key is another message's; NOT_BEGUN: its batch was cancelled, and nothing is stored.  It has no
 * time-out.  row->message is the store's unless it is refused; a failed or begun row is none. */
int store_add(struct store *s, uint64_t tag, const struct store_accept *row,
	      struct err *ret_err) MUST_CHECK;
/* All of it is taken. */
int store_close_batch(struct store *s, uint64_t tag, struct message_id id, unsigned accepted,
		      unsigned refused, struct err *ret_err) MUST_CHECK;
/* Lets no more be added to it, and cancels those of its messages behind this id (all 0: of all)
 * that may be, of STORE_CANCEL_PAGE.  Completes as store_read() does: not found, or whether there
 * may be more, and behind which id. */
#define STORE_CANCEL_PAGE 256
int store_cancel_batch(struct store *s, uint64_t tag, struct message_id id, struct message_id after,
		       struct err *ret_err) MUST_CHECK;

/* The texts must live until completion. */
int store_find_key(struct store *s, uint64_t tag, const char *tenant_id, const char *key,
		   struct err *ret_err) MUST_CHECK;
/* An API key, by its id (copied); and the version of all keys, noting that these were used: up to
 * STORE_KEYS_USED_MAX ids. */
int store_find_api_key(struct store *s, const char *id, struct err *ret_err) MUST_CHECK;
#define STORE_KEYS_USED_MAX 256
int store_keys_used(struct store *s, const char (*ids)[API_KEY_ID_BYTES], unsigned count,
		    struct err *ret_err) MUST_CHECK;
/* Completes as the status does; the request is copied. */
int store_read(struct store *s, uint64_t tag, const struct store_read *request,
	       struct err *ret_err) MUST_CHECK;
/* Looks an outlet of our own tables up; the ids are copied. */
int store_own(struct store *s, uint64_t tag, const char *tenant_id, const char *outlet_id,
	      struct err *ret_err) MUST_CHECK;
/* On a connection of its own (manager.h).  values: copied; null: NULL.  -1: too many wait. */
int store_manage(struct store *s, uint64_t tag, enum store_manage what, const char *const *values,
		 unsigned count, struct err *ret_err) MUST_CHECK;
/* Which queues of the lanes (bit i: lane i) have work that is to be sent and due until then, in
 * order of lanes and queues, at most limit; of the lowest lane those above this one (-1: all). */
int store_queues(struct store *s, uint64_t lanes, int64_t after, int64_t due_until_wall_us,
		 unsigned limit, struct err *ret_err) MUST_CHECK;
/* What is to be sent (queued, sending, retrying) of 1 to STORE_QUEUES_MAX of them, in order of seq
 * in each.  Never `more`: which of them came to their ends is for the caller to count.  The loads
 * are copied. */
int store_load_queues(struct store *s, uint64_t tag, const struct store_queue_load *loads,
		      unsigned count, struct err *ret_err) MUST_CHECK;
/* What was sent and is to be stored in the Conversation Service, of the lanes, due until
 * due_until_wall_us, at most limit rows, in order of due_at. */
int store_load_copies(struct store *s, uint64_t tag, uint64_t lanes, int64_t due_until_wall_us,
		      unsigned limit, struct err *ret_err) MUST_CHECK;

/* The same for messages named by a bell: 1 to STORE_CALLS_MAX ids, those that are work of the
 * lanes.  Never `more`. */
int store_load_ids(struct store *s, uint64_t tag, uint64_t lanes, const struct message_id *ids,
		   unsigned count, struct err *ret_err) MUST_CHECK;

/* Takes back into the work that is to be sent what is scheduled and due until due_until_wall_us, at
 * most limit rows in order of due_at, and loads it: as store_load_held(). */
int store_load_due(struct store *s, uint64_t tag, uint64_t lanes, int64_t due_until_wall_us,
		   unsigned limit, struct err *ret_err) MUST_CHECK;

/* Takes back into the work that is to be sent what is held no more (its hold was released, or its
 * validity is over), at most limit rows in order of seq, and loads it: as store_load_queues(), with
 * `more`. */
int store_load_held(struct store *s, uint64_t tag, uint64_t lanes, unsigned limit,
		    struct err *ret_err) MUST_CHECK;

/* The same for one message of this hold, the first of the lanes, though the hold is in force. */
int store_load_probe(struct store *s, uint64_t tag, uint64_t lanes, int hold,
		     struct err *ret_err) MUST_CHECK;

/* The service holds (whatever the id and the time say), unless the same is in force, or there are
 * HOLDS_MAX; and releases a hold.  hold and note are copied.  Whether it came to it, the next look
 * at the holds tells. */
void store_set_hold(struct store *s, const struct hold *hold, const char *note);
void store_release_hold(struct store *s, int hold, const char *note);

/* Asks for the holds in force and the limits set, if they are others than at this version (0: none
 * is known). */
int store_holds(struct store *s, int64_t version, struct err *ret_err) MUST_CHECK;

/* Unknown work of the lanes that is due to be looked at, with the policy in force: its tenant's,
 * else this one.  changed: also what was last looked at by another policy than that in force. */
int store_load_unknown(struct store *s, uint64_t tag, uint64_t lanes, unsigned limit,
		       enum unknown_policy policy, unsigned quarantine_s, bool changed,
		       struct err *ret_err) MUST_CHECK;

/* Changes and looks at lanes, between batches.  DONE or AWAY (then it may have happened: the
 * next view tells).  Never refused. */
void store_lanes(struct store *s, uint64_t tag, const struct store_lanes *change);

/* How much work waits: as it was counted last, or (anew) counted now and kept for all, with
 * tenants of which `least` or more wait.  A count runs between batches: what completed before it
 * is in it, what completes behind it is not.  DONE or AWAY. */
int store_backlog(struct store *s, uint64_t tag, bool anew, int64_t least,
		  struct err *ret_err) MUST_CHECK;

/* Rings the worker with this incarnation, or (null) all workers of all nodes.  text: at most
 * STORE_RING_BYTES, copied.  A hint: it may be lost, and nobody is told. */
void store_ring(struct store *s, const struct message_id *to, const char *text);

/* Writes and reads not completed, changes of lanes apart (they never end); how long the oldest
 * row has waited, ms (for admission). */
unsigned store_pending(const struct store *s);
int64_t store_oldest_ms(const struct store *s);

#endif
