/* The store of fake_world.h, as far as bulk calls, cancelling and webhooks need it. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "fake_world.h"

static unsigned next(unsigned *count)
{
	ck_assert_uint_lt(*count, FAKE_MAX);
	return (*count)++;
}

static int refuse(struct err *ret_err)
{
	err_set(ret_err, ERR_LIMIT, 0, "full");
	return -1;
}

int store_open_batch(struct store *s, uint64_t tag, const struct store_batch *row,
		     struct err *ret_err)
{
	struct fake_open *o;

	(void)s;
	if (fake.store_full)
		return refuse(ret_err);
	o = &fake.opens[next(&fake.open_count)];
	*o = (struct fake_open){ .tag = tag, .id = row->id, .messages = row->messages };
	if (row->key) {
		o->keyed = true;
		o->key = *row->key;
	}
	return 0;
}

int store_add(struct store *s, uint64_t tag, const struct store_accept *row, struct err *ret_err)
{
	struct fake_add *a;

	(void)s;
	if (fake.store_full)
		return refuse(ret_err);
	a = &fake.adds[fake.add_count++ % FAKE_ADDS];
	*a = (struct fake_add){
		.tag = tag,
		.id = row->message->id,
		.batch_id = row->message->batch_id,
		.class = row->message->class,
		.valid_until_wall_us = row->message->valid_until_wall_us,
		.keyed = row->key != NULL,
	};
	if (row->key)
		a->key = *row->key;
	message_free((struct message *)(uintptr_t)row->message);
	return 0;
}

int store_close_batch(struct store *s, uint64_t tag, struct message_id id, unsigned accepted,
		      unsigned refused, struct err *ret_err)
{
	(void)s;
	if (fake.store_full)
		return refuse(ret_err);
	fake.closes[next(&fake.close_count)] = (struct fake_close){ tag, id, accepted, refused };
	return 0;
}

int store_cancel_batch(struct store *s, uint64_t tag, struct message_id id, struct message_id after,
		       struct err *ret_err)
{
	(void)s;
	if (fake.store_full)
		return refuse(ret_err);
	fake.cancels[next(&fake.cancel_count)] = (struct fake_cancel){ tag, id, after };
	return 0;
}

void store_call_off(struct store *s, uint64_t tag, struct message_id id)
{
	(void)s;
	fake.call_offs[next(&fake.call_off_count)] = (struct fake_answer){ .tag = tag, .id = id };
}

int store_receipts(struct store *s, uint64_t tag, struct receipts *receipts,
		   struct notices *notices, char *body, size_t body_len, struct err *ret_err)
{
	struct fake_webhook *w;

	(void)s;
	if (fake.store_full)
		return refuse(ret_err);
	w = &fake.webhooks[next(&fake.webhook_count)];
	*w = (struct fake_webhook){ .tag = tag, .body_len = body_len };
	if (body)
		memcpy(w->body, body, body_len < sizeof(w->body) ? body_len : sizeof(w->body) - 1);
	if (receipts) {
		w->receipts = receipts_count(receipts);
		ck_assert_uint_gt(w->receipts, 0);
		w->first = receipts_at(receipts, 0)->status;
	}
	w->notices = notices_count(notices);
	receipts_free(receipts);
	notices_free(notices);
	free(body);
	return 0;
}

const char *store_effect_name(enum store_effect effect)
{
	(void)effect;
	return "effect";
}
