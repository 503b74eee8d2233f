/*
 * Every event of a connection (bytes came, bytes went, an answer was given) ends in
 * connection_settle(), the only function that decides where the connection belongs, what
 * it waits for and whether it is over.
 *
 * Invariants
 *   - A request is handed over as the last act of an event, after the bytes behind it were
 *     looked at: from inside the callback the answer may free the connection.
 *   - request != 0 exactly while `requests` maps that id to this connection.
 *   - Reading stops while an answer cannot be written, so what a peer can make us store is
 *     bounded; it goes on while a request waits, to see an abort.
 *   - A peer that closes its sending side may still be reading: the connection goes on, and
 *     ends after the answer.  EPOLLHUP and EPOLLERR mean nobody reads any more.
 *   - A connection is watched only once it has to wait: one that is answered from within
 *     the callback never enters epoll.
 */
#include "fcgi/connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/str.h"
#include "fcgi/collect.h"

#define SCRATCH_BYTES (64u * 1024u)
/* One answer, and the replies that one read can ask for (8 bytes ask, 24 answer). */
#define OUT_MAX (2u * HTTP_RESPONSE_BODY_MAX)
#define CLOSING_IDLE_MS 1000 /* grace of a new connection whose first byte has not come */

struct connection {
	struct list link; /* in set->places[place] */
	struct connections *set;
	enum connection_place place;
	int fd;
	uint64_t watch;   /* 0: not watched yet */
	uint32_t events;  /* what it is watched for */
	uint64_t request; /* id handed out, or 0 */
	int64_t since_ms; /* in this place */
	bool fresh;       /* no request of it has ended yet */
	bool half_closed; /* the peer sends no more */
	bool held;        /* the next request has begun: `rest` holds what came of it */
	bool ending;      /* over when `out` is empty */
	struct collect collect;
	struct str rest;
	struct str out; /* bytes before out_at are written */
	size_t out_at;
};

static void connection_ready(void *arg, int fd, uint32_t events);

int connections_init(struct connections *set, struct loop *loop,
		     const struct fcgi_server_settings *settings, fcgi_request_fn *fn, void *arg,
		     struct err *ret_err)
{
	memset(set, 0, sizeof(*set));
	set->loop = loop;
	set->settings = settings;
	set->fn = fn;
	set->arg = arg;
	set->budget.max_bytes = settings->max_held_bytes;
	for (unsigned i = 0; i < PLACE_COUNT; i++)
		list_init(&set->places[i]);
	set->requests = idmap_new(settings->max_connections);
	set->scratch = malloc(SCRATCH_BYTES);
	if (!set->requests || !set->scratch) {
		err_set(ret_err, ERR_TEMPORARY, ENOMEM, "no memory for FastCGI connections");
		connections_fini(set);
		return -1;
	}
	set->convert = convert_new(settings->max_params_bytes, settings->max_body_bytes, ret_err);
	if (!set->convert) {
		connections_fini(set);
		return -1;
	}
	return 0;
}

static void connection_move(struct connection *conn, enum connection_place place)
{
	struct connections *set = conn->set;

	list_remove(&conn->link);
	set->counts[conn->place]--;
	set->counts[place]++;
	conn->place = place;
	conn->since_ms = loop_now_ms(set->loop);
	list_append(&set->places[place], &conn->link);
}

static void connection_drop(struct connection *conn)
{
	struct connections *set = conn->set;

	list_remove(&conn->link);
	set->counts[conn->place]--;
	if (conn->request)
		(void)idmap_remove(set->requests, conn->request);
	/* It is close-on-exec, never duplicated, and workers do not fork. */
	loop_unwatch_closing(set->loop, conn->watch);
	fd_close(&conn->fd);
	collect_fini(&conn->collect);
	str_fini(&conn->rest);
	str_fini(&conn->out);
	free(conn);
}

static struct connection *first_of(const struct connections *set, enum connection_place place)
{
	const struct list *head = &set->places[place];

	/* The analyser does not see that a connection leaves its list before it is freed. */
	// NOLINTNEXTLINE(clang-analyzer-unix.Malloc)
	return list_empty(head) ? NULL : LIST_OBJECT(head->next, struct connection, link);
}

void connections_fini(struct connections *set)
{
	struct connection *conn;

	for (unsigned i = 0; i < PLACE_COUNT; i++)
		while ((conn = first_of(set, i)) != NULL)
			connection_drop(conn);
	loop_cancel(set->loop, set->ready_timer);
	convert_free(set->convert);
	idmap_free(set->requests);
	free(set->scratch);
	set->convert = NULL;
	set->requests = NULL;
	set->scratch = NULL;
}

static bool has_output(const struct connection *conn)
{
	return conn->out_at < conn->out.len;
}

/* Bytes the socket took; -1: the peer is gone. */
static ssize_t send_some(int fd, const void *data, size_t len)
{
	ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return 0;
	return n;
}

