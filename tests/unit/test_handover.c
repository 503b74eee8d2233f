/* What goes between siblings, the order of messages to one recipient, and the drain. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "delivery_house.h"
#include "slowness.h"

#define SECOND_US INT64_C(1000000)

/* -- orders, results and credentials between siblings -- */

static const struct store_lanes *last_change(void)
{
	ck_assert_uint_gt(fake.change_count, 0);
	return &fake.changes[fake.change_count - 1];
}

START_TEST(an_order_of_another_lane_goes_to_its_owner)
{
	struct message m = message_of(1);
	struct delivery_order order = order_of(&m);
	const struct delivery_result result = {
		.id = m.id, .end = DELIVERY_SENT, .wamid = "wamid.5", .action = "", .detail = ""
	};

	m.tenant_id = "tenant-1";
	ck_assert_uint_eq(message_lane(m.tenant_id) % 2, 1);
	ck_assert(!delivery_owns(house.d, message_lane(m.tenant_id)));
	take(&order);
	turn_until(&house.sibling_orders, 1);
	ck_assert_uint_eq(delivery_busy(house.d), 0);
	bell_result(house.sibling, 0, WAITER, &result);
	turn_until(&house.told.count, 1);
	expect_told(DELIVERY_SENT);
	ck_assert_str_eq(house.told.result.wamid, "wamid.5");
}
END_TEST

START_TEST(an_order_of_a_sibling_is_answered_by_bell)
{
	const struct message m = message_of(1);
	struct delivery_order order = order_of(&m);

	order.waiter.slot = 1;
	bell_order(house.sibling, 0, &order);
	turn_until(&fake.begin_count, 1);
	commit_begin();
	answer_accepted();
	commit_outcome();
	turn_until(&house.sibling_told.count, 1);
	ck_assert_int_eq(house.sibling_told.result.end, DELIVERY_SENT);
	ck_assert_uint_eq(house.sibling_told.waiter_id, WAITER);
	ck_assert_uint_eq(house.told.count, 0);
	expect_over();
}
END_TEST

static void take_without_credentials(void)
{
	const struct message m = message_of(1);
	struct delivery_order order = order_of(&m);

	order.credentials = NULL;
	fake.answers_at_once = false;
	fake.credentials_verdict = CREDENTIALS_AWAY;
	take(&order);
	answer_lookup();
	turn_until(&house.sibling_asks, 1);
	expect_not_told();
	ck_assert_uint_eq(fake.defer_count, 0);
}

START_TEST(what_a_sibling_knows_is_learned_and_used)
{
	const struct credentials known = { "500", "token-5", "" };

	take_without_credentials();
	bell_learn(house.sibling, 0, "tenant-0", "outlet", &known);
	turn_until(&fake.learn_count, 1);
	ck_assert_str_eq(fake.learned.token, "token-5");
	turn_until(&fake.lookup_count, 2);
	fake.credentials = known;
	fake.credentials_verdict = CREDENTIALS_OK;
	answer_lookup();
	ck_assert_str_eq(fake.begins[0].number, "500");
}
END_TEST

/* They may have learned something since. */
START_TEST(siblings_are_asked_again_for_the_next_attempt)
{
	fake.credentials_verdict = CREDENTIALS_AWAY;
	take_without_credentials();
	turn_until(&fake.lookup_count, 2);
	fake.credentials_verdict = CREDENTIALS_OK;
	answer_lookup();
	commit_begin();
	answer_code(500, 0);
	commit_outcome();
	turn_until(&fake.lookup_count, 3);
	fake.credentials_verdict = CREDENTIALS_AWAY;
	answer_lookup();
	turn_until(&house.sibling_asks, 2);
}
END_TEST

START_TEST(what_no_sibling_knows_is_given_up)
{
	take_without_credentials();
	turn_until(&fake.lookup_count, 2);
	answer_lookup();
	ck_assert_uint_eq(house.sibling_asks, 1);
	ck_assert(fake.defers[0].row.failed);
	commit_defer();
	expect_told(DELIVERY_FAILED);
	expect_over();
}
END_TEST

