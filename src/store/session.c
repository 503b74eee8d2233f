#include "store/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "store/array.h"
#include "store/sql.h"

static const struct connection_setting settings[] = {
	{ "search_path", "pg_catalog, pg_temp" },
	{ "timezone", "UTC" },
	{ "synchronous_commit", "on" },
	{ "idle_in_transaction_session_timeout", "5s" },
	/* Short: whoever meets a lock that is held longer is tried again by itself. */
	{ "lock_timeout", "30ms" },
	{ "statement_timeout", "4s" },
	/* Batches touch rows by key, however many there are and whatever statistics say: each
	 * table by `= ANY` of the batch's ids, then a hash join of as many rows.  A nested loop
	 * looks cheap on a young table and becomes a full scan for every row. */
	{ "plan_cache_mode", "force_generic_plan" },
	{ "enable_nestloop", "off" },
	{ "enable_mergejoin", "off" },
	{ "enable_seqscan", "off" },
	{ "enable_bitmapscan", "off" },
	{ "enable_memoize", "off" },
	{ "jit", "off" },
	{ "client_min_messages", "error" },
	{ NULL, NULL },
};

static const char *const statements[] = {
	"schema",        "accept",        "accept_again", "accept_charged", "accept_keyed",
	"accept_seq",    "cancel",        "release",      "begin",          "outcome_lock",
	"outcome",       "defer",         "conversation", "answer",         "queues",
	"load_copies",   "partitions",    "expire",       "register",       "load_ids",
	"fence",         "lanes_lock",    "lanes_renew",  "lanes_fence",    "lanes_release",
	"lanes_take",    "lanes_view",    "holds",        "load_held",      "backlog_view",
	"backlog_count", "load_queues",   "load_probe",   "hold_set",       "hold_end",
	"load_unknown",  "settle",        "beacon",       "beacon_first",   "beacon_restored",
	"beacon_tick",   "mark_restored", "call_off",     "load_due",       "add",
	"add_charged",   "batch_open",    "batch_close",  "batch_cancel",   "receipts_lock",
	"receipts",      "failures",      "webhook",      "orphans",        "notices",
	"orphans_count", "holds_over",    NULL,
};

const struct connection_kind session_kind = {
	.role = "message_sender_app",
	.settings = settings,
	.statements = statements,
};

int session_init(struct session *s, const struct store_settings *from)
{
	s->incarnation = from->incarnation;
	s->node_id = from->node_id;
	s->known = from->known;
	s->worker = strdup(from->application_name);
	s->boot_id = strdup(from->boot_id ? from->boot_id : "");
	s->node_file = strdup(from->node_file ? from->node_file : "");
	return s->worker && s->boot_id && s->node_file ? 0 : -1;
}

void session_fini(struct session *s)
{
	free(s->worker);
	free(s->boot_id);
	free(s->node_file);
}

static void set_text(struct array_values *v, int at, const char *text)
{
	v->values[at] = text;
	v->lengths[at] = (int)strlen(text);
	v->formats[at] = 1;
}

static void set_id(struct array_values *v, int at, const struct message_id *id)
{
	v->values[at] = (const char *)id->bytes;
	v->lengths[at] = (int)sizeof(id->bytes);
	v->formats[at] = 1;
}

static int send_plain(PGconn *handle, const char *statement)
{
	return PQsendQueryPrepared(handle, statement, 0, NULL, NULL, NULL, 0) ? 0 : -1;
}

int session_setup(void *session, PGconn *handle)
{
	struct session *s = session;

	s->answers = 0;
	s->registering = false;
	return send_plain(handle, "schema") || send_plain(handle, "beacon") ? -1 : 0;
}

/* --- the next rounds --- */

static int send_first(PGconn *handle)
{
	return send_plain(handle, "beacon_first") || send_plain(handle, "beacon") ? -1 : 0;
}

/* One of all that find it so is the first; the beacon is then asked for again. */
static int send_restored(const struct session *s, PGconn *handle, const char *why)
{
	char id[MESSAGE_ID_TEXT_BYTES];
	char numbers[4][24];
	const int64_t of[4] = { s->beacon.server.system_identifier, s->beacon.server.timeline,
				s->beacon.ticks, beacon_leap(&s->beacon, &s->known) };
	const char *const values[] = { id, numbers[0], numbers[1], numbers[2], numbers[3], why };

	message_id_text(s->beacon.id, id);
	for (int i = 0; i < 4; i++)
		(void)snprintf(numbers[i], sizeof(numbers[i]), "%lld", (long long)of[i]);
	return PQsendQueryPrepared(handle, "beacon_restored", 6, values, NULL, NULL, 0)
		       ? send_plain(handle, "beacon")
		       : -1;
}

