/*
 * top - a live view of a node: rates and times between two looks at its metrics, and what the
 * database has left to do.
 */
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/command.h"
#include "cli/configuration.h"
#include "cli/database.h"
#include "fcgi/ask.h"

#define TIMEOUT_MS 5000
#define TEXT_MAX ((size_t)4 * 1024 * 1024)
#define LOOK_MS 2000
#define PREFIX "message_sender_"

/* Two looks at the metrics, LOOK_MS or so apart. */
struct looks {
	struct str before;
	struct str now;
	double seconds;
};

static bool label_fits(const char *labels, const char *end, const char *label)
{
	const char *at = label ? strstr(labels, label) : NULL;

	return !label || (at && at < end);
}

/* The sum of all series of a metric with this label ("outcome=\"lost\""; null: any). */
static double sum_of(const char *text, const char *name, const char *label)
{
	const size_t len = strlen(name);
	double sum = 0;

	for (const char *line = text; line && *line;
	     line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		const char *behind = line + sizeof(PREFIX) - 1 + len;
		const char *value;

		if (strncmp(line, PREFIX, sizeof(PREFIX) - 1) != 0 ||
		    strncmp(line + sizeof(PREFIX) - 1, name, len) != 0 ||
		    (*behind != '{' && *behind != ' '))
			continue;
		value = behind + strcspn(behind, " \n");
		if (label_fits(behind, value, label))
			sum += strtod(value, NULL);
	}
	return sum;
}

static double rate_of(const struct looks *l, const char *name, const char *label)
{
	return (sum_of(l->now.data, name, label) - sum_of(l->before.data, name, label)) /
	       l->seconds;
}

/* Up to which time this share of what ended between the looks took, ms; -1: nothing ended;
 * INFINITY: longer than the last bucket. */
static double quantile_of(const struct looks *l, const char *stage, double share)
{
	static const double bounds[] = { 0.005, 0.010, 0.025, 0.050, 0.100, 0.250,
					 0.500, 1.0,   2.5,   5.0,   10.0,  60.0 };
	char label[64];
	double all;

	(void)snprintf(label, sizeof(label), "{stage=\"%s\"}", stage);
	all = rate_of(l, "stage_seconds_count", label);
	if (all <= 0)
		return -1;
	for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
		(void)snprintf(label, sizeof(label), "stage=\"%s\",le=\"%.3f\"", stage, bounds[i]);
		if (rate_of(l, "stage_seconds_bucket", label) >= share * all)
			return 1000 * bounds[i];
	}
	return INFINITY;
}

static void print_stage(const struct looks *l, const char *stage)
{
	char label[64];

	(void)snprintf(label, sizeof(label), "{stage=\"%s\"}", stage);
	(void)printf("  %-12s %8.1f/s", stage, rate_of(l, "stage_seconds_count", label));
	for (int i = 0; i < 3; i++) {
		static const double shares[] = { 0.5, 0.95, 0.99 };
		const double ms = quantile_of(l, stage, shares[i]);

		if (ms < 0)
			(void)printf("        -");
		else
			(void)printf(isinf(ms) ? "   >60000" : " %8.0f", ms);
	}
	(void)printf("\n");
}

static void print_bounds(const struct looks *l)
{
	static const char *const bounds[] = { "requests",       "store_slow", "store_away",
					      "tenant_backlog", "backlog",    "items",
					      "places",         "calls",      "lookups" };

	for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
		char label[64];

		(void)snprintf(label, sizeof(label), "{bound=\"%s\"}", bounds[i]);
		if (rate_of(l, "bound_reached_total", label) > 0)
			(void)printf("  bound %-14s %8.1f/s\n", bounds[i],
				     rate_of(l, "bound_reached_total", label));
	}
}

