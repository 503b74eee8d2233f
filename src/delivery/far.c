#include "delivery/far.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

#define TARGETS 16 /* at the same time; who comes too late is found by polls */
#define ID_DIGITS 32
#define WAIT_MS_MAX 0xffffff

struct outbox {
	char kind; /* 0: free */
	struct message_id to;
	unsigned entries;
	size_t len;
	char text[STORE_RING_BYTES + 1];
};

struct far {
	struct store *store;
	struct message_id self;
	struct far_receiver receiver;
	uint64_t lost;
	struct outbox outboxes[TARGETS];
};

struct far *far_new(struct store *store, struct message_id self,
		    const struct far_receiver *receiver)
{
	struct far *far = calloc(1, sizeof(*far));

	if (!far)
		return NULL;
	far->store = store;
	far->self = self;
	far->receiver = *receiver;
	return far;
}

void far_free(struct far *far)
{
	free(far);
}

static void id_hex(char *text, struct message_id id)
{
	text_hex(text, id.bytes, sizeof(id.bytes));
}

static void ring(struct far *far, struct outbox *out)
{
	store_ring(far->store, &out->to, out->text);
	out->kind = 0;
}

/* Begins one, with who we are, when none for this target and kind is open. */
static struct outbox *outbox_of(struct far *far, struct message_id to, char kind)
{
	struct outbox *unused = NULL;
	char self[ID_DIGITS + 1];

	for (unsigned i = 0; i < TARGETS; i++) {
		struct outbox *out = &far->outboxes[i];

		if (out->kind == kind && message_id_equal(out->to, to))
			return out;
		if (!out->kind)
			unused = out;
	}
	if (!unused)
		return NULL;
	id_hex(self, far->self);
	unused->kind = kind;
	unused->to = to;
	unused->entries = 0;
	unused->len = (size_t)snprintf(unused->text, sizeof(unused->text), "%c %s ", kind, self);
	return unused;
}

static void add(struct far *far, struct message_id to, char kind, const char *entry)
{
	struct outbox *out = outbox_of(far, to, kind);

	if (!out) {
		far->lost++;
		return;
	}
	out->len +=
		(size_t)snprintf(out->text + out->len, sizeof(out->text) - out->len, "%s", entry);
	if (++out->entries == STORE_CALLS_MAX)
		ring(far, out);
}

void far_call(struct far *far, struct message_id to, const struct bell_call *call)
{
	const struct delivery_waiter *w = &call->waiter;
	int64_t left_ms = w->waits ? w->until_boot_ms - clock_boot_ms() : 0;
	char id[ID_DIGITS + 1];
	char entry[80];

	if (left_ms < 0)
		left_ms = 0;
	if (left_ms > WAIT_MS_MAX)
		left_ms = WAIT_MS_MAX;
	id_hex(id, call->id);
	(void)snprintf(entry, sizeof(entry), "%s%016" PRIx64 "%02x%06x%x", id, w->id,
		       call->lane & 0xff, (unsigned)left_ms, (unsigned)w->taken);
	add(far, to, 'o', entry);
}

void far_ring(struct far *far, struct message_id to, const struct bell_ring *ring)
{
	char entry[80];

	(void)snprintf(entry, sizeof(entry), "%016" PRIx64 "%016" PRIx64 "%02x%x", ring->queue,
		       ring->seq, ring->lane & 0xff, (ring->hops + 1) & 0xf);
	add(far, to, 'q', entry);
}

void far_result(struct far *far, struct message_id to, uint64_t waiter_id, struct message_id id)
{
	char hex[ID_DIGITS + 1];
	char entry[80];

	id_hex(hex, id);
	(void)snprintf(entry, sizeof(entry), "%s%016" PRIx64, hex, waiter_id);
	add(far, to, 'r', entry);
}

void far_lanes(struct far *far, enum bell_news news, uint64_t lanes)
{
	char self[ID_DIGITS + 1];
	char text[80];

	id_hex(self, far->self);
	(void)snprintf(text, sizeof(text), "l %s %02x%016" PRIx64, self, (unsigned)news, lanes);
	store_ring(far->store, NULL, text);
}

