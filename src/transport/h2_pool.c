/*
 * Objects: calls wait in `queue` until a connection has a stream for them.  A connection is in
 * one list, after what can be done with it:
 *
 *   opening   not there yet
 *   loaded    has streams and room for more; the first has waited longest, so it has the most
 *             room: the calls of one round go out together
 *   full      has streams and no room
 *   spare     has no streams, the last used first: those not needed grow old and are closed
 *   leaving   takes no new calls; closed when its streams are over
 *
 * Connections are opened as the queue needs them, SETUP_MAX at most at a time, so that a
 * restart of the other side does not become a storm of handshakes.  When one cannot be opened,
 * the calls that have waited for it from its beginning end, unless there is another to hope
 * for.  One that the server ends before it carried a call could not be opened either.  A
 * server that does not choose HTTP/2 is offered it again after http2_again_ms.
 *
 * Deadlines, idle connections and pings are looked at when the first of them is due, so they
 * cost a call nothing.
 */
#include "transport/h2_pool.h"

#include <stdlib.h>

#include "base/clock.h"
#include "transport/h2_connection.h"

#define SETUP_MIN 2u /* one that is stuck does not stop the others */
#define SETUP_MAX 16u
#define SETUP_AGAIN_MS 100 /* after a failure */
#define IDLE_MAX 1024u     /* streams kept for later; one is about 200 bytes and its answer */
#define LOOK_GAP_MS 20     /* between two looks at deadlines */
#define ROUNDS_MAX 64

struct h2_pool {
	struct pool_rules rules;
	h2_pool_refused_fn *refused;
	void *refused_arg;
	struct origin origin;
	struct h2_connection_rules connection_rules;
	struct list queue;
	unsigned queued;
	unsigned started;
	struct list opening;
	struct list loaded;
	struct list full;
	struct list spare;
	struct list leaving;
	unsigned opening_count;
	unsigned connections;
	struct list touched;
	struct list ended; /* streams */
	struct list idle;  /* streams to use again */
	unsigned idle_count;
	bool has_origin;
	bool http1_only;
	int64_t offer_after_ms; /* HTTP/2 again, with http1_only */
	bool trust_anew;        /* the certificates to trust are to be read again */
	int64_t setup_after_ms;
	uint64_t look_timer;
	int64_t look_ms; /* when it fires */
	bool look_due;
};

/* --- birth and death --- */

struct h2_pool *h2_pool_new(const struct pool_rules *rules, h2_pool_refused_fn *refused, void *arg,
			    struct err *ret_err)
{
	struct h2_pool *p = calloc(1, sizeof(*p));

	if (p == NULL) {
		err_set(ret_err, ERR_TEMPORARY, 0, "transport: no memory");
		return NULL;
	}
	p->rules = *rules;
	p->refused = refused;
	p->refused_arg = arg;
	list_init(&p->queue);
	list_init(&p->opening);
	list_init(&p->loaded);
	list_init(&p->full);
	list_init(&p->spare);
	list_init(&p->leaving);
	list_init(&p->touched);
	list_init(&p->ended);
	list_init(&p->idle);
	p->connection_rules = (struct h2_connection_rules){
		.session = { &p->rules, &p->origin, &p->ended },
		.touched = &p->touched,
	};
	return p;
}

static void free_connections(struct list *connections)
{
	while (!list_empty(connections))
		h2_connection_free(LIST_OBJECT(connections->next, struct h2_connection, node));
}

static void free_streams(struct list *streams)
{
	struct list *node;

	while ((node = list_take_first(streams)) != NULL)
		h2_stream_free(LIST_OBJECT(node, struct h2_stream, node));
}

void h2_pool_free(struct h2_pool *p)
{
	struct list *node;

	if (p == NULL)
		return;
	loop_cancel(p->rules.loop, p->look_timer);
	while ((node = list_take_first(&p->queue)) != NULL)
		call_free(LIST_OBJECT(node, struct call, node));
	free_connections(&p->opening);
	free_connections(&p->loaded);
	free_connections(&p->full);
	free_connections(&p->spare);
	free_connections(&p->leaving);
	free_streams(&p->ended);
	free_streams(&p->idle);
	tls_free(p->connection_rules.tls);
	dial_free(p->connection_rules.dial);
	free(p);
}

unsigned h2_pool_in_flight(const struct h2_pool *p)
{
	return p->queued + p->started;
}

/* --- looking at what is due --- */

static void on_look(void *arg)
{
	struct h2_pool *p = arg;

	p->look_timer = 0;
	p->look_due = true;
}

static void look_at(struct h2_pool *p, int64_t due_ms)
{
	if (due_ms == INT64_MAX || (p->look_timer != 0 && p->look_ms <= due_ms))
		return;
	loop_cancel(p->rules.loop, p->look_timer);
	p->look_ms = due_ms;
	p->look_timer = loop_timer(p->rules.loop, due_ms, on_look, p);
}

