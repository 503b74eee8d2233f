/* Requests with an idempotency key: src/pipeline/key.c, and the wait a caller prefers. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "pipeline_house.h"

static struct store_first unknown(void)
{
	return (struct store_first){ .answer_body = "" };
}

/* As the last accept would be found again. */
static struct store_first found(void)
{
	struct store_first first = { .found = true, .answer_body = "", .running = true };
	const struct fake_accept *a = &fake.accepts[fake.accept_count - 1];

	first.id = a->id;
	memcpy(first.fingerprint, a->key.fingerprint, sizeof(first.fingerprint));
	first.message = (struct store_status){ .found = true, .state = STATE_QUEUED };
	return first;
}

static void look(const struct store_first *first)
{
	fake_first(fake.finds[fake.find_count - 1].tag, STORE_DONE, first);
	turn();
}

static void recorded(enum store_verdict verdict)
{
	fake_written(fake.answers[fake.answer_count - 1].tag, verdict);
	turn();
}

/* A first request with key k up to its commit. */
static void first_to_commit(const char *prefer)
{
	const struct store_first first = unknown();

	fake.quota_at_once = fake.answers_at_once = true;
	send_keyed(prefer, "k");
	look(&first);
}

static void first_to_delivery(void)
{
	first_to_commit("");
	commit(STORE_DONE);
}

static void expect_no_header(const char *name)
{
	ck_assert_msg(!strstr(answer.headers, name), "%s", answer.headers);
}

static void expect_header(const char *text)
{
	ck_assert_msg(strstr(answer.headers, text) != NULL, "%s", answer.headers);
}

START_TEST(without_a_key_nobody_is_asked)
{
	send_to_delivery();
	deliver(DELIVERY_SENT);
	expect(200, "wamid.1");
	ck_assert_uint_eq(fake.find_count + fake.answer_count, 0);
	ck_assert(!fake.accepts[0].keyed);
	expect_over();
}
END_TEST

START_TEST(a_first_request_goes_its_way_and_is_recorded)
{
	const struct store_first first = unknown();
	char body[512];

	send_keyed("", "\"k\"");
	ck_assert_uint_eq(fake.quota_count, 0); /* the key comes first */
	ck_assert_uint_eq(fake.find_count, 1);
	ck_assert_str_eq(fake.finds[0].tenant, "tenant");
	ck_assert_str_eq(fake.finds[0].key, "k");
	fake.quota_at_once = fake.answers_at_once = true;
	look(&first);
	ck_assert_uint_eq(fake.accept_count, 1);
	ck_assert(fake.accepts[0].keyed);
	ck_assert_str_eq(fake.accepts[0].key.key, "k");
	ck_assert_int_eq(fake.accepts[0].key.answer_status, 0);
	ck_assert_int_gt(fake.accepts[0].key.runs_ms, settings.sync_wait_ms);
	commit(STORE_DONE);
	deliver(DELIVERY_SENT);
	ck_assert_uint_eq(answer.count, 0); /* not before it is durable */
	ck_assert_uint_eq(fake.answer_count, 1);
	ck_assert_int_eq(fake.answers[0].status, 200);
	ck_assert(message_id_equal(fake.answers[0].id, fake.accepts[0].id));
	ck_assert(text_copy(body, sizeof(body), fake.answers[0].body));
	recorded(STORE_DONE);
	expect(200, body);
	ck_assert_str_eq(answer.body, body);
	expect_no_header("Idempotency-Replayed");
	expect_over();
}
END_TEST

START_TEST(every_end_is_recorded)
{
	static const struct {
		enum delivery_end end;
		int status;
	} rows[] = { { DELIVERY_SENT, 200 },
		     { DELIVERY_FAILED, 500 },
		     { DELIVERY_UNKNOWN, 202 },
		     { DELIVERY_RELEASED, 202 } };

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		first_to_delivery();
		deliver(rows[i].end);
		ck_assert_uint_eq(answer.count, 0);
		ck_assert_uint_eq(fake.answer_count, i + 1);
		ck_assert_int_eq(fake.answers[i].status, rows[i].status);
		recorded(STORE_DONE);
		expect(rows[i].status, fake.answers[i].body);
		expect_over();
	}
}
END_TEST

