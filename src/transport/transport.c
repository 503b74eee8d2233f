/*
 * Objects: calls wait in `queue` until they start; a started call lives in a slot (slot.h),
 * which is in `busy`; free slots wait in `idle`, the last used first.
 *
 * What may start: curl 7.88 handles calls it cannot start badly (they cost a walk each, and
 * wake one by one), and opens a connection for each call it cannot place.  So a call starts
 * when an established connection has a free stream, or when one more connection may be
 * opened: as many at once as the queue needs, SETUP_MAX at most, so that a restart of the
 * other side does not become a storm of handshakes.  `setting_up` counts calls that have no
 * connection yet.  Streams taken are all started calls but those that open a connection of
 * their own.
 *
 * Everything happens in the hook: curl runs what is due, ended calls are delivered, waiting
 * ones start, until nothing is left to do.
 */
#include "transport/transport.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "transport/driver.h"
#include "transport/slot.h"

#define SETUP_MIN 2u /* one that is stuck does not stop the others */
#define SETUP_MAX 16u
#define IDLE_MAX 256u     /* slots kept for later; one is about 10 KB */
#define QUEUE_LOOK_MS 100 /* how often deadlines in the queue are looked at */
#define ROUNDS_MAX 64

struct transport {
	struct loop *loop;
	struct transport_settings settings;
	char *ca_file;
	char *user_agent;
	struct curl_slist no_expect;
	transport_done_fn *done;
	void *arg;
	struct driver *driver;
	struct slot_rules rules;
	struct list queue;
	struct list busy;
	struct list idle;
	unsigned queued;
	unsigned started;
	unsigned setting_up;
	unsigned idle_count;
	bool multiplexed; /* the last answer came by HTTP/2, or the first may */
	bool answered;
	uint64_t queue_timer;
	bool look_at_queue; /* the timer fired */
};

static bool on_hook(void *arg);

int transport_global_init(struct err *ret_err)
{
	CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);

	if (code == CURLE_OK)
		return 0;
	err_set(ret_err, ERR_INTERNAL, (int)code, "curl: %s", curl_easy_strerror(code));
	return -1;
}

void transport_global_fini(void)
{
	curl_global_cleanup();
}

static void limit_multi(const struct transport *t)
{
	CURLM *multi = driver_multi(t->driver);
	long connections = (long)t->settings.max_connections;

	curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
	curl_multi_setopt(multi, CURLMOPT_MAX_CONCURRENT_STREAMS, (long)t->settings.streams);
	curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, connections);
	curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, connections);
	curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, connections);
}

struct transport *transport_new(struct loop *loop, const struct transport_settings *settings,
				transport_done_fn *done, transport_gate_fn *gate, void *arg,
				struct err *ret_err)
{
	struct transport *t = calloc(1, sizeof(*t));

	if (t == NULL)
		goto no_memory;
	list_init(&t->queue);
	list_init(&t->busy);
	list_init(&t->idle);
	t->loop = loop;
	t->settings = *settings;
	t->ca_file = strdup(settings->ca_file);
	t->user_agent = strdup(settings->user_agent);
	if (t->ca_file == NULL || t->user_agent == NULL)
		goto no_memory;
	t->settings.ca_file = t->ca_file;
	t->settings.user_agent = t->user_agent;
	t->no_expect.data = (char *)"Expect:"; /* curl only reads it */
	t->done = done;
	t->arg = arg;
	t->rules = (struct slot_rules){ &t->settings, gate, arg, &t->setting_up };
	t->driver = driver_new(loop, ret_err);
	if (t->driver == NULL) {
		transport_free(t);
		return NULL;
	}
	limit_multi(t);
	loop_hook(loop, on_hook, t);
	return t;
no_memory:
	err_set(ret_err, ERR_TEMPORARY, 0, "transport: no memory");
	transport_free(t);
	return NULL;
}

static void free_slots(struct transport *t, struct list *slots)
{
	struct list *node;

	while ((node = list_take_first(slots)) != NULL) {
		struct slot *s = LIST_OBJECT(node, struct slot, node);

		if (s->call != NULL)
			curl_multi_remove_handle(driver_multi(t->driver), s->easy);
		slot_free(s);
	}
}

void transport_free(struct transport *t)
{
	struct list *node;

	if (t == NULL)
		return;
	loop_cancel(t->loop, t->queue_timer);
	while ((node = list_take_first(&t->queue)) != NULL)
		call_free(LIST_OBJECT(node, struct call, node));
	free_slots(t, &t->busy);
	free_slots(t, &t->idle);
	driver_free(t->driver);
	free(t->ca_file);
	free(t->user_agent);
	free(t);
}

unsigned transport_in_flight(const struct transport *t)
{
	return t->queued + t->started;
}

unsigned transport_room(const struct transport *t)
{
	return t->settings.max_in_flight - transport_in_flight(t);
}

int transport_submit(struct transport *t, const struct transport_request *request,
		     struct err *ret_err)
{
	struct call *c;

