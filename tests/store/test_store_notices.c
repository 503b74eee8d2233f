/* What notices come to, in whatever order and however often they come. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "receiving.h"

#define AT(s) ((RECEIVED_S + (s)) * INT64_C(1000000))

static struct harness h;

static void setup(void)
{
	harness_start(&h);
}

static void teardown(void)
{
	harness_stop(&h);
}

/* One webhook; h.received. */
static void give(const struct notice *notices, unsigned count)
{
	struct notices *list = notices_new();
	const unsigned target = h.done_count + 1;
	struct err err;

	for (unsigned i = 0; i < count; i++)
		ck_assert_int_eq(notices_add(list, &notices[i]), NOTICES_ADDED);
	ck_assert_int_eq(store_receipts(h.store, 700, NULL, list, NULL, 0, &err), 0);
	harness_until_done(&h, target, 10000);
	ck_assert_int_eq(h.done[700].verdict, STORE_DONE);
}

/* Everything that was told, as one text. */
static const char *all(void)
{
	return harness_sql_text(
		&h,
		"SELECT concat((SELECT json_agg(json_build_array(wamid, at, number, phone, "
		"user_id, type, raw) ORDER BY wamid) FROM message_sender.inbound), "
		"(SELECT json_agg(w ORDER BY number, person) FROM message_sender.reply_window w), "
		"(SELECT json_agg(o ORDER BY number, person, tenant_id) FROM "
		"message_sender.opt_out o), "
		"(SELECT json_agg(n ORDER BY display) FROM message_sender.number n), "
		"(SELECT json_agg(json_build_array(account, type, reason, at, until_at, "
		"over_at IS NULL) ORDER BY account, type) FROM message_sender.account a), "
		"(SELECT json_agg(json_build_array(number, reason, until_at) ORDER BY number, "
		"reason) FROM message_sender.hold WHERE released_at IS NULL))");
}

static const struct notice stories[] = {
	{ .kind = NOTICE_NUMBER, .number = "11", .display = "+62 811-1", .account = "7" },
	{ .kind = NOTICE_NUMBER, .number = "12", .display = "628112", .account = "8" },
	{ .kind = NOTICE_QUALITY,
	  .display = "628111",
	  .event = "THROUGHPUT_UPGRADE",
	  .at_wall_us = AT(10) },
	{ .kind = NOTICE_QUALITY,
	  .display = "628111",
	  .event = "ONBOARDING",
	  .type = "TIER_1K",
	  .at_wall_us = AT(20) },
	{ .kind = NOTICE_ACCOUNT,
	  .account = "7",
	  .event = "DISABLED_UPDATE",
	  .type = "DISABLE",
	  .at_wall_us = AT(1) },
	{ .kind = NOTICE_ACCOUNT,
	  .account = "7",
	  .event = "DISABLED_UPDATE",
	  .type = "REINSTATE",
	  .at_wall_us = AT(2) },
	{ .kind = NOTICE_ACCOUNT,
	  .account = "7",
	  .event = "ACCOUNT_RESTRICTION",
	  .type = "RESTRICTED_BIZ_INITIATED_MESSAGING",
	  .at_wall_us = AT(3),
	  .until_wall_us = AT(1000000000) },
	{ .kind = NOTICE_ACCOUNT,
	  .account = "8",
	  .event = "DISABLED_UPDATE",
	  .type = "DISABLE",
	  .at_wall_us = AT(5) },
	{ .kind = NOTICE_PREFERENCE,
	  .number = "11",
	  .phone = "1",
	  .user = "ID.1",
	  .stop = true,
	  .at_wall_us = AT(1) },
	{ .kind = NOTICE_PREFERENCE, .number = "11", .phone = "1", .at_wall_us = AT(2) },
	{ .kind = NOTICE_PREFERENCE, .number = "11", .phone = "2", .at_wall_us = AT(1) },
	{ .kind = NOTICE_PREFERENCE,
	  .number = "11",
	  .phone = "2",
	  .stop = true,
	  .at_wall_us = AT(1) },
	{ .kind = NOTICE_INBOUND,
	  .number = "11",
	  .phone = "1",
	  .wamid = "a",
	  .type = "text",
	  .at_wall_us = AT(1),
	  .raw = "{\xff}",
	  .raw_len = 3 },
	{ .kind = NOTICE_INBOUND,
	  .number = "11",
	  .phone = "1",
	  .user = "ID.1",
	  .wamid = "b",
	  .type = "text",
	  .at_wall_us = AT(9),
	  .raw = "{}",
	  .raw_len = 2 },
	{ .kind = NOTICE_INBOUND,
	  .number = "11",
	  .phone = "1",
	  .wamid = "c",
	  .type = "system",
	  .at_wall_us = AT(90),
	  .raw = "{}",
	  .raw_len = 2 },
};
#define STORIES (sizeof(stories) / sizeof(stories[0]))

