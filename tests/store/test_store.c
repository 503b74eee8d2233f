/*
 * What the store does with a PostgreSQL that is well: acceptances, attempts, outcomes,
 * order, a bad row among good ones.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "harness.h"

static struct harness h;

static void setup(void)
{
	harness_start(&h);
}

static void teardown(void)
{
	harness_stop(&h);
}

static const char *state_of(unsigned tag)
{
	return harness_sql_text(&h,
				"SELECT state FROM message_sender.message "
				"WHERE message_id = '%s'",
				harness_id(&h, tag));
}

static const char *work_of(unsigned tag, const char *columns)
{
	return harness_sql_text(&h,
				"SELECT concat_ws(' ', %s) FROM message_sender.work "
				"WHERE message_id = '%s'",
				columns, harness_id(&h, tag));
}

START_TEST(an_accepted_message_is_queued_and_has_work)
{
	harness_accept(&h, 0, false);
	harness_until_done(&h, 1, 3000);
	harness_expect(&h, 0, STORE_DONE);
	ck_assert_uint_gt(h.done[0].seq, 0);
	ck_assert_str_eq(state_of(0), "queued");
	ck_assert_str_eq(work_of(0, "state, attempt, attempt_open"), "queued 0 f");
	harness_status(&h, 0, 1);
	ck_assert(h.status.found);
	ck_assert_int_eq(h.status.state, STATE_QUEUED);
	ck_assert_str_eq(h.status.wamid, "");
}
END_TEST

START_TEST(a_message_nobody_knows_is_not_found)
{
	harness_status(&h, 0, 1);
	harness_expect(&h, 1, STORE_DONE);
	ck_assert(!h.status.found);
}
END_TEST

static struct store_look look_at(unsigned tag, uint64_t look_tag)
{
	return (struct store_look){ .id = harness_message(&h, tag)->id, .tag = look_tag };
}

/* Each is told by its own tag, and what is not there not at all. */
START_TEST(many_are_looked_at_in_one_statement)
{
	struct store_look looks[] = { look_at(0, 10), look_at(2, 11), look_at(1, 12) };
	struct err err;

	harness_accept(&h, 0, false);
	harness_accept(&h, 1, true);
	harness_until_done(&h, 2, 3000);
	ck_assert_int_eq(store_looks(h.store, looks, 3, &err), 0);
	harness_until_done(&h, 4, 3000);
	ck_assert_uint_eq(h.done[10].order, 3);
	ck_assert_uint_eq(h.done[12].order, 4);
	ck_assert_int_eq(h.status.state, STATE_SENDING);
	ck_assert_uint_eq(h.status.attempts, 1);
	harness_accept(&h, 2, false);
	harness_until_done(&h, 5, 3000);
	looks[2] = look_at(2, 13);
	ck_assert_int_eq(store_looks(h.store, looks + 2, 1, &err), 0);
	harness_until_done(&h, 6, 3000);
	ck_assert_uint_eq(h.done[13].times, 1);
	ck_assert_uint_eq(h.done[11].times, 0);
	ck_assert_int_eq(h.status.state, STATE_QUEUED);
	ck_assert_int_eq(store_looks(h.store, looks, 0, &err), -1);
	ck_assert_uint_eq(store_pending(h.store), 0);
}
END_TEST

START_TEST(an_attempt_begun_with_acceptance_is_open)
{
	harness_accept(&h, 0, true);
	harness_until_done(&h, 1, 3000);
	ck_assert_str_eq(work_of(0, "state, attempt, attempt_open, number"),
			 "sending 1 t 1234567890");
	harness_status(&h, 0, 1);
	ck_assert_int_eq(h.status.state, STATE_SENDING);
	ck_assert_uint_eq(h.status.attempts, 1);
}
END_TEST

START_TEST(seq_follows_the_order_of_submission)
{
	/* Ids of one millisecond are in random order. */
	for (unsigned i = 0; i < 150; i++)
		harness_accept(&h, i, false);
	harness_until_done(&h, 150, 3000);
	for (unsigned i = 1; i < 150; i++)
		ck_assert_uint_gt(h.done[i].seq, h.done[i - 1].seq);
	ck_assert_int_eq(harness_sql_long(&h,
					  "SELECT seq FROM message_sender.work "
					  "WHERE message_id = '%s'",
					  harness_id(&h, 77)),
			 (long)h.done[77].seq);
}
END_TEST

