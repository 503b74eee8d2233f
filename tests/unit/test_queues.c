/* Queues that are longer than what is held: in order, in shares, and in nobody's way. */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "delivery/item.h"
#include "delivery_house.h"

#define SECOND_US INT64_C(1000000)
#define READ_MOST 7 /* of twelve: what may be read of normal */

static void setup(void)
{
	house_open_adopting();
	load(NULL);
}

/* Message n of an outlet and class, in the store. */
static void put(unsigned n, const char *outlet_id, enum message_class class)
{
	struct message m;
	struct store_work row = row_of(n, STATE_QUEUED, &m);

	row.message.outlet_id = outlet_id;
	row.message.class = class;
	fake_work(&row, false);
}

static void put_many(unsigned from, unsigned to, const char *outlet_id, enum message_class class)
{
	for (unsigned n = from; n <= to; n++)
		put(n, outlet_id, class);
}

/* The poll comes round, and finds what is in the store. */
static void look(void)
{
	const unsigned before = fake.load_count;

	turn_until(&fake.load_count, before + 1);
	fake_looked(false);
	turn();
}

/* The same because bells may have been lost. */
static void look_again(void)
{
	bell_look(house.sibling);
	look();
}

static void ring(unsigned n, const char *outlet_id, enum message_class class)
{
	struct message m = message_of(n);
	struct delivery_order order = order_of(&m);

	m.outlet_id = outlet_id;
	m.class = class;
	take(&order);
}

static bool has_begun(unsigned n)
{
	const struct message_id id = message_of(n).id;

	for (unsigned i = 0; i < fake.begin_count; i++) {
		if (message_id_equal(fake.begins[i].id, id))
			return true;
	}
	return false;
}

/* What has begun is sent, and over. */
static void finish_all(void)
{
	static unsigned begun, sent, recorded;

	if (fake.send_count == 0)
		begun = sent = recorded = 0;
	while (begun < fake.begin_count)
		fake_written(fake.begins[begun++].tag, STORE_DONE);
	turn();
	while (sent < fake.send_count)
		fake_accept_call(fake.sends[sent++].tag, "wamid.1");
	turn();
	while (recorded < fake.outcome_count)
		fake_written(fake.outcomes[recorded++].tag, STORE_DONE);
	turn();
}

/* The first `n` rows have left the store. */
static void gone(unsigned n)
{
	fake.row_count -= n;
	memmove(fake.rows, fake.rows + n, fake.row_count * sizeof(fake.rows[0]));
}

/* Seven of ten are held, as there is no room for more: the eighth is the next to be read. */
static void make_long(void)
{
	put_many(1, 10, "long", MESSAGE_NORMAL);
	look();
	fake_load_pages();
	turn();
	ck_assert_uint_eq(delivery_busy(house.d), READ_MOST);
	ck_assert_uint_eq(fake.begin_count, READ_MOST);
	ck_assert(has_begun(READ_MOST) && !has_begun(READ_MOST + 1));
	ck_assert_uint_eq(fake.page_count, 0);
}

START_TEST(what_comes_new_stays_behind_a_long_queue)
{
	struct message m = message_of(200);
	struct delivery_place *place;

	make_long();
	ring(11, "long", MESSAGE_NORMAL);
	expect_told(DELIVERY_ELSEWHERE);
	ck_assert(!has_begun(11));
	m.outlet_id = "long";
	ck_assert_ptr_null(delivery_reserve(house.d, &m, "100", true));
	m.outlet_id = "other";
	place = delivery_reserve(house.d, &m, "100", true);
	ck_assert_ptr_nonnull(place);
	delivery_give_back(house.d, place);
}
END_TEST

START_TEST(others_are_not_held_up_by_it)
{
	make_long();
	ring(21, "other", MESSAGE_NORMAL);
	ring(22, "long", MESSAGE_HIGH);
	ck_assert(has_begun(21) && has_begun(22));
}
END_TEST

/* What is held, then the next page in order of seq, then whatever came meanwhile. */
START_TEST(it_is_read_to_its_end_in_order)
{
	make_long();
	ring(11, "long", MESSAGE_NORMAL);
	put(11, "long", MESSAGE_NORMAL);
	gone(READ_MOST);
	finish_all();
	ck_assert_uint_eq(fake.page_count, 1);
	ck_assert_uint_eq(fake.pages[0].above, READ_MOST);
	fake_load_pages();
	turn();
	ck_assert_uint_eq(fake.begin_count, 11);
	for (unsigned n = READ_MOST + 1; n <= 11; n++)
		ck_assert(message_id_equal(fake.begins[n - 1].id, message_of(n).id));
}
END_TEST

