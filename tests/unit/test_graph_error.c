#include "domain/graph_error.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tsv_row {
	char *code;
	char *title;
	char *class;
	char *retry;
};

/* Calls fn for every row of the fixture; says how many there were. */
static int walk_fixture(void (*fn)(const struct tsv_row *))
{
	FILE *file = fopen(FIXTURES "/error-codes.tsv", "r");
	char line[2048];
	int count = 0;

	ck_assert_ptr_nonnull(file);
	ck_assert_ptr_nonnull(fgets(line, sizeof(line), file)); /* the header */
	while (fgets(line, sizeof(line), file) != NULL) {
		char *rest = line;
		char *fields[6];

		for (int i = 0; i < 6; i++)
			fields[i] = strsep(&rest, "\t\n");
		ck_assert_ptr_nonnull(fields[5]);
		fn(&(struct tsv_row){ fields[0], fields[2], fields[3], fields[4] });
		count++;
	}
	ck_assert_int_eq(fclose(file), 0);
	return count;
}

/* The row as a caller reaches it: by code, code and subcode, or case. */
static const struct graph_error *reach(const char *name)
{
	static const struct {
		const char *name;
		enum graph_case which;
	} cases[] = {
		{ "http:429", GRAPH_CASE_HTTP_429 },
		{ "http:500", GRAPH_CASE_HTTP_500 },
		{ "http:5xx", GRAPH_CASE_HTTP_5XX },
		{ "http:4xx", GRAPH_CASE_HTTP_4XX },
		{ "http:2xx", GRAPH_CASE_HTTP_2XX },
		{ "net:before_send", GRAPH_CASE_NET_BEFORE },
		{ "net:after_send", GRAPH_CASE_NET_AFTER },
		{ "unknown_4xx", GRAPH_CASE_UNKNOWN_4XX },
		{ "unknown_5xx", GRAPH_CASE_UNKNOWN_5XX },
	};
	int code;
	int second;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (strcmp(cases[i].name, name) == 0)
			return graph_error_case(cases[i].which);
	if (sscanf(name, "%d/%d", &code, &second) == 2)
		return graph_error_find(code, second);
	if (sscanf(name, "%d-%d", &code, &second) == 2)
		return graph_error_find(second, 0);
	ck_assert_int_eq(sscanf(name, "%d", &code), 1);
	return graph_error_find(code, 0);
}

static void row_is_as_in_the_fixture(const struct tsv_row *tsv)
{
	const struct graph_error *row = reach(tsv->code);

	ck_assert_msg(row != NULL, "no row %s", tsv->code);
	ck_assert_str_eq(row->name, tsv->code);
	ck_assert_str_eq(row->title, tsv->title);
	ck_assert_str_eq(graph_class_name(row->class), tsv->class);
}

START_TEST(every_row_of_the_fixture_is_there)
{
	size_t count;

	(void)graph_error_rows(&count);
	/* And ours: accepted, credentials, expired, breaker, restored, cancelled. */
	ck_assert_uint_eq((size_t)walk_fixture(row_is_as_in_the_fixture) + 6, count);
}
END_TEST

/* "after:" rules that are no number: the wait they come to. */
static void wait_is_as_in_the_fixture(const struct tsv_row *tsv)
{
	const struct graph_error *row = reach(tsv->code);
	const char *rule = strstr(tsv->retry, "else ");
	int first = 0;
	int last = 0;
	enum graph_wait wait = GRAPH_WAIT_NONE;

	rule = rule != NULL ? rule + 5 : tsv->retry;
	if (strncmp(rule, "after:", 6) == 0)
		rule += 6;
	if (sscanf(rule, "%d doubling to %d", &first, &last) == 2) {
		wait = GRAPH_WAIT_DOUBLE;
	} else if (strncmp(rule, "4^X", 3) == 0) {
		wait = GRAPH_WAIT_POWER4;
		first = 1;
		last = 3600; /* ours */
	} else if (sscanf(rule, "%d", &first) == 1) {
		wait = GRAPH_WAIT_FIXED;
		last = first;
	} else if (strcmp(tsv->code, "131064") == 0) {
		wait = GRAPH_WAIT_FIXED; /* Meta names no time: looked at once an hour */
		first = last = 3600;
	}
	ck_assert_msg(row->wait == wait && row->first_wait_s == first && row->last_wait_s == last,
		      "%s: \"%s\" became %d, %d to %d s", tsv->code, tsv->retry, (int)row->wait,
		      row->first_wait_s, row->last_wait_s);
}

START_TEST(every_wait_is_that_of_the_fixture)
{
	ck_assert_int_gt(walk_fixture(wait_is_as_in_the_fixture), 90);
}
END_TEST

START_TEST(what_may_be_tried_again_has_a_wait_and_nothing_else_has)
{
	size_t count;
	const struct graph_error *rows = graph_error_rows(&count);

	for (size_t i = 0; i < count; i++) {
		bool again = rows[i].class == GRAPH_TRANSIENT ||
			     rows[i].class == GRAPH_RATE_LIMITED;

		ck_assert_msg(again == (rows[i].wait != GRAPH_WAIT_NONE), "%s", rows[i].name);
		ck_assert_int_le(rows[i].first_wait_s, rows[i].last_wait_s);
		ck_assert_msg(!again || rows[i].first_wait_s > 0, "%s", rows[i].name);
	}
}
END_TEST

