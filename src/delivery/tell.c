/*
 * Results for waiters: to the pipeline of this worker, or by bell to the sibling whose
 * request waits; a worker of another node is told to look into the store.
 */
#include "base/text.h"
#include "delivery/item.h"

static void describe_failure(const struct item *item, struct delivery_result *result)
{
	const struct item_record *record = item->record;
	const struct graph_error *error;

	if (record && record->answer.verdict.outcome != OUTCOME_ACCEPTED) {
		const struct graph_answer *a = &record->answer;

		result->code = a->facts.has_error ? a->facts.error_code
						  : a->verdict.error->first_code;
		text_copy_cut(result->title, sizeof(result->title), record->title);
		result->action = a->verdict.error->action;
		return;
	}
	error = graph_error_case((enum graph_case)item->failure_code);
	result->code = item->failure_code;
	text_copy_cut(result->title, sizeof(result->title),
		      *item->reason ? item->reason : error->title);
	result->action = error->action;
}

void delivery_tell(struct delivery *d, const struct delivery_waiter *waiter,
		   const struct delivery_result *result)
{
	meter_count(d->world->meter, METRIC_TOLD, result->end, 0);
	if (waiter->far)
		far_result(d->far, waiter->incarnation, waiter->id, result->id);
	else if (waiter->slot == d->settings.slot)
		d->told(d->told_arg, waiter->id, result);
	else
		bell_result(d->bell, waiter->slot, waiter->id, result);
}

void item_tell(struct item *item, enum delivery_end end)
{
	struct delivery *d = item->delivery;
	struct delivery_result result = {
		.id = item->message->id,
		.end = end,
		.action = "",
		.detail = item->attempt ? "retrying" : "queued",
		.attempts = item->attempt,
	};

	if (item->told || !item->waiter.waits)
		return;
	item->told = true;
	if (end == DELIVERY_SENT) {
		text_copy_cut(result.wamid, sizeof(result.wamid), item->wamid);
		result.sent_wall_us = item->record ? item->record->ended_wall_us : 0;
	}
	if (end == DELIVERY_FAILED)
		describe_failure(item, &result);
	delivery_tell(d, &item->waiter, &result);
}