/* Another owner has gone on with it: what became of it the store knows. */
START_TEST(a_give_up_that_came_too_late_is_not_told_as_failed)
{
	take_without_credentials();
	turn_until(&fake.lookup_count, 2);
	answer_lookup();
	ck_assert_uint_eq(fake.defers[0].row.attempt, 0);
	fake_written(fake.defers[0].tag, STORE_CONFLICT);
	turn();
	expect_told(DELIVERY_ELSEWHERE);
	expect_over();
}
END_TEST

START_TEST(a_sibling_that_asks_is_told_what_is_known)
{
	ck_assert_uint_eq(bell_ask(house.sibling, "tenant-0", "outlet"), 1);
	turn_for(20);
	ck_assert_uint_eq(fake.learn_count, 0);
	fake.known = true;
	ck_assert_uint_eq(bell_ask(house.sibling, "tenant-0", "outlet"), 1);
	turn_until(&fake.learn_count, 1);
	ck_assert_str_eq(fake.learned.token, "token-1");
}
END_TEST

/* -- the order of messages to one recipient -- */

static struct message to_the_same(unsigned n)
{
	struct message m = message_of(n);

	m.recipient = message_of(50).recipient;
	return m;
}

static void take_to_the_same(unsigned n)
{
	const struct message m = to_the_same(n);
	const struct delivery_order order = order_of(&m);

	take(&order);
}

START_TEST(messages_to_one_recipient_follow_each_other)
{
	struct message m;

	take_to_the_same(1);
	take_to_the_same(2);
	ck_assert_uint_eq(fake.begin_count, 1);
	m = to_the_same(3);
	ck_assert_ptr_null(delivery_reserve(house.d, &m, "100", true));
	m.outlet_id = "other";
	{
		const struct delivery_order order = order_of(&m);

		take(&order); /* another number: not held up */
	}
	ck_assert_uint_eq(fake.begin_count, 2);
	fake_written(fake.begins[0].tag, STORE_DONE);
	turn();
	ck_assert_uint_eq(fake.begin_count, 2);
	fake_accept_call(fake.sends[0].tag, "wamid.1");
	turn();
	ck_assert_uint_eq(fake.begin_count, 3);
	ck_assert(message_id_equal(fake.begins[2].id, message_of(2).id));
}
END_TEST

START_TEST(who_ends_unsent_lets_the_next_one_go)
{
	take_to_the_same(1);
	take_to_the_same(2);
	commit_begin();
	answer_code(400, 131026);
	ck_assert_uint_eq(fake.begin_count, 1);
	commit_outcome();
	ck_assert_uint_eq(fake.begin_count, 2);
}
END_TEST

START_TEST(who_is_tried_again_holds_the_next_one_up_for_a_while)
{
	int64_t begun_ms;

	house_settings.retry.initial_ms = 5000;
	house_reopen();
	take_to_the_same(1);
	begun_ms = clock_boot_ms();
	take_to_the_same(2);
	commit_begin();
	answer_code(500, 0);
	commit_outcome();
	ck_assert_uint_eq(fake.begin_count, 1);
	turn_until(&fake.begin_count, 2);
	ck_assert_int_ge(clock_boot_ms() - begun_ms, 298);
	ck_assert_int_le(clock_boot_ms() - begun_ms, 1500 * slowness());
	ck_assert(message_id_equal(fake.begins[1].id, message_of(2).id));
}
END_TEST

START_TEST(an_attempt_of_the_accept_keeps_its_turn)
{
	const struct message first = to_the_same(1);
	struct delivery_order order = order_of(&first);

	load(NULL); /* all that waits was seen */
	begin_with_accept(&order, 0);
	take_to_the_same(2);
	ck_assert_uint_eq(fake.begin_count, 0);
	take(&order);
	ck_assert_uint_eq(fake.send_count, 1);
	ck_assert_uint_eq(fake.begin_count, 0);
	answer_accepted();
	ck_assert_uint_eq(fake.begin_count, 1);
}
END_TEST

START_TEST(a_place_given_back_lets_the_next_one_go)
{
	const struct message first = to_the_same(1);
	struct delivery_place *place;

	load(NULL); /* all that waits was seen */
	place = delivery_reserve(house.d, &first, "100", true);
	take_to_the_same(2);
	ck_assert_uint_eq(fake.begin_count, 0);
	delivery_give_back(house.d, place);
	turn();
	ck_assert_uint_eq(fake.begin_count, 1);
}
END_TEST

