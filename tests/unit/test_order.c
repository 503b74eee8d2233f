/* Whoever asks after an acknowledgement goes behind what was acknowledged, also when lanes move and
 * bells are slow: docs/internals/lanes.md, invariant 9. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "delivery_house.h"

static const struct message_id far_life = { { 0xfa } };

static uint64_t lane_bit(const struct message *m)
{
	return UINT64_C(1) << message_lane(m->tenant_id);
}

/* The lane of this message is a worker's of another node. */
static struct store_lanes_view far_view(const struct message *m)
{
	struct store_lanes_view view = view_of(HOUSE_LANES & ~lane_bit(m));

	view.live[1].lanes &= ~lane_bit(m);
	view.live[1].draining = true; /* nothing is to be shared out */
	view.live[view.count++] = (struct store_incarnation){ .id = far_life,
							      .node_id = far_life,
							      .draining = true,
							      .lease_left_ms = STORE_LEASE_MS,
							      .lanes = lane_bit(m) };
	return view;
}

static void ask_for_a_view(void)
{
	const unsigned before = fake.change_count;

	bell_death(house.node);
	turn_until(&fake.change_count, before + 1);
}

/* -- who has a lane -- */

START_TEST(a_view_does_not_undo_what_bells_have_told_since_it_was_asked_for)
{
	const struct message m = message_of(1);
	const struct delivery_order order = order_of(&m);
	const struct store_lanes_view older = far_view(&m);

	fake_view(&older);
	ask_for_a_view();
	bell_lanes(house.sibling, BELL_MINE, lane_bit(&m), incarnation_of(1));
	turn();
	fake.ring_count = 0;
	fake_view(&older);
	take(&order);
	turn_until(&house.sibling_orders, 1);
	ck_assert_uint_eq(fake.ring_count, 0);
	/* One that was asked for behind the news is newer than they are. */
	ask_for_a_view();
	fake_view(&older);
	take(&order);
	turn_for(10);
	ck_assert_uint_eq(house.sibling_orders, 1);
	ck_assert_uint_eq(fake.ring_count, 1);
}
END_TEST

START_TEST(who_said_it_has_a_lane_and_is_not_in_the_view_has_it_no_more)
{
	const struct message m = message_of(1);
	const struct delivery_order order = order_of(&m);
	struct store_lanes_view view = view_of(HOUSE_LANES & ~lane_bit(&m));

	fake_view(&view);
	ask_for_a_view();
	bell_lanes(house.sibling, BELL_MINE, lane_bit(&m), incarnation_of(1));
	turn();
	view.count = 1;
	fake_view(&view);
	take(&order);
	turn_until(&house.sibling_looks, 1);
	ck_assert_uint_eq(house.sibling_orders, 0);
}
END_TEST

static bool inbox_of_sibling_has_something(void)
{
	char packet[64];

	return recv(node_read_fd(house.node, 1), packet, sizeof(packet), MSG_PEEK | MSG_DONTWAIT) >
	       0;
}

/* Who is told of the commit of a message that is not in the look knows by then whom to ring. */
START_TEST(new_owners_say_so_before_they_look)
{
	struct store_lanes_view view = view_of(~UINT64_C(0));

	view.live[1].draining = true;
	fake.load_count = 0;
	ck_assert(!inbox_of_sibling_has_something());
	fake_view(&view);
	ck_assert_uint_eq(fake.load_count, 1);
	ck_assert(inbox_of_sibling_has_something());
}
END_TEST

/* Who is told of the commit of a message that a new owner's look has not seen knows by then that we
 * are the owner no more: that owner may be on another node. */
START_TEST(who_leaves_lanes_says_so_before_they_are_released)
{
	struct store_lanes_view view = view_of(0);

	view.live[0].lanes = ~UINT64_C(0);
	fake.change_count = 0;
	ck_assert(!inbox_of_sibling_has_something());
	fake_view(&view);
	ck_assert_uint_eq(fake.change_count, 1);
	ck_assert(fake.changes[0].release != 0);
	ck_assert(inbox_of_sibling_has_something());
	turn_until(&house.sibling_news[BELL_LEAVING], 1);
	ck_assert(house.sibling_lanes == fake.changes[0].release);
}
END_TEST

