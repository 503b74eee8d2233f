/* What receipts do to a message's state, callback data, and the limits of what is kept. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "domain/receipt.h"
#include "domain/receipts.h"

#define ID "0195f2a0-1c3d-7abc-8def-0123456789ab"
#define AT INT64_C(1795392013000000)

static struct receipt delivered(void)
{
	return (struct receipt){
		.status = RECEIPT_DELIVERED, .wamid = "wamid.X", .at_wall_us = AT, .billable = -1
	};
}

START_TEST(statuses_have_metas_names)
{
	static const char *const names[] = { "sent", "delivered", "read", "played", "failed" };

	for (int i = 0; i < RECEIPT_OTHER; i++) {
		ck_assert_int_eq(receipt_status_parse(names[i]), i);
		ck_assert_str_eq(receipt_status_name((enum receipt_status)i), names[i]);
	}
	ck_assert_int_eq(receipt_status_parse("deleted"), RECEIPT_OTHER);
	ck_assert_int_eq(receipt_status_parse("Sent"), RECEIPT_OTHER);
	ck_assert_int_eq(receipt_status_parse(""), RECEIPT_OTHER);
}
END_TEST

struct effect {
	enum state now;
	enum state after[RECEIPT_OTHER + 1]; /* sent, delivered, read, played, failed, other */
};

#define S(name) STATE_##name
static const struct effect effects[] = {
	{ S(SENDING), { S(SENT), S(DELIVERED), S(READ), S(READ), S(FAILED), S(SENDING) } },
	{ S(RETRYING), { S(SENT), S(DELIVERED), S(READ), S(READ), S(FAILED), S(RETRYING) } },
	{ S(UNKNOWN), { S(SENT), S(DELIVERED), S(READ), S(READ), S(FAILED), S(UNKNOWN) } },
	{ S(SENT), { S(SENT), S(DELIVERED), S(READ), S(READ), S(FAILED), S(SENT) } },
	{ S(DELIVERED),
	  { S(DELIVERED), S(DELIVERED), S(READ), S(READ), S(DELIVERED), S(DELIVERED) } },
	{ S(READ), { S(READ), S(READ), S(READ), S(READ), S(READ), S(READ) } },
	{ S(FAILED), { S(FAILED), S(FAILED), S(FAILED), S(FAILED), S(FAILED), S(FAILED) } },
	{ S(CANCELLED),
	  { S(CANCELLED), S(CANCELLED), S(CANCELLED), S(CANCELLED), S(CANCELLED), S(CANCELLED) } },
	{ S(EXPIRED), { S(EXPIRED), S(EXPIRED), S(EXPIRED), S(EXPIRED), S(EXPIRED), S(EXPIRED) } },
};

START_TEST(a_state_never_goes_back)
{
	for (size_t i = 0; i < sizeof(effects) / sizeof(effects[0]); i++)
		for (int r = 0; r <= RECEIPT_OTHER; r++)
			ck_assert_int_eq(receipt_state(effects[i].now, (enum receipt_status)r),
					 effects[i].after[r]);
}
END_TEST

START_TEST(what_it_makes_of_a_message_is_an_arrow)
{
	for (int s = 0; s < STATE_COUNT; s++) {
		for (int r = 0; r <= RECEIPT_OTHER; r++) {
			const enum state after =
				receipt_state((enum state)s, (enum receipt_status)r);

			/* These have no attempt, or are retrying in truth. */
			if (s == STATE_QUEUED || s == STATE_SCHEDULED || s == STATE_HELD)
				continue;
			ck_assert(after == (enum state)s || state_may_become((enum state)s, after));
		}
	}
}
END_TEST

