#include "http/explain.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define NOW INT64_C(1762252200000000) /* 2025-11-04T10:30:00Z */
#define SECOND INT64_C(1000000)

#define RESTORED                                                                                  \
	"PostgreSQL was restored from an earlier state or failed over, so whether attempt 1 was " \
	"made is not known"

static const struct estimate_rates rates = { .number = 80 };
static struct message_facts f;
static struct explanation e;

static void setup(void)
{
	f = (struct message_facts){ .accepted_wall_us = NOW - 10 * SECOND,
				    .wamid = "",
				    .failure_reason = "",
				    .incarnation = "",
				    .worker = "",
				    .node = "",
				    .last_title = "",
				    .decision = "",
				    .decided_by = "",
				    .why = "",
				    .hold = "",
				    .wait_reason = "",
				    .settle_policy = "" };
}

static void says(enum state state, const char *summary)
{
	f.state = state;
	explain_message(&f, &rates, NOW, &e);
	ck_assert_str_eq(e.summary, summary);
}

START_TEST(a_queued_message_waits_its_turn)
{
	says(STATE_QUEUED, "It is the next of its queue to be sent.");
	ck_assert_int_eq(e.since_wall_us, f.accepted_wall_us);
	ck_assert_int_eq(e.until_wall_us, 0);
	f.ahead = 1;
	says(STATE_QUEUED, "It waits to be sent; 1 earlier message of its queue is on the way.");
	f.ahead = 9999;
	says(STATE_QUEUED,
	     "It waits to be sent; 9999 earlier messages of its queue are on the way.");
	f.ahead = 10000;
	says(STATE_QUEUED,
	     "It waits to be sent; about 10000 earlier messages of its queue are on the way.");
	f.ahead_recipient = 1;
	says(STATE_QUEUED, "It waits its turn: 1 earlier message to this recipient goes first.");
	f.ahead_recipient = 2;
	says(STATE_QUEUED, "It waits its turn: 2 earlier messages to this recipient go first.");
	ck_assert_str_eq(e.action, "");
	ck_assert_str_eq(e.title, "");
}
END_TEST

/* 80 a second, of which 78.8 are used; asked for only what waits in the store's order. */
START_TEST(what_waits_for_its_turn_has_an_estimate)
{
	f.line = (struct estimate_line){
		.class = 2, .waiting = { 0, 0, 788 }, .number_rate = -1, .tenant_rate = -1
	};
	f.ahead = 788;
	says(STATE_QUEUED,
	     "It waits to be sent; 788 earlier messages of its queue are on the way.");
	ck_assert_int_eq(e.estimated_wall_us, 0);
	f.placed = true;
	says(STATE_QUEUED, e.summary);
	ck_assert_int_eq(e.estimated_wall_us, NOW + 10 * SECOND);
	f.line.number_rate = 20;
	says(STATE_QUEUED, e.summary);
	ck_assert_int_eq(e.estimated_wall_us, NOW + 40 * SECOND);
	f.attempt = f.last_attempt = 1;
	f.due_wall_us = NOW;
	f.state = STATE_RETRYING;
	explain_message(&f, &rates, NOW, &e);
	ck_assert_int_eq(e.estimated_wall_us, NOW + 40 * SECOND);
	f.due_wall_us = NOW + 1;
	explain_message(&f, &rates, NOW, &e);
	ck_assert_int_eq(e.estimated_wall_us, NOW + 1);
}
END_TEST

START_TEST(an_attempt_under_way_names_its_worker)
{
	f.attempt = 2;
	f.begun_wall_us = NOW - SECOND;
	f.deadline_wall_us = NOW + 9 * SECOND;
	f.incarnation = "i";
	f.worker = "worker-1";
	f.node = "n";
	says(STATE_SENDING, "Attempt 2 is under way since 2025-11-04T10:29:59Z, begun by worker-1 "
			    "on n (incarnation i).");
	ck_assert_int_eq(e.since_wall_us, f.begun_wall_us);
	ck_assert_int_eq(e.until_wall_us, f.deadline_wall_us);
	ck_assert_ptr_nonnull(strstr(e.next, "when Meta answers"));
	f.deadline_wall_us = NOW - 10 * SECOND;
	says(STATE_SENDING, e.summary);
	ck_assert_ptr_nonnull(strstr(e.next, "when Meta answers"));
	f.deadline_wall_us = NOW - 10 * SECOND - 1;
	says(STATE_SENDING, e.summary);
	ck_assert_ptr_nonnull(strstr(e.next, "counts as lost"));
}
END_TEST