START_TEST(a_message_that_is_not_to_be_sent_has_no_work)
{
	struct store_accept row = {
		.message = harness_message(&h, 0),
		.expires_wall_us = clock_wall_us(),
		.failed = true,
		.failure_code = GRAPH_CASE_CREDENTIALS,
		.failure_reason = "no credentials",
	};
	struct err err;

	ck_assert_int_eq(store_accept(h.store, 0, &row, &err), 0);
	harness_until_done(&h, 1, 3000);
	harness_expect(&h, 0, STORE_DONE);
	ck_assert_str_eq(state_of(0), "failed");
	ck_assert_str_eq(work_of(0, "state"), "");
	harness_status(&h, 0, 1);
	ck_assert_int_eq(h.status.failure_code, GRAPH_CASE_CREDENTIALS);
	ck_assert_str_eq(h.status.failure_reason, "no credentials");
}
END_TEST

START_TEST(an_accepted_outcome_ends_the_work)
{
	struct store_outcome row = harness_outcome(&h, 0);

	harness_accept(&h, 0, true);
	harness_until_done(&h, 1, 3000);
	store_outcome(h.store, 1, &row);
	harness_until_done(&h, 2, 3000);
	harness_expect(&h, 1, STORE_DONE);
	ck_assert_str_eq(work_of(0, "state"), "");
	harness_status(&h, 0, 2);
	ck_assert_int_eq(h.status.state, STATE_SENT);
	ck_assert_str_eq(h.status.wamid, row.wamid);
	ck_assert_int_eq(h.status.sent_wall_us, row.ended_wall_us);
	ck_assert_int_eq(
		harness_sql_long(&h,
				 "SELECT count(*) FROM message_sender.attempt WHERE "
				 "message_id = '%s' AND attempt = 1 AND outcome = 'accepted'",
				 harness_id(&h, 0)),
		1);
}
END_TEST

START_TEST(a_stored_conversation_merges_into_its_outcome)
{
	struct store_outcome row = harness_outcome(&h, 0);
	struct store_conversation stored = { .id = row.id, .stored = true };

	harness_accept(&h, 0, true);
	harness_until_done(&h, 1, 3000);
	row.next = STORE_NEXT_CONVERSATION;
	row.due_wall_us = clock_wall_us();
	store_outcome(h.store, 1, &row);
	store_conversation(h.store, 2, &stored);
	harness_until_done(&h, 3, 3000);
	harness_expect(&h, 1, STORE_DONE);
	harness_expect(&h, 2, STORE_DONE);
	ck_assert_str_eq(work_of(0, "state"), "");
	ck_assert_str_eq(state_of(0), "sent");
	ck_assert_uint_eq(store_pending(h.store), 0);
}
END_TEST

START_TEST(a_conversation_waits_in_work_until_it_is_stored)
{
	struct store_outcome row = harness_outcome(&h, 0);
	struct store_conversation c = { .id = row.id,
					.due_wall_us = clock_wall_us() + 50 * 1000000,
					.tries = 3 };

	harness_accept(&h, 0, true);
	harness_until_done(&h, 1, 3000);
	row.next = STORE_NEXT_CONVERSATION;
	row.due_wall_us = clock_wall_us();
	store_outcome(h.store, 1, &row);
	harness_until_done(&h, 2, 3000);
	ck_assert_str_eq(work_of(0, "state, attempt_open"), "sent f");
	store_conversation(h.store, 2, &c);
	harness_until_done(&h, 3, 3000);
	ck_assert_str_eq(
		work_of(0, "conversation_tries, round(extract(epoch FROM due_at - now()) / 10)"),
		"3 5");
	c.stored = true;
	store_conversation(h.store, 3, &c);
	harness_until_done(&h, 4, 3000);
	ck_assert_str_eq(work_of(0, "state"), "");
}
END_TEST

