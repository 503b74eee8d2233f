#include "webhook/gather.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct webhook_change change(enum webhook_kind kind)
{
	return (struct webhook_change){ .kind = kind,
					.field_text = "f",
					.account = "a",
					.number = "1",
					.display = "62",
					.phone = "628",
					.user = "ID.1",
					.at_wall_us = 5,
					.wamid = "w",
					.type = "text",
					.stop = true,
					.event = "E",
					.limit = "L",
					.until_wall_us = 7,
					.json = "{}",
					.json_len = 2 };
}

START_TEST(each_kind_of_change_has_its_notice)
{
	static const struct {
		enum webhook_kind from;
		enum notice_kind to;
		const char *type;
		size_t raw_len;
	} rows[] = {
		{ WEBHOOK_INBOUND, NOTICE_INBOUND, "text", 2 },
		{ WEBHOOK_PREFERENCE, NOTICE_PREFERENCE, "text", 0 },
		{ WEBHOOK_QUALITY, NOTICE_QUALITY, "L", 0 },
		{ WEBHOOK_RESTRICTION, NOTICE_ACCOUNT, "L", 0 },
	};
	struct webhook_change c = change(WEBHOOK_WHOLE);
	struct notice n;

	ck_assert(!webhook_notice(&c, &n));
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		c = change(rows[i].from);
		ck_assert(webhook_notice(&c, &n));
		ck_assert_int_eq(n.kind, rows[i].to);
		ck_assert_str_eq(n.type, rows[i].type);
		ck_assert_uint_eq(n.raw_len, rows[i].raw_len);
		ck_assert_str_eq(n.event, "E");
		ck_assert_int_eq(n.until_wall_us, 7);
		ck_assert(n.stop && !n.has_id);
	}
}
END_TEST

START_TEST(only_a_failure_of_an_opt_out_tells_of_one)
{
	struct receipt r = { .status = RECEIPT_FAILED,
			     .code = 131050,
			     .wamid = "w",
			     .number = "1",
			     .recipient = "628",
			     .at_wall_us = 5,
			     .has_callback = true };
	struct notice n;

	ck_assert(webhook_notice_of_receipt(&r, &n));
	ck_assert_int_eq(n.kind, NOTICE_PREFERENCE);
	ck_assert(n.stop && n.has_id);
	ck_assert_str_eq(n.phone, "628");
	r.code = 131049;
	ck_assert(!webhook_notice_of_receipt(&r, &n));
	r.code = 131050;
	r.status = RECEIPT_SENT;
	ck_assert(!webhook_notice_of_receipt(&r, &n));
}
END_TEST

START_TEST(a_number_is_new_once_in_five_minutes)
{
	static struct webhook_numbers numbers;

	ck_assert(webhook_numbers_new(&numbers, "1", "62", "a", 1000));
	ck_assert(!webhook_numbers_new(&numbers, "1", "62", "a", 1000));
	ck_assert(webhook_numbers_new(&numbers, "1", "62", "b", 1000));
	ck_assert(webhook_numbers_new(&numbers, "16", "2", "b", 1000));
	ck_assert(!webhook_numbers_new(&numbers, "1", "62", "b", 1000 + WEBHOOK_NUMBERS_MS - 1));
	ck_assert(webhook_numbers_new(&numbers, "1", "62", "b", 1000 + WEBHOOK_NUMBERS_MS));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("webhook_gather");
	TCase *tcase = tcase_create("webhook_gather");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, each_kind_of_change_has_its_notice);
	tcase_add_test(tcase, only_a_failure_of_an_opt_out_tells_of_one);
	tcase_add_test(tcase, a_number_is_new_once_in_five_minutes);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
