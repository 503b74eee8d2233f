/*
 * Queues and what is sent later: how they are stored, and that it waits until it is due.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "domain/graph_error.h"
#include "harness.h"

#define SECOND_US INT64_C(1000000)

static struct harness h;

static void setup(void)
{
	harness_start(&h);
}

static void teardown(void)
{
	harness_stop(&h);
}

START_TEST(the_queue_of_a_message_is_the_programs)
{
	static const char *const tokens[] = {
		"",
		"a",
		"tenant-7",
		"123e4567-e89b-12d3-a456-426614174000",
		"~!{}|",
		"very many characters: 0123456789 0123456789 0123456789 0123456789 0123456789",
	};
	enum { TOKENS = sizeof(tokens) / sizeof(tokens[0]) };

	for (int class = 0; class < MESSAGE_CLASSES; class ++)
		for (unsigned i = 0; i < TOKENS * TOKENS; i++)
			ck_assert_int_eq(
				harness_sql_long(&h,
						 "SELECT message_sender.work_queue('%s', '%s', "
						 "%d::smallint)",
						 tokens[i % TOKENS], tokens[i / TOKENS], class),
				(long)message_queue(tokens[i % TOKENS], tokens[i / TOKENS],
						    (enum message_class) class));
}
END_TEST

/* Message `tag`, of this class. */
static struct message *make(unsigned tag, enum message_class class)
{
	struct message *m = harness_message(&h, tag);

	m->class = class;
	m->queue = message_queue(m->tenant_id, m->outlet_id, class);
	return m;
}

static void accept(unsigned tag, const struct store_accept *given)
{
	struct store_accept row = *given;
	struct err err;

	row.message = harness_message(&h, tag);
	row.expires_wall_us = clock_wall_us() + 3600 * SECOND_US;
	ck_assert_int_eq(store_accept(h.store, tag, &row, &err), 0);
}

static const char *work_of(unsigned tag)
{
	return harness_sql_text(&h,
				"SELECT w.state || ' ' || w.wait || ' ' || w.class || ' ' || "
				"round(extract(epoch FROM w.due_at - now())) || ' ' || m.state || "
				"' ' || m.class || ' ' || (w.queue = message_sender.work_queue("
				"m.tenant_id, m.outlet_id, m.class)) "
				"FROM message_sender.work w "
				"JOIN message_sender.message m USING (message_id) "
				"WHERE message_id = '%s'",
				harness_id(&h, tag));
}

START_TEST(class_and_queue_are_stored_and_loaded)
{
	for (int class = 0; class < MESSAGE_CLASSES; class ++) {
		(void)make((unsigned)class, (enum message_class) class);
		accept((unsigned)class, &(struct store_accept){ .caller_waits = true });
	}
	harness_until_done(&h, MESSAGE_CLASSES, 3000);
	ck_assert_str_eq(work_of(0), "queued 0 0 0 queued 0 true");
	ck_assert_str_eq(work_of(1), "queued 0 1 0 queued 1 true");
	ck_assert_str_eq(work_of(2), "queued 0 2 0 queued 2 true");
	harness_load(&h, 10, UINT64_MAX, clock_wall_us() + SECOND_US);
	ck_assert_uint_eq(h.loaded_count, MESSAGE_CLASSES);
	for (unsigned i = 0; i < MESSAGE_CLASSES; i++) {
		const enum message_class class = h.loaded[i].message->class;

		ck_assert(
			message_id_equal(h.loaded[i].message->id, harness_message(&h, class)->id));
		ck_assert_str_eq(h.loaded[i].message->deliver_between, "");
	}
}
END_TEST

