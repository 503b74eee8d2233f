#include "receiving.h"

#include <check.h>
#include <stdio.h>

#define CALL 998

struct receipt receiving_receipt(struct harness *h, unsigned tag, enum receipt_status status,
				 int at_s)
{
	static char wamids[HARNESS_TAGS][8];
	char *wamid = wamids[tag];

	snprintf(wamid, sizeof(wamids[tag]), "w.%u", tag % HARNESS_TAGS);
	return (struct receipt){
		.status = status,
		.wamid = wamid,
		.at_wall_us = (RECEIVED_S + at_s) * 1000000,
		.has_callback = true,
		.id = harness_message(h, tag)->id,
		.attempt = 1,
		.number = "1234567890",
		.billable = -1,
	};
}

void receiving_give(struct harness *h, const struct receipt *receipts, unsigned count)
{
	struct receipts *list = receipts_new();
	const unsigned target = h->done_count + 1;
	struct err err;

	for (unsigned i = 0; i < count; i++)
		ck_assert_int_eq(receipts_add(list, &receipts[i]), RECEIPTS_ADDED);
	ck_assert_int_eq(store_receipts(h->store, CALL, list, NULL, NULL, 0, &err), 0);
	harness_until_done(h, target, 5000);
	ck_assert_int_eq(h->done[CALL].verdict, STORE_DONE);
}

unsigned receiving_give_one(struct harness *h, unsigned tag, enum receipt_status status, int at_s)
{
	const struct receipt r = receiving_receipt(h, tag, status, at_s);

	receiving_give(h, &r, 1);
	return h->received.fresh;
}

void receiving_send(struct harness *h, unsigned tag)
{
	struct store_outcome row = harness_outcome(h, tag);
	const unsigned target = h->done_count;
	char wamid[32];

	snprintf(wamid, sizeof(wamid), "w.%u", tag);
	row.wamid = wamid;
	harness_accept(h, tag, true);
	harness_until_done(h, target + 1, 5000);
	store_outcome(h->store, tag, &row);
	harness_until_done(h, target + 2, 5000);
}

const char *receiving_stands(struct harness *h, unsigned tag)
{
	return harness_sql_text(h,
				"SELECT concat_ws(' ', m.state, w.state, w.wait) FROM "
				"message_sender.message m LEFT JOIN message_sender.work w "
				"USING (message_id) WHERE message_id = '%s'",
				harness_id(h, tag));
}