START_TEST(a_drain_releases_who_waits_for_his_turn)
{
	take_to_the_same(1);
	take_to_the_same(2);
	take_to_the_same(3);
	delivery_drain(house.d);
	ck_assert_uint_eq(house.told.count, 2);
	ck_assert_int_eq(house.told.result.end, DELIVERY_RELEASED);
	ck_assert_uint_eq(delivery_busy(house.d), 1);
	turn();
	ck_assert_uint_eq(fake.begin_count, 1);
}
END_TEST

/* -- drain -- */

START_TEST(a_drain_releases_who_waits_to_be_tried_again)
{
	take_and_call(1);
	answer_code(500, 0);
	commit_outcome();
	expect_not_told();
	delivery_drain(house.d);
	expect_told(DELIVERY_RELEASED);
	ck_assert_str_eq(house.told.detail, "retrying");
	ck_assert_uint_eq(delivery_busy(house.d), 0);
	turn_for(150);
	ck_assert_uint_eq(fake.begin_count, 1);
}
END_TEST

START_TEST(a_drain_releases_who_waits_for_credentials)
{
	const struct message m = message_of(1);
	struct delivery_order order = order_of(&m);

	fake.answers_at_once = false;
	order.credentials = NULL;
	take(&order);
	delivery_drain(house.d);
	expect_told(DELIVERY_RELEASED);
	ck_assert_str_eq(house.told.detail, "queued");
	answer_lookup(); /* finds nobody */
	ck_assert_uint_eq(fake.begin_count, 0);
	ck_assert_uint_eq(delivery_busy(house.d), 0);
}
END_TEST

START_TEST(a_drain_releases_who_waits_for_a_place)
{
	const struct message m = message_of(2);
	struct delivery_order order = order_of(&m);

	fake.room = 1;
	take_and_call(1);
	take(&order);
	expect_not_told();
	delivery_drain(house.d);
	expect_told(DELIVERY_RELEASED);
	ck_assert_uint_eq(delivery_busy(house.d), 1);
	answer_accepted();
	commit_outcome();
	expect_told(DELIVERY_SENT);
	ck_assert_uint_eq(fake.begin_count, 1);
}
END_TEST

START_TEST(a_drain_lets_calls_end)
{
	take_and_call(1);
	delivery_drain(house.d);
	expect_not_told();
	ck_assert_uint_eq(delivery_busy(house.d), 1);
	answer_accepted();
	commit_outcome();
	expect_told(DELIVERY_SENT);
	ck_assert_uint_eq(delivery_busy(house.d), 0);
}
END_TEST

START_TEST(a_drain_lets_an_attempt_that_begins_be_called)
{
	const struct message m = message_of(1);
	struct delivery_order order = order_of(&m);

	take(&order);
	delivery_drain(house.d);
	expect_not_told();
	commit_begin();
	ck_assert_uint_eq(fake.send_count, 1);
}
END_TEST

START_TEST(in_a_drain_nothing_is_tried_again)
{
	take_and_call(1);
	delivery_drain(house.d);
	answer_code(500, 0);
	ck_assert_int_eq(last_outcome()->row.next, STORE_NEXT_RETRY);
	commit_outcome();
	expect_told(DELIVERY_RELEASED);
	ck_assert_str_eq(house.told.detail, "retrying");
	ck_assert_uint_eq(delivery_busy(house.d), 0);
}
END_TEST

START_TEST(in_a_drain_nothing_new_is_begun)
{
	struct message m;
	struct store_work row = row_of(2, STATE_QUEUED, &m);
	struct delivery_order order = order_of(&m);

	node_set_life(house.node, 1, NODE_DRAINING); /* nobody to go on with our lanes */
	delivery_drain(house.d);
	delivery_drain(house.d);
	ck_assert_ptr_null(house_reserve(1));
	load(&row);
	ck_assert_uint_eq(delivery_busy(house.d), 0);
	take(&order);
	expect_told(DELIVERY_RELEASED);
	order.waiter.slot = 1;
	bell_order(house.sibling, 0, &order);
	turn_until(&house.sibling_told.count, 1);
	ck_assert_int_eq(house.sibling_told.result.end, DELIVERY_RELEASED);
	turn_for(20);
	ck_assert_uint_eq(fake.begin_count, 0);
	ck_assert_uint_eq(fake.load_count, 1);
}
END_TEST