START_TEST(what_is_known_at_once_comes_with_the_commit)
{
	first_to_commit("respond-async");
	ck_assert_int_eq(fake.accepts[0].key.answer_status, 202);
	commit(STORE_DONE);
	expect(202, fake.accepts[0].key_answer);
	ck_assert_str_eq(answer.body, fake.accepts[0].key_answer);
	ck_assert_uint_eq(fake.answer_count, 0);
	fake.answers_at_once = false;
	send_keyed("", "k");
	{
		const struct store_first first = unknown();

		look(&first);
	}
	answer_lookup(CREDENTIALS_UNKNOWN);
	ck_assert(fake.accepts[1].failed);
	ck_assert_int_eq(fake.accepts[1].key.answer_status, 500);
	commit(STORE_DONE);
	expect(500, fake.accepts[1].key_answer);
	ck_assert_str_eq(answer.body, fake.accepts[1].key_answer);
	ck_assert_uint_eq(fake.answer_count, 0);
	expect_over();
}
END_TEST

START_TEST(what_is_not_kept_is_not_recorded)
{
	static const enum store_verdict verdicts[] = { STORE_AWAY, STORE_UNCERTAIN,
						       STORE_REJECTED };
	static const int statuses[] = { 503, 503, 500 };
	const struct store_first first = unknown();

	for (unsigned i = 0; i < 3; i++) {
		first_to_commit("");
		commit(verdicts[i]);
		expect(statuses[i], "\"error\"");
		ck_assert(i != 1 || strstr(answer.body, "same Idempotency-Key"));
	}
	fake.quota_at_once = false;
	send_keyed("", "k");
	look(&first);
	answer_quota(QUOTA_EXCEEDED);
	expect(429, "QUOTA_EXCEEDED");
	ck_assert_uint_eq(fake.answer_count, 0);
	expect_over();
}
END_TEST

START_TEST(the_first_answer_is_given_again)
{
	struct store_first first;

	first_to_delivery();
	deliver(DELIVERY_UNKNOWN);
	recorded(STORE_DONE);
	expect(202, "outcome_unknown");
	first = found();
	first.answer_status = 202;
	first.answer_body = fake.answers[0].body;
	send_keyed("respond-async", "k");
	look(&first);
	expect(202, fake.answers[0].body);
	ck_assert_str_eq(answer.body, fake.answers[0].body);
	expect_header("Idempotency-Replayed: true");
	expect_header("Location: /api/v1/messages/");
	expect_no_header("Preference-Applied");
	ck_assert_uint_eq(fake.quota_count, 1);
	ck_assert_uint_eq(fake.accept_count, 1);
	ck_assert_uint_eq(fake.answer_count, 1);
	expect_over();
}
END_TEST

START_TEST(another_body_is_refused_whatever_became_of_the_first)
{
	struct store_first first;

	first_to_commit("");
	for (int answered = 0; answered < 2; answered++) {
		first = found();
		first.fingerprint[31] ^= 1;
		first.answer_status = answered ? 200 : 0;
		first.answer_body = answered ? "secret" : "";
		send_keyed("", "k");
		look(&first);
		expect(422, "IDEMPOTENCY_KEY_REUSED");
		expect_no_header("Idempotency-Replayed");
		ck_assert_ptr_null(strstr(answer.body, "secret"));
	}
	ck_assert_uint_eq(fake.accept_count, 1);
	commit(STORE_AWAY);
}
END_TEST

START_TEST(while_the_first_runs_it_is_409)
{
	struct store_first first;

	first_to_commit("");
	first = found();
	send_keyed("", "k");
	look(&first);
	expect(409, "IDEMPOTENCY_KEY_IN_USE");
	expect_header("Retry-After: 1");
	commit(STORE_AWAY);
}
END_TEST

START_TEST(when_its_time_is_over_the_state_is_the_answer)
{
	static const struct {
		enum state state;
		int status;
		const char *text;
		bool sent;
	} rows[] = {
		{ STATE_SENT, 200, "wamid.9", true },
		{ STATE_READ, 200, "\"status\":\"sent\"", true },
		{ STATE_FAILED, 500, "why", false },
		{ STATE_CANCELLED, 500, "send_failed", false },
		{ STATE_QUEUED, 202, "queued", false },
		{ STATE_RETRYING, 202, "retrying", false },
		/* It was sent, and has failed since. */
		{ STATE_RETRYING, 200, "wamid.9", true },
		{ STATE_UNKNOWN, 202, "outcome_unknown", false },
	};
	struct store_first first;
	char id[MESSAGE_ID_TEXT_BYTES];

	first_to_commit("");
	commit(STORE_UNCERTAIN);
	answer.count = 0;
	first = found();
	first.running = false;
	message_id_text(first.id, id);
	first.seq = 17;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const unsigned rung = fake_delivery.looks;

		first.message = (struct store_status){ .found = true,
						       .state = rows[i].state,
						       .wamid = "wamid.9",
						       .sent_wall_us = rows[i].sent,
						       .failure_reason = "why" };
		send_keyed("", "k");
		look(&first);
		ck_assert_uint_eq(answer.count, 0);
		/* Its owner hears of it before its caller. */
		ck_assert_uint_eq(fake_delivery.looks - rung, rows[i].state == STATE_QUEUED);
		ck_assert_uint_eq(fake.answer_count, i + 1);
		ck_assert(message_id_equal(fake.answers[i].id, first.id));
		recorded(STORE_DONE);
		expect(rows[i].status, rows[i].text);
		ck_assert_str_eq(answer.body, fake.answers[i].body);
		ck_assert_ptr_nonnull(strstr(answer.body, id));
		expect_header("Idempotency-Replayed: true");
	}
	ck_assert_uint_eq(fake_delivery.look_seq, 17);
	ck_assert_uint_eq(fake.accept_count, 1);
	expect_over();
}
END_TEST