START_TEST(a_wait_says_why_and_until_when)
{
	f.attempt = f.last_attempt = 1;
	f.last_outcome = OUTCOME_REFUSED;
	f.last_ended_wall_us = NOW - SECOND;
	f.last_code = 131016;
	f.last_title = "Service unavailable";
	f.due_wall_us = NOW + 2 * SECOND;
	says(STATE_RETRYING, "It waits for attempt 2 until 2025-11-04T10:30:02Z; attempt 1 was "
			     "refused for now: 131016 (Service unavailable).");
	ck_assert_int_eq(e.since_wall_us, f.last_ended_wall_us);
	ck_assert_int_eq(e.until_wall_us, f.due_wall_us);
	ck_assert_int_eq(e.estimated_wall_us, f.due_wall_us);
	ck_assert_int_eq(e.code, 131016);
	ck_assert_str_eq(e.action, explain_error(131016, 0)->action);
	ck_assert_str_eq(e.next, "Attempt 2 begins then.");
}
END_TEST

START_TEST(a_wait_that_is_over_has_no_end)
{
	f.attempt = f.last_attempt = 1;
	f.last_outcome = OUTCOME_NOT_SENT;
	f.last_code = GRAPH_CASE_NET_BEFORE;
	f.last_title = "no route";
	f.due_wall_us = NOW;
	says(STATE_RETRYING, "It waits for attempt 2 until 2025-11-04T10:30:00Z; attempt 1 was not "
			     "sent: no route.");
	ck_assert_int_eq(e.until_wall_us, 0);
	ck_assert_int_eq(e.estimated_wall_us, 0);
	ck_assert_int_eq(e.code, 0);
	ck_assert_ptr_nonnull(strstr(e.next, "is due"));
}
END_TEST

START_TEST(a_wait_for_a_circuit_breaker)
{
	f.due_wall_us = NOW + 5 * SECOND;
	f.wait_code = GRAPH_CASE_BREAKER;
	f.wait_reason = "its circuit breaker is open";
	f.wait_wall_us = NOW - SECOND;
	says(STATE_RETRYING, "It waits for attempt 1 until 2025-11-04T10:30:05Z: its circuit "
			     "breaker is open.");
	ck_assert_int_eq(e.since_wall_us, NOW - SECOND);
	ck_assert_int_eq(e.until_wall_us, NOW + 5 * SECOND);
	ck_assert_int_eq(e.code, 0);
	ck_assert_str_eq(e.action, graph_error_case(GRAPH_CASE_BREAKER)->action);
}
END_TEST

START_TEST(a_wait_for_credentials)
{
	f.due_wall_us = NOW + 5 * SECOND;
	says(STATE_RETRYING, "It waits until 2025-11-04T10:30:05Z: the credentials of its outlet "
			     "could not be had.");
	ck_assert_str_eq(e.action, explain_error(GRAPH_CASE_CREDENTIALS, 0)->action);
}
END_TEST

static void lost(const char *policy)
{
	f.attempt = f.last_attempt = 1;
	f.last_outcome = OUTCOME_LOST;
	f.last_ended_wall_us = NOW - SECOND;
	f.last_code = GRAPH_CASE_NET_AFTER;
	f.settle_policy = policy;
	f.quarantine_wall_us = f.settle_wall_us = NOW + 119 * SECOND;
}

static void next_is(const char *next)
{
	f.last_code = GRAPH_CASE_RESTORED;
	says(STATE_UNKNOWN, RESTORED ": WhatsApp may or may not have it.");
	f.last_code = GRAPH_CASE_NET_AFTER;
	says(STATE_UNKNOWN, "The reply to attempt 1 was lost: WhatsApp may or may not have it.");
	ck_assert_str_eq(e.next, next);
	ck_assert_int_eq(e.since_wall_us, f.last_ended_wall_us);
	ck_assert_str_eq(e.action, explain_error(GRAPH_CASE_NET_AFTER, 0)->action);
}

