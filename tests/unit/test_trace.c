/* traceparent, as W3C Trace Context has it. */
#include <check.h>
#include <stdlib.h>

#include "http/trace.h"

#define ID "0af7651916cd43dd8448eb211c80319c"
#define SPAN "b7ad6b7169203331"

START_TEST(a_sound_one)
{
	char id[TRACE_ID_BYTES];

	ck_assert(trace_id_read("00-" ID "-" SPAN "-01", id));
	ck_assert_str_eq(id, ID);
	ck_assert(trace_id_read("cc-" ID "-" SPAN "-01", id));
	ck_assert(trace_id_read("cc-" ID "-" SPAN "-01-more", id));
}
END_TEST

START_TEST(all_others_are_none)
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
	char id[TRACE_ID_BYTES] = "as it was";

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ck_assert_msg(!trace_id_read(wrong[i], id), "%s", wrong[i]);
	ck_assert_str_eq(id, "as it was");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("trace");
	TCase *tcase = tcase_create("trace");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, a_sound_one);
	tcase_add_test(tcase, all_others_are_none);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
