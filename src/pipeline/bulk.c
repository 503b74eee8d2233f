/* The call itself: its turn and its time, its body, its row and its answer. */
#include "pipeline/bulk.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "pipeline/bulk_rows.h"
#include "pipeline/flow.h"

#define LOOK_BYTES ((size_t)4 * 1024)   /* at once, to see whose it is */
#define READ_BYTES ((size_t)128 * 1024) /* scanned and digested at once: about half a ms */
#define GRACE_MS 5000                   /* as of other requests with a key */

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

enum flow_result bulk_go_on(struct bulk *b, int64_t wait_ms)
{
	if (!b->tick)
		b->tick = loop_timer(loop_of(b->flow), loop_now_ms(loop_of(b->flow)) + wait_ms,
				     on_tick, b);
	return FLOW_PENDING;
}

enum flow_result bulk_go_over(struct bulk *b)
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
		b->deadline = loop_timer(loop_of(f), loop_now_ms(loop_of(f)) + BULK_AGAIN_MS,
					 on_deadline, b);
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
		(void)bulk_go_on(LIST_OBJECT(p->bulks.next, struct bulk, turn), 0);
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
		return bulk_go_on(b, 0);
	f->tenant_id = http_bulk_tenant(b->body);
	why = grant_refuses(f->grant, f->tenant_id, NULL);
	if (!why)
		return bulk_go_over(b);
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

/* -- close and answer ---------------------------------------------------------------------- */

enum flow_result bulk_close(struct flow *f)
{
	const struct http_bulk_counts *counts = &f->bulk->counts;
	struct err err;

	f->reply = REPLY_PENDING;
	if (store_close_batch(f->pipeline->world->store, f->job.id, f->id, counts->accepted,
			      counts->refused, &err))
		return bulk_go_on(f->bulk, BULK_AGAIN_MS);
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
