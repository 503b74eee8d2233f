/*
 * States, each left by one event or its own time-out:
 *
 *   WAITING ──▶ RESOLVING ──▶ CONNECTING ──▶ SETTING_UP ──▶ READY
 *      ▲            │              │              │            │
 *      └────────────┴──────────────┴──────────────┴────────────┘  connection_fail()
 *
 * One address is tried at a time, each with its own time-out; when all of a round have
 * failed, the wait grows.  A look-up that hangs is waited for: there is never more than one
 * thread.  Session set-up is a pipeline: settings, role, prepared statements, whatever the
 * owner adds, and a sync; then further ones, as long as the owner has something to add.
 *
 * Invariants: handle is not null in CONNECTING and later, watch belongs to its socket,
 * `trouble` has a text except in READY.
 */
#include "store/connection.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/random.h"
#include "base/resolve.h"
#include "base/str.h"
#include "store/conninfo.h"
#include "store/sql.h"
#include "store/sqlstate.h"

#define CONNECT_TIMEOUT_MS 2000
#define SETUP_TIMEOUT_MS 5000
#define WAIT_FIRST_MS 100
#define WAIT_LAST_MS 1000
#define KEYWORDS_MAX (CONNINFO_OPTIONS_MAX + 16)

enum state { WAITING = 0, RESOLVING, CONNECTING, SETTING_UP, READY };

struct connection {
	struct loop *loop;
	struct conninfo info;
	char *application_name;
	const struct connection_kind *kind;
	struct connection_events events;
	enum state state;
	PGconn *handle;
	uint64_t watch;
	uint32_t watched; /* events waited for */
	uint64_t timer;   /* the present state's time-out */
	struct resolve *resolve;
	struct resolve_answer answer; /* addresses of the present host */
	unsigned host;                /* of info.hosts */
	unsigned address;             /* of answer, or 0 */
	unsigned setup_at;            /* results of the set-up seen */
	int64_t wait_ms;
	int64_t heard_ms;
	struct err trouble;
};

static void try_host(struct connection *c);
static void socket_ready(void *arg, int fd, uint32_t events);

/* One line of what libpq says; it tells no passwords. */
static void describe_handle(const struct connection *c, struct err *ret_err)
{
	const char *text = PQerrorMessage(c->handle);
	struct str line = STR_INIT(ERR_TEXT_BYTES * 4);

	for (; *text && line.len < ERR_TEXT_BYTES; text++) {
		if (*text != '\n')
			str_append_char(&line, *text);
		else if (text[1])
			str_append_char(&line, ' ');
	}
	err_set(ret_err, ERR_TEMPORARY, 0, "database: %s", line.data);
	str_fini(&line);
}

void connection_describe(const PGresult *result, struct err *ret_err)
{
	static const enum err_class classes[] = {
		[SQLSTATE_DATA] = ERR_INVALID,        [SQLSTATE_REPEAT] = ERR_TEMPORARY,
		[SQLSTATE_RECONNECT] = ERR_TEMPORARY, [SQLSTATE_SCHEMA] = ERR_PERMANENT,
		[SQLSTATE_SERVER] = ERR_TEMPORARY,    [SQLSTATE_OTHER] = ERR_TEMPORARY,
	};
	const char *code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	enum sqlstate_class class = sqlstate_classify(code);

	err_set(ret_err, classes[class], sqlstate_number(code), "database: %s (SQLSTATE %s)%s",
		text ? text : "the connection broke", code ? code : "none",
		class == SQLSTATE_SCHEMA ? "; run `message-sender db migrate`" : "");
}

/* --- leaving whatever state --- */

static void unwatch(struct connection *c)
{
	loop_unwatch(c->loop, c->watch);
	c->watch = 0;
}

static void stop_timer(struct connection *c)
{
	loop_cancel(c->loop, c->timer);
	c->timer = 0;
}

static void close_handle(struct connection *c)
{
	unwatch(c);
	stop_timer(c);
	PQfinish(c->handle);
	c->handle = NULL;
}

