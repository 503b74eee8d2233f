/* The steps of a request, as the table in src/pipeline/steps.c has them. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "pipeline_house.h"
#include "slowness.h"

#define SECOND_US INT64_C(1000000)

/* -- 1 to 6 -- */

START_TEST(a_message_goes_through_the_steps)
{
	char id[MESSAGE_ID_TEXT_BYTES];

	send_preferring("");
	ck_assert_uint_eq(fake.quota_count, 1);
	ck_assert_uint_eq(fake.lookup_count, 0);
	answer_quota(QUOTA_ALLOWED);
	ck_assert_uint_eq(fake.lookup_count, 1);
	ck_assert_str_eq(fake.lookups[0].tenant, "tenant");
	ck_assert_uint_eq(fake.accept_count, 0);
	answer_lookup(CREDENTIALS_OK);
	ck_assert_uint_eq(fake.accept_count, 1);
	ck_assert(fake.accepts[0].begin);
	ck_assert(fake.accepts[0].caller_waits);
	ck_assert_str_eq(fake.accepts[0].number, "100");
	ck_assert_uint_eq(fake_delivery.takes, 0);
	commit(STORE_DONE);
	ck_assert_uint_eq(fake_delivery.takes, 1);
	ck_assert_ptr_nonnull(fake_delivery.order.place);
	ck_assert(fake_delivery.order.waiter.waits);
	ck_assert_uint_eq(fake_delivery.order.waiter.slot, 3);
	ck_assert_uint_eq(fake_delivery.seq, 1234);
	ck_assert(fake_delivery.has_credentials);
	ck_assert_int_eq(fake_delivery.order.deadline_wall_us, fake.accepts[0].deadline_wall_us);
	ck_assert_int_eq(fake_delivery.order.expires_wall_us, fake.accepts[0].expires_wall_us);
	ck_assert_uint_eq(answer.count, 0);
	deliver(DELIVERY_SENT);
	expect(200, "\"whatsapp_message_id\":\"wamid.1\"");
	message_id_text(fake.accepts[0].id, id);
	ck_assert_ptr_nonnull(strstr(answer.body, id));
	expect_over();
}
END_TEST

/* What the commit has rung leaves in the two rounds of the hooks between. */
START_TEST(an_answer_leaves_after_the_bells)
{
	send_to_commit("respond-async");
	commit(STORE_DONE);
	expect(202, "\"status\":\"queued\"");
	ck_assert_uint_eq(fake_delivery.takes, 1);
	ck_assert_uint_ge(answer.hook_round, fake_delivery.hook_round + 2);
}
END_TEST

START_TEST(the_attempt_has_its_time_from_the_accept)
{
	const int64_t before_us = clock_wall_us();

	send_to_commit("");
	ck_assert_int_ge(fake.accepts[0].deadline_wall_us, before_us + 11500000);
	ck_assert_int_le(fake.accepts[0].deadline_wall_us, clock_wall_us() + 11500000);
	ck_assert_int_ge(fake.accepts[0].expires_wall_us, before_us + 3600 * SECOND_US);
	commit(STORE_AWAY);
}
END_TEST

START_TEST(an_attempt_begins_with_the_accept_only_when_it_may)
{
	for (int owns = 0; owns < 2; owns++) {
		for (int room = 0; room < 2; room++) {
			fake_delivery.owns = owns;
			fake_delivery.has_room = room;
			send_to_commit("");
			ck_assert_int_eq(fake.accepts[fake.accept_count - 1].begin, owns && room);
			commit(STORE_DONE);
			ck_assert_int_eq(fake_delivery.order.place != NULL, owns && room);
		}
	}
}
END_TEST

START_TEST(a_breaker_keeps_only_those_from_beginning_that_nobody_waits_for)
{
	fake_delivery.broken = true;
	send_to_commit("respond-async");
	ck_assert(!fake.accepts[0].begin);
	commit(STORE_DONE);
	send_to_commit("");
	ck_assert(fake.accepts[1].begin);
	commit(STORE_DONE);
	fake_delivery.broken = false;
	send_to_commit("respond-async");
	ck_assert(fake.accepts[2].begin);
	commit(STORE_DONE);
}
END_TEST