#define OR_BEFORE " A receipt settles it before, or a person: message-sender queue resolve."

START_TEST(nobody_has_looked_at_a_lost_reply)
{
	lost("");
	f.quarantine_wall_us = 0;
	next_is("The owner of its lane has yet to look at it, to settle it by policy." OR_BEFORE);
	ck_assert_int_eq(e.until_wall_us, 0);
}
END_TEST

START_TEST(hold_keeps_a_lost_reply_for_a_person)
{
	lost("hold");
	f.settle_wall_us = 0;
	next_is("It is kept until a person decides (policy hold of the service): message-sender "
		"queue resolve.");
	ck_assert_int_eq(e.until_wall_us, 0);
	f.settle_by_tenant = true;
	next_is("It is kept until a person decides (policy hold of its tenant): message-sender "
		"queue resolve.");
}
END_TEST

START_TEST(fail_says_when_it_gives_up)
{
	lost("fail");
	next_is("Policy fail of the service decides at 2025-11-04T10:31:59Z: it has failed "
		"then." OR_BEFORE);
	ck_assert_int_eq(e.until_wall_us, f.settle_wall_us);
	f.settle_wall_us = NOW + 1;
	next_is("Policy fail of the service decides at 2025-11-04T10:30:00Z: it has failed "
		"then." OR_BEFORE);
	f.settle_wall_us = NOW;
	next_is("Policy fail of the service decides soon: it has failed then." OR_BEFORE);
	ck_assert_int_eq(e.until_wall_us, 0);
}
END_TEST

START_TEST(resend_says_how_often_it_was_sent_again)
{
	lost("resend");
	f.settle_resends = 2;
	f.settle_by_tenant = true;
	next_is("Policy resend of its tenant decides at 2025-11-04T10:31:59Z: it is sent again, "
		"while it is valid and at most MAX_RETRIES times (2 so far); else it has "
		"failed." OR_BEFORE);
	ck_assert_int_eq(e.until_wall_us, f.settle_wall_us);
}
END_TEST

START_TEST(evidence_says_what_it_looks_for)
{
	lost("evidence");
	next_is("Policy evidence of the service decides at 2025-11-04T10:31:59Z: it is sent "
		"again, once, when 3 later attempts of its number have receipts and it has "
		"none." OR_BEFORE);
	f.quarantine_wall_us = NOW + 1;
	next_is(e.next);
	f.quarantine_wall_us = NOW;
	next_is("Policy evidence of the service looks again at 2025-11-04T10:31:59Z: it is sent "
		"again, once, when 3 later attempts of its number have receipts and it has "
		"none." OR_BEFORE);
	/* None while it was valid, or not looked for, as PostgreSQL was restored since. */
	f.settle_wall_us = 0;
	f.expires_wall_us = NOW + 1;
	next_is("It is kept until a person decides (policy evidence of the service, which does not "
		"settle what was lost before PostgreSQL was restored): message-sender queue "
		"resolve.");
	f.expires_wall_us = NOW;
	next_is("It is kept until a person decides (policy evidence of the service, which found "
		"none while it was valid): message-sender queue resolve.");
}
END_TEST

START_TEST(evidence_sends_again_once)
{
	lost("evidence");
	f.settle_resends = 1;
	next_is("Policy evidence of the service decides at 2025-11-04T10:31:59Z: it was sent "
		"again once, so it is kept for a person then." OR_BEFORE);
	f.settle_wall_us = 0;
	next_is("It is kept until a person decides (policy evidence of the service, which sends a "
		"message again once): message-sender queue resolve.");
}
END_TEST

START_TEST(a_decision_is_told)
{
	f.attempt = f.last_attempt = 1;
	f.last_outcome = OUTCOME_LOST;
	f.due_wall_us = NOW;
	f.decided_by = "rani";
	f.why = "w";
	f.decision = "resend";
	says(STATE_RETRYING,
	     "The reply to attempt 1 was lost, and rani decided to send it again: w.");
	f.decision = "sent";
	says(STATE_SENT, "The reply to attempt 1 was lost, and rani decided that it was sent: w.");
	f.decision = "failed";
	says(STATE_FAILED,
	     "The reply to attempt 1 was lost, and rani decided that it was not sent: w.");
	f.wamid = "wamid.1";
	says(STATE_FAILED, "WhatsApp accepted it after all, as wamid.1; it counts as failed, as "
			   "rani decided: w.");
	ck_assert_str_eq(e.action, "");
	f.decision = "resend";
	says(STATE_FAILED, "WhatsApp accepted it after all, as wamid.1; it counts as failed.");
	/* What Meta said later is worth more. */
	f.decision = "resend";
	f.last_attempt = 2;
	f.wamid = "wamid.1";
	says(STATE_SENT, "WhatsApp has accepted it (attempt 2).");
}
END_TEST