START_TEST(every_row_says_what_to_do_in_one_sentence)
{
	size_t count;
	const struct graph_error *rows = graph_error_rows(&count);

	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(rows[i].action);

		ck_assert_msg(len > 10 && len < 200, "%s: %zu bytes", rows[i].name, len);
		ck_assert_msg(rows[i].action[len - 1] == '.', "%s", rows[i].name);
		ck_assert_msg(strstr(rows[i].action, ". ") == NULL, "%s", rows[i].name);
		ck_assert_str_ne(rows[i].title, "");
	}
}
END_TEST

START_TEST(no_two_rows_are_for_the_same)
{
	size_t count;
	const struct graph_error *rows = graph_error_rows(&count);

	for (size_t i = 0; i < count; i++)
		for (size_t j = i + 1; j < count; j++) {
			ck_assert_str_ne(rows[i].name, rows[j].name);
			ck_assert_msg(rows[i].first_code != rows[j].first_code ||
					      rows[i].last_code != rows[j].last_code ||
					      rows[i].subcode != rows[j].subcode,
				      "%s and %s", rows[i].name, rows[j].name);
		}
}
END_TEST

START_TEST(the_exact_row_wins_over_the_range)
{
	ck_assert_str_eq(graph_error_find(200, 0)->name, "200");
	ck_assert_str_eq(graph_error_find(201, 0)->name, "200-299");
	ck_assert_str_eq(graph_error_find(299, 0)->name, "200-299");
	ck_assert_ptr_null(graph_error_find(199, 0));
	ck_assert_ptr_null(graph_error_find(300, 0));
}
END_TEST

START_TEST(a_subcode_counts_only_where_a_row_has_it)
{
	ck_assert_str_eq(graph_error_find(100, 33)->name, "100/33");
	ck_assert_str_eq(graph_error_find(100, 34)->name, "100");
	ck_assert_str_eq(graph_error_find(100, 0)->name, "100");
	ck_assert_str_eq(graph_error_find(190, 463)->name, "190");
	ck_assert_str_eq(graph_error_find(250, 33)->name, "200-299");
}
END_TEST

START_TEST(a_peer_cannot_name_our_cases)
{
	for (int code = -20; code < 0; code++) {
		ck_assert_ptr_null(graph_error_find(code, 0));
		ck_assert_ptr_null(graph_error_find(code, 33));
	}
	ck_assert_ptr_null(graph_error_find(999999, 0));
}
END_TEST

START_TEST(every_case_has_its_row)
{
	for (int which = GRAPH_CASE_BREAKER; which <= GRAPH_CASE_ACCEPTED; which++)
		ck_assert_int_eq(graph_error_case((enum graph_case)which)->first_code, which);
	ck_assert_int_eq(graph_error_case(GRAPH_CASE_BREAKER)->first_code, GRAPH_CASE_BREAKER);
	ck_assert_int_eq(graph_error_case((enum graph_case) - 99)->class, GRAPH_AMBIGUOUS);
	ck_assert_int_eq(graph_error_case(GRAPH_CASE_ACCEPTED)->class, GRAPH_NONE);
	ck_assert_int_eq(graph_error_case(GRAPH_CASE_CREDENTIALS)->class, GRAPH_TRANSIENT);
	ck_assert_int_eq(graph_error_case(GRAPH_CASE_EXPIRED)->class, GRAPH_PERMANENT_REQUEST);
}
END_TEST

START_TEST(the_troubles_users_know_say_what_users_know)
{
	ck_assert_ptr_nonnull(
		strstr(graph_error_find(190, 0)->action, "refresh it in the Tenant Service"));
	ck_assert_ptr_nonnull(strstr(graph_error_find(133010, 0)->action, "register it with Meta"));
	ck_assert_ptr_nonnull(strstr(graph_error_case(GRAPH_CASE_HTTP_500)->action,
				     "status page and the network"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("graph_error");
	TCase *tcase = tcase_create("graph_error");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, every_row_of_the_fixture_is_there);
	tcase_add_test(tcase, every_wait_is_that_of_the_fixture);
	tcase_add_test(tcase, what_may_be_tried_again_has_a_wait_and_nothing_else_has);
	tcase_add_test(tcase, every_row_says_what_to_do_in_one_sentence);
	tcase_add_test(tcase, no_two_rows_are_for_the_same);
	tcase_add_test(tcase, the_exact_row_wins_over_the_range);
	tcase_add_test(tcase, a_subcode_counts_only_where_a_row_has_it);
	tcase_add_test(tcase, a_peer_cannot_name_our_cases);
	tcase_add_test(tcase, every_case_has_its_row);
	tcase_add_test(tcase, the_troubles_users_know_say_what_users_know);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
