/*
 * One function a state: what holds it, since when, until when, what happens next.  Advice is
 * the error table's.
 */
#include "http/explain.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "domain/settle.h"

#define TOLD_LATE_US INT64_C(10000000)
#define POLICY "policy:"
#define DECIDER_BYTES 160
#define LOSS_BYTES 128

const struct graph_error *explain_error(int code, int subcode)
{
	const struct graph_error *error;

	if (code == 0)
		return NULL;
	error = code < 0 ? graph_error_case((enum graph_case)code)
			 : graph_error_find(code, subcode);
	return error ? error : graph_error_case(GRAPH_CASE_UNKNOWN_4XX);
}

/* The error behind it: Meta's code, a title and what a person should do. */
static void blame(struct explanation *e, int code, int subcode, const char *title)
{
	const struct graph_error *error = explain_error(code, subcode);

	e->code = code > 0 ? code : 0;
	e->title = *title || !error ? title : error->title;
	if (error)
		e->action = error->action;
}

static void say_next(struct explanation *e, const char *next)
{
	text_copy_cut(e->next, sizeof(e->next), next);
}

/* ": 131016 (Service unavailable)", or less, as far as it is known. */
static void because(const struct explanation *e, char *text, size_t size)
{
	if (e->code && *e->title)
		(void)snprintf(text, size, ": %d (%s)", e->code, e->title);
	else if (e->code)
		(void)snprintf(text, size, ": %d", e->code);
	else if (*e->title)
		(void)snprintf(text, size, ": %s", e->title);
	else
		*text = '\0';
}

static bool by_policy(const struct message_facts *f)
{
	return strncmp(f->decided_by, POLICY, sizeof(POLICY) - 1) == 0;
}

/* "rani", or "policy fail" for "policy:fail". */
static void name_decider(const struct message_facts *f, char *text, size_t size)
{
	if (by_policy(f))
		(void)snprintf(text, size, "policy %s", f->decided_by + sizeof(POLICY) - 1);
	else
		text_copy_cut(text, size, f->decided_by);
}

/* What is not known about its last attempt. */
static void name_loss(const struct message_facts *f, char *text, size_t size)
{
	(void)snprintf(text, size,
		       f->last_code == GRAPH_CASE_RESTORED
			       ? "PostgreSQL was restored from an earlier state or failed over, "
				 "so whether attempt %u was made is not known"
			       : "The reply to attempt %u was lost",
		       f->last_attempt ? f->last_attempt : f->attempt);
}

static void explain_turn(const struct message_facts *f, struct explanation *e)
{
	if (f->ahead_recipient > 0)
		(void)snprintf(e->summary, sizeof(e->summary),
			       "It waits its turn: %lld earlier message%s to this recipient "
			       "go%s first.",
			       (long long)f->ahead_recipient, f->ahead_recipient == 1 ? "" : "s",
			       f->ahead_recipient == 1 ? "es" : "");
	else if (f->ahead > 0)
		(void)snprintf(e->summary, sizeof(e->summary),
			       "It waits to be sent; %s%lld earlier message%s of its queue %s on "
			       "the way.",
			       f->ahead >= 10000 ? "about " : "", (long long)f->ahead,
			       f->ahead == 1 ? "" : "s", f->ahead == 1 ? "is" : "are");
	else
		text_copy_cut(e->summary, sizeof(e->summary),
			      "It is the next of its queue to be sent.");
}

/* When its next attempt begins, as far as what it waits for is limits and those before it. */
static void estimate(const struct message_facts *f, const struct estimate_rates *rates,
		     int64_t now_wall_us, struct explanation *e)
{
	const int64_t wait_ms = f->placed ? estimate_wait_ms(&f->line, rates) : -1;

	if (wait_ms >= 0)
		e->estimated_wall_us = now_wall_us + wait_ms * 1000;
}

static void explain_queued(const struct message_facts *f, const struct estimate_rates *rates,
			   int64_t now_wall_us, struct explanation *e)
{
	e->since_wall_us = f->accepted_wall_us;
	explain_turn(f, e);
	estimate(f, rates, now_wall_us, e);
	say_next(e, "Attempt 1 begins as soon as the worker that owns its lane has a place for it "
		    "and the limits of its number (NUMBER_RATE, outlet set), its tenant "
		    "(TENANT_RATE, tenant set) and its recipient (PAIR_SECONDS) allow it.");
}