/* Sends at once what the socket takes and stores the rest. */
static bool connection_write(struct connection *conn, const uint8_t *data, size_t len)
{
	ssize_t n = 0;

	if (!has_output(conn)) {
		n = send_some(conn->fd, data, len);
		if (n == -1)
			return false;
	}
	return str_append(&conn->out, (const char *)data + n, len - (size_t)n);
}

static bool connection_flush(struct connection *conn)
{
	ssize_t n =
		send_some(conn->fd, conn->out.data + conn->out_at, conn->out.len - conn->out_at);

	if (n == -1)
		return false;
	conn->out_at += (size_t)n;
	if (!has_output(conn)) {
		str_fini(&conn->out);
		str_init(&conn->out, OUT_MAX);
		conn->out_at = 0;
	}
	return true;
}

/* Watches for what the connection waits for; false: it cannot be watched. */
static bool connection_watch(struct connection *conn)
{
	struct loop *loop = conn->set->loop;
	uint32_t events = 0;
	struct err err;

	if (has_output(conn))
		events = EPOLLOUT;
	else if (!conn->held && !conn->half_closed)
		events = EPOLLIN;
	if (!conn->watch) {
		conn->watch = loop_watch(loop, conn->fd, events, connection_ready, conn, &err);
		conn->events = events;
		return conn->watch != 0;
	}
	if (events != conn->events)
		loop_rewatch(loop, conn->watch, events);
	conn->events = events;
	return true;
}

static void take_ready(void *arg);

static enum connection_place connection_belongs(const struct connection *conn)
{
	if (has_output(conn))
		return PLACE_BUSY;
	if (conn->collect.phase == COLLECT_WAITING)
		return PLACE_WAITING;
	if (conn->held)
		return PLACE_READY;
	return collect_is_idle(&conn->collect) ? PLACE_IDLE : PLACE_BUSY;
}

/* After anything happened: where does it belong now, what does it wait for? */
static void connection_settle(struct connection *conn)
{
	struct connections *set = conn->set;
	enum connection_place place = connection_belongs(conn);
	bool over = conn->ending || (conn->half_closed && place != PLACE_READY) ||
		    (set->closing && !conn->fresh && place == PLACE_IDLE);

	if ((over && !has_output(conn) && place != PLACE_WAITING) || !connection_watch(conn)) {
		connection_drop(conn);
		return;
	}
	if (place != conn->place)
		connection_move(conn, place);
	if (place == PLACE_READY && !set->ready_timer)
		set->ready_timer = loop_timer(set->loop, loop_now_ms(set->loop), take_ready, set);
}

/* The last act of an event: conn may be gone afterwards. */
static void connection_hand_over(struct connection *conn)
{
	struct connections *set = conn->set;
	struct http_request request;
	struct str large;
	uint64_t id;
	struct err err;

	if (convert_request(set->convert, &conn->collect, &request, &err) == -1) {
		connection_drop(conn);
		return;
	}
	id = idmap_add(set->requests, conn);
	if (id == 0) {
		convert_request_done(set->convert);
		connection_drop(conn);
		return;
	}
	/* Neither the connection nor its peer decides how long a large body lives. */
	large = conn->collect.body;
	str_init(&conn->collect.body, large.max);
	request.large = conn->collect.large ? &large : NULL;
	collect_release(&conn->collect);
	conn->request = id;
	connection_move(conn, PLACE_WAITING);
	set->unanswered++;
	set->fn(set->arg, id, &request);
	convert_request_done(set->convert);
	str_fini(&large);
	conn = idmap_get(set->requests, id);
	if (conn)
		connection_settle(conn);
}

/* The request that was being collected or waits is over, by the peer's wish or mistake. */
static void connection_forget_request(struct connection *conn)
{
	if (conn->request)
		(void)idmap_remove(conn->set->requests, conn->request);
	conn->request = 0;
	conn->fresh = false;
	if (!conn->collect.keep)
		conn->ending = true;
}

/* Acts on one event of the collector; false: the connection is of no more use. */
static bool connection_heed(struct connection *conn, enum collect_event event,
			    const struct collect_reply *reply, const uint8_t *rest, size_t rest_len)
{
	switch (event) {
	case COLLECT_MORE:
	case COLLECT_COMPLETE:
		return true;
	case COLLECT_ENDED:
		connection_forget_request(conn);
		return connection_write(conn, reply->data, reply->len);
	case COLLECT_REPLY:
		return connection_write(conn, reply->data, reply->len);
	case COLLECT_HELD:
		conn->held = true;
		return str_append(&conn->rest, (const char *)rest, rest_len);
	case COLLECT_BROKEN:
		break;
	}
	return false;
}

