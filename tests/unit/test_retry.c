#include "domain/retry.h"

#include <check.h>
#include <stdlib.h>

#define NOW INT64_C(1000000)

static const struct retry_policy contract = { .max_retries = 3,
					      .initial_ms = 1000,
					      .cap_ms = 30000 };

static struct retry_case refused(const struct graph_error *error)
{
	return (struct retry_case){
		.verdict = { .outcome = OUTCOME_REFUSED, .error = error },
		.counted = 1,
		.throttled = 1,
		.now_ms = NOW,
		.expires_ms = INT64_MAX,
	};
}

static struct retry_case server_error(bool caller_waits)
{
	struct retry_case c = refused(graph_error_case(GRAPH_CASE_HTTP_500));

	c.caller_waits = caller_waits;
	return c;
}

/* The wait decided on, or -1 - the verdict. */
static int64_t wait_ms(const struct retry_policy *policy, const struct retry_case *c)
{
	int64_t at_ms = -1;
	enum retry_verdict verdict = retry_decide(policy, c, &at_ms);

	if (verdict != RETRY_AT) {
		ck_assert_int_eq(at_ms, -1); /* untouched */
		return -1 - (int64_t)verdict;
	}
	return at_ms - c->now_ms;
}

#define FORBIDDEN (-1 - RETRY_FORBIDDEN)
#define EXHAUSTED (-1 - RETRY_EXHAUSTED)
#define EXPIRED (-1 - RETRY_EXPIRED)

START_TEST(r1_only_refused_and_not_sent_are_tried_again)
{
	struct retry_case c = server_error(true);

	ck_assert_int_eq(wait_ms(&contract, &c), 1000);
	c.verdict.outcome = OUTCOME_NOT_SENT;
	ck_assert_int_eq(wait_ms(&contract, &c), 1000);
	c.verdict.outcome = OUTCOME_LOST;
	ck_assert_int_eq(wait_ms(&contract, &c), FORBIDDEN);
	c.verdict.outcome = OUTCOME_ACCEPTED;
	ck_assert_int_eq(wait_ms(&contract, &c), FORBIDDEN);
	c.verdict.outcome = OUTCOME_NONE;
	ck_assert_int_eq(wait_ms(&contract, &c), FORBIDDEN);
}
END_TEST

START_TEST(r1_only_transient_and_rate_limited_rows_are_tried_again)
{
	size_t count;
	const struct graph_error *rows = graph_error_rows(&count);

	for (size_t i = 0; i < count * 2; i++) {
		struct retry_case c = refused(&rows[i / 2]);
		bool again = c.verdict.error->class == GRAPH_TRANSIENT ||
			     c.verdict.error->class == GRAPH_RATE_LIMITED;

		c.caller_waits = i % 2 == 0;
		ck_assert_msg((wait_ms(&contract, &c) > 0) == again, "%s", c.verdict.error->name);
		if (!again)
			ck_assert_int_eq(wait_ms(&contract, &c), FORBIDDEN);
	}
}
END_TEST

START_TEST(r2_the_schedule_of_the_contract)
{
	static const int64_t waits[] = { 1000, 2000, 4000, EXHAUSTED };
	const struct graph_error *const errors[] = {
		graph_error_case(GRAPH_CASE_HTTP_500),
		graph_error_find(131016, 0),
		graph_error_find(130429, 0),
		graph_error_find(131048, 0),
		graph_error_case(GRAPH_CASE_NET_BEFORE),
		graph_error_case(GRAPH_CASE_CREDENTIALS),
	};

	for (size_t e = 0; e < sizeof(errors) / sizeof(errors[0]); e++) {
		for (unsigned n = 1; n <= 4; n++) {
			struct retry_case c = refused(errors[e]);

			c.caller_waits = true;
			c.counted = n;
			ck_assert(retry_counts(&c.verdict, true));
			ck_assert_int_eq(wait_ms(&contract, &c), waits[n - 1]);
		}
	}
}
END_TEST