static void forget(void)
{
	harness_sql_text(&h, "TRUNCATE message_sender.inbound, message_sender.reply_window, "
			     "message_sender.opt_out, message_sender.number, "
			     "message_sender.account, message_sender.hold");
}

/* One webhook each, or all in one; then all once more. */
START_TEST(in_any_order_the_end_is_the_same)
{
	char *first = NULL;
	unsigned seed = 1;

	for (unsigned round = 0; round < 12; round++) {
		struct notice told[STORIES];

		memcpy(told, stories, sizeof(told));
		for (unsigned i = STORIES - 1; round > 0 && i > 0; i--) {
			const unsigned at = (unsigned)rand_r(&seed) % (i + 1);
			const struct notice other = told[at];

			told[at] = told[i];
			told[i] = other;
		}
		if (round % 2) {
			give(told, STORIES);
		} else {
			for (unsigned i = 0; i < STORIES; i++)
				give(&told[i], 1);
		}
		if (!first)
			first = strdup(all());
		ck_assert_str_eq(all(), first);
		for (unsigned i = 0; i < STORIES; i++) {
			give(&told[i], 1);
			for (unsigned e = 0; e < STORE_EFFECTS; e++)
				ck_assert_uint_eq(h.received.effects[e], 0);
		}
		ck_assert_str_eq(all(), first);
		forget();
	}
	free(first);
}
END_TEST

START_TEST(it_is_as_it_should_be)
{
	give(stories, STORIES);
	ck_assert_uint_eq(h.received.effects[STORE_INBOUND], 3);
	ck_assert_uint_eq(h.received.effects[STORE_NUMBER], 2);
	ck_assert_uint_eq(h.received.effects[STORE_RATE], 1);
	ck_assert_uint_ge(h.received.effects[STORE_HOLD], 2);
	ck_assert_str_eq(harness_sql_text(&h, "SELECT concat(rate, event) FROM "
					      "message_sender.number WHERE number = '11'"),
			 "1000ONBOARDING");
	ck_assert_str_eq(harness_sql_text(&h, "SELECT string_agg(number || reason, ' ' ORDER BY "
					      "number, reason) FROM message_sender.hold WHERE "
					      "released_at IS NULL"),
			 "11restricted 12disabled");
	ck_assert_str_eq(harness_sql_text(&h, "SELECT string_agg(person || stopped, ' ' ORDER BY "
					      "person) FROM message_sender.opt_out"),
			 "1false 2true ID.1true");
	ck_assert_str_eq(harness_sql_text(&h, "SELECT string_agg(person || date_part('second', "
					      "last_inbound_at), ' ' ORDER BY person) FROM "
					      "message_sender.reply_window"),
			 "19 ID.19");
}
END_TEST

/* Whatever the rest of its webhook is. */
START_TEST(what_is_refused_costs_only_itself)
{
	struct notice told[3] = { stories[12], stories[13], stories[14] };

	harness_sql_text(&h, "ALTER TABLE message_sender.inbound ADD CONSTRAINT no_b CHECK (wamid "
			     "<> 'b')");
	give(told, 3);
	harness_sql_text(&h, "ALTER TABLE message_sender.inbound DROP CONSTRAINT no_b");
	ck_assert_uint_eq(h.received.rejected, 1);
	ck_assert_uint_eq(h.received.effects[STORE_INBOUND], 2);
	ck_assert_int_eq(harness_sql_long(&h, "SELECT count(*) FROM message_sender.inbound"), 2);
}
END_TEST

