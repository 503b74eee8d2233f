/* The steps of a message, as the table in src/delivery/steps.c has them. */
#include "delivery/delivery.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "delivery_house.h"
#include "slowness.h"

#define SECOND_US INT64_C(1000000)

START_TEST(nothing_is_called_before_its_attempt_is_committed)
{
	const struct message m = message_of(1);
	struct delivery_order order = order_of(&m);

	take(&order);
	turn_for(20);
	ck_assert_uint_eq(fake.begin_count, 1);
	ck_assert_uint_eq(fake.begins[0].attempt, 1);
	ck_assert_str_eq(fake.begins[0].number, "100");
	ck_assert_int_gt(fake.begins[0].deadline_wall_us, clock_wall_us() + 9 * SECOND_US);
	ck_assert_uint_eq(fake.send_count, 0);
	commit_begin();
	ck_assert_uint_eq(fake.send_count, 1);
	ck_assert_uint_eq(fake.sends[0].attempt, 1);
	ck_assert_str_eq(fake.sends[0].credentials.number, "100");
	ck_assert_str_eq(fake.sends[0].credentials.token, "token-1");
}
END_TEST

START_TEST(sent_is_told_after_its_commit)
{
	take_and_call(1);
	answer_accepted();
	expect_not_told();
	ck_assert_int_eq(last_outcome()->row.outcome, OUTCOME_ACCEPTED);
	ck_assert_int_eq(last_outcome()->row.next, STORE_NEXT_DONE);
	ck_assert_uint_eq(last_outcome()->row.attempt, 1);
	ck_assert(message_id_equal(last_outcome()->row.incarnation, incarnation_of(0)));
	ck_assert_str_eq(last_outcome()->wamid, "wamid.1");
	commit_outcome();
	expect_told(DELIVERY_SENT);
	ck_assert_str_eq(house.told.result.wamid, "wamid.1");
	ck_assert_int_eq(house.told.result.sent_wall_us, last_outcome()->row.ended_wall_us);
	ck_assert(message_id_equal(house.told.result.id, message_of(1).id));
	ck_assert_uint_eq(fake.post_count, 0);
	expect_over();
}
END_TEST

START_TEST(an_outcome_that_was_not_stored_is_not_told_as_sent)
{
	take_and_call(1);
	answer_accepted();
	fake_written(last_outcome()->tag, STORE_REJECTED);
	turn();
	expect_told(DELIVERY_UNKNOWN);
	expect_over();
}
END_TEST

START_TEST(an_attempt_that_began_with_the_accept_is_called_at_once)
{
	const struct message m = message_of(1);
	struct delivery_order order = order_of(&m);

	fake.room = 1;
	order.place = delivery_reserve(house.d, &m, "100", true);
	ck_assert_ptr_nonnull(order.place);
	ck_assert_ptr_null(house_reserve(2));
	order.begun_wall_us = clock_wall_us();
	order.deadline_wall_us = order.begun_wall_us + 11 * SECOND_US;
	take(&order);
	ck_assert_uint_eq(fake.begin_count, 0);
	ck_assert_uint_eq(fake.send_count, 1);
	ck_assert_uint_eq(fake.sends[0].attempt, 1);
	answer_accepted();
	ck_assert_int_eq(last_outcome()->row.begun_wall_us, order.begun_wall_us);
	commit_outcome();
	expect_told(DELIVERY_SENT);
	expect_over();
}
END_TEST

START_TEST(the_last_gate_closes_with_the_deadline_of_the_attempt)
{
	const struct message m = message_of(1);
	struct delivery_order order = order_of(&m);

	take_and_call(2);
	ck_assert(fake_gate(fake.sends[0].tag));
	ck_assert(!fake_gate(fake.sends[0].tag + 1000));
	order.place = house_reserve(1);
	ck_assert_ptr_nonnull(order.place);
	order.begun_wall_us = clock_wall_us() - 12 * SECOND_US;
	order.deadline_wall_us = clock_wall_us() - SECOND_US;
	take(&order);
	ck_assert(!fake_gate(fake.sends[1].tag));
	ck_assert_int_lt(fake.sends[1].deadline_boot_ms, clock_boot_ms());
}
END_TEST

/* -- tried again -- */

