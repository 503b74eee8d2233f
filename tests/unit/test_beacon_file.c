#include "process/beacon_file.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct message_id id = { { 1, 2, 3, 0xff } };
static char dir[32];
static char path[BEACON_FILE_PATH_BYTES];

static void setup(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/beacon-file-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	beacon_file_path(dir, "/run/elsewhere/s.sock", path);
}

static void teardown(void)
{
	(void)unlink(path);
	ck_assert_int_eq(rmdir(dir), 0); /* nothing else is left there */
}

static void put(const char *text)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	(void)fputs(text, file);
	(void)fclose(file);
}

START_TEST(it_lies_in_the_directory_or_beside_the_socket)
{
	char beside[BEACON_FILE_PATH_BYTES];

	ck_assert_str_eq(path + strlen(dir), "/s.sock-fc7cb67074d7c1c8.beacon");
	beacon_file_path("", "/run/x/s.sock", beside);
	ck_assert_str_eq(beside, "/run/x/s.sock.beacon");
}
END_TEST

START_TEST(sockets_of_one_name_share_a_directory)
{
	char a[BEACON_FILE_PATH_BYTES], b[BEACON_FILE_PATH_BYTES];

	beacon_file_path("/d", "/run/a/fcgi.sock", a);
	beacon_file_path("/d", "/run/b/fcgi.sock", b);
	ck_assert_str_ne(a, b);
	beacon_file_path("/d", "/run/a/fcgi.sock", b);
	ck_assert_str_eq(a, b);
}
END_TEST

START_TEST(what_is_written_is_read)
{
	static const int64_t ticks[] = { 0, 1, INT64_C(1) << 32, INT64_MAX };
	struct err err;

	for (unsigned i = 0; i < sizeof(ticks) / sizeof(ticks[0]); i++) {
		const struct beacon_known known = { true, id, ticks[i] };
		struct beacon_known got;

		ck_assert_int_eq(beacon_file_write(path, &known, &err), 0);
		got = beacon_file_read(path);
		ck_assert(got.any && message_id_equal(got.id, id));
		ck_assert_int_eq(got.ticks, ticks[i]);
	}
}
END_TEST

START_TEST(what_cannot_be_read_is_not_known)
{
	static const char *const texts[] = {
		"",
		"\n",
		"x 1\n",
		"01020300-0000-0000-0000-000000000000\n",
		"01020300-0000-0000-0000-000000000000 \n",
		"01020300-0000-0000-0000-000000000000 1x\n",
		"01020300-0000-0000-0000-000000000000 -1\n",
		"01020300-0000-0000-0000-000000000000 9223372036854775808\n",
	};

	ck_assert(!beacon_file_read(path).any);
	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		put(texts[i]);
		ck_assert_msg(!beacon_file_read(path).any, "%s", texts[i]);
	}
}
END_TEST

START_TEST(where_nothing_can_be_written_it_is_said)
{
	const struct beacon_known known = { true, id, 1 };
	struct err err;

	ck_assert_int_eq(beacon_file_write("/nowhere/s.beacon", &known, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "/nowhere/s.beacon"));
	ck_assert_int_eq(err.code, ENOENT);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("beacon_file");
	TCase *tcase = tcase_create("beacon_file");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, it_lies_in_the_directory_or_beside_the_socket);
	tcase_add_test(tcase, sockets_of_one_name_share_a_directory);
	tcase_add_test(tcase, what_is_written_is_read);
	tcase_add_test(tcase, what_cannot_be_read_is_not_known);
	tcase_add_test(tcase, where_nothing_can_be_written_it_is_said);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