/* Whose message was refused for it; else who has the outlet; else who has sent from the number;
 * else nobody's. */
START_TEST(an_opt_out_is_its_tenants)
{
	struct notice n = { .kind = NOTICE_PREFERENCE,
			    .number = "1234567890",
			    .phone = "5",
			    .stop = true,
			    .at_wall_us = AT(1) };
	struct receipt sent;
	const char *tenant;

	give(&n, 1);
	ck_assert_str_eq(harness_sql_text(&h, "SELECT '-' || tenant_id FROM "
					      "message_sender.opt_out"),
			 "-");
	receiving_send(&h, 0);
	tenant = harness_message(&h, 0)->tenant_id;
	sent = receiving_receipt(&h, 0, RECEIPT_SENT, 0);
	receiving_give(&h, &sent, 1);
	n.phone = "6";
	give(&n, 1);
	n.phone = "7";
	n.wamid = "w.0";
	give(&n, 1);
	n.phone = "8";
	n.wamid = "unknown";
	n.has_id = true;
	n.id = harness_message(&h, 0)->id;
	give(&n, 1);
	ck_assert_str_eq(harness_sql_text(&h, "SELECT string_agg(person || tenant_id, ' ' ORDER BY "
					      "person) FROM message_sender.opt_out WHERE person "
					      "> '5'"),
			 harness_sql_text(&h,
					  "SELECT concat('6', t, ' 7', t, ' 8', t) FROM "
					  "(VALUES ('%s')) AS v (t)",
					  tenant));
	harness_sql_text(&h, "INSERT INTO message_sender.tenant (tenant_id) VALUES ('own')");
	harness_sql_text(&h, "INSERT INTO message_sender.outlet (tenant_id, outlet_id, number, "
			     "changed_by) VALUES ('own', 'o', '1234567890', 'x')");
	n = (struct notice){ .kind = NOTICE_PREFERENCE,
			     .number = "1234567890",
			     .phone = "9",
			     .stop = true,
			     .at_wall_us = AT(1) };
	give(&n, 1);
	ck_assert_str_eq(harness_sql_text(&h, "SELECT tenant_id FROM message_sender.opt_out "
					      "WHERE person = '9'"),
			 "own");
	/* Taken back for all whose it is. */
	n.phone = "8";
	n.stop = false;
	n.at_wall_us = AT(2);
	give(&n, 1);
	ck_assert_int_eq(harness_sql_long(&h, "SELECT count(*) FROM message_sender.opt_out WHERE "
					      "person = '8' AND NOT stopped"),
			 2);
}
END_TEST

START_TEST(what_is_old_is_deleted)
{
	give(stories, STORIES);
	harness_sql_text(&h, "UPDATE message_sender.inbound SET received_at = now() - interval "
			     "'9 days' WHERE wamid = 'a'");
	harness_sql_text(&h, "UPDATE message_sender.reply_window SET last_inbound_at = "
			     "now() - CASE person WHEN '1' THEN interval '11 days' ELSE "
			     "interval '9 days' END");
	ck_assert_int_eq(harness_sql_long(&h, "SELECT message_sender.inbound_prune(10, 10)"), 1);
	ck_assert_int_eq(harness_sql_long(&h, "SELECT message_sender.inbound_prune(8, 10)"), 2);
	ck_assert_int_eq(harness_sql_long(&h, "SELECT message_sender.inbound_prune(8, 10)"), 0);
	ck_assert_int_eq(harness_sql_long(&h, "SELECT count(*) FROM message_sender.inbound"), 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store_notices");
	TCase *tcase = tcase_create("store_notices");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, in_any_order_the_end_is_the_same);
	tcase_add_test(tcase, it_is_as_it_should_be);
	tcase_add_test(tcase, what_is_refused_costs_only_itself);
	tcase_add_test(tcase, an_opt_out_is_its_tenants);
	tcase_add_test(tcase, what_is_old_is_deleted);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
