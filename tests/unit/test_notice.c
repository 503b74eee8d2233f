#include "domain/notice.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AT INT64_C(1795392010000000)

static struct notice inbound(void)
{
	return (struct notice){ .kind = NOTICE_INBOUND,
				.number = "109876543210987",
				.phone = "628123456789",
				.at_wall_us = AT,
				.wamid = "wamid.1",
				.type = "text",
				.raw = "{\"x\":1}",
				.raw_len = 7 };
}

static enum notices_verdict verdict_of(const struct notice *notice)
{
	struct notices *list = notices_new();
	const enum notices_verdict verdict = notices_add(list, notice);

	notices_free(list);
	return verdict;
}

START_TEST(a_copy_has_texts_of_its_own)
{
	struct notices *list = notices_new();
	char wamid[400];
	struct notice n = inbound();
	const struct notice *kept;

	memset(wamid, 'w', sizeof(wamid) - 1);
	wamid[sizeof(wamid) - 1] = '\0';
	n.wamid = wamid;
	n.event = "\xff";
	ck_assert_uint_eq(notices_count(NULL), 0);
	for (unsigned i = 0; i < 100; i++)
		ck_assert_int_eq(notices_add(list, &n), NOTICES_ADDED);
	memset(wamid, 'x', sizeof(wamid) - 1);
	ck_assert_uint_eq(notices_count(list), 100);
	kept = notices_at(list, 99);
	ck_assert_uint_eq(strlen(kept->wamid), NOTICE_TEXT_MAX);
	ck_assert_int_eq(kept->wamid[0], 'w');
	ck_assert_str_eq(kept->phone, "628123456789");
	ck_assert_str_eq(kept->user, "");
	ck_assert_str_eq(kept->event, "");
	ck_assert_uint_eq(kept->raw_len, 7);
	ck_assert_int_eq(memcmp(kept->raw, "{\"x\":1}", 7), 0);
	notices_free(list);
}
END_TEST

START_TEST(what_identifies_it_must_be_there)
{
	struct notice n = inbound();

	ck_assert_int_eq(verdict_of(&n), NOTICES_ADDED);
	n.wamid = "";
	ck_assert_int_eq(verdict_of(&n), NOTICES_BAD);
	n = inbound();
	n.phone = NULL;
	ck_assert_int_eq(verdict_of(&n), NOTICES_BAD);
	n.user = "ID.1";
	ck_assert_int_eq(verdict_of(&n), NOTICES_ADDED);
	n.at_wall_us = 0;
	ck_assert_int_eq(verdict_of(&n), NOTICES_BAD);
	n = inbound();
	n.number = "\xc3\x28";
	ck_assert_int_eq(verdict_of(&n), NOTICES_BAD);
	n.kind = NOTICE_QUALITY;
	ck_assert_int_eq(verdict_of(&n), NOTICES_BAD);
	n.display = "62811";
	n.event = "THROUGHPUT_UPGRADE";
	n.at_wall_us = 0; /* need not be said */
	ck_assert_int_eq(verdict_of(&n), NOTICES_ADDED);
	n.kind = NOTICE_ACCOUNT;
	ck_assert_int_eq(verdict_of(&n), NOTICES_BAD);
	n.account = "2109";
	ck_assert_int_eq(verdict_of(&n), NOTICES_ADDED);
}
END_TEST

/* As holds have room for: one that is longer must not stand in the way of all others. */
START_TEST(a_number_has_31_digits_at_most)
{
	static const struct {
		const char *number;
		enum notices_verdict verdict;
	} rows[] = {
		{ "", NOTICES_BAD },
		{ "1", NOTICES_ADDED },
		{ "1234567890123456789012345678901", NOTICES_ADDED },
		{ "12345678901234567890123456789012", NOTICES_BAD },
		{ "12a", NOTICES_BAD },
	};
	struct notice n = { .kind = NOTICE_NUMBER, .display = "62811" };

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		n.number = rows[i].number;
		ck_assert_int_eq(verdict_of(&n), rows[i].verdict);
	}
}
END_TEST

START_TEST(there_is_a_limit)
{
	struct notices *list = notices_new();
	const struct notice n = inbound();

	for (unsigned i = 0; i < NOTICES_MAX; i++)
		ck_assert_int_eq(notices_add(list, &n), NOTICES_ADDED);
	ck_assert_int_eq(notices_add(list, &n), NOTICES_FULL);
	ck_assert_uint_eq(notices_count(list), NOTICES_MAX);
	notices_free(list);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("notice");
	TCase *tcase = tcase_create("notice");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, a_copy_has_texts_of_its_own);
	tcase_add_test(tcase, what_identifies_it_must_be_there);
	tcase_add_test(tcase, a_number_has_31_digits_at_most);
	tcase_add_test(tcase, there_is_a_limit);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
