/* Bulk calls: src/pipeline/bulk.c. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "pipeline/bulk.h"
#include "pipeline_house.h"

#define JOBS 50 /* of the house's world: so many rows at most are on their way */

static bool quota_later; /* every test is a process of its own */
static const struct store_first unknown = { .answer_body = "" };

/* A call of so many messages; some text of its own, so that others have another fingerprint. */
static void call_of(const char *tenant, unsigned count, const char *key, const char *text)
{
	struct http_request r = request_of("POST", "/api/v1/messages/bulk");
	struct str body = STR_INIT(1u << 20);

	(void)str_append_format(&body,
				"{\"tenant_id\":\"%s\",\"defaults\":{\"outlet_id\":\"outlet\","
				"\"message\":\"%s\"},\"messages\":[",
				tenant, text);
	for (unsigned i = 0; i < count; i++)
		(void)str_append_format(&body, "%s{\"to\":\"+62812%07u\"}", i ? "," : "", i);
	(void)str_append_text(&body, "]}");
	ck_assert(str_ok(&body));
	r.large = &body;
	r.idempotency_key = key;
	fake.quota_at_once = !quota_later;
	ask(&r);
	str_fini(&body);
}

static void call(unsigned count, const char *key, const char *text)
{
	call_of("tenant", count, key, text);
}

static unsigned opens_before;

static void opened(enum store_verdict verdict)
{
	turn_until(&fake.open_count, opens_before + 1);
	opens_before = fake.open_count;
	fake_written(fake.opens[fake.open_count - 1].tag, verdict);
	turn();
}

static unsigned closes_before;

static void closed(void)
{
	const unsigned before = answer.count;

	while (fake.close_count == closes_before && before == answer.count)
		turn();
	closes_before = fake.close_count;
	fake_written(fake.closes[fake.close_count - 1].tag, STORE_DONE);
	turn();
}

static void look(const struct store_first *first)
{
	fake_first(fake.finds[fake.find_count - 1].tag, STORE_DONE, first);
	turn();
}

/* Completes what was added since. */
static void added(unsigned *from, enum store_verdict verdict)
{
	for (; *from < fake.add_count; (*from)++)
		fake_accepted(fake.adds[*from % FAKE_ADDS].tag, verdict, 1000 - *from);
	turn();
}

static void all_added(unsigned count)
{
	unsigned from = 0;

	while (fake.close_count == 0) {
		turn();
		ck_assert_uint_lt(fake.add_count - from, JOBS);
		added(&from, STORE_DONE);
	}
	ck_assert_uint_eq(fake.add_count, count);
}

START_TEST(messages_are_added_in_slices_and_the_owner_is_rung_for_each)
{
	call(120, "", "a");
	ck_assert_uint_eq(fake.quota_count, 1);
	ck_assert_uint_eq(fake.opens[0].messages, 120);
	ck_assert_uint_eq(fake.add_count, 0);
	opened(STORE_DONE);
	all_added(120);
	ck_assert_uint_ge(fake_delivery.looks, 3);
	ck_assert_uint_le(fake_delivery.looks, 4);
	ck_assert_uint_eq(fake_delivery.look_queue,
			  message_queue("tenant", "outlet", MESSAGE_BULK));
	ck_assert_uint_eq(fake_delivery.look_seq, 1000 - 119); /* the first, not that of item 0 */
	ck_assert_uint_eq(fake.closes[0].accepted, 120);
	ck_assert_uint_eq(fake.closes[0].refused, 0);
	ck_assert(message_id_equal(fake.adds[0].batch_id, fake.opens[0].id));
	ck_assert_int_eq(fake.adds[0].class, MESSAGE_BULK);
	for (unsigned i = 0; i < 120; i++) {
		ck_assert_int_eq(message_id_ms(fake.adds[i].id), message_id_ms(fake.opens[0].id));
		ck_assert(i == 0 || !message_id_equal(fake.adds[i].id, fake.adds[i - 1].id));
	}
	ck_assert_uint_eq(answer.count, 0);
	closed();
	expect(202, "\"accepted\":120,\"refused\":0,\"results\":[{\"index\":0,");
	expect_over();
}
END_TEST

