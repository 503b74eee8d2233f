/* Rows of the store that become items, and those that are left alone. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "delivery_house.h"
#include "slowness.h"

#define SECOND_US INT64_C(1000000)

START_TEST(the_work_of_our_lanes_is_looked_for_at_the_start)
{
	for (unsigned lane = 0; lane < MESSAGE_LANES; lane++)
		ck_assert_uint_eq(fake.loads[0].lanes >> lane & 1, lane % 2 == 0);
	ck_assert_int_eq(fake.loads[0].after, -1);
}
END_TEST

START_TEST(queued_work_is_sent)
{
	struct message m;
	struct store_work row = row_of(1, STATE_QUEUED, &m);

	load(&row);
	turn_until(&fake.begin_count, 1);
	ck_assert_uint_eq(fake.begins[0].attempt, 1);
	ck_assert_str_eq(fake.begins[0].number, "100");
	commit_begin();
	answer_accepted();
	commit_outcome();
	ck_assert_uint_eq(house.told.count, 0); /* nobody waits */
	expect_over();
}
END_TEST

START_TEST(waiting_work_goes_on_where_it_was)
{
	struct message m;
	struct store_work row = row_of(1, STATE_RETRYING, &m);

	row.attempt = 2;
	row.counted = 2;
	row.throttled = 1;
	row.number = "900";
	row.due_wall_us = clock_wall_us() + 100000;
	load(&row);
	ck_assert_uint_eq(fake.begin_count, 0);
	turn_until(&fake.begin_count, 1);
	ck_assert_int_ge(clock_wall_us(), row.due_wall_us - 2000);
	ck_assert_uint_eq(fake.begins[0].attempt, 3);
	ck_assert_str_eq(fake.begins[0].number, "900");
	commit_begin();
	ck_assert_str_eq(fake.sends[0].credentials.number, "900");
	answer_code(500, 131000);
	ck_assert_uint_eq(last_outcome()->row.counted, 3);
	ck_assert_uint_eq(last_outcome()->row.throttled, 0);
}
END_TEST

START_TEST(work_whose_validity_ran_out_is_ended)
{
	struct message m;
	struct store_work row = row_of(1, STATE_RETRYING, &m);

	row.expires_wall_us = clock_wall_us() - 1;
	load(&row);
	turn_until(&fake.defer_count, 1);
	ck_assert(fake.defers[0].row.failed);
	ck_assert_int_eq(fake.defers[0].row.failure_code, GRAPH_CASE_EXPIRED);
}
END_TEST

static struct store_work open_attempt(unsigned n, struct message_id incarnation, struct message *m)
{
	struct store_work row = row_of(n, STATE_SENDING, m);

	row.attempt = 2;
	row.number = "900";
	row.incarnation = incarnation;
	row.begun_wall_us = clock_wall_us() - 20 * SECOND_US;
	row.deadline_wall_us = clock_wall_us() - SECOND_US;
	return row;
}

static void is_left_alone(const struct store_work *row)
{
	load(row);
	turn_for(20);
	ck_assert_uint_eq(fake.begin_count, 0);
	ck_assert_uint_eq(fake.outcome_count, 0);
	ck_assert_uint_eq(fake.post_count, 0);
	ck_assert_uint_le(delivery_busy(house.d), 1); /* its turn may be kept */
}

static void is_lost(const struct store_work *row)
{
	load(row);
	ck_assert_uint_eq(fake.outcome_count, 1);
	ck_assert_int_eq(last_outcome()->row.outcome, OUTCOME_LOST);
	ck_assert_int_eq(last_outcome()->row.next, STORE_NEXT_UNKNOWN);
	ck_assert_uint_eq(last_outcome()->row.attempt, row->attempt);
	ck_assert(message_id_equal(last_outcome()->row.incarnation, row->incarnation));
	ck_assert_int_eq(last_outcome()->row.begun_wall_us, row->begun_wall_us);
	commit_outcome();
	turn_for(20);
	ck_assert_uint_eq(fake.begin_count, 0);
	ck_assert_uint_eq(fake.send_count, 0);
	expect_over();
}

START_TEST(an_attempt_of_our_own_that_nobody_holds_is_lost_in_the_end)
{
	struct message m;
	struct store_work row = open_attempt(1, incarnation_of(0), &m);

	row.deadline_wall_us = clock_wall_us() - 9 * SECOND_US;
	is_left_alone(&row);
	row.deadline_wall_us = clock_wall_us() - 10 * SECOND_US - 1;
	is_lost(&row);
}
END_TEST

