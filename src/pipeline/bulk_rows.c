/*
 * A slice is BULK_ROWS items, or as many as there is room for: each is read, refused or handed to
 * the store as a job of its own, and when all of them are through, their results are written down
 * and the owner of the lane is rung once.  An item whose own key is another message's asks for
 * that message.
 */
#include "pipeline/bulk_rows.h"

#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "crypto/digest.h"

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
		(void)bulk_go_on(row->bulk, 0);
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
		(void)bulk_go_on(row->bulk, BULK_AGAIN_MS);
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
		(void)bulk_go_on(row->bulk, BULK_AGAIN_MS);
	} else if (first->found &&
		   memcmp(first->fingerprint, row->key.fingerprint, STORE_FINGERPRINT_BYTES) != 0) {
		refuse_row(row, PROBLEM_KEY_REUSED, "");
	} else if (!first->found || !first->message.found) {
		refuse_row(row, PROBLEM_KEY_IN_USE, "");
	} else {
		row->id = first->id;
		row->status = state_status(first->message.state, first->message.failure_code,
					   first->message.sent_wall_us != 0);
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
		row->status = state_status(STATE_SCHEDULED, 0, false);
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
		return bulk_go_on(b, 0);
	if (b->under_way > 0)
		return FLOW_PENDING;
	if (b->used > 0)
		end_slice(b);
	return b->next < count ? bulk_go_on(b, room ? 0 : BULK_AGAIN_MS) : bulk_go_over(b);
}
