#include "pipeline/flow.h"

#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/text.h"
#include "http/explain.h"
#include "pipeline/bulk.h"
#include "pipeline/manage.h"
#include "pipeline/webhook.h"

void flow_trace(const struct http_request *request, char ret_parent[TRACE_PARENT_BYTES])
{
	uint8_t random[TRACE_RANDOM_BYTES];

	random_bytes(random, sizeof(random));
	trace_continue(request->traceparent, random, ret_parent);
}

struct flow *flow_new(struct pipeline *p, uint64_t fcgi_id, enum route route,
		      const char *request_id, const struct http_request *request)
{
	struct flow *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->job.operations = &flow_operations;
	if (!world_add(p->world, &f->job)) {
		free(f);
		return NULL;
	}
	f->pipeline = p;
	f->fcgi_id = fcgi_id;
	f->route = route;
	f->grant = grant_hold(p->grant);
	f->result = FLOW_PENDING;
	f->begun_boot_ms = loop_now_ms(p->world->loop);
	f->outcome.action = f->action;
	f->outcome.detail = f->detail;
	text_copy_cut(f->detail, sizeof(f->detail), "queued");
	text_copy_cut(f->request_id, sizeof(f->request_id), request_id);
	flow_trace(request, f->traceparent);
	list_init(&f->ready);
	list_init(&f->all);
	list_append(&p->all, &f->all);
	p->flows++;
	return f;
}

void flow_free(struct flow *f)
{
	struct pipeline *p;

	if (!f)
		return;
	p = f->pipeline;
	delivery_give_back(p->delivery, f->place);
	flow_leave_room(f, STORE_AWAY);
	loop_cancel(p->world->loop, f->timer);
	list_remove(&f->ready);
	list_remove(&f->all);
	world_remove(p->world, &f->job);
	if (f->credentials) {
		explicit_bzero(f->credentials, sizeof(*f->credentials));
		free(f->credentials);
	}
	bulk_free(f->bulk);
	webhook_free(f->webhook);
	manage_free(f->manage);
	message_free(f->message);
	flow_key_free(f->key);
	grant_drop(f->grant);
	free(f->status);
	if (f->response)
		http_response_fini(f->response);
	free(f->response);
	free(f);
	p->flows--;
}

static void use_sent(struct flow *f, const struct store_status *status)
{
	f->reply = REPLY_SENT;
	f->outcome.sent_wall_us = status->sent_wall_us;
	text_copy_cut(f->outcome.wamid, sizeof(f->outcome.wamid), status->wamid);
}

/* The wait ran out, or a result was lost: the store knows how the message stands. */
void flow_use_state(struct flow *f, const struct store_status *status)
{
	const struct graph_error *error;

	f->outcome.attempts = status->attempts;
	text_copy_cut(f->detail, sizeof(f->detail),
		      state_detail(status->state, status->failure_code));
	switch (status->state) {
	case STATE_SENT:
	case STATE_DELIVERED:
	case STATE_READ:
		use_sent(f, status);
		break;
	case STATE_FAILED:
	case STATE_EXPIRED:
	case STATE_CANCELLED:
		f->reply = REPLY_FAILED;
		f->outcome.code = status->failure_code;
		text_copy_cut(f->outcome.title, sizeof(f->outcome.title), status->failure_reason);
		error = explain_error(status->failure_code, 0);
		text_copy_cut(f->action, sizeof(f->action), error ? error->action : "");
		break;
	default:
		if (status->sent_wall_us)
			use_sent(f, status); /* it has failed since, and is sent again */
		else
			f->reply = REPLY_PENDING;
		break;
	}
}
