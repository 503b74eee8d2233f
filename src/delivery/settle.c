/*
 * What is unknown in our lanes is settled by the policy of its tenant, or of the service: read
 * when it is due, decided by domain/settle, and written by a statement that finds it still
 * unknown or does nothing.
 *
 * The store is the memory: due_at of the work row is when it is looked at next, so a restart or
 * another owner goes on where this one was.  Once when lanes have become ours we also read what
 * was last looked at by another policy than that in force, as settings may have changed.
 * A decision to send again only makes the message due; the poll of what is to be sent finds it.
 *
 * At most one page is under way: the next one is read when all its writes have completed.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/text.h"
#include "delivery/item.h"

#define POLL_MS 2000
#define GO_ON_MS 100 /* to the next page */
#define PAGE_ROWS 200
#define WHY_BYTES 192

/* A message while what was decided about it is being written. */
struct settling {
	struct job job;
	struct list node; /* of delivery.settling.writes */
	struct delivery *delivery;
	struct message_id id;
	unsigned attempt;
	enum settle_verdict verdict;
	enum unknown_policy policy;
	char number[CREDENTIALS_NUMBER_BYTES];
	char wamid[WAMID_BYTES];
	char why[WHY_BYTES];
};

static void on_poll(void *arg)
{
	struct delivery *d = arg;
	const uint64_t lanes = lanes_ours(d->lanes);
	struct err err;

	d->settling.timer = 0;
	if (d->draining)
		return;
	d->settling.loading = lanes != 0 && store_load_unknown(d->world->store, 0, lanes, PAGE_ROWS,
							       d->settings.unknown_policy,
							       d->settings.unknown_quarantine_s,
							       d->settling.changed, &err) == 0;
	d->settling.changed_asked = d->settling.changed;
	if (!d->settling.loading)
		settle_start(d);
}

static void poll_in(struct delivery *d, int64_t wait_ms)
{
	if (!d->settling.timer)
		d->settling.timer = loop_timer(d->world->loop,
					       loop_now_ms(d->world->loop) + wait_ms, on_poll, d);
}

void settle_start(struct delivery *d)
{
	poll_in(d, POLL_MS);
}

void settle_stop(struct delivery *d)
{
	loop_cancel(d->world->loop, d->settling.timer);
	d->settling.timer = 0;
}

void settle_now(struct delivery *d)
{
	if (d->settling.timer) {
		settle_stop(d);
		poll_in(d, 0);
	} else {
		d->settling.rung = true; /* behind the look that is under way */
	}
}

void settle_taken(struct delivery *d)
{
	d->settling.changed = true;
	d->settling.changed_asked = false;
	settle_now(d);
}

static void forget(struct settling *s)
{
	list_remove(&s->node);
	world_remove(s->delivery->world, &s->job);
	free(s);
}

void settle_free(struct delivery *d)
{
	struct list *node;

	while ((node = list_take_first(&d->settling.writes)))
		forget(LIST_OBJECT(node, struct settling, node));
}

/* The page is read and written: what comes next? */
static void look_on(struct delivery *d)
{
	if (d->settling.loading || !list_empty(&d->settling.writes) || d->draining)
		return;
	poll_in(d, d->settling.more || d->settling.rung ? GO_ON_MS : POLL_MS);
	d->settling.rung = false;
}

static void log_settled(const struct settling *s)
{
	char id[MESSAGE_ID_TEXT_BYTES];
	struct log_line line;

	message_id_text(s->id, id);
	log_begin(&line, s->delivery->world->log, LOG_WARNING, "unknown_settled");
	log_str(&line, "message_id", id);
	log_int(&line, "attempt", s->attempt);
	log_str(&line, "as",
		s->verdict == SETTLE_RESEND ? "resend"
		: s->verdict == SETTLE_SENT ? "sent"
					    : "failed");
	log_str(&line, "policy", unknown_policy_name(s->policy));
	log_str(&line, "why", s->why);
	log_end(&line);
}

static void on_written(struct job *job, enum store_verdict verdict, uint64_t seq,
		       const struct err *err)
{
	struct settling *s = LIST_OBJECT(job, struct settling, job);
	struct delivery *d = s->delivery;

	(void)seq;
	if (verdict == STORE_REJECTED)
		log_text(d->world->log, LOG_ERROR, "write_rejected", "settle: %s", err->text);
	if (verdict == STORE_DONE && s->verdict >= SETTLE_RESEND) {
		meter_count(d->world->meter, METRIC_SETTLED, s->policy, s->verdict - SETTLE_RESEND);
		log_settled(s);
	}
	if (verdict == STORE_DONE && s->verdict == SETTLE_RESEND)
		poll_now(d);
	forget(s);
	look_on(d);
}

