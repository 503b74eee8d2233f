#include "domain/outcome.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* A complete answer with this status and error code (-1: none). */
static struct call_facts answer(int status, int code)
{
	return (struct call_facts){ .end = CALL_ANSWERED,
				    .http_status = status,
				    .readable = code >= 0,
				    .has_error = code >= 0,
				    .error_code = code >= 0 ? code : 0 };
}

static void decides(struct call_facts facts, bool ambiguous_5xx, enum outcome outcome,
		    const char *row)
{
	struct verdict v = outcome_decide(&facts, ambiguous_5xx);

	ck_assert_msg(v.outcome == outcome && strcmp(v.error->name, row) == 0,
		      "%d with code %d: %s by %s, not %s by %s", facts.http_status,
		      facts.error_code, outcome_name(v.outcome), v.error->name,
		      outcome_name(outcome), row);
}

/* The same with and without GRAPH_AMBIGUOUS_5XX=unknown. */
static void always(struct call_facts facts, enum outcome outcome, const char *row)
{
	decides(facts, false, outcome, row);
	decides(facts, true, outcome, row);
}

START_TEST(an_id_in_a_2xx_is_accepted)
{
	struct call_facts facts = answer(200, -1);

	facts.readable = true;
	facts.has_message_id = true;
	always(facts, OUTCOME_ACCEPTED, "accepted");
	facts.http_status = 202;
	always(facts, OUTCOME_ACCEPTED, "accepted");
	facts.has_error = true; /* an id in hand counts more */
	facts.error_code = 131026;
	always(facts, OUTCOME_ACCEPTED, "accepted");
}
END_TEST

START_TEST(a_2xx_without_an_id_is_lost)
{
	struct call_facts facts = answer(200, -1);

	always(facts, OUTCOME_LOST, "http:2xx"); /* unreadable */
	facts.readable = true;
	always(facts, OUTCOME_LOST, "http:2xx");
	facts.http_status = 299;
	always(facts, OUTCOME_LOST, "http:2xx");
}
END_TEST

START_TEST(an_error_object_in_a_2xx_counts_as_what_it_says)
{
	always(answer(200, 131026), OUTCOME_REFUSED, "131026");
	always(answer(200, 130429), OUTCOME_REFUSED, "130429");
	/* These say nothing about whether it was sent. */
	always(answer(200, 1), OUTCOME_LOST, "http:2xx");
	always(answer(200, 131000), OUTCOME_LOST, "http:2xx");
	always(answer(200, 999999), OUTCOME_LOST, "http:2xx");
}
END_TEST

START_TEST(how_the_call_ended_comes_first)
{
	struct call_facts facts = answer(200, -1);

	facts.has_message_id = true;
	facts.end = CALL_NOT_SENT;
	always(facts, OUTCOME_NOT_SENT, "net:before_send");
	facts.end = CALL_LOST;
	always(facts, OUTCOME_LOST, "net:after_send");
}
END_TEST

/* Every row with a code, with every status it may come with: the code decides. */
START_TEST(a_code_of_the_table_decides_whatever_the_status)
{
	static const int statuses[] = { 200, 302, 400, 401, 403, 404, 429, 500, 502, 503, 504 };
	size_t count;
	const struct graph_error *rows = graph_error_rows(&count);

	for (size_t i = 0; i < count; i++) {
		int code = rows[i].last_code;

		if (code < 0 || code == 1 || code == 2 || code == 131000 || code == 131016)
			continue;
		for (size_t s = 0; s < sizeof(statuses) / sizeof(statuses[0]); s++) {
			struct call_facts facts = answer(statuses[s], code);

			facts.error_subcode = rows[i].subcode;
			facts.is_transient = s % 2 == 0;
			always(facts, OUTCOME_REFUSED, rows[i].name);
		}
	}
}
END_TEST

START_TEST(permanent_codes_with_500_are_refused_for_good)
{
	static const int codes[] = { 3, 131045, 133000, 134102 };

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		struct call_facts facts = answer(500, codes[i]);
		struct verdict v = outcome_decide(&facts, true);

		ck_assert_int_eq(v.outcome, OUTCOME_REFUSED);
		ck_assert(v.error->class == GRAPH_AUTH ||
			  v.error->class == GRAPH_PERMANENT_ACCOUNT);
	}
}
END_TEST

START_TEST(a_complete_500_or_503_is_refused_for_now)
{
	static const int statuses[] = { 500, 503 };

	for (int i = 0; i < 2; i++) {
		struct call_facts readable = answer(statuses[i], -1);

		readable.readable = true;
		decides(answer(statuses[i], -1), false, OUTCOME_REFUSED, "http:500");
		decides(readable, false, OUTCOME_REFUSED, "http:500");
		decides(answer(statuses[i], 1), false, OUTCOME_REFUSED, "1");
		decides(answer(statuses[i], 2), false, OUTCOME_REFUSED, "2");
		decides(answer(statuses[i], 131000), false, OUTCOME_REFUSED, "131000");
		decides(answer(statuses[i], 131016), false, OUTCOME_REFUSED, "131016");
		decides(answer(statuses[i], 999999), false, OUTCOME_REFUSED, "unknown_5xx");
	}
}
END_TEST