/* The place was taken before; its attempt is committed. */
START_TEST(in_a_drain_a_begun_attempt_is_called)
{
	const struct message m = message_of(1);
	struct delivery_order order = order_of(&m);

	load(NULL); /* all that waits was seen */
	order.place = house_reserve(1);
	ck_assert_ptr_nonnull(order.place);
	delivery_drain(house.d);
	order.begun_wall_us = clock_wall_us();
	order.deadline_wall_us = order.begun_wall_us + 11 * SECOND_US;
	take(&order);
	ck_assert_uint_eq(fake.send_count, 1);
}
END_TEST

/* Message 1 is called, its body has gone, and the drain takes too long. */
static void give_up_what_has_left(void)
{
	take_and_call(1);
	ck_assert(fake_gate(fake.sends[0].tag));
	delivery_drain(house.d);
	delivery_give_up(house.d);
	turn();
	ck_assert_int_eq(last_outcome()->row.outcome, OUTCOME_LOST);
	ck_assert_int_eq(last_outcome()->row.next, STORE_NEXT_UNKNOWN);
	ck_assert(!fake_gate(fake.sends[0].tag));
}

START_TEST(a_drain_that_takes_too_long_calls_its_attempts_lost)
{
	int64_t told_ms;

	give_up_what_has_left();
	expect_not_told();
	commit_outcome();
	expect_told(DELIVERY_UNKNOWN);
	told_ms = clock_boot_ms();
	answer_lost(); /* says nothing new */
	ck_assert_uint_eq(fake.outcome_count, 1);
	while (delivery_busy(house.d))
		turn();
	ck_assert_int_ge(clock_boot_ms() - told_ms, 490);
	ck_assert_int_le(clock_boot_ms() - told_ms, 900 * slowness());
}
END_TEST

START_TEST(a_reply_that_comes_late_is_recorded_over_the_loss)
{
	give_up_what_has_left();
	answer_accepted(); /* while the loss is being written */
	ck_assert_uint_eq(fake.outcome_count, 1);
	commit_outcome();
	ck_assert_uint_eq(fake.outcome_count, 2);
	ck_assert_int_eq(last_outcome()->row.outcome, OUTCOME_ACCEPTED);
	ck_assert_str_eq(last_outcome()->wamid, "wamid.1");
	commit_outcome();
	expect_told(DELIVERY_SENT);
	ck_assert_uint_eq(delivery_busy(house.d), 0);
}
END_TEST

START_TEST(a_reply_that_comes_after_the_recorded_loss_counts_as_well)
{
	give_up_what_has_left();
	commit_outcome();
	expect_told(DELIVERY_UNKNOWN);
	answer_accepted();
	ck_assert_uint_eq(fake.outcome_count, 2);
	ck_assert_int_eq(last_outcome()->row.outcome, OUTCOME_ACCEPTED);
	commit_outcome();
	expect_not_told(); /* it was answered */
	ck_assert_uint_eq(delivery_busy(house.d), 0);
}
END_TEST

/* It waits for a connection: nothing of it has left, and nothing will. */
START_TEST(a_call_that_was_not_made_was_not_sent)
{
	take_and_call(1);
	delivery_drain(house.d);
	delivery_give_up(house.d);
	turn();
	ck_assert_int_eq(last_outcome()->row.outcome, OUTCOME_NOT_SENT);
	ck_assert_int_eq(last_outcome()->row.next, STORE_NEXT_RETRY);
	ck_assert(!fake_gate(fake.sends[0].tag));
	commit_outcome();
	expect_told(DELIVERY_RELEASED);
	ck_assert_uint_eq(delivery_busy(house.d), 0);
}
END_TEST

/* Its commit may still come: then the call is made, or lost with the process. */
START_TEST(giving_up_leaves_alone_what_is_not_called)
{
	const struct message m = message_of(1);
	struct delivery_order order = order_of(&m);

	take(&order);
	delivery_drain(house.d);
	delivery_give_up(house.d);
	turn();
	ck_assert_uint_eq(fake.outcome_count, 0);
	expect_not_told();
}
END_TEST

