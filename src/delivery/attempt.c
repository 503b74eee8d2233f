/*
 * One attempt: its commit, the call, the commit of its outcome.
 *
 * The decision what follows an outcome is made here, from the pure rules of domain, and is
 * written in the same statement as the outcome itself.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/die.h"
#include "base/random.h"
#include "base/text.h"
#include "delivery/item.h"

/* The copy is posted at once; should this worker die, it is due again after this. */
#define COPY_DUE_US INT64_C(15000000)
#define LATE_MS 500 /* of the second that is left when calls are given up */

enum item_result item_begin(struct item *item)
{
	struct delivery *d = item->delivery;
	const int64_t now_us = clock_wall_us();
	struct store_begin row;
	struct err err;

	if (route_away(item))
		return ITEM_NO;
	/* A hold has come since the gate, or the number is known only now; or its time is over. */
	if (!item_is_allowed(item) || !item_in_time(item)) {
		item_leave_place(item);
		item->due_boot_ms = loop_now_ms(d->world->loop);
		return ITEM_LATER;
	}
	item_set_attempt(
		item, item->attempt + 1, now_us,
		now_us + 1000 * (d->settings.commit_timeout_ms + d->settings.request_timeout_ms));
	row = (struct store_begin){
		.id = item->message->id,
		.attempt = item->attempt,
		.number = item->number,
		.deadline_wall_us = item->deadline_wall_us,
	};
	if (!store_begin(d->world->store, item->job.id, &row, &err)) {
		pace_begin(&item->ticket);
		return ITEM_PENDING;
	}
	/* The store is full for now; nothing was written. */
	item->attempt--;
	item_leave_place(item);
	item->due_boot_ms = loop_now_ms(d->world->loop) + 1000;
	return ITEM_LATER;
}

/* What the call itself could not do is answered like a call that never left. */
static void answer_not_sent(struct item *item, const struct err *err)
{
	struct graph_answer answer = {
		.facts = { .end = CALL_NOT_SENT },
		.err = *err,
	};

	answer.verdict = outcome_decide(&answer.facts, false);
	item_keep_answer(item, &answer);
}

static void on_departure(void *arg)
{
	struct item *item = arg;

	item->timer = 0;
	item_enter(item, STEP_CALL);
}

/* Its commit came late, with others: it leaves in its turn. */
static bool departs_later(struct item *item)
{
	struct loop *loop = item->delivery->world->loop;
	int64_t at_ms;

	if (item->departs)
		return false;
	item->departs = true;
	at_ms = pace_depart_ms(&item->ticket, loop_now_ms(loop));
	if (at_ms <= loop_now_ms(loop))
		return false;
	item->timer = loop_timer(loop, at_ms, on_departure, item);
	return true;
}

enum item_result item_call(struct item *item)
{
	struct delivery *d = item->delivery;
	const int64_t timeout_ms = loop_now_ms(d->world->loop) + d->settings.request_timeout_ms;
	const int64_t deadline_ms = timeout_ms < item->deadline_boot_ms ? timeout_ms
									: item->deadline_boot_ms;
	struct err err;

	if (departs_later(item))
		return ITEM_PENDING;
	item_leave_place(item);
	item->left = item->departs = false;
	if (!item->credentials) { /* of a merged attempt, there was no memory for them */
		err_set(&err, ERR_TEMPORARY, 0, "no memory for the credentials");
		answer_not_sent(item, &err);
		return ITEM_OK;
	}
	memcpy(item->credentials->number, item->number, sizeof(item->number));
	if (!graph_client_send(d->world->graph, item->job.id, item->message, item->credentials,
			       item->attempt, deadline_ms, &err))
		return ITEM_PENDING;
	if (err.class == ERR_LIMIT)
		meter_bound(d->world->meter, BOUND_CALLS);
	answer_not_sent(item, &err);
	return ITEM_OK;
}

static void log_attempt(const struct item *item, const struct graph_answer *answer)
{
	const struct log *log = item->delivery->world->log;
	const bool accepted = answer->verdict.outcome == OUTCOME_ACCEPTED;
	char id[MESSAGE_ID_TEXT_BYTES];
	struct log_line line;

	message_id_text(item->message->id, id);
	log_begin(&line, log, accepted ? LOG_INFO : LOG_WARNING, "attempt");
	log_str(&line, "message_id", id);
	if (*item->message->request_id)
		log_str(&line, "request_id", item->message->request_id);
	log_str(&line, "traceparent", item->message->traceparent);
	log_str(&line, "tenant_id", item->message->tenant_id);
	log_phone(&line, "to", item->message->recipient);
	log_int(&line, "attempt", item->attempt);
	log_str(&line, "outcome", outcome_name(answer->verdict.outcome));
	if (answer->facts.http_status)
		log_int(&line, "http_status", answer->facts.http_status);
	if (answer->facts.has_error)
		log_int(&line, "code", answer->facts.error_code);
	if (!accepted) {
		log_str(&line, "error", answer->verdict.error->name);
		log_str(&line, "title",
			*answer->title ? answer->title : answer->verdict.error->title);
		if (*answer->details)
			log_str(&line, "details", answer->details);
		if (*answer->trace)
			log_str(&line, "trace", answer->trace);
		if (answer->facts.end != CALL_ANSWERED)
			log_str(&line, "cause", answer->err.text);
	}
	log_int(&line, "took_ms", answer->took_ms);
	log_end(&line);
}

