/*
 * fake_world - everything that delivery and pipeline talk to, played by the test: it defines
 * the functions of the store and of the three clients itself (link neither libstore nor
 * libclients with it), writes down what was asked, and completes it when the test says so.
 */
#ifndef TESTS_UNIT_FAKE_WORLD_H
#define TESTS_UNIT_FAKE_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "delivery/world.h"

#define FAKE_MAX 64

struct fake_accept {
	uint64_t tag;
	struct message_id id;
	bool caller_waits;
	bool begin;
	char number[CREDENTIALS_NUMBER_BYTES];
	int64_t expires_wall_us;
	int64_t deadline_wall_us;
	bool failed;
	int failure_code;
	char failure_reason[256];
	bool keyed;
	struct store_key key; /* without its answer's text … */
	char key_answer[512]; /* … which is here */
};

struct fake_begin {
	uint64_t tag;
	struct message_id id;
	unsigned attempt;
	char number[CREDENTIALS_NUMBER_BYTES];
	int64_t deadline_wall_us;
};

struct fake_outcome {
	uint64_t tag;
	struct store_outcome row; /* its texts are not used */
	char wamid[WAMID_BYTES];
	char title[128];
	char failure_reason[512];
};

struct fake_defer {
	uint64_t tag;
	struct store_defer row;
	char reason[256];
};

struct fake_note {
	uint64_t tag;
	struct store_conversation row;
};

struct fake_answer {
	uint64_t tag;
	struct message_id id;
	int status;
	char body[512];
};

struct fake_open {
	uint64_t tag;
	struct message_id id;
	unsigned messages;
	bool keyed;
	struct store_key key;
};

struct fake_webhook {
	uint64_t tag;
	unsigned receipts; /* 0: it was handed none */
	unsigned notices;
	enum receipt_status first;
	size_t body_len;
	char body[256]; /* its beginning */
};

struct fake_add {
	uint64_t tag;
	struct message_id id;
	struct message_id batch_id;
	enum message_class class;
	int64_t valid_until_wall_us;
	bool keyed;
	struct store_key key;
};

struct fake_close {
	uint64_t tag;
	struct message_id id;
	unsigned accepted;
	unsigned refused;
};

struct fake_cancel {
	uint64_t tag;
	struct message_id id;
	struct message_id after;
};

struct fake_find {
	uint64_t tag;
	char tenant[160];
	char key[STORE_KEY_BYTES];
};

struct fake_read {
	uint64_t tag;
	struct store_read request;
};

struct fake_load {
	uint64_t tag;
	uint64_t lanes;
	int64_t after; /* of queues */
	int64_t due_until_wall_us;
	struct message_id id; /* by id: the first of so many */
	unsigned ids;
};

struct fake_look {
	unsigned count;
	struct store_look first;
};

struct fake_unknown_load {
	uint64_t lanes;
	enum unknown_policy policy;
	unsigned quarantine_s;
	bool changed;
};

struct fake_settle {
	uint64_t tag;
	struct store_settle row;
	char why[256];
};

struct fake_ring {
	bool all;
	struct message_id to;
	char text[256];
};

struct fake_send {
	uint64_t tag;
	struct message_id id;
	unsigned attempt;
	struct credentials credentials;
	int64_t deadline_boot_ms;
};

struct fake_post {
	uint64_t tag;
	char wamid[WAMID_BYTES];
};

struct fake_lookup {
	uint64_t tag;
	char tenant[160];
	char outlet[160];
	char refused[CREDENTIALS_TOKEN_BYTES]; /* "": no token was refused */
};

#define FAKE_ADDS 512

