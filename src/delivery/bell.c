/*
 * Packet: entries of kind, length and body, until its end.  Texts carry their ending 0, so
 * the reader borrows them from its buffer (base/pack.h).
 */
#include "delivery/bell.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/pack.h"
#include "base/text.h"
#include "domain/graph_error.h"
#include "domain/state.h"

enum kind {
	KIND_ORDER = 1,
	KIND_LOOK,
	KIND_RESULT,
	KIND_LEARN,
	KIND_ASK,
	KIND_LANES,
	KIND_CALL,
	KIND_RING,
	KIND_DEATH
};

/* More than an inbox holds: what a round of the loop does is done by who knows all that was rung
 * before it (docs/internals/lanes.md, invariant 9). */
#define PACKETS_PER_READY 16384

/* What was rung for one target and has not left yet; its buffer is taken on first use. */
struct outbox {
	uint8_t *data;
	size_t len;
};

struct bell {
	struct node *node;
	struct loop *loop;
	unsigned slot;
	uint64_t watch;
	uint64_t lost;
	struct bell_receiver receiver;
	struct outbox outboxes[NODE_SLOTS_MAX];
	uint8_t *inbound;
};

static void send_packet(struct bell *bell, unsigned to_slot)
{
	struct outbox *out = &bell->outboxes[to_slot];

	if (!out->len)
		return;
	if (send(node_write_fd(bell->node, to_slot), out->data, out->len,
		 MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		bell->lost++;
	out->len = 0;
}

static bool send_all(void *arg)
{
	struct bell *bell = arg;

	for (unsigned s = 0; s < node_slots(bell->node); s++)
		send_packet(bell, s);
	return false;
}

/* Room for an entry at the end of the target's packet; pack_end'ed by entry_end(). */
static bool entry_begin(struct bell *bell, unsigned to_slot, enum kind kind, struct pack *p)
{
	struct outbox *out = &bell->outboxes[to_slot];

	if (!out->data)
		out->data = malloc(BELL_PACKET_BYTES);
	if (!out->data) {
		bell->lost++;
		return false;
	}
	pack_init(p, out->data + out->len, BELL_PACKET_BYTES - out->len);
	pack_put_u8(p, (uint8_t)kind);
	return true;
}

/* False: it did not fit behind what was there; the packet has left, once more may help. */
static bool entry_end(struct bell *bell, unsigned to_slot, const struct pack *p)
{
	struct outbox *out = &bell->outboxes[to_slot];

	if (!p->failed) {
		out->len += p->at;
		return true;
	}
	send_packet(bell, to_slot);
	return false;
}

static void put_credentials(struct pack *p, const struct credentials *credentials)
{
	pack_put_text(p, credentials ? credentials->number : "");
	pack_put_text(p, credentials ? credentials->token : "");
	pack_put_text(p, credentials ? credentials->proof : "");
}

static void put_waiter(struct pack *p, const struct delivery_waiter *waiter)
{
	pack_put_u8(p, waiter->waits);
	pack_put_u8(p, waiter->taken);
	pack_put_u8(p, waiter->far);
	pack_put_bytes(p, waiter->incarnation.bytes, sizeof(waiter->incarnation.bytes));
	pack_put_u32(p, waiter->slot);
	pack_put_u64(p, waiter->id);
	pack_put_i64(p, waiter->until_boot_ms);
}

/* False: names a slot that does not exist. */
static bool get_waiter(const struct bell *bell, struct pack *p, struct delivery_waiter *waiter)
{
	waiter->waits = pack_get_u8(p) != 0;
	waiter->taken = pack_get_u8(p) != 0;
	waiter->far = pack_get_u8(p) != 0;
	pack_get_bytes(p, waiter->incarnation.bytes, sizeof(waiter->incarnation.bytes));
	waiter->slot = pack_get_u32(p);
	waiter->id = pack_get_u64(p);
	waiter->until_boot_ms = pack_get_i64(p);
	return waiter->slot < node_slots(bell->node);
}

static void put_order(struct pack *p, const struct delivery_order *order)
{
	const struct message *m = order->message;

	pack_put_bytes(p, m->id.bytes, sizeof(m->id.bytes));
	pack_put_u64(p, m->seq);
	pack_put_i64(p, m->accepted_wall_us);
	pack_put_i64(p, m->due_wall_us);
	pack_put_u8(p, (uint8_t)m->class);
	pack_put_text(p, m->tenant_id);
	pack_put_text(p, m->outlet_id);
	pack_put_text(p, m->conversation_id);
	pack_put_text(p, m->recipient);
	pack_put_text(p, m->type);
	pack_put_text(p, m->payload);
	pack_put_text(p, m->sender_type);
	pack_put_text(p, m->deliver_between ? m->deliver_between : "");
	pack_put_text(p, m->request_id);
	pack_put_text(p, m->traceparent);
	put_credentials(p, order->credentials);
	pack_put_i64(p, order->expires_wall_us);
	put_waiter(p, &order->waiter);
	pack_put_u32(p, order->hops + 1);
}

void bell_order(struct bell *bell, unsigned to_slot, const struct delivery_order *order)
{
	const struct message *m = order->message;
	struct pack p;

	for (int tries = 0; tries < 2; tries++) {
		if (!entry_begin(bell, to_slot, KIND_ORDER, &p))
			return;
		put_order(&p, order);
		if (entry_end(bell, to_slot, &p))
			return;
	}
	bell_ring(bell, to_slot,
		  &(struct bell_ring){
			  .lane = message_lane(m->tenant_id),
			  .queue = message_queue(m->tenant_id, m->outlet_id, m->class),
			  .seq = m->seq,
			  .hops = order->hops,
		  });
}

void bell_ring(struct bell *bell, unsigned to_slot, const struct bell_ring *ring)
{
	struct pack p;

	for (int tries = 0; tries < 2; tries++) {
		if (!entry_begin(bell, to_slot, KIND_RING, &p))
			return;
		pack_put_u32(&p, ring->lane);
		pack_put_u64(&p, ring->queue);
		pack_put_u64(&p, ring->seq);
		pack_put_u32(&p, ring->hops + 1);
		if (entry_end(bell, to_slot, &p))
			return;
	}
}

static void look_one(struct bell *bell, unsigned to_slot)
{
	struct pack p;

	if (entry_begin(bell, to_slot, KIND_LOOK, &p))
		(void)entry_end(bell, to_slot, &p);
}

void bell_look(struct bell *bell)
{
	for (unsigned s = 0; s < node_slots(bell->node); s++)
		if (s != bell->slot && node_life(bell->node, s) != NODE_FREE)
			look_one(bell, s);
}

void bell_result(struct bell *bell, unsigned to_slot, uint64_t waiter_id,
		 const struct delivery_result *result)
{
	struct pack p;

	for (int tries = 0; tries < 2; tries++) {
		if (!entry_begin(bell, to_slot, KIND_RESULT, &p))
			return;
		pack_put_u64(&p, waiter_id);
		pack_put_bytes(&p, result->id.bytes, sizeof(result->id.bytes));
		pack_put_u8(&p, (uint8_t)result->end);
		pack_put_text(&p, result->wamid);
		pack_put_i64(&p, result->sent_wall_us);
		pack_put_i64(&p, result->code);
		pack_put_text(&p, result->title);
		pack_put_text(&p, result->action);
		pack_put_text(&p, result->detail);
		pack_put_u32(&p, result->attempts);
		if (entry_end(bell, to_slot, &p))
			return;
	}
}

void bell_learn(struct bell *bell, unsigned to_slot, const char *tenant_id, const char *outlet_id,
		const struct credentials *credentials)
{
	struct pack p;

	for (int tries = 0; tries < 2; tries++) {
		if (!entry_begin(bell, to_slot, KIND_LEARN, &p))
			return;
		pack_put_text(&p, tenant_id);
		pack_put_text(&p, outlet_id);
		put_credentials(&p, credentials);
		if (entry_end(bell, to_slot, &p))
			return;
	}
}

void bell_call(struct bell *bell, unsigned to_slot, const struct bell_call *call)
{
	struct pack p;

	for (int tries = 0; tries < 2; tries++) {
		if (!entry_begin(bell, to_slot, KIND_CALL, &p))
			return;
		pack_put_bytes(&p, call->id.bytes, sizeof(call->id.bytes));
		pack_put_u32(&p, call->lane);
		put_waiter(&p, &call->waiter);
		pack_put_u32(&p, call->hops + 1);
		if (entry_end(bell, to_slot, &p))
			return;
	}
}

static void ring_lanes(struct bell *bell, unsigned to_slot, enum bell_news news, uint64_t lanes,
		       struct message_id incarnation)
{
	struct pack p;

	for (int tries = 0; tries < 2; tries++) {
		if (!entry_begin(bell, to_slot, KIND_LANES, &p))
			return;
		pack_put_u8(&p, (uint8_t)news);
		pack_put_u64(&p, lanes);
		pack_put_bytes(&p, incarnation.bytes, sizeof(incarnation.bytes));
		if (entry_end(bell, to_slot, &p))
			return;
	}
}

void bell_lanes(struct bell *bell, enum bell_news news, uint64_t lanes,
		struct message_id incarnation)
{
	for (unsigned s = 0; s < node_slots(bell->node); s++) {
		if (s != bell->slot && node_life(bell->node, s) != NODE_FREE)
			ring_lanes(bell, s, news, lanes, incarnation);
	}
	(void)send_all(bell);
}

void bell_death(struct node *node)
{
	const uint8_t packet = KIND_DEATH;

	for (unsigned s = 0; s < node_slots(node); s++) {
		if (node_life(node, s) != NODE_FREE)
			(void)!send(node_write_fd(node, s), &packet, sizeof(packet),
				    MSG_DONTWAIT | MSG_NOSIGNAL);
	}
}

unsigned bell_ask(struct bell *bell, const char *tenant_id, const char *outlet_id)
{
	unsigned asked = 0;
	struct pack p;

	for (unsigned s = 0; s < node_slots(bell->node); s++) {
		if (s == bell->slot || node_life(bell->node, s) == NODE_FREE)
			continue;
		for (int tries = 0; tries < 2; tries++) {
			if (!entry_begin(bell, s, KIND_ASK, &p))
				break;
			pack_put_u32(&p, bell->slot);
			pack_put_text(&p, tenant_id);
			pack_put_text(&p, outlet_id);
			if (entry_end(bell, s, &p)) {
				asked++;
				break;
			}
		}
	}
	return asked;
}

static bool get_credentials(struct pack *p, struct credentials *credentials)
{
	const char *number = pack_get_text(p);
	const char *token = pack_get_text(p);
	const char *proof = pack_get_text(p);

	return *token && text_copy(credentials->number, sizeof(credentials->number), number) &&
	       text_copy(credentials->token, sizeof(credentials->token), token) &&
	       text_copy(credentials->proof, sizeof(credentials->proof), proof);
}

static void take_order(struct bell *bell, struct pack *p)
{
	struct message m = { .seq = 0 };
	struct delivery_order order = { .message = &m };
	struct credentials credentials;
	bool sound;

	pack_get_bytes(p, m.id.bytes, sizeof(m.id.bytes));
	m.seq = pack_get_u64(p);
	m.accepted_wall_us = pack_get_i64(p);
	m.due_wall_us = pack_get_i64(p);
	m.class = (enum message_class)pack_get_u8(p);
	m.tenant_id = pack_get_text(p);
	m.outlet_id = pack_get_text(p);
	m.conversation_id = pack_get_text(p);
	m.recipient = pack_get_text(p);
	m.type = pack_get_text(p);
	m.payload = pack_get_text(p);
	m.sender_type = pack_get_text(p);
	m.deliver_between = pack_get_text(p);
	text_copy_cut(m.request_id, sizeof(m.request_id), pack_get_text(p));
	text_copy_cut(m.traceparent, sizeof(m.traceparent), pack_get_text(p));
	if (get_credentials(p, &credentials))
		order.credentials = &credentials;
	order.expires_wall_us = pack_get_i64(p);
	sound = get_waiter(bell, p, &order.waiter);
	order.hops = pack_get_u32(p);
	if (!p->failed && sound && m.class < MESSAGE_CLASSES)
		bell->receiver.order(bell->receiver.arg, &order);
	explicit_bzero(&credentials, sizeof(credentials));
}

static void take_result(struct bell *bell, struct pack *p)
{
	struct delivery_result result = { .action = "" };
	const uint64_t waiter_id = pack_get_u64(p);
	const char *wamid;
	uint8_t end;

	pack_get_bytes(p, result.id.bytes, sizeof(result.id.bytes));
	end = pack_get_u8(p);
	wamid = pack_get_text(p);
	result.sent_wall_us = pack_get_i64(p);
	result.code = (int)pack_get_i64(p);
	text_copy_cut(result.title, sizeof(result.title), pack_get_text(p));
	result.action = pack_get_text(p);
	result.detail = pack_get_text(p);
	result.attempts = pack_get_u32(p);
	if (p->failed || end >= DELIVERY_END_COUNT ||
	    !text_copy(result.wamid, sizeof(result.wamid), wamid))
		return;
	result.end = (enum delivery_end)end;
	bell->receiver.result(bell->receiver.arg, waiter_id, &result);
}

static void take_learn(struct bell *bell, struct pack *p)
{
	const char *tenant_id = pack_get_text(p);
	const char *outlet_id = pack_get_text(p);
	struct credentials credentials;

	if (get_credentials(p, &credentials) && !p->failed)
		bell->receiver.learn(bell->receiver.arg, tenant_id, outlet_id, &credentials);
	explicit_bzero(&credentials, sizeof(credentials));
}

static void take_ask(struct bell *bell, struct pack *p)
{
	const unsigned from_slot = pack_get_u32(p);
	const char *tenant_id = pack_get_text(p);
	const char *outlet_id = pack_get_text(p);

	if (!p->failed && from_slot < node_slots(bell->node))
		bell->receiver.ask(bell->receiver.arg, from_slot, tenant_id, outlet_id);
}

static void take_lanes(struct bell *bell, struct pack *p)
{
	const uint8_t news = pack_get_u8(p);
	const uint64_t lanes = pack_get_u64(p);
	struct message_id incarnation;

	pack_get_bytes(p, incarnation.bytes, sizeof(incarnation.bytes));
	if (!p->failed && news < BELL_NEWS_COUNT)
		bell->receiver.lanes(bell->receiver.arg, (enum bell_news)news, lanes, incarnation);
}

static void take_call(struct bell *bell, struct pack *p)
{
	struct bell_call call = { .lane = 0 };
	bool sound;

	pack_get_bytes(p, call.id.bytes, sizeof(call.id.bytes));
	call.lane = pack_get_u32(p);
	sound = get_waiter(bell, p, &call.waiter);
	call.hops = pack_get_u32(p);
	if (!p->failed && sound && call.lane < MESSAGE_LANES)
		bell->receiver.call(bell->receiver.arg, &call);
}

static void take_ring(struct bell *bell, struct pack *p)
{
	struct bell_ring ring = { .lane = pack_get_u32(p) };

	ring.queue = pack_get_u64(p);
	ring.seq = pack_get_u64(p);
	ring.hops = pack_get_u32(p);
	if (!p->failed && ring.lane < MESSAGE_LANES)
		bell->receiver.ring(bell->receiver.arg, &ring);
}

static void take_packet(struct bell *bell, size_t len)
{
	struct pack p;

	pack_init(&p, bell->inbound, len);
	while (p.at < len && !p.failed) {
		switch ((enum kind)pack_get_u8(&p)) {
		case KIND_ORDER:
			take_order(bell, &p);
			break;
		case KIND_LOOK:
			bell->receiver.look(bell->receiver.arg);
			break;
		case KIND_RESULT:
			take_result(bell, &p);
			break;
		case KIND_LEARN:
			take_learn(bell, &p);
			break;
		case KIND_ASK:
			take_ask(bell, &p);
			break;
		case KIND_LANES:
			take_lanes(bell, &p);
			break;
		case KIND_CALL:
			take_call(bell, &p);
			break;
		case KIND_RING:
			take_ring(bell, &p);
			break;
		case KIND_DEATH:
			bell->receiver.lanes(bell->receiver.arg, BELL_LOOK, 0,
					     (struct message_id){ { 0 } });
			break;
		default:
			return; /* all writers are this program: cannot be read on */
		}
	}
}

static void on_ready(void *arg, int fd, uint32_t events)
{
	struct bell *bell = arg;

	(void)events;
	for (int i = 0; i < PACKETS_PER_READY; i++) {
		const ssize_t n = recv(fd, bell->inbound, BELL_PACKET_BYTES, MSG_DONTWAIT);

		if (n <= 0)
			return;
		take_packet(bell, (size_t)n);
	}
}

/* Whoever it was for is dead, and who has its lanes now has looked for its work; old news of lanes
 * must not be taken for new ones. */
static void discard(struct bell *bell)
{
	const int fd = node_read_fd(bell->node, bell->slot);

	while (recv(fd, bell->inbound, BELL_PACKET_BYTES, MSG_DONTWAIT) > 0)
		;
}

struct bell *bell_new(struct loop *loop, struct node *node, unsigned slot,
		      const struct bell_receiver *receiver, struct err *ret_err)
{
	struct bell *bell = calloc(1, sizeof(*bell));

	if (bell)
		bell->inbound = malloc(BELL_PACKET_BYTES);
	if (!bell || !bell->inbound) {
		err_set(ret_err, ERR_TEMPORARY, 0, "no memory for bells");
		free(bell);
		return NULL;
	}
	bell->node = node;
	bell->loop = loop;
	bell->slot = slot;
	bell->receiver = *receiver;
	discard(bell);
	bell->watch = loop_watch(loop, node_read_fd(node, slot), EPOLLIN, on_ready, bell, ret_err);
	if (!bell->watch) {
		bell_free(bell);
		return NULL;
	}
	loop_hook(loop, send_all, bell);
	return bell;
}

void bell_free(struct bell *bell)
{
	if (!bell)
		return;
	loop_unwatch(bell->loop, bell->watch);
	for (unsigned s = 0; s < NODE_SLOTS_MAX; s++)
		free(bell->outboxes[s].data);
	free(bell->inbound);
	free(bell);
}

uint64_t bell_lost(const struct bell *bell)
{
	return bell->lost;
}
