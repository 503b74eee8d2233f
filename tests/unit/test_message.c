#include "domain/message.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST(a_copy_owns_its_texts)
{
	char tenant[] = "tenant-1";
	char payload[] = "{\"body\":\"Hello\"}";
	struct message from = {
		.id = { .bytes = { 1, 2, 3 } },
		.seq = 7,
		.accepted_wall_us = 8,
		.lane = 99,
		.tenant_id = tenant,
		.outlet_id = "outlet",
		.conversation_id = "",
		.recipient = "+628123456789",
		.type = "text",
		.payload = payload,
		.sender_type = "agent",
		.class = MESSAGE_BULK,
		.send_at_wall_us = 9,
		.valid_until_wall_us = 10,
		.deliver_between = "{}",
	};
	struct message *m = message_copy(&from);

	ck_assert_ptr_nonnull(m);
	memset(tenant, 'x', sizeof(tenant) - 1);
	memset(payload, 'x', sizeof(payload) - 1);
	ck_assert(message_id_equal(m->id, from.id));
	ck_assert_uint_eq(m->seq, 7);
	ck_assert_int_eq(m->accepted_wall_us, 8);
	ck_assert_str_eq(m->tenant_id, "tenant-1");
	ck_assert_str_eq(m->outlet_id, "outlet");
	ck_assert_str_eq(m->conversation_id, "");
	ck_assert_str_eq(m->recipient, "+628123456789");
	ck_assert_str_eq(m->type, "text");
	ck_assert_str_eq(m->payload, "{\"body\":\"Hello\"}");
	ck_assert_str_eq(m->sender_type, "agent");
	ck_assert_uint_eq(m->lane, message_lane("tenant-1"));
	ck_assert_uint_eq(m->queue, message_queue("tenant-1", "outlet", MESSAGE_BULK));
	ck_assert_int_eq(m->class, MESSAGE_BULK);
	ck_assert_int_eq(m->send_at_wall_us, 9);
	ck_assert_int_eq(m->valid_until_wall_us, 10);
	ck_assert_str_eq(m->deliver_between, "{}");
	message_free(m);
	from.deliver_between = NULL;
	m = message_copy(&from);
	ck_assert_str_eq(m->deliver_between, "");
	message_free(m);
	message_free(NULL);
}
END_TEST

/* Lanes are stored: FNV-1a 64 of "" is its offset basis, of "a" and "foobar" as published. */
START_TEST(lanes_are_fixed_for_ever)
{
	ck_assert_uint_eq(message_lane(""), 0xcbf29ce484222325 % 64);
	ck_assert_uint_eq(message_lane("a"), 0xaf63dc4c8601ec8c % 64);
	ck_assert_uint_eq(message_lane("foobar"), 0x85944171f73967e8 % 64);
}
END_TEST

/* Queues are stored: FNV-1a 64 of "foo", 0, "bar", computed by hand elsewhere. */
START_TEST(queues_are_fixed_for_ever)
{
	const uint64_t hash = UINT64_C(0x8a5f40d8243888aa) & UINT64_C(0x7ffffffffffffffc);

	ck_assert_uint_eq(message_queue("foo", "bar", MESSAGE_HIGH), hash);
	ck_assert_uint_eq(message_queue("foo", "bar", MESSAGE_NORMAL), hash + 1);
	ck_assert_uint_eq(message_queue("foo", "bar", MESSAGE_BULK), hash + 2);
	ck_assert_uint_ne(message_queue("foob", "ar", MESSAGE_HIGH), hash);
	ck_assert_int_eq(message_queue_class(hash + 2), MESSAGE_BULK);
}
END_TEST

START_TEST(classes_are_read_back)
{
	enum message_class class = MESSAGE_BULK;

	for (int i = 0; i < MESSAGE_CLASSES; i++) {
		ck_assert(message_class_parse(message_class_name((enum message_class)i), &class));
		ck_assert_int_eq(class, i);
	}
	ck_assert(!message_class_parse("High", &class));
	ck_assert(!message_class_parse("", &class));
	ck_assert_int_eq(class, MESSAGE_BULK);
}
END_TEST

START_TEST(every_lane_gets_its_share)
{
	unsigned counts[MESSAGE_LANES] = { 0 };

	for (int i = 0; i < 64000; i++) {
		char tenant[40];

		(void)snprintf(tenant, sizeof(tenant), "%08x-e89b-12d3-a456-426614174000",
			       (unsigned)i * 2654435761u);
		counts[message_lane(tenant)]++;
	}
	for (int i = 0; i < MESSAGE_LANES; i++) {
		ck_assert_uint_gt(counts[i], 800);
		ck_assert_uint_lt(counts[i], 1200);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("message");
	TCase *tcase = tcase_create("message");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, a_copy_owns_its_texts);
	tcase_add_test(tcase, lanes_are_fixed_for_ever);
	tcase_add_test(tcase, queues_are_fixed_for_ever);
	tcase_add_test(tcase, classes_are_read_back);
	tcase_add_test(tcase, every_lane_gets_its_share);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
