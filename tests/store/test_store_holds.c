/* Holds on a real PostgreSQL: the look, the bell, held work and how it comes back. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "harness.h"
#include "store/query.h"

static struct harness h;
static struct query *cli;

static void setup(void)
{
	struct err err;

	harness_start(&h);
	cli = query_open(harness_url(), &err);
	ck_assert_msg(cli != NULL, "%s", err.text);
}

static void teardown(void)
{
	query_close(cli);
	harness_stop(&h);
}

static bool run(const char *statement, int count, const char *const *values)
{
	struct err err;

	ck_assert_msg(query_run(cli, statement, count, values, &err) == 0, "%s", err.text);
	return query_rows(cli) > 0;
}

/* True: it is new. */
static bool set(const char *scope, const char *tenant, const char *outlet, const char *number,
		const char *reason, const char *most)
{
	const char *const values[] = { scope,  tenant, outlet, number, reason,
				       "rani", "why",  most,   most };

	return run("hold_set", 9, values) && *query_value(cli, 0, 0) == 't';
}

static unsigned release_of(const char *scope, const char *tenant, const char *outlet,
			   const char *number)
{
	const char *const values[] = { scope, tenant, outlet, number, "budi", "done", "false" };

	(void)run("hold_release", 7, values);
	return query_rows(cli);
}

static unsigned release(const char *scope, const char *tenant, const char *number)
{
	return release_of(scope, tenant, "", number);
}

static void look(int64_t version)
{
	struct err err;

	ck_assert_int_eq(store_holds(h.store, version, &err), 0);
	harness_until_done(&h, h.done_count + 1, 3000);
}

static void load_held(unsigned limit)
{
	struct err err;

	for (unsigned i = 0; i < h.loaded_count; i++)
		message_free(h.loaded[i].message);
	h.loaded_count = 0;
	ck_assert_int_eq(store_load_held(h.store, 500, ~UINT64_C(0), limit, &err), 0);
	harness_until_done(&h, h.done_count + 1, 3000);
	ck_assert_int_eq(h.done[500].verdict, STORE_DONE);
}

static void shelve_after(unsigned attempt, unsigned tag, int hold)
{
	const struct store_defer row = { .id = harness_message(&h, tag)->id,
					 .attempt = attempt,
					 .hold = hold,
					 .due_wall_us = clock_wall_us() };

	store_defer(h.store, 400 + tag, &row);
	harness_until_done(&h, h.done_count + 1, 3000);
}

static void shelve(unsigned tag, int hold)
{
	shelve_after(0, tag, hold);
}

static int newest_hold(void)
{
	return (int)harness_sql_long(&h, "SELECT max(id) FROM message_sender.hold");
}

START_TEST(a_look_tells_what_has_changed_and_no_more)
{
	look(0);
	ck_assert(h.holds_changed);
	ck_assert_uint_eq(h.hold_count, 0);
	ck_assert(set("outlet", "t", "o", "", "paused", "10"));
	ck_assert(set("outlet", "t", "o", "123", "token", "10"));
	look(h.holds_version);
	ck_assert(h.holds_changed);
	ck_assert_uint_eq(h.hold_count, 2);
	ck_assert_int_eq(h.holds[0].scope, HOLD_OUTLET);
	ck_assert_str_eq(h.holds[0].tenant_id, "t");
	ck_assert_str_eq(h.holds[0].outlet_id, "o");
	ck_assert_int_eq(h.holds[0].reason, HOLD_PAUSED);
	ck_assert_int_eq(h.holds[1].scope, HOLD_OUTLET);
	ck_assert_str_eq(h.holds[1].outlet_id, "o");
	ck_assert_str_eq(h.holds[1].number, "123");
	ck_assert_int_eq(h.holds[1].reason, HOLD_TOKEN);
	ck_assert_int_eq(h.holds[1].id, newest_hold());
	ck_assert_int_lt(llabs(h.holds[1].set_wall_us - clock_wall_us()), 5000000);
	look(h.holds_version);
	ck_assert(!h.holds_changed);
	ck_assert_uint_eq(h.hold_count, 0);
	ck_assert_uint_eq(release_of("outlet", "t", "p", ""), 0); /* another outlet */
	ck_assert_uint_eq(release("number", "", "123"), 1);
	look(h.holds_version);
	ck_assert(h.holds_changed);
	ck_assert_uint_eq(h.hold_count, 1);
}
END_TEST

