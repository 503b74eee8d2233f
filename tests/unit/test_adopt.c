/* Rows of the store that become items, siblings, and the drain. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "delivery_house.h"

#define SECOND_US INT64_C(1000000)

/* -- rows of the store -- */

/* A row of message n in this state, due now. */
static struct store_work row_of(unsigned n, enum state state, struct message *m)
{
	*m = message_of(n);
	m->lane = message_lane(m->tenant_id);
	return (struct store_work){
		.message = *m,
		.state = state,
		.due_wall_us = clock_wall_us(),
		.expires_wall_us = clock_wall_us() + 3600 * SECOND_US,
		.number = "",
		.wamid = "",
	};
}

static void load(const struct store_work *row)
{
	fake_work(row, false);
	fake_work(NULL, false);
	turn();
}

/* The look-ups that adopted items make are answered at once. */
static void open_adopting(void)
{
	house_open_two();
	fake.answers_at_once = true;
	fake.credentials = (struct credentials){ "100", "token-1" };
	turn();
	ck_assert_uint_eq(fake.load_count, 1);
}

START_TEST(the_work_of_our_lanes_is_looked_for_at_the_start)
{
	for (unsigned lane = 0; lane < MESSAGE_LANES; lane++)
		ck_assert_uint_eq(fake.loads[0].lanes >> lane & 1, lane % 2 == 0);
	ck_assert_uint_eq(fake.loads[0].after_seq, 0);
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
	answer_code(500, 0);
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
	ck_assert_uint_eq(delivery_busy(house.d), 0);
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

	row.deadline_wall_us = clock_wall_us() - 100 * SECOND_US;
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

	take_and_call(1);
	load(&row);
	turn_for(20);
	ck_assert_uint_eq(fake.begin_count, 1);
	ck_assert_uint_eq(delivery_busy(house.d), 1);
}
END_TEST

START_TEST(pages_follow_each_other)
{
	struct message m;
	struct store_work row = row_of(7, STATE_QUEUED, &m);

	fake_work(&row, true);
	fake_work(NULL, true);
	ck_assert_uint_eq(fake.load_count, 2);
	ck_assert_uint_eq(fake.loads[1].after_seq, 7);
	fake_work(NULL, false);
	turn_for(50);
	ck_assert_uint_eq(fake.load_count, 2);
}
END_TEST

START_TEST(a_poll_that_failed_is_repeated)
{
	const int64_t begun_ms = clock_boot_ms();

	fake_load_failed();
	turn_until(&fake.load_count, 2);
	ck_assert_int_ge(clock_boot_ms() - begun_ms, 1990);
	ck_assert_int_le(clock_boot_ms() - begun_ms, 3000);
	ck_assert_uint_eq(fake.loads[1].after_seq, 0);
}
END_TEST

START_TEST(a_full_table_takes_no_row)
{
	struct message m;
	struct store_work row;

	fake.answers_at_once = false;
	for (unsigned n = 1; n <= house_settings.max_items + 1; n++) {
		row = row_of(n, STATE_QUEUED, &m);
		fake_work(&row, false);
	}
	ck_assert_uint_eq(delivery_busy(house.d), house_settings.max_items);
}
END_TEST

START_TEST(a_bell_makes_it_look_at_once)
{
	struct message m = message_of(1);
	struct delivery_order order = order_of(&m);
	char *payload = calloc(1, BELL_PACKET_BYTES + 1);

	load(NULL);
	memset(payload, 'x', BELL_PACKET_BYTES);
	m.payload = payload;
	bell_order(house.sibling, 0, &order);
	turn_until(&fake.load_count, 2);
	free(payload);
}
END_TEST

/* -- orders, results and credentials between siblings -- */

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
	const struct credentials known = { "500", "token-5" };

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
	ck_assert_ptr_null(delivery_reserve(house.d, &m));
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
	ck_assert_int_le(clock_boot_ms() - begun_ms, 1500);
	ck_assert(message_id_equal(fake.begins[1].id, message_of(2).id));
}
END_TEST

START_TEST(an_attempt_of_the_accept_keeps_its_turn)
{
	const struct message first = to_the_same(1);
	struct delivery_order order = order_of(&first);

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
	struct delivery_place *place = delivery_reserve(house.d, &first);

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

	order.place = house_reserve(1);
	ck_assert_ptr_nonnull(order.place);
	delivery_drain(house.d);
	order.begun_wall_us = clock_wall_us();
	order.deadline_wall_us = order.begun_wall_us + 11 * SECOND_US;
	take(&order);
	ck_assert_uint_eq(fake.send_count, 1);
}
END_TEST

START_TEST(a_drain_that_takes_too_long_calls_its_attempts_lost)
{
	take_and_call(1);
	delivery_drain(house.d);
	delivery_give_up(house.d);
	turn();
	ck_assert_int_eq(last_outcome()->row.outcome, OUTCOME_LOST);
	ck_assert_int_eq(last_outcome()->row.next, STORE_NEXT_UNKNOWN);
	answer_accepted(); /* comes too late: the row is being written */
	ck_assert_uint_eq(fake.outcome_count, 1);
	ck_assert_int_eq(last_outcome()->row.outcome, OUTCOME_LOST);
	expect_not_told();
	commit_outcome();
	expect_told(DELIVERY_UNKNOWN);
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

	node_set(house.node, 2, NODE_READY, incarnation_of(2));
	node_set_owner(house.node, 0, 2);
	delivery_drain(house.d);
	take(&order);
	expect_not_told();
	ck_assert_int_gt(recv(node_read_fd(house.node, 2), packet, sizeof(packet), 0), 0);
	ck_assert_uint_eq(delivery_busy(house.d), 0);
}
END_TEST

static void add_rows(TCase *tcase)
{
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
	tcase_add_test(tcase, pages_follow_each_other);
	tcase_add_test(tcase, a_poll_that_failed_is_repeated);
	tcase_add_test(tcase, a_full_table_takes_no_row);
	tcase_add_test(tcase, a_bell_makes_it_look_at_once);
}

int main(void)
{
	Suite *suite = suite_create("adopt");
	TCase *tcase = tcase_create("adopt");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 30);
	tcase_add_checked_fixture(tcase, open_adopting, house_close);
	add_rows(tcase);
	tcase_add_test(tcase, an_order_for_a_held_item_joins_its_waiter);
	tcase_add_test(tcase, an_order_of_another_lane_goes_to_its_owner);
	tcase_add_test(tcase, an_order_of_a_sibling_is_answered_by_bell);
	tcase_add_test(tcase, what_a_sibling_knows_is_learned_and_used);
	tcase_add_test(tcase, what_no_sibling_knows_is_given_up);
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
	tcase_add_test(tcase, giving_up_leaves_alone_what_is_not_called);
	tcase_add_test(tcase, an_order_follows_its_lane_to_the_successor);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
