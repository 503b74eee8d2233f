#include "tests/bench/report.h"

#include <inttypes.h>
#include <stdio.h>

/* More starts than this share behind time, and the figures describe the generator. */
#define LATE_SHARE 0.01

static const char *const failure_names[FAILURES] = {
	[FAILURE_CONNECT] = "connect",         [FAILURE_CLOSED] = "closed",
	[FAILURE_TIMEOUT] = "timeout",         [FAILURE_PROTOCOL] = "protocol",
	[FAILURE_NOT_STARTED] = "not_started",
};

static const struct {
	const char *name;
	double q;
} quantiles[] = {
	{ "p50", 0.5 }, { "p90", 0.9 }, { "p99", 0.99 }, { "p99.9", 0.999 }, { "max", 1 },
};

enum { QUANTILES = sizeof(quantiles) / sizeof(quantiles[0]) };

static uint64_t failures(const struct tally *t)
{
	uint64_t n = 0;

	for (int i = 0; i < FAILURES; i++)
		n += t->failure[i];
	return n;
}

static uint64_t class_of(const struct tally *t, int hundreds)
{
	uint64_t n = 0;

	for (int i = 0; i < 100; i++)
		n += t->status[hundreds * 100 + i];
	return n;
}

static uint64_t answered(const struct tally *t)
{
	uint64_t n = 0;

	for (int i = 1; i <= 5; i++)
		n += class_of(t, i);
	return n;
}

static void json_tally(const char *name, const struct tally *t)
{
	const char *comma = "";

	printf("\"%s\":{\"sent\":%" PRIu64 ",\"answered\":%" PRIu64 ",\"classes\":{", name,
	       t->due - t->failure[FAILURE_NOT_STARTED], answered(t));
	for (int i = 1; i <= 5; i++)
		printf("%s\"%dxx\":%" PRIu64, i > 1 ? "," : "", i, class_of(t, i));
	printf("},\"status\":{");
	for (int i = 0; i < STATUS_MAX; i++) {
		if (t->status[i] == 0)
			continue;
		printf("%s\"%d\":%" PRIu64, comma, i, t->status[i]);
		comma = ",";
	}
	printf("},\"errors\":{");
	for (int i = 0; i < FAILURES; i++)
		printf("%s\"%s\":%" PRIu64, i > 0 ? "," : "", failure_names[i], t->failure[i]);
	printf("},\"errors_total\":%" PRIu64 "}", failures(t));
}

static void json_latency(const char *name, const struct hist *h)
{
	printf("\"%s\":{\"count\":%" PRIu64 ",\"mean\":%.3f", name, h->count,
	       h->count > 0 ? (double)h->sum / (double)h->count / 1000 : 0);
	for (int i = 0; i < QUANTILES; i++)
		printf(",\"%s\":%.3f", quantiles[i].name,
		       (double)hist_quantile(h, quantiles[i].q) / 1000);
	printf("}");
}

static double achieved_rate(const struct results *r, const struct options *o)
{
	return (double)r->ok_in_window / o->seconds;
}

static double cpu_us(const struct results *r)
{
	return r->all.due > 0 ? r->cpu_seconds * 1e6 / (double)r->all.due : 0;
}

static bool fell_behind(const struct results *r)
{
	return (double)r->late > LATE_SHARE * (double)r->measured.due;
}

static void print_json(const struct results *r, const struct options *o)
{
	printf("{\"rate\":%g,\"seconds\":%g,\"achieved_rate\":%.1f,", o->rate, o->seconds,
	       achieved_rate(r, o));
	json_tally("measured", &r->measured);
	printf(",");
	json_tally("all", &r->all);
	printf(",");
	json_latency("latency_ms", &r->ok);
	printf(",");
	json_latency("refused_latency_ms", &r->refused);
	printf(",\"waited_for_connection\":%" PRIu64 ",\"late_starts\":%" PRIu64
	       ",\"latest_start_ms\":%.3f,\"generator_fell_behind\":%s,\"in_flight_max\":%" PRIu64
	       ",\"connects\":%" PRIu64 ",\"cpu_seconds\":%.3f,\"cpu_us_per_request\":%.1f}\n",
	       r->waited, r->late, (double)r->latest_us / 1000, fell_behind(r) ? "true" : "false",
	       r->in_flight_max, r->connects, r->cpu_seconds, cpu_us(r));
}

static void print_text(const struct results *r, const struct options *o)
{
	printf("wanted %g/s, got %.1f/s: %" PRIu64 " due, %" PRIu64 " answered, %" PRIu64
	       " failed\n",
	       o->rate, achieved_rate(r, o), r->measured.due, answered(&r->measured),
	       failures(&r->measured));
	for (int i = 0; i < STATUS_MAX; i++)
		if (r->measured.status[i] > 0)
			printf("  status %d: %" PRIu64 "\n", i, r->measured.status[i]);
	for (int i = 0; i < FAILURES; i++)
		if (r->measured.failure[i] > 0)
			printf("  error %s: %" PRIu64 "\n", failure_names[i],
			       r->measured.failure[i]);
	printf("latency of 2xx from when due, ms:");
	for (int i = 0; i < QUANTILES; i++)
		printf(" %s %.1f", quantiles[i].name,
		       (double)hist_quantile(&r->ok, quantiles[i].q) / 1000);
	printf("\nin flight at most %" PRIu64 ", %" PRIu64 " connections made, %" PRIu64
	       " waited for one\ngenerator: %.1f us CPU a request, %" PRIu64
	       " late starts, worst %.1f ms%s\n",
	       r->in_flight_max, r->connects, r->waited, cpu_us(r), r->late,
	       (double)r->latest_us / 1000,
	       fell_behind(r) ? "; IT FELL BEHIND, the latencies are its own" : "");
}

void report_print(const struct results *r, const struct options *o)
{
	if (o->json)
		print_json(r, o);
	else
		print_text(r, o);
}
