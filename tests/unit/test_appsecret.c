/* Test cases 1 to 3 of RFC 4231 as far as they are texts. */
#include <check.h>
#include <stdlib.h>

#include "crypto/appsecret.h"

START_TEST(it_is_the_hmac_of_the_token_under_the_secret)
{
	char proof[APPSECRET_PROOF_BYTES];

	ck_assert_int_eq(appsecret_proof("Jefe", "what do ya want for nothing?", proof), 0);
	ck_assert_str_eq(proof, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	ck_assert_int_eq(appsecret_proof("\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"
					 "\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b",
					 "Hi There", proof),
			 0);
	ck_assert_str_eq(proof, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("appsecret");
	TCase *tcase = tcase_create("appsecret");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, it_is_the_hmac_of_the_token_under_the_secret);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
