#include "h2_house.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "slowness.h"

#define SLOWNESS_MAX 8

struct h2_house house;

int64_t house_ms(int64_t ms)
{
	return ms * (slowness() < SLOWNESS_MAX ? slowness() : SLOWNESS_MAX);
}

static void on_done(void *arg UNUSED, const struct transport_result *result)
{
	ck_assert_uint_lt(house.count, RESULTS_MAX);
	house.results[house.count++] = *result;
	snprintf(house.last_body, sizeof(house.last_body), "%s", result->body);
	if (house.count == house.wanted)
		loop_stop(house.loop);
}

static bool on_gate(void *arg UNUSED, uint64_t tag UNUSED)
{
	house.gate_asked++;
	return !house.gate_closed;
}

static void on_timeout(void *arg UNUSED)
{
	loop_stop(house.loop);
}

void house_setup(void)
{
	struct err err;

	signal(SIGPIPE, SIG_IGN);
	memset(&house, 0, sizeof(house));
	house.settings = (struct transport_settings){ .http2 = true,
						      .max_connections = 20,
						      .streams = 16,
						      .max_in_flight = RESULTS_MAX,
						      .connect_timeout_ms = house_ms(5000),
						      .idle_max_ms = 30000,
						      .http2_again_ms = 60000,
						      .user_agent = "test/1" };
	ck_assert_int_eq(transport_global_init(&err), 0);
	house.loop = loop_new(&err);
	ck_assert_ptr_nonnull(house.loop);
}

void house_teardown(void)
{
	transport_free(house.transport);
	loop_free(house.loop);
	if (house.server != NULL)
		fake_h2_stop(house.server);
	transport_global_fini();
}

void house_open_transport(const char *ca_file)
{
	struct err err;

	house.settings.ca_file = ca_file;
	house.transport =
		transport_new(house.loop, &house.settings, on_done, on_gate, &house, &err);
	ck_assert_ptr_nonnull(house.transport);
}

void house_open_with(const struct fake_h2_options *options, const struct fake_h2_step *steps,
		     size_t count)
{
	house.server = fake_h2_start_with(options, steps, count);
	house_open_transport(fake_h2_ca_file(house.server));
}

void house_open(const struct fake_h2_step *steps, size_t count)
{
	house_open_with(&OPTIONS(0), steps, count);
}

struct transport_request house_request(void)
{
	return (struct transport_request){ .url = fake_h2_url(house.server),
					   .post = true,
					   .body = "{\"n\":1}",
					   .body_len = 7,
					   .deadline_boot_ms = clock_boot_ms() + house_ms(8000),
					   .answer_max = 100,
					   .gated = true };
}

void house_submit(const struct transport_request *request)
{
	struct err err = { 0 };

	ck_assert_msg(transport_submit(house.transport, request, &err) == 0, "%s", err.text);
}

void house_run(int64_t ms)
{
	uint64_t timer = loop_timer(house.loop, clock_boot_ms() + ms, on_timeout, NULL);
	struct err err;

	ck_assert_int_eq(loop_run(house.loop, &err), 0);
	loop_cancel(house.loop, timer);
}

void house_await(unsigned wanted)
{
	house.wanted = wanted;
	if (house.count < wanted)
		house_run(20000 * slowness());
	ck_assert_uint_eq(house.count, wanted);
}

const struct transport_result *house_send(const struct transport_request *request)
{
	house_submit(request);
	house_await(house.count + 1);
	return &house.results[house.count - 1];
}

const struct transport_result *house_post(void)
{
	const struct transport_request request = house_request();

	return house_send(&request);
}

unsigned house_ended(enum transport_end end)
{
	unsigned n = 0;

	for (unsigned i = 0; i < house.count; i++)
		n += house.results[i].end == end;
	return n;
}