START_TEST(a_decision_after_a_restore_tells_of_the_restore)
{
	f.attempt = f.last_attempt = 1;
	f.last_outcome = OUTCOME_LOST;
	f.last_code = GRAPH_CASE_RESTORED;
	f.due_wall_us = NOW;
	f.decided_by = "rani";
	f.why = "w";
	f.decision = "resend";
	says(STATE_RETRYING, RESTORED ", and rani decided to send it again: w.");
	f.decision = "sent";
	says(STATE_SENT, RESTORED ", and rani decided that it was sent: w.");
	f.wamid = "wamid.1";
	says(STATE_SENT, RESTORED ", and rani decided that it was sent: w.");
	f.wamid = "";
	f.decision = "failed";
	f.failure_code = GRAPH_CASE_RESTORED;
	says(STATE_FAILED, RESTORED ", and rani decided that it was not sent: w.");
	ck_assert_str_eq(e.action, explain_error(GRAPH_CASE_RESTORED, 0)->action);
}
END_TEST

START_TEST(a_policys_decision_is_told)
{
	f.attempt = f.last_attempt = 1;
	f.last_outcome = OUTCOME_LOST;
	f.due_wall_us = NOW;
	f.why = "w";
	f.decision = "resend";
	f.decided_by = "policy:evidence";
	says(STATE_RETRYING,
	     "The reply to attempt 1 was lost, and policy evidence decided to send it again: w.");
	f.decision = "failed";
	f.decided_by = "policy:fail";
	says(STATE_FAILED, "The reply to attempt 1 was lost, and policy fail gave it up: w.");
}
END_TEST

START_TEST(what_was_reported_failed_is_told_with_its_cause)
{
	f.last_attempt = f.attempt = 1;
	f.last_outcome = OUTCOME_ACCEPTED;
	f.decision = "resend";
	f.decided_by = "policy:receipt";
	f.why = "Something went wrong. Look.";
	f.due_wall_us = f.sent_wall_us = NOW + SECOND;
	explain_message(&f, &rates, NOW, &e);
	says(STATE_RETRYING, e.summary);
	ck_assert_ptr_eq(strstr(e.summary, "WhatsApp took attempt 1 and reported later that it has "
					   "failed; it waits for attempt 2 until "),
			 e.summary);
	ck_assert_ptr_nonnull(strstr(e.summary, ". Something went wrong. Look."));
	ck_assert_str_eq(e.next, "Attempt 2 begins then.");
	/* The next one was refused: that is what it waits for now. */
	f.last_attempt = f.attempt = 2;
	f.last_outcome = OUTCOME_REFUSED;
	explain_message(&f, &rates, NOW, &e);
	ck_assert_ptr_nonnull(strstr(e.summary, "attempt 2 was refused for now"));
}
END_TEST

START_TEST(ends_that_are_good)
{
	f.last_attempt = 1;
	f.wamid = "wamid.1";
	f.sent_wall_us = NOW - 3 * SECOND;
	f.delivered_wall_us = NOW - 2 * SECOND;
	f.read_wall_us = NOW - SECOND;
	says(STATE_SENT, "WhatsApp has accepted it (attempt 1).");
	ck_assert_int_eq(e.since_wall_us, f.sent_wall_us);
	says(STATE_DELIVERED, "It was delivered to the recipient (attempt 1).");
	ck_assert_int_eq(e.since_wall_us, f.delivered_wall_us);
	says(STATE_READ, "The recipient has read it (attempt 1).");
	ck_assert_int_eq(e.since_wall_us, f.read_wall_us);
	f.has_work = true;
	says(STATE_SENT, "WhatsApp has accepted it (attempt 1). Its copy is on the way to the "
			 "Conversation Service.");
	f.conversation_tries = 2;
	f.due_wall_us = NOW + SECOND;
	says(STATE_SENT, "WhatsApp has accepted it (attempt 1). Its copy waits in the Conversation "
			 "Service's queue.");
	ck_assert_int_eq(e.until_wall_us, f.due_wall_us);
	ck_assert_ptr_nonnull(strstr(e.next, "(2 tries so far)"));
}
END_TEST

