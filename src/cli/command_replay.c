/*
 * queue replay - failed messages once more, each as a new message.  Without --yes it only tells
 * what it would do.  Batches are one transaction each, so it may be interrupted at any moment and
 * repeated: what was replayed is left out the next time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/str.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/configuration.h"
#include "cli/database.h"
#include "cli/pick.h"
#include "domain/message.h"
#include "json/json_out.h"

#define WORDS "queue replay"
#define SECOND_US INT64_C(1000000)
#define DOCUMENT_MAX ((size_t)4 * 1024 * 1024)

/* The parameters that the statements share. */
enum { AGAIN = PICK_FILTERS, INCLUDE_UNKNOWN, FILTERS };

struct replay {
	const struct arguments *arguments;
	struct query *query;
	struct pick pick;
	char ttl[16];
	char max_backlog[16];
	char max_backlog_per_tenant[16];
	uint64_t rate;
	const char *filters[FILTERS];
	char last[MESSAGE_ID_TEXT_BYTES]; /* read so far; "": nothing yet */
	uint64_t replayed;
	uint64_t left_out; /* found, and not replayed after all */
};

/* -- arguments ------------------------------------------------------------------------- */

/* Null, or what is wrong. */
static const char *read_arguments(struct replay *r)
{
	const struct arguments *a = r->arguments;
	const int64_t now_us = clock_wall_us();
	const char *fault = pick_read(&r->pick, a);

	if (!fault)
		fault = pick_check_record(a);
	if (fault)
		return fault;
	r->rate = REPLAY_RATE_DEFAULT;
	if (a->rate && !text_to_u64(a->rate, 1, REPLAY_RATE_MAX, &r->rate))
		return "--rate is a number from 1 to 1000";
	if (!a->since)
		pick_since(&r->pick, now_us - REPLAY_SINCE_US);
	if (!a->until)
		pick_until(&r->pick, now_us + SECOND_US); /* now: it is cut to the second */
	memcpy(r->filters, r->pick.filters, sizeof(r->pick.filters));
	r->filters[AGAIN] = a->again ? "true" : "false";
	r->filters[INCLUDE_UNKNOWN] = a->include_unknown ? "true" : "false";
	return NULL;
}

/* -- dry run --------------------------------------------------------------------------- */

enum group { TENANT = 0, CODE, MESSAGES, ACCEPTED, LOST, REPLAYED, FIRST, GROUP_COLUMNS };

static uint64_t sum(const struct query *q, enum group column)
{
	uint64_t total = 0;

	for (unsigned row = 0; row < query_rows(q); row++)
		total += strtoull(query_value(q, row, column), NULL, 10);
	return total;
}

static int tell_json(const struct replay *r)
{
	struct str document = STR_INIT(DOCUMENT_MAX);
	struct json_out out;
	bool whole;

	json_out_begin(&out, &document);
	json_out_object(&out, NULL);
	json_out_bool(&out, "dry_run", true);
	json_out_text(&out, "since", r->pick.since);
	json_out_text(&out, "until", r->pick.until);
	json_out_int(&out, "messages", (int64_t)sum(r->query, MESSAGES));
	json_out_int(&out, "limit", (int64_t)r->pick.limit);
	json_out_int(&out, "left_out_accepted", (int64_t)sum(r->query, ACCEPTED));
	json_out_int(&out, "left_out_unknown", (int64_t)sum(r->query, LOST));
	json_out_int(&out, "left_out_replayed", (int64_t)sum(r->query, REPLAYED));
	json_out_array(&out, "groups");
	for (unsigned row = 0; row < query_rows(r->query); row++) {
		const char *code = query_value(r->query, row, CODE);

		json_out_object(&out, NULL);
		json_out_text(&out, "tenant_id", query_value(r->query, row, TENANT));
		json_out_raw(&out, "code", code ? code : "null");
		json_out_raw(&out, "messages", query_value(r->query, row, MESSAGES));
		json_out_text(&out, "first", query_value(r->query, row, FIRST));
		json_out_object_end(&out);
	}
	json_out_array_end(&out);
	json_out_object_end(&out);
	whole = str_ok(&document);
	(void)fprintf(whole ? stdout : stderr, "%s\n", whole ? document.data : "too long");
	str_fini(&document);
	return whole ? 0 : 1;
}