START_TEST(the_next_attempt_begins_only_after_the_outcome_of_the_last)
{
	struct store_outcome row = harness_outcome(&h, 0);

	harness_accept(&h, 0, true);
	harness_until_done(&h, 1, 3000);
	harness_begin(&h, 0, 2, 1); /* attempt 1 is open */
	harness_until_done(&h, 2, 3000);
	harness_expect(&h, 1, STORE_CONFLICT);
	row.outcome = OUTCOME_REFUSED;
	row.code = 131000;
	row.http_status = 500;
	row.next = STORE_NEXT_RETRY;
	row.due_wall_us = clock_wall_us() + 1000000;
	row.wamid = "";
	store_outcome(h.store, 2, &row);
	harness_until_done(&h, 3, 3000);
	ck_assert_str_eq(work_of(0, "state, attempt, attempt_open, counted"), "retrying 1 f 1");
	harness_begin(&h, 0, 3, 3); /* not the next one */
	harness_until_done(&h, 4, 3000);
	harness_expect(&h, 3, STORE_CONFLICT);
	harness_begin(&h, 0, 2, 4);
	harness_until_done(&h, 5, 3000);
	harness_expect(&h, 4, STORE_DONE);
	ck_assert_str_eq(work_of(0, "state, attempt, attempt_open"), "sending 2 t");
	harness_begin(&h, 1, 1, 5); /* no such message */
	harness_until_done(&h, 6, 3000);
	harness_expect(&h, 5, STORE_CONFLICT);
}
END_TEST

START_TEST(a_failed_outcome_ends_it_with_its_reason)
{
	struct store_outcome row = harness_outcome(&h, 0);

	harness_accept(&h, 0, true);
	harness_until_done(&h, 1, 3000);
	row.outcome = OUTCOME_REFUSED;
	row.http_status = 400;
	row.code = 131026;
	row.wamid = "";
	row.next = STORE_NEXT_FAILED;
	row.failure_reason = "Message undeliverable";
	store_outcome(h.store, 1, &row);
	harness_until_done(&h, 2, 3000);
	harness_status(&h, 0, 2);
	ck_assert_int_eq(h.status.state, STATE_FAILED);
	ck_assert_int_eq(h.status.failure_code, 131026);
	ck_assert_str_eq(h.status.failure_reason, "Message undeliverable");
	ck_assert_str_eq(work_of(0, "state"), "");
}
END_TEST

START_TEST(a_lost_attempt_is_unknown_and_never_begun_again)
{
	harness_lose(&h, 0, 1);
	ck_assert_str_eq(work_of(0, "state, attempt, attempt_open"), "unknown 1 f");
	harness_begin(&h, 0, 2, 2);
	harness_until_done(&h, 3, 3000);
	harness_expect(&h, 2, STORE_CONFLICT);
	/* The state alone is enough. */
	harness_sql_text(&h, "UPDATE message_sender.work SET lost_at = NULL");
	harness_begin(&h, 0, 2, 4);
	harness_until_done(&h, 4, 3000);
	harness_expect(&h, 4, STORE_CONFLICT);
	harness_status(&h, 0, 3);
	ck_assert_int_eq(h.status.state, STATE_UNKNOWN);
}
END_TEST

START_TEST(what_came_of_a_lost_attempt_replaces_lost)
{
	const struct store_outcome late = harness_outcome(&h, 0);
	const struct store_outcome lost = harness_lost(&h, 0);

	harness_lose(&h, 0, 1);
	store_outcome(h.store, 2, &late);
	harness_until_done(&h, 3, 3000);
	ck_assert_str_eq(state_of(0), "sent");
	ck_assert_str_eq(work_of(0, "state"), "");
	store_outcome(h.store, 3, &lost); /* and lost does not replace it again */
	harness_until_done(&h, 4, 3000);
	ck_assert_str_eq(state_of(0), "sent");
	ck_assert_str_eq(harness_sql_text(&h, "SELECT outcome FROM message_sender.attempt"),
			 "accepted");
}
END_TEST

START_TEST(no_outcome_of_another_attempt_undoes_sent)
{
	struct store_outcome first = harness_outcome(&h, 0);
	struct store_outcome second = first;

	harness_accept(&h, 0, true);
	harness_until_done(&h, 1, 3000);
	/* Attempt 1 was given up as not sent, attempt 2 is under way, then 1 turns out sent. */
	harness_sql_long(&h, "UPDATE message_sender.work SET attempt = 2");
	first.next = STORE_NEXT_CONVERSATION;
	first.due_wall_us = clock_wall_us();
	store_outcome(h.store, 1, &first);
	harness_until_done(&h, 2, 3000);
	ck_assert_str_eq(state_of(0), "sent");
	ck_assert_str_eq(work_of(0, "state, attempt, attempt_open"), "sending 2 t");
	second.attempt = 2;
	second.outcome = OUTCOME_REFUSED;
	second.wamid = "";
	second.next = STORE_NEXT_RETRY;
	second.due_wall_us = clock_wall_us();
	store_outcome(h.store, 2, &second);
	harness_until_done(&h, 3, 3000);
	ck_assert_str_eq(state_of(0), "sent");
	ck_assert_str_eq(work_of(0, "state, attempt_open"), "sent f"); /* for the conversation */
}
END_TEST

