#include "base/pack.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static void put_all(struct pack *p)
{
	pack_put_u8(p, 0xfe);
	pack_put_u32(p, 0xfedcba98);
	pack_put_u64(p, UINT64_MAX - 1);
	pack_put_i64(p, INT64_MIN);
	pack_put_bytes(p, "a\0b", 3);
	pack_put_text(p, "héllo");
	pack_put_text(p, "");
}

#define ALL_BYTES (1 + 4 + 8 + 8 + 3 + (4 + 6 + 1) + (4 + 0 + 1))

START_TEST(what_is_put_is_got)
{
	uint8_t data[100];
	uint8_t bytes[3];
	struct pack w;
	struct pack r;

	pack_init(&w, data, sizeof(data));
	put_all(&w);
	ck_assert(!w.failed);
	ck_assert_uint_eq(w.at, ALL_BYTES);

	pack_init(&r, data, w.at);
	ck_assert_uint_eq(pack_get_u8(&r), 0xfe);
	ck_assert_uint_eq(pack_get_u32(&r), 0xfedcba98);
	ck_assert_uint_eq(pack_get_u64(&r), UINT64_MAX - 1);
	ck_assert_int_eq(pack_get_i64(&r), INT64_MIN);
	pack_get_bytes(&r, bytes, sizeof(bytes));
	ck_assert_mem_eq(bytes, "a\0b", 3);
	ck_assert_str_eq(pack_get_text(&r), "héllo");
	ck_assert(!pack_end(&r));
	ck_assert_str_eq(pack_get_text(&r), "");
	ck_assert(pack_end(&r));
}
END_TEST

START_TEST(the_end_of_the_buffer_is_exact)
{
	for (size_t size = 0; size <= ALL_BYTES + 1; size++) {
		uint8_t *data = malloc(size + 1); /* its exact end for AddressSanitizer */
		struct pack w;

		data[size] = 0x55;
		pack_init(&w, data, size);
		put_all(&w);
		ck_assert_int_eq(w.failed, size < ALL_BYTES);
		ck_assert_uint_le(w.at, size);
		ck_assert_uint_eq(data[size], 0x55);
		free(data);
	}
}
END_TEST

START_TEST(cut_input_gives_zeros_and_fails)
{
	uint8_t data[ALL_BYTES];
	struct pack w;

	pack_init(&w, data, sizeof(data));
	put_all(&w);
	for (size_t size = 0; size < ALL_BYTES; size++) {
		uint8_t *copy = malloc(size + 1);
		uint8_t bytes[3];
		struct pack r;

		memcpy(copy, data, size);
		pack_init(&r, copy, size);
		(void)pack_get_u8(&r);
		(void)pack_get_u32(&r);
		(void)pack_get_u64(&r);
		(void)pack_get_i64(&r);
		pack_get_bytes(&r, bytes, sizeof(bytes));
		(void)pack_get_text(&r);
		ck_assert_str_eq(pack_get_text(&r), "");
		ck_assert(r.failed);
		ck_assert(!pack_end(&r));
		free(copy);
	}
}
END_TEST

START_TEST(after_a_failure_everything_is_zero)
{
	uint8_t data[8] = { 1, 1, 1, 1, 1, 1, 1, 1 };
	uint8_t bytes[2] = { 7, 7 };
	struct pack r;

	pack_init(&r, data, 7);
	ck_assert_uint_eq(pack_get_u64(&r), 0);
	ck_assert_uint_eq(pack_get_u8(&r), 0);
	ck_assert_uint_eq(pack_get_u32(&r), 0);
	ck_assert_int_eq(pack_get_i64(&r), 0);
	pack_get_bytes(&r, bytes, 2);
	ck_assert_mem_eq(bytes, "\0\0", 2);
	ck_assert_str_eq(pack_get_text(&r), "");
	ck_assert(!pack_end(&r));
}
END_TEST

/* Reads a text of which the sender says that it has len bytes. */
static bool text_is_good(uint32_t len, const char *bytes, size_t count)
{
	uint8_t data[32];
	struct pack p;

	pack_init(&p, data, sizeof(data));
	pack_put_u32(&p, len);
	pack_put_bytes(&p, bytes, count);
	pack_init(&p, data, p.at);
	(void)pack_get_text(&p);
	return pack_end(&p);
}

START_TEST(bad_texts_are_refused)
{
	ck_assert(text_is_good(3, "abc", 4));
	ck_assert(!text_is_good(3, "abcd", 4)); /* no 0 */
	ck_assert(!text_is_good(3, "a\0c", 4)); /* a 0 inside */
	ck_assert(!text_is_good(4, "abc", 4));  /* longer than there is */
	ck_assert(!text_is_good(2, "abc", 4));  /* shorter */
	ck_assert(!text_is_good(UINT32_MAX, "abc", 4));
	ck_assert(!text_is_good(0, "", 0));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pack");
	TCase *tcase = tcase_create("pack");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, what_is_put_is_got);
	tcase_add_test(tcase, the_end_of_the_buffer_is_exact);
	tcase_add_test(tcase, cut_input_gives_zeros_and_fails);
	tcase_add_test(tcase, after_a_failure_everything_is_zero);
	tcase_add_test(tcase, bad_texts_are_refused);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