static void tell_left_out(const struct replay *r)
{
	const uint64_t accepted = sum(r->query, ACCEPTED);
	const uint64_t lost = sum(r->query, LOST);
	const uint64_t replayed = sum(r->query, REPLAYED);

	if (accepted)
		(void)printf("%llu are left out, as WhatsApp accepted them after all.\n",
			     (unsigned long long)accepted);
	if (lost)
		(void)printf("%llu are left out, as a reply was lost, or PostgreSQL restored since "
			     "they failed: the customer may have them (--include-unknown).\n",
			     (unsigned long long)lost);
	if (replayed)
		(void)printf("%llu are left out, as they were replayed already (--again).\n",
			     (unsigned long long)replayed);
}

static int tell(const struct replay *r)
{
	static const char *const headings[] = { "tenant",  "code",     "messages", "accepted",
						"unknown", "replayed", "first" };
	const uint64_t messages = sum(r->query, MESSAGES);

	if (r->arguments->json)
		return tell_json(r);
	(void)printf("Failed messages accepted from %s until %s:\n", r->pick.since, r->pick.until);
	if (query_rows(r->query))
		database_print(r->query, headings);
	tell_left_out(r);
	if (r->arguments->include_unknown)
		(void)printf("WARNING: with --include-unknown messages that the customer has "
			     "already may be sent a second time.\n");
	if (messages > r->pick.limit)
		(void)printf("%llu would be replayed of %llu (--limit).",
			     (unsigned long long)r->pick.limit, (unsigned long long)messages);
	else
		(void)printf("%llu would be replayed.", (unsigned long long)messages);
	(void)printf(" Nothing was done: repeat it with --yes, --by and --why.\n");
	return 0;
}

static int dry_run(struct replay *r)
{
	return database_run(r->query, WORDS, "replay_count", FILTERS, r->filters) ? tell(r) : 1;
}

/* -- the replay itself ----------------------------------------------------------------- */

/* The ids that were found and the lanes of their tenants, as PostgreSQL writes arrays. */
static bool gather(struct replay *r, struct str *ids, struct str *lanes)
{
	const unsigned rows = query_rows(r->query);

	for (unsigned row = 0; row < rows; row++) {
		const char *id = query_value(r->query, row, 0);

		replay_add(ids, lanes, id, query_value(r->query, row, 1));
		text_copy_cut(r->last, sizeof(r->last), id);
	}
	return replay_close(ids, lanes);
}

static void tell_batch(const struct replay *r)
{
	if (!r->arguments->json) {
		(void)printf("%llu replayed, up to %s\n", (unsigned long long)r->replayed, r->last);
		(void)fflush(stdout);
		return;
	}
	(void)printf("{\"replayed\":[");
	for (unsigned row = 0; row < query_rows(r->query); row++)
		(void)printf("%s{\"replay_of\":\"%s\",\"message_id\":\"%s\"}", row ? "," : "",
			     query_value(r->query, row, 0), query_value(r->query, row, 1));
	(void)printf("]}\n");
	(void)fflush(stdout);
}

/* One transaction; false after the fault was told. */
static bool send_found(struct replay *r)
{
	const struct arguments *a = r->arguments;
	struct str ids = STR_INIT(64 * MANAGE_BATCH_MAX);
	struct str lanes = STR_INIT(64 * MANAGE_BATCH_MAX);
	const unsigned found = query_rows(r->query);
	bool done = false;

	if (gather(r, &ids, &lanes)) {
		const char *const values[] = { ids.data,
					       lanes.data,
					       a->by,
					       a->why,
					       r->ttl,
					       r->filters[AGAIN],
					       r->filters[INCLUDE_UNKNOWN] };

		done = database_run(r->query, WORDS, "replay_send", 7, values);
	}
	if (done) {
		r->replayed += query_rows(r->query);
		r->left_out += found - query_rows(r->query);
		tell_batch(r);
	}
	str_fini(&ids);
	str_fini(&lanes);
	return done;
}

