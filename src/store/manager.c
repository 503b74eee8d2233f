#include "store/manager.h"

#include <stdlib.h>
#include <string.h>

#include "store/connection.h"

#define QUICK_MS 2000 /* from its submission to its answer */
#define SLOW_MS 15000
#define TICK_MS 100

struct manager {
	struct loop *loop;
	struct list *completed;
	bool slow;
	char *conninfo;
	char *application_name;
	struct connection *connection; /* null: none has been needed for a while */
	struct list waiting;
	unsigned count;
	struct op *flying; /* null: nothing is under way */
	bool synced;       /* its end has come */
	int64_t used_ms;
	uint64_t timer;
};

static const struct connection_setting quick_settings[] = {
	{ "search_path", "pg_catalog, pg_temp" },
	{ "timezone", "UTC" },
	{ "synchronous_commit", "on" },
	{ "idle_in_transaction_session_timeout", "5s" },
	{ "lock_timeout", "500ms" },
	{ "statement_timeout", "1500ms" },
	{ "jit", "off" },
	{ "client_min_messages", "error" },
	{ NULL, NULL },
};

static const struct connection_setting slow_settings[] = {
	{ "search_path", "pg_catalog, pg_temp" },
	{ "timezone", "UTC" },
	{ "synchronous_commit", "on" },
	{ "idle_in_transaction_session_timeout", "5s" },
	{ "lock_timeout", "500ms" },
	{ "statement_timeout", "10s" },
	{ "jit", "off" },
	{ "client_min_messages", "error" },
	{ NULL, NULL },
};

static const char *const names[] = {
	[STORE_HOLD_SET] = "hold_set",       [STORE_HOLD_RELEASE] = "hold_release",
	[STORE_RESOLVE] = "resolve",         [STORE_REPLAY_COUNT] = "replay_count",
	[STORE_REPLAY_ROOM] = "replay_room", [STORE_REPLAY_FIND] = "replay_find",
	[STORE_REPLAY_SEND] = "replay_send", [STORE_MANAGE_COUNT] = NULL,
};

static const struct connection_kind quick = {
	.role = "message_sender_app",
	.settings = quick_settings,
	.statements = names,
};

static const struct connection_kind slow = {
	.role = "message_sender_app",
	.settings = slow_settings,
	.statements = names,
};

static void complete(struct manager *m, struct op *op, enum store_verdict verdict,
		     const struct err *err)
{
	m->count--;
	op_complete(op, m->completed, verdict, err);
}

/* What failed has its error already. */
static void land(struct manager *m, const struct err *err)
{
	struct op *op = m->flying;

	m->flying = NULL;
	m->used_ms = loop_now_ms(m->loop);
	if (!op)
		return;
	if (err || !op->result)
		complete(m, op, STORE_AWAY, err ? err : &op->err);
	else
		complete(m, op, STORE_DONE, NULL);
}

static void ready(void *arg)
{
	(void)arg; /* the pump sends what waits */
}

static void lost(void *arg)
{
	struct manager *m = arg;

	land(m, connection_trouble(m->connection));
}

static void readable(void *arg)
{
	struct manager *m = arg;
	PGresult *result;

	while (m->flying && (result = connection_result(m->connection))) {
		const ExecStatusType status = PQresultStatus(result);
		struct op *op = m->flying;

		if (!op) { /* it was lost meanwhile */
			PQclear(result);
			return;
		}
		if (status == PGRES_PIPELINE_SYNC) {
			PQclear(result);
			land(m, NULL);
		} else if (status == PGRES_TUPLES_OK && !op->result) {
			op->result = result;
		} else {
			connection_describe(result, &op->err);
			PQclear(result);
		}
	}
}

static void send_next(struct manager *m)
{
	PGconn *handle = connection_handle(m->connection);
	struct op *op = LIST_OBJECT(list_take_first(&m->waiting), struct op, node);
	const struct op_manage *row = op->row.manage;
	struct err err;

	m->flying = op;
	if (PQsendQueryPrepared(handle, names[row->what], (int)row->count, row->values, NULL, NULL,
				0) &&
	    PQpipelineSync(handle)) {
		connection_flush(m->connection);
		return;
	}
	err_set(&err, ERR_TEMPORARY, 0, "database: a decision could not be sent: no memory");
	connection_fail(m->connection, &err);
}

static int64_t bound_ms(const struct manager *m)
{
	return m->slow ? SLOW_MS : QUICK_MS;
}

static void give_up(struct manager *m, struct op *op)
{
	const struct err *trouble = m->connection ? connection_trouble(m->connection) : NULL;
	struct err late;

	err_set(&late, ERR_TEMPORARY, 0, "database: a decision had to wait too long");
	complete(m, op, STORE_AWAY, trouble ? trouble : &late);
}

static void tick(void *arg)
{
	struct manager *m = arg;
	const int64_t now_ms = loop_now_ms(m->loop);
	struct err late;

	m->timer = 0;
	while (!list_empty(&m->waiting)) {
		struct op *op = LIST_OBJECT(m->waiting.next, struct op, node);

		if (now_ms - op->submitted_ms < bound_ms(m))
			break;
		give_up(m, op);
	}
	if (m->flying && now_ms - m->flying->submitted_ms >= bound_ms(m)) {
		err_set(&late, ERR_TEMPORARY, 0, "database: no answer to a decision");
		connection_fail(m->connection, &late);
	}
	if (m->count == 0 && now_ms - m->used_ms >= MANAGER_IDLE_MS) {
		connection_free(m->connection);
		m->connection = NULL;
		return;
	}
	m->timer = loop_timer(m->loop, now_ms + TICK_MS, tick, m);
}

static bool open_connection(struct manager *m)
{
	const struct connection_events events = {
		.ready = ready,
		.readable = readable,
		.lost = lost,
		.arg = m,
	};
	struct err err;

	if (!m->connection)
		m->connection = connection_new(m->loop, m->conninfo, m->application_name,
					       m->slow ? &slow : &quick, &events, &err);
	return m->connection != NULL;
}

bool manager_submit(struct manager *m, struct op *op)
{
	if (m->count > STORE_MANAGE_WAITING_MAX || !open_connection(m))
		return false;
	m->count++;
	m->used_ms = loop_now_ms(m->loop);
	list_append(&m->waiting, &op->node);
	if (!m->timer)
		m->timer = loop_timer(m->loop, m->used_ms + TICK_MS, tick, m);
	return true;
}

bool manager_pump(struct manager *m)
{
	if (!m->connection || m->flying || list_empty(&m->waiting) ||
	    !connection_ready(m->connection))
		return false;
	send_next(m);
	return true;
}

struct manager *manager_new(struct loop *loop, const struct store_settings *settings, bool is_slow,
			    struct list *completed, struct err *ret_err)
{
	struct manager *m = calloc(1, sizeof(*m));

	if (m) {
		list_init(&m->waiting);
		m->conninfo = strdup(settings->conninfo);
		m->application_name = strdup(settings->application_name);
	}
	if (!m || !m->conninfo || !m->application_name) {
		err_set(ret_err, ERR_TEMPORARY, 0, "database: no memory");
		manager_free(m);
		return NULL;
	}
	m->loop = loop;
	m->completed = completed;
	m->slow = is_slow;
	return m;
}

void manager_free(struct manager *m)
{
	struct list *node;

	if (!m)
		return;
	loop_cancel(m->loop, m->timer);
	connection_free(m->connection);
	op_free(m->flying);
	while ((node = list_take_first(&m->waiting)))
		op_free(LIST_OBJECT(node, struct op, node));
	free(m->conninfo);
	free(m->application_name);
	free(m);
}
