/* 2 and 3: what is asked of the Tenant Service, or of our own tables. */
#include <stdlib.h>

#include "base/text.h"
#include "pipeline/flow.h"

static void warn_unchecked(struct flow *f, const struct quota_answer *a)
{
	struct pipeline *p = f->pipeline;
	struct log_line line;
	uint64_t suppressed = 0;

	if (a->skipped && !log_rate_allows(&p->quota_log, loop_now_ms(p->world->loop), &suppressed))
		return;
	log_begin(&line, p->world->log, LOG_WARNING, "quota_unchecked");
	log_str(&line, "tenant_id", f->tenant_id);
	log_str(&line, "request_id", f->request_id);
	log_str(&line, "cause", a->err.text);
	log_str(&line, "result", "allowed");
	log_int(&line, "suppressed", (int64_t)suppressed);
	log_end(&line);
}

enum flow_result flow_use_quota(struct flow *f, const struct quota_answer *a)
{
	f->charge = a->charge;
	switch (a->verdict) {
	case QUOTA_ALLOWED:
		break;
	case QUOTA_EXCEEDED:
		text_copy_cut(f->reason, sizeof(f->reason), a->reason);
		f->reply = REPLY_QUOTA;
		return FLOW_NO;
	case QUOTA_UNCHECKED:
		if (a->err.class == ERR_LIMIT)
			meter_bound(f->pipeline->world->meter, BOUND_LOOKUPS);
		warn_unchecked(f, a);
		break;
	}
	return FLOW_OK;
}

enum flow_result flow_check_quota(struct flow *f)
{
	struct quota_answer a;

	if (!tenant_client_quota(f->pipeline->world->tenant, f->tenant_id, f->traceparent,
				 f->job.id, &a))
		return FLOW_PENDING;
	return flow_use_quota(f, &a);
}

enum flow_result flow_use_credentials(struct flow *f, const struct credentials_answer *a)
{
	switch (a->verdict) {
	case CREDENTIALS_OK:
		f->credentials = malloc(sizeof(*f->credentials));
		if (f->credentials)
			*f->credentials = *a->credentials;
		return FLOW_OK;
	case CREDENTIALS_AWAY:
		if (a->err.class == ERR_LIMIT)
			meter_bound(f->pipeline->world->meter, BOUND_LOOKUPS);
		/* Delivery asks the siblings, then decides by whether somebody waits. */
		return FLOW_OK;
	case CREDENTIALS_UNKNOWN:
		break;
	}
	text_copy_cut(f->reason, sizeof(f->reason), a->err.text);
	return FLOW_NO;
}

enum flow_result flow_find_credentials(struct flow *f)
{
	const struct message *m = f->message;
	struct credentials_answer a;

	if (!tenant_client_credentials(f->pipeline->world->tenant, m->tenant_id, m->outlet_id, NULL,
				       f->traceparent, f->job.id, &a))
		return FLOW_PENDING;
	return flow_use_credentials(f, &a);
}