/* One that has none of what is rare, in one batch with one that has it all. */
START_TEST(what_few_messages_have_is_stored_with_them_only)
{
	static const char window[] = "{\"from\":\"08:00\",\"to\":\"20:00\",\"time_zone\":\"UTC\"}";
	struct message *m = make(1, MESSAGE_BULK);

	m->send_at_wall_us = clock_wall_us() + 600 * SECOND_US;
	m->valid_until_wall_us = clock_wall_us() + 900 * SECOND_US;
	m->deliver_between = window;
	m->batch_id = m->id;
	accept(0, &(struct store_accept){ .caller_waits = true });
	accept(1, &(struct store_accept){ .scheduled = true, .due_wall_us = m->send_at_wall_us });
	harness_until_done(&h, 2, 3000);
	ck_assert_str_eq(work_of(0), "queued 0 0 0 queued 0 true");
	ck_assert_str_eq(work_of(1), "scheduled 5 2 600 scheduled 2 true");
	ck_assert_str_eq(harness_sql_text(&h,
					  "SELECT concat(send_at, deliver_between, valid_until, "
					  "batch_id) FROM message_sender.message "
					  "WHERE message_id = '%s'",
					  harness_id(&h, 0)),
			 "");
	ck_assert_str_eq(
		harness_sql_text(&h,
				 "SELECT round(extract(epoch FROM send_at - now())) || ' ' "
				 "|| round(extract(epoch FROM valid_until - now())) || ' ' "
				 "|| deliver_between || ' ' || (batch_id = message_id) "
				 "FROM message_sender.message WHERE message_id = '%s'",
				 harness_id(&h, 1)),
		"600 900 {\"from\":\"08:00\",\"to\":\"20:00\",\"time_zone\":\"UTC\"} true");
}
END_TEST

START_TEST(what_is_scheduled_is_neither_loaded_nor_begun)
{
	struct store_begin begin = { .attempt = 1, .number = "1" };
	struct err err;

	accept(0, &(struct store_accept){ .scheduled = true, .due_wall_us = clock_wall_us() });
	harness_until_done(&h, 1, 3000);
	begin.id = harness_message(&h, 0)->id;
	harness_load(&h, 1, UINT64_MAX, clock_wall_us() + SECOND_US);
	ck_assert_int_eq(store_begin(h.store, 2, &begin, &err), 0);
	harness_until_done(&h, 3, 3000);
	ck_assert_uint_eq(h.loaded_count, 0);
	ck_assert_int_eq(h.done[2].verdict, STORE_CONFLICT);
	ck_assert_str_eq(work_of(0), "scheduled 5 0 0 scheduled 0 true");
}
END_TEST

static void load_due(unsigned op, int64_t ahead_us, unsigned limit)
{
	const unsigned target = h.done_count + 1;
	struct err err;

	for (unsigned i = 0; i < h.loaded_count; i++)
		message_free(h.loaded[i].message);
	h.loaded_count = 0;
	ck_assert_int_eq(store_load_due(h.store, op, UINT64_MAX, clock_wall_us() + ahead_us, limit,
					&err),
			 0);
	harness_until_done(&h, target, 3000);
}

static void begin(unsigned op, unsigned tag, unsigned attempt, enum store_verdict verdict)
{
	const struct store_begin row = {
		.id = harness_message(&h, tag)->id,
		.attempt = attempt,
		.number = "1",
		.deadline_wall_us = clock_wall_us() + 10 * SECOND_US,
	};
	struct err err;

	ck_assert_int_eq(store_begin(h.store, op, &row, &err), 0);
	harness_until_done(&h, h.done_count + 1, 3000);
	ck_assert_int_eq(h.done[op].verdict, verdict);
}

