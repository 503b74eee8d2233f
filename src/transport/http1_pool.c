/*
 * Objects: calls wait in `queue` until they start; a started call lives in a slot (slot.h),
 * which is in `busy`; free slots wait in `idle`, the last used first.
 *
 * What may start: curl 7.88 handles calls it cannot start badly (they cost a walk each, and
 * wake one by one), and opens a connection for each call it cannot place.  So a call starts
 * when an established connection is free, or when one more may be opened: as many at once as
 * the queue needs, SETUP_MAX at most, so that a restart of the other side does not become a
 * storm of handshakes.  `setting_up` counts calls that have no connection yet.  Connections
 * taken are all started calls but those that open one of their own.
 *
 * Everything happens in the hook: curl runs what is due, ended calls are delivered, waiting
 * ones start, until nothing is left to do.
 */
#include "transport/http1_pool.h"

#include <stdlib.h>

#include "base/clock.h"
#include "transport/driver.h"
#include "transport/slot.h"

#define SETUP_MIN 2u /* one that is stuck does not stop the others */
#define SETUP_MAX 16u
#define IDLE_MAX 256u     /* slots kept for later; one is about 10 KB */
#define QUEUE_LOOK_MS 100 /* how often deadlines in the queue are looked at */
#define ROUNDS_MAX 64

struct http1_pool {
	const struct pool_rules *rules;
	struct driver *driver;
	struct slot_rules slot_rules;
	struct list queue;
	struct list busy;
	struct list idle;
	unsigned queued;
	unsigned started;
	unsigned setting_up;
	unsigned idle_count;
	uint64_t queue_timer;
	bool look_at_queue; /* the timer fired */
};

static void limit_multi(const struct http1_pool *p)
{
	CURLM *multi = driver_multi(p->driver);
	long connections = (long)p->rules->settings->max_connections;

	curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
	curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, connections);
	curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, connections);
	curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, connections);
}

struct http1_pool *http1_pool_new(const struct pool_rules *rules, struct err *ret_err)
{
	struct http1_pool *p = calloc(1, sizeof(*p));

	if (p == NULL) {
		err_set(ret_err, ERR_TEMPORARY, 0, "transport: no memory");
		return NULL;
	}
	list_init(&p->queue);
	list_init(&p->busy);
	list_init(&p->idle);
	p->rules = rules;
	p->slot_rules =
		(struct slot_rules){ rules->settings, rules->gate, rules->arg, &p->setting_up };
	p->driver = driver_new(rules->loop, ret_err);
	if (p->driver == NULL) {
		free(p);
		return NULL;
	}
	limit_multi(p);
	return p;
}

static void free_slots(struct http1_pool *p, struct list *slots)
{
	struct list *node;

	while ((node = list_take_first(slots)) != NULL) {
		struct slot *s = LIST_OBJECT(node, struct slot, node);

		if (s->call != NULL)
			curl_multi_remove_handle(driver_multi(p->driver), s->easy);
		slot_free(s);
	}
}

void http1_pool_free(struct http1_pool *p)
{
	struct list *node;

	if (p == NULL)
		return;
	loop_cancel(p->rules->loop, p->queue_timer);
	while ((node = list_take_first(&p->queue)) != NULL)
		call_free(LIST_OBJECT(node, struct call, node));
	free_slots(p, &p->busy);
	free_slots(p, &p->idle);
	driver_free(p->driver);
	free(p);
}

unsigned http1_pool_in_flight(const struct http1_pool *p)
{
	return p->queued + p->started;
}

void http1_pool_add(struct http1_pool *p, struct call *c)
{
	list_append(&p->queue, &c->node);
	p->queued++;
}

/* --- ending --- */

static void put_back(struct http1_pool *p, struct slot *s)
{
	list_remove(&s->node);
	if (p->idle_count >= IDLE_MAX) {
		slot_free(s);
		return;
	}
	list_append(p->idle.next, &s->node); /* before the first: its memory is warm */
	p->idle_count++;
}