static void reach_the_end(void)
{
	make_long();
	gone(READ_MOST);
	finish_all();
	fake_load_pages(); /* to 10, and no more */
	turn();
	ck_assert_uint_eq(fake.begin_count, 10);
	/* Something may have come since: one more page, behind which nothing is left out. */
	ck_assert_uint_eq(fake.page_count, 1);
	ck_assert_uint_eq(fake.pages[0].above, 10);
}

START_TEST(what_comes_during_the_last_page_waits_for_it)
{
	reach_the_end();
	put(11, "long", MESSAGE_NORMAL); /* rang before that page was asked for */
	ring(12, "long", MESSAGE_NORMAL);
	turn_for(20);
	ck_assert(!has_begun(12));
	fake_load_pages();
	turn();
	ck_assert(has_begun(11) && has_begun(12));
	expect_not_told();
	ring(13, "long", MESSAGE_NORMAL);
	ck_assert(has_begun(13)); /* and then all is as ever */
}
END_TEST

START_TEST(what_waits_for_a_page_goes_back_when_there_is_more)
{
	reach_the_end();
	finish_all();
	ring(40, "long", MESSAGE_NORMAL);
	put_many(11, 30, "long", MESSAGE_NORMAL);
	fake_load_pages();
	turn();
	expect_told(DELIVERY_ELSEWHERE);
	ck_assert(has_begun(11) && !has_begun(40));
	ck_assert_uint_eq(delivery_busy(house.d), READ_MOST - 1);
}
END_TEST

START_TEST(a_page_that_brings_it_lets_it_go)
{
	reach_the_end();
	finish_all();
	ring(11, "long", MESSAGE_NORMAL);
	put_many(11, 30, "long", MESSAGE_NORMAL);
	fake_load_pages();
	turn();
	ck_assert(has_begun(11));
	expect_not_told();
}
END_TEST

/* A busy queue, all of which is held, is checked at each poll and stays open. */
START_TEST(a_check_holds_nothing_up)
{
	ring(1, "busy", MESSAGE_NORMAL);
	ring(2, "busy", MESSAGE_NORMAL);
	put_many(1, 2, "busy", MESSAGE_NORMAL);
	look();
	ck_assert_uint_eq(fake.page_count, 1);
	ring(3, "busy", MESSAGE_NORMAL);
	ck_assert(has_begun(3));
	fake_load_pages();
	turn();
	ck_assert_uint_eq(fake.page_count, 0);
	ck_assert_uint_eq(fake.begin_count, 3);
}
END_TEST

/* When bells may have been lost, what comes now waits until its queue was read. */
START_TEST(after_lost_bells_nothing_overtakes)
{
	put(1, "missed", MESSAGE_NORMAL);
	look_again();
	ring(2, "missed", MESSAGE_NORMAL);
	ring(3, "other", MESSAGE_NORMAL);
	ck_assert(!has_begun(2) && has_begun(3));
	fake_load_pages();
	turn();
	ck_assert(has_begun(1) && has_begun(2));
}
END_TEST

START_TEST(each_class_leaves_room_for_those_above)
{
	static const unsigned most[MESSAGE_CLASSES] = { 10, READ_MOST, 4 }; /* of 12 */

	for (unsigned c = 0; c < MESSAGE_CLASSES; c++) {
		house_reopen();
		fake.answers_at_once = true;
		fake.credentials = (struct credentials){ "100", "token-1", "" };
		put_many(1, 12, "a", (enum message_class)c);
		look();
		fake_load_pages();
		turn();
		ck_assert_uint_eq(delivery_busy(house.d), most[c]);
	}
}
END_TEST

START_TEST(a_higher_class_is_read_while_lower_ones_wait_for_room)
{
	put_many(1, 10, "a", MESSAGE_BULK);
	put_many(11, 20, "a", MESSAGE_NORMAL);
	put_many(21, 30, "a", MESSAGE_HIGH);
	look();
	while (fake.page_count)
		fake_load_pages();
	turn();
	ck_assert(has_begun(1) && has_begun(11) && has_begun(21));
	ck_assert_uint_eq(delivery_busy(house.d), 10);
}
END_TEST