static void explain_scheduled(const struct message_facts *f, struct explanation *e)
{
	char due[CLOCK_RFC3339_BYTES];

	clock_rfc3339(f->due_wall_us, due);
	e->since_wall_us = f->accepted_wall_us;
	e->until_wall_us = e->estimated_wall_us = f->due_wall_us;
	(void)snprintf(e->summary, sizeof(e->summary), "It is scheduled for %s.", due);
	say_next(e, "Until then nothing is sent; then it takes its turn.");
}

static void explain_sending(const struct message_facts *f, int64_t now_wall_us,
			    struct explanation *e)
{
	char begun[CLOCK_RFC3339_BYTES];

	clock_rfc3339(f->begun_wall_us, begun);
	e->since_wall_us = f->begun_wall_us;
	e->until_wall_us = f->deadline_wall_us;
	(void)snprintf(e->summary, sizeof(e->summary),
		       "Attempt %u is under way since %s, begun by %s on %s (incarnation %s).",
		       f->attempt, begun, *f->worker ? f->worker : "an unknown worker",
		       *f->node ? f->node : "an unknown node", f->incarnation);
	say_next(e,
		 now_wall_us > f->deadline_wall_us + TOLD_LATE_US
			 ? "Its deadline has passed without an outcome: when the worker is gone, "
			   "the reply counts as lost."
			 : "Its outcome is recorded when Meta answers, or when its deadline has "
			   "passed.");
}

/* It was taken, and has failed by receipt. */
static bool was_reported_failed(const struct message_facts *f)
{
	return strcmp(f->decided_by, "policy:receipt") == 0 &&
	       (f->last_outcome == OUTCOME_ACCEPTED || f->last_outcome == OUTCOME_LOST);
}

static void explain_retrying(const struct message_facts *f, const struct estimate_rates *rates,
			     int64_t now_wall_us, struct explanation *e)
{
	char due[CLOCK_RFC3339_BYTES];
	char cause[320];
	char decider[DECIDER_BYTES];
	char loss[LOSS_BYTES];

	clock_rfc3339(f->due_wall_us, due);
	e->since_wall_us = f->last_attempt ? f->last_ended_wall_us : f->accepted_wall_us;
	if (f->last_outcome == OUTCOME_LOST && strcmp(f->decision, "resend") == 0 &&
	    !was_reported_failed(f)) {
		name_loss(f, loss, sizeof(loss));
		name_decider(f, decider, sizeof(decider));
		(void)snprintf(e->summary, sizeof(e->summary),
			       "%s, and %s decided to send it again: %s.", loss, decider, f->why);
	} else if (f->wait_code && f->wait_code != GRAPH_CASE_CREDENTIALS) {
		blame(e, f->wait_code, 0, "");
		e->since_wall_us = f->wait_wall_us;
		(void)snprintf(e->summary, sizeof(e->summary),
			       "It waits for attempt %u until %s: %s.", f->attempt + 1, due,
			       f->wait_reason);
	} else if (was_reported_failed(f)) {
		(void)snprintf(e->summary, sizeof(e->summary),
			       "WhatsApp took attempt %u and reported later that it has failed; it "
			       "waits for attempt %u until %s. %s",
			       f->last_attempt, f->attempt + 1, due, f->why);
	} else if (f->last_attempt == 0) {
		blame(e, GRAPH_CASE_CREDENTIALS, 0, "");
		(void)snprintf(e->summary, sizeof(e->summary),
			       "It waits until %s: the credentials of its outlet could not be had.",
			       due);
	} else {
		blame(e, f->last_code, f->last_subcode, f->last_title);
		because(e, cause, sizeof(cause));
		(void)snprintf(e->summary, sizeof(e->summary),
			       "It waits for attempt %u until %s; attempt %u was %s%s.",
			       f->attempt + 1, due, f->last_attempt,
			       f->last_outcome == OUTCOME_REFUSED ? "refused for now" : "not sent",
			       cause);
	}
	if (f->due_wall_us > now_wall_us) {
		e->until_wall_us = f->due_wall_us;
		e->estimated_wall_us = f->due_wall_us;
		(void)snprintf(e->next, sizeof(e->next), "Attempt %u begins then.", f->attempt + 1);
	} else {
		estimate(f, rates, now_wall_us, e);
		(void)snprintf(e->next, sizeof(e->next),
			       "Attempt %u is due; it begins as soon as the worker that owns its "
			       "lane has a place for it and the limits of number, tenant and "
			       "recipient allow it.",
			       f->attempt + 1);
	}
}

static void explain_held(const struct message_facts *f, struct explanation *e)
{
	e->since_wall_us = f->held_wall_us;
	(void)snprintf(e->summary, sizeof(e->summary), "It is held: %s.",
		       *f->hold ? f->hold : "by a hold that is not known any more");
	(void)snprintf(e->next, sizeof(e->next),
		       "Attempt %u begins when that is released (message-sender resume), unless "
		       "its validity ends before.",
		       f->attempt + 1);
}

