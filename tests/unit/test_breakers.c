/* Messages before circuit breakers, in a delivery whose world the test plays. */
#include "delivery/breakers.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "delivery_house.h"
#include "domain/graph_error.h"

#define OPEN_MS 300

static struct message messages[64];

/* Of nobody who waits, from this number. */
static struct delivery_order async_order(unsigned n, const char *number)
{
	static struct credentials credentials;
	struct delivery_order order;

	messages[n] = message_of(n);
	order = order_of(&messages[n]);
	credentials = (struct credentials){ "", "token-1", "" };
	text_copy_cut(credentials.number, sizeof(credentials.number), number);
	order.credentials = &credentials;
	order.waiter = (struct delivery_waiter){ .waits = false };
	return order;
}

static void take_async(unsigned n, const char *number)
{
	const struct delivery_order order = async_order(n, number);

	take(&order);
}

static void call_async(unsigned n, const char *number)
{
	const unsigned sends = fake.send_count;

	take_async(n, number);
	commit_begin();
	ck_assert_uint_eq(fake.send_count, sends + 1);
}

static void answer_not_sent(void)
{
	const struct call_facts facts = { .end = CALL_NOT_SENT };

	fake_graph(fake.sends[fake.send_count - 1].tag, &facts);
	turn();
}

static void fail_number(unsigned n, const char *number)
{
	call_async(n, number);
	answer_code(503, 2);
}

static void fail_host(unsigned n)
{
	call_async(n, "100");
	answer_not_sent();
}

static void open_of_two(void)
{
	house_open();
	house_settings.breaker = (struct breaker_policy){
		.failures = 2, .open_ms = OPEN_MS, .open_max_ms = 2 * OPEN_MS, .probe_ms = 2000
	};
	/* Retries stay out of the way. */
	house_settings.retry.initial_ms = house_settings.retry.cap_ms = 60000;
	house_settings.max_items = 40;
	house_reopen();
	turn();
	load(NULL);
	fake.defer_count = 0;
}

static void expect_put_off(unsigned defers)
{
	const struct fake_defer *defer;

	ck_assert_uint_eq(fake.defer_count, defers);
	defer = &fake.defers[defers - 1];
	ck_assert(!defer->row.failed);
	ck_assert_int_eq(defer->row.failure_code, GRAPH_CASE_BREAKER);
	ck_assert_ptr_nonnull(strstr(defer->reason, "circuit breaker"));
	ck_assert_int_gt(defer->row.due_wall_us, clock_wall_us());
	ck_assert_int_le(defer->row.due_wall_us, clock_wall_us() + 1000 * OPEN_MS);
}

START_TEST(a_number_that_fails_holds_up_its_own_messages_only)
{
	fail_number(1, "100");
	ck_assert(delivery_flows(house.d, "100"));
	fail_number(2, "100");
	ck_assert(!delivery_flows(house.d, "100"));
	ck_assert(delivery_flows(house.d, "200"));
	take_async(3, "100");
	ck_assert_uint_eq(fake.begin_count, 2);
	expect_put_off(1);
	take_async(4, "200");
	ck_assert_uint_eq(fake.begin_count, 3);
}
END_TEST

START_TEST(a_host_that_fails_holds_up_all)
{
	fail_host(1);
	fail_host(2);
	ck_assert(!delivery_flows(house.d, "200"));
	take_async(3, "200");
	ck_assert_uint_eq(fake.begin_count, 2);
	expect_put_off(1);
}
END_TEST

START_TEST(refusals_for_good_open_nothing)
{
	for (unsigned n = 1; n <= 6; n++) {
		call_async(n, "100");
		answer_code(400, 131026);
		commit_outcome();
	}
	ck_assert(delivery_flows(house.d, "100"));
	ck_assert_uint_eq(fake.defer_count, 0);
}
END_TEST

