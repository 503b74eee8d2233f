/* Who is let in, the status of a message, and the drain. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "pipeline_house.h"
#include "slowness.h"

/* -- admission -- */

START_TEST(the_house_has_a_bound)
{
	settings.max_requests = 3;
	reopen();
	for (unsigned n = 1; n <= 3; n++) {
		send_preferring("");
		ck_assert_uint_eq(answer.count, 0);
		ck_assert_uint_eq(fake.quota_count, n);
	}
	send_preferring("");
	expect(503, "OVERLOADED");
	ck_assert_ptr_nonnull(strstr(answer.headers, "Retry-After: 1"));
	ck_assert_uint_eq(fake.quota_count, 3);
	ask_status("01890a5d-ac96-774b-bcce-b302099a8057");
	expect(503, "OVERLOADED");
	answer_quota(QUOTA_EXCEEDED);
	expect(429, "");
	send_preferring("");
	ck_assert_uint_eq(fake.quota_count, 4);
}
END_TEST

START_TEST(a_slow_store_lets_nobody_in)
{
	fake.store_oldest_ms = 1000;
	send_preferring("");
	ck_assert_uint_eq(fake.quota_count, 1);
	fake.store_oldest_ms = 1001;
	send_preferring("");
	expect(503, "OVERLOADED");
	ck_assert_uint_eq(fake.quota_count, 1);
}
END_TEST

START_TEST(a_store_away_for_long_lets_nobody_in)
{
	const int64_t begun_ms = clock_boot_ms();

	settings.accept_timeout_ms = 100;
	reopen();
	fake.store_away = true;
	send_preferring("");
	ck_assert_uint_eq(fake.quota_count, 1);
	while (clock_boot_ms() - begun_ms < 150)
		turn();
	send_preferring("");
	expect(503, "STORE_UNAVAILABLE");
	ck_assert_ptr_nonnull(strstr(answer.headers, "Retry-After: 2"));
	fake.store_away = false;
	send_preferring("");
	ck_assert_uint_eq(fake.quota_count, 2);
}
END_TEST

/* In all, as the limit of the house's world is; before the next question to the store. */
static void fill_backlog(int64_t waiting)
{
	const struct store_backlog backlog = { .messages = waiting };

	fake_backlog(&backlog);
}

START_TEST(a_full_backlog_costs_no_quota)
{
	fill_backlog(INT64_MAX);
	send_preferring("respond-async");
	expect(429, "\"code\":\"QUEUE_FULL\",\"details\":{\"limit\":\"MAX_BACKLOG\",");
	ck_assert_ptr_nonnull(strstr(answer.headers, "Retry-After: 60"));
	send_preferring(""); /* it would wait behind them */
	expect(429, "QUEUE_FULL");
	ck_assert_uint_eq(fake.quota_count, 0);
}
END_TEST

START_TEST(the_last_place_is_taken_until_nothing_came_of_it)
{
	fill_backlog(INT64_MAX - 1);
	send_preferring("respond-async");
	ck_assert_uint_eq(fake.quota_count, 1);
	send_preferring("respond-async");
	expect(429, "QUEUE_FULL");
	answer_quota(QUOTA_EXCEEDED);
	expect(429, "QUOTA_EXCEEDED");
	send_preferring("respond-async");
	ck_assert_uint_eq(fake.quota_count, 2);
	answer_quota(QUOTA_ALLOWED);
	answer_lookup(CREDENTIALS_OK);
	commit(STORE_AWAY);
	expect(503, "STORE_UNAVAILABLE");
	send_to_commit("respond-async");
	commit(STORE_DONE);
	expect(202, "queued");
	send_preferring("respond-async");
	expect(429, "QUEUE_FULL");
}
END_TEST

START_TEST(an_answer_comes_again_however_full_it_is)
{
	const struct store_first first = { .found = false };

	fill_backlog(INT64_MAX);
	send_keyed("respond-async", "key");
	ck_assert_uint_eq(fake.find_count, 1);
	fake_first(fake.finds[0].tag, STORE_DONE, &first);
	turn();
	expect(429, "QUEUE_FULL");
	ck_assert_uint_eq(fake.answer_count, 0); /* not kept with the key */
}
END_TEST

START_TEST(health_needs_nobody)
{
	const struct http_request r = request_of("GET", "/health");

	settings.max_requests = 1;
	reopen();
	send_preferring("");
	fake.store_away = true;
	fake.store_oldest_ms = 100000;
	ask(&r);
	expect(200, "\"version\":\"1.2.3\"");
}
END_TEST