START_TEST(an_outcome_of_a_strange_incarnation_is_only_kept)
{
	struct store_outcome row = harness_outcome(&h, 0);

	harness_accept(&h, 0, true);
	harness_until_done(&h, 1, 3000);
	row.incarnation.bytes[0] ^= 1;
	row.outcome = OUTCOME_NOT_SENT;
	row.wamid = "";
	row.next = STORE_NEXT_FAILED;
	store_outcome(h.store, 1, &row);
	harness_until_done(&h, 2, 3000);
	ck_assert_str_eq(work_of(0, "state, attempt, attempt_open"), "sending 1 t");
	ck_assert_str_eq(state_of(0), "queued");
}
END_TEST

START_TEST(deferred_work_waits_or_fails)
{
	struct store_defer row = { .id = harness_message(&h, 0)->id,
				   .due_wall_us = clock_wall_us() + 70 * 1000000 };

	harness_accept(&h, 0, false);
	harness_until_done(&h, 1, 3000);
	store_defer(h.store, 1, &row);
	harness_until_done(&h, 2, 3000);
	ck_assert_str_eq(work_of(0, "state, round(extract(epoch FROM due_at - now()) / 10)"),
			 "retrying 7");
	row.failed = true;
	row.failure_code = GRAPH_CASE_EXPIRED;
	row.reason = "validity ran out";
	store_defer(h.store, 2, &row);
	harness_until_done(&h, 3, 3000);
	ck_assert_str_eq(work_of(0, "state"), "");
	harness_status(&h, 0, 3);
	ck_assert_int_eq(h.status.state, STATE_FAILED);
	ck_assert_str_eq(h.status.failure_reason, "validity ran out");
	harness_expect(&h, 1, STORE_DONE);
	harness_expect(&h, 2, STORE_DONE);
	row.id = harness_message(&h, 1)->id; /* no such message */
	store_defer(h.store, 4, &row);
	harness_until_done(&h, 5, 3000);
	harness_expect(&h, 4, STORE_CONFLICT);
}
END_TEST

START_TEST(a_defer_does_not_touch_an_attempt_under_way)
{
	struct store_defer row = {
		.id = harness_message(&h, 0)->id, .attempt = 1, .failed = true, .reason = "no"
	};

	harness_accept(&h, 0, true);
	harness_until_done(&h, 1, 3000);
	store_defer(h.store, 1, &row);
	row.failed = false;
	row.due_wall_us = clock_wall_us();
	store_defer(h.store, 2, &row);
	harness_until_done(&h, 3, 3000);
	harness_expect(&h, 1, STORE_CONFLICT);
	harness_expect(&h, 2, STORE_CONFLICT);
	ck_assert_str_eq(work_of(0, "state, attempt_open"), "sending t");
	ck_assert_str_eq(state_of(0), "queued");
}
END_TEST

static enum store_verdict defer(unsigned tag, unsigned attempt, bool failed)
{
	const struct store_defer row = { .id = harness_message(&h, tag)->id,
					 .attempt = attempt,
					 .failed = failed,
					 .due_wall_us = clock_wall_us(),
					 .failure_code = GRAPH_CASE_CREDENTIALS,
					 .reason = "no" };
	const unsigned target = h.done_count + 1;

	store_defer(h.store, 100 + tag, &row);
	harness_until_done(&h, target, 3000);
	return h.done[100 + tag].verdict;
}

