/* The vectors of FIPS 180-4 (NIST, "Examples with intermediate values") and the empty message. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "crypto/digest.h"

static void expect(const char *data, size_t len, const char *wanted)
{
	uint8_t digest[DIGEST_SHA256_BYTES];
	char text[2 * DIGEST_SHA256_BYTES + 1];

	ck_assert_int_eq(digest_sha256(data, len, digest), 0);
	text_hex(text, digest, sizeof(digest));
	ck_assert_str_eq(text, wanted);
}

START_TEST(known_messages_have_their_digests)
{
	static const char blocks[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";

	expect("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	expect("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	expect(blocks, sizeof(blocks) - 1,
	       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}
END_TEST

START_TEST(a_zero_byte_is_a_byte_like_any_other)
{
	uint8_t one[DIGEST_SHA256_BYTES];
	uint8_t two[DIGEST_SHA256_BYTES];

	ck_assert_int_eq(digest_sha256("a\0b", 3, one), 0);
	ck_assert_int_eq(digest_sha256("a\0c", 3, two), 0);
	ck_assert_mem_ne(one, two, sizeof(one));
}
END_TEST

START_TEST(a_million_bytes)
{
	char *data = malloc(1000000);

	ck_assert_ptr_nonnull(data);
	memset(data, 'a', 1000000);
	expect(data, 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	free(data);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("digest");
	TCase *tcase = tcase_create("digest");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, known_messages_have_their_digests);
	tcase_add_test(tcase, a_zero_byte_is_a_byte_like_any_other);
	tcase_add_test(tcase, a_million_bytes);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