START_TEST(asynchronous_is_answered_after_the_commit)
{
	send_to_commit("respond-async");
	ck_assert(!fake.accepts[0].caller_waits);
	ck_assert_uint_eq(answer.count, 0);
	commit(STORE_DONE);
	expect(202, "\"state_detail\":\"queued\"");
	ck_assert_ptr_nonnull(strstr(answer.headers, "Location: /api/v1/messages/"));
	ck_assert_ptr_nonnull(strstr(answer.headers, "Preference-Applied: respond-async"));
	ck_assert_uint_eq(fake_delivery.takes, 1);
	ck_assert(!fake_delivery.order.waiter.waits);
	expect_over();
}
END_TEST

/* Its lane is another node's: the answer waits until it is there. */
static void send_far(void)
{
	fake_delivery.far = true;
	send_to_commit("respond-async");
	commit(STORE_DONE);
	ck_assert_uint_eq(fake_delivery.takes, 1);
	ck_assert(fake_delivery.order.waiter.waits);
	ck_assert(fake_delivery.order.waiter.taken);
	ck_assert_uint_eq(answer.count, 0);
}

START_TEST(asynchronous_is_answered_when_another_node_has_it)
{
	send_far();
	deliver(_i ? DELIVERY_ELSEWHERE : DELIVERY_TAKEN);
	expect(202, "\"state_detail\":\"queued\"");
	ck_assert_uint_eq(fake.status_count, 0);
	expect_over();
}
END_TEST

START_TEST(what_another_node_does_not_take_is_rung_again_and_answered_after_a_second)
{
	const int64_t begun_ms = clock_boot_ms();

	send_far();
	turn_until(&fake_delivery.rings, 1);
	ck_assert_int_ge(clock_boot_ms() - begun_ms, 250);
	ck_assert(fake_delivery.rung.waits);
	ck_assert(fake_delivery.rung.taken);
	ck_assert_uint_eq(fake_delivery.rung.id, fake_delivery.order.waiter.id);
	ck_assert_uint_eq(answer.count, 0);
	turn_until(&answer.count, 1);
	ck_assert_int_ge(clock_boot_ms() - begun_ms, 1000);
	ck_assert_uint_eq(fake_delivery.rings, 3);
	answer.count--;
	ck_assert_int_eq(answer.status, 202);
	expect_over();
}
END_TEST

START_TEST(an_exceeded_quota_stores_nothing)
{
	send_preferring("");
	answer_quota(QUOTA_EXCEEDED);
	expect(429, "QUOTA_EXCEEDED");
	ck_assert_ptr_nonnull(strstr(answer.body, "used up"));
	ck_assert_uint_eq(fake.lookup_count + fake.accept_count, 0);
	expect_over();
}
END_TEST

START_TEST(an_unchecked_quota_allows)
{
	send_preferring("");
	answer_quota(QUOTA_UNCHECKED);
	ck_assert_uint_eq(fake.lookup_count, 1);
}
END_TEST

START_TEST(an_outlet_without_credentials_is_stored_as_failed)
{
	fake.quota_at_once = true;
	send_preferring("");
	answer_lookup(CREDENTIALS_UNKNOWN);
	ck_assert(fake.accepts[0].failed);
	ck_assert(!fake.accepts[0].begin);
	ck_assert_int_eq(fake.accepts[0].failure_code, GRAPH_CASE_CREDENTIALS);
	ck_assert_str_ne(fake.accepts[0].failure_reason, "");
	ck_assert_uint_eq(answer.count, 0);
	commit(STORE_DONE);
	expect(500, "\"error\":\"send_failed\"");
	ck_assert_ptr_nonnull(strstr(answer.body, "\"message_id\""));
	ck_assert_uint_eq(fake_delivery.takes, 0);
	expect_over();
}
END_TEST