START_TEST(a_repeated_call_has_the_same_ids_and_none_is_added_before_its_key)
{
	struct store_first first = { .found = true, .answer_body = "" };
	struct message_id batch, third;

	call(5, "k", "a");
	ck_assert_uint_eq(fake.open_count, 0);
	look(&unknown);
	turn_until(&fake.open_count, 1);
	batch = fake.opens[0].id;
	ck_assert(fake.opens[0].keyed);
	ck_assert_int_ge(fake.opens[0].key.runs_ms, 60000);
	opened(STORE_DONE);
	turn_until(&fake.add_count, 5);
	third = fake.adds[2].id;
	memcpy(first.fingerprint, fake.opens[0].key.fingerprint, sizeof(first.fingerprint));
	first.id = batch;
	reopen(); /* the worker has died */
	opens_before = closes_before = 0;

	first.running = true;
	call(5, "k", "a");
	look(&first);
	expect(409, "IDEMPOTENCY_KEY_IN_USE");
	first.running = false;
	call(5, "k", "b");
	look(&first);
	expect(422, "IDEMPOTENCY_KEY_REUSED");
	ck_assert_uint_eq(fake.open_count, 0);
	call(5, "k", "a");
	look(&first);
	ck_assert(message_id_equal(fake.opens[0].id, batch));
	opened(STORE_DONE);
	turn_until(&fake.add_count, 5);
	ck_assert(message_id_equal(fake.adds[2].id, third));
	all_added(5);
	closed();
	ck_assert_uint_eq(answer.count, 0); /* it leaves when it is kept */
	ck_assert(message_id_equal(fake.answers[0].id, batch));
	fake_written(fake.answers[0].tag, STORE_DONE);
	turn();
	expect(202, "\"accepted\":5");
	expect_over();
}
END_TEST

/* An hour later, when its times are long over. */
START_TEST(a_repeated_call_is_read_with_the_clock_of_the_first_one)
{
	const int64_t then_ms = clock_wall_us() / 1000 - 3600 * INT64_C(1000);
	struct store_first first = { .found = true, .answer_body = "", .running = true };
	const uint8_t random[10] = { 1 };
	char send_at[40];
	char text[120];

	clock_rfc3339(1000 * then_ms + 60 * INT64_C(1000000), send_at);
	(void)snprintf(text, sizeof(text), "a\",\"ttl_seconds\":60,\"send_at\":\"%s", send_at);
	call(3, "k", text);
	look(&unknown);
	turn_until(&fake.open_count, 1);
	memcpy(first.fingerprint, fake.opens[0].key.fingerprint, sizeof(first.fingerprint));
	first.id = message_id_make(then_ms, random);
	first.running = false;
	reopen();
	opens_before = closes_before = 0;
	call(3, "k", text);
	look(&first);
	opened(STORE_DONE);
	all_added(3);
	ck_assert_int_gt(fake.adds[0].valid_until_wall_us, 1000 * then_ms);
	ck_assert_int_le(fake.adds[0].valid_until_wall_us, 1000 * (then_ms + 120 * 1000));
	closed();
	fake_written(fake.answers[0].tag, STORE_DONE);
	turn();
	expect(202, "\"accepted\":3,\"refused\":0");
	expect_over();
}
END_TEST

START_TEST(a_key_that_was_taken_meanwhile_is_looked_up_again)
{
	struct store_first first = { .found = true, .answer_body = "{}", .answer_status = 202 };

	call(5, "k", "a");
	look(&unknown);
	memcpy(first.fingerprint, fake.opens[0].key.fingerprint, sizeof(first.fingerprint));
	opened(STORE_CONFLICT);
	look(&first);
	expect(202, "{}");
	ck_assert_uint_eq(fake.add_count, 0);
	expect_over();
}
END_TEST

START_TEST(one_call_has_its_turn_at_a_time)
{
	unsigned from = 0;

	call(10, "", "a");
	call(10, "", "b");
	opened(STORE_DONE);
	ck_assert_uint_eq(fake.open_count, 1);
	turn_until(&fake.add_count, 10);
	added(&from, STORE_DONE);
	closed();
	answer.count = 0;
	turn();
	turn_until(&fake.open_count, 2);
	opened(STORE_DONE);
	turn_until(&fake.add_count, 20);
	added(&from, STORE_DONE);
	closed();
	expect(202, "\"accepted\":10");
	expect_over();
}
END_TEST

