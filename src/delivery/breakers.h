/*
 * breakers - the circuit breakers of a worker: one for the Graph host, one for each number that
 * has trouble, and the items that wait for them.  Private to delivery.
 *
 * Only messages nobody waits for are held up.  While one is open they are put off to the time of
 * its probe, in the store, without an attempt; while it is half open, or just closed, they
 * wait in memory until calls under way are answered.  A number without trouble costs nothing
 * but a look for it; at most `max` have trouble at once, those beyond are not watched.
 */
#ifndef DELIVERY_BREAKERS_H
#define DELIVERY_BREAKERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/list.h"
#include "base/log.h"
#include "base/loop.h"
#include "clients/graph_client.h"
#include "domain/breaker.h"
#include "metrics/meter.h"

#define BREAKERS_MAX 1024

struct breakers;

/* Told, from breakers_note() or a timer, that what waits in this list entry may look again. */
typedef void breakers_wake_fn(void *arg, struct list *entry);

struct breakers *breakers_new(struct loop *loop, const struct log *log, const struct meter *meter,
			      const struct breaker_policy *policy, unsigned max,
			      breakers_wake_fn *wake, void *arg) MUST_CHECK;
/* What still waits is forgotten. */
void breakers_free(struct breakers *bs);

/* Nothing at all is held up: an attempt that nobody waits for may begin at once. */
bool breakers_clear(const struct breakers *bs, const char *number);

/* May an attempt from this number begin, that nobody waits for?
 *   GO     it begins now, and is noted when it has ended
 *   SOON   entry was put in a list and is told once; list_remove() takes it out
 *   LATER  *ret_at_ms (boot clock) and *ret_why (static): when the next probe may go, and why */
enum breaker_verdict breakers_pass(struct breakers *bs, const char *number, struct list *entry,
				   int64_t *ret_at_ms, const char **ret_why) MUST_CHECK;
/* A call from this number has ended; not one that was never made. */
void breakers_note(struct breakers *bs, const char *number, const struct graph_answer *answer);

#endif
