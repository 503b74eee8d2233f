#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/seal.h"

#define ONE "one MTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTE=\n"
#define TWO "two MjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjI=\n"

static const struct seal_place here = { "outlet.token", "tenant", "outlet" };

static struct seal_keys *load(const char *text, mode_t mode, struct err *ret_err)
{
	char name[] = "/tmp/test_seal.XXXXXX";
	int fd = mkstemp(name);
	struct seal_keys *keys;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	ck_assert_int_eq(fchmod(fd, mode), 0);
	(void)close(fd);
	keys = seal_keys_load(name, ret_err);
	(void)unlink(name);
	return keys;
}

static struct seal_keys *keys_of(const char *text)
{
	struct err err = { .class = ERR_NONE };
	struct seal_keys *keys = load(text, 0600, &err);

	ck_assert_msg(keys != NULL, "%s", err.text);
	return keys;
}

struct sealed {
	uint8_t bytes[SEAL_TEXT_MAX + SEAL_ADDED_MAX];
	size_t len;
};

static void seal(const struct seal_keys *keys, const char *text, struct sealed *ret)
{
	struct err err;

	ck_assert_int_eq(seal_text(keys, &here, text, ret->bytes, &ret->len, &err), 0);
}

static bool opens(const struct seal_keys *keys, const struct seal_place *place,
		  const struct sealed *s, const char *wanted)
{
	char text[SEAL_TEXT_MAX + 1] = "untouched";
	struct err err;

	if (seal_open(keys, place, s->bytes, s->len, text, sizeof(text), &err))
		return false;
	ck_assert_str_eq(text, wanted);
	return true;
}

START_TEST(what_is_sealed_opens_in_its_place_only)
{
	static const struct seal_place others[] = {
		{ "outlet.app_secret", "tenant", "outlet" },
		{ "outlet.token", "tenant2", "outlet" },
		{ "outlet.token", "tenant", "outlet2" },
		{ "outlet.token", "tenanto", "utlet" },
	};
	struct seal_keys *keys = keys_of(ONE);
	struct sealed s;

	seal(keys, "EAAG-secret", &s);
	ck_assert(opens(keys, &here, &s, "EAAG-secret"));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		ck_assert_msg(!opens(keys, &others[i], &s, ""), "place %zu", i);
	seal_keys_free(keys);
}
END_TEST

START_TEST(no_changed_byte_and_no_other_length_opens)
{
	struct seal_keys *keys = keys_of(ONE);
	struct sealed s;
	const size_t head = 2 + strlen("one");

	seal(keys, "EAAG-secret", &s);
	ck_assert_uint_eq(s.len, head + 12 + strlen("EAAG-secret") + 16);
	ck_assert_ptr_null(memmem(s.bytes, s.len, "secret", 6));
	for (size_t i = 0; i < s.len; i++) {
		s.bytes[i] ^= 1;
		ck_assert_msg(!opens(keys, &here, &s, ""), "byte %zu", i);
		s.bytes[i] ^= 1;
	}
	for (size_t len = s.len; len-- > 0;) {
		struct sealed shorter = s;

		shorter.len = len;
		ck_assert_msg(!opens(keys, &here, &shorter, ""), "%zu bytes", len);
	}
	seal_keys_free(keys);
}
END_TEST

START_TEST(nonces_are_never_the_same)
{
	struct seal_keys *keys = keys_of(ONE);
	struct sealed a, b;

	seal(keys, "EAAG-secret", &a);
	seal(keys, "EAAG-secret", &b);
	ck_assert_uint_eq(a.len, b.len);
	ck_assert_mem_ne(a.bytes + 5, b.bytes + 5, 12);
	ck_assert_mem_ne(a.bytes + 17, b.bytes + 17, a.len - 17);
	seal_keys_free(keys);
}
END_TEST

