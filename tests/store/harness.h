/*
 * harness - a store on a real PostgreSQL for one test: the loop, what completed, messages to
 * accept, and plain SQL beside it.
 *
 * STORE_TEST_URL names a database whose message_sender schema may be thrown away; its user
 * is a superuser.  STORE_TEST_LOG is the server's log file.
 */
#ifndef TESTS_STORE_HARNESS_H
#define TESTS_STORE_HARNESS_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"
#include "proxy.h"
#include "store/store.h"

#define HARNESS_TAGS 1100
#define HARNESS_HOLDS_TAG 1099
#define HARNESS_KEYS_TAG 1098
#define HARNESS_HOLDS 8
#define HARNESS_QUEUES 2048
#define HARNESS_ACTS 16

struct done {
	unsigned times; /* must end as 1 */
	unsigned order; /* of completion, from 1 */
	enum store_verdict verdict;
	uint64_t seq;
	int64_t submitted_ms; /* of an acceptance; since harness_open() */
	int64_t after_ms;     /* completed; since harness_open() */
	struct err err;
};

struct loaded {
	struct message *message;
	enum state state;
	unsigned attempt;
	unsigned counted;
	int64_t deadline_wall_us;
	int64_t due_wall_us;
	int64_t expires_wall_us;
	struct message_id incarnation;
	char number[32];
	char wamid[160];
};

struct harness_unknown {
	struct store_unknown row; /* without its borrowed texts, but these: */
	char number[32];
	char wamid[160];
};

struct harness {
	bool charge; /* what is accepted */
	struct loop *loop;
	struct store *store;
	struct message_id incarnation;
	struct beacon_known known; /* to the next store that is opened */
	PGconn *sql;
	struct proxy *proxy; /* of harness_start_behind_proxy() */
	int64_t started_ms;
	unsigned done_count;
	struct done done[HARNESS_TAGS];
	struct message *messages[HARNESS_TAGS];
	struct store_status status;
	struct store_first first; /* without its borrowed text … */
	char first_body[1024];    /* … which is here */
	bool found;
	char json[65536]; /* of the last read */
	struct store_lanes_view view;
	int64_t holds_version;
	bool holds_changed;
	unsigned hold_count;
	struct hold holds[HARNESS_HOLDS];
	int64_t keys_version;
	bool key_found;
	struct api_key key; /* its outlets: below */
	char key_outlets[256];
	struct store_backlog *backlog; /* of the last count; its texts: the copies below */
	char tenants[8][32];
	unsigned rung_count;
	unsigned missed_count; /* bells may have been lost */
	char rung[STORE_RING_BYTES + 1];
	struct store_queue queues[HARNESS_QUEUES]; /* of the last look */
	unsigned queue_count;
	unsigned looked_count; /* looks that have ended */
	enum store_verdict looked;
	struct loaded loaded[HARNESS_TAGS];
	unsigned loaded_count;
	bool more;
	struct harness_unknown unknown[HARNESS_TAGS]; /* of the last load */
	unsigned unknown_count;
	struct store_received received;      /* of the last call of a tag … */
	struct store_received adopted;       /* … and of orphans, the last of `adopted_count` */
	struct store_act acts[HARNESS_ACTS]; /* of received; without texts of the receipt */
	unsigned adopted_count;
};

/* Migrates, empties the tables, makes the loop. */
void harness_prepare(struct harness *h);
/* Starts a store on conninfo; waits until it is ready when told so. */
void harness_open(struct harness *h, const char *conninfo, bool wait_ready);
/* Both, on STORE_TEST_URL, ready. */
void harness_start(struct harness *h);
/* The same through h->proxy; its first upkeep, which comes before any load, is done. */
void harness_start_behind_proxy(struct harness *h);
void harness_stop(struct harness *h);

typedef bool harness_condition(struct harness *h, void *arg);
/* Runs the loop until the condition holds; the test fails after the deadline. */
void harness_until(struct harness *h, int64_t within_ms, harness_condition *condition, void *arg);
/* Until so many operations in all have completed. */
void harness_until_done(struct harness *h, unsigned count, int64_t within_ms);
void harness_until_ready(struct harness *h, int64_t within_ms);
/* Runs the loop for so long: for what must not happen. */
void harness_run_for(struct harness *h, int64_t ms);

/* Message number `tag`, made on first use, owned by the harness. */
struct message *harness_message(struct harness *h, unsigned tag);
/* Submits its acceptance; begin: attempt 1 begins with it. */
void harness_accept(struct harness *h, unsigned tag, bool begin);
/* The same with an idempotency key, whose fingerprint is all `print`. */
void harness_accept_keyed(struct harness *h, unsigned tag, bool begin, const char *key,
			  uint8_t print);
/* Asks for a key of message `tag`'s tenant; what became of it is in h->first. */
void harness_find_key(struct harness *h, unsigned tag, unsigned find_tag, const char *key);
/* An outcome row of attempt 1 of message `tag`, accepted, done; to be changed and given in. */
struct store_outcome harness_outcome(struct harness *h, unsigned tag);
/* The same, whose reply was lost. */
struct store_outcome harness_lost(struct harness *h, unsigned tag);
/* Submits the begin of an attempt of message `tag`, as operation `op`. */
void harness_begin(struct harness *h, unsigned tag, unsigned attempt, unsigned op);
/* Accepts message `tag`, whose attempt 1 begins with it, and loses its reply; two operations, done:
 * `tag` and `op`. */
void harness_lose(struct harness *h, unsigned tag, unsigned op);
/* Operation `op` has completed, once, with this verdict. */
void harness_expect(struct harness *h, unsigned op, enum store_verdict verdict);
/* Which queues of these lanes have work that is to be sent: h->queues. */
void harness_look(struct harness *h, uint64_t lanes, int64_t after, int64_t due_until_wall_us,
		  unsigned limit);
/* All that work, of at most STORE_QUEUES_MAX queues, into h->loaded; waits for completion `tag`. */
void harness_load(struct harness *h, unsigned tag, uint64_t lanes, int64_t due_until_wall_us);
void harness_status(struct harness *h, unsigned tag, unsigned status_tag);

/* A statement's one value as integer or text (static buffer); the test fails on error. */
long harness_sql_long(struct harness *h, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
const char *harness_sql_text(struct harness *h, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The id of message `tag` as text; static buffer. */
const char *harness_id(struct harness *h, unsigned tag);
const char *harness_url(void);

#endif
