/* Lanes that come and go: messages, waiters and attempts when their lane moves, the fence, other
 * nodes. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "delivery_house.h"
#include "slowness.h"

static const struct store_lanes *last_change(void)
{
	ck_assert_uint_gt(fake.change_count, 0);
	return &fake.changes[fake.change_count - 1];
}

static uint64_t lane_bit(const struct message *m)
{
	return UINT64_C(1) << message_lane(m->tenant_id);
}

/* Message n of a tenant in the upper half of the lanes. */
static struct message high_message_of(unsigned n)
{
	static char tenant[32];
	struct message m = message_of(n);

	for (unsigned i = 0; message_lane(m.tenant_id) < MESSAGE_LANES / 2; i++) {
		(void)snprintf(tenant, sizeof(tenant), "tenant-%u", i);
		m.tenant_id = tenant;
	}
	return m;
}

/* All lanes are ours, and nobody else wants one. */
static void own_all(void)
{
	struct store_lanes_view view = view_of(~UINT64_C(0));

	view.live[1].draining = true;
	fake_view(&view);
	load(NULL);
}

/* We hold all lanes, and another worker comes that holds none: half of them must go, the
 * highest. */
static void view_with_newcomer(uint64_t lanes)
{
	struct store_lanes_view view = view_of(lanes);

	view.live[1].lanes = 0;
	view.live[0].lanes = ~UINT64_C(0);
	fake.change_count = 0;
	fake_view(&view);
	turn();
}

START_TEST(a_lane_given_up_takes_its_idle_messages_and_waiters_along)
{
	const struct message m = high_message_of(1);
	struct delivery_order order = order_of(&m);

	own_all();
	order.credentials = NULL;
	fake.answers_at_once = false;
	take(&order); /* waits for its credentials */
	ck_assert_uint_eq(delivery_busy(house.d), 1);
	view_with_newcomer(HOUSE_LANES);
	ck_assert(last_change()->release & lane_bit(&m));
	ck_assert_uint_eq(delivery_busy(house.d), 0);
	ck_assert(!delivery_owns(house.d, message_lane(m.tenant_id)));
	expect_not_told();
	/* The sibling has it by now: it is told who waits. */
	house_lanes(~last_change()->release);
	turn_until(&house.sibling_calls, 1);
	ck_assert(message_id_equal(house.sibling_call.id, m.id));
	ck_assert_uint_eq(house.sibling_call.waiter.id, WAITER);
	ck_assert_uint_eq(house.sibling_news[BELL_FREED], 1);
}
END_TEST

START_TEST(a_lane_given_up_keeps_its_attempts)
{
	take_and_call(1);
	view_with_newcomer(HOUSE_LANES);
	ck_assert_uint_eq(delivery_busy(house.d), 1);
	answer_accepted();
	commit_outcome();
	expect_told(DELIVERY_SENT);
}
END_TEST

START_TEST(an_attempt_that_may_be_repeated_is_left_to_the_new_owner)
{
	const struct message m = high_message_of(1);
	const struct delivery_order order = order_of(&m);

	own_all();
	take(&order);
	commit_begin();
	view_with_newcomer(HOUSE_LANES);
	answer_code(500, 0);
	commit_outcome();
	ck_assert_uint_eq(delivery_busy(house.d), 0);
	expect_not_told();
}
END_TEST

START_TEST(a_fenced_worker_begins_nothing_and_lets_nothing_out)
{
	const struct message m = message_of(2);
	const struct delivery_order order = order_of(&m);
	const struct store_lanes_view fenced = { .fenced = true };

	take_and_call(1);
	ck_assert(fake_gate(fake.sends[0].tag));
	fake_view(&fenced);
	ck_assert(delivery_fenced(house.d));
	ck_assert(!fake_gate(fake.sends[0].tag));
	ck_assert(!delivery_owns(house.d, message_lane(m.tenant_id)));
	take(&order);
	turn_for(20);
	ck_assert_uint_eq(fake.begin_count, 1);
	answer_accepted();
	commit_outcome();
	expect_told(DELIVERY_SENT); /* outcomes are recorded whatever the fence */
}
END_TEST