START_TEST(a_waiting_caller_gets_the_schedule_of_the_contract)
{
	take_and_call(1);
	for (unsigned n = 1; n <= 4; n++) {
		const struct fake_outcome *o;
		int64_t wait_us;

		ck_assert_uint_eq(fake.sends[fake.send_count - 1].attempt, n);
		answer_code(500, 0);
		o = last_outcome();
		ck_assert_int_eq(o->row.outcome, OUTCOME_REFUSED);
		ck_assert_uint_eq(o->row.attempt, n);
		ck_assert_uint_eq(o->row.counted, n);
		ck_assert_int_eq(o->row.next, n < 4 ? STORE_NEXT_RETRY : STORE_NEXT_FAILED);
		fake.answers_at_once = true;
		fake.credentials = (struct credentials){ "100", "token-1", "" };
		commit_outcome();
		if (n == 4)
			break;
		wait_us = o->row.due_wall_us - o->row.ended_wall_us;
		ck_assert_int_ge(wait_us, (INT64_C(100000) << (n - 1)) - 2000);
		ck_assert_int_le(wait_us, (INT64_C(110000) << (n - 1)) + 20000);
		expect_not_told();
		ck_assert_uint_eq(fake.begin_count, n);
		turn_until(&fake.begin_count, n + 1);
		ck_assert_int_ge(clock_wall_us(), o->row.due_wall_us - 2000);
		commit_begin();
	}
	expect_told(DELIVERY_FAILED);
	ck_assert_uint_eq(house.told.result.attempts, 4);
	ck_assert_str_ne(house.told.result.title, "");
	ck_assert_str_ne(house.told.action, "");
	ck_assert_str_ne(last_outcome()->failure_reason, "");
	ck_assert_uint_eq(fake.send_count, 4);
	expect_over();
}
END_TEST

START_TEST(a_rate_limit_does_not_count_when_nobody_waits)
{
	const struct message m = message_of(1);
	struct delivery_order order = order_of(&m);

	order.waiter.waits = false;
	take(&order);
	commit_begin();
	answer_code(429, 130429);
	ck_assert_int_eq(last_outcome()->row.next, STORE_NEXT_RETRY);
	ck_assert_uint_eq(last_outcome()->row.counted, 0);
	ck_assert_uint_eq(last_outcome()->row.throttled, 1);
	ck_assert_int_gt(last_outcome()->row.due_wall_us, clock_wall_us());
	commit_outcome();
	ck_assert_uint_eq(house.told.count, 0);
}
END_TEST

START_TEST(who_has_stopped_waiting_is_asynchronous)
{
	const struct message m = message_of(1);
	struct delivery_order order = order_of(&m);

	order.waiter.until_boot_ms = clock_boot_ms();
	take(&order);
	commit_begin();
	answer_code(429, 130429);
	ck_assert_uint_eq(last_outcome()->row.counted, 0);
}
END_TEST

START_TEST(a_permanent_refusal_fails_at_once)
{
	take_and_call(1);
	answer_code(400, 131026);
	ck_assert_int_eq(last_outcome()->row.next, STORE_NEXT_FAILED);
	expect_not_told();
	commit_outcome();
	expect_told(DELIVERY_FAILED);
	ck_assert_int_eq(house.told.result.code, 131026);
	expect_over();
}
END_TEST

START_TEST(a_lost_reply_is_never_called_again)
{
	const struct message m = message_of(1);
	struct delivery_order order = order_of(&m);

	take_and_call(1);
	answer_lost();
	ck_assert_int_eq(last_outcome()->row.outcome, OUTCOME_LOST);
	ck_assert_int_eq(last_outcome()->row.next, STORE_NEXT_UNKNOWN);
	expect_not_told();
	commit_outcome();
	expect_told(DELIVERY_UNKNOWN);
	turn_for(300);
	ck_assert_uint_eq(fake.begin_count, 1);
	ck_assert_uint_eq(fake.send_count, 1);
	expect_over();
	/* An old bell brings it once more: the store is the last word. */
	take(&order);
	fake_written(fake.begins[1].tag, STORE_CONFLICT);
	expect_gone();
	ck_assert_uint_eq(fake.send_count, 1);
}
END_TEST

START_TEST(a_call_that_could_not_leave_was_not_sent)
{
	const struct message m = message_of(1);
	struct delivery_order order = order_of(&m);

	fake.graph_refuses = true;
	take(&order);
	commit_begin();
	ck_assert_uint_eq(fake.send_count, 0);
	ck_assert_int_eq(last_outcome()->row.outcome, OUTCOME_NOT_SENT);
	ck_assert_int_eq(last_outcome()->row.next, STORE_NEXT_RETRY);
	fake.graph_refuses = false;
	fake.answers_at_once = true;
	fake.credentials = (struct credentials){ "100", "token-1", "" };
	commit_outcome();
	turn_until(&fake.begin_count, 2);
	commit_begin();
	ck_assert_uint_eq(fake.sends[0].attempt, 2);
}
END_TEST