START_TEST(contradictions_are_told)
{
	ck_assert(receipt_contradicts(STATE_FAILED, RECEIPT_DELIVERED));
	ck_assert(receipt_contradicts(STATE_FAILED, RECEIPT_READ));
	ck_assert(receipt_contradicts(STATE_FAILED, RECEIPT_PLAYED));
	ck_assert(receipt_contradicts(STATE_EXPIRED, RECEIPT_DELIVERED));
	ck_assert(receipt_contradicts(STATE_CANCELLED, RECEIPT_DELIVERED));
	ck_assert(receipt_contradicts(STATE_DELIVERED, RECEIPT_FAILED));
	ck_assert(receipt_contradicts(STATE_READ, RECEIPT_FAILED));
	ck_assert(!receipt_contradicts(STATE_FAILED, RECEIPT_SENT));
	ck_assert(!receipt_contradicts(STATE_FAILED, RECEIPT_FAILED));
	ck_assert(!receipt_contradicts(STATE_SENT, RECEIPT_FAILED));
	ck_assert(!receipt_contradicts(STATE_READ, RECEIPT_DELIVERED));
	ck_assert(!receipt_contradicts(STATE_FAILED, RECEIPT_OTHER));
}
END_TEST

START_TEST(callback_data_of_ours_is_read)
{
	static const char *const others[] = {
		"",       ID,       ID ":",      ID ":0",     ID ":-1",
		ID ":1x", ID " :1", ID ":32768", "x" ID ":1", "t=acme;m=01JDC3V7Q3;a=1"
	};
	struct message_id id;
	char text[MESSAGE_ID_TEXT_BYTES];
	unsigned attempt;

	ck_assert(receipt_callback_parse(ID ":1", &id, &attempt));
	message_id_text(id, text);
	ck_assert_str_eq(text, ID);
	ck_assert_uint_eq(attempt, 1);
	ck_assert(receipt_callback_parse(ID ":32767", &id, &attempt));
	ck_assert_uint_eq(attempt, 32767);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		ck_assert_msg(!receipt_callback_parse(others[i], &id, &attempt), "%s", others[i]);
}
END_TEST

