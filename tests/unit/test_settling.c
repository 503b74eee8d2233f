/* Lost replies that are settled by policy: what delivery asks the store, and what it writes. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "delivery_house.h"
#include "metrics/metrics.h"

#define SECOND_US INT64_C(1000000)

static void setup(void)
{
	house_open_two();
	house_settings.unknown_policy = UNKNOWN_RESEND;
	house_settings.unknown_quarantine_s = 7;
	house_reopen();
	turn_until(&fake.unknown_load_count, 1);
}

/* Message n, lost so many seconds ago, whose quarantine of 60 s is over after that. */
static struct store_unknown unknown_of(unsigned n, enum unknown_policy policy, int64_t lost_s)
{
	return (struct store_unknown){
		.id = message_of(n).id,
		.tenant_id = "tenant-0",
		.attempt = 2,
		.incarnation = incarnation_of(9),
		.number = "900",
		.begun_wall_us = 4711,
		.policy = policy,
		.quarantine_s = 60,
		.policy_wall_us = 815,
		.lost_for_ms = 1000 * lost_s,
		.valid_ms = 3600000,
		.receipt_wamid = "",
	};
}

static void load_unknown(const struct store_unknown *row)
{
	fake_unknown(row, false);
	fake_unknown(NULL, false);
	turn();
}

static const struct fake_settle *settled(unsigned n, enum settle_verdict verdict)
{
	const struct fake_settle *s = &fake.settles[n - 1];

	ck_assert_uint_eq(fake.settle_count, n);
	ck_assert_int_eq(s->row.verdict, verdict);
	ck_assert_uint_eq(s->row.attempt, 2);
	ck_assert_uint_eq(s->row.quarantine_s, 60);
	ck_assert_int_eq(s->row.policy_wall_us, 815);
	return s;
}

START_TEST(what_is_due_in_our_lanes_is_asked_for_with_the_policy_of_the_service)
{
	ck_assert_uint_eq(fake.unknown_loads[0].lanes, HOUSE_LANES);
	ck_assert_uint_eq(fake.unknown_loads[0].policy, UNKNOWN_RESEND);
	ck_assert_uint_eq(fake.unknown_loads[0].quarantine_s, 7);
}
END_TEST

START_TEST(policies_that_changed_are_asked_for_until_all_is_read)
{
	ck_assert(fake.unknown_loads[0].changed);
	fake_unknown(NULL, true);
	turn_until(&fake.unknown_load_count, 2);
	ck_assert(fake.unknown_loads[1].changed);
	fake_unknown(NULL, false);
	turn_until(&fake.unknown_load_count, 3);
	ck_assert(!fake.unknown_loads[2].changed);
	fake_unknown(NULL, false);
	house_lanes(0);
	house_lanes(HOUSE_LANES); /* ours again */
	turn_until(&fake.unknown_load_count, 4);
	ck_assert(fake.unknown_loads[3].changed);
}
END_TEST

START_TEST(within_the_quarantine_it_is_put_off_to_its_end)
{
	const struct store_unknown row = unknown_of(1, UNKNOWN_FAIL, 20);
	const struct fake_settle *s;

	load_unknown(&row);
	s = settled(1, SETTLE_WAIT);
	ck_assert(message_id_equal(s->row.id, row.id));
	ck_assert_uint_eq(s->row.policy, UNKNOWN_FAIL);
	ck_assert_int_gt(s->row.due_wall_us - clock_wall_us(), 39 * SECOND_US);
	ck_assert_int_le(s->row.due_wall_us - clock_wall_us(), 40 * SECOND_US);
}
END_TEST

START_TEST(each_policy_decides_after_it)
{
	struct store_unknown row = unknown_of(1, UNKNOWN_FAIL, 61);
	const struct fake_settle *s;

	load_unknown(&row);
	s = settled(1, SETTLE_FAIL);
	ck_assert_str_eq(s->why, "no reply and no receipt 61 s after it was lost");
	row = unknown_of(2, UNKNOWN_RESEND, 61);
	load_unknown(&row);
	s = settled(2, SETTLE_RESEND);
	ck_assert_str_eq(s->why, "no reply and no receipt 61 s after it was lost");
	row = unknown_of(3, UNKNOWN_HOLD, 61);
	load_unknown(&row);
	(void)settled(3, SETTLE_KEEP);
	row = unknown_of(4, UNKNOWN_EVIDENCE, 61);
	load_unknown(&row);
	(void)settled(4, SETTLE_WAIT);
	row.restored = true;
	load_unknown(&row);
	(void)settled(5, SETTLE_KEEP);
	row = unknown_of(5, UNKNOWN_EVIDENCE, 61);
	row.later_receipts = 3;
	load_unknown(&row);
	s = settled(6, SETTLE_RESEND);
	ck_assert_str_eq(s->why, "3 later messages of this number have receipts and it has none");
	ck_assert_uint_eq(s->row.policy, UNKNOWN_EVIDENCE);
	row.valid_ms = 0;
	load_unknown(&row);
	s = settled(7, SETTLE_FAIL);
	ck_assert_str_eq(s->why, "3 later messages of this number have receipts and it has none; "
				 "its validity is over");
}
END_TEST

