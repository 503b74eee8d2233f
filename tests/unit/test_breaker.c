#include "domain/breaker.h"

#include <check.h>
#include <stdlib.h>

static const struct breaker_policy policy = {
	.failures = 3, .open_ms = 1000, .open_max_ms = 3000, .probe_ms = 500
};

static struct breaker b;

static void note(enum breaker_sign sign, int64_t now_ms, bool changes)
{
	ck_assert_int_eq(breaker_note(&b, &policy, sign, now_ms), changes);
}

static void expect_look(int64_t now_ms, enum breaker_verdict verdict, int64_t at_ms)
{
	int64_t ret_at_ms = -1;

	ck_assert_int_eq(breaker_look(&b, now_ms, &ret_at_ms), verdict);
	if (verdict != BREAKER_GO)
		ck_assert_int_eq(ret_at_ms, at_ms);
}

static void begin(int64_t now_ms)
{
	expect_look(now_ms, BREAKER_GO, 0);
	breaker_begin(&b, &policy, now_ms);
}

/* Open at `now_ms`, from closed. */
static void open_it(int64_t now_ms)
{
	b = (struct breaker){ .failures = 2 };
	note(BREAKER_FAILED, now_ms, true);
	ck_assert_int_eq(b.state, BREAKER_OPEN);
}

START_TEST(it_opens_with_the_last_failure_of_a_row)
{
	note(BREAKER_FAILED, 10, false);
	note(BREAKER_FAILED, 11, false);
	begin(12);
	note(BREAKER_FAILED, 12, true);
	ck_assert_int_eq(b.state, BREAKER_OPEN);
	expect_look(12, BREAKER_LATER, 1012);
	expect_look(1011, BREAKER_LATER, 1012);
	expect_look(1012, BREAKER_GO, 0);
}
END_TEST

START_TEST(an_answer_ends_the_row)
{
	note(BREAKER_FAILED, 10, false);
	note(BREAKER_FAILED, 11, false);
	note(BREAKER_ANSWERED, 12, false);
	ck_assert(breaker_is_whole(&b));
	note(BREAKER_FAILED, 13, false);
	note(BREAKER_FAILED, 14, false);
	ck_assert(!breaker_is_whole(&b));
	note(BREAKER_NOTHING, 15, false);
	note(BREAKER_FAILED, 16, true);
}
END_TEST

START_TEST(without_a_threshold_it_never_opens)
{
	const struct breaker_policy off = { .failures = 0, .open_ms = 1000, .open_max_ms = 3000 };

	for (unsigned i = 0; i < 100; i++)
		ck_assert(!breaker_note(&b, &off, BREAKER_FAILED, i));
	expect_look(100, BREAKER_GO, 0);
}
END_TEST

START_TEST(half_open_lets_one_through)
{
	open_it(0);
	begin(1000);
	ck_assert_int_eq(b.state, BREAKER_HALF_OPEN);
	expect_look(1000, BREAKER_SOON, 1500);
	expect_look(1499, BREAKER_SOON, 1500);
	begin(1500); /* the probe was lost */
	expect_look(1500, BREAKER_SOON, 2000);
}
END_TEST

START_TEST(a_probe_that_is_answered_closes_it)
{
	open_it(0);
	begin(1000);
	note(BREAKER_ANSWERED, 1100, true);
	ck_assert_int_eq(b.state, BREAKER_CLOSED);
	/* and the next opening is as short as the first */
	note(BREAKER_FAILED, 1200, false);
	note(BREAKER_FAILED, 1200, false);
	note(BREAKER_FAILED, 1200, true);
	expect_look(1200, BREAKER_LATER, 2200);
}
END_TEST

START_TEST(the_open_time_doubles_up_to_its_cap)
{
	static const int64_t waits_ms[] = { 1000, 2000, 3000, 3000 };
	int64_t now_ms = 0;

	open_it(0);
	for (unsigned i = 0; i < 4; i++) {
		expect_look(now_ms + waits_ms[i] - 1, BREAKER_LATER, now_ms + waits_ms[i]);
		now_ms += waits_ms[i];
		begin(now_ms);
		now_ms += 7;
		note(BREAKER_FAILED, now_ms, true);
	}
	b.openings = UINT32_MAX - 1;
	begin(now_ms + 3000);
	note(BREAKER_FAILED, now_ms + 3000, true);
	expect_look(now_ms + 3000, BREAKER_LATER, now_ms + 6000);
}
END_TEST

START_TEST(failures_of_calls_begun_before_it_opened_do_not_lengthen_it)
{
	open_it(0);
	note(BREAKER_FAILED, 999, false);
	expect_look(999, BREAKER_LATER, 1000);
}
END_TEST

START_TEST(who_is_waited_for_counts_as_a_probe)
{
	open_it(0);
	note(BREAKER_FAILED, 1000, false);      /* open stays open … */
	expect_look(1000, BREAKER_LATER, 3000); /* … for twice as long */
	note(BREAKER_ANSWERED, 1001, true);
	ck_assert_int_eq(b.state, BREAKER_CLOSED);
}
END_TEST

