/* traceparent, as W3C Trace Context has it. */
#include <check.h>
#include <stdlib.h>

#include "domain/trace.h"

#define ID "0af7651916cd43dd8448eb211c80319c"
#define SPAN "b7ad6b7169203331"

static const uint8_t random_bytes_of_test[TRACE_RANDOM_BYTES] = {
	0x10, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xfe, 0xa0, 1, 2, 3, 4, 5, 6, 0xfe,
};
#define NEW_ID "100102030405060708090a0b0c0d0eff"
#define NEW_SPAN "a0010203040506ff"

static const char *go_on(const char *traceparent)
{
	static char parent[TRACE_PARENT_BYTES];

	trace_continue(traceparent, random_bytes_of_test, parent);
	return parent;
}

START_TEST(a_sound_one_goes_on_with_a_new_parent)
{
	ck_assert_str_eq(go_on("00-" ID "-" SPAN "-01"), "00-" ID "-" NEW_SPAN "-01");
	ck_assert_str_eq(go_on("00-" ID "-" SPAN "-00"), "00-" ID "-" NEW_SPAN "-00");
	ck_assert_str_eq(go_on("00-" ID "-" SPAN "-02"), "00-" ID "-" NEW_SPAN "-02");
	/* A later version: what is known of it, and no flag that is not. */
	ck_assert_str_eq(go_on("cc-" ID "-" SPAN "-01"), "00-" ID "-" NEW_SPAN "-01");
	ck_assert_str_eq(go_on("cc-" ID "-" SPAN "-ff-more"), "00-" ID "-" NEW_SPAN "-03");
	ck_assert_str_eq(go_on("cc-" ID "-" SPAN "-fc-more"), "00-" ID "-" NEW_SPAN "-00");
}
END_TEST

START_TEST(for_all_others_a_new_one_begins)
{
	static const char *const wrong[] = {
		"",
		"00",
		ID,
		"00-" ID "-" SPAN "-0",
		"00-" ID "-" SPAN "-01-more",
		"cc-" ID "-" SPAN "-01more",
		"ff-" ID "-" SPAN "-01",
		"00_" ID "-" SPAN "-01",
		"00-" ID "_" SPAN "-01",
		"00-" ID "-" SPAN "_01",
		"00-0AF7651916CD43DD8448EB211C80319C-" SPAN "-01",
		"00-00000000000000000000000000000000-" SPAN "-01",
		"00-" ID "-0000000000000000-01",
		"0g-" ID "-" SPAN "-01",
		"00-" ID "-" SPAN "-0g",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ck_assert_str_eq(go_on(wrong[i]), "00-" NEW_ID "-" NEW_SPAN "-00");
}
END_TEST

START_TEST(neither_id_is_ever_0)
{
	const uint8_t zeros[TRACE_RANDOM_BYTES] = { 0 };
	char parent[TRACE_PARENT_BYTES];

	trace_continue("", zeros, parent);
	ck_assert_str_eq(parent, "00-00000000000000000000000000000001-0000000000000001-00");
}
END_TEST

START_TEST(of_a_message_it_is_named_after_that)
{
	char parent[TRACE_PARENT_BYTES];
	struct message_id id;

	ck_assert(message_id_parse("0192f0c1-2345-7abc-8def-0123456789ab", &id));
	trace_of_message(id, parent);
	ck_assert_str_eq(parent, "00-0192f0c123457abc8def0123456789ab-8def0123456789ab-00");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("trace");
	TCase *tcase = tcase_create("trace");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, a_sound_one_goes_on_with_a_new_parent);
	tcase_add_test(tcase, for_all_others_a_new_one_begins);
	tcase_add_test(tcase, neither_id_is_ever_0);
	tcase_add_test(tcase, of_a_message_it_is_named_after_that);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
