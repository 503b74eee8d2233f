#include "cli/csv.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const columns[] = { "id", "name", "zone", NULL };

static char name[32];
static struct err err;

static struct csv *open_text(const char *text, size_t len)
{
	int fd;

	(void)snprintf(name, sizeof(name), "/tmp/test_csv.XXXXXX");
	fd = mkstemp(name);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, len), (ssize_t)len);
	(void)close(fd);
	err = (struct err){ .class = ERR_NONE };
	return csv_open(name, columns, 1, &err);
}

static struct csv *open_good(const char *text)
{
	struct csv *c = open_text(text, strlen(text));

	ck_assert_msg(c != NULL, "%s", err.text);
	return c;
}

static void teardown(void)
{
	(void)unlink(name);
}

START_TEST(rows_are_read_in_the_order_of_the_callers_columns)
{
	struct csv *c = open_good("zone,id\r\nUTC,1\r\n,2\n\nAsia/Jakarta,3");

	ck_assert_int_eq(csv_next(c, &err), 1);
	ck_assert_str_eq(csv_field(c, 0), "1");
	ck_assert_ptr_null(csv_field(c, 1));
	ck_assert_str_eq(csv_field(c, 2), "UTC");
	ck_assert_int_eq(csv_next(c, &err), 1);
	ck_assert_str_eq(csv_field(c, 0), "2");
	ck_assert_ptr_null(csv_field(c, 2));
	ck_assert_int_eq(csv_next(c, &err), 1);
	ck_assert_str_eq(csv_field(c, 2), "Asia/Jakarta");
	ck_assert_uint_eq(csv_line(c), 5);
	ck_assert_int_eq(csv_next(c, &err), 0);
	ck_assert_int_eq(csv_next(c, &err), 0);
	csv_close(c);
}
END_TEST

START_TEST(quoted_fields_hold_what_divides_others)
{
	struct csv *c = open_good("id,name\n1,\"a,b\"\n2,\"say \"\"hi\"\"\n\"\n3,\"\"\n");

	ck_assert_int_eq(csv_next(c, &err), 1);
	ck_assert_str_eq(csv_field(c, 1), "a,b");
	ck_assert_int_eq(csv_next(c, &err), 1);
	ck_assert_str_eq(csv_field(c, 1), "say \"hi\"\n");
	ck_assert_int_eq(csv_next(c, &err), 1);
	ck_assert_uint_eq(csv_line(c), 5);
	ck_assert_ptr_null(csv_field(c, 1));
	ck_assert_int_eq(csv_next(c, &err), 0);
	csv_close(c);
}
END_TEST

static const char *const wrong_heads[] = {
	"", "name\n1\n", "id,id\n", "id,colour\n", "id,\n", "\"id\n", "i\"d\n",
};

START_TEST(a_head_that_is_wrong_is_refused)
{
	ck_assert_ptr_null(open_text(wrong_heads[_i], strlen(wrong_heads[_i])));
	ck_assert_int_eq(err.class, ERR_INVALID);
}
END_TEST

static const char *const wrong_rows[] = {
	"1\n", "1,2,3\n", "1,\"2\n", "1,\"2\"3\n", "1,2\"3\n", "1,2,3,4,5,6,7,8,9,10,11,12,13,14\n",
};

START_TEST(a_row_that_is_wrong_is_named_by_its_line)
{
	char text[100];
	struct csv *c;

	(void)snprintf(text, sizeof(text), "id,name\n0,x\n%s", wrong_rows[_i]);
	c = open_good(text);
	ck_assert_int_eq(csv_next(c, &err), 1);
	ck_assert_int_eq(csv_next(c, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "line 3: "));
	csv_close(c);
}
END_TEST

START_TEST(a_long_file_is_read_and_a_zero_byte_is_not)
{
	char *text = malloc(300000);
	size_t len;
	struct csv *c;
	int rows = 0;

	ck_assert_ptr_nonnull(text);
	len = (size_t)snprintf(text, 300000, "id\n");
	while (len < 250000)
		len += (size_t)snprintf(text + len, 300000 - len, "row-%zu\n", len);
	c = open_good(text);
	while (csv_next(c, &err) == 1)
		rows++;
	ck_assert_int_gt(rows, 20000);
	csv_close(c);
	teardown();
	ck_assert_ptr_null(open_text("id\n1\0002\n", 7));
	free(text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("csv");
	TCase *tcase = tcase_create("csv");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, NULL, teardown);
	tcase_add_test(tcase, rows_are_read_in_the_order_of_the_callers_columns);
	tcase_add_test(tcase, quoted_fields_hold_what_divides_others);
	tcase_add_loop_test(tcase, a_head_that_is_wrong_is_refused, 0,
			    sizeof(wrong_heads) / sizeof(wrong_heads[0]));
	tcase_add_loop_test(tcase, a_row_that_is_wrong_is_named_by_its_line, 0,
			    sizeof(wrong_rows) / sizeof(wrong_rows[0]));
	tcase_add_test(tcase, a_long_file_is_read_and_a_zero_byte_is_not);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