static void count_attempt(const struct item *item, const struct graph_answer *answer)
{
	const struct meter *m = item->delivery->world->meter;

	meter_count(m, METRIC_ATTEMPTS, (unsigned)answer->verdict.outcome - OUTCOME_ACCEPTED, 0);
	if (answer->verdict.error->class == GRAPH_AUTH)
		meter_count(m, METRIC_TOKEN_ERRORS, 0, 0);
	if (answer->rewind_refused)
		meter_count(m, METRIC_RESENDS_REFUSED, 0, 0);
	if (answer->facts.end == CALL_ANSWERED || answer->took_ms > 0)
		meter_took(m, METRIC_ATTEMPT_SECONDS, 0, answer->took_ms);
}

void item_keep_answer(struct item *item, const struct graph_answer *answer)
{
	struct item_record *record = item->record;

	if (!record)
		record = item->record = calloc(1, sizeof(*record));
	if (!record)
		die("an outcome"); /* not to be forgotten; the takeover will call it lost */
	record->answer = *answer;
	record->ended_wall_us = clock_wall_us();
	if (answer->verdict.outcome == OUTCOME_ACCEPTED)
		memcpy(item->wamid, answer->wamid, sizeof(item->wamid));
	log_attempt(item, answer);
	count_attempt(item, answer);
}

/* "Message undeliverable: no WhatsApp account. What to do." in the contract's
 * failure_reason. */
static void explain(struct item_record *record)
{
	const struct graph_answer *a = &record->answer;
	const char *details = a->facts.end == CALL_ANSWERED ? a->details : a->err.text;
	size_t len = strlen(details);

	while (len > 0 && details[len - 1] == '.')
		len--; /* the sentence ends here anyway */
	text_copy_cut(record->title, sizeof(record->title),
		      *a->title ? a->title : a->verdict.error->title);
	(void)snprintf(record->reason, sizeof(record->reason), "%s%s%.*s. %s", record->title,
		       len > 0 ? ": " : "", (int)len, details, a->verdict.error->action);
}

/* A refused token is looked up once more; after that the message fails when somebody waits
 * for it, else its outlet is held. */
static bool goes_on_after_token(struct item *item, bool waits)
{
	if (item->token_asked_again && waits)
		return false;
	item->token_refused = !item->token_asked_again;
	item->token_bad = item->token_asked_again;
	item->token_asked_again = true;
	item->failure_code = item->record->answer.facts.error_code;
	text_copy_cut(item->reason, sizeof(item->reason), item->record->reason);
	return true;
}

static enum store_next next_of_refusal(struct item *item, const struct verdict *verdict,
				       int64_t server_wait_ms)
{
	const struct delivery *d = item->delivery;
	const bool waits = item_waited_for(item);
	const int64_t now_ms = clock_boot_ms();
	struct retry_case c = {
		.verdict = *verdict,
		.caller_waits = waits,
		.server_wait_ms = server_wait_ms,
		.now_ms = now_ms,
		.expires_ms = item->expires_wall_us == INT64_MAX
				      ? INT64_MAX
				      : now_ms + (item->expires_wall_us - clock_wall_us()) / 1000,
		.random = random_u32(),
	};

	if (verdict->error->class == GRAPH_AUTH && goes_on_after_token(item, waits)) {
		item->due_boot_ms = now_ms;
		return STORE_NEXT_RETRY;
	}
	if (retry_counts(verdict, waits)) {
		item->counted++;
		item->throttled = 0;
	} else {
		item->throttled++;
	}
	c.counted = item->counted;
	c.throttled = item->throttled;
	c.attempts = item->attempt;
	switch (retry_decide(&d->settings.retry, &c, &item->due_boot_ms)) {
	case RETRY_AT:
		return STORE_NEXT_RETRY;
	case RETRY_EXPIRED:
		return STORE_NEXT_EXPIRED;
	case RETRY_FORBIDDEN:
	case RETRY_EXHAUSTED:
		break;
	}
	return STORE_NEXT_FAILED;
}

static enum store_next decide_next(struct item *item)
{
	const struct graph_answer *a = &item->record->answer;

	switch (a->verdict.outcome) {
	case OUTCOME_ACCEPTED:
		return *item->message->conversation_id && item->delivery->world->conversation
			       ? STORE_NEXT_CONVERSATION
			       : STORE_NEXT_DONE;
	case OUTCOME_LOST:
		return STORE_NEXT_UNKNOWN;
	case OUTCOME_REFUSED:
	case OUTCOME_NOT_SENT:
		return next_of_refusal(item, &a->verdict, a->server_wait_ms);
	case OUTCOME_NONE:
		break;
	}
	return STORE_NEXT_UNKNOWN;
}

