#include "metrics/rows.h"

/* clang-format off */
#define LABEL(label, list) { (label), (list), sizeof(list) / sizeof((list)[0]) }
#define NO_LABELS { { 0 } }
/* clang-format on */

/* Routes, outcomes, ends and policies are named as by their modules: a test compares them. */
static const char *const routes[] = { "health",  "send",    "bulk",          "list",
				      "status",  "events",  "explain",       "message",
				      "cancel",  "batch",   "batch_cancel",  "report",
				      "openapi", "webhook", "webhook_setup", "pause",
				      "resume",  "resolve", "replay",        "none" };
static const char *const classes[] = { "2xx", "3xx", "4xx", "5xx" };
static const char *const outcomes[] = { "accepted", "refused", "not_sent", "lost" };
static const char *const stages[] = {
	[STAGE_KEY] = "key",       [STAGE_QUOTA] = "quota",     [STAGE_CREDENTIALS] = "credentials",
	[STAGE_COMMIT] = "commit", [STAGE_DELIVER] = "deliver", [STAGE_KEEP] = "keep",
	[STAGE_READ] = "read",     [STAGE_TURN] = "turn",       [STAGE_PACE] = "pace",
	[STAGE_BEGIN] = "begin",   [STAGE_CALL] = "call",       [STAGE_RECORD] = "record",
	[STAGE_COPY] = "copy",
};
static const char *const ends[] = { "sent", "failed", "unknown", "released", "taken", "elsewhere" };
static const char *const policies[] = { "hold", "evidence", "resend", "fail" };
static const char *const decisions[] = { "resend", "failed", "sent" };
static const char *const acts[] = { "settle", "again", "failed" };
static const char *const bounds[] = {
	[BOUND_REQUESTS] = "requests",
	[BOUND_STORE_SLOW] = "store_slow",
	[BOUND_STORE_AWAY] = "store_away",
	[BOUND_ACCEPT_TIME] = "accept_time",
	[BOUND_TENANT_FULL] = "tenant_backlog",
	[BOUND_ALL_FULL] = "backlog",
	[BOUND_BODY] = "body",
	[BOUND_HEAD] = "head",
	[BOUND_RECEIVING] = "receiving",
	[BOUND_BULKS] = "bulks",
	[BOUND_WEBHOOKS] = "webhooks",
	[BOUND_CONNECTIONS] = "connections",
	[BOUND_READ_TIME] = "read_time",
	[BOUND_WRITES] = "writes",
	[BOUND_ITEMS] = "items",
	[BOUND_QUEUES] = "queues",
	[BOUND_PARKED] = "parked",
	[BOUND_PLACES] = "places",
	[BOUND_CALLS] = "calls",
	[BOUND_LOOKUPS] = "lookups",
	[BOUND_COPIES] = "copies",
	[BOUND_BELLS] = "bells",
	[BOUND_FAR_BELLS] = "far_bells",
	[BOUND_TAKEN_TIME] = "taken_time",
	[BOUND_HOPS] = "hops",
	[BOUND_BREAKERS] = "breakers",
	[BOUND_PAIRS] = "pairs",
	[BOUND_LINES] = "lines",
	[BOUND_KEYS] = "keys",
	[BOUND_MANAGING] = "managing",
};
static const char *const batches[] = {
	[BATCHES_COMMITTED] = "committed", [BATCHES_REPEATED] = "repeated",
	[BATCHES_HALVED] = "halved",       [BATCHES_FENCED] = "fenced",
	[BATCHES_ASIDE] = "aside",         [BATCHES_REJECTED] = "rejected",
};
static const char *const scopes[] = { [SCOPE_HOST] = "host", [SCOPE_NUMBER] = "number" };
static const char *const breakers[] = { "closed", "open", "half_open" };
static const char *const pace_for[] = {
	[PACE_FOR_NUMBER] = "number",
	[PACE_FOR_TENANT] = "tenant",
	[PACE_FOR_PAIR] = "pair",
};
static const char *const priorities[] = { "high", "normal", "bulk" };
static const char *const limits[] = {
	[LIMIT_THROUGHPUT] = "throughput",
	[LIMIT_PAIR] = "pair",
	[LIMIT_UPGRADE] = "upgrade",
	[LIMIT_OTHER] = "other",
};
static const char *const webhooks[] = {
	[WEBHOOKS_KEPT] = "kept",
	[WEBHOOKS_BAD_SIGNATURE] = "bad_signature",
	[WEBHOOKS_NOT_KEPT] = "not_kept",
};
static const char *const statuses[] = { "sent", "delivered", "read", "played", "failed", "other" };
static const char *const kepts[] = {
	[KEPT_FRESH] = "fresh",
	[KEPT_REPEATED] = "repeated",
	[KEPT_ORPHAN] = "orphan",
	[KEPT_REJECTED] = "rejected",
};
static const char *const fields[] = { "messages",
				      "user_preferences",
				      "phone_number_quality_update",
				      "account_update",
				      "business_capability_update",
				      "account_alerts",
				      "message_template_status_update",
				      "message_template_quality_update",
				      "template_category_update",
				      "message_template_components_update",
				      "phone_number_name_update",
				      "security",
				      "other" };
