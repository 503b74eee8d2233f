/*
 * A slice is BULK_ROWS items, or as many as there is room for: each is read, refused or handed to
 * the store as a job of its own, and when all of them are through, their results are written down
 * and the owner of the lane is rung once.  An item whose own key is another message's asks for
 * that message.
 */
#include "pipeline/bulk.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "pipeline/flow.h"

#define LOOK_BYTES ((size_t)4 * 1024)   /* at once, to see whose it is */
#define READ_BYTES ((size_t)128 * 1024) /* scanned and digested at once: about half a ms */
#define AGAIN_MS 20                     /* the store, or its reader, has no room */
#define GRACE_MS 5000                   /* as of other requests with a key */

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

static const struct job_operations row_operations;

static struct loop *loop_of(const struct flow *f)
{
	return f->pipeline->world->loop;
}

/* -- turns and time --------------------------------------------------------------------- */

static void on_tick(void *arg)
{
	struct bulk *b = arg;

	b->tick = 0;
	if (b->flow->result == FLOW_PENDING)
		flow_ready(b->flow, FLOW_PENDING); /* the step once more */
}

/* In another round, so that others come in between. */
static enum flow_result go_on(struct bulk *b, int64_t wait_ms)
{
	if (!b->tick)
		b->tick = loop_timer(loop_of(b->flow), loop_now_ms(loop_of(b->flow)) + wait_ms,
				     on_tick, b);
	return FLOW_PENDING;
}

/* To the next step. */
static enum flow_result go_over(struct bulk *b)
{
	loop_cancel(loop_of(b->flow), b->tick);
	b->tick = 0;
	return FLOW_OK;
}

static bool has_turn(const struct bulk *b)
{
	return b->flow->pipeline->bulks.next == &b->turn;
}

static bool any_asking(const struct bulk *b)
{
	for (unsigned i = 0; i < b->used; i++)
		if (b->rows[i].state == ROW_ASKING)
			return true;
	return false;
}

/* Other steps have bounds of their own, and so has a question to the reader, which has its texts
 * from here. */
static bool may_end(const struct bulk *b)
{
	const struct flow *f = b->flow;

	return f->result == FLOW_PENDING &&
	       (f->step == FLOW_BULK_READ || f->step == FLOW_BULK_OPEN ||
		f->step == FLOW_BULK_ADD || f->step == FLOW_BULK_CLOSE) &&
	       !any_asking(b);
}

static void on_deadline(void *arg)
{
	struct bulk *b = arg;
	struct flow *f = b->flow;

	b->deadline = 0;
	if (!may_end(b)) {
		b->deadline =
			loop_timer(loop_of(f), loop_now_ms(loop_of(f)) + AGAIN_MS, on_deadline, b);
		return;
	}
	f->reply = b->opened ? REPLY_UNCERTAIN : REPLY_STORE_AWAY;
	flow_ready(f, FLOW_NO);
}

void bulk_hurry(struct flow *f, int64_t until_boot_ms)
{
	struct bulk *b = f->bulk;

	if (until_boot_ms >= f->deadline_boot_ms)
		return;
	f->deadline_boot_ms = until_boot_ms;
	loop_cancel(loop_of(f), b->deadline);
	b->deadline = loop_timer(loop_of(f), until_boot_ms, on_deadline, b);
}

struct bulk *bulk_new(struct flow *f, struct str *body)
{
	struct bulk *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	list_init(&b->turn);
	str_init(&b->results, HTTP_RESPONSE_BODY_MAX);
	b->flow = f;
	b->rows = calloc(BULK_ROWS, sizeof(*b->rows));
	b->digest = f->key ? digest_new() : NULL;
	if (b->rows && (b->digest || !f->key))
		b->body = http_bulk_new(body, f->pipeline->world->zones);
	if (!b->body) {
		bulk_free(b);
		return NULL;
	}
	http_bulk_of_tenant(b->body, grant_tenant(f->grant));
	list_append(&f->pipeline->bulks, &b->turn);
	f->pipeline->bulk_count++;
	b->deadline = loop_timer(loop_of(f), f->deadline_boot_ms, on_deadline, b);
	return b;
}