/* A message of a lane of the sibling, which may have it no more: it is not rung there. */
static void expect_not_rung(const struct message *m)
{
	const struct delivery_order order = order_of(m);
	const unsigned looks = house.sibling_looks;

	take(&order);
	turn_for(20);
	ck_assert_uint_eq(house.sibling_orders, 0);
	ck_assert_uint_eq(house.sibling_looks, looks + 1);
}

START_TEST(what_a_sibling_leaves_is_not_rung_there_until_it_says_that_it_has_it)
{
	const struct message m = message_of(1);
	const struct message second = message_of(2);
	const struct message third = message_of(3);
	const struct delivery_order order = order_of(&third);
	const struct store_lanes_view view = view_of(HOUSE_LANES & ~lane_bit(&m));

	fake_view(&view);
	bell_lanes(house.sibling, BELL_LEAVING, lane_bit(&m), incarnation_of(1));
	turn();
	expect_not_rung(&m);
	fake_view(&view); /* perhaps of before its release */
	expect_not_rung(&second);
	bell_lanes(house.sibling, BELL_MINE, lane_bit(&m), incarnation_of(1));
	turn_until(&house.sibling_calls, 2);
	take(&order);
	turn_until(&house.sibling_orders, 1);
}
END_TEST

START_TEST(a_dead_sibling_is_not_rung)
{
	const struct message m = message_of(1);
	const struct delivery_order order = order_of(&m);

	house_lanes(HOUSE_LANES & ~lane_bit(&m));
	node_set_dead(house.node, 1);
	take(&order);
	turn_for(20);
	ck_assert_uint_eq(house.sibling_orders, 0);
}
END_TEST

START_TEST(a_sibling_whose_lease_is_out_is_not_rung)
{
	const struct message m = message_of(1);
	struct store_lanes_view view = view_of(HOUSE_LANES & ~lane_bit(&m));

	view.live[1].lease_left_ms = 100;
	fake_view(&view);
	turn_for(110);
	expect_not_rung(&m);
}
END_TEST

/* -- what comes while a new owner looks -- */

static void lanes_come(void)
{
	struct store_lanes_view view = view_of(~UINT64_C(0));

	view.live[1].draining = true;
	fake_view(&view);
	turn();
}

static struct message second_of(const struct message *first)
{
	struct message second = message_of(2);

	second.recipient = first->recipient;
	second.seq = first->seq + 1;
	return second;
}

/* Message 1 has rung during the look, which is over; it is being loaded. */
static struct store_work ring_while_looking(struct message *m)
{
	const struct store_work row = row_of(1, STATE_QUEUED, m);
	struct delivery_order order = order_of(m);

	lanes_come();
	order.waiter.waits = false;
	take(&order);
	load(NULL);
	turn_until(&fake.call_count, 1);
	return row;
}

START_TEST(what_rang_during_a_look_is_not_overtaken_while_it_is_loaded)
{
	struct message m;
	const struct store_work row = ring_while_looking(&m);
	const struct message second = second_of(&m);
	const struct message other = message_of(3);
	const struct delivery_order order = order_of(&second);
	struct delivery_place *place = delivery_reserve(house.d, &other, "100", true);

	ck_assert_ptr_nonnull(place); /* others need not wait */
	delivery_give_back(house.d, place);
	ck_assert_ptr_null(delivery_reserve(house.d, &second, "100", true));
	take(&order);
	turn_for(20);
	ck_assert_uint_eq(fake.begin_count, 0);
	fake_called(&row);
	fake_called(NULL);
	turn_until(&fake.begin_count, 1);
	ck_assert_uint_eq(fake.begins[0].id.bytes[1], 1);
	commit_begin();
	ck_assert_uint_eq(fake.begin_count, 1);
	answer_accepted();
	turn_until(&fake.begin_count, 2);
	ck_assert_uint_eq(fake.begins[1].id.bytes[1], 2);
}
END_TEST

START_TEST(what_is_over_when_it_is_loaded_holds_nobody)
{
	struct delivery_place *place;
	struct message m;
	struct message second;

	(void)ring_while_looking(&m);
	second = second_of(&m);
	fake_called(NULL);
	place = delivery_reserve(house.d, &second, "100", true);
	ck_assert_ptr_nonnull(place);
	delivery_give_back(house.d, place);
	expect_over();
}
END_TEST