static const char *const unknowns[] = { "object", "field", "status", "member", "shape", "json" };
static const char *const effects[] = { "inbound", "opt_out", "number", "rate", "hold", "release" };
static const char *const connections[] = {
	[CONNECTION_WRITER] = "writer",
	[CONNECTION_READER] = "reader",
};

_Static_assert(sizeof(bounds) / sizeof(bounds[0]) == BOUND_COUNT, "every bound has its word");
_Static_assert(sizeof(batches) / sizeof(batches[0]) == BATCHES_ENDS, "every end has its word");
_Static_assert(sizeof(stages) / sizeof(stages[0]) == METRIC_STAGES, "so here");
_Static_assert(sizeof(pace_for) / sizeof(pace_for[0]) == PACE_FORS, "so here");
_Static_assert(sizeof(limits) / sizeof(limits[0]) == METRIC_LIMITS, "so here");
_Static_assert(sizeof(webhooks) / sizeof(webhooks[0]) == METRIC_WEBHOOK_ENDS, "so here");
_Static_assert(sizeof(kepts) / sizeof(kepts[0]) == METRIC_KEPTS, "so here");
_Static_assert(sizeof(connections) / sizeof(connections[0]) == CONNECTIONS, "so here");

/* clang-format off */
const struct metric_row metric_rows[METRIC_COUNT] = {
	[METRIC_REQUESTS] = { "requests_total", METRIC_COUNTER,
		{ LABEL("route", routes), LABEL("class", classes) },
		"Requests answered, by route (none: refused before it was known) and class of the "
		"HTTP status." },
	[METRIC_REQUEST_SECONDS] = { "request_seconds", METRIC_HISTOGRAM,
		{ LABEL("route", routes) },
		"From a request's arrival to its answer, of those that take steps." },
	[METRIC_REQUESTS_OPEN] = { "requests_open", METRIC_GAUGE, NO_LABELS,
		"Requests not answered yet; MAX_IN_FLIGHT bounds them." },
	[METRIC_ACCEPTED] = { "messages_accepted_total", METRIC_COUNTER, NO_LABELS,
		"Messages committed." },
	[METRIC_TOLD] = { "results_told_total", METRIC_COUNTER, { LABEL("end", ends) },
		"Results told to waiting requests. released: answered 202, goes on later; "
		"taken: the owner on another node has it; "
		"elsewhere: told to look into the database." },
	[METRIC_ATTEMPTS] = { "attempts_total", METRIC_COUNTER, { LABEL("outcome", outcomes) },
		"Attempts that ended, by outcome. lost: Meta may have taken it; the message is "
		"unknown." },
	[METRIC_ATTEMPT_SECONDS] = { "attempt_seconds", METRIC_HISTOGRAM, NO_LABELS,
		"Duration of calls to the Graph API." },
	[METRIC_STAGE_SECONDS] = { "stage_seconds", METRIC_HISTOGRAM, { LABEL("stage", stages) },
		"Time in each stage. Of requests: key, quota, credentials, commit, deliver (until "
		"it is told what came of it), keep (the answer, with its key), read; of messages: "
		"turn (those to the same recipient before it), pace (a place within the limits), "
		"begin (the attempt is durable), call (the Graph API), record (its outcome is "
		"durable), copy (the Conversation Service, as far as it is waited for)." },
	[METRIC_RETRIES] = { "retries_total", METRIC_COUNTER, NO_LABELS,
		"Attempts after which another one was decided." },
	[METRIC_TOKEN_ERRORS] = { "token_errors_total", METRIC_COUNTER, NO_LABELS,
		"Attempts that Meta refused for the outlet's token. Refresh it in the Tenant "
		"Service." },
	[METRIC_RESENDS_REFUSED] = { "resends_refused_total", METRIC_COUNTER, NO_LABELS,
		"Times the HTTP library wanted to send a call a second time by itself and was "
		"refused; the attempt is lost." },
	[METRIC_SETTLED] = { "unknown_settled_total", METRIC_COUNTER,
		{ LABEL("policy", policies), LABEL("decision", decisions) },
		"Lost replies that were settled without a person, by the policy in force. sent: a "
		"receipt told." },
	[METRIC_ITEMS] = { "messages_held", METRIC_GAUGE, NO_LABELS,
		"Messages under way in the memory of workers." },
	[METRIC_LANES] = { "lanes_held", METRIC_GAUGE, NO_LABELS,
		"Lanes this node owns with a lease that holds; all nodes together have 64." },
	[METRIC_TOKEN_HOLDS] = { "token_holds", METRIC_GAUGE, NO_LABELS,
		"Outlets whose token Meta refuses and that have messages waiting for a better one. "
		"Refresh it in the Tenant Service." },
	[METRIC_FALLEN_BACK] = { "workers_fallen_back", METRIC_GAUGE, NO_LABELS,
		"Workers whose Graph calls go over HTTP/1.1, at a higher cost, as the server did "
		"not choose HTTP/2; it is offered again once a minute." },
	[METRIC_BOUNDS] = { "bound_reached_total", METRIC_COUNTER, { LABEL("bound", bounds) },
		"Times a bound was reached. requests, store_slow, store_away, accept_time, "
		"receiving, bulks, webhooks, keys, managing: 503; tenant_backlog, backlog: 429; "
		"body: 413; head: 431; the others delay, or are made good by polls." },
	[METRIC_BATCHES] = { "batches_total", METRIC_COUNTER, { LABEL("end", batches) },
		"Transactions of batched writes, by what came of them. repeated, halved, aside: "
		"locks or trouble of the server; fenced: another worker took our lanes over; "
		"rejected: a row was refused, which is a fault of ours." },
	[METRIC_CONNECTIONS_LOST] = { "database_connections_lost_total", METRIC_COUNTER,
		{ LABEL("connection", connections) },
		"Connections to PostgreSQL that were lost; each is made again." },
	[METRIC_BREAKER_CHANGES] = { "breaker_changes_total", METRIC_COUNTER,
		{ LABEL("scope", scopes), LABEL("to", breakers) },
		"Circuit breakers that opened, let a probe through, or closed." },
	[METRIC_BREAKERS_OPEN] = { "breakers_open", METRIC_GAUGE, { LABEL("scope", scopes) },
		"Circuit breakers that are not closed, each worker's own." },
	[METRIC_BREAKER_WAITS] = { "breaker_waits_total", METRIC_COUNTER,
		{ LABEL("scope", scopes) },
		"Times a message nobody waits for was put off by an open circuit breaker." },
	[METRIC_PACE_WAITS] = { "pace_waits_total", METRIC_COUNTER, { LABEL("for", pace_for) },
		"Times messages that could have gone waited for a limit of Meta's, or a tenant's: "
		"a number that was used up, a tenant that was, a message whose pair was." },
	[METRIC_PACE_WAITING] = { "pace_waiting", METRIC_GAUGE, { LABEL("priority", priorities) },
		"Messages in memory that wait for a place to be sent from." },
	[METRIC_QUEUE_DEPTH] = { "queue_messages", METRIC_GAUGE, { LABEL("priority", priorities) },
		"Messages to be sent, of all nodes, told by the one that counts them: not those "
		"that are scheduled, held, or unknown." },
	[METRIC_QUEUE_LATE] = { "queue_oldest_seconds", METRIC_GAUGE,
		{ LABEL("priority", priorities) },
		"How long the one of them that is due longest is due." },
	[METRIC_LIMIT_REFUSALS] = { "limit_refusals_total", METRIC_COUNTER,
		{ LABEL("limit", limits) },
		"Attempts that Meta refused for a limit. throughput: 130429, the number is "
		"slowed; pair: 131056, the recipient waits; upgrade: 131057, the number rests." },
	[METRIC_WEBHOOKS] = { "webhooks_total", METRIC_COUNTER, { LABEL("end", webhooks) },
		"Webhooks, by what came of them. bad_signature: 401, nothing was read; not_kept: "
		"503, WhatsApp sends them again." },
	[METRIC_RECEIPTS] = { "receipts_total", METRIC_COUNTER, { LABEL("status", statuses) },
		"Receipts that webhooks brought, by status, repeated ones too." },
	[METRIC_RECEIPTS_KEPT] = { "receipts_kept_total", METRIC_COUNTER, { LABEL("as", kepts) },
		"What became of receipts. repeated: known already; orphan: of no message that is "
		"known yet; rejected: PostgreSQL refused them, which is a fault of ours." },
	[METRIC_RECEIPT_ACTS] = { "receipt_acts_total", METRIC_COUNTER, { LABEL("act", acts) },
		"What receipts led to besides the messages' states. settle: a lost reply is "
		"settled; again: WhatsApp reported a message as failed for now, and it is sent "
		"again; failed: it has failed." },
	[METRIC_WEBHOOK_CHANGES] = { "webhook_changes_total", METRIC_COUNTER,
		{ LABEL("field", fields) },
		"What webhooks brought besides receipts, by the field subscribed to (messages: "
		"customers have written)." },
	[METRIC_WEBHOOK_UNKNOWN] = { "webhook_unknown_total", METRIC_COUNTER,
		{ LABEL("what", unknowns) },
		"What in webhooks was not as it is known: the product, a field, the word or a "
		"member of a status, a thing that is not of its kind, a body that is no JSON. It "
		"is kept; a new version may have to read it." },
	[METRIC_WEBHOOK_EFFECTS] = { "webhook_effects_total", METRIC_COUNTER,
		{ LABEL("effect", effects) },
		"What else webhooks changed, each thing once however often it comes. inbound: a "
		"message of a customer is kept; opt_out: a customer wants no marketing messages, "
		"or wants them again; number: one of ours is known that was not; rate: it may "
		"send faster; hold, release: WhatsApp restricts its account, or does no more." },
	[METRIC_ORPHANS] = { "receipt_orphans", METRIC_GAUGE, NO_LABELS,
		"Receipts of messages that are not known, 100,000 at most; told by one node of "
		"all. Many: another system sends from these numbers, or a restore lost messages." },
	[METRIC_ORPHANS_OLDEST] = { "receipt_orphans_oldest_seconds", METRIC_GAUGE, NO_LABELS,
		"How long the oldest of them has waited; after 7 days it is dropped." },
	[METRIC_WORKERS_ENDED] = { "workers_ended_total", METRIC_COUNTER, NO_LABELS,
		"Worker processes that ended, reloads included." },
};
/* clang-format on */

/* From a batch's linger to REQUEST_TIMEOUT_SECONDS' default and SYNC_WAIT_SECONDS'. */
const int64_t metric_buckets_ms[METRIC_BUCKETS] = { 5,   10,   25,   50,   100,   250,
						    500, 1000, 2500, 5000, 10000, 60000 };

unsigned metric_series(const struct metric_row *row)
{
	unsigned n = 1;

	for (unsigned i = 0; i < METRIC_LABELS; i++)
		n *= row->labels[i].name ? row->labels[i].count : 1;
	return n;
}

unsigned metric_cells(const struct metric_row *row)
{
	/* Buckets, what is above them, and the sum. */
	return metric_series(row) * (row->kind == METRIC_HISTOGRAM ? METRIC_BUCKETS + 2 : 1);
}