START_TEST(who_loses_the_race_gives_the_winners_answer)
{
	struct store_first first;

	first_to_commit("respond-async");
	ck_assert_uint_eq(fake_delivery.reserved, 1);
	commit(STORE_CONFLICT);
	ck_assert_uint_eq(fake_delivery.reserved, 0);
	ck_assert_uint_eq(fake_delivery.takes, 0);
	ck_assert_uint_eq(answer.count, 0);
	ck_assert_uint_eq(fake.find_count, 2);
	first = found();
	first.id.bytes[15] ^= 1; /* the winner's */
	first.answer_status = 200;
	first.answer_body = "{\"the\":\"winner\"}";
	look(&first);
	expect(200, "{\"the\":\"winner\"}");
	expect_header("Idempotency-Replayed: true");
	expect_over();
}
END_TEST

START_TEST(who_loses_the_race_is_409_while_the_winner_runs_or_is_gone)
{
	for (int gone = 0; gone < 2; gone++) {
		struct store_first first;

		first_to_commit("");
		commit(STORE_CONFLICT);
		first = gone ? unknown() : found();
		look(&first);
		expect(409, "IDEMPOTENCY_KEY_IN_USE");
		ck_assert_uint_eq(fake_delivery.takes, 0);
		expect_over();
	}
}
END_TEST

START_TEST(an_answer_that_came_second_gives_way)
{
	struct store_first first;

	first_to_delivery();
	deliver(DELIVERY_SENT);
	first = found();
	first.answer_status = 202;
	first.answer_body = "{\"first\":1}";
	recorded(STORE_CONFLICT);
	ck_assert_uint_eq(answer.count, 0);
	look(&first);
	expect(202, "{\"first\":1}");
	expect_over();
}
END_TEST

START_TEST(a_key_that_changes_hands_for_ever_is_409)
{
	struct store_first first;

	first_to_delivery();
	deliver(DELIVERY_SENT);
	first = found();
	first.running = false;
	recorded(STORE_CONFLICT);
	look(&first);
	recorded(STORE_CONFLICT);
	look(&first);
	recorded(STORE_CONFLICT);
	expect(409, "IDEMPOTENCY_KEY_IN_USE");
	expect_over();
}
END_TEST

START_TEST(an_answer_that_cannot_be_kept_does_not_leave)
{
	settings.accept_timeout_ms = 50;
	reopen();
	first_to_delivery();
	deliver(DELIVERY_SENT);
	ck_assert_uint_eq(answer.count, 0);
	turn_until(&answer.count, 1);
	expect(503, "same Idempotency-Key");
	expect_header("Retry-After: ");
	expect_over();
	recorded(STORE_DONE); /* it landed after all: nobody is there any more */
	ck_assert_uint_eq(answer.count, 0);
}
END_TEST

START_TEST(an_answer_that_was_refused_does_not_leave)
{
	first_to_delivery();
	deliver(DELIVERY_SENT);
	recorded(STORE_REJECTED);
	expect(503, "may have been taken");
	expect_over();
}
END_TEST

START_TEST(a_wait_that_ran_out_is_recorded_as_it_stands)
{
	const struct store_status retrying = { .found = true, .state = STATE_RETRYING };

	first_to_commit("wait=0, respond-async");
	commit(STORE_DONE);
	answer.count = 0;
	settings.sync_wait_ms = 60;
	reopen();
	first_to_delivery();
	turn_until(&fake.status_count, 1);
	fake_status(fake.status_tags[0], STORE_DONE, &retrying);
	turn();
	ck_assert_uint_eq(answer.count, 0);
	ck_assert_int_eq(fake.answers[0].status, 202);
	recorded(STORE_DONE);
	expect(202, "retrying");
	expect_over();
}
END_TEST