/* After a roll the successor owns the lanes: what comes late goes to it. */
START_TEST(an_order_follows_its_lane_to_the_successor)
{
	static uint8_t packet[BELL_PACKET_BYTES];
	const struct message m = message_of(1);
	struct delivery_order order = order_of(&m);
	struct store_lanes_view view;

	node_set(house.node, 2, NODE_READY, incarnation_of(2));
	delivery_drain(house.d);
	ck_assert(last_change()->release == HOUSE_LANES);
	ck_assert(last_change()->draining);
	take(&order);
	expect_not_told();
	view = view_of(0);
	view.live[1].id = incarnation_of(2); /* it has taken all */
	fake_view(&view);
	turn();
	ck_assert_int_gt(recv(node_read_fd(house.node, 2), packet, sizeof(packet), 0), 0);
	ck_assert_uint_eq(delivery_busy(house.d), 0);
}
END_TEST

START_TEST(an_attempt_that_there_are_no_credentials_for_was_not_sent)
{
	const struct message m = message_of(1);
	struct delivery_order order = order_of(&m);

	fake.room = 1;
	begin_with_accept(&order, 0);
	order.credentials = NULL; /* there was no memory for them */
	take(&order);
	ck_assert_uint_eq(fake.send_count, 0);
	ck_assert_int_eq(last_outcome()->row.outcome, OUTCOME_NOT_SENT);
	ck_assert_int_eq(last_outcome()->row.next, STORE_NEXT_RETRY);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("handover");
	TCase *tcase = tcase_create("handover");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 30);
	tcase_add_checked_fixture(tcase, house_open_looked, house_close);
	tcase_add_test(tcase, an_order_of_another_lane_goes_to_its_owner);
	tcase_add_test(tcase, an_order_of_a_sibling_is_answered_by_bell);
	tcase_add_test(tcase, what_a_sibling_knows_is_learned_and_used);
	tcase_add_test(tcase, siblings_are_asked_again_for_the_next_attempt);
	tcase_add_test(tcase, what_no_sibling_knows_is_given_up);
	tcase_add_test(tcase, a_give_up_that_came_too_late_is_not_told_as_failed);
	tcase_add_test(tcase, a_sibling_that_asks_is_told_what_is_known);
	tcase_add_test(tcase, messages_to_one_recipient_follow_each_other);
	tcase_add_test(tcase, who_ends_unsent_lets_the_next_one_go);
	tcase_add_test(tcase, who_is_tried_again_holds_the_next_one_up_for_a_while);
	tcase_add_test(tcase, an_attempt_of_the_accept_keeps_its_turn);
	tcase_add_test(tcase, a_place_given_back_lets_the_next_one_go);
	tcase_add_test(tcase, a_drain_releases_who_waits_for_his_turn);
	tcase_add_test(tcase, a_drain_releases_who_waits_to_be_tried_again);
	tcase_add_test(tcase, a_drain_releases_who_waits_for_credentials);
	tcase_add_test(tcase, a_drain_releases_who_waits_for_a_place);
	tcase_add_test(tcase, a_drain_lets_calls_end);
	tcase_add_test(tcase, a_drain_lets_an_attempt_that_begins_be_called);
	tcase_add_test(tcase, in_a_drain_nothing_is_tried_again);
	tcase_add_test(tcase, in_a_drain_nothing_new_is_begun);
	tcase_add_test(tcase, in_a_drain_a_begun_attempt_is_called);
	tcase_add_test(tcase, a_drain_that_takes_too_long_calls_its_attempts_lost);
	tcase_add_test(tcase, a_reply_that_comes_late_is_recorded_over_the_loss);
	tcase_add_test(tcase, a_reply_that_comes_after_the_recorded_loss_counts_as_well);
	tcase_add_test(tcase, a_call_that_was_not_made_was_not_sent);
	tcase_add_test(tcase, giving_up_leaves_alone_what_is_not_called);
	tcase_add_test(tcase, an_order_follows_its_lane_to_the_successor);
	tcase_add_test(tcase, an_attempt_that_there_are_no_credentials_for_was_not_sent);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
