#include "pipeline/flow.h"

#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/text.h"
#include "pipeline/bulk.h"
#include "pipeline/webhook.h"

struct flow *flow_new(struct pipeline *p, uint64_t fcgi_id, enum route route,
		      const char *request_id)
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
