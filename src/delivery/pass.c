/*
 * The circuit breakers' step: behind the place, so that what waited long for one looks again.
 */
#include "base/clock.h"
#include "base/text.h"
#include "delivery/item.h"

/* Never longer than it is valid, which the next look then finds over. */
static int64_t put_off_until(const struct item *item, int64_t at_ms)
{
	const int64_t left_ms = (item->expires_wall_us - clock_wall_us()) / 1000 + 2;
	const int64_t now_ms = clock_boot_ms();

	return at_ms - now_ms > left_ms ? now_ms + left_ms : at_ms;
}

enum item_result item_pass(struct item *item)
{
	struct delivery *d = item->delivery;
	const char *why;
	int64_t at_ms;

	if (item_waited_for(item))
		return ITEM_OK;
	switch (breakers_pass(d->breakers, item->number, &item->queue, &at_ms, &why)) {
	case BREAKER_GO:
		return ITEM_OK;
	case BREAKER_SOON:
		item_leave_place(item);
		return ITEM_PENDING;
	case BREAKER_LATER:
		break;
	}
	item_leave_place(item);
	item->due_boot_ms = put_off_until(item, at_ms);
	item->failure_code = GRAPH_CASE_BREAKER;
	text_copy_cut(item->reason, sizeof(item->reason), why);
	return ITEM_LATER;
}

void item_on_wake(void *arg, struct list *entry)
{
	(void)arg;
	item_enter(LIST_OBJECT(entry, struct item, queue), STEP_PLACE);
}