START_TEST(what_is_due_goes_back_to_the_work_that_is_to_be_sent)
{
	const int64_t now_us = clock_wall_us();

	for (unsigned i = 0; i < 3; i++)
		accept(i,
		       &(struct store_accept){ .scheduled = true,
					       .due_wall_us = now_us + (3 - i) * 60 * SECOND_US });
	harness_until_done(&h, 3, 3000);
	load_due(10, 59 * SECOND_US, 10);
	ck_assert_uint_eq(h.loaded_count, 0);
	load_due(11, 121 * SECOND_US, 1); /* the first by its time, and no more */
	ck_assert_uint_eq(h.loaded_count, 1);
	ck_assert(message_id_equal(h.loaded[0].message->id, harness_message(&h, 2)->id));
	ck_assert_int_eq(h.loaded[0].state, STATE_QUEUED);
	ck_assert_int_le(llabs(h.loaded[0].due_wall_us - now_us - 60 * SECOND_US), SECOND_US);
	ck_assert_str_eq(work_of(2), "queued 0 0 60 scheduled 0 true");
	load_due(12, 121 * SECOND_US, 10);
	ck_assert_uint_eq(h.loaded_count, 1);
	ck_assert_str_eq(work_of(1), "queued 0 0 120 scheduled 0 true");
	ck_assert_str_eq(work_of(0), "scheduled 5 0 180 scheduled 0 true");
	begin(13, 2, 1, STORE_DONE);
	begin(14, 0, 1, STORE_CONFLICT);
}
END_TEST

START_TEST(what_waits_for_its_hours_is_out_of_the_way_till_then)
{
	struct store_defer later = { .later = true, .reason = "its hours" };

	accept(0, &(struct store_accept){ .caller_waits = true });
	harness_until_done(&h, 1, 3000);
	later.id = harness_message(&h, 0)->id;
	later.due_wall_us = clock_wall_us() + 600 * SECOND_US;
	store_defer(h.store, 1, &later);
	harness_until_done(&h, 2, 3000);
	ck_assert_str_eq(work_of(0), "retrying 5 0 600 queued 0 true");
	harness_load(&h, 2, UINT64_MAX, clock_wall_us() + 900 * SECOND_US);
	ck_assert_uint_eq(h.loaded_count, 0);
	load_due(3, 601 * SECOND_US, 10);
	ck_assert_uint_eq(h.loaded_count, 1);
	ck_assert_int_eq(h.loaded[0].state, STATE_RETRYING);
	ck_assert_str_eq(work_of(0), "retrying 0 0 600 queued 0 true");
	begin(4, 0, 1, STORE_DONE);
}
END_TEST

static void call_off(unsigned op, unsigned tag)
{
	store_call_off(h.store, op, harness_message(&h, tag)->id);
	harness_until_done(&h, h.done_count + 1, 3000);
	ck_assert_int_eq(h.done[op].verdict, STORE_DONE);
}

/* State, code and whether work is left, as it is stored. */
static const char *stands(unsigned tag)
{
	return harness_sql_text(&h,
				"SELECT message_sender.state_exact(m.state, w.state) || ' ' || "
				"coalesce(m.failure_code, 0) || ' ' || (w.message_id IS NOT NULL) "
				"FROM message_sender.message m "
				"LEFT JOIN message_sender.work w USING (message_id) "
				"WHERE m.message_id = '%s'",
				harness_id(&h, tag));
}

static void outcome(unsigned op, unsigned tag, enum outcome what, enum store_next next)
{
	struct store_outcome row = harness_outcome(&h, tag);

	row.outcome = what;
	row.next = next;
	row.due_wall_us = clock_wall_us();
	row.failure_reason = "no time is left";
	if (what != OUTCOME_ACCEPTED)
		row.wamid = "";
	store_outcome(h.store, op, &row);
	harness_until_done(&h, h.done_count + 1, 3000);
}

START_TEST(what_was_not_sent_is_cancelled_for_good)
{
	struct store_defer held = { .hold = 1, .reason = "" };

	accept(0, &(struct store_accept){ .caller_waits = true });
	accept(1, &(struct store_accept){ .scheduled = true,
					  .due_wall_us = clock_wall_us() + 600 * SECOND_US });
	harness_accept(&h, 2, true);
	accept(3, &(struct store_accept){ .caller_waits = true });
	harness_until_done(&h, 4, 3000);
	outcome(10, 2, OUTCOME_NOT_SENT, STORE_NEXT_RETRY);
	held.id = harness_message(&h, 3)->id;
	store_defer(h.store, 11, &held);
	harness_until_done(&h, h.done_count + 1, 3000);
	for (unsigned i = 0; i < 4; i++) {
		call_off(20 + i, i);
		ck_assert_str_eq(stands(i), "cancelled -15 false");
		begin(30 + i, i, i == 2 ? 2 : 1, STORE_CONFLICT);
		call_off(40 + i, i);
		ck_assert_str_eq(stands(i), "cancelled -15 false");
	}
}
END_TEST