/* Nobody knows its credentials: without a waiter it is put off, with one given up. */
START_TEST(what_is_another_owners_by_now_is_neither_put_off_nor_ended)
{
	const struct message m = message_of(1);
	struct delivery_order order = order_of(&m);
	struct store_lanes_view view = view_of(0);

	view.fenced = true;
	order.credentials = NULL;
	order.waiter.waits = _i > 0;
	fake.answers_at_once = false;
	fake.credentials_verdict = CREDENTIALS_AWAY;
	take(&order);
	answer_lookup();
	turn_until(&fake.lookup_count, 2); /* nor does the sibling */
	fake_view(&view);
	answer_lookup();
	turn_for(20);
	ck_assert_uint_eq(fake.defer_count, 0);
	ck_assert_uint_eq(delivery_busy(house.d), 0);
	expect_not_told();
	ck_assert_uint_eq(house.sibling_calls, (unsigned)_i);
}
END_TEST

/* The sibling's lane, while it is ready, drains, has a successor, is gone. */
START_TEST(in_a_drain_a_lane_is_left_when_its_owner_does_not_stay)
{
	const struct message m = message_of(1);
	const unsigned lane = message_lane(m.tenant_id);
	const struct delivery_order order = order_of(&m);

	house_lanes(~lane_bit(&m));
	ck_assert(!delivery_leaves(house.d, lane));
	delivery_drain(house.d);
	ck_assert(!delivery_leaves(house.d, lane));
	node_set_life(house.node, 1, NODE_DRAINING);
	ck_assert(delivery_leaves(house.d, lane));
	node_set(house.node, 3, NODE_READY, incarnation_of(3));
	ck_assert(!delivery_leaves(house.d, lane));
	node_set_dead(house.node, 3);
	node_set_dead(house.node, 1);
	ck_assert(delivery_leaves(house.d, lane));
	take(&order);
	expect_told(DELIVERY_RELEASED);
}
END_TEST

START_TEST(a_call_is_loaded_and_its_waiter_joins)
{
	struct message m;
	struct store_work row = row_of(1, STATE_QUEUED, &m);
	struct bell_call call = { .id = m.id,
				  .lane = m.lane,
				  .waiter = { .waits = true,
					      .slot = 1,
					      .id = 9,
					      .until_boot_ms = clock_boot_ms() + 10000 } };

	bell_call(house.sibling, 0, &call);
	turn_until(&fake.call_count, 1);
	ck_assert(message_id_equal(fake.calls[0].id, m.id));
	fake_called(&row);
	fake_called(NULL);
	turn_until(&fake.begin_count, 1);
	commit_begin();
	answer_accepted();
	commit_outcome();
	turn_until(&house.sibling_told.count, 1);
	ck_assert_uint_eq(house.sibling_told.waiter_id, 9);
}
END_TEST

START_TEST(a_call_for_what_is_over_tells_to_look)
{
	struct message m;
	(void)row_of(1, STATE_QUEUED, &m);
	struct bell_call call = { .id = m.id,
				  .lane = m.lane,
				  .waiter = { .waits = true,
					      .slot = 1,
					      .id = 9,
					      .until_boot_ms = clock_boot_ms() + 10000 } };

	bell_call(house.sibling, 0, &call);
	turn_until(&fake.call_count, 1);
	fake_called(NULL);
	turn_until(&house.sibling_told.count, 1);
	ck_assert_int_eq(house.sibling_told.result.end, DELIVERY_ELSEWHERE);
}
END_TEST

/* A worker of another node owns the lane: it is rung by id, and its answer is a hint to look. */
START_TEST(a_message_of_another_node_travels_as_its_id)
{
	const struct message m = message_of(1);
	const struct delivery_order order = order_of(&m);
	struct store_lanes_view view = view_of(HOUSE_LANES & ~lane_bit(&m));
	struct message_id far = { { 0xfa } };
	char text[256];

	view.live[1].id = far;
	view.live[1].node_id = far;
	view.live[1].lanes = lane_bit(&m);
	fake_view(&view);
	fake.ring_count = 0;
	take(&order);
	ck_assert_uint_eq(fake.ring_count, 1);
	ck_assert(message_id_equal(fake.rings[0].to, far));
	ck_assert_msg(strncmp(fake.rings[0].text, "o ee00", 6) == 0, "%s", fake.rings[0].text);
	ck_assert_ptr_nonnull(strstr(fake.rings[0].text, " 01010000000000000000000000000000"
							 "0000000000001267"));
	(void)snprintf(text, sizeof(text), "r %s 010100000000000000000000000000000000000000001267",
		       "fa000000000000000000000000000000");
	fake_rung(text);
	expect_told(DELIVERY_ELSEWHERE);
	ck_assert_uint_eq(house.told.waiter_id, WAITER);
}
END_TEST