START_TEST(r2_the_cap_holds)
{
	static const int64_t waits[] = { 1000, 2000, 4000, 8000, 16000, 30000, 30000 };
	struct retry_policy patient = { .max_retries = 20, .initial_ms = 1000, .cap_ms = 30000 };
	struct retry_case c = server_error(true);

	for (unsigned n = 1; n <= 7; n++) {
		c.counted = n;
		ck_assert_int_eq(wait_ms(&patient, &c), waits[n - 1]);
	}
	c.counted = 20;
	ck_assert_int_eq(wait_ms(&patient, &c), 30000);
	c.counted = 21;
	ck_assert_int_eq(wait_ms(&patient, &c), EXHAUSTED);
	patient.initial_ms = 60000;
	c.counted = 1;
	ck_assert_int_eq(wait_ms(&patient, &c), 30000);
}
END_TEST

START_TEST(r2_no_retries_means_none)
{
	struct retry_policy none = { .max_retries = 0, .initial_ms = 1000, .cap_ms = 30000 };
	struct retry_case c = server_error(true);

	ck_assert_int_eq(wait_ms(&none, &c), EXHAUSTED);
}
END_TEST

START_TEST(r2_jitter_lengthens_by_a_tenth_at_most)
{
	struct retry_case c = server_error(true);

	c.random = UINT32_MAX;
	ck_assert_int_eq(wait_ms(&contract, &c), 1099);
	c.random = UINT32_MAX / 2 + 1;
	ck_assert_int_eq(wait_ms(&contract, &c), 1050);
}
END_TEST

START_TEST(r2_a_caller_who_waits_is_not_kept_by_the_server)
{
	struct retry_case c = server_error(true);

	c.server_wait_ms = 60000;
	ck_assert_int_eq(wait_ms(&contract, &c), 1000);
}
END_TEST

START_TEST(r3_transient_errors_keep_to_the_contract)
{
	struct retry_case c = refused(graph_error_find(131000, 0));

	ck_assert(retry_counts(&c.verdict, false));
	c.counted = 3;
	ck_assert_int_eq(wait_ms(&contract, &c), 4000);
	c.counted = 4;
	ck_assert_int_eq(wait_ms(&contract, &c), EXHAUSTED);
	c = refused(graph_error_find(131057, 0)); /* its row has 20 s */
	ck_assert_int_eq(wait_ms(&contract, &c), 1000);
}
END_TEST

START_TEST(r3_rate_limits_wait_as_their_row_says_and_do_not_count)
{
	static const struct {
		int code;
		int64_t waits_s[8];
	} rows[] = {
		{ 130429, { 1, 2, 4, 8, 16, 32, 60, 60 } },
		{ 131056, { 1, 4, 16, 64, 256, 1024, 3600, 3600 } },
		{ 80007, { 60, 120, 240, 480, 960, 1920, 3600, 3600 } },
		{ 131048, { 86400, 86400, 86400, 86400, 86400, 86400, 86400, 86400 } },
		{ 131064, { 3600, 3600, 3600, 3600, 3600, 3600, 3600, 3600 } },
	};

	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		struct retry_case c = refused(graph_error_find(rows[r].code, 0));

		ck_assert(!retry_counts(&c.verdict, false));
		c.counted = 99;
		for (unsigned n = 1; n <= 8; n++) {
			c.throttled = n;
			ck_assert_int_eq(wait_ms(&contract, &c), rows[r].waits_s[n - 1] * 1000);
		}
		c.throttled = UINT32_MAX;
		ck_assert_int_eq(wait_ms(&contract, &c), rows[r].waits_s[7] * 1000);
		c.throttled = 0;
		ck_assert_int_eq(wait_ms(&contract, &c), rows[r].waits_s[0] * 1000);
	}
}
END_TEST

START_TEST(r3_missing_credentials_keep_the_message)
{
	struct retry_case c = refused(graph_error_case(GRAPH_CASE_CREDENTIALS));

	c.verdict.outcome = OUTCOME_NOT_SENT;
	c.counted = 99;
	c.throttled = 3;
	ck_assert(!retry_counts(&c.verdict, false));
	ck_assert_int_eq(wait_ms(&contract, &c), 8000);
}
END_TEST

