#include "delivery/item.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

static bool item_register(struct item *item)
{
	struct delivery *d = item->delivery;

	if (!world_add(d->world, &item->job))
		return false;
	if (*item->message->conversation_id && !world_add(d->world, &item->copy_job))
		return false;
	return table_insert(d->items, item->message->id.bytes, sizeof(item->message->id.bytes),
			    item);
}

struct item *item_new(struct delivery *d, const struct message *message)
{
	struct item *item = calloc(1, sizeof(*item));

	if (!item)
		return NULL;
	item->delivery = d;
	item->job.operations = &item_operations;
	item->copy_job.operations = &copy_operations;
	list_init(&item->ready);
	list_init(&item->queue);
	item->expires_wall_us = INT64_MAX;
	item->message = message_copy(message);
	if (!item->message || !item_register(item)) {
		item_free(item);
		return NULL;
	}
	queues_item_new(item);
	return item;
}

void item_free(struct item *item)
{
	struct delivery *d;

	if (!item)
		return;
	d = item->delivery;
	item_leave_place(item);
	pace_leave(d->pace, &item->ticket, loop_now_ms(d->world->loop));
	loop_cancel(d->world->loop, item->timer);
	loop_cancel(d->world->loop, item->copy_timer);
	turn_leave(d->turns, &item->turn);
	list_remove(&item->ready);
	list_remove(&item->queue);
	queues_item_gone(item);
	world_remove(d->world, &item->job);
	world_remove(d->world, &item->copy_job);
	if (item->message &&
	    table_find(d->items, item->message->id.bytes, sizeof(item->message->id.bytes)) == item)
		(void)table_remove(d->items, item->message->id.bytes,
				   sizeof(item->message->id.bytes));
	if (item->credentials) {
		explicit_bzero(item->credentials, sizeof(*item->credentials));
		free(item->credentials);
	}
	free(item->record);
	free(item->late);
	message_free(item->message);
	free(item);
}

void item_set_credentials(struct item *item, const struct credentials *credentials)
{
	if (!item->credentials)
		item->credentials = malloc(sizeof(*item->credentials));
	if (!item->credentials)
		return; /* looked up once more later */
	*item->credentials = *credentials;
	/* The number is fixed when the first attempt begins (docs/ARCHITECTURE.md). */
	if (!item->attempt)
		memcpy(item->number, credentials->number, sizeof(item->number));
}

void item_join(struct item *item, const struct delivery_waiter *waiter)
{
	const struct delivery_result result = {
		.id = item->message->id,
		.end = DELIVERY_TAKEN,
		.action = "",
		.detail = "",
	};

	if (waiter->waits && waiter->taken)
		delivery_tell(item->delivery, waiter, &result);
	else if (!item->waiter.waits)
		item->waiter = *waiter;
}

bool item_waited_for(const struct item *item)
{
	return item->waiter.waits && !item->told && clock_boot_ms() < item->waiter.until_boot_ms;
}

void item_work_over(const struct item *item)
{
	tally_finished(item->delivery->world->tally, item->message->tenant_id);
}

void item_set_attempt(struct item *item, unsigned attempt, int64_t begun_wall_us,
		      int64_t deadline_wall_us)
{
	item->attempt = attempt;
	item->incarnation = item->delivery->settings.incarnation;
	item->begun_wall_us = begun_wall_us;
	item->deadline_wall_us = deadline_wall_us;
	item->deadline_boot_ms = clock_boot_ms() + (deadline_wall_us - clock_wall_us()) / 1000;
}
