/* Labels are indices from other modules: their words must be those of the modules. */
#include <check.h>
#include <stdlib.h>

#include "delivery/result.h"
#include "domain/breaker.h"
#include "domain/outcome.h"
#include "domain/receipt.h"
#include "domain/settle.h"
#include "http/router.h"
#include "metrics/rows.h"
#include "webhook/change.h"

START_TEST(routes_are_those_of_the_router)
{
	const struct metric_label *label = &metric_rows[METRIC_REQUESTS].labels[0];

	ck_assert_uint_eq(label->count, ROUTE_COUNT + 1);
	for (unsigned i = 0; i < ROUTE_COUNT; i++)
		ck_assert_str_eq(label->values[i], http_route_name((enum route)i));
	ck_assert_str_eq(label->values[ROUTE_COUNT], "none");
	ck_assert_ptr_eq(metric_rows[METRIC_REQUEST_SECONDS].labels[0].values, label->values);
}
END_TEST

START_TEST(outcomes_are_those_of_attempts)
{
	const struct metric_label *label = &metric_rows[METRIC_ATTEMPTS].labels[0];

	ck_assert_uint_eq(label->count, OUTCOME_LOST - OUTCOME_ACCEPTED + 1);
	for (unsigned i = 0; i < label->count; i++)
		ck_assert_str_eq(label->values[i],
				 outcome_name((enum outcome)(i + OUTCOME_ACCEPTED)));
}
END_TEST

START_TEST(ends_are_those_of_results)
{
	const struct metric_label *label = &metric_rows[METRIC_TOLD].labels[0];

	ck_assert_uint_eq(label->count, DELIVERY_END_COUNT);
	ck_assert_str_eq(label->values[DELIVERY_SENT], "sent");
	ck_assert_str_eq(label->values[DELIVERY_FAILED], "failed");
	ck_assert_str_eq(label->values[DELIVERY_UNKNOWN], "unknown");
	ck_assert_str_eq(label->values[DELIVERY_RELEASED], "released");
	ck_assert_str_eq(label->values[DELIVERY_ELSEWHERE], "elsewhere");
}
END_TEST

START_TEST(states_are_those_of_breakers)
{
	const struct metric_label *label = &metric_rows[METRIC_BREAKER_CHANGES].labels[1];

	ck_assert_uint_eq(label->count, BREAKER_STATES);
	for (unsigned i = 0; i < BREAKER_STATES; i++)
		ck_assert_str_eq(label->values[i], breaker_state_name((enum breaker_state)i));
}
END_TEST

START_TEST(policies_and_decisions_are_those_of_settling)
{
	const struct metric_row *row = &metric_rows[METRIC_SETTLED];

	ck_assert_uint_eq(row->labels[0].count, UNKNOWN_POLICIES);
	for (unsigned i = 0; i < UNKNOWN_POLICIES; i++)
		ck_assert_str_eq(row->labels[0].values[i],
				 unknown_policy_name((enum unknown_policy)i));
	ck_assert_uint_eq(row->labels[1].count, SETTLE_SENT - SETTLE_RESEND + 1);
	ck_assert_str_eq(row->labels[1].values[0], "resend");
	ck_assert_str_eq(row->labels[1].values[SETTLE_FAIL - SETTLE_RESEND], "failed");
	ck_assert_str_eq(row->labels[1].values[SETTLE_SENT - SETTLE_RESEND], "sent");
}
END_TEST

START_TEST(words_of_webhooks_are_those_of_what_they_bring)
{
	const struct metric_label *statuses = &metric_rows[METRIC_RECEIPTS].labels[0];
	const struct metric_label *fields = &metric_rows[METRIC_WEBHOOK_CHANGES].labels[0];

	ck_assert_uint_eq(statuses->count, RECEIPT_OTHER + 1);
	for (unsigned i = 0; i < RECEIPT_OTHER; i++)
		ck_assert_str_eq(statuses->values[i], receipt_status_name((enum receipt_status)i));
	ck_assert_str_eq(statuses->values[RECEIPT_OTHER], "other");
	ck_assert_uint_eq(fields->count, WEBHOOK_FIELDS);
	for (unsigned i = 0; i < WEBHOOK_FIELDS; i++)
		ck_assert_str_eq(fields->values[i], webhook_field_name((enum webhook_field)i));
	ck_assert_uint_eq(metric_rows[METRIC_WEBHOOK_UNKNOWN].labels[0].count, WEBHOOK_UNKNOWNS);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("metric_words");
	TCase *tcase = tcase_create("metric_words");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, routes_are_those_of_the_router);
	tcase_add_test(tcase, outcomes_are_those_of_attempts);
	tcase_add_test(tcase, states_are_those_of_breakers);
	tcase_add_test(tcase, ends_are_those_of_results);
	tcase_add_test(tcase, policies_and_decisions_are_those_of_settling);
	tcase_add_test(tcase, words_of_webhooks_are_those_of_what_they_bring);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
