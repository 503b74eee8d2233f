/*
 * Bulk calls on a real PostgreSQL: what is there is not added again, what was cancelled takes no
 * more, and a key belongs to one call.
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
	harness_start_behind_proxy(&h);
}

static void teardown(void)
{
	harness_stop(&h);
}

#define BATCH 1000 /* the message whose id is the batch's */

static struct message_id batch_id(void)
{
	return harness_message(&h, BATCH)->id;
}

static struct store_key key_of(uint8_t print)
{
	struct store_key key = { .key = "k", .runs_ms = 60000 };

	memset(key.fingerprint, print, sizeof(key.fingerprint));
	return key;
}

static void open_batch(unsigned tag, struct message_id id, const struct store_key *key)
{
	const struct store_batch row = { .id = id, .tenant_id = "t", .messages = 3, .key = key };
	struct err err;

	ck_assert_int_eq(store_open_batch(h.store, tag, &row, &err), 0);
}

/* Message `tag` of the batch, with the time of its id. */
static void add(unsigned tag, unsigned op, const struct store_key *key)
{
	struct message *m = message_copy(harness_message(&h, tag));
	struct store_accept row = { .message = m, .key = key };
	struct err err;

	memcpy(m->id.bytes, batch_id().bytes, 6);
	m->batch_id = batch_id();
	row.expires_wall_us = m->accepted_wall_us + INT64_C(86400000000);
	ck_assert_int_eq(store_add(h.store, op, &row, &err), 0);
}

static void expect(unsigned op, unsigned count, enum store_verdict verdict)
{
	harness_until_done(&h, count, 5000);
	harness_expect(&h, op, verdict);
}

static long messages(const char *state)
{
	return harness_sql_long(&h,
				"SELECT count(*) FROM message_sender.message m WHERE state = '%s' "
				"AND batch_id = (SELECT batch_id FROM message_sender.batch)",
				state);
}

static long work(void)
{
	return harness_sql_long(&h, "SELECT count(*) FROM message_sender.work");
}

START_TEST(what_is_there_is_not_added_again)
{
	const struct store_key key = key_of(1);
	struct err err;

	open_batch(0, batch_id(), &key);
	expect(0, 1, STORE_DONE);
	add(1, 1, NULL);
	add(2, 2, NULL);
	expect(2, 3, STORE_DONE);
	ck_assert_int_eq(work(), 2);
	/* One of them is through, and the call is taken up again. */
	harness_sql_text(&h, "WITH w AS (DELETE FROM message_sender.work WHERE seq = (SELECT "
			     "min(seq) FROM message_sender.work) RETURNING message_id) UPDATE "
			     "message_sender.message m SET state = 'sent' FROM w WHERE "
			     "m.message_id = w.message_id");
	open_batch(3, batch_id(), &key);
	add(1, 4, NULL);
	add(2, 5, NULL);
	add(3, 6, NULL);
	expect(6, 7, STORE_DONE);
	harness_expect(&h, 4, STORE_DONE);
	ck_assert_int_eq(messages("sent"), 1);
	ck_assert_int_eq(messages("queued"), 2);
	ck_assert_int_eq(work(), 2);
	ck_assert_int_eq(store_close_batch(h.store, 7, batch_id(), 3, 0, &err), 0);
	expect(7, 8, STORE_DONE);
	ck_assert_int_eq(harness_sql_long(&h, "SELECT accepted FROM message_sender.batch WHERE "
					      "closed_at IS NOT NULL"),
			 3);
}
END_TEST

START_TEST(a_key_is_of_one_call)
{
	const struct store_key key = key_of(1);

	open_batch(0, batch_id(), &key);
	expect(0, 1, STORE_DONE);
	open_batch(1, harness_message(&h, 1)->id, &key);
	expect(1, 2, STORE_CONFLICT);
	ck_assert_int_eq(harness_sql_long(&h, "SELECT count(*) FROM message_sender.batch"), 1);
}
END_TEST

START_TEST(an_item_whose_key_is_another_messages_is_not_stored)
{
	const struct store_key key = key_of(1);

	open_batch(0, batch_id(), NULL);
	add(10, 1, &key);
	expect(1, 2, STORE_DONE);
	add(0, 2, &key); /* of the same tenant */
	add(3, 3, NULL);
	expect(3, 4, STORE_DONE);
	harness_expect(&h, 2, STORE_CONFLICT);
	ck_assert_int_eq(messages("queued"), 2);
}
END_TEST

static void cancel(unsigned op, unsigned count, struct message_id after)
{
	struct err err;

	ck_assert_int_eq(store_cancel_batch(h.store, op, batch_id(), after, &err), 0);
	expect(op, count, STORE_DONE);
}

START_TEST(what_was_cancelled_takes_no_more)
{
	const struct message_id none = { { 0 } };

	cancel(0, 1, none);
	ck_assert(!h.found);
	open_batch(1, batch_id(), NULL);
	add(1, 2, NULL);
	add(2, 3, NULL);
	expect(3, 4, STORE_DONE);
	harness_sql_text(&h, "UPDATE message_sender.work SET state = 'sending', attempt = 1, "
			     "attempt_open = true, begun_at = now(), incarnation = message_id "
			     "WHERE seq = (SELECT min(seq) FROM message_sender.work)");
	cancel(4, 5, none);
	ck_assert(h.found);
	ck_assert_int_eq(messages("cancelled"), 1); /* the other one is under way */
	ck_assert_int_eq(work(), 1);
	add(3, 5, NULL);
	add(2, 6, NULL); /* there, cancelled or under way: not as if it had been refused */
	add(1, 7, NULL);
	expect(7, 8, STORE_DONE);
	harness_expect(&h, 6, STORE_DONE);
	harness_expect(&h, 5, STORE_NOT_BEGUN);
	ck_assert_int_eq(work(), 1);
	ck_assert_int_eq(harness_sql_long(&h, "SELECT count(*) FROM message_sender.message"), 2);
}
END_TEST

