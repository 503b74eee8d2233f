#include "webhook/gather.h"

#include <string.h>

bool webhook_notice(const struct webhook_change *c, struct notice *ret)
{
	struct notice n = {
		.number = c->number,
		.display = c->display,
		.account = c->account,
		.phone = c->phone,
		.user = c->user,
		.at_wall_us = c->at_wall_us,
		.until_wall_us = c->until_wall_us,
		.wamid = c->wamid,
		.type = c->type,
		.event = c->event,
		.stop = c->stop,
	};

	switch (c->kind) {
	case WEBHOOK_INBOUND:
		n.kind = NOTICE_INBOUND;
		n.raw = c->json;
		n.raw_len = c->json_len;
		break;
	case WEBHOOK_PREFERENCE:
		n.kind = NOTICE_PREFERENCE;
		break;
	case WEBHOOK_QUALITY:
		n.kind = NOTICE_QUALITY;
		n.type = c->limit;
		break;
	case WEBHOOK_RESTRICTION:
		n.kind = NOTICE_ACCOUNT;
		n.type = c->limit;
		break;
	case WEBHOOK_WHOLE:
		return false;
	}
	*ret = n;
	return true;
}

bool webhook_notice_of_receipt(const struct receipt *r, struct notice *ret)
{
	if (r->status != RECEIPT_FAILED || r->code != NOTICE_OPT_OUT)
		return false;
	*ret = (struct notice){
		.kind = NOTICE_PREFERENCE,
		.number = r->number,
		.phone = r->recipient,
		.user = r->user,
		.at_wall_us = r->at_wall_us,
		.wamid = r->wamid,
		.type = "marketing_messages",
		.stop = true,
		.has_id = r->has_callback,
		.id = r->id,
	};
	return true;
}

/* FNV-1a, with the ending 0, so that no two triples run into each other. */
static uint64_t add(uint64_t hash, const char *text)
{
	do
		hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	while (*text++);
	return hash;
}

bool webhook_numbers_new(struct webhook_numbers *numbers, const char *number, const char *display,
			 const char *account, int64_t now_ms)
{
	const uint64_t hash = add(add(add(UINT64_C(0xcbf29ce484222325), number), display), account);
	uint64_t *place = &numbers->hashes[hash % WEBHOOK_NUMBERS];

	if (now_ms >= numbers->until_ms) {
		memset(numbers->hashes, 0, sizeof(numbers->hashes));
		numbers->until_ms = now_ms + WEBHOOK_NUMBERS_MS;
	}
	if (*place == hash)
		return false;
	*place = hash;
	return true;
}