START_TEST(the_number_is_fixed_with_the_first_attempt)
{
	take_and_call(1);
	answer_code(500, 0);
	fake.answers_at_once = true;
	fake.credentials = (struct credentials){ "200", "token-2", "" };
	commit_outcome();
	turn_until(&fake.begin_count, 2);
	ck_assert_str_eq(fake.begins[1].number, "100");
	commit_begin();
	ck_assert_str_eq(fake.sends[1].credentials.number, "100");
	ck_assert_str_eq(fake.sends[1].credentials.token, "token-2");
}
END_TEST

/* -- begin, place -- */

START_TEST(work_that_is_not_ours_any_more_is_dropped)
{
	const struct message m = message_of(1);
	struct delivery_order order = order_of(&m);

	take(&order);
	fake_written(fake.begins[0].tag, STORE_CONFLICT);
	expect_not_told();
	expect_gone();
	ck_assert_uint_eq(fake.send_count, 0);
}
END_TEST

START_TEST(a_full_store_is_asked_again_for_the_same_attempt)
{
	const struct message m = message_of(1);
	struct delivery_order order = order_of(&m);
	struct delivery_place *place;

	fake.store_full = true;
	take(&order);
	ck_assert_uint_eq(fake.begin_count, 0);
	place = house_reserve(2); /* its place is free meanwhile */
	ck_assert_ptr_nonnull(place);
	delivery_give_back(house.d, place);
	fake.store_full = false;
	fake.answers_at_once = true;
	fake.credentials = (struct credentials){ "100", "token-1", "" };
	turn_until(&fake.begin_count, 1);
	ck_assert_uint_eq(fake.begins[0].attempt, 1);
	expect_not_told();
}
END_TEST

START_TEST(a_call_waits_for_its_place_in_order)
{
	fake.room = 2;
	for (unsigned n = 1; n <= 4; n++) {
		const struct message m = message_of(n);
		struct delivery_order order = order_of(&m);

		take(&order);
	}
	ck_assert_uint_eq(fake.begin_count, 2);
	ck_assert_ptr_null(house_reserve(5)); /* nobody overtakes those who wait */
	fake_written(fake.begins[0].tag, STORE_DONE);
	turn();
	ck_assert_uint_eq(fake.begin_count, 2);
	fake_accept_call(fake.sends[0].tag, "wamid.1");
	turn();
	ck_assert_uint_eq(fake.begin_count, 3);
	ck_assert(message_id_equal(fake.begins[2].id, message_of(3).id));
	fake_written(fake.begins[1].tag, STORE_CONFLICT);
	turn();
	ck_assert_uint_eq(fake.begin_count, 4);
	ck_assert(message_id_equal(fake.begins[3].id, message_of(4).id));
}
END_TEST

START_TEST(what_is_beyond_the_bound_stays_in_the_store)
{
	static const unsigned most[MESSAGE_CLASSES] = { 12, 9, 6 }; /* of 12 */
	const enum message_class class = (enum message_class)_i;

	for (unsigned n = 1; n <= most[class] + 1; n++) {
		struct message m = message_of(n);
		const struct delivery_order order = order_of(&m);

		m.class = class;
		take(&order);
		if (n <= most[class])
			expect_not_told();
	}
	expect_told(DELIVERY_RELEASED);
	ck_assert_str_eq(house.told.detail, "queued");
	ck_assert_uint_eq(delivery_busy(house.d), most[class]);
	if (class != MESSAGE_BULK)
		ck_assert_ptr_null(house_reserve(98)); /* a normal one */
}
END_TEST

/* Its attempt is committed: there must be room for it in any case. */
START_TEST(what_has_begun_finds_room)
{
	const struct message late = message_of(99);
	struct delivery_order order = order_of(&late);

	ck_assert_ptr_nonnull(order.place = house_reserve(99));
	for (unsigned n = 1; n <= house_settings.max_items; n++) {
		struct message m = message_of(n);
		struct delivery_order other = order_of(&m);

		m.recipient = message_of(1).recipient; /* so that only the items fill up */
		m.class = MESSAGE_HIGH;                /* … all of the room */
		take(&other);
	}
	house.told.count = 0;
	order.begun_wall_us = clock_wall_us();
	order.deadline_wall_us = order.begun_wall_us + 11 * SECOND_US;
	take(&order);
	ck_assert_uint_eq(fake.send_count, 1);
	ck_assert(message_id_equal(fake.sends[0].id, late.id));
}
END_TEST