uint64_t far_lost(const struct far *far)
{
	return far->lost;
}

void far_missed(struct far *far)
{
	char self[ID_DIGITS + 1];
	char text[80];

	id_hex(self, far->self);
	(void)snprintf(text, sizeof(text), "m %s ", self);
	store_ring(far->store, NULL, text);
}

bool far_flush(struct far *far)
{
	bool rang = false;

	for (unsigned i = 0; i < TARGETS; i++) {
		if (!far->outboxes[i].kind)
			continue;
		ring(far, &far->outboxes[i]);
		rang = true;
	}
	return rang;
}

static bool digit(char c, uint64_t *ret)
{
	if (c >= '0' && c <= '9')
		*ret = (uint64_t)(c - '0');
	else if (c >= 'a' && c <= 'f')
		*ret = (uint64_t)(c - 'a') + 10;
	else
		return false;
	return true;
}

/* So many digits from the front of *text; false: they are not there. */
static bool number(const char **text, unsigned digits, uint64_t *ret)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < digits; i++) {
		uint64_t one;

		if (!digit((*text)[i], &one))
			return false;
		value = value << 4 | one;
	}
	*text += digits;
	*ret = value;
	return true;
}

static bool id_of(const char **text, struct message_id *ret_id)
{
	struct message_id id;

	for (unsigned i = 0; i < sizeof(id.bytes); i++) {
		uint64_t byte;

		if (!number(text, 2, &byte))
			return false;
		id.bytes[i] = (uint8_t)byte;
	}
	*ret_id = id;
	return true;
}

static void take_calls(struct far *far, const char *text, struct message_id from)
{
	struct message_id id;
	uint64_t waiter;
	uint64_t lane;
	uint64_t left_ms;
	uint64_t taken;

	while (id_of(&text, &id) && number(&text, 16, &waiter) && number(&text, 2, &lane) &&
	       number(&text, 6, &left_ms) && number(&text, 1, &taken)) {
		const struct bell_call call = {
			.id = id,
			.lane = (unsigned)lane,
			.hops = 1,
			.waiter = { .waits = left_ms > 0,
				    .taken = taken > 0,
				    .far = true,
				    .incarnation = from,
				    .id = waiter,
				    .until_boot_ms = clock_boot_ms() + (int64_t)left_ms },
		};

		if (lane < MESSAGE_LANES)
			far->receiver.call(far->receiver.arg, &call);
	}
}

static void take_rings(struct far *far, const char *text)
{
	struct bell_ring ring;
	uint64_t lane;
	uint64_t hops;

	while (number(&text, 16, &ring.queue) && number(&text, 16, &ring.seq) &&
	       number(&text, 2, &lane) && number(&text, 1, &hops)) {
		ring.lane = (unsigned)lane;
		ring.hops = (unsigned)hops;
		if (lane < MESSAGE_LANES)
			far->receiver.ring(far->receiver.arg, &ring);
	}
}

static void take_results(struct far *far, const char *text)
{
	struct message_id id;
	uint64_t waiter;

	while (id_of(&text, &id) && number(&text, 16, &waiter))
		far->receiver.result(far->receiver.arg, waiter, id);
}

static void take_lanes(struct far *far, const char *text, struct message_id from)
{
	uint64_t news;
	uint64_t lanes;

	if (number(&text, 2, &news) && number(&text, 16, &lanes) && news < BELL_NEWS_COUNT)
		far->receiver.lanes(far->receiver.arg, (enum bell_news)news, lanes, from);
}

void far_take(struct far *far, const char *text)
{
	const char kind = text[0];
	struct message_id from;

	if (!kind || text[1] != ' ')
		return;
	text += 2;
	if (!id_of(&text, &from) || *text++ != ' ')
		return;
	if (kind == 'o')
		take_calls(far, text, from);
	else if (kind == 'q')
		take_rings(far, text);
	else if (kind == 'r')
		take_results(far, text);
	else if (kind == 'l')
		take_lanes(far, text, from);
	else if (kind == 'm' && !message_id_equal(from, far->self))
		far->receiver.missed(far->receiver.arg);
}
