/*
 * The hours in which a message may be sent (deliver_between): whatever attempt begins, begins
 * inside them.  What comes to its turn outside is put off in the store until they begin, and leaves
 * memory: however much waits for the morning, it is in nobody's way.
 */
#include <stdio.h>

#include "base/clock.h"
#include "delivery/item.h"
#include "domain/window.h"

struct place {
	struct zones *zones;
	const char *zone;
};

static int64_t offset_there(void *arg, int64_t at_s)
{
	const struct place *place = arg;

	return zones_offset_s(place->zones, place->zone, at_s);
}

/* When its hours begin; now_us inside them. */
static int64_t begins_us(const struct item *item, int64_t now_us)
{
	struct window w;
	struct place place = { item->delivery->world->zones, w.zone };

	if (!*item->message->deliver_between || !window_read(item->message->deliver_between, &w))
		return now_us;
	return window_next(&w, now_us, offset_there, &place);
}

bool item_in_time(const struct item *item)
{
	const int64_t now_us = clock_wall_us();

	return now_us < item->expires_wall_us && begins_us(item, now_us) == now_us;
}

/* One whose validity is over passes: a later step ends it. */
enum item_result item_hours(struct item *item)
{
	const int64_t now_us = clock_wall_us();
	int64_t at_us;

	if (!*item->message->deliver_between || now_us >= item->expires_wall_us)
		return ITEM_OK;
	at_us = begins_us(item, now_us);
	if (at_us == now_us)
		return ITEM_OK;
	if (at_us > item->expires_wall_us)
		at_us = item->expires_wall_us;
	item->later = true;
	item->due_boot_ms = clock_boot_ms() + (at_us - now_us) / 1000 + 1;
	item->failure_code = 0;
	(void)snprintf(item->reason, sizeof(item->reason), "outside its hours: deliver_between %s",
		       item->message->deliver_between);
	return ITEM_LATER;
}
