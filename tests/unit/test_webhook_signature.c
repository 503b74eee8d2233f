#include "webhook/signature.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "crypto/hmac.h"

#define SECRET "test-app-secret-not-real"
#define PREFIX "sha256="
#define HEADER_BYTES (sizeof(PREFIX) + 2 * HMAC_SHA256_BYTES)

static bool fits(const char *words, const char *header, const void *data, size_t len, size_t cut)
{
	struct err err;
	struct webhook_secrets *secrets = webhook_secrets_new(words, &err);
	struct webhook_signature *s;
	bool answer;

	ck_assert_ptr_nonnull(secrets);
	s = webhook_signature_new(secrets, header);
	webhook_secrets_free(secrets);
	ck_assert_ptr_nonnull(s);
	ck_assert_int_eq(webhook_signature_add(s, data, cut), 0);
	ck_assert_int_eq(webhook_signature_add(s, (const char *)data + cut, len - cut), 0);
	answer = webhook_signature_fits(s);
	webhook_signature_free(s);
	return answer;
}

static void sign(const char *secret, const void *data, size_t len, char header[HEADER_BYTES])
{
	struct hmac *h = hmac_new(secret, strlen(secret));
	uint8_t mac[HMAC_SHA256_BYTES];

	ck_assert_int_eq(hmac_add(h, data, len), 0);
	ck_assert_int_eq(hmac_end(h, mac), 0);
	hmac_free(h);
	memcpy(header, PREFIX, sizeof(PREFIX));
	text_hex(header + sizeof(PREFIX) - 1, mac, sizeof(mac));
}

static char *read_file(const char *name, size_t *ret_len)
{
	char path[512];
	char *data = malloc(1 << 20);
	FILE *in;

	(void)snprintf(path, sizeof(path), "%s%s", FIXTURES, name);
	in = fopen(path, "r");
	ck_assert_msg(in != NULL, "%s", path);
	*ret_len = fread(data, 1, (1 << 20) - 1, in);
	data[*ret_len] = '\0';
	(void)fclose(in);
	return data;
}

START_TEST(every_fixture_has_its_signature)
{
	size_t len;
	char *rows = read_file("signatures.tsv", &len);
	char *const memory = rows;
	unsigned files = 0;

	for (char *row = strtok_r(rows, "\n", &rows); row; row = strtok_r(NULL, "\n", &rows)) {
		char name[128], header[128];
		size_t bytes;
		char *data;

		if (sscanf(row, "%127s %zu %127s", name, &bytes, header) != 3)
			continue;
		data = read_file(name, &len);
		ck_assert_uint_eq(len, bytes);
		ck_assert_msg(fits(SECRET, header, data, len, len / 2), "%s", name);
		ck_assert(!fits("another", header, data, len, len / 2));
		ck_assert(!fits(SECRET, header, data, len - 1, 0));
		free(data);
		files++;
	}
	ck_assert_uint_eq(files, 46);
	free(memory);
}
END_TEST

/* One bit of the body, or one character of the header, or its length. */
START_TEST(of_ten_thousand_tampered_ones_none_is_genuine)
{
	size_t len;
	char *data = read_file("status_sent.json", &len);
	char header[HEADER_BYTES];
	unsigned accepted = 0;

	sign(SECRET, data, len, header);
	ck_assert(fits("x," SECRET, header, data, len, 0));
	srand(4711);
	for (unsigned i = 0; i < 10000; i++) {
		char tampered[HEADER_BYTES];
		const size_t at = (size_t)rand() % len;
		const char bit = (char)(1 << rand() % 8);
		const size_t digit =
			sizeof(PREFIX) - 1 + (size_t)rand() % (HEADER_BYTES - sizeof(PREFIX));

		memcpy(tampered, header, sizeof(header));
		switch (i % 4) {
		case 0: /* another body */
			data[at] ^= bit;
			accepted += fits("x," SECRET, header, data, len, 0);
			data[at] ^= bit;
			break;
		case 1: /* a shorter one */
			accepted += fits("x," SECRET, header, data, at, 0);
			break;
		case 2: /* another digit */
			tampered[digit] = tampered[digit] == '7' ? '8' : '7';
			accepted += fits("x," SECRET, tampered, data, len, 0);
			break;
		default: /* a cut header */
			tampered[at % (HEADER_BYTES - 1)] = '\0';
			accepted += fits("x," SECRET, tampered, data, len, 0);
		}
	}
	ck_assert_uint_eq(accepted, 0);
	free(data);
}
END_TEST