static bool rung(struct harness *harness, void *arg)
{
	return harness->rung_count >= *(unsigned *)arg;
}

START_TEST(every_change_rings)
{
	unsigned count = h.rung_count + 1;

	ck_assert(set("all", "", "", "", "paused", "10"));
	harness_until(&h, 3000, rung, &count);
	ck_assert_str_eq(h.rung, "h");
	count++;
	ck_assert_uint_eq(release("all", "", ""), 1);
	harness_until(&h, 3000, rung, &count);
	ck_assert_str_eq(h.rung, "h");
}
END_TEST

START_TEST(who_and_why_stay_known)
{
	ck_assert(set("tenant", "t", "", "", "paused", "10"));
	ck_assert(!set("tenant", "t", "", "", "paused", "10"));
	ck_assert_uint_eq(query_rows(cli), 1);
	ck_assert_ptr_nonnull(strstr(query_value(cli, 0, 1), "tenant t paused by rani since "));
	ck_assert_uint_eq(release("tenant", "t", ""), 1);
	ck_assert_uint_eq(release("tenant", "t", ""), 0);
	ck_assert(set("tenant", "t", "", "", "paused", "10"));
	ck_assert_str_eq(harness_sql_text(&h,
					  "SELECT string_agg(set_by || ' ' || note || ' ' || "
					  "coalesce(released_by || ' ' || release_note, '-'), ', ' "
					  "ORDER BY id) FROM message_sender.hold"),
			 "rani why budi done, rani why -");
}
END_TEST

START_TEST(there_are_so_many_at_most)
{
	ck_assert(set("number", "", "", "1", "paused", "2"));
	ck_assert(set("number", "", "", "2", "paused", "2"));
	ck_assert(!set("number", "", "", "3", "paused", "2"));
	ck_assert_uint_eq(query_rows(cli), 0);
	ck_assert(!set("number", "", "", "2", "paused", "2"));
	ck_assert_uint_eq(query_rows(cli), 1); /* it is in force already */
	ck_assert_uint_eq(release("number", "", "1"), 1);
	ck_assert(set("number", "", "", "3", "paused", "2"));
}
END_TEST

/* That is for `queue release`. */
START_TEST(what_a_restore_holds_is_not_resumed)
{
	ck_assert(set("all", "", "", "", "restore", "10"));
	ck_assert(set("all", "", "", "", "paused", "10"));
	ck_assert_uint_eq(release("all", "", ""), 1);
	look(0);
	ck_assert_uint_eq(h.hold_count, 1);
	ck_assert_int_eq(h.holds[0].reason, HOLD_RESTORE);
}
END_TEST

static void accept(unsigned count)
{
	for (unsigned tag = 0; tag < count; tag++)
		harness_accept(&h, tag, false);
	harness_until_done(&h, h.done_count + count, 3000);
}

START_TEST(held_work_is_not_loaded_nor_begun)
{
	struct store_begin begin = { .attempt = 1, .number = "1" };
	struct err err;

	ck_assert(set("tenant", "t", "", "", "paused", "10"));
	accept(2);
	shelve(0, newest_hold());
	ck_assert_int_eq(h.done[400].verdict, STORE_DONE);
	harness_load(&h, 600, ~UINT64_C(0), clock_wall_us() + 1000000);
	ck_assert_uint_eq(h.loaded_count, 1);
	begin.id = harness_message(&h, 0)->id;
	ck_assert_int_eq(store_begin(h.store, 601, &begin, &err), 0);
	harness_until_done(&h, h.done_count + 1, 3000);
	ck_assert_int_eq(h.done[601].verdict, STORE_CONFLICT);
	harness_status(&h, 0, 602);
	ck_assert_int_eq(h.status.state, STATE_HELD);
	load_held(10);
	ck_assert_uint_eq(h.loaded_count, 0);
}
END_TEST