/* -- credentials -- */

static void refuse_token(void)
{
	take_and_call(1);
	answer_code(401, 190);
	ck_assert_int_eq(last_outcome()->row.next, STORE_NEXT_RETRY);
	ck_assert_uint_eq(fake.lookup_count, 0);
	commit_outcome();
	ck_assert_uint_eq(fake.lookup_count, 1);
	ck_assert_str_eq(fake.lookups[0].refused, "token-1");
	expect_not_told();
}

START_TEST(a_refused_token_that_stays_fails)
{
	refuse_token();
	fake.credentials = (struct credentials){ "100", "token-1", "" };
	answer_lookup();
	ck_assert_uint_eq(fake.defer_count, 1);
	ck_assert(fake.defers[0].row.failed);
	ck_assert_int_eq(fake.defers[0].row.failure_code, 190);
	ck_assert_uint_eq(fake.defers[0].row.attempt, 1);
	ck_assert_str_ne(fake.defers[0].reason, "");
	expect_not_told();
	commit_defer();
	expect_told(DELIVERY_FAILED);
	ck_assert_int_eq(house.told.result.code, 190);
	ck_assert_uint_eq(fake.begin_count, 1);
	expect_over();
}
END_TEST

START_TEST(a_new_token_goes_on_once)
{
	refuse_token();
	fake.credentials = (struct credentials){ "100", "token-2", "" };
	answer_lookup();
	ck_assert_uint_eq(fake.begin_count, 2);
	ck_assert_uint_eq(fake.begins[1].attempt, 2);
	commit_begin();
	ck_assert_str_eq(fake.sends[1].credentials.token, "token-2");
	answer_code(401, 190);
	ck_assert_int_eq(last_outcome()->row.next, STORE_NEXT_FAILED);
	commit_outcome();
	expect_told(DELIVERY_FAILED);
	expect_over();
}
END_TEST

START_TEST(a_refused_token_that_cannot_be_looked_up_fails)
{
	static const enum credentials_verdict verdicts[] = { CREDENTIALS_UNKNOWN,
							     CREDENTIALS_AWAY };

	refuse_token();
	fake.credentials_verdict = verdicts[_i];
	answer_lookup();
	ck_assert(fake.defers[0].row.failed);
	ck_assert_int_eq(fake.defers[0].row.failure_code, 190);
	commit_defer();
	expect_told(DELIVERY_FAILED);
	expect_over();
}
END_TEST

static void take_without_credentials(bool waits)
{
	const struct message m = message_of(1);
	struct delivery_order order = order_of(&m);

	order.credentials = NULL;
	order.waiter.waits = waits;
	take(&order);
	ck_assert_uint_eq(fake.lookup_count, 1);
	ck_assert_str_eq(fake.lookups[0].tenant, "tenant-0");
	ck_assert_str_eq(fake.lookups[0].outlet, "outlet");
	ck_assert_str_eq(fake.lookups[0].refused, "");
}

START_TEST(credentials_are_looked_up)
{
	take_without_credentials(true);
	ck_assert_uint_eq(fake.begin_count, 0);
	fake.credentials = (struct credentials){ "300", "token-3", "" };
	answer_lookup();
	ck_assert_str_eq(fake.begins[0].number, "300");
	commit_begin();
	ck_assert_str_eq(fake.sends[0].credentials.token, "token-3");
}
END_TEST

START_TEST(an_outlet_without_credentials_fails)
{
	take_without_credentials(true);
	fake.credentials_verdict = CREDENTIALS_UNKNOWN;
	answer_lookup();
	ck_assert(fake.defers[0].row.failed);
	ck_assert_int_eq(fake.defers[0].row.failure_code, GRAPH_CASE_CREDENTIALS);
	expect_not_told();
	commit_defer();
	expect_told(DELIVERY_FAILED);
	ck_assert_int_eq(house.told.result.code, GRAPH_CASE_CREDENTIALS);
	ck_assert_str_ne(house.told.action, "");
	expect_over();
}
END_TEST