START_TEST(the_setting_makes_those_lost_and_no_other)
{
	static const int statuses[] = { 500, 503 };

	for (int i = 0; i < 2; i++) {
		decides(answer(statuses[i], -1), true, OUTCOME_LOST, "http:500");
		decides(answer(statuses[i], 1), true, OUTCOME_LOST, "1");
		decides(answer(statuses[i], 2), true, OUTCOME_LOST, "2");
		decides(answer(statuses[i], 131000), true, OUTCOME_LOST, "131000");
		decides(answer(statuses[i], 131016), true, OUTCOME_LOST, "131016");
		decides(answer(statuses[i], 999999), true, OUTCOME_LOST, "unknown_5xx");
		decides(answer(statuses[i], 131057), true, OUTCOME_REFUSED, "131057");
		decides(answer(statuses[i], 133004), true, OUTCOME_REFUSED, "133004");
	}
	decides(answer(400, 2), true, OUTCOME_REFUSED, "2");
	decides(answer(400, 131000), true, OUTCOME_REFUSED, "131000");
}
END_TEST

START_TEST(other_5xx_are_lost)
{
	static const int statuses[] = { 501, 502, 504, 599 };

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		always(answer(statuses[i], -1), OUTCOME_LOST, "http:5xx");
		always(answer(statuses[i], 1), OUTCOME_LOST, "http:5xx");
		always(answer(statuses[i], 131016), OUTCOME_LOST, "http:5xx");
		always(answer(statuses[i], 999999), OUTCOME_LOST, "http:5xx");
	}
}
END_TEST

START_TEST(code_1_with_4xx_is_an_error_of_the_request)
{
	struct call_facts facts = answer(400, 1);

	always(facts, OUTCOME_REFUSED, "unknown_4xx");
	facts.is_transient = true;
	always(facts, OUTCOME_REFUSED, "unknown_5xx");
}
END_TEST

START_TEST(an_unknown_code_with_4xx_is_permanent_unless_transient)
{
	static const int codes[] = { 999999, -1, -8, 199 };

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		struct call_facts facts = answer(400, 0);

		facts.error_code = codes[i];
		always(facts, OUTCOME_REFUSED, "unknown_4xx");
		facts.is_transient = true;
		always(facts, OUTCOME_REFUSED, "unknown_5xx");
	}
}
END_TEST

START_TEST(statuses_without_a_code)
{
	always(answer(400, -1), OUTCOME_REFUSED, "http:4xx");
	always(answer(401, -1), OUTCOME_REFUSED, "http:4xx");
	always(answer(403, -1), OUTCOME_REFUSED, "http:4xx");
	always(answer(413, -1), OUTCOME_REFUSED, "http:4xx");
	always(answer(499, -1), OUTCOME_REFUSED, "http:4xx");
	always(answer(429, -1), OUTCOME_REFUSED, "http:429");
	always(answer(408, -1), OUTCOME_LOST, "net:after_send");
	always(answer(425, -1), OUTCOME_LOST, "net:after_send");
	always(answer(301, -1), OUTCOME_REFUSED, "http:4xx");
	always(answer(307, -1), OUTCOME_REFUSED, "http:4xx");
}
END_TEST

START_TEST(numbers_that_are_no_status_are_lost)
{
	static const int statuses[] = { 0, 100, 199, 600, 999, -1 };

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		always(answer(statuses[i], -1), OUTCOME_LOST, "net:after_send");
		always(answer(statuses[i], 999999), OUTCOME_LOST, "net:after_send");
	}
}
END_TEST

START_TEST(names_are_read_back)
{
	static const char *const names[] = { "", "accepted", "refused", "not_sent", "lost" };
	enum outcome read;

	for (int i = 0; i < 5; i++) {
		ck_assert_str_eq(outcome_name((enum outcome)i), names[i]);
		ck_assert(outcome_parse(names[i], &read));
		ck_assert_int_eq(read, i);
	}
	read = OUTCOME_LOST;
	ck_assert(!outcome_parse("Lost", &read));
	ck_assert(!outcome_parse("unknown", &read));
	ck_assert_int_eq(read, OUTCOME_LOST);
	ck_assert_str_eq(outcome_name((enum outcome)5), "");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("outcome");
	TCase *tcase = tcase_create("outcome");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, an_id_in_a_2xx_is_accepted);
	tcase_add_test(tcase, a_2xx_without_an_id_is_lost);
	tcase_add_test(tcase, an_error_object_in_a_2xx_counts_as_what_it_says);
	tcase_add_test(tcase, how_the_call_ended_comes_first);
	tcase_add_test(tcase, a_code_of_the_table_decides_whatever_the_status);
	tcase_add_test(tcase, permanent_codes_with_500_are_refused_for_good);
	tcase_add_test(tcase, a_complete_500_or_503_is_refused_for_now);
	tcase_add_test(tcase, the_setting_makes_those_lost_and_no_other);
	tcase_add_test(tcase, other_5xx_are_lost);
	tcase_add_test(tcase, code_1_with_4xx_is_an_error_of_the_request);
	tcase_add_test(tcase, an_unknown_code_with_4xx_is_permanent_unless_transient);
	tcase_add_test(tcase, statuses_without_a_code);
	tcase_add_test(tcase, numbers_that_are_no_status_are_lost);
	tcase_add_test(tcase, names_are_read_back);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