START_TEST(what_is_released_comes_back_in_order)
{
	int hold;

	ck_assert(set("tenant", "t", "", "", "paused", "10"));
	hold = newest_hold();
	ck_assert(set("tenant", "u", "", "", "paused", "10"));
	accept(5);
	for (unsigned tag = 5; tag-- > 1;)
		shelve(tag, hold);
	shelve(0, newest_hold());
	ck_assert_uint_eq(release("tenant", "t", ""), 1);
	ck_assert_str_eq(query_value(cli, 0, 1), "4");
	load_held(3);
	ck_assert_uint_eq(h.loaded_count, 3);
	ck_assert(h.more);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert(message_id_equal(h.loaded[i].message->id, h.messages[i + 1]->id));
		ck_assert_int_eq(h.loaded[i].state, STATE_QUEUED);
		ck_assert_int_le(h.loaded[i].due_wall_us, clock_wall_us());
	}
	load_held(3);
	ck_assert_uint_eq(h.loaded_count, 1);
	ck_assert(!h.more);
	load_held(3);
	ck_assert_uint_eq(h.loaded_count, 0);
	ck_assert_int_eq(harness_sql_long(&h, "SELECT count(*) FROM message_sender.work "
					      "WHERE wait = 0 AND hold IS NULL"),
			 4);
}
END_TEST

/* By its outlet or by its number, whosoever else has that; a pause of a number is none of them. */
START_TEST(token_holds_are_released_by_outlet_or_number)
{
	ck_assert(set("outlet", "t", "o", "1", "token", "10"));
	ck_assert(!set("outlet", "t", "o", "1", "token", "10"));
	ck_assert(set("outlet", "t", "o", "2", "token", "10"));
	ck_assert(set("outlet", "u", "o", "1", "token", "10"));
	ck_assert(set("outlet", "t", "p", "1", "token", "10"));
	ck_assert(set("outlet", "t", "o", "", "paused", "10"));
	ck_assert(set("number", "", "", "1", "paused", "10"));
	ck_assert_uint_eq(release("tenant", "t", ""), 0);
	ck_assert_uint_eq(release("all", "", ""), 0);
	ck_assert_uint_eq(release_of("outlet", "t", "o", ""), 3);
	ck_assert_uint_eq(release("number", "", "1"), 3);
	ck_assert_int_eq(harness_sql_long(&h, "SELECT count(*) FROM message_sender.hold "
					      "WHERE released_at IS NULL"),
			 0);
}
END_TEST

START_TEST(the_service_holds_an_outlet_and_probes_it)
{
	const struct hold hold = { .scope = HOLD_OUTLET,
				   .reason = HOLD_TOKEN,
				   .tenant_id = "t",
				   .outlet_id = "o",
				   .number = "123" };
	unsigned count = h.rung_count + 1;
	struct err err;

	store_set_hold(h.store, &hold, "Meta's code 190");
	harness_until(&h, 3000, rung, &count);
	look(0);
	ck_assert_uint_eq(h.hold_count, 1);
	ck_assert_int_eq(h.holds[0].reason, HOLD_TOKEN);
	ck_assert_int_eq(h.holds[0].scope, HOLD_OUTLET);
	ck_assert_str_eq(h.holds[0].tenant_id, "t");
	ck_assert_str_eq(h.holds[0].outlet_id, "o");
	ck_assert_str_eq(h.holds[0].number, "123");
	ck_assert_ptr_nonnull(
		strstr(harness_sql_text(
			       &h, "SELECT message_sender.hold_text(h) FROM message_sender.hold h"),
		       "outlet t/o held for its token (number 123) by message-sender since "));
	accept(3);
	shelve(2, h.holds[0].id);
	shelve(1, h.holds[0].id);
	ck_assert_int_eq(store_load_probe(h.store, 500, ~UINT64_C(0), h.holds[0].id, &err), 0);
	harness_until_done(&h, h.done_count + 1, 3000);
	ck_assert_uint_eq(h.loaded_count, 1);
	ck_assert(message_id_equal(h.loaded[0].message->id, h.messages[1]->id));
	ck_assert_int_eq(h.loaded[0].state, STATE_QUEUED);
	ck_assert_int_eq(store_load_probe(h.store, 500, 1, h.holds[0].id + 1, &err), 0);
	harness_until_done(&h, h.done_count + 1, 3000);
	ck_assert_uint_eq(h.loaded_count, 1);
	count++;
	store_release_hold(h.store, h.holds[0].id, "works");
	harness_until(&h, 3000, rung, &count);
	ck_assert_str_eq(
		harness_sql_text(&h, "SELECT set_by || ' ' || note || ' ' || released_by || ' ' "
				     "|| release_note FROM message_sender.hold"),
		"message-sender Meta's code 190 message-sender works");
}
END_TEST