START_TEST(what_was_found_by_the_look_is_not_loaded_once_more)
{
	struct message m;
	const struct store_work row = row_of(1, STATE_QUEUED, &m);
	struct delivery_order order = order_of(&m);

	lanes_come();
	order.waiter.waits = false;
	take(&order);
	load(&row);
	turn_until(&fake.begin_count, 1);
	ck_assert_uint_eq(fake.call_count, 0);
}
END_TEST

START_TEST(what_could_not_be_loaded_is_looked_for_before_anything_begins)
{
	struct message m;
	struct message second;

	(void)ring_while_looking(&m);
	second = second_of(&m);
	fake.load_count = 0;
	fake_load_failed(true);
	ck_assert_uint_eq(fake.load_count, 1);
	ck_assert_ptr_null(delivery_reserve(house.d, &second, "100", true));
}
END_TEST

/* -- what was committed before, and did not ring here -- */

/* Message 1 is in the store; message 2, to the same recipient, rings; neither begins. */
static struct store_work take_second(struct message *m)
{
	struct message second = message_of(2);
	const struct delivery_order order = order_of(&second);
	struct store_work row = row_of(1, STATE_QUEUED, m);

	second.recipient = row.message.recipient;
	second.seq = 2;
	row.message.seq = 1;
	take(&order);
	turn_for(20);
	ck_assert_uint_eq(fake.begin_count, 0);
	ck_assert_uint_eq(fake.call_count, 0);
	return row;
}

/* The first one goes; the second one is loaded, and then goes. */
static void expect_order(const struct store_work *row)
{
	struct message m;
	struct store_work second = row_of(2, STATE_QUEUED, &m);

	load(row);
	turn_until(&fake.call_count, 1);
	ck_assert_uint_eq(fake.calls[0].id.bytes[1], 2);
	second.message.recipient = row->message.recipient;
	second.message.seq = 2;
	fake_called(&second);
	fake_called(NULL);
	turn_until(&fake.begin_count, 1);
	ck_assert_uint_eq(fake.begins[0].id.bytes[1], 1);
	commit_begin();
	ck_assert_uint_eq(fake.begin_count, 1);
	answer_accepted();
	turn_until(&fake.begin_count, 2);
	ck_assert_uint_eq(fake.begins[1].id.bytes[1], 2);
}

START_TEST(in_new_lanes_nothing_overtakes_what_waits_there)
{
	struct message m;
	struct store_work row;

	lanes_come();
	row = take_second(&m);
	expect_order(&row);
}
END_TEST

START_TEST(in_new_lanes_who_waits_for_what_is_found_joins_it)
{
	struct message m;
	struct store_work row = row_of(2, STATE_QUEUED, &m);
	const struct delivery_order order = order_of(&m);

	lanes_come();
	take(&order);
	turn_for(20);
	ck_assert_uint_eq(fake.begin_count, 0);
	load(&row);
	turn_until(&fake.begin_count, 1);
	ck_assert_uint_eq(fake.call_count, 0); /* it need not be loaded again */
	commit_begin();
	answer_accepted();
	commit_outcome();
	expect_told(DELIVERY_SENT);
}
END_TEST

START_TEST(in_new_lanes_those_are_seen_that_others_must_wait_for)
{
	const unsigned before = fake.load_count;
	const int64_t hold_us = 1000 * house_hold_ms;

	lanes_come();
	ck_assert_uint_eq(fake.load_count, before + 1);
	ck_assert_int_ge(fake.loads[before].due_until_wall_us, clock_wall_us() + hold_us - 1000000);
	load(NULL);
	fake_rung("m fa000000000000000000000000000000 ");
	ck_assert_uint_eq(fake.load_count, before + 2);
}
END_TEST

START_TEST(nothing_overtakes_what_rang_while_we_were_deaf)
{
	struct message m;
	struct store_work row;

	fake.deaf = true;
	fake_rung(NULL);
	row = take_second(&m);
	load(NULL); /* of before the first one's commit */
	turn_for(20);
	ck_assert_uint_eq(fake.begin_count, 0);
	ck_assert_uint_eq(fake.call_count, 0);
	fake.deaf = false;
	fake.ring_count = 0;
	fake_rung(NULL);
	ck_assert_uint_eq(fake.ring_count, 1); /* what we rang may be lost as well */
	ck_assert_str_eq(fake.rings[0].text, "m ee000000000000000000000000000000 ");
	expect_order(&row);
}
END_TEST