START_TEST(without_room_it_stays_in_the_store_and_in_order)
{
	unsigned n = 1;

	for (; n <= 9; n++)
		ring(n, "flood", MESSAGE_NORMAL);
	expect_not_told();
	ring(n, "flood", MESSAGE_NORMAL);
	expect_told(DELIVERY_RELEASED);
	finish_all();
	house.told.count = 0;
	ring(n + 1, "flood", MESSAGE_NORMAL);
	expect_told(DELIVERY_ELSEWHERE); /* there is room, but one is before it */
	ck_assert(!has_begun(n + 1));
	ck_assert_uint_eq(fake.page_count, 1);
	ck_assert_uint_eq(fake.pages[0].above, n - 1);
	put_many(n, n + 1, "flood", MESSAGE_NORMAL);
	fake_load_pages();
	turn();
	ck_assert(has_begun(n) && has_begun(n + 1));
}
END_TEST

/* The most that comes new of one queue: here 50, of 400. */
static void reopen_roomy(void)
{
	house_settings.max_items = 400;
	house_reopen();
	fake.answers_at_once = true;
	fake.credentials = (struct credentials){ "100", "token-1", "" };
}

START_TEST(what_comes_new_fills_no_more_than_a_share)
{
	struct message m = message_of(200);

	reopen_roomy();
	for (unsigned n = 1; n <= 50; n++)
		ring(n, "flood", MESSAGE_HIGH);
	expect_not_told();
	m.outlet_id = "flood";
	m.class = MESSAGE_HIGH;
	ck_assert_ptr_null(delivery_reserve(house.d, &m, "100", true));
	ring(51, "flood", MESSAGE_HIGH);
	expect_told(DELIVERY_RELEASED);
	ring(52, "flood", MESSAGE_HIGH);
	expect_told(DELIVERY_ELSEWHERE);
	ring(53, "other", MESSAGE_BULK);
	expect_not_told();
	ck_assert_uint_eq(delivery_busy(house.d), 51);
}
END_TEST

/* What a look reads once more of a queue that is held is bounded by that. */
START_TEST(a_queue_of_more_than_a_share_is_not_held)
{
	reopen_roomy();
	for (unsigned n = 1; n <= 51; n++)
		ring(n, "flood", MESSAGE_NORMAL);
	expect_told(DELIVERY_RELEASED);
	put_many(1, 51, "flood", MESSAGE_NORMAL);
	look();
	ck_assert_uint_eq(fake.page_count, 1);
	ck_assert_uint_eq(fake.pages[0].above, 50);
}
END_TEST

START_TEST(what_comes_new_leaves_room_for_reading_higher_classes)
{
	char outlet[8];
	unsigned n = 1;

	for (; house.told.count == 0; n++) {
		(void)snprintf(outlet, sizeof(outlet), "o%u", n);
		ring(n, outlet, MESSAGE_NORMAL);
	}
	put(n, "above", MESSAGE_HIGH);
	look();
	while (fake.page_count)
		fake_load_pages();
	turn();
	ck_assert(has_begun(n));
}
END_TEST

/* Sent, and only its copy is not stored yet: its queue goes on without it. */
START_TEST(what_is_sent_counts_no_more)
{
	reopen_roomy();
	for (unsigned n = 1; n <= 50; n++) {
		struct message m = message_of(n);
		struct delivery_order order = order_of(&m);

		m.outlet_id = "flood";
		m.conversation_id = "conversation";
		take(&order);
	}
	while (fake.outcome_count < 50)
		finish_all();
	ck_assert_uint_eq(delivery_busy(house.d), 50);
	house.told.count = 0;
	ring(51, "flood", MESSAGE_NORMAL);
	ck_assert(has_begun(51));
}
END_TEST

/* Rows from n on of an outlet were committed, and did not come whole. */
static void ring_queue(unsigned n, const char *outlet_id)
{
	const struct message m = message_of(n);
	const struct bell_ring r = {
		.lane = message_lane(m.tenant_id),
		.queue = message_queue(m.tenant_id, outlet_id, MESSAGE_NORMAL),
		.seq = n,
	};

	bell_ring(house.sibling, 0, &r);
	turn();
}