START_TEST(credentials_away_are_left_to_the_delivery)
{
	fake.quota_at_once = true;
	send_preferring("");
	answer_lookup(CREDENTIALS_AWAY);
	ck_assert(!fake.accepts[0].begin);
	ck_assert(!fake.accepts[0].failed);
	commit(STORE_DONE);
	ck_assert_uint_eq(fake_delivery.takes, 1);
	ck_assert(!fake_delivery.has_credentials);
	ck_assert_ptr_null(fake_delivery.order.place);
	ck_assert(fake_delivery.order.waiter.waits);
}
END_TEST

START_TEST(a_commit_that_failed_is_answered_and_never_delivered)
{
	static const struct {
		enum store_verdict verdict;
		int status;
		const char *text;
	} cases[] = {
		{ STORE_AWAY, 503, "STORE_UNAVAILABLE" },
		{ STORE_UNCERTAIN, 503, "\"message_id\"" },
		{ STORE_REJECTED, 500, "INTERNAL" },
	};

	send_to_commit(_i % 2 ? "respond-async" : "");
	commit(cases[_i / 2].verdict);
	expect(cases[_i / 2].status, cases[_i / 2].text);
	ck_assert_uint_eq(fake_delivery.takes, 0);
	expect_over();
}
END_TEST

START_TEST(a_full_store_is_overloaded)
{
	fake.quota_at_once = fake.answers_at_once = fake.store_full = true;
	send_preferring("");
	expect(503, "OVERLOADED");
	ck_assert_ptr_nonnull(strstr(answer.headers, "Retry-After: "));
	expect_over();
}
END_TEST

/* -- how the delivery ends -- */

START_TEST(each_end_has_its_answer)
{
	static const struct {
		enum delivery_end end;
		int status;
		const char *text;
	} cases[] = {
		{ DELIVERY_SENT, 200, "\"status\":\"sent\"" },
		{ DELIVERY_FAILED, 500, "131026" },
		{ DELIVERY_UNKNOWN, 202, "\"state_detail\":\"outcome_unknown\"" },
		{ DELIVERY_RELEASED, 202, "\"state_detail\":\"retrying\"" },
	};

	send_to_delivery();
	deliver(cases[_i].end);
	expect(cases[_i].status, cases[_i].text);
	expect_over();
}
END_TEST

START_TEST(a_result_of_another_message_is_not_ours)
{
	struct delivery_result result;

	send_to_delivery();
	result = result_of(DELIVERY_SENT);
	result.id.bytes[15] ^= 1;
	pipeline_on_result(pipeline, fake_delivery.order.waiter.id, &result);
	turn();
	ck_assert_uint_eq(answer.count, 0);
	result = result_of(DELIVERY_SENT);
	pipeline_on_result(pipeline, fake_delivery.order.waiter.id + 1, &result);
	pipeline_on_result(pipeline, 0, &result);
	turn();
	ck_assert_uint_eq(answer.count, 0);
	deliver(DELIVERY_SENT);
	expect(200, "wamid.1");
	deliver(DELIVERY_SENT); /* once more: nobody is there */
	ck_assert_uint_eq(answer.count, 0);
}
END_TEST

START_TEST(a_caller_who_left_hurts_nobody)
{
	send_to_delivery();
	answer.caller_left = true;
	deliver(DELIVERY_SENT);
	ck_assert_uint_eq(answer.count, 1);
	expect_over();
}
END_TEST

/* -- the wait runs out -- */

static void let_the_wait_run_out(void)
{
	settings.sync_wait_ms = 60;
	reopen();
	send_to_delivery();
	turn_until(&fake.status_count, 1);
	ck_assert_uint_eq(answer.count, 0);
}

START_TEST(when_the_wait_runs_out_the_store_knows)
{
	static const struct {
		enum state state;
		int status;
		const char *text;
	} cases[] = {
		{ STATE_QUEUED, 202, "\"queued\"" },
		{ STATE_SENDING, 202, "\"status\":\"queued\"" },
		{ STATE_RETRYING, 202, "\"state_detail\":\"retrying\"" },
		{ STATE_UNKNOWN, 202, "\"state_detail\":\"outcome_unknown\"" },
		{ STATE_SENT, 200, "wamid.9" },
		{ STATE_DELIVERED, 200, "wamid.9" },
		{ STATE_FAILED, 500, "send_failed" },
	};
	const struct store_status status = { .found = true,
					     .state = cases[_i].state,
					     .wamid = "wamid.9" };

	let_the_wait_run_out();
	fake_status(fake.status_tags[0], STORE_DONE, &status);
	turn();
	expect(cases[_i].status, cases[_i].text);
	expect_over();
}
END_TEST