/* Lanes may be ours before the session is there that hears. */
START_TEST(nothing_overtakes_what_rang_before_we_could_hear)
{
	struct message m;
	struct store_work row;

	fake.deaf = true;
	house_reopen(); /* has looked */
	fake.answers_at_once = true;
	row = take_second(&m);
	fake.deaf = false;
	fake_rung(NULL);
	expect_order(&row);
}
END_TEST

START_TEST(what_nobody_knows_the_owner_of_is_looked_for_by_all)
{
	const struct message m = message_of(1);
	const struct delivery_order order = order_of(&m);
	const struct message_id far = { { 0xfa } };
	struct store_lanes_view view = view_of(HOUSE_LANES & ~lane_bit(&m));

	view.live[1].lanes &= ~lane_bit(&m);
	view.live[view.count++] = (struct store_incarnation){ .id = far,
							      .node_id = far,
							      .lease_left_ms = STORE_LEASE_MS };
	fake_view(&view);
	turn();
	fake.ring_count = 0;
	take(&order);
	turn_until(&house.sibling_looks, 1);
	ck_assert_uint_eq(house.sibling_orders, 0);
	ck_assert_uint_eq(fake.ring_count, 1);
	ck_assert_str_eq(fake.rings[0].text, "m ee000000000000000000000000000000 ");
}
END_TEST

START_TEST(without_room_what_rings_is_not_kept_waiting)
{
	struct message m;
	struct store_work row = row_of(1, STATE_RETRYING, &m);

	row.due_wall_us = clock_wall_us() + 1000000;
	for (unsigned n = 10; n < 10 + house_settings.max_items / 2; n++) {
		row.message.id = message_of(n).id;
		row.message.recipient = message_of(n).recipient;
		fake_work(&row, false);
	}
	fake_work(NULL, false);
	lanes_come();
	turn_for(20);
	row.message.id = message_of(50).id;
	fake_work(&row, false);
	fake_looked(false); /* there is no room for it */
	(void)row_of(2, STATE_QUEUED, &m);
	m.outlet_id = "another";
	take(&(struct delivery_order){ .message = &m, .expires_wall_us = INT64_MAX });
	turn_until(&fake.begin_count, 1);
}
END_TEST

/* -- an owner on another node -- */

START_TEST(another_node_is_asked_to_say_when_it_has_the_message)
{
	const struct message m = message_of(1);
	struct delivery_order order = order_of(&m);
	struct store_lanes_view view = far_view(&m);

	ck_assert(!delivery_is_far(house.d, message_lane(m.tenant_id)));
	fake_view(&view);
	ck_assert(delivery_is_far(house.d, message_lane(m.tenant_id)));
	turn();
	fake.ring_count = 0;
	order.waiter.taken = true;
	take(&order);
	ck_assert_uint_eq(fake.ring_count, 1);
	ck_assert(message_id_equal(fake.rings[0].to, far_life));
	ck_assert_int_eq(fake.rings[0].text[strlen(fake.rings[0].text) - 1], '1');
	delivery_ring(house.d, &m, &order.waiter);
	turn_until(&fake.ring_count, 2);
	ck_assert_mem_eq(fake.rings[1].text, fake.rings[0].text, 80);
}
END_TEST

START_TEST(an_owner_nobody_knows_may_be_on_another_node)
{
	const struct message m = message_of(1);
	struct store_lanes_view view = far_view(&m);

	view.live[view.count - 1].lanes = 0;
	fake_view(&view);
	ck_assert(delivery_is_far(house.d, message_lane(m.tenant_id)));
	view.count--;
	fake_view(&view);
	ck_assert(!delivery_is_far(house.d, message_lane(m.tenant_id)));
}
END_TEST