START_TEST(what_may_have_been_sent_is_not_cancelled)
{
	for (unsigned i = 0; i < 4; i++)
		harness_accept(&h, i, true);
	harness_until_done(&h, 4, 3000);
	call_off(10, 0);
	ck_assert_str_eq(stands(0), "sending 0 true");
	outcome(11, 1, OUTCOME_LOST, STORE_NEXT_UNKNOWN);
	call_off(12, 1);
	ck_assert_str_eq(stands(1), "unknown 0 true");
	harness_sql_text(&h, "SELECT message_sender.resolve('%s', 'resend', 'x', 'x', NULL)",
			 harness_id(&h, 1));
	call_off(13, 1);
	ck_assert_str_eq(stands(1), "retrying 0 true");
	outcome(14, 2, OUTCOME_ACCEPTED, STORE_NEXT_CONVERSATION);
	call_off(15, 2);
	ck_assert_str_eq(stands(2), "sent 0 true");
	outcome(16, 3, OUTCOME_NOT_SENT, STORE_NEXT_RETRY);
	harness_sql_text(&h,
			 "INSERT INTO message_sender.receipt (message_id, attempt, status, number, "
			 "wamid, at) VALUES ('%s', 1, 'sent', '1', 'w', now())",
			 harness_id(&h, 3));
	call_off(17, 3);
	ck_assert_str_eq(stands(3), "retrying 0 true");
}
END_TEST

/* From the notice of a restore on, until it is marked; what was not due then cannot have been. */
START_TEST(what_a_restore_may_have_sent_is_not_cancelled)
{
	accept(0, &(struct store_accept){ .caller_waits = true });
	accept(1, &(struct store_accept){ .scheduled = true,
					  .due_wall_us = clock_wall_us() + 600 * SECOND_US });
	accept(2, &(struct store_accept){ .scheduled = true, .due_wall_us = clock_wall_us() });
	harness_until_done(&h, 3, 3000);
	harness_sql_text(&h, "SELECT message_sender.restored(id, system_identifier, timeline,"
			     " ticks, ticks + 1000, 'x') FROM message_sender.beacon");
	harness_sql_text(&h, "SELECT message_sender.call_off(array_agg(message_id ORDER BY "
			     "message_id), 'x') FROM message_sender.work");
	ck_assert_str_eq(stands(0), "queued 0 true");
	ck_assert_str_eq(stands(1), "cancelled -15 false");
	ck_assert_str_eq(stands(2), "scheduled 0 true");
}
END_TEST

/* Begun first, or cancelled first; never both. */
START_TEST(a_begin_and_a_cancellation_exclude_each_other)
{
	struct err err;

	for (unsigned i = 0; i < 40; i++)
		accept(i, &(struct store_accept){ .caller_waits = true });
	harness_until_done(&h, 40, 3000);
	for (unsigned i = 0; i < 40; i++) {
		const struct store_begin row = { .id = harness_message(&h, i)->id,
						 .attempt = 1,
						 .number = "1" };
		PGresult *result = NULL;
		char sql[160];

		/* Another session's, while this one begins. */
		snprintf(sql, sizeof(sql), "SELECT message_sender.call_off(ARRAY['%s'::uuid], 'x')",
			 harness_id(&h, i));
		if (i % 2)
			ck_assert(PQsendQuery(h.sql, sql));
		ck_assert_int_eq(store_begin(h.store, 100 + i, &row, &err), 0);
		if (i % 2 == 0)
			store_call_off(h.store, 200 + i, row.id);
		harness_until_done(&h, h.done_count + (i % 2 ? 1 : 2), 3000);
		while (i % 2 && (result = PQgetResult(h.sql)))
			PQclear(result);
		ck_assert_str_eq(stands(i), h.done[100 + i].verdict == STORE_DONE
						    ? "sending 0 true"
						    : "cancelled -15 false");
	}
}
END_TEST