/* It is read from what was rung on, nothing else is looked at, and others begin meanwhile. */
START_TEST(what_is_rung_for_is_read_alone)
{
	const unsigned looks = fake.load_count;
	struct delivery_place *place;

	ring(1, "rung", MESSAGE_NORMAL);
	put(2, "rung", MESSAGE_NORMAL);
	ring_queue(2, "rung");
	ck_assert_uint_eq(fake.page_count, 1);
	ck_assert_uint_eq(fake.pages[0].above, 1);
	ring(3, "other", MESSAGE_NORMAL);
	ck_assert(has_begun(3));
	place = house_reserve(100);
	ck_assert_ptr_nonnull(place);
	delivery_give_back(house.d, place);
	ring(4, "rung", MESSAGE_NORMAL);
	ck_assert(!has_begun(4)); /* it must not overtake that */
	fake_load_pages();
	turn();
	ck_assert(has_begun(2) && has_begun(4));
	ck_assert_uint_eq(fake.load_count, looks);
}
END_TEST

START_TEST(what_another_node_rings_for_is_read_alone)
{
	const struct message m = message_of(2);
	char text[128];

	(void)snprintf(text, sizeof(text), "q fa%030d %016" PRIx64 "%016x%02x1", 0,
		       message_queue(m.tenant_id, "rung", MESSAGE_NORMAL), 2,
		       message_lane(m.tenant_id));
	fake_rung(text);
	turn();
	ck_assert_uint_eq(fake.page_count, 1);
	ck_assert_uint_eq(fake.pages[0].above, 1);
	ck_assert_uint_eq(fake.pages[0].lane, message_lane(m.tenant_id));
}
END_TEST

/* Rung for once more with each page, it goes on: who came before a page was asked for waits for
 * that one alone. */
START_TEST(bells_that_go_on_hold_nothing_up)
{
	ring_queue(1, "rung");
	for (unsigned n = 1; n <= 3; n++) {
		ring(10 * n, "rung", MESSAGE_NORMAL); /* waits for the page that follows */
		put(n, "rung", MESSAGE_NORMAL);
		ring_queue(n, "rung"); /* too late for the page under way */
		fake_load_pages();
		turn();
		ck_assert(has_begun(n)); /* read by it all the same */
		ck_assert_uint_eq(fake.page_count, 1);
		ck_assert_uint_eq(fake.pages[0].above, n - 1);
		ck_assert(!has_begun(10 * n));
		ring_queue(n + 1, "rung");
		fake_load_pages();
		turn();
		ck_assert(has_begun(10 * n));
	}
}
END_TEST

/* A retry that was left to the store, say: what is rung for behind it does not hide it. */
START_TEST(what_is_before_what_is_rung_for_is_found)
{
	put(1, "rung", MESSAGE_NORMAL);
	ring_queue(5, "rung");
	look();
	ring_queue(6, "rung");
	fake_load_pages();
	turn();
	ck_assert_uint_eq(fake.pages[0].above, 0);
	fake_load_pages();
	turn();
	ck_assert(has_begun(1));
}
END_TEST

START_TEST(a_queue_that_is_rung_for_without_end_becomes_long)
{
	put_many(1, 10, "rung", MESSAGE_NORMAL);
	ring_queue(1, "rung");
	ring_queue(9, "rung");
	fake_load_pages();
	turn();
	ring(11, "rung", MESSAGE_NORMAL);
	expect_told(DELIVERY_ELSEWHERE);
}
END_TEST

/* What is left to the store, and was committed late, is not behind the position. */
START_TEST(what_was_left_late_is_read_next)
{
	make_long();
	gone(READ_MOST);
	finish_all();
	ck_assert_uint_eq(fake.pages[0].above, READ_MOST);
	put(3, "long", MESSAGE_NORMAL);
	ring(3, "long", MESSAGE_NORMAL);
	expect_told(DELIVERY_ELSEWHERE);
	fake_load_pages();
	turn();
	ck_assert_uint_eq(fake.page_count, 1);
	ck_assert_uint_eq(fake.pages[0].above, 2);
}
END_TEST