START_TEST(credentials_away_fail_who_waits)
{
	take_without_credentials(true);
	fake.credentials_verdict = CREDENTIALS_AWAY;
	answer_lookup();
	ck_assert(fake.defers[0].row.failed);
	commit_defer();
	expect_told(DELIVERY_FAILED);
	expect_over();
}
END_TEST

START_TEST(credentials_away_keep_what_nobody_waits_for)
{
	take_without_credentials(false);
	fake.credentials_verdict = CREDENTIALS_AWAY;
	answer_lookup();
	ck_assert(!fake.defers[0].row.failed);
	ck_assert_int_ge(fake.defers[0].row.due_wall_us, clock_wall_us() + 4 * SECOND_US);
	ck_assert_int_le(fake.defers[0].row.due_wall_us, clock_wall_us() + 5 * SECOND_US);
	commit_defer();
	expect_over(); /* so long a wait is the store's: the poll brings it back */
	ck_assert_uint_eq(fake.lookup_count, 1);
}
END_TEST

START_TEST(validity_that_ran_out_ends_the_message)
{
	const struct message m = message_of(1);
	struct delivery_order order = order_of(&m);

	order.expires_wall_us = clock_wall_us();
	take(&order);
	ck_assert_uint_eq(fake.begin_count, 0);
	ck_assert(fake.defers[0].row.failed);
	ck_assert_int_eq(fake.defers[0].row.failure_code, GRAPH_CASE_EXPIRED);
	commit_defer();
	expect_told(DELIVERY_FAILED);
	ck_assert_int_eq(house.told.result.code, GRAPH_CASE_EXPIRED);
	expect_over();
}
END_TEST

/* -- the Conversation Service's copy -- */

static void send_with_copy(unsigned n)
{
	struct message m = message_of(n);
	struct delivery_order order;

	m.conversation_id = "conversation";
	order = order_of(&m);
	take(&order);
	commit_begin();
	answer_accepted();
}

START_TEST(the_copy_is_stored_before_the_answer)
{
	send_with_copy(1);
	ck_assert_int_eq(last_outcome()->row.next, STORE_NEXT_CONVERSATION);
	ck_assert_int_ge(last_outcome()->row.due_wall_us, clock_wall_us() + 14 * SECOND_US);
	ck_assert_uint_eq(fake.post_count, 1);
	ck_assert_str_eq(fake.posts[0].wamid, "wamid.1");
	commit_outcome();
	expect_not_told();
	answer_posted(true);
	expect_told(DELIVERY_SENT);
	ck_assert(fake.notes[0].row.stored);
	ck_assert_uint_eq(delivery_busy(house.d), 1); /* until that is written down */
	commit_note();
	expect_over();
}
END_TEST

START_TEST(a_copy_stored_first_does_not_answer_before_the_commit)
{
	send_with_copy(1);
	answer_posted(true);
	ck_assert_uint_eq(fake.note_count, 1);
	commit_note();
	expect_not_told();
	commit_outcome();
	expect_told(DELIVERY_SENT);
	expect_over();
}
END_TEST

START_TEST(a_copy_that_failed_is_noted_and_forgotten)
{
	send_with_copy(1);
	commit_outcome();
	answer_posted(false);
	expect_told(DELIVERY_SENT);
	ck_assert(!fake.notes[0].row.stored);
	ck_assert_uint_eq(fake.notes[0].row.tries, 1);
	ck_assert_int_ge(fake.notes[0].row.due_wall_us, clock_wall_us() + SECOND_US - 100000);
	ck_assert_int_le(fake.notes[0].row.due_wall_us, clock_wall_us() + SECOND_US);
	commit_note();
	expect_over();
}
END_TEST

START_TEST(a_copy_that_cannot_be_posted_is_noted)
{
	fake.copies_refused = true;
	send_with_copy(1);
	ck_assert_uint_eq(fake.post_count, 0);
	ck_assert_uint_eq(fake.note_count, 1);
	ck_assert(!fake.notes[0].row.stored);
	commit_outcome();
	expect_told(DELIVERY_SENT);
	commit_note();
	expect_over();
}
END_TEST

START_TEST(the_answer_waits_a_second_for_the_copy)
{
	int64_t begun_ms;

	send_with_copy(1);
	begun_ms = clock_boot_ms();
	commit_outcome();
	turn_until(&house.told.count, 1);
	ck_assert_int_ge(clock_boot_ms() - begun_ms, 995);
	ck_assert_int_le(clock_boot_ms() - begun_ms, 1500 * slowness());
	expect_told(DELIVERY_SENT);
	/* The post goes on, and what comes of it is written down. */
	ck_assert_uint_eq(fake.note_count, 0);
	answer_posted(true);
	ck_assert(fake.notes[0].row.stored);
	commit_note();
	expect_not_told();
	expect_over();
}
END_TEST