START_TEST(a_wrong_request_costs_nothing)
{
	struct http_request r = request_of("POST", "/api/v1/messages/send");

	r.body = "{}";
	r.body_len = 2;
	ask(&r);
	expect(400, "tenant_id");
	r.method = "GET";
	ask(&r);
	expect(405, "\"error\"");
	ck_assert_uint_eq(fake.quota_count + fake.accept_count, 0);
	expect_over();
}
END_TEST

START_TEST(the_request_keeps_its_id)
{
	static const char *const bad[] = { "", "two words", "caf\xc3\xa9" };
	struct http_request r = request_of("GET", "/health");

	r.request_id = "abc-123";
	ask(&r);
	ck_assert_ptr_nonnull(strstr(answer.headers, "X-Request-Id: abc-123\n"));
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		r.request_id = bad[i];
		ask(&r);
		ck_assert_ptr_nonnull(strstr(answer.headers, "X-Request-Id: "));
		ck_assert_ptr_null(strstr(answer.headers, "X-Request-Id: \n"));
		ck_assert_ptr_null(strstr(answer.headers, "words"));
	}
}
END_TEST

/* -- status -- */

START_TEST(a_status_is_what_the_store_says)
{
	struct store_status status = { .found = true, .state = STATE_SENT, .wamid = "wamid.4" };

	ask_status("01890a5d-ac96-774b-bcce-b302099a8057");
	ck_assert_uint_eq(fake.status_count, 1);
	fake_status(fake.status_tags[0], STORE_DONE, &status);
	turn();
	expect(200, "\"whatsapp_message_id\":\"wamid.4\"");
	ask_status("01890a5d-ac96-774b-bcce-b302099a8057");
	status.found = false;
	fake_status(fake.status_tags[1], STORE_DONE, &status);
	turn();
	expect(404, "NOT_FOUND");
	ask_status("01890a5d-ac96-774b-bcce-b302099a8057");
	fake_status(fake.status_tags[2], STORE_AWAY, NULL);
	turn();
	expect(503, "STORE_UNAVAILABLE");
	ask_status("not-an-id");
	expect(404, "NOT_FOUND");
	ck_assert_uint_eq(fake.status_count, 3);
	expect_over();
}
END_TEST

START_TEST(a_status_that_does_not_come_is_not_waited_for)
{
	const int64_t begun_ms = clock_boot_ms();

	ask_status("01890a5d-ac96-774b-bcce-b302099a8057");
	turn_until(&answer.count, 1);
	expect(503, "STORE_UNAVAILABLE");
	ck_assert_int_ge(clock_boot_ms() - begun_ms, 995);
	ck_assert_int_le(clock_boot_ms() - begun_ms, 1900 * slowness());
	expect_over();
}
END_TEST

/* -- drain -- */

START_TEST(a_drain_waits_for_the_attempts_end)
{
	send_to_delivery();
	pipeline_drain(pipeline);
	turn();
	ck_assert_uint_eq(answer.count, 0);
	deliver(DELIVERY_SENT);
	expect(200, "wamid.1");
	expect_over();
}
END_TEST

START_TEST(a_drain_waits_no_longer_than_an_attempt)
{
	settings.request_timeout_ms = 10;
	reopen();
	send_to_delivery();
	pipeline_drain(pipeline);
	turn_until(&fake.status_count, 1); /* two seconds more than an attempt may take */
	ck_assert_uint_eq(answer.count, 0);
}
END_TEST

START_TEST(giving_up_a_drain_answers_as_things_stand)
{
	const struct store_status status = { .found = true, .state = STATE_RETRYING };

	send_to_delivery();
	pipeline_drain(pipeline);
	pipeline_give_up(pipeline);
	turn_until(&fake.status_count, 1);
	fake_status(fake.status_tags[0], STORE_DONE, &status);
	turn();
	expect(202, "\"retrying\"");
	expect_over();
}
END_TEST

/* Another worker has taken our lanes over: the message is stored, and its owner sends it. */
START_TEST(an_acceptance_that_could_not_begin_gives_its_place_back)
{
	send_to_commit("");
	ck_assert(fake.accepts[0].begin);
	ck_assert_uint_eq(fake_delivery.reserved, 1);
	fake_accepted(fake.accepts[0].tag, STORE_NOT_BEGUN, 5);
	turn();
	ck_assert_uint_eq(fake_delivery.reserved, 0);
	ck_assert_uint_eq(fake_delivery.takes, 1);
	ck_assert_ptr_null(fake_delivery.order.place);
	ck_assert(fake_delivery.order.waiter.waits);
	deliver(DELIVERY_SENT);
	expect(200, "wamid.1");
	expect_over();
}
END_TEST