void bulk_free(struct bulk *b)
{
	struct pipeline *p;
	bool had_turn;

	if (!b)
		return;
	p = b->flow->pipeline;
	had_turn = has_turn(b);
	loop_cancel(p->world->loop, b->tick);
	loop_cancel(p->world->loop, b->deadline);
	for (unsigned i = 0; i < b->used; i++)
		world_remove(p->world, &b->rows[i].job);
	/* What the store has may become work yet. */
	if (b->entered > 0) {
		tally_leave(p->world->tally, b->flow->tenant_id, b->under_way, true);
		tally_leave(p->world->tally, b->flow->tenant_id, b->entered - b->under_way, false);
	}
	if (b->body)
		p->bulk_count--;
	list_remove(&b->turn);
	if (had_turn && !list_empty(&p->bulks)) /* who has it is not disturbed */
		(void)go_on(LIST_OBJECT(p->bulks.next, struct bulk, turn), 0);
	http_bulk_free(b->body);
	digest_free(b->digest);
	str_fini(&b->results);
	free(b->rows);
	free(b);
}

/* -- read -------------------------------------------------------------------------------- */

static enum flow_result refuse(struct flow *f, const struct err *err)
{
	f->reply = err->class == ERR_INTERNAL ? REPLY_INTERNAL : REPLY_INVALID;
	text_copy_cut(f->reason, sizeof(f->reason), err->text);
	return FLOW_NO;
}

/* What has been read is digested with it. */
static bool digest_so_far(struct bulk *b, bool all)
{
	size_t len;
	const char *text = http_bulk_text(b->body, &len);
	const size_t from = b->digested;

	b->digested = len;
	return !b->flow->key || (digest_add(b->digest, text + from, len - from) == 0 &&
				 (!all || digest_end(b->digest, b->flow->key->fingerprint) == 0));
}

/* Of those that are held not all may be one tenant's.  Who is named behind the messages is not
 * known yet: all of these are as one. */
static bool has_share(const struct bulk *b)
{
	const struct list *all = &b->flow->pipeline->bulks;
	const char *tenant = http_bulk_tenant(b->body);
	unsigned held = 0;

	for (const struct list *node = all->next; node != all; node = node->next) {
		const struct bulk *other = LIST_OBJECT(node, struct bulk, turn);
		const char *its = http_bulk_tenant(other->body);

		held += other->looked && (tenant && its ? strcmp(tenant, its) == 0 : tenant == its);
	}
	return held < BULKS_OF_TENANT_MAX;
}

static enum flow_result read_on(struct bulk *b, size_t bytes)
{
	struct err err;
	const enum http_bulk_reading reading = http_bulk_read(b->body, bytes, &err);

	if (reading == HTTP_BULK_WRONG)
		return refuse(b->flow, &err);
	b->whole = reading == HTTP_BULK_READ;
	if (digest_so_far(b, b->whole))
		return FLOW_OK;
	b->flow->reply = REPLY_INTERNAL;
	return FLOW_NO;
}

/* Its beginning is read at once, the rest when it has its turn. */
enum flow_result bulk_read(struct flow *f)
{
	struct bulk *b = f->bulk;
	const char *why;

	if (!b->looked) {
		if (read_on(b, LOOK_BYTES) != FLOW_OK)
			return FLOW_NO;
		if (!has_share(b)) {
			meter_bound(f->pipeline->world->meter, BOUND_BULKS);
			f->reply = REPLY_OVERLOADED;
			return FLOW_NO;
		}
		b->looked = true;
	} else if (has_turn(b) && !b->whole && read_on(b, READ_BYTES) != FLOW_OK) {
		return FLOW_NO;
	}
	if (!has_turn(b))
		return FLOW_PENDING;
	if (!b->whole)
		return go_on(b, 0);
	f->tenant_id = http_bulk_tenant(b->body);
	why = grant_refuses(f->grant, f->tenant_id, NULL);
	if (!why)
		return go_over(b);
	text_copy_cut(f->reason, sizeof(f->reason), why);
	f->reply = REPLY_FORBIDDEN;
	return FLOW_NO;
}