START_TEST(what_failed_for_now_may_be_sent_again)
{
	static const struct {
		int code;
		int64_t least_ms;
	} rows[] = {
		{ 131000, 0 },        { 131016, 0 },  { 1, 0 },       { 130429, 1000 },
		{ 131048, 86400000 }, { 131026, -1 }, { 131049, -1 }, { 131050, -1 },
		{ 190, -1 },          { 131031, -1 }, { 0, -1 },      { 999999, -1 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct receipt r = { .status = RECEIPT_FAILED, .code = rows[i].code };

		ck_assert_msg(receipt_again_ms(&r) == rows[i].least_ms, "%d", rows[i].code);
		r.status = RECEIPT_DELIVERED;
		ck_assert_int_eq(receipt_again_ms(&r), -1);
	}
}
END_TEST

START_TEST(the_reason_is_metas_words_and_what_to_do)
{
	struct receipt r = { .code = 131026, .title = "Message undeliverable", .details = "D" };
	char text[RECEIPT_REASON_BYTES];
	char endless[2000];

	receipt_reason(&r, text);
	ck_assert_ptr_eq(strstr(text, "Message undeliverable: D. "), text);
	ck_assert_uint_gt(strlen(text), strlen("Message undeliverable: D. "));
	r = (struct receipt){ .code = 999999, .title = "New" };
	receipt_reason(&r, text);
	ck_assert_str_eq(text, "New.");
	r = (struct receipt){ 0 };
	receipt_reason(&r, text);
	ck_assert_uint_gt(strlen(text), 0);
	memset(endless, 'e', sizeof(endless) - 1);
	endless[sizeof(endless) - 1] = '\0';
	r.title = r.details = endless;
	receipt_reason(&r, text);
	ck_assert_uint_eq(strlen(text), RECEIPT_REASON_BYTES - 1);
}
END_TEST

static enum receipts_verdict add(struct receipts *list, struct receipt receipt)
{
	return receipts_add(list, &receipt);
}

START_TEST(what_identifies_it_is_kept_whole_or_not_at_all)
{
	struct receipts *list = receipts_new();
	struct receipt r = delivered();
	char wamid[RECEIPT_WAMID_MAX + 2];
	char status[RECEIPT_STATUS_MAX + 2];

	memset(wamid, 'w', sizeof(wamid));
	wamid[RECEIPT_WAMID_MAX] = '\0';
	r.wamid = wamid;
	ck_assert_int_eq(add(list, r), RECEIPTS_ADDED);
	wamid[RECEIPT_WAMID_MAX] = 'w';
	wamid[RECEIPT_WAMID_MAX + 1] = '\0';
	ck_assert_int_eq(add(list, r), RECEIPTS_BAD);
	r.wamid = "";
	ck_assert_int_eq(add(list, r), RECEIPTS_BAD);
	r.wamid = NULL;
	ck_assert_int_eq(add(list, r), RECEIPTS_BAD);
	r.wamid = "\xff";
	ck_assert_int_eq(add(list, r), RECEIPTS_BAD);
	r = delivered();
	r.status = RECEIPT_OTHER;
	memset(status, 's', sizeof(status));
	status[RECEIPT_STATUS_MAX] = '\0';
	r.status_text = status;
	ck_assert_int_eq(add(list, r), RECEIPTS_ADDED);
	status[RECEIPT_STATUS_MAX] = 's';
	status[RECEIPT_STATUS_MAX + 1] = '\0';
	ck_assert_int_eq(add(list, r), RECEIPTS_BAD);
	r = delivered();
	r.at_wall_us = 0;
	ck_assert_int_eq(add(list, r), RECEIPTS_BAD);
	r.at_wall_us = INT64_MAX;
	ck_assert_int_eq(add(list, r), RECEIPTS_BAD);
	r = delivered();
	r.has_callback = true;
	ck_assert_int_eq(add(list, r), RECEIPTS_BAD);
	r.attempt = RECEIPT_ATTEMPT_MAX;
	ck_assert_int_eq(add(list, r), RECEIPTS_ADDED);
	r.attempt++;
	ck_assert_int_eq(add(list, r), RECEIPTS_BAD);
	ck_assert_uint_eq(receipts_count(list), 3);
	receipts_free(list);
}
END_TEST

START_TEST(the_other_texts_are_cut_and_copied)
{
	struct receipts *list = receipts_new();
	struct receipt r = delivered();
	char details[RECEIPT_TEXT_MAX + 10];
	const struct receipt *kept;

	memset(details, 'd', sizeof(details) - 1);
	details[sizeof(details) - 1] = '\0';
	r.details = details;
	r.title = "\xff";
	ck_assert_int_eq(add(list, r), RECEIPTS_ADDED);
	memset(details, 'x', 4);
	kept = receipts_at(list, 0);
	ck_assert_uint_eq(strlen(kept->details), RECEIPT_TEXT_MAX);
	ck_assert_int_eq(kept->details[0], 'd');
	ck_assert_str_eq(kept->title, "");
	ck_assert_str_eq(kept->number, "");
	ck_assert_str_eq(kept->status_text, "delivered");
	receipts_free(list);
}
END_TEST

START_TEST(there_is_an_end)
{
	struct receipts *list = receipts_new();

	for (unsigned i = 0; i < RECEIPTS_MAX; i++)
		ck_assert_int_eq(add(list, delivered()), RECEIPTS_ADDED);
	ck_assert_int_eq(add(list, delivered()), RECEIPTS_FULL);
	ck_assert_uint_eq(receipts_count(list), RECEIPTS_MAX);
	ck_assert_str_eq(receipts_at(list, RECEIPTS_MAX - 1)->wamid, "wamid.X");
	receipts_free(list);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("receipt");
	TCase *tcase = tcase_create("receipt");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, statuses_have_metas_names);
	tcase_add_test(tcase, a_state_never_goes_back);
	tcase_add_test(tcase, what_it_makes_of_a_message_is_an_arrow);
	tcase_add_test(tcase, contradictions_are_told);
	tcase_add_test(tcase, callback_data_of_ours_is_read);
	tcase_add_test(tcase, what_failed_for_now_may_be_sent_again);
	tcase_add_test(tcase, the_reason_is_metas_words_and_what_to_do);
	tcase_add_test(tcase, what_identifies_it_is_kept_whole_or_not_at_all);
	tcase_add_test(tcase, the_other_texts_are_cut_and_copied);
	tcase_add_test(tcase, there_is_an_end);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
