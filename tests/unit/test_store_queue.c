#include <check.h>
#include <stdlib.h>

#include "store/queue.h"

#define ROWS 8

static struct queue q;
static struct op *ops[ROWS];

static void setup(void)
{
	ck_assert_int_eq(queue_init(&q), 0);
}

static void teardown(void)
{
	queue_fini(&q);
}

static struct op *add(enum op_kind kind, uint8_t id)
{
	struct op *op = op_new(kind, 0, (struct message_id){ { id } }, 0);

	ck_assert_ptr_nonnull(op);
	op->bytes = 10;
	if (kind == OP_CANCEL)
		queue_add_cancel(&q, op);
	else
		queue_add(&q, op);
	return op;
}

/* Takes a batch and frees it; how many it had. */
static unsigned take(unsigned rows, size_t bytes)
{
	unsigned count = queue_take(&q, ops, rows, bytes);

	for (unsigned i = 0; i < count; i++)
		op_free(ops[i]);
	return count;
}

START_TEST(a_batch_has_a_bound_of_rows)
{
	for (uint8_t i = 0; i < 5; i++)
		add(OP_ACCEPT, i);
	ck_assert_uint_eq(take(4, 1000), 4);
	ck_assert_uint_eq(q.count, 1);
	ck_assert_uint_eq(take(4, 1000), 1);
	ck_assert_uint_eq(take(4, 1000), 0);
}
END_TEST

START_TEST(a_batch_has_a_bound_of_bytes_but_never_none)
{
	for (uint8_t i = 0; i < 4; i++)
		add(OP_ACCEPT, i);
	ck_assert_uint_eq(take(8, 29), 2);
	ck_assert_uint_eq(take(8, 1), 1);
	ck_assert_uint_eq(take(8, 10), 1);
}
END_TEST

START_TEST(a_message_shares_a_batch_only_in_order_of_kinds)
{
	add(OP_ACCEPT, 1);
	add(OP_OUTCOME, 1); /* after accept: fine */
	add(OP_BEGIN, 1);   /* would run before the outcome */
	add(OP_OUTCOME, 1);
	ck_assert_uint_eq(take(8, 1000), 2);
	ck_assert_uint_eq(take(8, 1000), 2);
}
END_TEST

START_TEST(two_of_one_kind_and_message_are_apart)
{
	add(OP_OUTCOME, 1);
	add(OP_OUTCOME, 2);
	add(OP_OUTCOME, 1);
	add(OP_OUTCOME, 3);
	ck_assert_uint_eq(take(8, 1000), 2);
	ck_assert_uint_eq(take(8, 1000), 2); /* what it waited for is gone */
}
END_TEST

START_TEST(cancels_go_first_and_do_not_hold_up)
{
	struct op *cancel;

	add(OP_OUTCOME, 1);
	cancel = add(OP_CANCEL, 2);
	add(OP_DEFER, 1);
	ck_assert_uint_eq(q.cancels, 1);
	ck_assert_ptr_eq(queue_first(&q), cancel);
	ck_assert_uint_eq(take(8, 1000), 3);
	ck_assert_uint_eq(q.cancels, 0);
}
END_TEST

START_TEST(the_last_one_of_a_message_is_found)
{
	struct op *last;

	ck_assert_ptr_null(queue_last(&q, (struct message_id){ { 1 } }));
	add(OP_ACCEPT, 1);
	last = add(OP_OUTCOME, 1);
	ck_assert_ptr_eq(queue_last(&q, last->id), last);
	ck_assert_uint_eq(take(1, 1000), 1);
	ck_assert_ptr_eq(queue_last(&q, (struct message_id){ { 1 } }), last);
	ck_assert_uint_eq(take(1, 1000), 1);
	ck_assert_ptr_null(queue_last(&q, (struct message_id){ { 1 } }));
}
END_TEST

START_TEST(what_waits_of_one_message_is_taken_out_in_order)
{
	struct list taken;

	list_init(&taken);
	for (uint8_t i = 0; i < 3; i++) {
		add(OP_OUTCOME, 1);
		add(OP_OUTCOME, (uint8_t)(10 + i));
	}
	queue_take_message(&q, (struct message_id){ { 2 } }, &taken);
	ck_assert(list_empty(&taken));
	queue_take_message(&q, (struct message_id){ { 1 } }, &taken);
	ck_assert_uint_eq(q.count, 3);
	ck_assert_ptr_null(queue_last(&q, (struct message_id){ { 1 } }));
	for (uint64_t serial = 1; serial <= 5; serial += 2) {
		struct op *op = LIST_OBJECT(list_take_first(&taken), struct op, node);

		ck_assert_uint_eq(op->serial, serial);
		op_free(op);
	}
	ck_assert(list_empty(&taken));
	ck_assert_uint_eq(take(10, 1000), 3);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store_queue");
	TCase *tcase = tcase_create("store_queue");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_batch_has_a_bound_of_rows);
	tcase_add_test(tcase, a_batch_has_a_bound_of_bytes_but_never_none);
	tcase_add_test(tcase, a_message_shares_a_batch_only_in_order_of_kinds);
	tcase_add_test(tcase, two_of_one_kind_and_message_are_apart);
	tcase_add_test(tcase, cancels_go_first_and_do_not_hold_up);
	tcase_add_test(tcase, the_last_one_of_a_message_is_found);
	tcase_add_test(tcase, what_waits_of_one_message_is_taken_out_in_order);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