static void round_begins(void *arg)
{
	struct connection *c = arg;

	c->timer = 0;
	c->host = 0;
	c->address = 0;
	c->answer.count = 0;
	try_host(c);
}

static void wait_for_next_round(struct connection *c)
{
	int64_t wait = c->wait_ms / 2 + random_u32() % (c->wait_ms / 2 + 1);

	c->state = WAITING;
	c->timer = loop_timer(c->loop, loop_now_ms(c->loop) + wait, round_begins, c);
	c->wait_ms = c->wait_ms * 2 > WAIT_LAST_MS ? WAIT_LAST_MS : c->wait_ms * 2;
}

/* The present address failed: the next one, the next host, or the next round. */
static void address_failed(struct connection *c, const struct err *why)
{
	c->trouble = *why;
	close_handle(c);
	if (++c->address >= c->answer.count) {
		c->address = 0;
		c->answer.count = 0;
		c->host++;
	}
	if (c->host < c->info.host_count)
		try_host(c);
	else
		wait_for_next_round(c);
}

void connection_fail(struct connection *c, const struct err *why)
{
	bool was_ready = c->state == READY;

	if (!was_ready) {
		address_failed(c, why);
		return;
	}
	c->trouble = *why;
	close_handle(c);
	wait_for_next_round(c);
	c->events.lost(c->events.arg);
}

static void fail_with_handle(struct connection *c)
{
	struct err why;

	describe_handle(c, &why);
	connection_fail(c, &why);
}

static void timed_out(void *arg)
{
	struct connection *c = arg;
	struct err why;

	c->timer = 0;
	err_set(&why, ERR_TEMPORARY, 0, "database: no answer while %s within %d ms",
		c->state == CONNECTING ? "connecting" : "setting the session up",
		c->state == CONNECTING ? CONNECT_TIMEOUT_MS : SETUP_TIMEOUT_MS);
	connection_fail(c, &why);
}

/* --- the socket --- */

static void wait_for(struct connection *c, uint32_t events)
{
	struct err why;

	if (!c->watch) {
		c->watch = loop_watch(c->loop, PQsocket(c->handle), events, socket_ready, c, &why);
		if (!c->watch)
			connection_fail(c, &why);
	} else if (c->watched != events) {
		loop_rewatch(c->loop, c->watch, events);
	}
	c->watched = events;
}