START_TEST(what_has_expired_comes_back_though_held)
{
	ck_assert(set("all", "", "", "", "paused", "10"));
	accept(2);
	shelve(0, newest_hold());
	shelve(1, newest_hold());
	harness_sql_text(&h,
			 "UPDATE message_sender.work SET expires_at = now() "
			 "WHERE message_id = '%s'",
			 harness_id(&h, 1));
	load_held(10);
	ck_assert_uint_eq(h.loaded_count, 1);
	ck_assert(message_id_equal(h.loaded[0].message->id, h.messages[1]->id));
	ck_assert_int_le(h.loaded[0].expires_wall_us, clock_wall_us());
}
END_TEST

START_TEST(an_attempt_under_way_is_not_shelved)
{
	ck_assert(set("all", "", "", "", "paused", "10"));
	harness_accept(&h, 0, true);
	harness_until_done(&h, h.done_count + 1, 3000);
	shelve_after(1, 0, newest_hold());
	ck_assert_int_eq(h.done[400].verdict, STORE_CONFLICT);
}
END_TEST

START_TEST(what_another_owner_has_shelved_is_not_ended)
{
	struct store_defer row = { .failed = true, .failure_code = -3, .reason = "x" };

	ck_assert(set("all", "", "", "", "paused", "10"));
	accept(1);
	shelve(0, newest_hold());
	row.id = harness_message(&h, 0)->id;
	store_defer(h.store, 1, &row);
	harness_until_done(&h, h.done_count + 1, 3000);
	ck_assert_int_eq(h.done[1].verdict, STORE_CONFLICT);
	harness_status(&h, 0, 602);
	ck_assert_int_eq(h.status.state, STATE_HELD);
}
END_TEST

START_TEST(one_that_was_tried_waits_to_be_tried_again)
{
	struct store_outcome row;

	ck_assert(set("all", "", "", "", "paused", "10"));
	harness_accept(&h, 0, true);
	harness_until_done(&h, h.done_count + 1, 3000);
	row = harness_outcome(&h, 0);
	row.outcome = OUTCOME_NOT_SENT;
	row.wamid = "";
	row.next = STORE_NEXT_RETRY;
	row.due_wall_us = clock_wall_us();
	store_outcome(h.store, 1, &row);
	harness_until_done(&h, h.done_count + 1, 3000);
	shelve_after(1, 0, newest_hold());
	ck_assert_uint_eq(release("all", "", ""), 1);
	load_held(10);
	ck_assert_uint_eq(h.loaded_count, 1);
	ck_assert_int_eq(h.loaded[0].state, STATE_RETRYING);
	ck_assert_uint_eq(h.loaded[0].attempt, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store_holds");
	TCase *tcase = tcase_create("store_holds");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_look_tells_what_has_changed_and_no_more);
	tcase_add_test(tcase, every_change_rings);
	tcase_add_test(tcase, who_and_why_stay_known);
	tcase_add_test(tcase, there_are_so_many_at_most);
	tcase_add_test(tcase, what_a_restore_holds_is_not_resumed);
	tcase_add_test(tcase, held_work_is_not_loaded_nor_begun);
	tcase_add_test(tcase, what_is_released_comes_back_in_order);
	tcase_add_test(tcase, token_holds_are_released_by_outlet_or_number);
	tcase_add_test(tcase, the_service_holds_an_outlet_and_probes_it);
	tcase_add_test(tcase, what_has_expired_comes_back_though_held);
	tcase_add_test(tcase, an_attempt_under_way_is_not_shelved);
	tcase_add_test(tcase, what_another_owner_has_shelved_is_not_ended);
	tcase_add_test(tcase, one_that_was_tried_waits_to_be_tried_again);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