START_TEST(an_attempt_of_a_living_worker_is_left_alone)
{
	struct message m;
	struct store_work row = open_attempt(1, incarnation_of(1), &m);

	row.deadline_wall_us = clock_wall_us() - 9 * SECOND_US;
	is_left_alone(&row);
}
END_TEST

START_TEST(an_attempt_of_a_dead_worker_is_lost)
{
	struct message m;
	struct store_work row = open_attempt(1, incarnation_of(9), &m);

	node_set(house.node, 3, NODE_READY, incarnation_of(9));
	is_left_alone(&row);
	node_set_dead(house.node, 3);
	row.deadline_wall_us = clock_wall_us() + 100 * SECOND_US;
	is_lost(&row);
}
END_TEST

START_TEST(an_attempt_of_a_stranger_has_ten_seconds_beyond_its_deadline)
{
	struct message m;
	struct store_work row = open_attempt(1, incarnation_of(77), &m);

	row.deadline_wall_us = clock_wall_us() + SECOND_US;
	is_left_alone(&row);
	row.deadline_wall_us = clock_wall_us() - 9 * SECOND_US;
	is_left_alone(&row);
	row.deadline_wall_us = clock_wall_us() - 10 * SECOND_US - 1;
	is_lost(&row);
}
END_TEST

START_TEST(a_copy_that_is_due_is_posted)
{
	struct message m;
	struct store_work row = row_of(1, STATE_SENT, &m);

	row.message.conversation_id = "conversation";
	row.wamid = "wamid.9";
	row.conversation_tries = 4;
	row.due_wall_us = clock_wall_us() + SECOND_US;
	is_left_alone(&row);
	row.due_wall_us = clock_wall_us();
	load(&row);
	ck_assert_uint_eq(fake.post_count, 1);
	ck_assert_str_eq(fake.posts[0].wamid, "wamid.9");
	answer_posted(false);
	ck_assert_uint_eq(fake.notes[0].row.tries, 5);
	ck_assert(!fake.notes[0].row.stored);
	ck_assert_int_ge(fake.notes[0].row.due_wall_us, clock_wall_us() + 15 * SECOND_US);
	ck_assert_int_le(fake.notes[0].row.due_wall_us, clock_wall_us() + 16 * SECOND_US);
	commit_note();
	expect_over();
}
END_TEST

START_TEST(waits_for_the_conversation_service_grow_to_30_seconds)
{
	struct message m;
	struct store_work row = row_of(1, STATE_SENT, &m);
	int64_t wait_us;

	row.message.conversation_id = "conversation";
	row.conversation_tries = 1000000;
	load(&row);
	answer_posted(false);
	wait_us = fake.notes[0].row.due_wall_us - clock_wall_us();
	ck_assert_int_gt(wait_us, 29 * SECOND_US);
	ck_assert_int_le(wait_us, 30 * SECOND_US);
}
END_TEST

START_TEST(what_is_unknown_is_not_settled_from_here)
{
	struct message m;
	struct store_work row = row_of(1, STATE_UNKNOWN, &m);

	row.incarnation = incarnation_of(9);
	is_left_alone(&row);
}
END_TEST

START_TEST(work_of_other_lanes_is_left_alone)
{
	struct message m;
	struct store_work row = row_of(1, STATE_QUEUED, &m);

	row.message.lane++;
	is_left_alone(&row);
}
END_TEST

START_TEST(a_row_that_is_held_becomes_no_second_item)
{
	struct message m;
	struct store_work row = row_of(1, STATE_QUEUED, &m);

	load(NULL);
	take_and_call(1);
	load(&row);
	turn_for(20);
	ck_assert_uint_eq(fake.begin_count, 1);
	ck_assert_uint_eq(delivery_busy(house.d), 1);
}
END_TEST

START_TEST(looks_follow_each_other_from_queue_to_queue)
{
	struct message m;
	struct store_work row = row_of(7, STATE_QUEUED, &m);

	fake_work(&row, false);
	fake_looked(true);
	ck_assert_uint_eq(fake.load_count, 2);
	ck_assert_int_eq(fake.loads[1].after, (int64_t)fake.rows[0].message.queue);
	ck_assert_uint_eq(fake.loads[1].lanes,
			  HOUSE_LANES & (~UINT64_C(0) << message_lane(m.tenant_id)));
	fake_work(NULL, false);
	turn_for(50);
	ck_assert_uint_eq(fake.load_count, 2);
	ck_assert_uint_eq(fake.begin_count, 1);
}
END_TEST