void connection_flush(struct connection *c)
{
	int left = PQflush(c->handle);

	if (left < 0)
		fail_with_handle(c);
	else
		wait_for(c, left ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

PGresult *connection_result(struct connection *c)
{
	/* A null ends each statement's results; a second one means that nothing is due. */
	for (int nulls = 0; nulls < 2; nulls++) {
		PGresult *result;

		if (!c->handle || PQisBusy(c->handle))
			return NULL;
		result = PQgetResult(c->handle);
		if (result && PQstatus(c->handle) != CONNECTION_BAD)
			return result;
		PQclear(result);
		if (PQstatus(c->handle) == CONNECTION_BAD) {
			fail_with_handle(c);
			return NULL;
		}
	}
	return NULL;
}

/* --- session set-up --- */

static const char *statement_text(const char *name)
{
	for (size_t i = 0; i < sql_statements_count; i++)
		if (strcmp(sql_statements[i].name, name) == 0)
			return sql_statements[i].text;
	return NULL;
}

static int queue_settings(struct connection *c)
{
	struct str text = STR_INIT(4096);
	const char *separator = "SELECT ";
	int rc = -1;

	for (const struct connection_setting *s = c->kind->settings; s->name; s++) {
		str_append_format(&text, "%sset_config('%s', '%s', false)", separator, s->name,
				  s->value);
		separator = ", ";
	}
	if (str_ok(&text) && PQsendQueryParams(c->handle, text.data, 0, NULL, NULL, NULL, NULL, 0))
		rc = 0;
	str_fini(&text);
	return rc;
}

static int queue_role(struct connection *c)
{
	static const char text[] =
		"SELECT pg_catalog.set_config('role', rolname, false) FROM pg_catalog.pg_roles "
		"WHERE rolname = $1::text AND pg_catalog.pg_has_role(oid, 'MEMBER')";
	const char *values[1] = { c->kind->role };

	return PQsendQueryParams(c->handle, text, 1, NULL, values, NULL, NULL, 0) ? 0 : -1;
}

static int queue_setup(struct connection *c)
{
	if (!PQenterPipelineMode(c->handle) || queue_settings(c) != 0 || queue_role(c) != 0)
		return -1;
	for (const char *const *name = c->kind->statements; *name; name++)
		if (!PQsendPrepare(c->handle, *name, statement_text(*name), 0, NULL))
			return -1;
	if (c->events.setup && c->events.setup(c->events.setup_arg, c->handle) != 0)
		return -1;
	return PQpipelineSync(c->handle) ? 0 : -1;
}

static unsigned own_results(const struct connection *c)
{
	unsigned count = 2;

	for (const char *const *name = c->kind->statements; *name; name++)
		count++;
	return count;
}

static int setup_result(struct connection *c, const PGresult *result, struct err *why)
{
	ExecStatusType status = PQresultStatus(result);

	if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
		connection_describe(result, why);
		return -1;
	}
	if (c->setup_at++ < own_results(c) || !c->events.setup_result)
		return 0;
	return c->events.setup_result(c->events.setup_arg, result, why);
}

static void setup_done(struct connection *c)
{
	stop_timer(c);
	c->state = READY;
	c->wait_ms = WAIT_FIRST_MS;
	c->events.ready(c->events.arg);
}

/* True: another round of the set-up is on its way, or the connection failed. */
static bool setup_goes_on(struct connection *c)
{
	const int more = c->events.setup_next ? c->events.setup_next(c->events.setup_arg, c->handle)
					      : 0;

	if (!more)
		return false;
	if (more < 0 || !PQpipelineSync(c->handle))
		fail_with_handle(c);
	else
		connection_flush(c);
	return true;
}

static void setup_readable(struct connection *c)
{
	PGresult *result;

	while (c->state == SETTING_UP && (result = connection_result(c))) {
		struct err why;

		if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
			PQclear(result);
			if (setup_goes_on(c))
				continue;
			setup_done(c);
			return;
		}
		if (setup_result(c, result, &why) != 0)
			connection_fail(c, &why);
		PQclear(result);
	}
}

static void setup_begins(struct connection *c)
{
	c->state = SETTING_UP;
	c->setup_at = 0;
	stop_timer(c);
	c->timer = loop_timer(c->loop, loop_now_ms(c->loop) + SETUP_TIMEOUT_MS, timed_out, c);
	if (PQsetnonblocking(c->handle, 1) != 0 || queue_setup(c) != 0)
		fail_with_handle(c);
	else
		connection_flush(c);
}

/* --- connecting --- */

/* libpq may close its socket and open another within a poll: watch each anew. */
static void poll_connect(struct connection *c)
{
	PostgresPollingStatusType status;

	unwatch(c);
	status = PQconnectPoll(c->handle);
	if (status == PGRES_POLLING_OK)
		setup_begins(c);
	else if (status == PGRES_POLLING_FAILED)
		fail_with_handle(c);
	else
		wait_for(c, status == PGRES_POLLING_READING ? EPOLLIN : EPOLLOUT);
}

static void socket_ready(void *arg, int fd, uint32_t events)
{
	struct connection *c = arg;

	(void)fd;
	(void)events;
	c->heard_ms = loop_now_ms(c->loop);
	if (c->state == CONNECTING) {
		poll_connect(c);
		return;
	}
	if (!PQconsumeInput(c->handle)) {
		fail_with_handle(c);
		return;
	}
	connection_flush(c);
	if (c->state == SETTING_UP)
		setup_readable(c);
	else if (c->state == READY)
		c->events.readable(c->events.arg);
}

struct keywords {
	const char *names[KEYWORDS_MAX];
	const char *values[KEYWORDS_MAX];
	unsigned count;
};