START_TEST(another_node_is_told_when_the_message_is_here)
{
	struct message m;
	struct store_work row = row_of(1, STATE_QUEUED, &m);
	const char *const told = "r ee000000000000000000000000000000 "
				 "01010000000000000000000000000000000000000000004d";
	char text[256];

	(void)snprintf(text, sizeof(text), "o %s 01010000000000000000000000000000%016x%02x%06x1",
		       "fa000000000000000000000000000000", 77u, m.lane, 1000u);
	fake.answers_at_once = false; /* it goes no further than its credentials */
	fake.ring_count = 0;
	fake_rung(text);
	turn_until(&fake.call_count, 1);
	ck_assert_uint_eq(fake.ring_count, 0);
	fake_called(&row);
	fake_called(NULL);
	turn_until(&fake.ring_count, 1);
	ck_assert_str_eq(fake.rings[0].text, told);
	fake_rung(text); /* again, as if the answer had been lost */
	turn_until(&fake.ring_count, 2);
	ck_assert_str_eq(fake.rings[1].text, told);
	/* Nobody waits for its end. */
	ck_assert_uint_eq(fake.call_count, 1);
	ck_assert_uint_eq(fake.lookup_count, 1);
	delivery_drain(house.d);
	turn_for(10);
	ck_assert_uint_eq(house.told.count, 0);
}
END_TEST

/* Somebody else's write was just not over. */
START_TEST(what_could_not_begin_is_not_overtaken)
{
	struct message first = message_of(1);
	struct message second = message_of(2);
	const struct delivery_order orders[] = { order_of(&first), order_of(&second) };
	struct store_work row = row_of(1, STATE_QUEUED, &first);

	second.recipient = first.recipient;
	take(&orders[0]);
	take(&orders[1]);
	ck_assert_uint_eq(fake.begin_count, 1);
	fake_written(fake.begins[0].tag, STORE_CONFLICT);
	turn_until(&fake.call_count, 1);
	ck_assert_uint_eq(fake.begin_count, 1);
	fake_called(&row);
	fake_called(NULL);
	turn_until(&fake.begin_count, 2);
	ck_assert(message_id_equal(fake.begins[1].id, first.id));
	turn_for(20);
	ck_assert_uint_eq(fake.begin_count, 2);
	expect_not_told();
}
END_TEST

static void open_patient(void)
{
	house_hold_ms = 20000;
	house_open_looked();
}

int main(void)
{
	Suite *suite = suite_create("order");
	TCase *tcase = tcase_create("order");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 30);
	tcase_add_checked_fixture(tcase, open_patient, house_close);
	tcase_add_test(tcase, a_view_does_not_undo_what_bells_have_told_since_it_was_asked_for);
	tcase_add_test(tcase, who_said_it_has_a_lane_and_is_not_in_the_view_has_it_no_more);
	tcase_add_test(tcase, new_owners_say_so_before_they_look);
	tcase_add_test(tcase, who_leaves_lanes_says_so_before_they_are_released);
	tcase_add_test(tcase, what_a_sibling_leaves_is_not_rung_there_until_it_says_that_it_has_it);
	tcase_add_test(tcase, a_dead_sibling_is_not_rung);
	tcase_add_test(tcase, a_sibling_whose_lease_is_out_is_not_rung);
	tcase_add_test(tcase, what_rang_during_a_look_is_not_overtaken_while_it_is_loaded);
	tcase_add_test(tcase, what_is_over_when_it_is_loaded_holds_nobody);
	tcase_add_test(tcase, what_could_not_begin_is_not_overtaken);
	tcase_add_test(tcase, what_was_found_by_the_look_is_not_loaded_once_more);
	tcase_add_test(tcase, what_could_not_be_loaded_is_looked_for_before_anything_begins);
	tcase_add_test(tcase, in_new_lanes_nothing_overtakes_what_waits_there);
	tcase_add_test(tcase, in_new_lanes_who_waits_for_what_is_found_joins_it);
	tcase_add_test(tcase, in_new_lanes_those_are_seen_that_others_must_wait_for);
	tcase_add_test(tcase, nothing_overtakes_what_rang_while_we_were_deaf);
	tcase_add_test(tcase, nothing_overtakes_what_rang_before_we_could_hear);
	tcase_add_test(tcase, what_nobody_knows_the_owner_of_is_looked_for_by_all);
	tcase_add_test(tcase, without_room_what_rings_is_not_kept_waiting);
	tcase_add_test(tcase, another_node_is_asked_to_say_when_it_has_the_message);
	tcase_add_test(tcase, an_owner_nobody_knows_may_be_on_another_node);
	tcase_add_test(tcase, another_node_is_told_when_the_message_is_here);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