START_TEST(while_the_conversation_service_is_down_one_copy_a_second_looks)
{
	struct message m;
	struct store_work row = row_of(1, STATE_SENT, &m);

	row.message.conversation_id = "conversation";
	for (unsigned n = 1; n <= 5; n++) {
		row.message.id = message_of(n).id;
		load(&row);
		answer_posted(false);
		commit_note();
	}
	ck_assert_uint_eq(fake.post_count, 5);
	ck_assert_uint_eq(fake.note_count, 5);
	fake.copy_limit = 0;
	turn_until(&fake.copy_limit, 1);
	row.message.id = message_of(6).id;
	load(&row);
	ck_assert_uint_eq(fake.post_count, 6);
	answer_posted(true);
	commit_note();
	turn_until(&fake.copy_limit, 500);
}
END_TEST

START_TEST(a_poll_that_failed_is_repeated)
{
	const int64_t begun_ms = clock_boot_ms();

	fake_load_failed(false);
	turn_until(&fake.load_count, 2);
	ck_assert_int_ge(clock_boot_ms() - begun_ms, 1990);
	ck_assert_int_le(clock_boot_ms() - begun_ms, 3000 * slowness());
	ck_assert_int_eq(fake.loads[1].after, -1);
}
END_TEST

START_TEST(a_full_table_takes_no_row)
{
	struct message m;
	struct store_work row;

	fake.answers_at_once = false;
	for (unsigned n = 1; n <= house_settings.max_items; n++) {
		row = row_of(n, STATE_QUEUED, &m);
		fake_work(&row, false);
	}
	fake_work(NULL, false);
	/* The rest is for what is accepted now, and for higher classes. */
	ck_assert_uint_eq(delivery_busy(house.d), house_settings.max_items * 5 / 8);
}
END_TEST

START_TEST(a_bell_makes_it_read_a_queue_at_once)
{
	struct message m = message_of(1);
	struct delivery_order order = order_of(&m);
	char *payload = calloc(1, BELL_PACKET_BYTES + 1);

	load(NULL);
	memset(payload, 'x', BELL_PACKET_BYTES);
	m.payload = payload;
	bell_order(house.sibling, 0, &order);
	turn_until(&fake.page_load_count, 1);
	ck_assert_uint_eq(fake.load_count, 1);
	free(payload);
}
END_TEST

START_TEST(an_order_for_a_held_item_joins_its_waiter)
{
	struct message m;
	struct store_work row = row_of(1, STATE_QUEUED, &m);
	struct delivery_order order = order_of(&m);

	load(&row);
	turn_until(&fake.begin_count, 1);
	take(&order);
	ck_assert_uint_eq(fake.begin_count, 1);
	commit_begin();
	answer_accepted();
	commit_outcome();
	expect_told(DELIVERY_SENT);
	expect_over();
}
END_TEST

/* Longer than a test waits for anything. */
#define LONG_HOLD_MS 20000

static void reopen_patient(void)
{
	house_close();
	house_hold_ms = LONG_HOLD_MS;
	house_open_adopting();
}

/* The first two messages to one recipient: an attempt of the sibling, begun so long ago, and one
 * that is queued. */
static struct store_work load_blocked(int64_t begun_ago_ms, struct message m[2])
{
	struct store_work first = open_attempt(1, incarnation_of(1), &m[0]);
	struct store_work second = row_of(2, STATE_QUEUED, &m[1]);

	first.begun_wall_us = clock_wall_us() - 1000 * begun_ago_ms;
	first.deadline_wall_us = clock_wall_us() + 60 * SECOND_US;
	second.message.recipient = first.message.recipient;
	fake_work(&first, false);
	load(&second);
	return first;
}

START_TEST(an_attempt_of_another_worker_has_held_up_since_it_began)
{
	for (int64_t ago_ms = LONG_HOLD_MS - 1; ago_ms <= LONG_HOLD_MS + 1; ago_ms++) {
		struct message m[2];

		reopen_patient();
		(void)load_blocked(ago_ms, m);
		turn_until(&fake.begin_count, 1);
		ck_assert(message_id_equal(fake.begins[0].id, m[1].id));
	}
}
END_TEST

