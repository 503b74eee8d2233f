/*
 * pipeline_house - a pipeline in a world that the test plays: fake_world.h, and here the
 * delivery and the FastCGI side.
 */
#ifndef TESTS_UNIT_PIPELINE_HOUSE_H
#define TESTS_UNIT_PIPELINE_HOUSE_H

#include <stdbool.h>
#include <stdint.h>

#include "fake_world.h"
#include "pipeline/pipeline.h"

struct fake_delivery {
	bool owns;
	bool leaves;
	bool far; /* the owner is on another node */
	unsigned rings;
	struct delivery_waiter rung; /* by the last one */
	bool has_room;
	bool broken;    /* a circuit breaker is open */
	unsigned looks; /* owners rung to look */
	uint64_t look_queue;
	uint64_t look_seq;
	unsigned reserved; /* not given back and not taken */
	unsigned takes;
	unsigned hook_round;         /* of the loop, in which the last one was taken */
	struct delivery_order order; /* the last one; its pointers are not used */
	struct message_id id;
	uint64_t seq;
	bool has_credentials;
};

extern struct fake_delivery fake_delivery;

/* The last answer. */
struct answer {
	unsigned count;
	unsigned hook_round;
	bool caller_left;
	uint64_t id;
	int status;
	char body[4096];
	char headers[1024]; /* "Name: value\n"... */
	const char *type;
};

extern struct answer answer;
extern struct pipeline *pipeline;
extern struct pipeline_settings settings;

/* Check fixtures; and anew, with the settings as they are now. */
void open_house(void);
void close_house(void);
void reopen(void);

/* Rounds of the loop so far. */
unsigned rounds(void);
/* The loop works for a millisecond or two; until the counter is n. */
void turn(void);
void turn_until(const unsigned *counter, unsigned n);

struct http_request request_of(const char *method, const char *path);
void ask(const struct http_request *request);
/* A good message, with this Prefer header. */
void send_preferring(const char *prefer);
/* The same with an idempotency key. */
void send_keyed(const char *prefer, const char *key);
void ask_status(const char *id);

/* The world answers the last thing asked; then the loop turns. */
void answer_quota(enum quota_verdict verdict);
void answer_lookup(enum credentials_verdict verdict);
void commit(enum store_verdict verdict);

/* A request up to its commit; to its delivery. */
void send_to_commit(const char *prefer);
void send_to_delivery(void);
/* A result of the last message taken; told to its waiter. */
struct delivery_result result_of(enum delivery_end end);
void deliver(enum delivery_end end);

/* One answer came since the last look: with this status, this text in its body. */
void expect(int status, const char *text);
void expect_over(void);

#endif
