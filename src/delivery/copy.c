/*
 * The copy of a sent message for the Conversation Service.
 *
 * Posted as soon as the wamid is known, beside the commit of the outcome.  The answer to the
 * caller waits for it, but never longer than a second; after that the post runs on.  A post
 * that failed is noted in the work table and repeated from there, by the fallback poll of
 * whoever owns the lane then: this worker keeps nothing in memory for a service that is down.
 * A worker that drains waits no longer than that second either: it notes a post that is still
 * under way as due at once, and the next owner repeats it, which the service knows by its
 * Idempotency-Key.
 *
 * After COPY_FAILURES failures in a row new copies are not even posted but noted as due with
 * their outcome, those that are due stay where they are (adopt.c), and one a second tries
 * whether the service is back: an outage costs nothing, however long it takes.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "delivery/item.h"

#define COPY_WAIT_MS 1000
#define COPY_FAILURES 5
#define COPY_PROBE_MS 1000
#define COPY_CAP_S 30

static struct item *item_of(struct job *job)
{
	return LIST_OBJECT(job, struct item, copy_job);
}

/* What is refused for good is asked for again as rarely as may be. */
static int64_t next_wait_us(unsigned tries, const struct err *err)
{
	const bool refused = err->class == ERR_PERMANENT || err->class == ERR_INVALID ||
			     err->class == ERR_INTERNAL;
	int64_t wait_s = refused ? COPY_CAP_S : 1;

	while (--tries > 0 && wait_s < COPY_CAP_S)
		wait_s *= 2;
	return INT64_C(1000000) * (wait_s < COPY_CAP_S ? wait_s : COPY_CAP_S);
}

/* What the service said goes into the store; the item's end waits for that commit. */
static void note(struct item *item, bool stored, int64_t wait_us)
{
	const struct store_conversation row = {
		.id = item->message->id,
		.stored = stored,
		.tries = item->copy_tries,
		.due_wall_us = stored ? 0 : clock_wall_us() + wait_us,
	};

	item->copy = COPY_WRITING;
	item->copy_stored = stored;
	store_conversation(item->delivery->world->store, item->copy_job.id, &row);
}

static void log_failure(struct item *item, const struct err *err)
{
	struct delivery *d = item->delivery;
	char id[MESSAGE_ID_TEXT_BYTES];
	struct log_line line;
	uint64_t suppressed;

	if (!log_rate_allows(&d->copy_log, loop_now_ms(d->world->loop), &suppressed))
		return;
	message_id_text(item->message->id, id);
	log_begin(&line, d->world->log, LOG_WARNING, "conversation_failed");
	log_str(&line, "message_id", id);
	log_str(&line, "tenant_id", item->message->tenant_id);
	log_str(&line, "cause", err->text);
	log_int(&line, "tries", item->copy_tries);
	log_int(&line, "suppressed", (int64_t)suppressed);
	log_end(&line);
}

bool copy_may_post(const struct delivery *d)
{
	return d->copy_failures < COPY_FAILURES;
}

bool copy_may_probe(const struct delivery *d)
{
	return loop_now_ms(d->world->loop) >= d->copy_probe_boot_ms;
}

/* The one that looks takes the probe of this second. */
static bool take_post(struct delivery *d)
{
	if (copy_may_post(d))
		return true;
	if (!copy_may_probe(d))
		return false;
	d->copy_probe_boot_ms = loop_now_ms(d->world->loop) + COPY_PROBE_MS;
	return true;
}

void item_copy_begin(struct item *item)
{
	struct delivery *d = item->delivery;
	struct err err = { .class = ERR_TEMPORARY };

	/* Owed since there was such a service: it is forgiven. */
	if (!d->world->conversation) {
		note(item, true, 0);
		return;
	}
	item->copy_tries++;
	if (take_post(d)) {
		if (!conversation_client_store(d->world->conversation, item->copy_job.id,
					       item->message, item->wamid, &err)) {
			item->copy = COPY_POSTING;
			return;
		}
		if (err.class == ERR_LIMIT)
			meter_bound(d->world->meter, BOUND_COPIES);
		log_failure(item, &err);
	}
	note(item, false, next_wait_us(item->copy_tries, &err));
}

/* The steps wait in STEP_COPY: tell the caller when it need not wait longer, and end when the
 * note is committed. */
static void look(struct item *item)
{
	if (item->step != STEP_COPY)
		return;
	if (item->copy != COPY_POSTING)
		item_tell(item, DELIVERY_SENT);
	if (item->copy == COPY_OVER)
		item_done(item, ITEM_OK);
}

static void on_posted(struct job *job, bool stored, const struct err *err)
{
	struct item *item = item_of(job);
	struct delivery *d = item->delivery;

	if (item->copy != COPY_POSTING)
		return; /* left to the next owner meanwhile */
	d->copy_failures = stored ? 0 : d->copy_failures + 1;
	if (!stored) {
		log_failure(item, err);
		d->copy_probe_boot_ms = loop_now_ms(d->world->loop) + COPY_PROBE_MS;
	}
	note(item, stored, stored ? 0 : next_wait_us(item->copy_tries, err));
	look(item);
}

static void on_written(struct job *job, enum store_verdict verdict, uint64_t seq,
		       const struct err *err)
{
	struct item *item = item_of(job);

	(void)seq;
	(void)err;
	if (item->copy_stored && verdict == STORE_DONE)
		item_work_over(item);
	item->copy = COPY_OVER;
	look(item);
}

static void on_waited(void *arg)
{
	struct item *item = arg;

	item->copy_timer = 0;
	item_tell(item, DELIVERY_SENT);
	if (item->delivery->draining && item->copy == COPY_POSTING)
		note(item, false, 0);
}

static void wait_a_second(struct item *item)
{
	struct loop *loop = item->delivery->world->loop;

	if (!item->copy_timer)
		item->copy_timer =
			loop_timer(loop, loop_now_ms(loop) + COPY_WAIT_MS, on_waited, item);
}

void item_copy_drain(struct item *item)
{
	if (item->step == STEP_COPY)
		wait_a_second(item);
}

enum item_result item_copy_await(struct item *item)
{
	struct delivery *d = item->delivery;

	queues_item_gone(item); /* its queue goes on */
	if (item->copy == COPY_DUE)
		item_copy_begin(item);
	if (item->copy != COPY_POSTING)
		item_tell(item, DELIVERY_SENT);
	if (item->copy == COPY_NONE || item->copy == COPY_OVER)
		return ITEM_OK;
	if (!item->told || d->draining)
		wait_a_second(item);
	return ITEM_PENDING;
}

const struct job_operations copy_operations = {
	.conversation = on_posted,
	.written = on_written,
};