START_TEST(a_store_that_does_not_say_is_not_waited_for)
{
	let_the_wait_run_out();
	turn_until(&answer.count, 1);
	expect(202, "\"status\":\"queued\"");
	expect_over();
}
END_TEST

static void looked_up(enum state state)
{
	const struct store_status status = { .found = true, .state = state, .wamid = "wamid.8" };

	ck_assert_uint_gt(fake.look_count, 0);
	fake_status(fake.looks[fake.look_count - 1].first.tag, STORE_DONE, &status);
	turn();
}

/* The owner's bell was lost. */
START_TEST(a_lost_result_is_found_in_the_store)
{
	const int64_t begun_ms = clock_boot_ms();

	fake_delivery.owns = false;
	send_to_delivery();
	turn_until(&fake.look_count, 1);
	ck_assert_int_ge(clock_boot_ms() - begun_ms, 495);
	ck_assert_int_lt(clock_boot_ms() - begun_ms, 600 * slowness());
	ck_assert(message_id_equal(fake.looks[0].first.id, fake_delivery.id));
	looked_up(STATE_SENDING);
	ck_assert_uint_eq(answer.count, 0);
	turn_until(&fake.look_count, 2);
	ck_assert_int_ge(clock_boot_ms() - begun_ms, 995);
	ck_assert_int_lt(clock_boot_ms() - begun_ms, 1200 * slowness());
	looked_up(STATE_SENT);
	expect(200, "wamid.8");
	ck_assert_uint_eq(fake.status_count, 0);
	expect_over();
}
END_TEST

static void found_sent(bool copying)
{
	const struct store_status status = {
		.found = true, .state = STATE_SENT, .wamid = "wamid.8", .copying = copying
	};

	fake_status(fake.looks[fake.look_count - 1].first.tag, STORE_DONE, &status);
	turn();
}

/* Its copy is stored before the answer, as the contract says. */
START_TEST(a_look_that_finds_it_sent_waits_for_its_copy)
{
	fake_delivery.owns = false;
	send_to_delivery();
	turn_until(&fake.look_count, 1);
	found_sent(true);
	ck_assert_uint_eq(answer.count, 0);
	turn_until(&fake.look_count, 2);
	found_sent(false);
	expect(200, "wamid.8");
	expect_over();
}
END_TEST

START_TEST(a_copy_that_hangs_is_waited_for_a_second)
{
	int64_t found_ms;

	fake_delivery.owns = false;
	send_to_delivery();
	turn_until(&fake.look_count, 1);
	found_sent(true);
	found_ms = clock_boot_ms();
	for (unsigned looks = 2; !answer.count; looks++) {
		turn_until(&fake.look_count, looks);
		found_sent(true);
	}
	ck_assert_int_ge(clock_boot_ms() - found_ms, 990);
	ck_assert_int_lt(clock_boot_ms() - found_ms, 1700 * slowness());
	expect(200, "wamid.8");
}
END_TEST

static void turn_for(int64_t ms)
{
	const int64_t until_ms = clock_boot_ms() + ms;

	while (clock_boot_ms() < until_ms)
		turn();
}

static void send_one_more(void)
{
	const unsigned before = fake_delivery.takes;

	send_to_commit("");
	commit(STORE_DONE);
	ck_assert_uint_eq(fake_delivery.takes, before + 1);
}

/* One statement for all, twice a second, but for who has come just now. */
START_TEST(those_that_wait_are_looked_at_together)
{
	fake_delivery.owns = false;
	send_one_more();
	turn_for(250);
	send_one_more();
	turn_for(200);
	send_one_more();
	turn_until(&fake.look_count, 1);
	ck_assert_uint_eq(fake.looks[0].count, 2);
	turn_until(&fake.look_count, 2);
	ck_assert_uint_eq(fake.looks[1].count, 3);
	turn_for(300);
	ck_assert_uint_eq(fake.look_count, 2);
}
END_TEST