START_TEST(in_a_drain_what_has_not_begun_is_answered_at_once)
{
	send_to_commit("");
	ck_assert(fake.accepts[0].begin);
	fake_delivery.has_room = false;
	send_to_commit("");
	pipeline_drain(pipeline);
	fake_delivery.leaves = true;
	commit(STORE_DONE); /* the second one, without an attempt */
	expect(202, "\"queued\"");
	fake_accepted(fake.accepts[0].tag, STORE_DONE, 1);
	turn();
	ck_assert_uint_eq(answer.count, 0); /* the first one is inside its attempt */
	deliver(DELIVERY_SENT);
	expect(200, "wamid.1");
	expect_over();
}
END_TEST

/* Its lane's owner has gone since: the look says so, unless an attempt is under way. */
START_TEST(in_a_drain_a_look_finds_what_nobody_begins)
{
	const struct store_status sending = { .found = true, .state = STATE_SENDING };
	const struct store_status queued = { .found = true, .state = STATE_QUEUED };

	send_to_delivery();
	turn_until(&fake.look_count, 1);
	fake_delivery.leaves = true;
	fake_status(fake.looks[0].first.tag, STORE_DONE, &queued);
	turn();
	ck_assert_uint_eq(answer.count, 0); /* not draining */
	pipeline_drain(pipeline);
	fake_status(fake.looks[0].first.tag, STORE_DONE, &sending);
	turn();
	ck_assert_uint_eq(answer.count, 0);
	fake_delivery.leaves = false;
	fake_status(fake.looks[0].first.tag, STORE_DONE, &queued);
	turn();
	ck_assert_uint_eq(answer.count, 0);
	fake_delivery.leaves = true;
	fake_status(fake.looks[0].first.tag, STORE_DONE, &queued);
	turn();
	expect(202, "\"queued\"");
	expect_over();
}
END_TEST

START_TEST(in_a_drain_nothing_begins_with_its_accept)
{
	send_preferring("");
	fake.answers_at_once = true;
	pipeline_drain(pipeline);
	answer_quota(QUOTA_ALLOWED);
	ck_assert_uint_eq(fake.accept_count, 1);
	ck_assert(!fake.accepts[0].begin);
}
END_TEST

/* Flows that are left, with and without a place, end with the pipeline. */
START_TEST(the_end_of_the_pipeline_gives_places_back)
{
	send_to_commit("");
	ck_assert_uint_eq(fake_delivery.reserved, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("admission");
	TCase *tcase = tcase_create("admission");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 30);
	tcase_add_checked_fixture(tcase, open_house, close_house);
	tcase_add_test(tcase, the_house_has_a_bound);
	tcase_add_test(tcase, a_slow_store_lets_nobody_in);
	tcase_add_test(tcase, a_store_away_for_long_lets_nobody_in);
	tcase_add_test(tcase, a_full_backlog_costs_no_quota);
	tcase_add_test(tcase, the_last_place_is_taken_until_nothing_came_of_it);
	tcase_add_test(tcase, an_answer_comes_again_however_full_it_is);
	tcase_add_test(tcase, health_needs_nobody);
	tcase_add_test(tcase, a_wrong_request_costs_nothing);
	tcase_add_test(tcase, the_request_keeps_its_id);
	tcase_add_test(tcase, a_status_is_what_the_store_says);
	tcase_add_test(tcase, a_status_that_does_not_come_is_not_waited_for);
	tcase_add_test(tcase, a_drain_waits_for_the_attempts_end);
	tcase_add_test(tcase, a_drain_waits_no_longer_than_an_attempt);
	tcase_add_test(tcase, giving_up_a_drain_answers_as_things_stand);
	tcase_add_test(tcase, an_acceptance_that_could_not_begin_gives_its_place_back);
	tcase_add_test(tcase, in_a_drain_what_has_not_begun_is_answered_at_once);
	tcase_add_test(tcase, in_a_drain_a_look_finds_what_nobody_begins);
	tcase_add_test(tcase, in_a_drain_nothing_begins_with_its_accept);
	tcase_add_test(tcase, the_end_of_the_pipeline_gives_places_back);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