START_TEST(the_first_key_seals_and_all_open)
{
	struct seal_keys *old = keys_of(ONE);
	struct seal_keys *both = keys_of("# the new one first\n\n" TWO ONE);
	struct seal_keys *new = keys_of(TWO);
	struct sealed s;

	seal(old, "text", &s);
	ck_assert(seal_is_current(old, s.bytes, s.len));
	ck_assert(opens(both, &here, &s, "text"));
	ck_assert(!seal_is_current(both, s.bytes, s.len));
	ck_assert(!opens(new, &here, &s, ""));
	seal(both, "text", &s);
	ck_assert(seal_is_current(both, s.bytes, s.len));
	ck_assert(opens(new, &here, &s, "text"));
	ck_assert(!opens(old, &here, &s, ""));
	seal_keys_free(old);
	seal_keys_free(both);
	seal_keys_free(new);
}
END_TEST

START_TEST(a_text_is_bounded)
{
	struct seal_keys *keys = keys_of(ONE);
	char text[SEAL_TEXT_MAX + 2];
	char small[5];
	struct sealed s;
	struct err err;

	memset(text, 'x', sizeof(text));
	text[SEAL_TEXT_MAX] = '\0';
	seal(keys, text, &s);
	ck_assert(opens(keys, &here, &s, text));
	text[SEAL_TEXT_MAX] = 'x';
	text[SEAL_TEXT_MAX + 1] = '\0';
	ck_assert_int_eq(seal_text(keys, &here, text, s.bytes, &s.len, &err), -1);
	seal(keys, "", &s);
	ck_assert(opens(keys, &here, &s, ""));
	seal(keys, "four", &s);
	ck_assert_int_eq(seal_open(keys, &here, s.bytes, s.len, small, sizeof(small), &err), 0);
	seal(keys, "five!", &s);
	ck_assert_int_eq(seal_open(keys, &here, s.bytes, s.len, small, sizeof(small), &err), -1);
	seal_keys_free(keys);
}
END_TEST

static const char *const wrong_files[] = {
	"",
	"# only words\n",
	"one\n",
	"one MTEx\n",
	"one MTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMQ==\n",
	"one MTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTEx\n",
	"one MTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTE! \n",
	"one MTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTE= more\n",
	"o/e MTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTE=\n",
	"seventeen-letters MTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTE=\n",
	ONE TWO ONE,
};

START_TEST(a_wrong_file_is_refused_without_being_quoted)
{
	struct err err = { .class = ERR_NONE };

	ck_assert_ptr_null(load(wrong_files[_i], 0600, &err));
	ck_assert_int_eq(err.class, ERR_INVALID);
	ck_assert_ptr_null(strstr(err.text, "MTEx"));
}
END_TEST

START_TEST(a_file_that_everybody_may_read_is_refused)
{
	struct err err = { .class = ERR_NONE };
	struct seal_keys *keys;

	ck_assert_ptr_null(load(ONE, 0604, &err));
	ck_assert_ptr_null(seal_keys_load("/nonexistent/key", &err));
	keys = load(ONE, 0640, &err);
	ck_assert_ptr_nonnull(keys);
	seal_keys_free(keys);
}
END_TEST

START_TEST(there_are_eight_keys_at_most)
{
	char text[1024];
	size_t len = 0;
	struct err err;
	struct seal_keys *keys = NULL;

	for (unsigned i = 0; i < SEAL_KEYS_MAX; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "k%u %s", i, &ONE[4]);
	keys = load(text, 0600, &err);
	ck_assert_ptr_nonnull(keys);
	seal_keys_free(keys);
	(void)snprintf(text + len, sizeof(text) - len, "k8 %s", &ONE[4]);
	ck_assert_ptr_null(load(text, 0600, &err));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("seal");
	TCase *tcase = tcase_create("seal");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, what_is_sealed_opens_in_its_place_only);
	tcase_add_test(tcase, no_changed_byte_and_no_other_length_opens);
	tcase_add_test(tcase, nonces_are_never_the_same);
	tcase_add_test(tcase, the_first_key_seals_and_all_open);
	tcase_add_test(tcase, a_text_is_bounded);
	tcase_add_loop_test(tcase, a_wrong_file_is_refused_without_being_quoted, 0,
			    sizeof(wrong_files) / sizeof(wrong_files[0]));
	tcase_add_test(tcase, a_file_that_everybody_may_read_is_refused);
	tcase_add_test(tcase, there_are_eight_keys_at_most);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