/* --- ending calls --- */

static void put_back(struct h2_pool *p, struct h2_stream *s)
{
	h2_stream_end(s);
	if (p->idle_count >= IDLE_MAX) {
		h2_stream_free(s);
		return;
	}
	list_append(p->idle.next, &s->node); /* before the first: its memory is warm */
	p->idle_count++;
}

static bool deliver(struct h2_pool *p)
{
	struct list *node;
	bool did = false;

	while ((node = list_take_first(&p->ended)) != NULL) {
		struct h2_stream *s = LIST_OBJECT(node, struct h2_stream, node);
		struct transport_result result;

		h2_stream_result(s, loop_now_ms(p->rules.loop), &result);
		p->started--;
		p->rules.done(p->rules.arg, &result);
		put_back(p, s);
		did = true;
	}
	return did;
}

/* Ends the calls in the queue that were submitted by then. */
static void end_waiting(struct h2_pool *p, int64_t submitted_by_ms, const struct err *err)
{
	struct list *next;

	for (struct list *node = p->queue.next; node != &p->queue; node = next) {
		struct call *c = LIST_OBJECT(node, struct call, node);

		next = node->next;
		if (c->submitted_boot_ms > submitted_by_ms)
			return;
		list_remove(node);
		p->queued--;
		pool_end_unsent(&p->rules, c, err);
	}
}

static int64_t end_overdue_in_queue(struct h2_pool *p, int64_t now)
{
	int64_t earliest = INT64_MAX;
	struct list *next;
	struct err err;

	err_set(&err, ERR_TEMPORARY, 0, "no free connection before the deadline");
	for (struct list *node = p->queue.next; node != &p->queue; node = next) {
		struct call *c = LIST_OBJECT(node, struct call, node);

		next = node->next;
		if (c->deadline_boot_ms > now) {
			if (c->deadline_boot_ms < earliest)
				earliest = c->deadline_boot_ms;
			continue;
		}
		list_remove(node);
		p->queued--;
		pool_end_unsent(&p->rules, c, &err);
	}
	return earliest;
}

/* --- connections --- */

static bool has_open(const struct h2_pool *p)
{
	return !list_empty(&p->loaded) || !list_empty(&p->full) || !list_empty(&p->spare);
}

/* Behind the others; in front of them in `spare`. */
static void place(struct h2_pool *p, struct h2_connection *c, struct list *in)
{
	if (c->in == in)
		return;
	list_remove(&c->node);
	list_append(in == &p->spare ? in->next : in, &c->node);
	c->in = in;
}

static void close_connection(struct h2_pool *p, struct h2_connection *c)
{
	p->connections--;
	h2_connection_free(c);
}

static void turn_to_http1(struct h2_pool *p)
{
	struct list *node;

	p->http1_only = true;
	p->offer_after_ms = loop_now_ms(p->rules.loop) + p->rules.settings->http2_again_ms;
	while ((node = list_take_first(&p->queue)) != NULL) {
		p->queued--;
		p->refused(p->refused_arg, LIST_OBJECT(node, struct call, node));
	}
}

/* Is another one on its way that was begun no later? */
static bool has_older(const struct h2_pool *p, const struct h2_connection *c)
{
	const struct h2_connection *oldest;

	if (list_empty(&p->opening))
		return false;
	oldest = LIST_OBJECT(p->opening.next, const struct h2_connection, node);
	return oldest->began_ms <= c->began_ms;
}

/* It is out of its list already. */
static void on_setup_failed(struct h2_pool *p, const struct h2_connection *c)
{
	p->setup_after_ms = loop_now_ms(p->rules.loop) + SETUP_AGAIN_MS;
	p->trust_anew |= c->untrusted;
	if (c->http1_only)
		turn_to_http1(p);
	else if (!has_open(p) && !has_older(p, c))
		end_waiting(p, c->began_ms, &c->err);
}

static void end_connection(struct h2_pool *p, struct h2_connection *c)
{
	list_remove(&c->node);
	if (c->state == H2_CONNECTION_OPEN)
		err_set(&c->err, ERR_TEMPORARY, 0, "connection: ended by the server");
	if (!c->carried)
		on_setup_failed(p, c);
	close_connection(p, c);
}