START_TEST(so_many_calls_are_held_and_no_more)
{
	char tenant[] = "a";

	for (unsigned i = 0; i < BULKS_MAX; i++, tenant[0]++)
		call_of(tenant, 1, "", "a");
	ck_assert_uint_eq(answer.count, 0);
	ck_assert_uint_eq(pipeline_busy(pipeline), BULKS_MAX);
	call_of(tenant, 1, "", "a");
	expect(503, "OVERLOADED");
	ck_assert_uint_eq(pipeline_busy(pipeline), BULKS_MAX);
}
END_TEST

/* The tenant behind the messages, which are more than is read before its turn. */
static void call_named_last(void)
{
	struct http_request r = request_of("POST", "/api/v1/messages/bulk");
	struct str body = STR_INIT(1u << 20);

	(void)str_append_text(&body, "{\"messages\":[{}");
	for (unsigned i = 0; i < 5000; i++)
		(void)str_append_text(&body, ",{}");
	(void)str_append_text(&body, "],\"tenant_id\":\"tenant\"}");
	r.large = &body;
	ask(&r);
	str_fini(&body);
}

START_TEST(one_tenant_does_not_hold_all_of_them)
{
	call_of("first", 1, "", "a"); /* has its turn */
	for (unsigned i = 0; i < BULKS_OF_TENANT_MAX; i++)
		call(1, "", "a");
	ck_assert_uint_eq(answer.count, 0);
	call(1, "", "a");
	turn();
	expect(503, "OVERLOADED");
	for (unsigned i = 0; i < BULKS_OF_TENANT_MAX; i++)
		call_named_last();
	turn();
	ck_assert_uint_eq(answer.count, 0);
	call_named_last();
	turn();
	expect(503, "OVERLOADED");
	call_of("other", 1, "", "a");
	turn();
	ck_assert_uint_eq(answer.count, 0);
	ck_assert_uint_eq(pipeline_busy(pipeline), BULKS_MAX);
}
END_TEST

/* Another one ends without it. */
START_TEST(who_has_its_turn_does_nothing_twice)
{
	call(1, "k", "a");
	turn_until(&fake.find_count, 1);
	call(1, "", "\"");
	turn_until(&answer.count, 1);
	expect(400, "not valid JSON");
	turn();
	ck_assert_uint_eq(fake.find_count, 1);
}
END_TEST

START_TEST(a_row_that_is_refused_is_told_and_costs_no_other)
{
	static const enum store_verdict verdicts[] = { STORE_DONE, STORE_REJECTED,
						       STORE_NOT_BEGUN };

	call(3, "", "a");
	opened(STORE_DONE);
	turn_until(&fake.add_count, 3);
	for (unsigned i = 0; i < 3; i++)
		fake_accepted(fake.adds[i].tag, verdicts[i], 1);
	turn();
	closed();
	ck_assert_ptr_nonnull(strstr(answer.body, "{\"index\":1,\"error\":\"internal_error\""));
	ck_assert_ptr_nonnull(strstr(answer.body, "{\"index\":2,\"error\":\"batch_cancelled\""));
	expect(202, "\"accepted\":1,\"refused\":2");
	expect_over();
}
END_TEST

START_TEST(what_the_store_has_no_room_for_is_added_later)
{
	unsigned from = 0;

	call(5, "", "a");
	fake.store_full = true;
	opened(STORE_DONE);
	turn();
	ck_assert_uint_eq(fake.add_count, 0);
	fake.store_full = false;
	turn_until(&fake.add_count, 5);
	added(&from, STORE_DONE);
	closed();
	expect(202, "\"accepted\":5");
	expect_over();
}
END_TEST

START_TEST(a_call_that_is_not_through_in_time_says_what_to_do)
{
	settings.sync_wait_ms = 200;
	reopen();
	call(5, "", "a");
	turn_until(&answer.count, 1); /* nothing of it was written */
	expect(503, "STORE_UNAVAILABLE");
	opens_before = fake.open_count;
	call(5, "", "a");
	opened(STORE_DONE);
	turn_until(&answer.count, 1);
	ck_assert_ptr_nonnull(strstr(answer.body, "\"batch_id\""));
	expect(503, "may have been taken");
	expect_over();
}
END_TEST

