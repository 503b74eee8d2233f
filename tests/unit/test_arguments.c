#include "cli/arguments.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define ALL (ARGUMENT_OPERAND | ARGUMENT_CONFIG | ARGUMENT_JSON | ARGUMENT_WHY)

static struct arguments a;
static char fault[80];

static bool read_words(unsigned takes, unsigned needs, const char *const *words)
{
	char *argv[8];
	int argc = 0;

	for (; words[argc]; argc++)
		argv[argc] = (char *)(uintptr_t)words[argc];
	return arguments_read(argc, argv, takes, needs, &a, fault, sizeof(fault));
}

#define WORDS(...)                \
	(const char *const[])     \
	{                         \
		__VA_ARGS__, NULL \
	}

START_TEST(nothing_is_enough_when_nothing_is_needed)
{
	ck_assert(read_words(ALL, 0, WORDS(NULL)));
	ck_assert(!a.operand && !a.config_file && !a.json && !a.why && !a.help);
	ck_assert(!read_words(ALL, ARGUMENT_OPERAND, WORDS(NULL)));
	ck_assert_str_eq(fault, "something is missing");
}
END_TEST

START_TEST(options_come_in_any_order_and_both_ways)
{
	ck_assert(read_words(ALL, ALL, WORDS("--why", "a b", "--json", "id", "--config=x=y")));
	ck_assert_str_eq(a.operand, "id");
	ck_assert_str_eq(a.why, "a b");
	ck_assert_str_eq(a.config_file, "x=y");
	ck_assert(a.json);
}
END_TEST

START_TEST(a_second_operand_is_taken_where_there_is_one)
{
	ck_assert(read_words(ALL | ARGUMENT_SECOND, ARGUMENT_SECOND,
			     WORDS("one", "--why", "x", "two")));
	ck_assert_str_eq(a.operand, "one");
	ck_assert_str_eq(a.second, "two");
	ck_assert(!read_words(ALL | ARGUMENT_SECOND, ARGUMENT_SECOND, WORDS("one")));
	ck_assert(!read_words(ALL | ARGUMENT_SECOND, 0, WORDS("one", "two", "three")));
	ck_assert(!read_words(ALL, 0, WORDS("one", "two")));
}
END_TEST

START_TEST(a_value_may_look_like_an_option)
{
	ck_assert(read_words(ALL, 0, WORDS("--why", "--json")));
	ck_assert_str_eq(a.why, "--json");
	ck_assert(!a.json);
}
END_TEST

START_TEST(what_cannot_be_used_is_refused)
{
	static const char *const cases[][4] = {
		{ "--tenant", "x" }, /* not taken by this command */
		{ "--nonsense" },
		{ "--jso" },
		{ "--jsonx" },
		{ "-j" },
		{ "a", "b" },
		{ "" },
		{ "--json", "--json" },
		{ "--why", "a", "--why=b" },
		{ "--why" },
		{ "--why=" },
		{ "--why", "" },
		{ "--json=1" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		*fault = '\0';
		ck_assert_msg(!read_words(ALL, 0, cases[i]), "%s", cases[i][0]);
		ck_assert_msg(*fault, "%s", cases[i][0]);
	}
	ck_assert(!read_words(ARGUMENT_CONFIG, 0, WORDS("operand")));
}
END_TEST

START_TEST(help_makes_all_else_unnecessary)
{
	ck_assert(read_words(ALL, ALL, WORDS("--help")));
	ck_assert(a.help);
	ck_assert(read_words(0, 0, WORDS("-h")));
	ck_assert(a.help);
}
END_TEST

static bool names(const char *tenant, const char *outlet, const char *tenant_id,
		  const char *outlet_id)
{
	const struct arguments given = { .tenant = tenant, .outlet = outlet };
	struct arguments_outlet o = { .tenant_id = "" };

	if (arguments_outlet(&given, &o))
		return false;
	ck_assert_str_eq(o.tenant_id, tenant_id);
	ck_assert_str_eq(o.outlet_id, outlet_id);
	return true;
}

START_TEST(an_outlet_is_named_in_two_ways)
{
	char longest[130];

	memset(longest, 'x', 129);
	longest[129] = '\0';
	ck_assert(!names("t", longest, "", ""));
	ck_assert(!names(longest, "o", "", ""));
	ck_assert(names("t", longest + 1, "t", longest + 1));
	ck_assert(names(NULL, "t/o", "t", "o"));
	ck_assert(names(NULL, "t/o/p", "t", "o/p"));
	ck_assert(names("t/o", "p", "t/o", "p"));
	ck_assert(names("t", "t/o", "t", "t/o"));
	ck_assert(!names(NULL, "o", "", ""));
	ck_assert(!names(NULL, "/o", "", ""));
	ck_assert(!names(NULL, "t/", "", ""));
	ck_assert(!names("t", "", "", ""));
	ck_assert(!names("", "o", "", ""));
	ck_assert(!names("t", "o p", "", ""));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("arguments");
	TCase *tcase = tcase_create("arguments");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, nothing_is_enough_when_nothing_is_needed);
	tcase_add_test(tcase, options_come_in_any_order_and_both_ways);
	tcase_add_test(tcase, a_second_operand_is_taken_where_there_is_one);
	tcase_add_test(tcase, a_value_may_look_like_an_option);
	tcase_add_test(tcase, what_cannot_be_used_is_refused);
	tcase_add_test(tcase, help_makes_all_else_unnecessary);
	tcase_add_test(tcase, an_outlet_is_named_in_two_ways);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