START_TEST(only_who_gave_a_validity_sees_that_it_is_over)
{
	struct store_defer row = { .failed = true,
				   .failure_code = GRAPH_CASE_EXPIRED,
				   .reason = "Validity ran out" };

	for (unsigned i = 0; i < 4; i++) {
		if (i % 2)
			harness_message(&h, i)->valid_until_wall_us = clock_wall_us();
		harness_accept(&h, i, i > 1);
	}
	harness_until_done(&h, 4, 3000);
	for (unsigned i = 0; i < 2; i++) {
		row.id = harness_message(&h, i)->id;
		store_defer(h.store, 10 + i, &row);
		harness_until_done(&h, h.done_count + 1, 3000);
		ck_assert_int_eq(h.done[10 + i].verdict, STORE_DONE);
		store_defer(h.store, 20 + i, &row); /* in doubt, and repeated */
		harness_until_done(&h, h.done_count + 1, 3000);
		ck_assert_int_eq(h.done[20 + i].verdict, STORE_DONE);
		outcome(30 + i, i + 2, OUTCOME_NOT_SENT, STORE_NEXT_EXPIRED);
	}
	ck_assert_str_eq(stands(0), "failed -12 false");
	ck_assert_str_eq(stands(1), "expired -12 false");
	ck_assert_str_eq(stands(2), "failed 0 false");
	ck_assert_str_eq(stands(3), "expired 0 false");
}
END_TEST

/* What was due when it went back may have been attempted; what was not cannot have been. */
START_TEST(a_restore_makes_unknown_what_was_due)
{
	accept(0, &(struct store_accept){ .scheduled = true, .due_wall_us = clock_wall_us() });
	accept(1, &(struct store_accept){ .scheduled = true,
					  .due_wall_us = clock_wall_us() + 600 * SECOND_US });
	harness_until_done(&h, 2, 3000);
	harness_sql_text(&h, "SELECT message_sender.restored(id, system_identifier, timeline,"
			     " ticks, ticks + 1000, 'x') FROM message_sender.beacon");
	ck_assert_int_eq(harness_sql_long(&h, "SELECT message_sender.mark_restored(500)"), 1);
	ck_assert_str_eq(work_of(0), "unknown 2 0 0 unknown 0 true");
	ck_assert_str_eq(work_of(1), "scheduled 5 0 600 scheduled 0 true");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store_scheduled");
	TCase *tcase = tcase_create("store_scheduled");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, the_queue_of_a_message_is_the_programs);
	tcase_add_test(tcase, class_and_queue_are_stored_and_loaded);
	tcase_add_test(tcase, what_few_messages_have_is_stored_with_them_only);
	tcase_add_test(tcase, what_is_scheduled_is_neither_loaded_nor_begun);
	tcase_add_test(tcase, what_is_due_goes_back_to_the_work_that_is_to_be_sent);
	tcase_add_test(tcase, what_waits_for_its_hours_is_out_of_the_way_till_then);
	tcase_add_test(tcase, what_was_not_sent_is_cancelled_for_good);
	tcase_add_test(tcase, what_may_have_been_sent_is_not_cancelled);
	tcase_add_test(tcase, what_a_restore_may_have_sent_is_not_cancelled);
	tcase_add_test(tcase, a_begin_and_a_cancellation_exclude_each_other);
	tcase_add_test(tcase, only_who_gave_a_validity_sees_that_it_is_over);
	tcase_add_test(tcase, a_restore_makes_unknown_what_was_due);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