/* Its answer is decided when the store says that an item's key is taken. */
START_TEST(nothing_is_asked_for_a_call_that_is_over)
{
	struct flow *f;

	call(5, "", "a");
	opened(STORE_DONE);
	turn_until(&fake.add_count, 5);
	f = LIST_OBJECT(pipeline->all.next, struct flow, all);
	f->reply = REPLY_UNCERTAIN;
	flow_ready(f, FLOW_NO);
	for (unsigned i = 0; i < 5; i++)
		fake_accepted(fake.adds[i].tag, STORE_CONFLICT, 0);
	ck_assert_uint_eq(fake.find_count, 0);
	turn_until(&answer.count, 1);
	expect(503, "may have been taken");
	expect_over();
}
END_TEST

/* Its time runs out while its quota is asked for, and nothing of it is written afterwards. */
START_TEST(a_call_is_answered_in_time_whatever_step_its_time_ends_in)
{
	const int64_t until_ms = clock_boot_ms() + 250;

	settings.sync_wait_ms = 200;
	reopen();
	quota_later = true;
	call(5, "", "a");
	turn_until(&fake.quota_count, 1);
	while (clock_boot_ms() < until_ms)
		turn();
	ck_assert_uint_eq(answer.count, 0);
	answer_quota(QUOTA_ALLOWED);
	turn_until(&answer.count, 1);
	expect(503, "STORE_UNAVAILABLE");
	expect_over();
}
END_TEST

START_TEST(a_batch_is_cancelled_page_by_page)
{
	static const char path[] = "/api/v1/batches/01900000-0000-7000-8000-000000000001";
	const struct http_request r = request_of("DELETE", path);
	struct store_found found = { .found = true, .more = true, .next = { { 7 } } };

	ask(&r);
	ck_assert_uint_eq(fake.cancel_count, 1);
	ck_assert_int_eq(fake.cancels[0].after.bytes[0], 0);
	fake_found(fake.cancels[0].tag, STORE_DONE, &found);
	turn();
	ck_assert_uint_eq(fake.cancel_count, 2);
	ck_assert_int_eq(fake.cancels[1].after.bytes[0], 7);
	found.more = false;
	fake_found(fake.cancels[1].tag, STORE_DONE, &found);
	turn();
	ck_assert_int_eq(fake.reads[0].request.kind, STORE_READ_BATCH);
	found.json = "{\"statuses\":{}}";
	fake_found(fake.reads[0].tag, STORE_DONE, &found);
	turn();
	expect(200, "statuses");
	ask(&r);
	found.found = false;
	fake_found(fake.cancels[2].tag, STORE_DONE, &found);
	turn();
	expect(404, "No batch has this id");
	ask(&r);
	fake_found(fake.cancels[3].tag, STORE_AWAY, &found);
	turn();
	expect(503, "STORE_UNAVAILABLE");
	expect_over();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bulk");
	TCase *tcase = tcase_create("bulk");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, open_house, close_house);
	tcase_add_test(tcase, messages_are_added_in_slices_and_the_owner_is_rung_for_each);
	tcase_add_test(tcase, a_repeated_call_has_the_same_ids_and_none_is_added_before_its_key);
	tcase_add_test(tcase, a_repeated_call_is_read_with_the_clock_of_the_first_one);
	tcase_add_test(tcase, a_key_that_was_taken_meanwhile_is_looked_up_again);
	tcase_add_test(tcase, one_call_has_its_turn_at_a_time);
	tcase_add_test(tcase, so_many_calls_are_held_and_no_more);
	tcase_add_test(tcase, one_tenant_does_not_hold_all_of_them);
	tcase_add_test(tcase, who_has_its_turn_does_nothing_twice);
	tcase_add_test(tcase, a_row_that_is_refused_is_told_and_costs_no_other);
	tcase_add_test(tcase, what_the_store_has_no_room_for_is_added_later);
	tcase_add_test(tcase, a_call_that_is_not_through_in_time_says_what_to_do);
	tcase_add_test(tcase, nothing_is_asked_for_a_call_that_is_over);
	tcase_add_test(tcase, a_call_is_answered_in_time_whatever_step_its_time_ends_in);
	tcase_add_test(tcase, a_batch_is_cancelled_page_by_page);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