static int64_t due_wall_us(const struct item *item, enum store_next next)
{
	if (next == STORE_NEXT_CONVERSATION)
		return clock_wall_us() + COPY_DUE_US;
	if (next == STORE_NEXT_UNKNOWN)
		return clock_wall_us(); /* its policy is looked up, and says when it decides */
	return clock_wall_us() + 1000 * (item->due_boot_ms - clock_boot_ms());
}

/* Meta's code, or ours for what came without one. */
static int code_of(const struct graph_answer *a)
{
	return a->facts.has_error ? a->facts.error_code : a->verdict.error->first_code;
}

enum item_result item_record(struct item *item)
{
	struct delivery *d = item->delivery;
	struct item_record *record = item->record;
	const struct graph_answer *a = &record->answer;
	const bool accepted = a->verdict.outcome == OUTCOME_ACCEPTED;
	struct store_outcome row;

	if (!accepted)
		explain(record);
	tokens_on_answer(item, a);
	record->next = decide_next(item);
	row = (struct store_outcome){
		.id = item->message->id,
		.attempt = item->attempt,
		.incarnation = item->incarnation,
		.outcome = a->verdict.outcome,
		.number = item->number,
		.begun_wall_us = item->begun_wall_us,
		.ended_wall_us = record->ended_wall_us,
		.http_status = a->facts.http_status,
		.code = accepted ? 0 : code_of(a),
		.subcode = a->facts.error_subcode,
		.title = record->title,
		.details = a->facts.end == CALL_ANSWERED ? a->details : a->err.text,
		.trace = a->trace,
		.wamid = item->wamid,
		.next = record->next,
		.due_wall_us = due_wall_us(item, record->next),
		.counted = item->counted,
		.throttled = item->throttled,
		.failure_reason = record->reason,
	};
	store_outcome(d->world->store, item->job.id, &row);
	if (record->next == STORE_NEXT_CONVERSATION)
		item_copy_begin(item);
	return ITEM_PENDING;
}

static void on_late(void *arg)
{
	struct item *item = arg;

	item->timer = 0;
	item_done(item, ITEM_NO);
}

/* `lost` is recorded; the reply may still come while the process lives. */
static enum item_result await_late(struct item *item)
{
	struct loop *loop = item->delivery->world->loop;

	item->timer = loop_timer(loop, loop_now_ms(loop) + LATE_MS, on_late, item);
	return ITEM_PENDING;
}

void item_take_late(struct item *item, const struct graph_answer *answer)
{
	if (answer->verdict.outcome == OUTCOME_LOST)
		return;
	item->given_up = false;
	if (!item->timer) {
		item->late = malloc(sizeof(*answer));
		if (item->late)
			*item->late = *answer;
		return;
	}
	loop_cancel(item->delivery->world->loop, item->timer);
	item->timer = 0;
	item_keep_answer(item, answer);
	item_enter(item, STEP_RECORD);
}

void item_give_up_call(struct item *item)
{
	struct graph_answer answer = {
		.facts = { .end = CALL_LOST },
		.verdict = { .outcome = OUTCOME_LOST,
			     .error = graph_error_case(GRAPH_CASE_NET_AFTER) },
	};
	struct err err;

	if (item->step != STEP_CALL || item->result != ITEM_PENDING)
		return;
	loop_cancel(item->delivery->world->loop, item->timer);
	item->timer = 0;
	if (item->left) {
		err_set(&answer.err, ERR_UNCERTAIN, 0, "the worker ends before the reply came");
		item->given_up = true;
		item_keep_answer(item, &answer);
	} else {
		err_set(&err, ERR_TEMPORARY, 0, "the worker ends before the call was made");
		answer_not_sent(item, &err);
	}
	item_done(item, ITEM_OK);
}

/* The outcome is committed. */
enum item_result item_recorded(struct item *item)
{
	if (item->late) {
		item_keep_answer(item, item->late);
		free(item->late);
		item->late = NULL;
		item_enter(item, STEP_RECORD);
		return ITEM_PENDING;
	}
	switch (item->record->next) {
	case STORE_NEXT_DONE:
		item_work_over(item);
		return ITEM_OK;
	case STORE_NEXT_CONVERSATION: /* over when the copy is stored */
		return ITEM_OK;
	case STORE_NEXT_RETRY:
		meter_count(item->delivery->world->meter, METRIC_RETRIES, 0, 0);
		return ITEM_LATER;
	case STORE_NEXT_UNKNOWN:
		item_tell(item, DELIVERY_UNKNOWN);
		return item->given_up ? await_late(item) : ITEM_NO;
	case STORE_NEXT_FAILED:
	case STORE_NEXT_EXPIRED:
		break;
	}
	item_work_over(item);
	item_tell(item, DELIVERY_FAILED);
	return ITEM_NO;
}
