/*
 * bench_transport URL CA_FILE CALLS PER_TICK TICK_MS - what a call costs: posts of 400 bytes,
 * PER_TICK every TICK_MS, and our own CPU time for each.  Not built by default:
 * make tests/unit/bench_transport
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/text.h"
#include "transport/transport.h"

#define BODY_BYTES 400
#define TOKEN_BYTES 200
#define IN_FLIGHT_MAX 8000
#define DEADLINE_MS 10000

struct bench {
	struct loop *loop;
	struct transport *transport;
	const char *url;
	char token[TOKEN_BYTES + 32];
	char body[BODY_BYTES + 1];
	uint64_t calls;
	uint64_t per_tick;
	int64_t tick_ms;
	int64_t next_ms;
	uint64_t submitted;
	uint64_t ended;
	uint64_t ends[3];
	int64_t took_ms;
	char why[ERR_TEXT_BYTES]; /* of the last call without an answer */
};

static void on_done(void *arg, const struct transport_result *result)
{
	struct bench *b = arg;

	b->ends[result->end]++;
	b->took_ms += result->took_ms;
	if (result->end != TRANSPORT_ANSWERED)
		text_copy_cut(b->why, sizeof(b->why), result->err.text);
	if (++b->ended == b->calls)
		loop_stop(b->loop);
}

static bool on_gate(void *arg UNUSED, uint64_t tag UNUSED)
{
	return true;
}

static void submit(struct bench *b)
{
	const char *const headers[] = { b->token, "Content-Type: application/json" };
	const struct transport_request request = { .tag = b->submitted,
						   .url = b->url,
						   .post = true,
						   .headers = headers,
						   .header_count = 2,
						   .body = b->body,
						   .body_len = strlen(b->body),
						   .deadline_boot_ms =
							   clock_boot_ms() + DEADLINE_MS,
						   .answer_max = 65536,
						   .gated = true };
	struct err err = { 0 };

	/* Tokens of eight tenants. */
	b->token[sizeof("Authorization: Bearer ") - 1] = (char)('a' + b->submitted % 8);
	if (transport_submit(b->transport, &request, &err) != 0) {
		(void)fprintf(stderr, "submit: %s\n", err.text);
		exit(EXIT_FAILURE);
	}
	b->submitted++;
}

static void on_tick(void *arg)
{
	struct bench *b = arg;

	for (uint64_t i = 0; i < b->per_tick && b->submitted < b->calls; i++)
		submit(b);
	b->next_ms += b->tick_ms;
	if (b->submitted < b->calls)
		loop_timer(b->loop, b->next_ms, on_tick, b);
}

static void prepare(struct bench *b)
{
	char fill[BODY_BYTES + 1];

	memset(fill, 'x', sizeof(fill));
	(void)snprintf(b->token, sizeof(b->token), "Authorization: Bearer %.*s", TOKEN_BYTES, fill);
	(void)snprintf(b->body, sizeof(b->body),
		       "{\"messaging_product\":\"whatsapp\",\"recipient_type\":\"individual\","
		       "\"to\":\"+628123456789\",\"type\":\"text\",\"text\":{\"body\":\"%.*s\"}}",
		       BODY_BYTES - 128, fill);
}

static double cpu_us(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static void run(struct bench *b, const char *ca_file)
{
	const struct transport_settings settings = { .http2 = true,
						     .max_connections = 256,
						     .streams = 24,
						     .max_in_flight = IN_FLIGHT_MAX,
						     .connect_timeout_ms = 5000,
						     .idle_max_ms = 30000,
						     .ca_file = ca_file,
						     .user_agent = "bench" };
	struct rusage usage;
	struct err err;
	double began;

	b->loop = loop_new(&err);
	b->transport = transport_new(b->loop, &settings, on_done, on_gate, b, &err);
	if (b->transport == NULL)
		exit(EXIT_FAILURE);
	began = cpu_us();
	b->next_ms = loop_now_ms(b->loop);
	on_tick(b);
	if (loop_run(b->loop, &err) != 0)
		exit(EXIT_FAILURE);
	getrusage(RUSAGE_SELF, &usage);
	(void)printf("%.1f CPU us a call, %ld KB, mean %lld ms; %llu answered, %llu not sent, %llu "
		     "lost %s\n",
		     (cpu_us() - began) / (double)b->calls, usage.ru_maxrss,
		     (long long)(b->took_ms / (int64_t)b->calls), (unsigned long long)b->ends[0],
		     (unsigned long long)b->ends[1], (unsigned long long)b->ends[2], b->why);
}

int main(int argc, char **argv)
{
	struct bench b = { 0 };
	struct err err;

	if (argc != 6) {
		(void)fprintf(stderr, "bench_transport URL CA_FILE CALLS PER_TICK TICK_MS\n");
		return EXIT_FAILURE;
	}
	b.url = argv[1];
	b.calls = strtoull(argv[3], NULL, 10);
	b.per_tick = strtoull(argv[4], NULL, 10);
	b.tick_ms = strtoll(argv[5], NULL, 10);
	if (transport_global_init(&err) != 0)
		return EXIT_FAILURE;
	prepare(&b);
	run(&b, argv[2]);
	transport_free(b.transport);
	loop_free(b.loop);
	transport_global_fini();
	return EXIT_SUCCESS;
}