/* Puts it where it belongs now, or closes it. */
static void settle(struct h2_pool *p, struct h2_connection *c)
{
	bool used = h2_connection_streams(c) > 0;

	if (c->in == &p->opening && c->state >= H2_CONNECTION_OPEN)
		p->opening_count--;
	if (c->state == H2_CONNECTION_OPEN && c->began_ms >= p->offer_after_ms)
		p->http1_only = false;
	if (c->state == H2_CONNECTION_OVER) {
		end_connection(p, c);
	} else if (c->state == H2_CONNECTION_OPEN && h2_connection_leaving(c)) {
		place(p, c, &p->leaving);
		if (!used)
			end_connection(p, c);
	} else if (c->state == H2_CONNECTION_OPEN && used) {
		if (c->in == &p->spare)
			look_at(p, h2_connection_look(c, loop_now_ms(p->rules.loop)));
		place(p, c, h2_connection_room(c) > 0 ? &p->loaded : &p->full);
	} else if (c->state == H2_CONNECTION_OPEN && c->in != &p->spare) {
		place(p, c, &p->spare);
		c->idle_since_ms = loop_now_ms(p->rules.loop);
		look_at(p, h2_connection_look(c, c->idle_since_ms));
	}
}

/* What the loop's events have done to them. */
static void settle_touched(struct h2_pool *p)
{
	struct list *next;

	for (struct list *node = p->touched.next; node != &p->touched; node = next) {
		next = node->next;
		settle(p, LIST_OBJECT(node, struct h2_connection, touched));
	}
}

/* True: there were some, and there may be more room now. */
static bool flush_touched(struct h2_pool *p)
{
	struct list *node;
	bool did = false;

	while ((node = list_take_first(&p->touched)) != NULL) {
		struct h2_connection *c = LIST_OBJECT(node, struct h2_connection, touched);

		h2_connection_flush(c);
		settle(p, c);
		did = true;
	}
	return did;
}

static bool is_too_old(const struct h2_pool *p, const struct h2_connection *c, int64_t now)
{
	return now - c->idle_since_ms >= p->rules.settings->idle_max_ms;
}

/* --- opening --- */

static void on_known(void *arg UNUSED)
{
	/* The hook, which runs after every event, asks dial_ready(). */
}

static bool has_means(struct h2_pool *p, struct err *ret_err)
{
	struct h2_connection_rules *rules = &p->connection_rules;

	/* Somebody may have put in order what was wrong with them. */
	if (p->trust_anew && list_empty(&p->opening)) {
		p->trust_anew = false;
		tls_free(rules->tls);
		rules->tls = NULL;
	}
	if (rules->tls == NULL)
		rules->tls = tls_new(p->rules.settings->ca_file, ret_err);
	if (rules->tls == NULL)
		return false;
	if (rules->dial == NULL)
		rules->dial = dial_new(p->rules.loop, &p->origin, on_known, NULL);
	if (rules->dial == NULL)
		err_set(ret_err, ERR_TEMPORARY, 0, "transport: no memory");
	return rules->dial != NULL;
}

static void on_no_means(struct h2_pool *p, const struct err *err)
{
	p->setup_after_ms = loop_now_ms(p->rules.loop) + SETUP_AGAIN_MS;
	if (!has_open(p) && list_empty(&p->opening))
		end_waiting(p, INT64_MAX, err);
}

static unsigned wanted(const struct h2_pool *p)
{
	unsigned streams = p->rules.settings->streams;
	unsigned n = (p->queued + streams - 1) / streams;

	if (n < SETUP_MIN)
		n = p->queued < SETUP_MIN ? p->queued : SETUP_MIN;
	return n < SETUP_MAX ? n : SETUP_MAX;
}

static void open_one(struct h2_pool *p)
{
	struct h2_connection *c = h2_connection_new(&p->connection_rules);
	struct err err;

	if (c == NULL) {
		err_set(&err, ERR_TEMPORARY, 0, "transport: no memory");
		on_no_means(p, &err);
		return;
	}
	p->connections++;
	p->opening_count++;
	place(p, c, &p->opening);
}

static void open_more(struct h2_pool *p)
{
	int64_t now = loop_now_ms(p->rules.loop);
	unsigned n = wanted(p);
	struct err err;

	if (p->opening_count >= n || p->connections >= p->rules.settings->max_connections)
		return;
	if (now < p->setup_after_ms) {
		look_at(p, p->setup_after_ms);
		return;
	}
	if (!has_means(p, &err)) {
		on_no_means(p, &err);
		return;
	}
	if (!dial_ready(p->connection_rules.dial)) {
		if (dial_failed(p->connection_rules.dial, &err))
			on_no_means(p, &err);
		return;
	}
	while (p->opening_count < n && p->connections < p->rules.settings->max_connections &&
	       now >= p->setup_after_ms)
		open_one(p);
}

/* --- starting --- */

/* One with room, null: there is none. */
static struct h2_connection *pick(struct h2_pool *p)
{
	int64_t now = loop_now_ms(p->rules.loop);
	struct h2_connection *c;