START_TEST(resends_are_bounded_by_max_retries)
{
	struct store_unknown row = unknown_of(1, UNKNOWN_RESEND, 61);

	row.resends = house_settings.retry.max_retries - 1;
	load_unknown(&row);
	(void)settled(1, SETTLE_RESEND);
	row.resends++;
	load_unknown(&row);
	ck_assert_str_eq(settled(2, SETTLE_FAIL)->why,
			 "no reply and no receipt 61 s after it was lost; "
			 "it was sent again often enough");
}
END_TEST

START_TEST(a_receipt_makes_it_sent_whatever_the_policy)
{
	struct store_unknown row = unknown_of(1, UNKNOWN_HOLD, 1);
	const struct fake_outcome *o;

	row.receipt_attempt = 1;
	row.receipt_wamid = "wamid.9";
	row.receipt_wall_us = 4712;
	for (unsigned copy = 0; copy < 2; copy++) {
		row.to_copy = copy;
		load_unknown(&row);
		o = last_outcome();
		ck_assert_uint_eq(fake.outcome_count, copy + 1);
		ck_assert_int_eq(o->row.outcome, OUTCOME_ACCEPTED);
		ck_assert_uint_eq(o->row.attempt, 1);
		ck_assert_str_eq(o->wamid, "wamid.9");
		ck_assert_int_eq(o->row.ended_wall_us, 4712);
		ck_assert_int_eq(o->row.next, copy ? STORE_NEXT_CONVERSATION : STORE_NEXT_DONE);
	}
	ck_assert_uint_eq(fake.settle_count, 0);
}
END_TEST

/* Nothing is called or begun from here: the row comes back as one to be sent. */
START_TEST(a_resend_is_looked_for_at_once_and_begins_in_the_usual_way)
{
	const struct store_unknown row = unknown_of(1, UNKNOWN_RESEND, 61);
	unsigned loads;

	turn_until(&fake.load_count, 1);
	load(NULL);
	loads = fake.load_count;
	load_unknown(&row);
	turn_for(20);
	ck_assert_uint_eq(fake.load_count, loads);
	fake_written(fake.settles[0].tag, STORE_DONE);
	turn();
	ck_assert_uint_eq(fake.load_count, loads + 1);
	ck_assert_uint_eq(fake.begin_count, 0);
	ck_assert_uint_eq(fake.send_count, 0);
}
END_TEST

START_TEST(what_another_has_settled_is_left_alone)
{
	const struct store_unknown row = unknown_of(1, UNKNOWN_RESEND, 61);
	unsigned loads;

	turn_until(&fake.load_count, 1);
	load(NULL);
	loads = fake.load_count;
	load_unknown(&row);
	fake_written(fake.settles[0].tag, STORE_CONFLICT);
	turn_for(20);
	ck_assert_uint_eq(fake.load_count, loads);
	expect_over();
}
END_TEST

START_TEST(the_next_page_waits_for_the_writes_of_this_one)
{
	const struct store_unknown rows[] = { unknown_of(1, UNKNOWN_FAIL, 1),
					      unknown_of(2, UNKNOWN_FAIL, 1) };

	fake_unknown(&rows[0], true);
	fake_unknown(&rows[1], true);
	fake_unknown(NULL, true);
	fake_written(fake.settles[0].tag, STORE_DONE);
	turn_for(200);
	ck_assert_uint_eq(fake.unknown_load_count, 1);
	fake_written(fake.settles[1].tag, STORE_REJECTED);
	turn_until(&fake.unknown_load_count, 2);
}
END_TEST

START_TEST(other_lanes_and_a_drain_settle_nothing)
{
	struct store_unknown row = unknown_of(1, UNKNOWN_FAIL, 61);

	row.tenant_id = "tenant-1";
	ck_assert_uint_eq(message_lane(row.tenant_id) % 2, 1);
	load_unknown(&row);
	row.tenant_id = "tenant-0";
	delivery_drain(house.d);
	load_unknown(&row);
	ck_assert_uint_eq(fake.settle_count, 0);
}
END_TEST

