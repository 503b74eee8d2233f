#include "domain/api_key.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static void make(uint8_t fill, char *text, char *id)
{
	uint8_t random[API_KEY_RANDOM_BYTES];

	for (unsigned i = 0; i < sizeof(random); i++)
		random[i] = (uint8_t)(fill + 37 * i);
	api_key_make(random, text, id);
}

START_TEST(a_key_has_its_form_and_its_id)
{
	char text[API_KEY_TEXT_BYTES];
	char id[API_KEY_ID_BYTES];
	char read[API_KEY_ID_BYTES];

	make(1, text, id);
	ck_assert_uint_eq(strlen(text), 52);
	ck_assert_int_eq(strncmp(text, "msk_", 4), 0);
	ck_assert_int_eq(strncmp(text + 4, id, 10), 0);
	ck_assert(api_key_is_id(id));
	ck_assert(api_key_read(text, read));
	ck_assert_str_eq(read, id);
}
END_TEST

/* No bit is lost, none is used twice. */
START_TEST(every_random_bit_counts)
{
	uint8_t random[API_KEY_RANDOM_BYTES] = { 0 };
	char none[API_KEY_TEXT_BYTES];
	char id[API_KEY_ID_BYTES];

	api_key_make(random, none, id);
	for (unsigned bit = 0; bit < 210; bit++) {
		char text[API_KEY_TEXT_BYTES];
		unsigned differ = 0;

		memset(random, 0, sizeof(random));
		random[bit / 8] = (uint8_t)(0x80 >> bit % 8);
		api_key_make(random, text, id);
		for (unsigned i = 0; i < 46; i++)
			differ += text[i] != none[i];
		ck_assert_msg(differ == 1, "bit %u: %u", bit, differ);
		ck_assert_int_ne(text[4 + bit / 5], none[4 + bit / 5]);
	}
}
END_TEST

START_TEST(what_is_mistyped_is_no_key)
{
	char text[API_KEY_TEXT_BYTES + 1];
	char id[API_KEY_ID_BYTES];

	make(2, text, id);
	for (unsigned i = 0; i < 52; i++) {
		const char was = text[i];

		text[i] = was == 'a' ? 'b' : 'a';
		ck_assert_msg(!api_key_read(text, id), "at %u", i);
		text[i] = 'A';
		ck_assert(!api_key_read(text, id));
		text[i] = '\0';
		ck_assert(!api_key_read(text, id));
		text[i] = was;
	}
	ck_assert(api_key_read(text, id));
	text[52] = 'a';
	text[53] = '\0';
	ck_assert(!api_key_read(text, id));
	ck_assert(!api_key_read("", id));
}
END_TEST

START_TEST(ids_are_ten_characters)
{
	ck_assert(api_key_is_id("abcdefgh27"));
	ck_assert(!api_key_is_id("abcdefgh2"));
	ck_assert(!api_key_is_id("abcdefgh277"));
	ck_assert(!api_key_is_id("abcdefgh21"));
	ck_assert(!api_key_is_id("Abcdefgh27"));
	ck_assert(!api_key_is_id(""));
}
END_TEST

START_TEST(bearer_is_the_scheme)
{
	ck_assert_str_eq(api_key_bearer("Bearer k"), "k");
	ck_assert_str_eq(api_key_bearer("bearer   k"), "k");
	ck_assert_str_eq(api_key_bearer("Bearer "), "");
	ck_assert_ptr_null(api_key_bearer("Bearer"));
	ck_assert_ptr_null(api_key_bearer(""));
	ck_assert_ptr_null(api_key_bearer("Basic k"));
	ck_assert_ptr_null(api_key_bearer("msk_k"));
}
END_TEST

START_TEST(scopes_are_words)
{
	unsigned scopes;

	ck_assert(scopes_parse("send", &scopes));
	ck_assert_uint_eq(scopes, SCOPE_SEND);
	ck_assert(scopes_parse("report,read,manage,send", &scopes));
	ck_assert_uint_eq(scopes, SCOPE_SEND | SCOPE_READ | SCOPE_MANAGE | SCOPE_REPORT);
	ck_assert(!scopes_parse("", &scopes));
	ck_assert(!scopes_parse("send,", &scopes));
	ck_assert(!scopes_parse(",send", &scopes));
	ck_assert(!scopes_parse("send,send", &scopes));
	ck_assert(!scopes_parse("send, read", &scopes));
	ck_assert(!scopes_parse("admin", &scopes));
	ck_assert(!scopes_parse("sen", &scopes));
	ck_assert_str_eq(scope_name(SCOPE_MANAGE), "manage");
	ck_assert_ptr_null(scope_name(SCOPE_SEND | SCOPE_READ));
	ck_assert_ptr_null(scope_name(0));
	ck_assert_ptr_null(scope_name(SCOPE_OPEN));
}
END_TEST

