#include "domain/share.h"

#include <check.h>
#include <stdlib.h>

enum { HIGH = 1, NORMAL = 2, BULK = 4 };

static struct share s;
static unsigned had[SHARE_CLASSES];

static unsigned one(unsigned wanting)
{
	const unsigned class = share_next(&s, wanting);

	ck_assert_uint_lt(class, SHARE_CLASSES);
	ck_assert(wanting >> class & 1);
	share_take(&s, wanting, class);
	had[class]++;
	return class;
}

static void many(unsigned wanting, unsigned count, unsigned high, unsigned normal, unsigned bulk)
{
	had[0] = had[1] = had[2] = 0;
	while (count-- > 0)
		(void)one(wanting);
	ck_assert_uint_eq(had[0], high);
	ck_assert_uint_eq(had[1], normal);
	ck_assert_uint_eq(had[2], bulk);
}

static void begin(void)
{
	s = (struct share){ { 0 } };
}

START_TEST(s1_classes_share_by_their_weights)
{
	many(HIGH | NORMAL | BULK, 21, 16, 4, 1);
	many(HIGH | NORMAL | BULK, 2100, 1600, 400, 100);
	many(HIGH | BULK, 17, 16, 0, 1);
	many(NORMAL | BULK, 5, 0, 4, 1);
	many(BULK, 9, 0, 0, 9);
}
END_TEST

START_TEST(s1_none_waits_longer_than_a_round)
{
	unsigned since_bulk = 0;
	unsigned since_normal = 0;

	for (unsigned i = 0; i < 500; i++) {
		const unsigned class = one(HIGH | NORMAL | BULK);

		since_bulk = class == 2 ? 0 : since_bulk + 1;
		since_normal = class == 1 ? 0 : since_normal + 1;
		ck_assert_uint_le(since_bulk, 20);
		ck_assert_uint_le(since_normal, 6);
	}
}
END_TEST

START_TEST(s1_the_first_is_the_highest)
{
	ck_assert_uint_eq(one(HIGH | NORMAL | BULK), 0);
	begin();
	ck_assert_uint_eq(one(NORMAL | BULK), 1);
}
END_TEST

START_TEST(s1_who_was_alone_owes_nothing)
{
	many(BULK, 1000, 0, 0, 1000);
	ck_assert_uint_eq(one(HIGH | BULK), 0);
	many(HIGH | BULK, 16, 15, 0, 1);
}
END_TEST

START_TEST(s2_a_weight_is_a_longer_turn)
{
	unsigned left = 0;

	ck_assert(share_turn_over(&left, 1));
	ck_assert(share_turn_over(&left, 1));
	for (unsigned i = 0; i < 3; i++) {
		ck_assert(!share_turn_over(&left, 3));
		ck_assert(!share_turn_over(&left, 3));
		ck_assert(share_turn_over(&left, 3));
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("share");
	TCase *tcase = tcase_create("share");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, begin, NULL);
	tcase_add_test(tcase, s1_classes_share_by_their_weights);
	tcase_add_test(tcase, s1_none_waits_longer_than_a_round);
	tcase_add_test(tcase, s1_the_first_is_the_highest);
	tcase_add_test(tcase, s1_who_was_alone_owes_nothing);
	tcase_add_test(tcase, s2_a_weight_is_a_longer_turn);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