/* What was asked, in order: things[thing_count - 1] is the last one. */
struct fake {
	unsigned accept_count;
	struct fake_accept accepts[FAKE_MAX];
	unsigned begin_count;
	uint64_t managed; /* the tag of the last decision by key */
	struct fake_begin begins[FAKE_MAX];
	unsigned outcome_count;
	struct fake_outcome outcomes[FAKE_MAX];
	unsigned defer_count;
	struct fake_defer defers[FAKE_MAX];
	unsigned note_count;
	struct fake_note notes[FAKE_MAX];
	unsigned answer_count;
	struct fake_webhook webhooks[FAKE_MAX];
	unsigned webhook_count;
	struct fake_open opens[FAKE_MAX];
	unsigned open_count;
	struct fake_add adds[FAKE_ADDS]; /* a ring */
	unsigned add_count;
	struct fake_close closes[FAKE_MAX];
	unsigned close_count;
	struct fake_cancel cancels[FAKE_MAX];
	unsigned cancel_count;
	struct fake_answer answers[FAKE_MAX];
	unsigned call_off_count;
	struct fake_answer call_offs[FAKE_MAX]; /* tag and id */
	unsigned find_count;
	struct fake_find finds[FAKE_MAX];
	unsigned load_count; /* looks which queues have work that is to be sent */
	unsigned copy_load_count;
	unsigned copy_limit; /* of the last such load */
	struct fake_load loads[FAKE_MAX];
	unsigned page_load_count; /* loads of queues … */
	unsigned page_count;      /* … the last one, not answered yet, of so many */
	struct store_queue_load pages[STORE_QUEUES_MAX];
	unsigned row_count; /* what fake_work() has put into the store */
	struct store_work rows[FAKE_MAX];
	unsigned read_count;
	struct fake_read reads[FAKE_MAX];
	unsigned call_count;
	struct fake_load calls[FAKE_MAX];
	unsigned held_load_count;
	struct fake_load held_loads[FAKE_MAX];
	unsigned due_load_count;
	struct fake_load due_loads[FAKE_MAX];
	unsigned holds_count;  /* looks at the holds … */
	int64_t holds_version; /* … the last one with this version */
	unsigned probe_count;  /* loads of a probe, the last for this hold */
	int probed_hold;
	unsigned hold_count; /* that are to begin, the last one */
	struct hold held;
	char held_note[320];
	unsigned release_count;
	int released_hold;
	unsigned unknown_load_count;
	struct fake_unknown_load unknown_loads[FAKE_MAX];
	unsigned settle_count;
	struct fake_settle settles[FAKE_MAX];
	unsigned change_count;
	struct store_lanes changes[FAKE_MAX];
	unsigned ring_count;
	struct fake_ring rings[FAKE_MAX];
	unsigned backlog_count;
	bool backlog_anew;       /* the last one was for a new count */
	unsigned key_find_count; /* API keys asked for, the last one … */
	char key_found[API_KEY_ID_BYTES];
	unsigned key_look_count; /* looks at their version, with so many that were used */
	unsigned keys_used;
	char key_used[API_KEY_ID_BYTES]; /* the first of them */
	char asked_by[160];              /* tenant of the last status; "": whoever */
	unsigned status_count;
	uint64_t status_tags[FAKE_MAX];
	unsigned look_count;
	struct fake_look looks[FAKE_MAX];
	unsigned send_count;
	struct fake_send sends[FAKE_MAX];
	unsigned post_count;
	struct fake_post posts[FAKE_MAX];
	unsigned lookup_count;
	struct fake_lookup lookups[FAKE_MAX];
	unsigned quota_count;
	uint64_t quota_tags[FAKE_MAX];
	unsigned learn_count;
	struct credentials learned;

	/* What the world is like. */
	unsigned room;                /* of the graph client; a call takes one until its answer */
	bool fell_back;               /* the graph client, to HTTP/1.1 */
	char details[256];            /* of its next answers */
	bool store_full;              /* accept, begin, find, load and status are refused */
	bool graph_refuses;           /* graph_client_send() fails */
	bool copies_refused;          /* conversation_client_store() fails */
	bool copies_refused_for_good; /* a post that fails does so for good */
	bool answers_at_once;         /* look-ups are answered from within */
	bool quota_at_once;
	enum credentials_verdict credentials_verdict;
	struct credentials credentials;
	enum quota_verdict quota_verdict;
	bool known; /* tenant_client_known() finds `credentials` */
	bool store_away;
	bool deaf; /* bells of other nodes are not heard */
	int64_t store_oldest_ms;
};

extern struct fake fake;

/* The place of one more thing in its list. */
unsigned fake_next(unsigned *count);

struct loop;
struct world *fake_world_new(struct loop *loop, uint32_t max_jobs);

/* Completions, by tag. */
void fake_written(uint64_t tag, enum store_verdict verdict);
void fake_accepted(uint64_t tag, enum store_verdict verdict, uint64_t seq);
void fake_found(uint64_t tag, enum store_verdict verdict, const struct store_found *found);
void fake_status(uint64_t tag, enum store_verdict verdict, const struct store_status *status);
void fake_first(uint64_t tag, enum store_verdict verdict, const struct store_first *first);
void fake_received(uint64_t tag, enum store_verdict verdict, const struct store_received *received);
/* A row of the store's work that is to be sent; or null: a look finds the queues of these rows, and
 * they are loaded as they are asked for, all at once; then the store has none.  more: there are
 * more queues. */
void fake_work(const struct store_work *row, bool more);
/* The same step by step: the end of the look; and the answer to the load that was asked for. */
void fake_looked(bool more);
void fake_load_pages(void);
/* The same for copies of sent messages. */
void fake_copies(const struct store_work *row, bool more);
/* calls: the load by id. */
void fake_load_failed(bool calls);
/* One row of what is unknown, or null for the end of a page. */
void fake_unknown(const struct store_unknown *row, bool more);
/* The answer to the last question for a key; and for the version. */
void fake_api_key(enum store_verdict verdict, int64_t version, const struct api_key *key);
void fake_key_version(enum store_verdict verdict, int64_t version);
/* The answer to a change of lanes; null: the store is away. */
void fake_view(const struct store_lanes_view *view);
/* The answer to a look at the holds: these are in force (sorted). */
void fake_holds(int64_t version, struct hold *holds, unsigned count);
/* One row of what is held no more, or null for the end of a page. */
void fake_held(const struct store_work *row, bool more);
/* The answer to the last question how much waits; null: the store is away. */
void fake_backlog(const struct store_backlog *backlog);
/* The whole answer to the load of a probe. */
void fake_probe(const struct store_work *row);
/* A bell from another node. */
void fake_rung(const char *text);
/* One row of a load by id, or null for its end. */
void fake_called(const struct store_work *row);
void fake_graph(uint64_t tag, const struct call_facts *facts);
void fake_accept_call(uint64_t tag, const char *wamid);
bool fake_gate(uint64_t tag);
void fake_posted(uint64_t tag, bool stored);
/* With fake.credentials_verdict and fake.credentials. */
void fake_looked_up(uint64_t tag);
void fake_quota(uint64_t tag);

#endif