START_TEST(a_full_store_is_asked_again)
{
	fake.store_full = true;
	fake_unknown(NULL, true); /* the next page is asked for in vain */
	turn_for(200);
	ck_assert_uint_eq(fake.unknown_load_count, 1);
	fake.store_full = false;
	turn_until(&fake.unknown_load_count, 2);
}
END_TEST

/* How often this was settled so, as the metrics say. */
static long counted(const struct metrics *m, const char *labels)
{
	char series[128];
	struct str text = STR_INIT(1 << 20);
	const char *at;
	long n;

	(void)snprintf(series, sizeof(series), "unknown_settled_total{%s} ", labels);
	ck_assert(metrics_text(m, &text));
	at = strstr(text.data, series);
	ck_assert_msg(at != NULL, "%s", series);
	n = strtol(at + strlen(series), NULL, 10);
	str_fini(&text);
	return n;
}

static void settle_one(unsigned n, enum unknown_policy policy, int64_t lost_s,
		       enum store_verdict verdict)
{
	const struct store_unknown row = unknown_of(n, policy, lost_s);

	load_unknown(&row);
	fake_written(fake.settles[fake.settle_count - 1].tag, verdict);
}

/* Before the next poll, and behind a look that is under way. */
START_TEST(what_a_receipt_settles_is_looked_at_at_once)
{
	const struct store_act act = { .kind = STORE_ACT_SETTLE, .lane = 0 };
	const struct store_received received = { .act_count = 1, .acts = &act };
	const int64_t start_ms = clock_boot_ms();

	delivery_receipts(house.d, &received);
	fake_unknown(NULL, false);
	turn_until(&fake.unknown_load_count, 2);
	fake_unknown(NULL, false);
	turn();
	delivery_receipts(house.d, &received);
	turn_until(&fake.unknown_load_count, 3);
	ck_assert_int_lt(clock_boot_ms() - start_ms, 1900);
}
END_TEST

START_TEST(what_was_settled_is_counted_by_policy_and_decision)
{
	struct store_unknown row = unknown_of(9, UNKNOWN_HOLD, 1);
	struct err err;
	struct metrics *m = metrics_new(1, &err);

	ck_assert_ptr_nonnull(m);
	house.world->meter = metrics_meter(m, 0);
	settle_one(1, UNKNOWN_FAIL, 61, STORE_DONE);
	settle_one(2, UNKNOWN_FAIL, 61, STORE_DONE);
	settle_one(3, UNKNOWN_FAIL, 61, STORE_CONFLICT); /* by another */
	settle_one(4, UNKNOWN_FAIL, 1, STORE_DONE);      /* put off */
	settle_one(5, UNKNOWN_HOLD, 61, STORE_DONE);     /* kept */
	settle_one(6, UNKNOWN_RESEND, 61, STORE_DONE);
	row.receipt_attempt = 1;
	row.receipt_wamid = "wamid.9";
	load_unknown(&row);
	fake_written(last_outcome()->tag, STORE_DONE);
	ck_assert_int_eq(counted(m, "policy=\"fail\",decision=\"failed\""), 2);
	ck_assert_int_eq(counted(m, "policy=\"fail\",decision=\"resend\""), 0);
	ck_assert_int_eq(counted(m, "policy=\"resend\",decision=\"resend\""), 1);
	ck_assert_int_eq(counted(m, "policy=\"hold\",decision=\"sent\""), 1);
	ck_assert_int_eq(counted(m, "policy=\"hold\",decision=\"resend\""), 0);
	house.world->meter = NULL;
	metrics_free(m);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("settling");
	TCase *tcase = tcase_create("settling");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, house_close);
	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, what_is_due_in_our_lanes_is_asked_for_with_the_policy_of_the_service);
	tcase_add_test(tcase, policies_that_changed_are_asked_for_until_all_is_read);
	tcase_add_test(tcase, within_the_quarantine_it_is_put_off_to_its_end);
	tcase_add_test(tcase, each_policy_decides_after_it);
	tcase_add_test(tcase, resends_are_bounded_by_max_retries);
	tcase_add_test(tcase, a_receipt_makes_it_sent_whatever_the_policy);
	tcase_add_test(tcase, a_resend_is_looked_for_at_once_and_begins_in_the_usual_way);
	tcase_add_test(tcase, what_another_has_settled_is_left_alone);
	tcase_add_test(tcase, the_next_page_waits_for_the_writes_of_this_one);
	tcase_add_test(tcase, other_lanes_and_a_drain_settle_nothing);
	tcase_add_test(tcase, a_full_store_is_asked_again);
	tcase_add_test(tcase, what_a_receipt_settles_is_looked_at_at_once);
	tcase_add_test(tcase, what_was_settled_is_counted_by_policy_and_decision);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
