/*
 * Queues and what is sent later: how they are stored, and that it waits until it is due.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
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
	struct err err;

	for (int class = 0; class < MESSAGE_CLASSES; class ++) {
		(void)make((unsigned)class, (enum message_class) class);
		accept((unsigned)class, &(struct store_accept){ .caller_waits = true });
	}
	harness_until_done(&h, MESSAGE_CLASSES, 3000);
	ck_assert_str_eq(work_of(0), "queued 0 0 0 queued 0 true");
	ck_assert_str_eq(work_of(1), "queued 0 1 0 queued 1 true");
	ck_assert_str_eq(work_of(2), "queued 0 2 0 queued 2 true");
	ck_assert_int_eq(store_load(h.store, 10, UINT64_MAX, 0, clock_wall_us() + SECOND_US, 10,
				    false, &err),
			 0);
	harness_until_done(&h, MESSAGE_CLASSES + 1, 3000);
	ck_assert_uint_eq(h.loaded_count, MESSAGE_CLASSES);
	for (unsigned i = 0; i < MESSAGE_CLASSES; i++) {
		ck_assert_int_eq(h.loaded[i].message->class, (int)i);
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
	ck_assert_int_eq(store_load(h.store, 1, UINT64_MAX, 0, clock_wall_us() + SECOND_US, 10,
				    false, &err),
			 0);
	ck_assert_int_eq(store_begin(h.store, 2, &begin, &err), 0);
	harness_until_done(&h, 3, 3000);
	ck_assert_uint_eq(h.loaded_count, 0);
	ck_assert_int_eq(h.done[2].verdict, STORE_CONFLICT);
	ck_assert_str_eq(work_of(0), "scheduled 5 0 0 scheduled 0 true");
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
	tcase_add_test(tcase, a_restore_makes_unknown_what_was_due);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