static enum api_key_verdict judge(const struct api_key *key, enum scope needed, int64_t now)
{
	return api_key_judge(key, key->hash, needed, now);
}

START_TEST(it_permits_its_scopes_and_nothing_else)
{
	struct api_key key = { .scopes = SCOPE_SEND | SCOPE_READ, .expires_boot_ms = INT64_MAX };

	ck_assert_int_eq(judge(&key, SCOPE_SEND, 0), API_KEY_GOOD);
	ck_assert_int_eq(judge(&key, SCOPE_READ, INT64_MAX - 1), API_KEY_GOOD);
	ck_assert_int_eq(judge(&key, SCOPE_MANAGE, 0), API_KEY_NOT_SCOPE);
	ck_assert_int_eq(judge(&key, SCOPE_REPORT, 0), API_KEY_NOT_SCOPE);
	ck_assert_int_eq(judge(&key, 0, 0), API_KEY_NOT_SCOPE);
}
END_TEST

START_TEST(it_ends_at_its_time)
{
	struct api_key key = { .scopes = SCOPE_SEND, .expires_boot_ms = 1000 };

	ck_assert_int_eq(judge(&key, SCOPE_SEND, 999), API_KEY_GOOD);
	ck_assert_int_eq(judge(&key, SCOPE_SEND, 1000), API_KEY_WRONG);
	ck_assert_int_eq(judge(&key, SCOPE_SEND, 1001), API_KEY_WRONG);
}
END_TEST

START_TEST(a_revoked_one_permits_nothing)
{
	struct api_key key = { .scopes = SCOPE_SEND,
			       .expires_boot_ms = INT64_MAX,
			       .revoked = true };

	ck_assert_int_eq(judge(&key, SCOPE_SEND, 0), API_KEY_WRONG);
	ck_assert_int_eq(judge(&key, SCOPE_MANAGE, 0), API_KEY_WRONG);
}
END_TEST

START_TEST(every_byte_of_the_hash_counts)
{
	struct api_key key = { .scopes = SCOPE_SEND, .expires_boot_ms = INT64_MAX };

	for (unsigned i = 0; i < API_KEY_HASH_BYTES; i++) {
		uint8_t shown[API_KEY_HASH_BYTES] = { 0 };

		shown[i] = 1;
		ck_assert_int_eq(api_key_judge(&key, shown, SCOPE_SEND, 0), API_KEY_WRONG);
	}
}
END_TEST

START_TEST(it_is_bound_to_its_tenant_and_outlets)
{
	struct api_key key = { .tenant_id = "t-1", .outlets = "" };
	const struct api_key any = { .tenant_id = "" };

	ck_assert(api_key_fits_tenant(&key, "t-1"));
	ck_assert(!api_key_fits_tenant(&key, "t-11"));
	ck_assert(!api_key_fits_tenant(&key, "T-1"));
	ck_assert(!api_key_fits_tenant(&key, ""));
	ck_assert(api_key_fits_tenant(&any, "t-2"));
	ck_assert(api_key_fits_outlet(&key, "o-3"));
	key.outlets = "o-1 o-2";
	ck_assert(api_key_fits_outlet(&key, "o-1"));
	ck_assert(api_key_fits_outlet(&key, "o-2"));
	ck_assert(!api_key_fits_outlet(&key, "o-3"));
	ck_assert(!api_key_fits_outlet(&key, "o"));
	ck_assert(!api_key_fits_outlet(&key, "o-1 o-2"));
	ck_assert(!api_key_fits_outlet(&key, ""));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("api_key");
	TCase *tcase = tcase_create("api_key");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, a_key_has_its_form_and_its_id);
	tcase_add_test(tcase, every_random_bit_counts);
	tcase_add_test(tcase, what_is_mistyped_is_no_key);
	tcase_add_test(tcase, ids_are_ten_characters);
	tcase_add_test(tcase, bearer_is_the_scheme);
	tcase_add_test(tcase, scopes_are_words);
	tcase_add_test(tcase, it_permits_its_scopes_and_nothing_else);
	tcase_add_test(tcase, it_ends_at_its_time);
	tcase_add_test(tcase, a_revoked_one_permits_nothing);
	tcase_add_test(tcase, every_byte_of_the_hash_counts);
	tcase_add_test(tcase, it_is_bound_to_its_tenant_and_outlets);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
