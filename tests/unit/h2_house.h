/*
 * h2_house - a transport and its scripted server, for the tests of HTTP/2: one loop, results
 * kept in the order they came.
 */
#ifndef H2_HOUSE_H
#define H2_HOUSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"
#include "fake_h2.h"
#include "transport/transport.h"

#define STEPS(...) ((const struct fake_h2_step[]){ __VA_ARGS__ })
#define OPTIONS(...) ((const struct fake_h2_options){ __VA_ARGS__ })
#define RESULTS_MAX 2048

struct h2_house {
	struct loop *loop;
	struct transport *transport;
	struct fake_h2 *server;
	struct transport_settings settings; /* to change before the transport is opened */
	struct transport_result results[RESULTS_MAX];
	unsigned count;
	unsigned wanted;
	unsigned gate_asked;
	bool gate_closed;
	char last_body[64]; /* of the last answer, cut */
};

/* A wait of so many ms, more on a machine that is slow; not as much as time limits, or the
 * tests would only wait. */
int64_t house_ms(int64_t ms);

/* A checked fixture: the house of the one test that runs. */
extern struct h2_house house;
void house_setup(void);
void house_teardown(void);

/* Starts the server; the transport trusts it. */
void house_open(const struct fake_h2_step *steps, size_t count);
void house_open_with(const struct fake_h2_options *options, const struct fake_h2_step *steps,
		     size_t count);
/* The transport alone. */
void house_open_transport(const char *ca_file);

/* A post of 7 bytes to the server, deadline in 8 s, answers of 100 bytes. */
struct transport_request house_request(void);
void house_submit(const struct transport_request *request);
/* Runs until so many results have come in all. */
void house_await(unsigned wanted);
/* Runs for so long. */
void house_run(int64_t ms);
/* Submits one, runs until a result more has come, and returns it. */
const struct transport_result *house_send(const struct transport_request *request);
const struct transport_result *house_post(void);
/* How many results ended so. */
unsigned house_ended(enum transport_end end);

#endif