START_TEST(who_waits_behind_it_waits_for_what_is_left)
{
	struct message m[2];

	reopen_patient();
	(void)load_blocked(LONG_HOLD_MS / 2, m);
	turn_for(50);
	ck_assert_uint_eq(fake.begin_count, 0);
}
END_TEST

START_TEST(the_retry_of_that_attempt_does_not_hold_up_anew)
{
	struct message m[2];
	struct store_work first;

	reopen_patient();
	first = load_blocked(LONG_HOLD_MS - 200, m);
	ck_assert_uint_eq(fake.begin_count, 0);
	first.state = STATE_RETRYING;
	first.due_wall_us = clock_wall_us() + 60 * SECOND_US;
	load(&first);
	turn_until(&fake.begin_count, 1);
	ck_assert(message_id_equal(fake.begins[0].id, m[1].id));
}
END_TEST

/* A message that waits for its retry, due in so long, and one behind it. */
static void load_retry(int64_t due_in_ms, struct message m[2])
{
	struct store_work first = row_of(1, STATE_RETRYING, &m[0]);
	struct store_work second = row_of(2, STATE_QUEUED, &m[1]);

	first.attempt = first.counted = 1;
	first.number = "900";
	first.begun_wall_us = clock_wall_us() - 1000 * LONG_HOLD_MS;
	first.due_wall_us += 1000 * due_in_ms;
	second.message.recipient = first.message.recipient;
	fake_work(&first, false);
	load(&second);
}

START_TEST(a_retry_to_come_has_held_up_since_its_attempt_began)
{
	struct message m[2];

	reopen_patient();
	load_retry(60000, m);
	turn_until(&fake.begin_count, 1);
	ck_assert(message_id_equal(fake.begins[0].id, m[1].id));
}
END_TEST

START_TEST(a_retry_that_is_due_goes_first)
{
	struct message m[2];

	reopen_patient();
	load_retry(0, m);
	turn_until(&fake.begin_count, 1);
	turn_for(50);
	ck_assert_uint_eq(fake.begin_count, 1);
	ck_assert(message_id_equal(fake.begins[0].id, m[0].id));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("adopt");
	TCase *tcase = tcase_create("adopt");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 30);
	tcase_add_checked_fixture(tcase, house_open_adopting, house_close);
	tcase_add_test(tcase, the_work_of_our_lanes_is_looked_for_at_the_start);
	tcase_add_test(tcase, queued_work_is_sent);
	tcase_add_test(tcase, waiting_work_goes_on_where_it_was);
	tcase_add_test(tcase, work_whose_validity_ran_out_is_ended);
	tcase_add_test(tcase, an_attempt_of_our_own_that_nobody_holds_is_lost_in_the_end);
	tcase_add_test(tcase, an_attempt_of_a_living_worker_is_left_alone);
	tcase_add_test(tcase, an_attempt_of_a_dead_worker_is_lost);
	tcase_add_test(tcase, an_attempt_of_a_stranger_has_ten_seconds_beyond_its_deadline);
	tcase_add_test(tcase, a_copy_that_is_due_is_posted);
	tcase_add_test(tcase, waits_for_the_conversation_service_grow_to_30_seconds);
	tcase_add_test(tcase, what_is_unknown_is_not_settled_from_here);
	tcase_add_test(tcase, work_of_other_lanes_is_left_alone);
	tcase_add_test(tcase, a_row_that_is_held_becomes_no_second_item);
	tcase_add_test(tcase, looks_follow_each_other_from_queue_to_queue);
	tcase_add_test(tcase, while_the_conversation_service_is_down_one_copy_a_second_looks);
	tcase_add_test(tcase, a_poll_that_failed_is_repeated);
	tcase_add_test(tcase, a_full_table_takes_no_row);
	tcase_add_test(tcase, a_bell_makes_it_read_a_queue_at_once);
	tcase_add_test(tcase, an_order_for_a_held_item_joins_its_waiter);
	tcase_add_test(tcase, an_attempt_of_another_worker_has_held_up_since_it_began);
	tcase_add_test(tcase, who_waits_behind_it_waits_for_what_is_left);
	tcase_add_test(tcase, the_retry_of_that_attempt_does_not_hold_up_anew);
	tcase_add_test(tcase, a_retry_to_come_has_held_up_since_its_attempt_began);
	tcase_add_test(tcase, a_retry_that_is_due_goes_first);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
