/* The vectors of RFC 4231 for HMAC-SHA256. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "crypto/hmac.h"

static void expect(const void *key, size_t key_len, const void *data, size_t len,
		   const char *wanted)
{
	/* Whole, and in two portions, the first of which two computations share. */
	for (size_t cut = 0; cut <= len; cut += len ? len : 1) {
		struct hmac *first = hmac_new(key, key_len);
		struct hmac *second;
		uint8_t mac[HMAC_SHA256_BYTES];
		char text[2 * HMAC_SHA256_BYTES + 1];

		ck_assert_ptr_nonnull(first);
		ck_assert_int_eq(hmac_add(first, data, cut), 0);
		second = hmac_copy(first);
		ck_assert_ptr_nonnull(second);
		ck_assert_int_eq(hmac_add(first, "something else", 14), 0);
		ck_assert_int_eq(hmac_end(first, mac), 0);
		text_hex(text, mac, sizeof(mac));
		ck_assert_str_ne(text, wanted);
		ck_assert_int_eq(hmac_add(second, (const char *)data + cut, len - cut), 0);
		ck_assert_int_eq(hmac_end(second, mac), 0);
		text_hex(text, mac, sizeof(mac));
		ck_assert_str_eq(text, wanted);
		hmac_free(first);
		hmac_free(second);
	}
}

START_TEST(known_messages_have_their_codes)
{
	uint8_t key[131];
	uint8_t data[50];

	memset(key, 0x0b, sizeof(key));
	expect(key, 20, "Hi There", 8,
	       "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	expect("Jefe", 4, "what do ya want for nothing?", 28,
	       "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, sizeof(key));
	memset(data, 0xdd, sizeof(data));
	expect(key, 20, data, sizeof(data),
	       "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
	expect(key, 131, "Test Using Larger Than Block-Size Key - Hash Key First", 54,
	       "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}
END_TEST

START_TEST(equal_is_equal_to_the_last_byte)
{
	static const char a[] = "0123456789abcdef";
	char b[sizeof(a)];

	for (size_t i = 0; i < sizeof(a); i++) {
		memcpy(b, a, sizeof(a));
		ck_assert(hmac_equal(a, b, sizeof(a)));
		b[i] ^= 1;
		ck_assert(!hmac_equal(a, b, sizeof(a)));
	}
}
END_TEST

START_TEST(texts_are_compared_whole)
{
	ck_assert(hmac_texts_equal("", ""));
	ck_assert(hmac_texts_equal("verify-me", "verify-me"));
	ck_assert(!hmac_texts_equal("verify-me", "verify-m"));
	ck_assert(!hmac_texts_equal("verify-m", "verify-me"));
	ck_assert(!hmac_texts_equal("verify-me", "verify-mE"));
	ck_assert(!hmac_texts_equal("verify-me", ""));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("hmac");
	TCase *tcase = tcase_create("hmac");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, known_messages_have_their_codes);
	tcase_add_test(tcase, equal_is_equal_to_the_last_byte);
	tcase_add_test(tcase, texts_are_compared_whole);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
