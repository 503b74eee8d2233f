/*
 * Is there room for one more message, or for all of a bulk call?  Asked behind the idempotency
 * key, so that a repeated request has its answer however full it is, and before the quota, which
 * a message that is not taken must not cost anything.  Synchronous ones are asked as well: they
 * add to what waits.
 *
 * From then on the request counts, until its accept is written, or it ends without.
 */
#include "pipeline/bulk.h"
#include "pipeline/flow.h"

#define LOOK_MS 20 /* at a worker's start: until the work has been counted */

static void on_look(void *arg)
{
	struct flow *f = arg;

	f->timer = 0;
	flow_ready(f, FLOW_PENDING); /* the step once more */
}

enum flow_result flow_find_room(struct flow *f)
{
	const struct pipeline *p = f->pipeline;
	struct tally *tally = p->world->tally;
	const unsigned count = f->bulk ? bulk_count(f->bulk) : 1;
	const int64_t now_ms = loop_now_ms(p->world->loop);

	if (f->entered) /* its key was free after all */
		return FLOW_OK;
	if (!tally_known(tally)) {
		if (now_ms - f->begun_boot_ms < p->settings.accept_timeout_ms) {
			f->timer = loop_timer(p->world->loop, now_ms + LOOK_MS, on_look, f);
			return FLOW_PENDING;
		}
		f->reply = REPLY_STORE_AWAY;
		return FLOW_NO;
	}
	if (tally_enter(tally, f->tenant_id, count, &f->full)) {
		f->entered = count;
		return FLOW_OK;
	}
	meter_bound(p->world->meter,
		    f->full.verdict == BACKLOG_TENANT_FULL ? BOUND_TENANT_FULL : BOUND_ALL_FULL);
	f->reply = REPLY_QUEUE_FULL;
	return FLOW_NO;
}

void flow_leave_room(struct flow *f, enum store_verdict verdict)
{
	const bool became_work = verdict == STORE_DONE || verdict == STORE_NOT_BEGUN ||
				 verdict == STORE_UNCERTAIN;

	if (f->entered)
		tally_leave(f->pipeline->world->tally, f->tenant_id, f->entered, became_work);
	f->entered = 0;
}
