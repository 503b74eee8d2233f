#include "domain/message_id.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t ones[10] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const uint8_t zeros[10];

/* RFC 9562, appendix A.6. */
START_TEST(the_example_of_the_rfc_comes_out)
{
	static const uint8_t random[10] = { 0x0c, 0xc3, 0x18, 0xc4, 0xdc,
					    0x0c, 0x0c, 0x07, 0x39, 0x8f };
	char text[MESSAGE_ID_TEXT_BYTES];

	message_id_text(message_id_make(INT64_C(0x017f22e279b0), random), text);
	ck_assert_str_eq(text, "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
}
END_TEST

START_TEST(version_and_variant_stand_whatever_the_chance)
{
	char text[MESSAGE_ID_TEXT_BYTES];

	message_id_text(message_id_make(0, zeros), text);
	ck_assert_str_eq(text, "00000000-0000-7000-8000-000000000000");
	message_id_text(message_id_make(0, ones), text);
	ck_assert_str_eq(text, "00000000-0000-7fff-bfff-ffffffffffff");
}
END_TEST

START_TEST(seventy_four_bits_are_random)
{
	int free_bits = 0;

	for (int bit = 0; bit < 80; bit++) {
		uint8_t random[10] = { 0 };

		random[bit / 8] = (uint8_t)(1u << (bit % 8));
		if (!message_id_equal(message_id_make(0, random), message_id_make(0, zeros)))
			free_bits++;
	}
	ck_assert_int_eq(free_bits, 74);
}
END_TEST

START_TEST(later_ids_sort_behind_earlier_ones)
{
	static const int64_t times[] = { 0,
					 1,
					 255,
					 256,
					 INT64_C(1762252200000),
					 INT64_C(1762252200001),
					 (INT64_C(1) << 48) - 1 };

	for (size_t i = 1; i < sizeof(times) / sizeof(times[0]); i++) {
		struct message_id before = message_id_make(times[i - 1], ones);
		struct message_id after = message_id_make(times[i], zeros);

		ck_assert_int_lt(memcmp(before.bytes, after.bytes, sizeof(before.bytes)), 0);
	}
}
END_TEST

START_TEST(the_greatest_time_fits)
{
	char text[MESSAGE_ID_TEXT_BYTES];

	message_id_text(message_id_make((INT64_C(1) << 48) - 1, zeros), text);
	ck_assert_str_eq(text, "ffffffff-ffff-7000-8000-000000000000");
}
END_TEST

START_TEST(text_is_read_back_in_either_case)
{
	static const uint8_t random[10] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 0xab };
	struct message_id id = message_id_make(INT64_C(1762252200000), random);
	struct message_id read;
	char text[MESSAGE_ID_TEXT_BYTES];

	message_id_text(id, text);
	ck_assert(message_id_parse(text, &read));
	ck_assert(message_id_equal(id, read));
	for (char *c = text; *c != '\0'; c++)
		if (*c >= 'a' && *c <= 'f')
			*c = (char)(*c - 'a' + 'A');
	ck_assert(message_id_parse(text, &read));
	ck_assert(message_id_equal(id, read));
	ck_assert(message_id_parse("123e4567-e89b-12d3-a456-426614174000", &read));
	ck_assert_int_eq(read.bytes[0], 0x12);
	ck_assert_int_eq(read.bytes[15], 0x00);
}
END_TEST

START_TEST(anything_else_is_refused_and_leaves_the_output)
{
	static const char *const wrong[] = {
		"",
		"0",
		"017f22e2-79b0-7cc3-98c4-dc0c0c07398",   /* one short */
		"017f22e2-79b0-7cc3-98c4-dc0c0c07398f0", /* one long */
		"017f22e279b07cc398c4dc0c0c07398f",
		"017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
		"017f22e2-79b0-7cc3-98c4-dc0c0c07398-",
		"017f22e2 79b0-7cc3-98c4-dc0c0c07398f",
		"017f22e27-9b0-7cc3-98c4-dc0c0c07398f",
		"{17f22e2-79b0-7cc3-98c4-dc0c0c07398}",
		" 17f22e2-79b0-7cc3-98c4-dc0c0c07398f",
		"-1-f22e2-79b0-7cc3-98c4-dc0c0c07398f",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct message_id id = message_id_make(7, ones);

		ck_assert_msg(!message_id_parse(wrong[i], &id), "%s", wrong[i]);
		ck_assert(message_id_equal(id, message_id_make(7, ones)));
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("message_id");
	TCase *tcase = tcase_create("message_id");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, the_example_of_the_rfc_comes_out);
	tcase_add_test(tcase, version_and_variant_stand_whatever_the_chance);
	tcase_add_test(tcase, seventy_four_bits_are_random);
	tcase_add_test(tcase, later_ids_sort_behind_earlier_ones);
	tcase_add_test(tcase, the_greatest_time_fits);
	tcase_add_test(tcase, text_is_read_back_in_either_case);
	tcase_add_test(tcase, anything_else_is_refused_and_leaves_the_output);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