START_TEST(who_waits_is_called_all_the_same)
{
	fail_number(1, "100");
	fail_number(2, "100");
	take_and_call(3);
	ck_assert_uint_eq(fake.defer_count, 0);
	answer_accepted(); /* and that closes it */
	ck_assert_uint_eq(fake.outcomes[2].row.counted, 0);
	commit_outcome();
	expect_told(DELIVERY_SENT);
	take_async(4, "100");
	ck_assert_uint_eq(fake.begin_count, 4);
}
END_TEST

START_TEST(one_probe_goes_and_the_others_follow_its_answer)
{
	fail_number(1, "100");
	fail_number(2, "100");
	for (unsigned n = 3; n <= 8; n++) {
		take_async(n, "100");
		expect_put_off(n - 2);
		commit_defer();
	}
	turn_until(&fake.begin_count, 3);
	turn_for(100);
	ck_assert_uint_eq(fake.begin_count, 3);
	ck_assert_uint_eq(fake.defer_count, 6);
	commit_begin();
	answer_accepted();
	/* two, then as they are answered */
	ck_assert_uint_eq(fake.begin_count, 3 + BREAKER_FIRST);
	fake_written(fake.begins[3].tag, STORE_DONE);
	fake_written(fake.begins[4].tag, STORE_DONE);
	turn();
	ck_assert_uint_eq(fake.send_count, 5);
	fake_accept_call(fake.sends[3].tag, "wamid.4");
	turn();
	ck_assert_uint_eq(fake.begin_count, 7);
	fake_accept_call(fake.sends[4].tag, "wamid.5");
	turn();
	ck_assert_uint_eq(fake.begin_count, 8);
}
END_TEST

START_TEST(a_probe_that_fails_puts_the_others_off_again)
{
	fail_number(1, "100");
	fail_number(2, "100");
	take_async(3, "100");
	commit_defer();
	take_async(4, "100");
	commit_defer();
	turn_until(&fake.begin_count, 3);
	commit_begin();
	answer_code(503, 2);
	turn_until(&fake.defer_count, 3);
	ck_assert_int_gt(fake.defers[2].row.due_wall_us, clock_wall_us() + 1000 * OPEN_MS);
	ck_assert_uint_eq(fake.begin_count, 3);
}
END_TEST

START_TEST(nobody_is_put_off_beyond_its_validity)
{
	struct delivery_order order = async_order(3, "100");

	fail_number(1, "100");
	fail_number(2, "100");
	order.expires_wall_us = clock_wall_us() + 100000;
	take(&order);
	expect_put_off(1);
	ck_assert_int_le(fake.defers[0].row.due_wall_us, order.expires_wall_us + 4000);
	commit_defer();
	turn_until(&fake.defer_count, 2);
	ck_assert(fake.defers[1].row.failed);
	ck_assert_int_eq(fake.defers[1].row.failure_code, GRAPH_CASE_EXPIRED);
}
END_TEST

START_TEST(a_drain_lets_go_of_what_waits_for_a_probe)
{
	fail_number(1, "100");
	fail_number(2, "100");
	take_async(3, "100");
	commit_defer();
	take_async(4, "100");
	commit_defer();
	turn_until(&fake.begin_count, 3);
	ck_assert_uint_eq(delivery_busy(house.d), 4); /* 1 and 2 are being recorded */
	delivery_drain(house.d);
	turn();
	ck_assert_uint_eq(delivery_busy(house.d), 3); /* the probe goes on */
}
END_TEST

/* -- the breakers by themselves -- */

static void on_wake(void *arg, struct list *entry)
{
	(void)arg;
	(void)entry;
}

static void fail_alone(struct breakers *bs, const char *number)
{
	struct graph_answer answer = { .facts = { .http_status = 503 } };

	answer.verdict = outcome_decide(&answer.facts, false);
	breakers_note(bs, number, &answer);
}

