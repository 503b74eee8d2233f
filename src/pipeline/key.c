/*
 * Requests with an idempotency key.
 *
 *   key      before anything else, and again when the accepting commit says that another
 *            request has the key: the first answer once more, 409 while there is none, 422
 *            for another body.  Unknown: the request goes its way, as the first one.
 *   record   after everything else: the answer is kept with the key before it leaves.  Of two
 *            that would be kept the first one stays, and the other request gives that.
 *
 * A first request that never came to its answer (its worker died, its caller was told 503) is
 * answered from the state of its message by whoever comes when its time is over.  Nothing here
 * depends on that time being right: only what was kept leaves.  A bulk call is gone on with
 * instead.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "pipeline/bulk.h"
#include "pipeline/flow.h"

#define LOOKS_MAX 3 /* the key changed hands meanwhile: better 409 than a third round */

struct store_key *flow_key_new(const char *key, const uint8_t fingerprint[STORE_FINGERPRINT_BYTES])
{
	struct store_key *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	if (!text_copy(k->key, sizeof(k->key), key)) {
		free(k);
		return NULL;
	}
	memcpy(k->fingerprint, fingerprint, sizeof(k->fingerprint));
	return k;
}

static void forget_answer(struct store_key *key)
{
	free(key->answer_body);
	key->answer_body = NULL;
	key->answer_status = 0;
}

void flow_key_free(struct store_key *key)
{
	if (!key)
		return;
	forget_answer(key);
	free(key);
}

/* -- key ------------------------------------------------------------------------------ */

enum flow_result flow_look_up_key(struct flow *f)
{
	struct err err;

	if (!f->key)
		return FLOW_OK;
	f->reply = REPLY_KEY_IN_USE;
	delivery_give_back(f->pipeline->delivery, f->place);
	f->place = NULL;
	if (f->key_looks++ == LOOKS_MAX)
		return FLOW_NO;
	if (!store_find_key(f->pipeline->world->store, f->job.id, f->tenant_id, f->key->key, &err))
		return FLOW_PENDING;
	f->reply = REPLY_OVERLOADED;
	return FLOW_NO;
}

/* Its acceptance was in doubt, so its lane's owner may not know of it: who acts on this answer is
 * not to be faster. */
static void ring_owner(struct flow *f, const struct store_first *first)
{
	if (f->message && first->seq != 0 && first->message.state == STATE_QUEUED)
		delivery_look(f->pipeline->delivery, message_lane(f->tenant_id), f->message->queue,
			      first->seq);
}

static enum flow_result use_first(struct flow *f, const struct store_first *first)
{
	if (memcmp(first->fingerprint, f->key->fingerprint, sizeof(first->fingerprint)) != 0) {
		f->reply = REPLY_KEY_REUSED;
		return FLOW_NO;
	}
	f->id = first->id;
	if (f->message)
		f->message->id = first->id;
	forget_answer(f->key);
	if (first->answer_status) {
		f->replayed = true;
		f->key->answer_status = first->answer_status;
		f->key->answer_body = strdup(first->answer_body);
		f->reply = f->key->answer_body ? REPLY_AGAIN : REPLY_INTERNAL;
	} else if (!first->running && f->bulk) {
		bulk_resume(f, first->id);
		return FLOW_OK;
	} else if (!first->running && first->message.found) {
		f->replayed = true;
		ring_owner(f, first);
		flow_use_state(f, &first->message);
	}
	return FLOW_NO;
}

enum flow_result flow_use_first(struct flow *f, enum store_verdict verdict,
				const struct store_first *first)
{
	if (verdict != STORE_DONE) {
		f->reply = REPLY_STORE_AWAY;
		return FLOW_NO;
	}
	if (first->found)
		return use_first(f, first);
	/* Gone although the commit met it: it is decided anew when the caller repeats it. */
	if (f->key_looks > 1)
		return FLOW_NO;
	f->reply = REPLY_PENDING;
	return FLOW_OK;
}

/* -- record --------------------------------------------------------------------------- */

/* 503 and 429 are not kept: repeating the request then begins anew, or finds what was taken. */
static bool is_kept(enum flow_reply reply)
{
	return reply == REPLY_PENDING || reply == REPLY_SENT || reply == REPLY_FAILED;
}

enum flow_result flow_key_answer(struct flow *f)
{
	struct http_response response;

	flow_build(f, &response);
	f->key->answer_status = response.status;
	f->key->answer_body = str_detach(&response.body);
	http_response_fini(&response);
	if (f->key->answer_body)
		return FLOW_OK;
	f->key->answer_status = 0;
	f->reply = REPLY_OVERLOADED;
	return FLOW_NO;
}

static void on_late(void *arg)
{
	struct flow *f = arg;

	f->timer = 0;
	f->reply = REPLY_UNCERTAIN;
	flow_ready(f, FLOW_NO);
}

enum flow_result flow_record(struct flow *f)
{
	struct pipeline *p = f->pipeline;

	if (!f->key || f->key->answer_status || !is_kept(f->reply))
		return FLOW_OK;
	loop_cancel(p->world->loop, f->timer);
	f->look_boot_ms = 0;
	f->timer = loop_timer(p->world->loop,
			      loop_now_ms(p->world->loop) + p->settings.accept_timeout_ms, on_late,
			      f);
	if (flow_key_answer(f) != FLOW_OK) {
		f->reply = REPLY_UNCERTAIN; /* it was taken: not "nothing was sent" */
		return FLOW_NO;
	}
	store_answer(p->world->store, f->job.id, f->id, f->key->answer_status, f->key->answer_body);
	return FLOW_PENDING;
}

enum flow_result flow_recorded(struct flow *f, enum store_verdict verdict)
{
	loop_cancel(f->pipeline->world->loop, f->timer);
	f->timer = 0;
	switch (verdict) {
	case STORE_DONE:
		return FLOW_OK;
	case STORE_CONFLICT:
		return FLOW_TAKEN;
	case STORE_AWAY:
	case STORE_UNCERTAIN:
	case STORE_REJECTED:
	case STORE_NOT_BEGUN: /* these never of an answer */
	case STORE_OVER_QUOTA:
		break;
	}
	f->reply = REPLY_UNCERTAIN;
	return FLOW_NO;
}
