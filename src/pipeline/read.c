/*
 * A message, its timeline, its explanation, or a page of a tenant's messages: one read, one
 * answer, made as soon as the rows are here.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "http/message.h"
#include "pipeline/flow.h"

enum flow_result flow_read(struct flow *f)
{
	struct err err;

	if (store_read(f->pipeline->world->store, f->job.id, &f->read, &err) == 0)
		return FLOW_PENDING;
	f->reply = REPLY_STORE_AWAY;
	return FLOW_OK;
}

static void build(const struct flow *f, const struct store_found *found, struct http_response *r)
{
	const struct message_whole whole = {
		.json = found->json,
		.payload = found->payload,
		.failed = found->failed,
		.failure_code = found->failure_code,
		.failure_subcode = found->failure_subcode,
	};
	char id[MESSAGE_ID_TEXT_BYTES];

	switch (f->read.kind) {
	case STORE_READ_WHOLE:
		http_message(r, &whole);
		return;
	case STORE_READ_FACTS:
		message_id_text(f->id, id);
		http_explanation(r, id, &found->facts, &f->pipeline->settings.rates,
				 clock_wall_us());
		return;
	case STORE_READ_EVENTS:
	case STORE_READ_LIST:
	case STORE_READ_BATCH:
	case STORE_READ_REPORT:
	case STORE_READ_SEEN:
	case STORE_READ_BATCH_SEEN:
		break;
	}
	http_document(r, found->json);
}

enum flow_result flow_found(struct flow *f, enum store_verdict verdict,
			    const struct store_found *found)
{
	if (verdict != STORE_DONE) {
		f->reply = REPLY_STORE_AWAY;
		return FLOW_OK;
	}
	if (!found->found) {
		f->reply = REPLY_NOT_FOUND;
		return FLOW_OK;
	}
	f->reply = REPLY_INTERNAL;
	f->response = malloc(sizeof(*f->response));
	if (!f->response)
		return FLOW_OK;
	build(f, found, f->response);
	if (str_ok(&f->response->body))
		f->reply = REPLY_READ;
	return FLOW_OK;
}

/* Who knows an id may cancel it, unless a key says whose it has to be. */
enum flow_result flow_look_seen(struct flow *f)
{
	struct store_read seen = f->read;
	struct err err;

	if (!seen.asker.tenant_id)
		return FLOW_OK;
	seen.kind = f->step == FLOW_BATCH_SEEN ? STORE_READ_BATCH_SEEN : STORE_READ_SEEN;
	f->reply = REPLY_STORE_AWAY;
	return store_read(f->pipeline->world->store, f->job.id, &seen, &err) ? FLOW_NO
									     : FLOW_PENDING;
}

enum flow_result flow_seen(struct flow *f, enum store_verdict verdict,
			   const struct store_found *found)
{
	if (verdict == STORE_DONE && found->found)
		return FLOW_OK;
	f->reply = verdict == STORE_DONE ? REPLY_NOT_FOUND : REPLY_STORE_AWAY;
	return FLOW_NO;
}

/* f->read.filter.before: the last message of the page before. */
enum flow_result flow_cancel_batch(struct flow *f)
{
	struct err err;

	if (!store_cancel_batch(f->pipeline->world->store, f->job.id, f->id, f->read.filter.before,
				&err))
		return FLOW_PENDING;
	f->reply = REPLY_CANCEL_UNKNOWN;
	return FLOW_NO;
}

enum flow_result flow_cancelled(struct flow *f, enum store_verdict verdict,
				const struct store_found *found)
{
	if (verdict != STORE_DONE)
		f->reply = REPLY_CANCEL_UNKNOWN;
	else if (!found->found)
		f->reply = REPLY_NOT_FOUND;
	else if (!found->more)
		return FLOW_OK;
	if (verdict != STORE_DONE || !found->found)
		return FLOW_NO;
	f->read.filter.before = found->next;
	return FLOW_PENDING; /* the step once more */
}