START_TEST(headers_are_read_strictly)
{
	char header[HEADER_BYTES];
	char other[HEADER_BYTES + 8];

	sign(SECRET, "{}", 2, header);
	ck_assert(fits(SECRET, header, "{}", 2, 1));
	ck_assert(!fits(SECRET, "", "{}", 2, 1));
	ck_assert(!fits(SECRET, PREFIX, "{}", 2, 1));
	ck_assert(!fits(SECRET, header + 1, "{}", 2, 1));
	ck_assert(!fits(SECRET, header + sizeof(PREFIX) - 1, "{}", 2, 1));
	(void)snprintf(other, sizeof(other), "%s0", header);
	ck_assert(!fits(SECRET, other, "{}", 2, 1));
	(void)snprintf(other, sizeof(other), "%s ", header);
	ck_assert(!fits(SECRET, other, "{}", 2, 1));
	(void)snprintf(other, sizeof(other), "sha1=%s", header + sizeof(PREFIX) - 1);
	ck_assert(!fits(SECRET, other, "{}", 2, 1));
	memcpy(other, header, sizeof(header));
	other[sizeof(PREFIX) + 3] = 'g';
	ck_assert(!fits(SECRET, other, "{}", 2, 1));
	/* The digits may be capitals. */
	memcpy(other, header, sizeof(header));
	for (char *at = other + sizeof(PREFIX) - 1; *at; at++)
		*at = (char)(*at >= 'a' ? *at - 'a' + 'A' : *at);
	ck_assert(fits(SECRET, other, "{}", 2, 1));
	/* What a header that cannot be read stands for is no signature of zeros either. */
	ck_assert(!fits(SECRET,
			PREFIX "00000000000000000000000000000000000000000000000000000000000000"
			       "00",
			"{}", 2, 1));
}
END_TEST

START_TEST(each_of_several_secrets_fits)
{
	static const char *const words[] = { "a", "a,b", "a,b,c", "a,b,c,d" };
	char header[HEADER_BYTES];

	for (unsigned have = 0; have < 4; have++) {
		for (char key = 'a'; key <= 'e'; key++) {
			const char secret[] = { key, '\0' };

			sign(secret, "body", 4, header);
			ck_assert_int_eq(fits(words[have], header, "body", 4, 2),
					 (unsigned)(key - 'a') <= have);
		}
	}
}
END_TEST

START_TEST(without_a_secret_nothing_is_genuine)
{
	struct err err;
	struct webhook_secrets *none = webhook_secrets_new("", &err);
	char header[HEADER_BYTES];

	ck_assert_ptr_nonnull(none);
	ck_assert_uint_eq(webhook_secrets_count(none), 0);
	webhook_secrets_free(none);
	sign("x", "body", 4, header);
	ck_assert(!fits("", header, "body", 4, 2));
}
END_TEST

START_TEST(words_that_are_none_are_refused)
{
	static const char *const wrong[] = { ",", "a,", ",a", "a,,b", "a,b,c,d,e" };
	struct err err;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		ck_assert_ptr_null(webhook_secrets_new(wrong[i], &err));
		ck_assert_int_eq(err.class, ERR_INVALID);
	}
}
END_TEST

START_TEST(tokens_are_compared_whole)
{
	ck_assert(webhook_token_fits("one", "one"));
	ck_assert(webhook_token_fits("one,two", "one"));
	ck_assert(webhook_token_fits("one,two", "two"));
	ck_assert(!webhook_token_fits("one,two", "three"));
	ck_assert(!webhook_token_fits("one,two", "one,two"));
	ck_assert(!webhook_token_fits("one,two", "on"));
	ck_assert(!webhook_token_fits("one,two", ""));
	ck_assert(!webhook_token_fits("", ""));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("webhook_signature");
	TCase *tcase = tcase_create("webhook_signature");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, every_fixture_has_its_signature);
	tcase_add_test(tcase, of_ten_thousand_tampered_ones_none_is_genuine);
	tcase_add_test(tcase, headers_are_read_strictly);
	tcase_add_test(tcase, each_of_several_secrets_fits);
	tcase_add_test(tcase, without_a_secret_nothing_is_genuine);
	tcase_add_test(tcase, words_that_are_none_are_refused);
	tcase_add_test(tcase, tokens_are_compared_whole);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