/* A person decides; no policy will. */
static void explain_kept(const struct message_facts *f, enum unknown_policy policy, const char *of,
			 int64_t now_wall_us, struct explanation *e)
{
	const char *why = ", which does not settle what was lost before PostgreSQL was restored";

	if (policy == UNKNOWN_HOLD)
		why = "";
	else if (policy == UNKNOWN_EVIDENCE && f->settle_resends > 0)
		why = ", which sends a message again once";
	else if (policy == UNKNOWN_EVIDENCE && f->expires_wall_us <= now_wall_us)
		why = ", which found none while it was valid";

	(void)snprintf(e->next, sizeof(e->next),
		       "It is kept until a person decides (policy %s of %s%s): message-sender "
		       "queue resolve.",
		       unknown_policy_name(policy), of, why);
}

/* The sentence behind "the policy decides then: ". */
static void policy_deed(const struct message_facts *f, enum unknown_policy policy, char *text,
			size_t size)
{
	if (policy == UNKNOWN_FAIL)
		(void)snprintf(text, size, "it has failed then");
	else if (policy == UNKNOWN_RESEND)
		(void)snprintf(text, size,
			       "it is sent again, while it is valid and at most MAX_RETRIES times "
			       "(%u so far); else it has failed",
			       f->settle_resends);
	else if (f->settle_resends > 0)
		(void)snprintf(text, size,
			       "it was sent again once, so it is kept for a person then");
	else
		(void)snprintf(text, size,
			       "it is sent again, once, when %d later attempts of its number have "
			       "receipts and it has none",
			       SETTLE_EVIDENCE);
}

static void explain_policy(const struct message_facts *f, int64_t now_wall_us,
			   struct explanation *e)
{
	const char *of = f->settle_by_tenant ? "its tenant" : "the service";
	char when[CLOCK_RFC3339_BYTES + sizeof("at ")] = "soon";
	char at[CLOCK_RFC3339_BYTES];
	char deed[160];
	enum unknown_policy policy;

	if (!unknown_policy_parse(f->settle_policy, &policy)) {
		say_next(e,
			 "The owner of its lane has yet to look at it, to settle it by policy. A "
			 "receipt settles it before, or a person: message-sender queue "
			 "resolve.");
		return;
	}
	if (f->settle_wall_us == 0) {
		explain_kept(f, policy, of, now_wall_us, e);
		return;
	}
	if (f->settle_wall_us > now_wall_us) {
		e->until_wall_us = f->settle_wall_us;
		clock_rfc3339(f->settle_wall_us, at);
		(void)snprintf(when, sizeof(when), "at %s", at);
	}
	policy_deed(f, policy, deed, sizeof(deed));
	(void)snprintf(e->next, sizeof(e->next),
		       "Policy %s of %s %s %s: %s. A receipt settles it before, or a person: "
		       "message-sender queue resolve.",
		       unknown_policy_name(policy), of,
		       policy == UNKNOWN_EVIDENCE && f->quarantine_wall_us <= now_wall_us
			       ? "looks again"
			       : "decides",
		       when, deed);
}

static void explain_unknown(const struct message_facts *f, int64_t now_wall_us,
			    struct explanation *e)
{
	char loss[LOSS_BYTES];

	blame(e, f->last_code, f->last_subcode, f->last_title);
	name_loss(f, loss, sizeof(loss));
	e->since_wall_us = f->last_ended_wall_us;
	(void)snprintf(e->summary, sizeof(e->summary), "%s: WhatsApp may or may not have it.",
		       loss);
	explain_policy(f, now_wall_us, e);
}

/* How it came to be sent: by Meta's answer, or by a decision. */
static void explain_sent(const struct message_facts *f, struct explanation *e)
{
	const bool decided = strcmp(f->decision, "sent") == 0 && f->last_outcome == OUTCOME_LOST;
	const char *copy = "";
	char loss[LOSS_BYTES];

	if (f->has_work && f->conversation_tries > 0) {
		copy = " Its copy waits in the Conversation Service's queue.";
		e->until_wall_us = f->due_wall_us;
		(void)snprintf(e->next, sizeof(e->next),
			       "The copy is offered to the Conversation Service again (%u tr%s so "
			       "far); the customer has the message.",
			       f->conversation_tries, f->conversation_tries == 1 ? "y" : "ies");
	} else if (f->has_work) {
		copy = " Its copy is on the way to the Conversation Service.";
	}
	e->since_wall_us = f->state == STATE_READ        ? f->read_wall_us
			   : f->state == STATE_DELIVERED ? f->delivered_wall_us
							 : f->sent_wall_us;
	if (decided) {
		name_loss(f, loss, sizeof(loss));
		(void)snprintf(e->summary, sizeof(e->summary),
			       "%s, and %s decided that it was sent: %s.%s", loss, f->decided_by,
			       f->why, copy);
		return;
	}
	(void)snprintf(e->summary, sizeof(e->summary), "%s (attempt %u).%s",
		       f->state == STATE_READ        ? "The recipient has read it"
		       : f->state == STATE_DELIVERED ? "It was delivered to the recipient"
						     : "WhatsApp has accepted it",
		       f->last_attempt, copy);
}