START_TEST(a_bell_of_another_node_is_obeyed_and_answered)
{
	struct message m;
	struct store_work row = row_of(1, STATE_QUEUED, &m);
	char text[256];

	(void)snprintf(text, sizeof(text), "o %s 01010000000000000000000000000000%016x%02x%06x0",
		       "fa000000000000000000000000000000", 77u, m.lane, 5000u);
	fake_rung(text);
	turn_until(&fake.call_count, 1);
	fake_called(&row);
	fake_called(NULL);
	turn_until(&fake.begin_count, 1);
	commit_begin();
	answer_accepted();
	fake.ring_count = 0;
	commit_outcome();
	ck_assert_uint_eq(fake.ring_count, 1);
	ck_assert_str_eq(fake.rings[0].text, "r ee000000000000000000000000000000 "
					     "01010000000000000000000000000000000000000000004d");
	ck_assert_uint_eq(house.told.count, 0);
}
END_TEST

START_TEST(far_garbage_is_passed_over)
{
	static const char long_count[] = "o fa000000000000000000000000000000 "
					 "01010000000000000000000000000000000000000000004dffffffff";
	const char *const texts[] = {
		"",         "o",
		"o ",       "x y z",
		"o fa 01",  "l fa000000000000000000000000000000 09",
		long_count, "r fa000000000000000000000000000000 0101",
		"l zz",     "r ",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		fake_rung(texts[i]);
	turn_for(10);
	ck_assert_uint_eq(fake.call_count, 0);
	ck_assert_uint_eq(house.told.count, 0);
}
END_TEST

START_TEST(the_lanes_of_the_dead_are_taken_at_once)
{
	fake.change_count = 0;
	node_set_dead(house.node, 1);
	bell_death(house.node);
	turn_until(&fake.change_count, 1);
	ck_assert_uint_eq(last_change()->fence_count, 1);
	ck_assert(last_change()->fence[0].dead);
	ck_assert(message_id_equal(last_change()->fence[0].id, incarnation_of(1)));
	ck_assert(last_change()->take == ~HOUSE_LANES);
}
END_TEST

/* They would see it at their next renewal, 2 s later at most. */
START_TEST(workers_of_other_nodes_are_told_of_a_death)
{
	const struct message_id far = { { 0xfa } };
	struct store_lanes_view view = view_of(HOUSE_LANES);

	view.live[view.count++] = (struct store_incarnation){
		.id = far, .node_id = far, .draining = true, .lease_left_ms = STORE_LEASE_MS
	};
	fake_view(&view);
	fake.change_count = 0;
	node_set_dead(house.node, 1);
	bell_death(house.node);
	turn_until(&fake.change_count, 1);
	ck_assert_uint_eq(last_change()->fence_count, 1);
	fake.ring_count = 0;
	view.live[1] = view.live[--view.count]; /* fenced; its lanes went to others */
	view.live[1].lanes = ~HOUSE_LANES;
	view.live[1].draining = false;
	fake_view(&view);
	ck_assert_uint_eq(fake.ring_count, 1);
	ck_assert(fake.rings[0].all);
	ck_assert_str_eq(fake.rings[0].text,
			 "l ee000000000000000000000000000000 000000000000000000");
	fake_view(&view); /* once */
	ck_assert_uint_eq(fake.ring_count, 1);
}
END_TEST

/* Not before its time: a lock may be held for long. */
START_TEST(a_change_that_failed_is_tried_again_soon_then_later)
{
	int64_t begun_ms;

	for (unsigned n = 0; n < 6; n++) {
		const int64_t least_ms = n < 3 ? 30 << n : n == 3 ? 240 : 250;

		fake.change_count = 0;
		if (n == 0) {
			bell_death(house.node);
			turn_until(&fake.change_count, 1);
			fake.change_count = 0;
		}
		begun_ms = clock_boot_ms();
		fake_view(NULL);
		turn_until(&fake.change_count, 1);
		ck_assert_int_ge(clock_boot_ms() - begun_ms, least_ms);
		ck_assert_int_lt(clock_boot_ms() - begun_ms, (least_ms + 200) * slowness());
	}
}
END_TEST

/* After a restore: nobody is kept waiting, nothing is taken; then all goes on by itself. */
START_TEST(held_lanes_are_not_taken_and_nobody_waits_for_them)
{
	const struct message early = message_of(1);
	const struct message late = message_of(2);
	const struct delivery_order order = order_of(&early);
	const struct delivery_order behind = order_of(&late);
	struct store_lanes_view view = view_of(0);

	view.live[1].lanes = 0;
	fake_view(&view); /* nobody's: it is parked */
	take(&order);
	expect_not_told();
	view.held = true;
	fake.change_count = 0;
	fake_view(&view);
	turn();
	expect_told(DELIVERY_RELEASED);
	ck_assert(delivery_leaves(house.d, message_lane(late.tenant_id)));
	take(&behind);
	expect_told(DELIVERY_RELEASED);
	bell_death(house.node); /* a bell that makes it look */
	turn_until(&fake.change_count, 1);
	ck_assert(last_change()->take == 0);
	view.held = false;
	fake_view(&view);
	turn_until(&fake.change_count, 2);
	ck_assert(last_change()->take != 0);
	ck_assert(!delivery_leaves(house.d, message_lane(late.tenant_id)));
}
END_TEST

/* Not before: when we could not renew, nobody could, perhaps. */
START_TEST(a_lease_that_ran_out_is_fenced_when_ours_has_held_for_a_while)
{
	struct store_lanes_view view = view_of(HOUSE_LANES);
	const int64_t since_ms = clock_boot_ms();

	view.live[1].lease_left_ms = 0;
	fake.change_count = 0;
	fake_view(NULL);
	turn_until(&fake.change_count, 1);
	for (unsigned n = 1; !last_change()->fence_count; n++) {
		fake_view(&view);
		turn_until(&fake.change_count, n + 1);
	}
	ck_assert_int_ge(clock_boot_ms() - since_ms, 3900);
	ck_assert_int_le(clock_boot_ms() - since_ms, 6500 * slowness());
	ck_assert_uint_eq(last_change()->fence_count, 1);
	ck_assert(!last_change()->fence[0].dead);
}
END_TEST

/* -- an attempt of another worker, and those behind it -- */

/* Message 1 is in another worker's attempt; message 2 to the same recipient is ours to send. */
static struct store_work hold_one(struct message *m)
{
	struct message second = message_of(2);
	const struct delivery_order order = order_of(&second);
	struct store_work row = row_of(1, STATE_SENDING, m);

	second.recipient = row.message.recipient;
	row.attempt = 1;
	row.incarnation = incarnation_of(1);
	row.number = "100";
	row.begun_wall_us = clock_wall_us();
	row.deadline_wall_us = clock_wall_us() + 10000000;
	fake_work(&row, false);
	fake_work(NULL, false);
	turn();
	take(&order);
	turn_until(&fake.call_count, 1); /* asks how it stands */
	ck_assert(message_id_equal(fake.calls[0].id, m->id));
	ck_assert_uint_eq(fake.begin_count, 0);
	return row;
}

START_TEST(those_behind_an_attempt_of_another_worker_wait_for_its_end)
{
	struct message m;
	struct store_work row = hold_one(&m);

	fake_called(&row); /* still under way */
	fake_called(NULL);
	turn_until(&fake.call_count, 2);
	ck_assert_uint_eq(fake.begin_count, 0);
	fake_called(NULL); /* over */
	turn_until(&fake.begin_count, 1);
	ck_assert_uint_eq(fake.begins[0].id.bytes[1], 2);
}
END_TEST

/* PostgreSQL stands still, or the calls do while the polls go on. */
START_TEST(how_an_attempt_of_another_worker_stands_is_asked_once_at_a_time)
{
	struct message m;
	const struct store_work row = hold_one(&m);

	for (unsigned looks = 0; looks < 2; looks++) {
		fake_work(&row, false);
		turn_for(600);
	}
	ck_assert_uint_eq(fake.call_count, 1);
	fake_load_failed(true);
	turn_until(&fake.call_count, 2);
	ck_assert_uint_eq(fake.calls[1].ids, 1);
	ck_assert_uint_eq(fake.begin_count, 0);
	fake_called(NULL); /* over */
	turn_until(&fake.begin_count, 1);
	turn_for(300);
	ck_assert_uint_eq(fake.call_count, 2);
}
END_TEST

START_TEST(an_attempt_of_another_worker_that_failed_is_repeated_first)
{
	struct message m;
	struct store_work row = hold_one(&m);

	row.state = STATE_RETRYING;
	row.due_wall_us = clock_wall_us();
	fake_called(&row);
	fake_called(NULL);
	turn_until(&fake.begin_count, 1);
	ck_assert(message_id_equal(fake.begins[0].id, m.id));
	ck_assert_uint_eq(fake.begins[0].attempt, 2);
	turn_for(20);
	ck_assert_uint_eq(fake.begin_count, 1);
}
END_TEST

START_TEST(an_attempt_of_another_worker_that_dies_is_lost_and_holds_nobody)
{
	struct message m;
	struct store_work row = hold_one(&m);

	row.gone = true;
	fake_called(&row);
	fake_called(NULL);
	turn_until(&fake.outcome_count, 1);
	ck_assert_int_eq(last_outcome()->row.outcome, OUTCOME_LOST);
	commit_outcome();
	turn_until(&fake.begin_count, 1);
	ck_assert_uint_eq(fake.begins[0].id.bytes[1], 2);
}
END_TEST

static void open_patient(void)
{
	house_hold_ms = 20000;
	house_open_looked();
}

int main(void)
{
	Suite *suite = suite_create("lanes");
	TCase *tcase = tcase_create("lanes");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 30);
	tcase_add_checked_fixture(tcase, open_patient, house_close);
	tcase_add_test(tcase, a_lane_given_up_takes_its_idle_messages_and_waiters_along);
	tcase_add_test(tcase, a_lane_given_up_keeps_its_attempts);
	tcase_add_test(tcase, an_attempt_that_may_be_repeated_is_left_to_the_new_owner);
	tcase_add_test(tcase, a_fenced_worker_begins_nothing_and_lets_nothing_out);
	tcase_add_loop_test(tcase, what_is_another_owners_by_now_is_neither_put_off_nor_ended, 0,
			    2);
	tcase_add_test(tcase, in_a_drain_a_lane_is_left_when_its_owner_does_not_stay);
	tcase_add_test(tcase, a_call_is_loaded_and_its_waiter_joins);
	tcase_add_test(tcase, a_call_for_what_is_over_tells_to_look);
	tcase_add_test(tcase, a_message_of_another_node_travels_as_its_id);
	tcase_add_test(tcase, a_bell_of_another_node_is_obeyed_and_answered);
	tcase_add_test(tcase, far_garbage_is_passed_over);
	tcase_add_test(tcase, the_lanes_of_the_dead_are_taken_at_once);
	tcase_add_test(tcase, workers_of_other_nodes_are_told_of_a_death);
	tcase_add_test(tcase, a_change_that_failed_is_tried_again_soon_then_later);
	tcase_add_test(tcase, held_lanes_are_not_taken_and_nobody_waits_for_them);
	tcase_add_test(tcase, a_lease_that_ran_out_is_fenced_when_ours_has_held_for_a_while);
	tcase_add_test(tcase, those_behind_an_attempt_of_another_worker_wait_for_its_end);
	tcase_add_test(tcase, how_an_attempt_of_another_worker_stands_is_asked_once_at_a_time);
	tcase_add_test(tcase, an_attempt_of_another_worker_that_failed_is_repeated_first);
	tcase_add_test(tcase, an_attempt_of_another_worker_that_dies_is_lost_and_holds_nobody);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