	if (transport_room(t) == 0) {
		err_set(ret_err, ERR_LIMIT, 0, "%u calls are in flight already",
			transport_in_flight(t));
		return -1;
	}
	c = call_copy(request, &t->no_expect, loop_now_ms(t->loop), ret_err);
	if (c == NULL)
		return -1;
	if (!t->answered)
		t->multiplexed = t->settings.http2 && strncmp(c->url, "https:", 6) == 0;
	list_append(&t->queue, &c->node);
	t->queued++;
	return 0;
}

/* --- ending --- */

static void end_unstarted(struct transport *t, struct call *c, const struct err *err)
{
	struct transport_result result = {
		.tag = c->tag,
		.end = TRANSPORT_NOT_SENT,
		.body = "",
		.took_ms = loop_now_ms(t->loop) - c->submitted_boot_ms,
		.err = *err,
	};

	call_free(c);
	t->done(t->arg, &result);
}

static void put_back(struct transport *t, struct slot *s)
{
	list_remove(&s->node);
	if (t->idle_count >= IDLE_MAX) {
		slot_free(s);
		return;
	}
	list_append(t->idle.next, &s->node); /* before the first: its memory is warm */
	t->idle_count++;
}

static void end_started(struct transport *t, struct slot *s, CURLcode code)
{
	struct transport_result result;
	long version = 0;

	curl_easy_getinfo(s->easy, CURLINFO_HTTP_VERSION, &version);
	if (version != 0) {
		t->answered = true;
		t->multiplexed = version == CURL_HTTP_VERSION_2_0;
	}
	slot_result(s, code, loop_now_ms(t->loop), &result);
	t->started--;
	t->done(t->arg, &result);
	curl_multi_remove_handle(driver_multi(t->driver), s->easy);
	slot_end(s);
	put_back(t, s);
}

static bool deliver(struct transport *t)
{
	bool did = false;
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(driver_multi(t->driver), &left)) != NULL) {
		CURLcode code = message->data.result;
		char *slot = NULL;

		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &slot);
		end_started(t, (struct slot *)(void *)slot, code);
		did = true;
	}
	return did;
}

/* --- starting --- */

static bool may_start(const struct transport *t)
{
	unsigned per_connection = t->multiplexed ? t->settings.streams : 1;
	unsigned placed = t->started - driver_opening(t->driver);
	unsigned setups = t->queued / per_connection;

	if (t->started >= t->settings.max_connections * per_connection)
		return false;
	if (setups < SETUP_MIN)
		setups = SETUP_MIN;
	if (t->setting_up < (setups < SETUP_MAX ? setups : SETUP_MAX))
		return true;
	return placed < driver_established(t->driver) * per_connection &&
	       t->setting_up < 2 * SETUP_MAX;
}

static struct slot *take_slot(struct transport *t, struct err *ret_err)
{
	struct list *node = list_take_first(&t->idle);

	if (node == NULL)
		return slot_new(&t->rules, t->driver, ret_err);
	t->idle_count--;
	return LIST_OBJECT(node, struct slot, node);
}

static void start_first(struct transport *t)
{
	struct call *c = LIST_OBJECT(list_take_first(&t->queue), struct call, node);
	struct err err;
	struct slot *s;

	t->queued--;
	if (c->deadline_boot_ms <= clock_boot_ms()) {
		err_set(&err, ERR_TEMPORARY, 0, "no free connection before the deadline");
		end_unstarted(t, c, &err);
		return;
	}
	s = take_slot(t, &err);
	if (s == NULL) {
		end_unstarted(t, c, &err);
		return;
	}
	slot_begin(s, c);
	list_append(&t->busy, &s->node);
	t->started++;
	if (curl_multi_add_handle(driver_multi(t->driver), s->easy) != CURLM_OK)
		end_started(t, s, CURLE_OUT_OF_MEMORY);
}

static bool start(struct transport *t)
{
	bool did = false;

	while (t->queued > 0 && may_start(t)) {
		start_first(t);
		did = true;
	}
	return did;
}

/* --- the queue's deadlines --- */

static void end_overdue(struct transport *t)
{
	int64_t now = loop_now_ms(t->loop);
	struct list *next;
	struct err err;

	err_set(&err, ERR_TEMPORARY, 0, "no free connection before the deadline");
	for (struct list *node = t->queue.next; node != &t->queue; node = next) {
		struct call *c = LIST_OBJECT(node, struct call, node);

		next = node->next;
		if (c->deadline_boot_ms > now)
			continue;
		list_remove(node);
		t->queued--;
		end_unstarted(t, c, &err);
	}
}

static void on_queue_timer(void *arg)
{
	struct transport *t = arg;

	t->queue_timer = 0;
	t->look_at_queue = true;
}

static bool on_hook(void *arg)
{
	struct transport *t = arg;
	bool did = false;
	bool again = true;

	if (t->look_at_queue) {
		t->look_at_queue = false;
		end_overdue(t);
		did = true;
	}
	for (int i = 0; again && i < ROUNDS_MAX; i++) {
		driver_run(t->driver);
		again = deliver(t);
		again |= start(t);
		did |= again;
	}
	if (t->queued > 0 && t->queue_timer == 0)
		t->queue_timer = loop_timer(t->loop, loop_now_ms(t->loop) + QUEUE_LOOK_MS,
					    on_queue_timer, t);
	return did;
}