unsigned bulk_count(const struct bulk *b)
{
	return http_bulk_count(b->body);
}

/* -- open -------------------------------------------------------------------------------- */

void bulk_resume(struct flow *f, struct message_id id)
{
	f->id = id;
	f->bulk->resumed = true;
}

enum flow_result bulk_open(struct flow *f)
{
	struct bulk *b = f->bulk;
	const int64_t now_ms = loop_now_ms(loop_of(f));
	struct store_batch row = {
		.tenant_id = f->tenant_id,
		.messages = bulk_count(b),
		.key = f->key,
	};
	uint8_t random[10];
	struct err err;

	if (!b->resumed) {
		random_bytes(random, sizeof(random));
		f->id = message_id_make(clock_wall_us() / 1000, random);
	}
	http_bulk_came(b->body, 1000 * message_id_ms(f->id));
	if (f->key)
		f->key->runs_ms = f->deadline_boot_ms - now_ms + GRACE_MS;
	row.id = f->id;
	if (!store_open_batch(f->pipeline->world->store, f->job.id, &row, &err))
		return FLOW_PENDING;
	f->reply = REPLY_OVERLOADED;
	return FLOW_NO;
}

enum flow_result bulk_opened(struct flow *f, enum store_verdict verdict)
{
	struct bulk *b = f->bulk;

	if (verdict == STORE_DONE) {
		b->opened = true;
		b->entered = f->entered;
		f->entered = 0;
		return FLOW_OK;
	}
	if (verdict == STORE_CONFLICT)
		return FLOW_TAKEN;
	f->reply = REPLY_INTERNAL;
	return FLOW_NO;
}

/* -- add --------------------------------------------------------------------------------- */

/* The item's own id: the time of its batch, and what only who knows the batch can tell. */
static bool derive_id(struct message_id batch, unsigned index, struct message_id *ret_id)
{
	uint8_t text[sizeof(batch.bytes) + 4];
	uint8_t digest[DIGEST_SHA256_BYTES];

	memcpy(text, batch.bytes, sizeof(batch.bytes));
	for (unsigned i = 0; i < 4; i++)
		text[sizeof(batch.bytes) + i] = (uint8_t)(index >> (24 - 8 * i));
	if (digest_sha256(text, sizeof(text), digest))
		return false;
	*ret_id = message_id_make(message_id_ms(batch), digest);
	return true;
}

/* What the item says, and what it takes from the defaults. */
static bool digest_item(const struct bulk *b, unsigned index, uint8_t *ret_digest)
{
	struct digest *d = digest_new();
	size_t len, shared_len;
	const char *text = http_bulk_item_text(b->body, index, &len);
	const char *shared = http_bulk_defaults_text(b->body, &shared_len);
	const bool ok = d && !digest_add(d, text, len) && !digest_add(d, "", 1) &&
			!digest_add(d, shared, shared_len) && !digest_end(d, ret_digest);

	digest_free(d);
	return ok;
}

static void end_row(struct row *row, enum row_state state)
{
	row->state = state;
	row->bulk->under_way--;
	if (row->bulk->under_way == 0)
		(void)go_on(row->bulk, 0);
}

static void refuse_row(struct row *row, enum problem problem, const char *why)
{
	row->problem = problem;
	text_copy_cut(row->why, sizeof(row->why), why);
	end_row(row, ROW_REFUSED);
}

/* Else its answer is on its way, and its texts are gone with it. */
static bool is_adding(const struct bulk *b)
{
	return b->flow->step == FLOW_BULK_ADD && b->flow->result == FLOW_PENDING;
}

static void ask(struct row *row)
{
	struct flow *f = row->bulk->flow;
	struct err err;

	if (store_find_key(f->pipeline->world->store, row->job.id, f->tenant_id, row->key.key,
			   &err) == 0)
		row->state = ROW_ASKING;
	else
		(void)go_on(row->bulk, AGAIN_MS);
}