START_TEST(after_a_closing_calls_come_back_as_they_are_answered)
{
	open_it(0);
	begin(1000);
	note(BREAKER_ANSWERED, 1100, true);
	begin(1100);
	begin(1100);
	expect_look(1100, BREAKER_SOON, 1100 + BREAKER_RAMP_MS);
	note(BREAKER_ANSWERED, 1200, false);
	begin(1200);
	begin(1200);
	expect_look(1200, BREAKER_SOON, 1100 + BREAKER_RAMP_MS);
	note(BREAKER_NOTHING, 1200, false); /* a place, no growth */
	begin(1200);
	expect_look(1200, BREAKER_SOON, 1100 + BREAKER_RAMP_MS);
	expect_look(1100 + BREAKER_RAMP_MS - 1, BREAKER_SOON, 1100 + BREAKER_RAMP_MS);
	begin(1100 + BREAKER_RAMP_MS);
	ck_assert(breaker_is_whole(&b));
}
END_TEST

START_TEST(enough_answers_end_the_ramp)
{
	open_it(0);
	note(BREAKER_ANSWERED, 1, true);
	for (unsigned i = BREAKER_FIRST + 1; i < BREAKER_WHOLE; i++)
		note(BREAKER_ANSWERED, 2, false);
	ck_assert(!breaker_is_whole(&b));
	note(BREAKER_ANSWERED, 2, false);
	ck_assert(breaker_is_whole(&b));
}
END_TEST

/* -- signs -- */

static struct call_facts answered(int status, int code)
{
	return (struct call_facts){ .end = CALL_ANSWERED,
				    .http_status = status,
				    .has_error = code != 0,
				    .readable = true,
				    .error_code = code };
}

static enum breaker_sign number_sign(const struct call_facts *facts)
{
	const struct verdict verdict = outcome_decide(facts, false);

	return breaker_sign_of_number(facts, &verdict);
}

START_TEST(no_answer_is_the_hosts_fault)
{
	const struct call_facts facts[] = { { .end = CALL_NOT_SENT }, { .end = CALL_LOST } };

	for (unsigned i = 0; i < 2; i++) {
		ck_assert_int_eq(breaker_sign_of_host(&facts[i]), BREAKER_FAILED);
		ck_assert_int_eq(number_sign(&facts[i]), BREAKER_NOTHING);
	}
}
END_TEST

START_TEST(a_failure_that_is_answered_is_the_numbers)
{
	static const struct {
		int status, code;
	} failures[] = { { 500, 0 }, { 503, 0 }, { 503, 2 },      { 500, 131016 },
			 { 502, 0 }, { 504, 0 }, { 500, 131000 }, { 400, 133004 } };

	for (unsigned i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		const struct call_facts facts = answered(failures[i].status, failures[i].code);

		ck_assert_int_eq(breaker_sign_of_host(&facts), BREAKER_ANSWERED);
		ck_assert_msg(number_sign(&facts) == BREAKER_FAILED, "%d %d", failures[i].status,
			      failures[i].code);
	}
}
END_TEST

START_TEST(refusals_for_good_tokens_and_limits_are_answers)
{
	static const struct {
		int status, code;
	} refusals[] = { { 400, 131026 }, { 400, 100 }, { 401, 190 },   { 400, 130429 },
			 { 429, 0 },      { 404, 0 },   { 400, 131056 } };

	for (unsigned i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		const struct call_facts facts = answered(refusals[i].status, refusals[i].code);

		ck_assert_int_eq(breaker_sign_of_host(&facts), BREAKER_ANSWERED);
		ck_assert_msg(number_sign(&facts) == BREAKER_ANSWERED, "%d %d", refusals[i].status,
			      refusals[i].code);
	}
}
END_TEST

static void all_zero(void)
{
	b = (struct breaker){ .failures = 0 };
}

int main(void)
{
	Suite *suite = suite_create("breaker");
	TCase *tcase = tcase_create("breaker");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, all_zero, NULL);
	tcase_add_test(tcase, it_opens_with_the_last_failure_of_a_row);
	tcase_add_test(tcase, an_answer_ends_the_row);
	tcase_add_test(tcase, without_a_threshold_it_never_opens);
	tcase_add_test(tcase, half_open_lets_one_through);
	tcase_add_test(tcase, a_probe_that_is_answered_closes_it);
	tcase_add_test(tcase, the_open_time_doubles_up_to_its_cap);
	tcase_add_test(tcase, failures_of_calls_begun_before_it_opened_do_not_lengthen_it);
	tcase_add_test(tcase, who_is_waited_for_counts_as_a_probe);
	tcase_add_test(tcase, after_a_closing_calls_come_back_as_they_are_answered);
	tcase_add_test(tcase, enough_answers_end_the_ramp);
	tcase_add_test(tcase, no_answer_is_the_hosts_fault);
	tcase_add_test(tcase, a_failure_that_is_answered_is_the_numbers);
	tcase_add_test(tcase, refusals_for_good_tokens_and_limits_are_answers);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