START_TEST(ends_that_are_bad)
{
	f.failed_wall_us = NOW - SECOND;
	f.failure_code = f.last_code = 131026;
	f.last_attempt = 4;
	says(STATE_FAILED, e.summary);
	ck_assert_ptr_nonnull(strstr(e.summary, "It failed after 4 attempts: 131026 ("));
	ck_assert_int_eq(e.since_wall_us, f.failed_wall_us);
	ck_assert_str_eq(e.action, explain_error(131026, 0)->action);
	f.last_attempt = 1;
	explain_message(&f, &rates, NOW, &e);
	ck_assert_ptr_nonnull(strstr(e.summary, "after 1 attempt:"));
	f.last_attempt = 0;
	f.failure_code = GRAPH_CASE_CREDENTIALS;
	f.failure_reason = "outlet unknown";
	says(STATE_FAILED, "It failed before any attempt was made: outlet unknown.");
	f.failure_code = 0;
	says(STATE_CANCELLED, "It was cancelled before it was sent: outlet unknown.");
	f.failure_reason = "";
	says(STATE_EXPIRED, "Its validity ran out before it could be sent.");
}
END_TEST

START_TEST(every_state_has_its_sentence)
{
	for (int state = 0; state < STATE_COUNT; state++) {
		f.state = (enum state)state;
		explain_message(&f, &rates, NOW, &e);
		ck_assert_msg(*e.summary, "%s", state_name(f.state));
		ck_assert_ptr_nonnull(e.title);
		ck_assert_ptr_nonnull(e.action);
		ck_assert_msg(state_is_final(f.state) || f.state == STATE_SENT || *e.next, "%s",
			      state_name(f.state));
	}
}
END_TEST

START_TEST(texts_that_are_too_long_are_cut)
{
	static char text[2000];

	memset(text, 'x', sizeof(text) - 1);
	f.last_attempt = 1;
	f.last_outcome = OUTCOME_LOST;
	f.decision = "resend";
	f.decided_by = f.why = text;
	f.state = STATE_RETRYING;
	explain_message(&f, &rates, NOW, &e);
	ck_assert_uint_eq(strlen(e.summary), sizeof(e.summary) - 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("http_explain");
	TCase *tcase = tcase_create("explain");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, a_queued_message_waits_its_turn);
	tcase_add_test(tcase, what_waits_for_its_turn_has_an_estimate);
	tcase_add_test(tcase, an_attempt_under_way_names_its_worker);
	tcase_add_test(tcase, a_wait_says_why_and_until_when);
	tcase_add_test(tcase, a_wait_that_is_over_has_no_end);
	tcase_add_test(tcase, a_wait_for_a_circuit_breaker);
	tcase_add_test(tcase, a_wait_for_credentials);
	tcase_add_test(tcase, nobody_has_looked_at_a_lost_reply);
	tcase_add_test(tcase, hold_keeps_a_lost_reply_for_a_person);
	tcase_add_test(tcase, fail_says_when_it_gives_up);
	tcase_add_test(tcase, resend_says_how_often_it_was_sent_again);
	tcase_add_test(tcase, evidence_says_what_it_looks_for);
	tcase_add_test(tcase, evidence_sends_again_once);
	tcase_add_test(tcase, a_decision_after_a_restore_tells_of_the_restore);
	tcase_add_test(tcase, a_policys_decision_is_told);
	tcase_add_test(tcase, a_decision_is_told);
	tcase_add_test(tcase, what_was_reported_failed_is_told_with_its_cause);
	tcase_add_test(tcase, ends_that_are_good);
	tcase_add_test(tcase, ends_that_are_bad);
	tcase_add_test(tcase, every_state_has_its_sentence);
	tcase_add_test(tcase, texts_that_are_too_long_are_cut);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