/* Bells that are lost again and again do not keep a look from coming to its end. */
START_TEST(a_look_is_not_cut_off)
{
	const unsigned before = fake.load_count;
	struct delivery_place *place;

	put(1, "missed", MESSAGE_NORMAL);
	bell_look(house.sibling);
	turn_until(&fake.load_count, before + 1);
	bell_look(house.sibling);
	turn();
	fake_looked(true); /* more is to be looked at */
	turn();
	ck_assert_uint_eq(fake.load_count, before + 2);
	ck_assert_int_eq(fake.loads[before + 1].after, (int64_t)fake.rows[0].message.queue);
	fake_looked(false);
	turn();
	ck_assert_uint_eq(fake.load_count, before + 3); /* and then anew */
	ck_assert_int_eq(fake.loads[before + 2].after, -1);
	ck_assert_ptr_null(house_reserve(100));
	poll_now(house.d); /* which has nothing to do with bells */
	fake_looked(false);
	turn();
	place = house_reserve(100);
	ck_assert_ptr_nonnull(place);
	delivery_give_back(house.d, place);
}
END_TEST

/* Retries of a long queue that were left to the store. */
START_TEST(what_became_due_behind_the_position_is_found)
{
	int64_t asked_us;

	make_long();
	turn_until(&fake.page_load_count, 2); /* after five seconds */
	asked_us = clock_wall_us();
	ck_assert_uint_eq(fake.page_count, 1);
	ck_assert_uint_eq(fake.pages[0].above, 0);
	ck_assert_uint_eq(fake.pages[0].last, READ_MOST);
	ck_assert_int_lt(fake.pages[0].due_after_wall_us, asked_us - 10 * SECOND_US);
	ck_assert_int_gt(fake.pages[0].due_after_wall_us, asked_us - 30 * SECOND_US);
	finish_all();
	ck_assert_uint_eq(delivery_busy(house.d), 0);
	gone(10);
	put(3, "long", MESSAGE_NORMAL);
	fake_load_pages();
	turn();
	ck_assert_uint_eq(fake.begin_count, READ_MOST + 1);
	ck_assert(message_id_equal(fake.begins[READ_MOST].id, message_of(3).id));
}
END_TEST

START_TEST(lanes_that_come_back_are_read_anew)
{
	make_long();
	finish_all();
	ck_assert_uint_eq(fake.pages[0].above, READ_MOST);
	house_lanes(0);
	house_lanes(HOUSE_LANES);
	fake_looked(false);
	fake_load_pages(); /* of before */
	turn();
	ck_assert_uint_eq(fake.page_count, 1);
	ck_assert_uint_eq(fake.pages[0].above, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("queues");
	TCase *tcase = tcase_create("queues");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 30);
	tcase_add_checked_fixture(tcase, setup, house_close);
	tcase_add_test(tcase, what_comes_new_stays_behind_a_long_queue);
	tcase_add_test(tcase, others_are_not_held_up_by_it);
	tcase_add_test(tcase, it_is_read_to_its_end_in_order);
	tcase_add_test(tcase, what_comes_during_the_last_page_waits_for_it);
	tcase_add_test(tcase, what_waits_for_a_page_goes_back_when_there_is_more);
	tcase_add_test(tcase, a_page_that_brings_it_lets_it_go);
	tcase_add_test(tcase, a_check_holds_nothing_up);
	tcase_add_test(tcase, after_lost_bells_nothing_overtakes);
	tcase_add_test(tcase, each_class_leaves_room_for_those_above);
	tcase_add_test(tcase, a_higher_class_is_read_while_lower_ones_wait_for_room);
	tcase_add_test(tcase, without_room_it_stays_in_the_store_and_in_order);
	tcase_add_test(tcase, what_comes_new_fills_no_more_than_a_share);
	tcase_add_test(tcase, a_queue_of_more_than_a_share_is_not_held);
	tcase_add_test(tcase, what_comes_new_leaves_room_for_reading_higher_classes);
	tcase_add_test(tcase, what_is_sent_counts_no_more);
	tcase_add_test(tcase, what_is_rung_for_is_read_alone);
	tcase_add_test(tcase, what_another_node_rings_for_is_read_alone);
	tcase_add_test(tcase, bells_that_go_on_hold_nothing_up);
	tcase_add_test(tcase, what_is_before_what_is_rung_for_is_found);
	tcase_add_test(tcase, a_queue_that_is_rung_for_without_end_becomes_long);
	tcase_add_test(tcase, what_was_left_late_is_read_next);
	tcase_add_test(tcase, a_look_is_not_cut_off);
	tcase_add_test(tcase, what_became_due_behind_the_position_is_found);
	tcase_add_test(tcase, lanes_that_come_back_are_read_anew);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