static int send_register(const struct session *s, PGconn *handle)
{
	char node[256] = "";
	struct array_values v;

	(void)gethostname(node, sizeof(node) - 1);
	set_id(&v, 0, &s->incarnation);
	set_id(&v, 1, &s->node_id);
	set_text(&v, 2, node);
	set_text(&v, 3, s->worker);
	set_text(&v, 4, s->boot_id);
	set_text(&v, 5, s->node_file);
	return PQsendQueryPrepared(handle, "register", 6, v.values, v.lengths, v.formats, 0) ? 0
											     : -1;
}

/* A life that was registered before and is not there any more is fenced, for ever. */
int session_setup_next(void *session, PGconn *handle)
{
	struct session *s = session;
	const struct beacon_known known = { true, s->beacon.id, s->beacon.ticks };
	enum beacon_verdict verdict;

	if (!s->served)
		return send_first(handle) ? -1 : 1;
	verdict = beacon_judge(&s->beacon, &s->server, &s->known);
	if (verdict != BEACON_SAME) {
		text_copy_cut(s->noticed, sizeof(s->noticed), beacon_why(verdict));
		return send_restored(s, handle, s->noticed) ? -1 : 1;
	}
	s->known = known;
	s->registered |= s->registering;
	if (s->registered)
		return 0;
	s->registering = true;
	return send_register(s, handle) ? -1 : 1;
}

void session_ticked(struct session *s, int64_t ticks)
{
	if (ticks > s->known.ticks)
		s->known.ticks = ticks;
}

int session_check_schema(const PGresult *result, struct err *ret_err)
{
	size_t count = (size_t)PQntuples(result);
	size_t same = 0;

	while (same < count && same < sql_migrations_count &&
	       strcmp(PQgetvalue(result, (int)same, 0), sql_migrations[same].name) == 0)
		same++;
	if (same == count && same == sql_migrations_count)
		return 0;
	if (same == sql_migrations_count)
		err_set(ret_err, ERR_PERMANENT, 0,
			"database: its schema is newer than this program (%zu migrations, the "
			"program has %zu): install the newer message-sender",
			count, sql_migrations_count);
	else if (same == count)
		err_set(ret_err, ERR_PERMANENT, 0,
			"database: its schema is older than this program (%zu of %zu migrations): "
			"run `message-sender db migrate`",
			count, sql_migrations_count);
	else
		err_set(ret_err, ERR_PERMANENT, 0,
			"database: its schema is another one: migration %zu differs from this "
			"program's",
			same + 1);
	return -1;
}

/* The columns of sql/statements/beacon.sql. */
enum column { ID = 0, SYSTEM, TIMELINE, TICKS, SERVER_SYSTEM, SERVER_TIMELINE, COLUMNS };

static int64_t number(const PGresult *result, enum column c)
{
	return strtoll(PQgetvalue(result, 0, (int)c), NULL, 10);
}

static int read_beacon(struct session *s, const PGresult *result, struct err *ret_err)
{
	s->served = !PQgetisnull(result, 0, ID);
	s->server = (struct beacon_server){ number(result, SERVER_SYSTEM),
					    number(result, SERVER_TIMELINE) };
	s->beacon.server =
		(struct beacon_server){ number(result, SYSTEM), number(result, TIMELINE) };
	s->beacon.ticks = number(result, TICKS);
	if (!s->served || message_id_parse(PQgetvalue(result, 0, ID), &s->beacon.id))
		return 0;
	err_set(ret_err, ERR_TEMPORARY, 0, "database: the beacon's id cannot be read");
	return -1;
}

int session_setup_result(void *session, const PGresult *result, struct err *ret_err)
{
	struct session *s = session;

	if (s->answers++ == 0)
		return session_check_schema(result, ret_err);
	if (PQnfields(result) == COLUMNS && PQntuples(result) == 1)
		return read_beacon(s, result, ret_err);
	return 0;
}