/* Given up, and then its outcome came. */
static void explain_accepted_after_all(const struct message_facts *f, struct explanation *e)
{
	const bool decided = strcmp(f->decision, "failed") == 0;
	char decider[DECIDER_BYTES];

	name_decider(f, decider, sizeof(decider));
	(void)snprintf(e->summary, sizeof(e->summary),
		       "WhatsApp accepted it after all, as %s; it counts as failed%s%s%s%s.",
		       f->wamid, decided ? ", as " : "", decided ? decider : "",
		       decided ? " decided: " : "", decided ? f->why : "");
	say_next(e,
		 "The customer has it, or gets it: it is never sent again, by no replay either.");
}

static void explain_failed(const struct message_facts *f, struct explanation *e)
{
	const int subcode = f->failure_code == f->last_code ? f->last_subcode : 0;
	char cause[320];
	char decider[DECIDER_BYTES];
	char loss[LOSS_BYTES];

	e->since_wall_us = f->failed_wall_us;
	if (*f->wamid && !f->sent_wall_us) {
		explain_accepted_after_all(f, e);
		return;
	}
	blame(e, f->failure_code, subcode, "");
	if (!*e->title)
		e->title = f->failure_reason;
	if (strcmp(f->decision, "failed") == 0) {
		name_loss(f, loss, sizeof(loss));
		name_decider(f, decider, sizeof(decider));
		(void)snprintf(e->summary, sizeof(e->summary), "%s, and %s %s: %s.", loss, decider,
			       by_policy(f) ? "gave it up" : "decided that it was not sent",
			       f->why);
	} else if (f->last_attempt == 0) {
		(void)snprintf(e->summary, sizeof(e->summary),
			       "It failed before any attempt was made: %s.",
			       *f->failure_reason ? f->failure_reason : e->title);
	} else {
		because(e, cause, sizeof(cause));
		(void)snprintf(e->summary, sizeof(e->summary), "It failed after %u attempt%s%s.",
			       f->last_attempt, f->last_attempt == 1 ? "" : "s", cause);
	}
	say_next(e, "Nothing is sent under this message_id any more.");
}

static void explain_ended(const struct message_facts *f, const char *how, struct explanation *e)
{
	e->since_wall_us = f->failed_wall_us;
	blame(e, f->failure_code, 0, f->failure_reason);
	(void)snprintf(e->summary, sizeof(e->summary), "%s%s%s.", how,
		       *f->failure_reason ? ": " : "", f->failure_reason);
	say_next(e, "Nothing is sent under this message_id any more.");
}

void explain_message(const struct message_facts *f, const struct estimate_rates *rates,
		     int64_t now_wall_us, struct explanation *ret_explanation)
{
	struct explanation e = { .title = "", .action = "" };

	switch (f->state) {
	case STATE_QUEUED:
		explain_queued(f, rates, now_wall_us, &e);
		break;
	case STATE_SCHEDULED:
		explain_scheduled(f, &e);
		break;
	case STATE_SENDING:
		explain_sending(f, now_wall_us, &e);
		break;
	case STATE_RETRYING:
		explain_retrying(f, rates, now_wall_us, &e);
		break;
	case STATE_UNKNOWN:
		explain_unknown(f, now_wall_us, &e);
		break;
	case STATE_SENT:
	case STATE_DELIVERED:
	case STATE_READ:
		explain_sent(f, &e);
		break;
	case STATE_FAILED:
		explain_failed(f, &e);
		break;
	case STATE_CANCELLED:
		explain_ended(f, "It was cancelled before it was sent", &e);
		break;
	case STATE_EXPIRED:
		explain_ended(f, "Its validity ran out before it could be sent", &e);
		break;
	case STATE_HELD:
		explain_held(f, &e);
		break;
	case STATE_COUNT:
		break;
	}
	*ret_explanation = e;
}