static void connection_take(struct connection *conn, const uint8_t *data, size_t len)
{
	struct collect_reply reply;
	enum collect_event event;
	size_t at = 0;

	do {
		at += collect_feed(&conn->collect, data + at, len - at, &event, &reply);
		if (!connection_heed(conn, event, &reply, data + at, len - at)) {
			connection_drop(conn);
			return;
		}
	} while (at < len && !conn->held && !conn->ending);
	if (conn->collect.phase == COLLECT_WAITING && !conn->request)
		connection_hand_over(conn);
	else
		connection_settle(conn);
}

/* Held bytes are taken in a round of their own: never from inside an answer. */
static void take_ready(void *arg)
{
	struct connections *set = arg;
	unsigned n = set->counts[PLACE_READY];
	struct connection *conn;

	set->ready_timer = 0;
	while (n-- > 0 && (conn = first_of(set, PLACE_READY)) != NULL) {
		struct str rest = conn->rest;

		str_init(&conn->rest, SCRATCH_BYTES);
		conn->held = false;
		connection_take(conn, (const uint8_t *)rest.data, rest.len);
		str_fini(&rest);
	}
}

static void connection_read(struct connection *conn)
{
	uint8_t *scratch = conn->set->scratch;
	ssize_t n = recv(conn->fd, scratch, SCRATCH_BYTES, 0);

	if (n > 0) {
		connection_take(conn, scratch, (size_t)n);
		return;
	}
	if (n == -1 && errno != EAGAIN && errno != EINTR) {
		connection_drop(conn);
		return;
	}
	if (n == 0)
		conn->half_closed = true;
	connection_settle(conn);
}

static void connection_ready(void *arg, int fd, uint32_t events)
{
	struct connection *conn = arg;

	(void)fd;
	if (events & (EPOLLHUP | EPOLLERR)) {
		connection_drop(conn);
	} else if (events & EPOLLOUT) {
		if (connection_flush(conn))
			connection_settle(conn);
		else
			connection_drop(conn);
	} else {
		connection_read(conn);
	}
}

void connections_add(struct connections *set, int fd)
{
	struct connection *conn = calloc(1, sizeof(*conn));

	if (!conn) {
		fd_close(&fd);
		return;
	}
	list_init(&conn->link);
	conn->set = set;
	set->counts[PLACE_NONE]++;
	conn->fd = fd;
	conn->fresh = true;
	collect_init(&conn->collect, &set->budget, set->settings->max_params_bytes,
		     set->settings->max_body_bytes, set->settings->large);
	str_init(&conn->rest, SCRATCH_BYTES);
	str_init(&conn->out, OUT_MAX);
	connection_read(conn);
}

bool connections_answer(struct connections *set, uint64_t id, const struct http_response *response)
{
	struct connection *conn = idmap_remove(set->requests, id);
	const uint8_t *data;
	size_t len;
	struct err err;

	set->unanswered--;
	if (!conn)
		return false;
	conn->request = 0;
	if (convert_answer(set->convert, conn->collect.id, response, &data, &len, &err) == -1 ||
	    !connection_write(conn, data, len)) {
		connection_drop(conn);
		return false;
	}
	conn->fresh = false;
	if (!conn->collect.keep)
		conn->ending = true;
	collect_next(&conn->collect);
	connection_settle(conn);
	return true;
}

static void sweep_place(struct connections *set, enum connection_place place, int64_t limit_ms)
{
	int64_t now = loop_now_ms(set->loop);
	struct connection *conn;

	while ((conn = first_of(set, place)) != NULL && now - conn->since_ms >= limit_ms) {
		if (place == PLACE_BUSY)
			meter_bound(set->settings->meter, BOUND_READ_TIME);
		connection_drop(conn);
	}
}

void connections_sweep(struct connections *set)
{
	int64_t idle_ms = set->settings->idle_timeout_ms;

	if (set->closing && idle_ms > CLOSING_IDLE_MS)
		idle_ms = CLOSING_IDLE_MS;
	sweep_place(set, PLACE_IDLE, idle_ms);
	sweep_place(set, PLACE_BUSY, set->settings->read_timeout_ms);
}

void connections_close_idle(struct connections *set)
{
	unsigned n = set->counts[PLACE_IDLE];
	struct connection *conn;

	set->closing = true;
	/* Each is read once more: a request may have come that epoll has not told of yet. */
	while (n-- > 0 && (conn = first_of(set, PLACE_IDLE)) != NULL) {
		connection_move(conn, PLACE_IDLE);
		connection_read(conn);
	}
}

unsigned connections_count(const struct connections *set)
{
	unsigned n = 0;

	for (unsigned i = 0; i < PLACE_COUNT; i++)
		n += set->counts[i];
	return n;
}

unsigned connections_busy(const struct connections *set)
{
	unsigned n = set->unanswered + set->counts[PLACE_BUSY] + set->counts[PLACE_READY];

	return set->closing ? n + set->counts[PLACE_IDLE] : n;
}