static void on_added(struct job *job, enum store_verdict verdict, uint64_t seq,
		     const struct err *err)
{
	struct row *row = LIST_OBJECT(job, struct row, job);

	(void)err;
	if (row->state != ROW_ADDING)
		return;
	row->seq = seq;
	switch (verdict) {
	case STORE_DONE:
		meter_count(row->bulk->flow->pipeline->world->meter, METRIC_ACCEPTED, 0, 0);
		end_row(row, ROW_TAKEN);
		return;
	case STORE_CONFLICT:
		row->state = ROW_ASKS;
		if (is_adding(row->bulk))
			ask(row);
		return;
	case STORE_NOT_BEGUN:
		refuse_row(row, PROBLEM_BATCH_CANCELLED, "");
		return;
	case STORE_OVER_QUOTA:
		refuse_row(row, PROBLEM_QUOTA_EXCEEDED, "");
		return;
	case STORE_AWAY:
	case STORE_UNCERTAIN:
	case STORE_REJECTED:
		break;
	}
	refuse_row(row, PROBLEM_INTERNAL, "");
}

static void on_first(struct job *job, enum store_verdict verdict, const struct store_first *first,
		     const struct err *err)
{
	struct row *row = LIST_OBJECT(job, struct row, job);

	(void)err;
	if (row->state != ROW_ASKING)
		return;
	if (verdict != STORE_DONE) {
		row->state = ROW_ASKS;
		(void)go_on(row->bulk, AGAIN_MS);
	} else if (first->found &&
		   memcmp(first->fingerprint, row->key.fingerprint, STORE_FINGERPRINT_BYTES) != 0) {
		refuse_row(row, PROBLEM_KEY_REUSED, "");
	} else if (!first->found || !first->message.found) {
		refuse_row(row, PROBLEM_KEY_IN_USE, "");
	} else {
		row->id = first->id;
		row->status = state_status(first->message.state, first->message.failure_code);
		end_row(row, ROW_REPLAYED);
	}
}

static const struct job_operations row_operations = {
	.written = on_added,
	.first = on_first,
};

/* False: the store has no room for it now. */
static bool submit(struct row *row, struct message *m)
{
	const struct pipeline *p = row->bulk->flow->pipeline;
	struct store_accept accept = { .message = m, .charge = row->bulk->flow->charge };
	struct err err;

	m->id = row->id;
	m->batch_id = row->bulk->flow->id;
	row->queue = message_queue(m->tenant_id, m->outlet_id, m->class);
	m->accepted_wall_us = clock_wall_us();
	accept.expires_wall_us = message_expires_us(m, 1000 * p->settings.message_ttl_ms);
	accept.due_wall_us = m->due_wall_us;
	accept.scheduled = message_is_later(m, 1000 * DELIVERY_DUE_AHEAD_MS);
	if (m->due_wall_us)
		row->status = state_status(STATE_SCHEDULED, 0);
	accept.key = *row->key.key ? &row->key : NULL;
	return store_add(p->world->store, row->job.id, &accept, &err) == 0;
}

/* One item more in this slice.  False: not now. */
static bool take_item(struct bulk *b)
{
	struct row *row = &b->rows[b->used];
	const char *why;
	struct message *m;
	struct err err;

	*row = (struct row){
		.job.operations = &row_operations,
		.bulk = b,
		.index = b->next,
		.status = "queued",
	};
	if (!world_add(b->flow->pipeline->world, &row->job))
		return false;
	m = http_bulk_item(b->body, b->next, row->key.key, &err);
	why = m ? grant_refuses(b->flow->grant, m->tenant_id, m->outlet_id) : NULL;
	if (why) {
		message_free(m);
		row->state = ROW_REFUSED;
		row->problem = PROBLEM_FORBIDDEN;
		text_copy_cut(row->why, sizeof(row->why), why);
	} else if (m && derive_id(b->flow->id, b->next, &row->id) &&
		   (!*row->key.key || digest_item(b, b->next, row->key.fingerprint))) {
		if (!submit(row, m)) {
			message_free(m);
			world_remove(b->flow->pipeline->world, &row->job);
			return false;
		}
	} else {
		message_free(m);
		row->state = ROW_REFUSED;
		row->problem = m || err.class == ERR_INTERNAL ? PROBLEM_INTERNAL
							      : PROBLEM_INVALID_REQUEST;
		text_copy_cut(row->why, sizeof(row->why),
			      row->problem == PROBLEM_INTERNAL ? "" : err.text);
	}
	b->under_way += row->state == ROW_ADDING;
	b->used++;
	b->next++;
	return true;
}