/* Between its notice and the marking any of them may have been sent. */
START_TEST(what_a_restore_may_have_sent_is_not_cancelled_with_its_batch)
{
	const struct message_id none = { { 0 } };

	open_batch(0, batch_id(), NULL);
	add(1, 1, NULL);
	expect(1, 2, STORE_DONE);
	harness_sql_text(&h, "INSERT INTO message_sender.restore (why, last_seq) "
			     "SELECT 'x', max(seq) FROM message_sender.work");
	add(2, 2, NULL);
	expect(2, 3, STORE_DONE);
	cancel(3, 4, none);
	ck_assert_int_eq(messages("cancelled"), 1); /* the one of after it */
	ck_assert_int_eq(messages("queued"), 1);
	harness_sql_text(&h, "UPDATE message_sender.restore SET marked = true");
	cancel(4, 5, none);
	ck_assert_int_eq(messages("cancelled"), 2);
}
END_TEST

/* Of a scheduled message whose time has come only its work says so. */
START_TEST(a_batch_is_counted_by_exact_states)
{
	open_batch(0, batch_id(), NULL);
	add(1, 1, NULL);
	add(2, 2, NULL);
	expect(2, 3, STORE_DONE);
	harness_sql_text(&h, "UPDATE message_sender.message SET state = 'scheduled'");
	harness_sql_text(&h, "UPDATE message_sender.work SET state = 'scheduled', wait = 5 "
			     "WHERE seq = (SELECT min(seq) FROM message_sender.work)");
	ck_assert_str_eq(harness_sql_text(&h,
					  "SELECT s -> 'statuses' ->> 'scheduled' || ' ' || (s "
					  "-> 'statuses' ->> 'queued') FROM message_sender.batch, "
					  "message_sender.batch_status(batch_id) AS s"),
			 "1 1");
}
END_TEST

START_TEST(the_reader_learns_of_a_batch_by_its_id)
{
	struct store_read read = { .kind = STORE_READ_BATCH, .id = batch_id() };
	struct err err;

	ck_assert_int_eq(store_read(h.store, 0, &read, &err), 0);
	expect(0, 1, STORE_DONE);
	ck_assert(!h.found);
	open_batch(1, batch_id(), NULL);
	add(1, 2, NULL);
	expect(2, 3, STORE_DONE);
	ck_assert_int_eq(store_read(h.store, 3, &read, &err), 0);
	expect(3, 4, STORE_DONE);
	ck_assert(h.found);
	ck_assert_msg(strstr(h.json, "\"queued\" : 1") != NULL, "%s", h.json);
	ck_assert_ptr_nonnull(strstr(h.json, "\"complete\" : false"));
	/* And in no other way. */
	ck_assert_int_eq(harness_sql_long(&h, "SELECT count(*) FROM message_sender.batch"), 1);
	harness_sql_text(&h, "SET ROLE message_sender_reader");
	ck_assert_int_eq(harness_sql_long(&h, "SELECT count(*) FROM message_sender.batch"), 0);
	/* With a tenant: its own, as if others were not there. */
	read.asker = (struct store_asker){ .tenant_id = "another", .outlets = "" };
	ck_assert_int_eq(store_read(h.store, 4, &read, &err), 0);
	expect(4, 5, STORE_DONE);
	ck_assert(!h.found);
}
END_TEST

static bool both_are_there(struct harness *harness, void *arg)
{
	(void)harness;
	(void)arg;
	return work() == 2;
}

START_TEST(a_call_in_doubt_is_settled)
{
	open_batch(0, batch_id(), NULL);
	expect(0, 1, STORE_DONE);
	proxy_mode(h.proxy, PROXY_SWALLOW);
	add(1, 1, NULL);
	add(2, 2, NULL);
	harness_until(&h, 5000, both_are_there, NULL);
	ck_assert_uint_eq(h.done_count, 1);
	proxy_mode(h.proxy, PROXY_FORWARD);
	proxy_cut(h.proxy);
	expect(2, 3, STORE_DONE);
	harness_expect(&h, 1, STORE_DONE);
	ck_assert_int_eq(messages("queued"), 2);
	ck_assert_int_eq(work(), 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store_batch");
	TCase *tcase = tcase_create("store_batch");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, what_is_there_is_not_added_again);
	tcase_add_test(tcase, a_key_is_of_one_call);
	tcase_add_test(tcase, an_item_whose_key_is_another_messages_is_not_stored);
	tcase_add_test(tcase, what_was_cancelled_takes_no_more);
	tcase_add_test(tcase, what_a_restore_may_have_sent_is_not_cancelled_with_its_batch);
	tcase_add_test(tcase, a_batch_is_counted_by_exact_states);
	tcase_add_test(tcase, the_reader_learns_of_a_batch_by_its_id);
	tcase_add_test(tcase, a_call_in_doubt_is_settled);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