/* The next batch that is due within its time; -1 after the fault was told, 0: there is none. */
static int find_next(struct replay *r, unsigned most)
{
	const char *values[FILTERS + 2];
	char limit[8];

	memcpy(values, r->filters, sizeof(r->filters));
	(void)snprintf(limit, sizeof(limit), "%u", most);
	values[FILTERS] = *r->last ? r->last : NULL;
	values[FILTERS + 1] = limit;
	if (!database_run(r->query, WORDS, "replay_find", FILTERS + 2, values))
		return -1;
	return (int)query_rows(r->query);
}

static void on_time(void *arg)
{
	loop_stop(arg);
}

/* Keeps to the rate: the next batch does not begin before this time. */
static bool wait_until_ms(int64_t boot_ms)
{
	struct err err;
	struct loop *loop = loop_new(&err);
	bool waited = false;

	if (loop && loop_timer(loop, boot_ms, on_time, loop))
		waited = loop_run(loop, &err) == 0;
	loop_free(loop);
	if (!waited)
		(void)fprintf(stderr, "message-sender: " WORDS ": no timer to be had\n");
	return waited;
}

/* Asked once: what a running replay adds is bounded by --limit and --rate. */
static bool has_room(struct replay *r)
{
	const char *const values[] = { r->filters[PICK_TENANT], r->max_backlog,
				       r->max_backlog_per_tenant };
	const char *tenant;

	if (!database_run(r->query, WORDS, "replay_room", 3, values))
		return false;
	if (query_rows(r->query) == 0)
		return true;
	tenant = query_value(r->query, 0, 0);
	(void)fprintf(stderr,
		      "message-sender: " WORDS
		      ": no room: %s messages%s%s wait already, as many as "
		      "%s allows\n",
		      query_value(r->query, 0, 1), tenant ? " of tenant " : "",
		      tenant ? tenant : "", tenant ? "MAX_BACKLOG_PER_TENANT" : "MAX_BACKLOG");
	return false;
}

static void tell_end(const struct replay *r)
{
	if (r->arguments->json) {
		(void)printf("{\"dry_run\":false,\"messages\":%llu",
			     (unsigned long long)r->replayed);
		if (r->left_out)
			(void)printf(",\"left_out\":%llu", (unsigned long long)r->left_out);
		(void)printf("}\n");
		return;
	}
	(void)printf("%llu in all.\n", (unsigned long long)r->replayed);
	if (r->left_out)
		(void)printf("%llu were left out, as the quota of their tenant is used up, or they "
			     "were replayed meanwhile.\n",
			     (unsigned long long)r->left_out);
}

static int replay_all(struct replay *r)
{
	if (r->arguments->include_unknown)
		(void)fprintf(stderr,
			      "message-sender: " WORDS
			      ": messages that may have been sent are included: they may be "
			      "sent a second time\n");
	if (!has_room(r))
		return 1;
	while (r->replayed < r->pick.limit) {
		const int64_t begun_ms = clock_boot_ms();
		const uint64_t left = r->pick.limit - r->replayed;
		const uint64_t before = r->replayed;
		const int found = find_next(r, replay_batch(r->rate, left));

		if (found < 0 || (found > 0 && !send_found(r)))
			return 1;
		if (found == 0)
			break;
		if (r->replayed < r->pick.limit &&
		    !wait_until_ms(begun_ms + replay_wait_ms(r->rate, r->replayed - before)))
			return 1;
	}
	tell_end(r);
	return 0;
}

int command_queue_replay(const struct arguments *arguments)
{
	struct replay r = { .arguments = arguments };
	struct settings settings;
	const char *fault = read_arguments(&r);
	int status;

	if (fault) {
		(void)fprintf(stderr, "message-sender: " WORDS ": %s\n", fault);
		return EXIT_USAGE;
	}
	if (configuration_load_for_database(&settings, arguments->config_file))
		return EXIT_CONFIG;
	(void)snprintf(r.ttl, sizeof(r.ttl), "%u", settings.message_ttl_seconds);
	(void)snprintf(r.max_backlog, sizeof(r.max_backlog), "%u", settings.max_backlog);
	(void)snprintf(r.max_backlog_per_tenant, sizeof(r.max_backlog_per_tenant), "%u",
		       settings.max_backlog_per_tenant);
	r.query = database_open(WORDS, arguments, &status);
	if (!r.query)
		return status;
	status = arguments->yes ? replay_all(&r) : dry_run(&r);
	query_close(r.query);
	return status;
}