START_TEST(so_many_numbers_with_trouble_are_watched)
{
	const struct breaker_policy policy = {
		.failures = 2, .open_ms = 60000, .open_max_ms = 60000, .probe_ms = 2000
	};
	struct breakers *bs =
		breakers_new(house.loop, house.world->log, NULL, &policy, 2, on_wake, NULL);

	ck_assert_ptr_nonnull(bs);
	fail_alone(bs, "1");
	fail_alone(bs, "2");
	fail_alone(bs, "2");
	ck_assert(!breakers_clear(bs, "2"));
	fail_alone(bs, "3"); /* takes the place of the first, which is forgotten */
	fail_alone(bs, "3");
	ck_assert(!breakers_clear(bs, "3"));
	fail_alone(bs, "1"); /* no place: both are open */
	fail_alone(bs, "1");
	ck_assert(breakers_clear(bs, "1"));
	ck_assert(!breakers_clear(bs, "2"));
	breakers_free(bs);
}
END_TEST

START_TEST(our_own_gate_is_nobodys_fault)
{
	const struct breaker_policy policy = { .failures = 1,
					       .open_ms = 60000,
					       .open_max_ms = 60000 };
	struct breakers *bs =
		breakers_new(house.loop, house.world->log, NULL, &policy, 2, on_wake, NULL);
	struct graph_answer answer = { .facts = { .end = CALL_NOT_SENT }, .gate_refused = true };

	answer.verdict = outcome_decide(&answer.facts, false);
	breakers_note(bs, "1", &answer);
	ck_assert(breakers_clear(bs, "1"));
	answer.gate_refused = false;
	breakers_note(bs, "1", &answer);
	ck_assert(!breakers_clear(bs, "1"));
	breakers_free(bs);
}
END_TEST

START_TEST(a_reason_has_one_stop_behind_each_sentence)
{
	static const char *const details[] = { "Unable to deliver", "Unable to deliver.",
					       "Unable to deliver..." };
	const char *reason;

	memcpy(fake.details, details[_i], strlen(details[_i]) + 1);
	take_and_call(1);
	answer_code(400, 131026);
	reason = last_outcome()->failure_reason;
	ck_assert_ptr_nonnull(strstr(reason, ": Unable to deliver. "));
	ck_assert_ptr_null(strstr(reason, ".."));
	ck_assert_str_eq(last_outcome()->row.details, details[_i]);
}
END_TEST

START_TEST(a_fall_back_to_http1_is_logged_once)
{
	for (unsigned i = 1; i <= 2; i++) {
		fake.fell_back = true;
		turn_for(20);
		ck_assert_uint_eq(house_logged("event=graph_http1 "), i);
		ck_assert_uint_eq(house_logged("event=graph_http2 "), i - 1);
		fake.fell_back = false;
		turn_for(20);
		ck_assert_uint_eq(house_logged("event=graph_http2 "), i);
	}
	ck_assert_uint_eq(house_logged("event=graph_http1 "), 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("breakers");
	TCase *tcase = tcase_create("breakers");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 30);
	tcase_add_checked_fixture(tcase, open_of_two, house_close);
	tcase_add_test(tcase, a_number_that_fails_holds_up_its_own_messages_only);
	tcase_add_test(tcase, a_host_that_fails_holds_up_all);
	tcase_add_test(tcase, refusals_for_good_open_nothing);
	tcase_add_test(tcase, who_waits_is_called_all_the_same);
	tcase_add_test(tcase, one_probe_goes_and_the_others_follow_its_answer);
	tcase_add_test(tcase, a_probe_that_fails_puts_the_others_off_again);
	tcase_add_test(tcase, nobody_is_put_off_beyond_its_validity);
	tcase_add_test(tcase, a_drain_lets_go_of_what_waits_for_a_probe);
	tcase_add_test(tcase, so_many_numbers_with_trouble_are_watched);
	tcase_add_test(tcase, our_own_gate_is_nobodys_fault);
	tcase_add_loop_test(tcase, a_reason_has_one_stop_behind_each_sentence, 0, 3);
	tcase_add_test(tcase, a_fall_back_to_http1_is_logged_once);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
