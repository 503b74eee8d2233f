#include "domain/hold.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static struct hold hold_of(int id, enum hold_scope scope, const char *tenant, const char *outlet,
			   const char *number)
{
	struct hold hold = { .id = id, .scope = scope };

	text_copy_cut(hold.tenant_id, sizeof(hold.tenant_id), tenant);
	text_copy_cut(hold.outlet_id, sizeof(hold.outlet_id), outlet);
	text_copy_cut(hold.number, sizeof(hold.number), number);
	return hold;
}

static int found(const struct hold_set *set, const char *tenant, const char *outlet,
		 const char *number)
{
	const struct hold *hold = hold_find(set, tenant, outlet, number);

	return hold ? hold->id : 0;
}

START_TEST(nothing_holds_nothing)
{
	const struct hold_set none = { .holds = NULL };

	ck_assert_int_eq(found(&none, "t", "o", "1"), 0);
	ck_assert(!hold_is_in(&none, &(struct hold){ .id = 1 }));
}
END_TEST

START_TEST(a_hold_covers_what_its_scope_says)
{
	struct hold holds[] = {
		hold_of(1, HOLD_NUMBER, "", "", "100"),    hold_of(2, HOLD_OUTLET, "t", "o", ""),
		hold_of(3, HOLD_TENANT, "tenant", "", ""), hold_of(4, HOLD_OUTLET, "t", "p", ""),
		hold_of(5, HOLD_NUMBER, "", "", "1"),
	};
	struct hold_set set = { holds, 5 };

	hold_sort(&set);
	ck_assert_int_eq(found(&set, "x", "o", "100"), 1);
	ck_assert_int_eq(found(&set, "t", "o", "7"), 2);
	ck_assert_int_eq(found(&set, "t", "p", "7"), 4);
	ck_assert_int_eq(found(&set, "t", "q", "7"), 0);
	ck_assert_int_eq(found(&set, "tenant", "o", "7"), 3);
	ck_assert_int_eq(found(&set, "tenan", "o", "7"), 0);
	ck_assert_int_eq(found(&set, "x", "o", "1"), 5);
	ck_assert_int_eq(found(&set, "x", "o", "10"), 0);
	ck_assert_int_eq(found(&set, "x", "o", "1000"), 0);
}
END_TEST

START_TEST(a_number_that_is_not_known_is_held_by_no_number)
{
	struct hold holds[] = { hold_of(1, HOLD_NUMBER, "", "", "100") };
	const struct hold_set set = { holds, 1 };

	ck_assert_int_eq(found(&set, "t", "o", ""), 0);
}
END_TEST

START_TEST(all_covers_everything_and_comes_first)
{
	struct hold holds[] = { hold_of(9, HOLD_TENANT, "t", "", ""),
				hold_of(8, HOLD_ALL, "", "", "") };
	struct hold_set set = { holds, 2 };

	hold_sort(&set);
	ck_assert_int_eq(found(&set, "t", "o", "1"), 8);
	ck_assert_int_eq(found(&set, "x", "", ""), 8);
}
END_TEST

START_TEST(a_hold_for_a_token_stands_apart)
{
	struct hold holds[] = { hold_of(1, HOLD_OUTLET, "t", "o", "100"),
				hold_of(2, HOLD_OUTLET, "t", "o", ""),
				hold_of(3, HOLD_OUTLET, "t", "p", "100") };
	struct hold_set set = { holds, 3 };

	holds[0].reason = HOLD_TOKEN;
	holds[2].reason = HOLD_TOKEN;
	hold_sort(&set);
	ck_assert_int_eq(found(&set, "t", "o", "100"), 2);
	ck_assert_int_eq(found(&set, "t", "p", "100"), 0);
	ck_assert_int_eq(hold_find_token(&set, "t", "o", "100")->id, 1);
	ck_assert_int_eq(hold_find_token(&set, "t", "p", "100")->id, 3);
}
END_TEST

/* Whoever names its number, and whatever else it sends from. */
START_TEST(a_token_holds_its_outlet_and_no_other)
{
	struct hold holds[] = { hold_of(1, HOLD_OUTLET, "t", "o", "100") };
	const struct hold_set set = { holds, 1 };

	holds[0].reason = HOLD_TOKEN;
	ck_assert_ptr_nonnull(hold_find_token(&set, "t", "o", "100"));
	ck_assert_ptr_null(hold_find_token(&set, "t", "p", "100"));
	ck_assert_ptr_null(hold_find_token(&set, "u", "o", "100"));
	ck_assert_ptr_null(hold_find_token(&set, "t", "o", "200"));
	ck_assert_ptr_null(hold_find_token(&set, "t", "o", ""));
}
END_TEST

START_TEST(of_many_each_is_found)
{
	static struct hold holds[1000];
	struct hold_set set = { holds, 1000 };
	char number[HOLD_NUMBER_BYTES];

	for (int i = 0; i < 1000; i++) {
		snprintf(number, sizeof(number), "%d", i * 7919 % 1000 + 1);
		holds[i] = hold_of(i + 1, HOLD_NUMBER, "", "", number);
	}
	hold_sort(&set);
	for (int i = 0; i < 1000; i++) {
		snprintf(number, sizeof(number), "%d", i * 7919 % 1000 + 1);
		ck_assert_int_eq(found(&set, "t", "o", number), i + 1);
	}
	ck_assert_int_eq(found(&set, "t", "o", "1001"), 0);
}
END_TEST

/* A hold that was released and set again is another one. */
START_TEST(the_same_again_is_another)
{
	struct hold holds[] = { hold_of(2, HOLD_TENANT, "t", "", ""),
				hold_of(1, HOLD_TENANT, "t", "", "") };
	struct hold_set set = { holds, 2 };
	const struct hold other = hold_of(3, HOLD_TENANT, "t", "", "");
	const struct hold same = hold_of(1, HOLD_TENANT, "t", "", "");

	hold_sort(&set);
	ck_assert(hold_is_in(&set, &same));
	ck_assert(!hold_is_in(&set, &other));
}
END_TEST

START_TEST(names_are_those_of_sql)
{
	enum hold_scope scope;
	enum hold_reason reason;

	for (enum hold_scope i = 0; i < HOLD_SCOPES; i++) {
		ck_assert(hold_scope_parse(hold_scope_name(i), &scope));
		ck_assert_int_eq(scope, i);
	}
	for (enum hold_reason i = 0; i < HOLD_REASONS; i++) {
		ck_assert(hold_reason_parse(hold_reason_name(i), &reason));
		ck_assert_int_eq(reason, i);
	}
	ck_assert(!hold_scope_parse("everything", &scope));
	ck_assert(!hold_reason_parse("", &reason));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("hold");
	TCase *tcase = tcase_create("hold");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, nothing_holds_nothing);
	tcase_add_test(tcase, a_hold_covers_what_its_scope_says);
	tcase_add_test(tcase, a_number_that_is_not_known_is_held_by_no_number);
	tcase_add_test(tcase, all_covers_everything_and_comes_first);
	tcase_add_test(tcase, a_hold_for_a_token_stands_apart);
	tcase_add_test(tcase, a_token_holds_its_outlet_and_no_other);
	tcase_add_test(tcase, of_many_each_is_found);
	tcase_add_test(tcase, the_same_again_is_another);
	tcase_add_test(tcase, names_are_those_of_sql);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