static void print_node(const struct looks *l)
{
	static const char *const stages[] = { "quota", "credentials", "commit", "pace",
					      "begin", "call",        "record", "copy" };
	char at[40];

	clock_rfc3339(clock_wall_us(), at);
	(void)printf("message-sender %s   lanes %.0f   requests open %.0f   messages held %.0f   "
		     "workers ended %.0f\n\n",
		     at, sum_of(l->now.data, "lanes_held", NULL),
		     sum_of(l->now.data, "requests_open", NULL),
		     sum_of(l->now.data, "messages_held", NULL),
		     sum_of(l->now.data, "workers_ended_total", NULL));
	(void)printf("  requests %8.1f/s   2xx %8.1f   4xx %8.1f   5xx %8.1f\n",
		     rate_of(l, "requests_total", NULL),
		     rate_of(l, "requests_total", "class=\"2xx\""),
		     rate_of(l, "requests_total", "class=\"4xx\""),
		     rate_of(l, "requests_total", "class=\"5xx\""));
	(void)printf("  messages %8.1f/s\n", rate_of(l, "messages_accepted_total", NULL));
	(void)printf("  attempts %8.1f/s   accepted %.1f   refused %.1f   not sent %.1f   "
		     "lost %.1f   retries %.1f\n",
		     rate_of(l, "attempts_total", NULL),
		     rate_of(l, "attempts_total", "\"accepted\""),
		     rate_of(l, "attempts_total", "\"refused\""),
		     rate_of(l, "attempts_total", "\"not_sent\""),
		     rate_of(l, "attempts_total", "\"lost\""), rate_of(l, "retries_total", NULL));
	(void)printf("  waiting for limits: high %.0f   normal %.0f   bulk %.0f   "
		     "breakers open %.0f   tokens refused %.0f\n\n",
		     sum_of(l->now.data, "pace_waiting", "\"high\""),
		     sum_of(l->now.data, "pace_waiting", "\"normal\""),
		     sum_of(l->now.data, "pace_waiting", "\"bulk\""),
		     sum_of(l->now.data, "breakers_open", NULL),
		     sum_of(l->now.data, "token_holds", NULL));
	(void)printf("  stage             rate   p50 ms   p95 ms   p99 ms (at most)\n");
	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++)
		print_stage(l, stages[i]);
	print_bounds(l);
}

/* The node is worth looking at without its database, too. */
static void print_queue(const char *database_url)
{
	static const char *const headings[] = { "state", "messages", "under way", "overdue",
						"oldest (s)" };
	struct err err;
	struct query *q = query_open(database_url, &err);

	(void)printf("\n");
	if (!q || query_run(q, "queue_status", 0, NULL, &err))
		(void)printf("  database: %s\n", err.text);
	else if (query_rows(q) == 0)
		(void)printf("  nothing is left to do\n");
	else
		database_print(q, headings);
	query_close(q);
}

static bool look(const char *socket, struct str *ret_text)
{
	struct err err;

	str_reset(ret_text);
	if (fcgi_ask(socket, "/metrics", TIMEOUT_MS, ret_text, &err) == 0)
		return true;
	(void)fprintf(stderr, "message-sender: top: %s\n", err.text);
	return false;
}

/* What was now is before. */
static void turn(struct looks *l)
{
	const struct str was = l->before;

	l->before = l->now;
	l->now = was;
}

static int watch(const struct settings *settings, struct looks *l)
{
	const bool live = isatty(STDOUT_FILENO);
	do {
		const int64_t since_ms = clock_boot_ms();

		(void)poll(NULL, 0, LOOK_MS);
		if (!look(settings->management_socket, &l->now))
			return 1;
		l->seconds = (double)(clock_boot_ms() - since_ms) / 1000;
		if (live)
			(void)printf("\033[H\033[2J");
		print_node(l);
		print_queue(settings->database_url);
		(void)fflush(stdout);
		turn(l);
	} while (live);
	return 0;
}

int command_top(const struct arguments *arguments)
{
	struct looks looks = { .before = STR_INIT(TEXT_MAX), .now = STR_INIT(TEXT_MAX) };
	struct settings settings;
	int status = 1;

	if (configuration_load(&settings, arguments->config_file))
		return EXIT_CONFIG;
	if (!*settings.management_socket) {
		(void)fprintf(stderr, "message-sender: top: set MANAGEMENT_SOCKET\n");
		return EXIT_CONFIG;
	}
	if (look(settings.management_socket, &looks.before))
		status = watch(&settings, &looks);
	str_fini(&looks.before);
	str_fini(&looks.now);
	return status;
}