/* Its lane went to another owner, who has made one attempt more by now. */
START_TEST(who_knows_an_earlier_attempt_defers_and_ends_nothing)
{
	struct store_outcome row = harness_outcome(&h, 0);

	harness_accept(&h, 0, true);
	harness_until_done(&h, 1, 3000);
	row.outcome = OUTCOME_NOT_SENT;
	row.wamid = "";
	row.next = STORE_NEXT_RETRY;
	row.due_wall_us = clock_wall_us() + 70 * 1000000;
	store_outcome(h.store, 1, &row);
	harness_until_done(&h, 2, 3000);
	for (unsigned failed = 0; failed < 2; failed++) {
		ck_assert_int_eq(defer(0, 0, failed), STORE_CONFLICT);
		ck_assert_int_eq(defer(0, 2, failed), STORE_CONFLICT);
		ck_assert_str_eq(work_of(0, "state, attempt, round(extract(epoch FROM "
					    "due_at - now()) / 10)"),
				 "retrying 1 7");
	}
	ck_assert_str_eq(state_of(0), "retrying");
	ck_assert_int_eq(defer(0, 1, false), STORE_DONE);
	ck_assert_int_eq(defer(0, 1, true), STORE_DONE);
	ck_assert_str_eq(state_of(0), "failed");
}
END_TEST

/* Whatever attempt it speaks of. */
START_TEST(a_give_up_does_not_end_what_is_unknown)
{
	harness_lose(&h, 0, 1);
	for (unsigned attempt = 0; attempt < 2; attempt++)
		ck_assert_int_eq(defer(0, attempt, true), STORE_CONFLICT);
	ck_assert_str_eq(work_of(0, "state, attempt"), "unknown 1");
	ck_assert_str_eq(state_of(0), "unknown");
}
END_TEST

START_TEST(one_bad_row_costs_only_itself)
{
	struct message bad = *harness_message(&h, 137);
	struct store_accept row = { .message = &bad, .expires_wall_us = clock_wall_us() };
	struct err err;

	bad.payload = "\xff is not UTF-8";
	for (unsigned i = 0; i < 200; i++) {
		if (i == 137)
			ck_assert_int_eq(store_accept(h.store, i, &row, &err), 0);
		else
			harness_accept(&h, i, i % 2 == 0);
	}
	harness_until_done(&h, 200, 5000);
	for (unsigned i = 0; i < 200; i++)
		harness_expect(&h, i, i == 137 ? STORE_REJECTED : STORE_DONE);
	ck_assert_int_eq(harness_sql_long(&h, "SELECT count(*) FROM message_sender.message"), 199);
	for (unsigned i = 1; i < 200; i++)
		if (i != 137 && i != 138)
			ck_assert_uint_gt(h.done[i].seq, h.done[i - 1].seq);
}
END_TEST

START_TEST(an_outcome_is_recorded_without_texts_that_are_refused)
{
	for (unsigned i = 0; i < 30; i++)
		harness_accept(&h, i, true);
	harness_until_done(&h, 30, 3000);
	for (unsigned i = 0; i < 30; i++) {
		struct store_outcome row = harness_outcome(&h, i);

		row.details = i == 7 ? "not UTF-8: \xff" : "fine";
		row.wamid = i == 9 ? "\xff" : row.wamid;
		store_outcome(h.store, 100 + i, &row);
	}
	harness_until_done(&h, 60, 3000);
	for (unsigned i = 0; i < 30; i++)
		harness_expect(&h, 100 + i, i == 9 ? STORE_REJECTED : STORE_DONE);
	ck_assert_str_eq(state_of(7), "sent");
	ck_assert_int_eq(harness_sql_long(&h, "SELECT count(details) FROM message_sender.attempt"),
			 28);
	ck_assert_int_eq(harness_sql_long(&h, "SELECT count(wamid) FROM message_sender.attempt"),
			 29);
}
END_TEST

START_TEST(writes_of_one_message_keep_their_order)
{
	struct store_outcome row = harness_outcome(&h, 0);

	/* All at once: accept, outcome 1, begin 2, outcome 2. */
	harness_accept(&h, 0, true);
	row.outcome = OUTCOME_NOT_SENT;
	row.wamid = "";
	row.next = STORE_NEXT_RETRY;
	row.due_wall_us = clock_wall_us();
	store_outcome(h.store, 1, &row);
	harness_begin(&h, 0, 2, 2);
	row = harness_outcome(&h, 0);
	row.attempt = 2;
	store_outcome(h.store, 3, &row);
	harness_until_done(&h, 4, 3000);
	harness_expect(&h, 2, STORE_DONE);
	harness_expect(&h, 3, STORE_DONE);
	ck_assert_str_eq(state_of(0), "sent");
	ck_assert_str_eq(work_of(0, "state"), "");
	ck_assert_int_eq(harness_sql_long(&h, "SELECT count(*) FROM message_sender.attempt"), 2);
}
END_TEST