static const struct job_operations settling_operations = { .written = on_written };

static enum settle_verdict decide(const struct delivery *d, const struct store_unknown *row,
				  int64_t *ret_wait_ms)
{
	const struct settle_case c = {
		.policy = row->policy,
		.quarantine_ms = INT64_C(1000) * row->quarantine_s,
		.max_resends = d->settings.retry.max_retries,
		.lost_ms = -row->lost_for_ms, /* now is 0 */
		.expires_ms = row->valid_ms,
		.accepted = row->receipt_attempt > 0,
		.later_receipts = row->later_receipts,
		.resends = row->resends,
		.restored = row->restored,
	};

	return settle_decide(&c, ret_wait_ms);
}

static void say_why(struct settling *s, const struct store_unknown *row)
{
	const long long lost_s = (long long)row->lost_for_ms / 1000;

	if (s->verdict == SETTLE_SENT)
		(void)snprintf(s->why, sizeof(s->why), "a receipt of attempt %u has come",
			       row->receipt_attempt);
	else if (row->policy == UNKNOWN_EVIDENCE)
		(void)snprintf(s->why, sizeof(s->why),
			       "%u later messages of this number have receipts and it has none%s",
			       row->later_receipts,
			       s->verdict == SETTLE_FAIL ? "; its validity is over" : "");
	else
		(void)snprintf(s->why, sizeof(s->why),
			       "no reply and no receipt %lld s after it was lost%s", lost_s,
			       s->verdict == SETTLE_RESEND   ? ""
			       : row->policy == UNKNOWN_FAIL ? ""
			       : row->valid_ms <= 0          ? "; its validity is over"
							     : "; it was sent again often enough");
}

static void write_sent(struct settling *s, const struct store_unknown *row)
{
	text_copy_cut(s->number, sizeof(s->number), row->number);
	text_copy_cut(s->wamid, sizeof(s->wamid), row->receipt_wamid);
	store_outcome(s->delivery->world->store, s->job.id,
		      &(struct store_outcome){
			      .id = row->id,
			      .attempt = row->receipt_attempt,
			      .incarnation = row->incarnation,
			      .outcome = OUTCOME_ACCEPTED,
			      .number = s->number,
			      .begun_wall_us = row->begun_wall_us,
			      .ended_wall_us = row->receipt_wall_us,
			      .title = "",
			      .details = s->why,
			      .trace = "",
			      .wamid = s->wamid,
			      .next = row->to_copy ? STORE_NEXT_CONVERSATION : STORE_NEXT_DONE,
			      .due_wall_us = clock_wall_us(),
			      .failure_reason = "",
		      });
}

static void write_decision(struct settling *s, const struct store_unknown *row, int64_t wait_ms)
{
	store_settle(s->delivery->world->store, s->job.id,
		     &(struct store_settle){
			     .id = row->id,
			     .attempt = row->attempt,
			     .verdict = s->verdict,
			     .due_wall_us = clock_wall_us() + 1000 * wait_ms,
			     .policy = row->policy,
			     .quarantine_s = row->quarantine_s,
			     .policy_wall_us = row->policy_wall_us,
			     .why = s->why,
		     });
}

/* Without room it is found by a later look. */
static void settle(struct delivery *d, const struct store_unknown *row)
{
	struct settling *s = calloc(1, sizeof(*s));
	int64_t wait_ms = 0;

	if (!s)
		return;
	*s = (struct settling){
		.job = { .operations = &settling_operations },
		.delivery = d,
		.id = row->id,
		.attempt = row->attempt,
		.policy = row->policy,
		.verdict = decide(d, row, &wait_ms),
	};
	list_init(&s->node);
	list_append(&d->settling.writes, &s->node);
	if (!world_add(d->world, &s->job)) {
		forget(s);
		return;
	}
	say_why(s, row);
	if (s->verdict == SETTLE_SENT)
		write_sent(s, row);
	else
		write_decision(s, row, wait_ms);
}

void settle_on_row(void *arg, uint64_t tag, enum store_verdict verdict,
		   const struct store_unknown *row, bool more, const struct err *err)
{
	struct delivery *d = arg;

	(void)tag;
	(void)err;
	if (row) {
		if (!d->draining && delivery_owns(d, message_lane(row->tenant_id)))
			settle(d, row);
		return;
	}
	d->settling.loading = false;
	d->settling.more = more;
	if (verdict == STORE_DONE && !more && d->settling.changed_asked)
		d->settling.changed = false;
	look_on(d);
}
