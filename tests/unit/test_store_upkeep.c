#include "store/upkeep.h"

#include <check.h>
#include <stdlib.h>

/* What beacon_tick returns. */
static PGresult *ticked(char ticks, char mark)
{
	static char name[] = "x";
	PGresAttDesc columns[2] = { { .name = name }, { .name = name } };
	PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);

	ck_assert_ptr_nonnull(result);
	ck_assert_int_eq(PQsetResultAttrs(result, 2, columns), 1);
	ck_assert_int_eq(PQsetvalue(result, 0, 0, &ticks, 1), 1);
	ck_assert_int_eq(PQsetvalue(result, 0, 1, &mark, 1), 1);
	return result;
}

static int64_t end(struct upkeep *u, enum op_kind kind, enum store_verdict verdict)
{
	struct op *op = op_new(kind, 0, (struct message_id){ { 0 } }, 0);
	int64_t ticks;

	ck_assert_ptr_nonnull(op);
	if (verdict == STORE_DONE)
		op->result = ticked(7, 0);
	ticks = upkeep_ended(u, op, verdict, 1000);
	op_free(op);
	return ticks;
}

/* After a tick as well: what that told may be of the database that was there before. */
START_TEST(only_a_tick_that_is_done_tells_the_ticks)
{
	static const enum op_kind others[] = { OP_UPKEEP, OP_EXPIRE, OP_MARK, OP_ORPHANS_COUNT,
					       OP_HOLDS_OVER };
	struct upkeep u = { 0 };

	ck_assert_int_eq(end(&u, OP_TICK, STORE_DONE), 7);
	ck_assert_int_eq(end(&u, OP_TICK, STORE_AWAY), 0);
	for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		ck_assert_int_eq(end(&u, others[i], STORE_DONE), 0);
		ck_assert_int_eq(end(&u, others[i], STORE_AWAY), 0);
	}
}
END_TEST

/* Only who is to. */
START_TEST(orphans_are_counted_by_one)
{
	struct upkeep u = { 0 };
	struct list ops;
	struct list *node;
	unsigned counts = 0;

	for (int counting = 0; counting < 2; counting++) {
		upkeep_count_orphans(&u, counting);
		list_init(&ops);
		upkeep_submit(&u, &ops, 1000);
		while ((node = list_take_first(&ops))) {
			struct op *op = LIST_OBJECT(node, struct op, node);

			ck_assert(upkeep_is(op));
			counts += op->kind == OP_ORPHANS_COUNT;
			op_free(op);
		}
		ck_assert_uint_eq(counts, (unsigned)counting);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store_upkeep");
	TCase *tcase = tcase_create("upkeep");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, only_a_tick_that_is_done_tells_the_ticks);
	tcase_add_test(tcase, orphans_are_counted_by_one);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