START_TEST(r3_what_the_server_asked_for_is_the_least)
{
	struct retry_case c = refused(graph_error_find(80007, 0));

	c.server_wait_ms = 59999;
	ck_assert_int_eq(wait_ms(&contract, &c), 60000);
	c.server_wait_ms = 60001;
	ck_assert_int_eq(wait_ms(&contract, &c), 60001);
	c.server_wait_ms = INT64_MAX; /* 7 days at most */
	ck_assert_int_eq(wait_ms(&contract, &c), INT64_C(604800000));
	c = server_error(false);
	c.server_wait_ms = 5000;
	ck_assert_int_eq(wait_ms(&contract, &c), 5000);
}
END_TEST

START_TEST(r4_no_try_at_or_behind_the_end_of_validity)
{
	for (int caller_waits = 0; caller_waits < 2; caller_waits++) {
		struct retry_case c = server_error(caller_waits != 0);

		c.expires_ms = NOW + 1001;
		ck_assert_int_eq(wait_ms(&contract, &c), 1000);
		c.expires_ms = NOW + 1000;
		ck_assert_int_eq(wait_ms(&contract, &c), EXPIRED);
		c.expires_ms = NOW + 999;
		ck_assert_int_eq(wait_ms(&contract, &c), EXPIRED);
		c.expires_ms = 0;
		ck_assert_int_eq(wait_ms(&contract, &c), EXPIRED);
	}
}
END_TEST

START_TEST(r5_an_outage_uses_up_no_message)
{
	static const int64_t waits[] = { 1000, 2000, 4000, 8000, 16000, 30000, 30000 };
	const struct graph_error *const errors[] = {
		graph_error_case(GRAPH_CASE_NET_BEFORE),
		graph_error_case(GRAPH_CASE_HTTP_500),
		graph_error_find(2, 0),
		graph_error_find(131016, 0),
	};

	for (size_t e = 0; e < sizeof(errors) / sizeof(errors[0]); e++) {
		struct retry_case c = refused(errors[e]);

		ck_assert(!retry_counts(&c.verdict, false));
		c.counted = 99;
		for (unsigned n = 1; n <= 7; n++) {
			c.throttled = n;
			ck_assert_int_eq(wait_ms(&contract, &c), waits[n - 1]);
		}
		c.throttled = 29999;
		ck_assert_int_eq(wait_ms(&contract, &c), 30000);
		c.expires_ms = NOW + 30000;
		ck_assert_int_eq(wait_ms(&contract, &c), EXPIRED);
	}
}
END_TEST

START_TEST(r6_attempts_have_a_bound)
{
	struct retry_case c = refused(graph_error_case(GRAPH_CASE_NET_BEFORE));

	c.attempts = RETRY_ATTEMPTS_MAX - 1;
	ck_assert_int_eq(wait_ms(&contract, &c), 1000);
	c.attempts = RETRY_ATTEMPTS_MAX;
	ck_assert_int_eq(wait_ms(&contract, &c), EXHAUSTED);
	c.attempts = RETRY_ATTEMPTS_MAX + 1;
	ck_assert_int_eq(wait_ms(&contract, &c), EXHAUSTED);
}
END_TEST

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13; /* xorshift64: the same cases every time */
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static struct retry_case any_case(uint64_t *seed)
{
	size_t count;
	const struct graph_error *rows = graph_error_rows(&count);
	struct retry_case c = {
		.verdict = { .outcome = (enum outcome)(next_random(seed) % 5),
			     .error = &rows[next_random(seed) % count] },
		.caller_waits = next_random(seed) % 2 == 0,
		.counted = (unsigned)(next_random(seed) % 25),
		.throttled = (unsigned)(next_random(seed) % 40),
		.server_wait_ms =
			next_random(seed) % 3 == 0 ? (int64_t)(next_random(seed) % 1000000000) : 0,
		.now_ms = (int64_t)(next_random(seed) % 1000000000000),
		.random = (uint32_t)next_random(seed),
	};

	c.expires_ms = next_random(seed) % 4 == 0
			       ? INT64_MAX
			       : c.now_ms - 1000 + (int64_t)(next_random(seed) % 100000000);
	return c;
}

