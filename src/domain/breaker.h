/*
 * breaker - whether something that calls go through (a host, a number) is broken.  Pure: time
 * is a parameter, on any one clock.
 *
 *   closed ── `failures` in a row ──▶ open ── open time is over ──▶ half open
 *     ▲                                 ▲ ◀────── the probe failed ─────┘ │
 *     └──────────────── the probe, or any call, was answered ─────────────┘
 *
 * Rules:
 *  B1  Only failures that tell of the other side count: no complete answer is the host's, an
 *      answered transient failure (500, 503, 502, 504) the number's.  Permanent refusals, token
 *      errors and rate limits are answers: they show that it works.
 *  B2  Half open lets one call through; it is taken for lost after probe_ms, and the next one goes.
 *  B3  The open time doubles with each probe that failed, up to open_max_ms.
 *  B4  After a closing calls come back as they are answered: BREAKER_FIRST at once, one more for
 *      each answer, all of them from BREAKER_WHOLE, or BREAKER_RAMP_MS, on.
 *  B5  What is called all the same (somebody waits for it) counts like any call.
 */
#ifndef DOMAIN_BREAKER_H
#define DOMAIN_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "domain/outcome.h"

#define BREAKER_FIRST 2
#define BREAKER_WHOLE 64
#define BREAKER_RAMP_MS 5000

struct breaker_policy {
	unsigned failures; /* in a row, that open it; 0: nothing does */
	int64_t open_ms;   /* the first time */
	int64_t open_max_ms;
	int64_t probe_ms;
};

enum breaker_state { BREAKER_CLOSED = 0, BREAKER_OPEN, BREAKER_HALF_OPEN, BREAKER_STATES };

/* All zero: closed. */
struct breaker {
	enum breaker_state state;
	unsigned failures; /* in a row */
	unsigned openings; /* since it was closed */
	int64_t until_ms;  /* open; half open: the probe is lost; closed: all may go */
	unsigned window;   /* after a closing: calls at once; 0: no limit */
	unsigned out;      /* of these, begun and not answered */
};

/* What a call shows. */
enum breaker_sign { BREAKER_NOTHING = 0, BREAKER_ANSWERED, BREAKER_FAILED };

enum breaker_verdict {
	BREAKER_GO = 0,
	BREAKER_SOON,  /* when calls under way are answered, or at *ret_at_ms */
	BREAKER_LATER, /* not before *ret_at_ms */
};

/* "closed", "open", "half_open"; static. */
const char *breaker_state_name(enum breaker_state state);

/* B1 */
enum breaker_sign breaker_sign_of_host(const struct call_facts *facts);
enum breaker_sign breaker_sign_of_number(const struct call_facts *facts,
					 const struct verdict *verdict);

/* May a call begin that nobody waits for? */
enum breaker_verdict breaker_look(const struct breaker *b, int64_t now_ms,
				  int64_t *ret_at_ms) MUST_CHECK;
/* It begins; the look said GO. */
void breaker_begin(struct breaker *b, const struct breaker_policy *policy, int64_t now_ms);
/* A call has ended.  True: the state is another one. */
bool breaker_note(struct breaker *b, const struct breaker_policy *policy, enum breaker_sign sign,
		  int64_t now_ms);
/* As new: it may be forgotten. */
bool breaker_is_whole(const struct breaker *b);

#endif