static void add_keyword(struct keywords *k, const char *name, const char *value)
{
	if (!value)
		return;
	k->names[k->count] = name;
	k->values[k->count++] = value;
}

static void connect_now(struct connection *c, const char *address)
{
	const struct conninfo_host *host = &c->info.hosts[c->host];
	struct keywords k = { .count = 0 };

	/* A later one overrules an earlier one: what the user said stands. */
	add_keyword(&k, "keepalives_idle", "5");
	add_keyword(&k, "keepalives_interval", "2");
	add_keyword(&k, "keepalives_count", "3");
	add_keyword(&k, "tcp_user_timeout", "10000");
	add_keyword(&k, "fallback_application_name", c->application_name);
	for (unsigned i = 0; i < c->info.options; i++)
		add_keyword(&k, c->info.keywords[i], c->info.values[i]);
	add_keyword(&k, "host", host->host);
	add_keyword(&k, "hostaddr", address);
	add_keyword(&k, "port", host->port);
	add_keyword(&k, "client_encoding", "UTF8");
	c->state = CONNECTING;
	c->handle = PQconnectStartParams(k.names, k.values, 0);
	c->timer = loop_timer(c->loop, loop_now_ms(c->loop) + CONNECT_TIMEOUT_MS, timed_out, c);
	if (!c->handle || PQstatus(c->handle) == CONNECTION_BAD)
		fail_with_handle(c);
	else
		wait_for(c, EPOLLOUT);
}

static void resolved(void *arg, const struct resolve_answer *answer)
{
	struct connection *c = arg;
	struct err why;

	c->resolve = NULL;
	c->answer = *answer;
	if (answer->count > 0) {
		connect_now(c, c->answer.addresses[c->address]);
		return;
	}
	err_set(&why, ERR_TEMPORARY, 0, "database: looking up %s: %s", c->info.hosts[c->host].host,
		answer->why);
	address_failed(c, &why);
}

static void try_host(struct connection *c)
{
	const struct conninfo_host *host = &c->info.hosts[c->host];
	struct err why;

	if (!conninfo_needs_lookup(host)) {
		connect_now(c, host->hostaddr);
		return;
	}
	if (c->answer.count > 0) {
		connect_now(c, c->answer.addresses[c->address]);
		return;
	}
	c->state = RESOLVING;
	c->resolve = resolve_start(c->loop, host->host, resolved, c, &why);
	if (!c->resolve)
		address_failed(c, &why);
}

/* --- for the owner --- */

struct connection *connection_new(struct loop *loop, const char *conninfo,
				  const char *application_name, const struct connection_kind *kind,
				  const struct connection_events *events, struct err *ret_err)
{
	struct connection *c = calloc(1, sizeof(*c));

	if (!c || !(c->application_name = strdup(application_name))) {
		err_set(ret_err, ERR_TEMPORARY, 0, "database: no memory");
		free(c);
		return NULL;
	}
	if (conninfo_parse(conninfo, &c->info, ret_err) != 0) {
		free(c->application_name);
		free(c);
		return NULL;
	}
	c->loop = loop;
	c->kind = kind;
	c->events = *events;
	c->wait_ms = WAIT_FIRST_MS;
	err_set(&c->trouble, ERR_TEMPORARY, 0, "database: not connected yet");
	c->timer = loop_timer(loop, loop_now_ms(loop), round_begins, c);
	return c;
}

void connection_free(struct connection *c)
{
	if (!c)
		return;
	close_handle(c);
	resolve_forget(c->resolve);
	conninfo_fini(&c->info);
	free(c->application_name);
	free(c);
}

bool connection_ready(const struct connection *c)
{
	return c->state == READY;
}

const struct err *connection_trouble(const struct connection *c)
{
	return c->state == READY ? NULL : &c->trouble;
}

PGconn *connection_handle(struct connection *c)
{
	return c->state == READY ? c->handle : NULL;
}

int64_t connection_heard_ms(const struct connection *c)
{
	return c->heard_ms;
}