START_TEST(nothing_begins_while_the_key_cannot_be_looked_up)
{
	const struct store_first first = unknown();

	send_keyed("", "k");
	fake_first(fake.finds[0].tag, STORE_AWAY, &first);
	turn();
	expect(503, "STORE_UNAVAILABLE");
	fake.store_full = true;
	send_keyed("", "k");
	expect(503, "OVERLOADED");
	ck_assert_uint_eq(fake.quota_count + fake.accept_count, 0);
	expect_over();
}
END_TEST

START_TEST(a_bad_key_is_named)
{
	send_keyed("", "two words");
	expect(400, "Idempotency-Key: ");
	ck_assert_uint_eq(fake.find_count + fake.quota_count, 0);
	expect_over();
}
END_TEST

START_TEST(other_bytes_have_another_fingerprint)
{
	struct http_request r = request_of("POST", "/api/v1/messages/send");
	const struct store_first first = unknown();

	first_to_commit("");
	commit(STORE_AWAY);
	answer.count = 0;
	r.body = "{ \"tenant_id\":\"tenant\",\"outlet_id\":\"outlet\","
		 "\"conversation_id\":\"conversation\",\"to\":\"+628123456789\","
		 "\"message\":\"Halo\"}";
	r.body_len = strlen(r.body);
	r.idempotency_key = "k";
	ask(&r);
	look(&first);
	ck_assert_uint_eq(fake.accept_count, 2);
	ck_assert_mem_ne(fake.accepts[0].key.fingerprint, fake.accepts[1].key.fingerprint,
			 STORE_FINGERPRINT_BYTES);
	commit(STORE_AWAY);
}
END_TEST

START_TEST(a_preferred_wait_is_the_deadline)
{
	const int64_t before_ms = clock_boot_ms();

	turn(); /* the loop's time is that of its last round */
	send_to_commit("wait=7");
	ck_assert(fake.accepts[0].caller_waits);
	commit(STORE_DONE);
	ck_assert(fake_delivery.order.waiter.waits);
	ck_assert_int_ge(fake_delivery.order.waiter.until_boot_ms, before_ms + 7000);
	ck_assert_int_le(fake_delivery.order.waiter.until_boot_ms, clock_boot_ms() + 7000);
	deliver(DELIVERY_SENT);
	expect(200, "wamid.1");
	expect_header("Preference-Applied: wait=7\n");
	send_to_commit("wait=0");
	ck_assert(!fake.accepts[1].caller_waits);
	commit(STORE_DONE);
	expect(202, "queued");
	expect_header("Preference-Applied: wait=0\n");
	expect_over();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("key");
	TCase *tcase = tcase_create("key");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, open_house, close_house);
	tcase_add_test(tcase, without_a_key_nobody_is_asked);
	tcase_add_test(tcase, a_first_request_goes_its_way_and_is_recorded);
	tcase_add_test(tcase, every_end_is_recorded);
	tcase_add_test(tcase, what_is_known_at_once_comes_with_the_commit);
	tcase_add_test(tcase, what_is_not_kept_is_not_recorded);
	tcase_add_test(tcase, the_first_answer_is_given_again);
	tcase_add_test(tcase, another_body_is_refused_whatever_became_of_the_first);
	tcase_add_test(tcase, while_the_first_runs_it_is_409);
	tcase_add_test(tcase, when_its_time_is_over_the_state_is_the_answer);
	tcase_add_test(tcase, who_loses_the_race_gives_the_winners_answer);
	tcase_add_test(tcase, who_loses_the_race_is_409_while_the_winner_runs_or_is_gone);
	tcase_add_test(tcase, an_answer_that_came_second_gives_way);
	tcase_add_test(tcase, a_key_that_changes_hands_for_ever_is_409);
	tcase_add_test(tcase, an_answer_that_cannot_be_kept_does_not_leave);
	tcase_add_test(tcase, an_answer_that_was_refused_does_not_leave);
	tcase_add_test(tcase, a_wait_that_ran_out_is_recorded_as_it_stands);
	tcase_add_test(tcase, nothing_begins_while_the_key_cannot_be_looked_up);
	tcase_add_test(tcase, a_bad_key_is_named);
	tcase_add_test(tcase, other_bytes_have_another_fingerprint);
	tcase_add_test(tcase, a_preferred_wait_is_the_deadline);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