START_TEST(after_five_failures_one_copy_a_second_is_tried)
{
	for (unsigned n = 1; n <= 5; n++) {
		send_with_copy(n);
		ck_assert_uint_eq(fake.post_count, n);
		commit_outcome();
		answer_posted(false);
		commit_note();
	}
	send_with_copy(6);
	ck_assert_uint_eq(fake.post_count, 5);
	ck_assert(!fake.notes[5].row.stored);
	commit_outcome();
	commit_note();
	turn_for(1010);
	send_with_copy(7); /* looks whether the service is back */
	ck_assert_uint_eq(fake.post_count, 6);
	commit_outcome();
	send_with_copy(8);
	ck_assert_uint_eq(fake.post_count, 6);
	commit_outcome();
	commit_note();
	answer_posted(true);
	commit_note();
	send_with_copy(9);
	ck_assert_uint_eq(fake.post_count, 7);
}
END_TEST

START_TEST(a_message_that_was_not_sent_has_no_copy)
{
	struct message m = message_of(1);
	struct delivery_order order;

	m.conversation_id = "conversation";
	order = order_of(&m);
	take(&order);
	commit_begin();
	answer_code(400, 131026);
	commit_outcome();
	expect_told(DELIVERY_FAILED);
	ck_assert_uint_eq(fake.post_count, 0);
	expect_over();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("delivery");
	TCase *tcase = tcase_create("delivery");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 30);
	tcase_add_checked_fixture(tcase, house_open, house_close);
	tcase_add_test(tcase, nothing_is_called_before_its_attempt_is_committed);
	tcase_add_test(tcase, sent_is_told_after_its_commit);
	tcase_add_test(tcase, an_outcome_that_was_not_stored_is_not_told_as_sent);
	tcase_add_test(tcase, an_attempt_that_began_with_the_accept_is_called_at_once);
	tcase_add_test(tcase, the_last_gate_closes_with_the_deadline_of_the_attempt);
	tcase_add_test(tcase, a_waiting_caller_gets_the_schedule_of_the_contract);
	tcase_add_test(tcase, a_rate_limit_does_not_count_when_nobody_waits);
	tcase_add_test(tcase, who_has_stopped_waiting_is_asynchronous);
	tcase_add_test(tcase, a_permanent_refusal_fails_at_once);
	tcase_add_test(tcase, a_lost_reply_is_never_called_again);
	tcase_add_test(tcase, a_call_that_could_not_leave_was_not_sent);
	tcase_add_test(tcase, the_number_is_fixed_with_the_first_attempt);
	tcase_add_test(tcase, work_that_is_not_ours_any_more_is_dropped);
	tcase_add_test(tcase, a_full_store_is_asked_again_for_the_same_attempt);
	tcase_add_test(tcase, a_call_waits_for_its_place_in_order);
	tcase_add_loop_test(tcase, what_is_beyond_the_bound_stays_in_the_store, 0, MESSAGE_CLASSES);
	tcase_add_test(tcase, what_has_begun_finds_room);
	tcase_add_test(tcase, a_refused_token_that_stays_fails);
	tcase_add_test(tcase, a_new_token_goes_on_once);
	tcase_add_loop_test(tcase, a_refused_token_that_cannot_be_looked_up_fails, 0, 2);
	tcase_add_test(tcase, credentials_are_looked_up);
	tcase_add_test(tcase, an_outlet_without_credentials_fails);
	tcase_add_test(tcase, credentials_away_fail_who_waits);
	tcase_add_test(tcase, credentials_away_keep_what_nobody_waits_for);
	tcase_add_test(tcase, validity_that_ran_out_ends_the_message);
	tcase_add_test(tcase, the_copy_is_stored_before_the_answer);
	tcase_add_test(tcase, a_copy_stored_first_does_not_answer_before_the_commit);
	tcase_add_test(tcase, a_copy_that_failed_is_noted_and_forgotten);
	tcase_add_test(tcase, a_copy_that_cannot_be_posted_is_noted);
	tcase_add_test(tcase, the_answer_waits_a_second_for_the_copy);
	tcase_add_test(tcase, after_five_failures_one_copy_a_second_is_tried);
	tcase_add_test(tcase, a_message_that_was_not_sent_has_no_copy);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