	while (!list_empty(&p->loaded)) {
		c = LIST_OBJECT(p->loaded.next, struct h2_connection, node);
		if (h2_connection_room(c) > 0)
			return c;
		place(p, c, &p->full);
	}
	for (struct list *node = p->spare.next; node != &p->spare; node = node->next) {
		c = LIST_OBJECT(node, struct h2_connection, node);
		if (h2_connection_room(c) > 0 && !is_too_old(p, c, now))
			return c;
	}
	return NULL;
}

static struct h2_stream *take_stream(struct h2_pool *p)
{
	struct list *node = list_take_first(&p->idle);

	if (node == NULL)
		return h2_stream_new();
	p->idle_count--;
	return LIST_OBJECT(node, struct h2_stream, node);
}

static void end_first(struct h2_pool *p, struct call *c, const char *why)
{
	struct err err;

	err_set(&err, ERR_TEMPORARY, 0, "%s", why);
	pool_end_unsent(&p->rules, c, &err);
}

static void start_first(struct h2_pool *p, struct h2_connection *c)
{
	struct call *call = LIST_OBJECT(list_take_first(&p->queue), struct call, node);
	struct h2_stream *s;

	p->queued--;
	if (call_is_late(call, clock_boot_ms())) {
		end_first(p, call, "no free connection in time");
		return;
	}
	s = take_stream(p);
	if (s == NULL) {
		end_first(p, call, "transport: no memory");
		return;
	}
	h2_stream_begin(s, call);
	if (!h2_session_add(c->session, s)) {
		s->call = NULL;
		put_back(p, s);
		end_first(p, call, "connection: no more streams");
	} else {
		p->started++;
		c->carried = true;
	}
	h2_connection_touch(c);
	settle(p, c);
}

static bool start(struct h2_pool *p)
{
	struct h2_connection *c;
	bool did = false;

	while (p->queued > 0 && (c = pick(p)) != NULL) {
		start_first(p, c);
		did = true;
	}
	if (p->queued > 0)
		open_more(p);
	return did;
}

/* --- deadlines --- */

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t look_at_list(const struct list *connections, int64_t now)
{
	int64_t earliest = INT64_MAX;

	for (struct list *node = connections->next; node != connections; node = node->next) {
		struct h2_connection *c = LIST_OBJECT(node, struct h2_connection, node);
		unsigned streams = h2_connection_streams(c);

		if (streams > 0)
			earliest = earlier(earliest, h2_session_end_overdue(c->session, now));
		if (h2_connection_streams(c) < streams)
			h2_connection_touch(c);
		earliest = earlier(earliest, h2_connection_look(c, now));
	}
	return earliest;
}

/* The oldest is the last. */
static int64_t close_old(struct h2_pool *p, int64_t now)
{
	while (!list_empty(&p->spare)) {
		struct h2_connection *c = LIST_OBJECT(p->spare.prev, struct h2_connection, node);

		if (!is_too_old(p, c, now))
			return c->idle_since_ms + p->rules.settings->idle_max_ms;
		close_connection(p, c);
	}
	return INT64_MAX;
}

static void look(struct h2_pool *p)
{
	int64_t now = loop_now_ms(p->rules.loop);
	int64_t due = end_overdue_in_queue(p, now);

	p->look_due = false;
	due = earlier(due, close_old(p, now));
	due = earlier(due, look_at_list(&p->loaded, now));
	due = earlier(due, look_at_list(&p->full, now));
	due = earlier(due, look_at_list(&p->spare, now));
	due = earlier(due, look_at_list(&p->leaving, now));
	if (due != INT64_MAX)
		look_at(p, due > now + LOOK_GAP_MS ? due : now + LOOK_GAP_MS);
}

/* --- the owner's side --- */

bool h2_pool_refused(const struct h2_pool *p)
{
	return p->http1_only;
}

bool h2_pool_add(struct h2_pool *p, struct call *c)
{
	if (p->http1_only && loop_now_ms(p->rules.loop) < p->offer_after_ms)
		return false;
	if (!p->has_origin)
		p->has_origin = origin_of(c->url, &p->origin);
	if (!p->has_origin || origin_path(&p->origin, c->url) == NULL)
		return false;
	list_append(&p->queue, &c->node);
	p->queued++;
	look_at(p, c->deadline_boot_ms);
	return true;
}

bool h2_pool_run(struct h2_pool *p)
{
	bool again = true;
	bool did = false;

	if (p->look_due)
		look(p);
	for (int i = 0; again && i < ROUNDS_MAX; i++) {
		settle_touched(p);
		again = deliver(p);
		again |= start(p);
		again |= flush_touched(p) && p->queued > 0;
		again |= !list_empty(&p->ended);
		did |= again;
	}
	return did;
}