START_TEST(any_case_lies_between_its_wait_and_a_tenth_more_and_before_the_end)
{
	uint64_t seed = UINT64_C(0x9e3779b97f4a7c15);
	unsigned tried = 0;

	for (int i = 0; i < 200000; i++) {
		struct retry_policy policy = {
			.max_retries = (unsigned)(next_random(&seed) % 21),
			.initial_ms = 1 + (int64_t)(next_random(&seed) % 60000),
			.cap_ms = 1 + (int64_t)(next_random(&seed) % 600000),
		};
		struct retry_case c = any_case(&seed);
		struct retry_case calm = c;
		int64_t base;
		int64_t at;

		calm.random = 0;
		calm.expires_ms = INT64_MAX;
		base = wait_ms(&policy, &calm);
		at = wait_ms(&policy, &c);
		if (at < 0) {
			ck_assert(at == base ||
				  (at == EXPIRED && base + base / 10 >= c.expires_ms - c.now_ms));
			continue;
		}
		tried++;
		ck_assert_int_gt(at, 0);
		ck_assert_int_ge(at, base);
		ck_assert_int_le(at, base + base / 10);
		ck_assert_int_lt(at, c.expires_ms - c.now_ms);
		ck_assert(c.verdict.outcome == OUTCOME_REFUSED ||
			  c.verdict.outcome == OUTCOME_NOT_SENT);
		ck_assert(!retry_counts(&c.verdict, c.caller_waits) ||
			  c.counted <= policy.max_retries);
	}
	ck_assert_uint_gt(tried, 1000);
}
END_TEST

START_TEST(codes_that_do_not_count_are_listed)
{
	int codes[RETRY_UNCOUNTED_MAX];
	const unsigned count = retry_uncounted(codes);
	size_t rows;
	unsigned expected = 0;
	const struct graph_error *errors = graph_error_rows(&rows);

	ck_assert_uint_lt(count, RETRY_UNCOUNTED_MAX);
	for (size_t i = 0; i < rows; i++) {
		const struct verdict v = { .outcome = OUTCOME_REFUSED, .error = &errors[i] };

		if (retry_counts(&v, false))
			continue;
		ck_assert_int_eq(errors[i].first_code, errors[i].last_code);
		ck_assert_int_eq(codes[expected++], errors[i].first_code);
	}
	ck_assert_uint_eq(count, expected);
	ck_assert_uint_ge(count, 15);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("retry");
	TCase *tcase = tcase_create("retry");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, r1_only_refused_and_not_sent_are_tried_again);
	tcase_add_test(tcase, r1_only_transient_and_rate_limited_rows_are_tried_again);
	tcase_add_test(tcase, r2_the_schedule_of_the_contract);
	tcase_add_test(tcase, r2_the_cap_holds);
	tcase_add_test(tcase, r2_no_retries_means_none);
	tcase_add_test(tcase, r2_jitter_lengthens_by_a_tenth_at_most);
	tcase_add_test(tcase, r2_a_caller_who_waits_is_not_kept_by_the_server);
	tcase_add_test(tcase, r3_transient_errors_keep_to_the_contract);
	tcase_add_test(tcase, r3_rate_limits_wait_as_their_row_says_and_do_not_count);
	tcase_add_test(tcase, r3_missing_credentials_keep_the_message);
	tcase_add_test(tcase, r3_what_the_server_asked_for_is_the_least);
	tcase_add_test(tcase, r4_no_try_at_or_behind_the_end_of_validity);
	tcase_add_test(tcase, r5_an_outage_uses_up_no_message);
	tcase_add_test(tcase, r6_attempts_have_a_bound);
	tcase_add_test(tcase, any_case_lies_between_its_wait_and_a_tenth_more_and_before_the_end);
	tcase_add_test(tcase, codes_that_do_not_count_are_listed);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