START_TEST(a_full_queue_refuses)
{
	struct store_accept row = { .message = harness_message(&h, 1000) };
	struct err err;

	for (unsigned i = 0; i < 1000; i++)
		harness_accept(&h, i, false);
	ck_assert_uint_eq(store_pending(h.store), 1000);
	ck_assert_int_eq(store_accept(h.store, 1000, &row, &err), -1);
	ck_assert_int_eq(err.class, ERR_LIMIT);
	harness_until_done(&h, 1000, 5000);
	ck_assert_uint_eq(store_pending(h.store), 0);
	harness_accept(&h, 1000, false);
	harness_until_done(&h, 1001, 3000);
}
END_TEST

/* Law 1: the server's own default does not count. */
START_TEST(what_is_told_as_committed_is_on_disk)
{
	char conninfo[1024];

	harness_stop(&h);
	harness_prepare(&h);
	harness_sql_text(&h, "DROP TABLE IF EXISTS public.seen");
	harness_sql_text(&h, "CREATE TABLE public.seen (setting text)");
	harness_sql_text(&h,
			 "CREATE OR REPLACE FUNCTION public.see() RETURNS trigger "
			 "LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN INSERT INTO public.seen "
			 "VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$");
	harness_sql_text(&h, "CREATE OR REPLACE TRIGGER see AFTER INSERT ON message_sender.message "
			     "FOR EACH ROW EXECUTE FUNCTION public.see()");
	snprintf(conninfo, sizeof(conninfo), "%s options='-c synchronous_commit=off'",
		 harness_url());
	harness_open(&h, conninfo, true);
	harness_accept(&h, 1, false);
	harness_until_done(&h, 1, 5000);
	harness_sql_text(&h, "DROP TRIGGER see ON message_sender.message");
	harness_expect(&h, 1, STORE_DONE);
	ck_assert_str_eq(harness_sql_text(&h, "SELECT string_agg(setting, ' ') FROM public.seen"),
			 "on");
	harness_sql_text(&h, "DROP TABLE public.seen");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store");
	TCase *tcase = tcase_create("store");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 30);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, what_is_told_as_committed_is_on_disk);
	tcase_add_test(tcase, an_accepted_message_is_queued_and_has_work);
	tcase_add_test(tcase, a_message_nobody_knows_is_not_found);
	tcase_add_test(tcase, many_are_looked_at_in_one_statement);
	tcase_add_test(tcase, an_attempt_begun_with_acceptance_is_open);
	tcase_add_test(tcase, seq_follows_the_order_of_submission);
	tcase_add_test(tcase, a_message_that_is_not_to_be_sent_has_no_work);
	tcase_add_test(tcase, an_accepted_outcome_ends_the_work);
	tcase_add_test(tcase, a_stored_conversation_merges_into_its_outcome);
	tcase_add_test(tcase, a_conversation_waits_in_work_until_it_is_stored);
	tcase_add_test(tcase, the_next_attempt_begins_only_after_the_outcome_of_the_last);
	tcase_add_test(tcase, a_failed_outcome_ends_it_with_its_reason);
	tcase_add_test(tcase, a_lost_attempt_is_unknown_and_never_begun_again);
	tcase_add_test(tcase, what_came_of_a_lost_attempt_replaces_lost);
	tcase_add_test(tcase, no_outcome_of_another_attempt_undoes_sent);
	tcase_add_test(tcase, an_outcome_of_a_strange_incarnation_is_only_kept);
	tcase_add_test(tcase, deferred_work_waits_or_fails);
	tcase_add_test(tcase, a_defer_does_not_touch_an_attempt_under_way);
	tcase_add_test(tcase, who_knows_an_earlier_attempt_defers_and_ends_nothing);
	tcase_add_test(tcase, a_give_up_does_not_end_what_is_unknown);
	tcase_add_test(tcase, one_bad_row_costs_only_itself);
	tcase_add_test(tcase, an_outcome_is_recorded_without_texts_that_are_refused);
	tcase_add_test(tcase, writes_of_one_message_keep_their_order);
	tcase_add_test(tcase, a_full_queue_refuses);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