static void end_started(struct http1_pool *p, struct slot *s, CURLcode code)
{
	struct transport_result result;

	slot_result(s, code, loop_now_ms(p->rules->loop), &result);
	p->started--;
	p->rules->done(p->rules->arg, &result);
	curl_multi_remove_handle(driver_multi(p->driver), s->easy);
	slot_end(s);
	put_back(p, s);
}

static bool deliver(struct http1_pool *p)
{
	bool did = false;
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(driver_multi(p->driver), &left)) != NULL) {
		CURLcode code = message->data.result;
		char *slot = NULL;

		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &slot);
		end_started(p, (struct slot *)(void *)slot, code);
		did = true;
	}
	return did;
}

/* --- starting --- */

static bool may_start(const struct http1_pool *p)
{
	unsigned placed = p->started - driver_opening(p->driver);
	unsigned setups = p->queued > SETUP_MIN ? p->queued : SETUP_MIN;

	if (p->started >= p->rules->settings->max_connections)
		return false;
	if (p->setting_up < (setups < SETUP_MAX ? setups : SETUP_MAX))
		return true;
	return placed < driver_established(p->driver) && p->setting_up < 2 * SETUP_MAX;
}

static struct slot *take_slot(struct http1_pool *p, struct err *ret_err)
{
	struct list *node = list_take_first(&p->idle);

	if (node == NULL)
		return slot_new(&p->slot_rules, p->driver, ret_err);
	p->idle_count--;
	return LIST_OBJECT(node, struct slot, node);
}

static void start_first(struct http1_pool *p)
{
	struct call *c = LIST_OBJECT(list_take_first(&p->queue), struct call, node);
	struct err err;
	struct slot *s;

	p->queued--;
	if (call_is_late(c, clock_boot_ms())) {
		err_set(&err, ERR_TEMPORARY, 0, "no free connection in time");
		pool_end_unsent(p->rules, c, &err);
		return;
	}
	s = take_slot(p, &err);
	if (s == NULL) {
		pool_end_unsent(p->rules, c, &err);
		return;
	}
	slot_begin(s, c);
	list_append(&p->busy, &s->node);
	p->started++;
	if (curl_multi_add_handle(driver_multi(p->driver), s->easy) != CURLM_OK)
		end_started(p, s, CURLE_OUT_OF_MEMORY);
}

static bool start(struct http1_pool *p)
{
	bool did = false;

	while (p->queued > 0 && may_start(p)) {
		start_first(p);
		did = true;
	}
	return did;
}

/* --- the queue's deadlines --- */

static void end_overdue(struct http1_pool *p)
{
	int64_t now = loop_now_ms(p->rules->loop);
	struct list *next;
	struct err err;

	err_set(&err, ERR_TEMPORARY, 0, "no free connection before the deadline");
	for (struct list *node = p->queue.next; node != &p->queue; node = next) {
		struct call *c = LIST_OBJECT(node, struct call, node);

		next = node->next;
		if (c->deadline_boot_ms > now)
			continue;
		list_remove(node);
		p->queued--;
		pool_end_unsent(p->rules, c, &err);
	}
}

static void on_queue_timer(void *arg)
{
	struct http1_pool *p = arg;

	p->queue_timer = 0;
	p->look_at_queue = true;
}

bool http1_pool_run(struct http1_pool *p)
{
	bool did = false;
	bool again = true;

	if (p->look_at_queue) {
		p->look_at_queue = false;
		end_overdue(p);
		did = true;
	}
	for (int i = 0; again && i < ROUNDS_MAX; i++) {
		driver_run(p->driver);
		again = deliver(p);
		again |= start(p);
		did |= again;
	}
	if (p->queued > 0 && p->queue_timer == 0)
		p->queue_timer = loop_timer(p->rules->loop,
					    loop_now_ms(p->rules->loop) + QUEUE_LOOK_MS,
					    on_queue_timer, p);
	return did;
}