static void write_down(struct bulk *b, const struct row *row)
{
	if (row->state == ROW_REFUSED) {
		b->counts.refused++;
		http_bulk_refused(&b->results, row->index, row->problem,
				  *row->why ? row->why : NULL);
	} else {
		b->counts.accepted++;
		http_bulk_taken(&b->results, row->index, row->id, row->status,
				row->state == ROW_REPLAYED);
	}
}

/* Each queue that has got something, once. */
static void ring(const struct bulk *b)
{
	const struct flow *f = b->flow;

	for (unsigned i = 0; i < b->used; i++) {
		const struct row *row = &b->rows[i];
		uint64_t first = row->seq;
		bool rung = row->state != ROW_TAKEN;

		for (unsigned k = 0; k < b->used && !rung; k++) {
			const struct row *other = &b->rows[k];

			if (other->state != ROW_TAKEN || other->queue != row->queue)
				continue;
			rung = k < i;
			first = other->seq < first ? other->seq : first;
		}
		if (!rung)
			delivery_look(f->pipeline->delivery, message_lane(f->tenant_id), row->queue,
				      first);
	}
}

static void end_slice(struct bulk *b)
{
	struct pipeline *p = b->flow->pipeline;
	unsigned added = 0;

	ring(b);
	for (unsigned i = 0; i < b->used; i++) {
		added += b->rows[i].state == ROW_TAKEN;
		write_down(b, &b->rows[i]);
		world_remove(p->world, &b->rows[i].job);
	}
	tally_leave(p->world->tally, b->flow->tenant_id, added, true);
	tally_leave(p->world->tally, b->flow->tenant_id, b->used - added, false);
	b->entered -= b->used;
	b->used = 0;
}

static void ask_again(struct bulk *b)
{
	for (unsigned i = 0; i < b->used; i++)
		if (b->rows[i].state == ROW_ASKS)
			ask(&b->rows[i]);
}

enum flow_result bulk_add(struct flow *f)
{
	struct bulk *b = f->bulk;
	const unsigned count = bulk_count(b);
	const int64_t until_ms = clock_boot_ms() + BULK_SLICE_MS;
	bool room = true;

	ask_again(b);
	while (room && b->next < count && b->used < BULK_ROWS && clock_boot_ms() < until_ms)
		room = take_item(b);
	if (room && b->next < count && b->used < BULK_ROWS)
		return go_on(b, 0);
	if (b->under_way > 0)
		return FLOW_PENDING;
	if (b->used > 0)
		end_slice(b);
	return b->next < count ? go_on(b, room ? 0 : AGAIN_MS) : go_over(b);
}

/* -- close and answer ---------------------------------------------------------------------- */

enum flow_result bulk_close(struct flow *f)
{
	const struct http_bulk_counts *counts = &f->bulk->counts;
	struct err err;

	f->reply = REPLY_PENDING;
	if (store_close_batch(f->pipeline->world->store, f->job.id, f->id, counts->accepted,
			      counts->refused, &err))
		return go_on(f->bulk, AGAIN_MS);
	return FLOW_PENDING;
}

enum flow_result bulk_closed(struct flow *f, enum store_verdict verdict)
{
	if (verdict == STORE_DONE)
		return FLOW_OK;
	f->reply = REPLY_UNCERTAIN;
	return FLOW_NO;
}

const struct http_bulk_counts *bulk_counts(const struct bulk *b)
{
	return &b->counts;
}

void bulk_answer(const struct flow *f, struct http_response *r)
{
	http_bulk_answer(r, f->id, &f->bulk->counts, &f->bulk->results);
}