START_TEST(who_is_answered_in_time_is_not_looked_at)
{
	fake_delivery.owns = false;
	send_to_delivery();
	turn_for(400);
	deliver(DELIVERY_SENT);
	turn_for(300);
	ck_assert_uint_eq(fake.look_count, 0);
}
END_TEST

/* What this worker sends itself it knows; and who comes in between waits no longer for that. */
START_TEST(our_own_are_looked_at_rarely)
{
	const int64_t begun_ms = clock_boot_ms();

	send_one_more();
	turn_until(&fake.look_count, 1);
	ck_assert_int_ge(clock_boot_ms() - begun_ms, 1995);
	fake_delivery.owns = false;
	send_one_more();
	turn_until(&fake.look_count, 2);
	ck_assert_int_lt(clock_boot_ms() - begun_ms, 2800 * slowness());
}
END_TEST

/* Another worker has the message: what became of it stands in the store, and is looked for at
 * once. */
START_TEST(what_somebody_else_has_is_looked_for_at_once)
{
	const struct store_status status = { .found = true,
					     .state = STATE_SENT,
					     .wamid = "wamid.7" };
	const int64_t begun_ms = clock_boot_ms();

	send_to_delivery();
	deliver(DELIVERY_ELSEWHERE);
	turn_until(&fake.status_count, 1);
	ck_assert_int_lt(clock_boot_ms() - begun_ms, 1000 * slowness());
	ck_assert_uint_eq(answer.count, 0);
	fake_status(fake.status_tags[0], STORE_DONE, &status);
	turn();
	expect(200, "wamid.7");
	expect_over();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pipeline");
	TCase *tcase = tcase_create("pipeline");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 30);
	tcase_add_checked_fixture(tcase, open_house, close_house);
	tcase_add_test(tcase, a_message_goes_through_the_steps);
	tcase_add_test(tcase, an_answer_leaves_after_the_bells);
	tcase_add_test(tcase, the_attempt_has_its_time_from_the_accept);
	tcase_add_test(tcase, an_attempt_begins_with_the_accept_only_when_it_may);
	tcase_add_test(tcase, a_breaker_keeps_only_those_from_beginning_that_nobody_waits_for);
	tcase_add_test(tcase, asynchronous_is_answered_after_the_commit);
	tcase_add_loop_test(tcase, asynchronous_is_answered_when_another_node_has_it, 0, 2);
	tcase_add_test(tcase,
		       what_another_node_does_not_take_is_rung_again_and_answered_after_a_second);
	tcase_add_test(tcase, an_exceeded_quota_stores_nothing);
	tcase_add_test(tcase, an_unchecked_quota_allows);
	tcase_add_test(tcase, an_outlet_without_credentials_is_stored_as_failed);
	tcase_add_test(tcase, credentials_away_are_left_to_the_delivery);
	tcase_add_loop_test(tcase, a_commit_that_failed_is_answered_and_never_delivered, 0, 6);
	tcase_add_test(tcase, a_full_store_is_overloaded);
	tcase_add_loop_test(tcase, each_end_has_its_answer, 0, 4);
	tcase_add_test(tcase, a_result_of_another_message_is_not_ours);
	tcase_add_test(tcase, a_caller_who_left_hurts_nobody);
	tcase_add_loop_test(tcase, when_the_wait_runs_out_the_store_knows, 0, 7);
	tcase_add_test(tcase, a_store_that_does_not_say_is_not_waited_for);
	tcase_add_test(tcase, a_lost_result_is_found_in_the_store);
	tcase_add_test(tcase, a_look_that_finds_it_sent_waits_for_its_copy);
	tcase_add_test(tcase, a_copy_that_hangs_is_waited_for_a_second);
	tcase_add_test(tcase, those_that_wait_are_looked_at_together);
	tcase_add_test(tcase, who_is_answered_in_time_is_not_looked_at);
	tcase_add_test(tcase, our_own_are_looked_at_rarely);
	tcase_add_test(tcase, what_somebody_else_has_is_looked_for_at_once);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
