/*
 * bucket - how fast a number, or a tenant, may send: a token bucket.  Pure: time is a
 * parameter, in milliseconds of any one clock.
 *
 * Rules:
 *  K1  It fills at 98.5 % of its limit: Meta counts what arrives, and what leaves evenly does not
 *      arrive so.
 *  K2  It holds what 50 ms bring, and one message at least.
 *  K3  It begins empty: what was sent before it began is not known.
 *  K4  Slowed (Meta has refused for speed): 0.7 times as fast, never less than one a second,
 *      and empty; once a second at most, as refusals come in a row for what had left before.  What
 *      is lost is regained evenly, a whole limit in a minute.
 *  K5  A limit that changes counts at once, and ends what is left of a slowing.
 *  K6  It may be told to rest: nothing goes before the end of the rest.  5 s, doubled with each
 *      rest in a row up to 60 s (Meta: a throughput upgrade keeps a number off for up to a
 *      minute); as long as Meta says, when it does, an hour at most.  What goes through ends it,
 *      and the row, unless it had left before: that says nothing of the time since.
 *  K7  Limit 0: no limit.
 */
#ifndef DOMAIN_BUCKET_H
#define DOMAIN_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

#define BUCKET_FILLS 985 /* thousandths of the limit (K1) */
#define BUCKET_HOLDS_MS 50
#define BUCKET_REGAIN_MS 60000
#define BUCKET_REST_MS 5000
#define BUCKET_REST_MAX_MS 60000
#define BUCKET_REST_TOLD_MS 3600000
#define BUCKET_LIMIT_MAX 100000 /* messages a second */

struct bucket {
	unsigned limit;     /* messages a second, 0: none */
	unsigned rests;     /* in a row */
	int64_t tokens;     /* millionths of a message */
	int64_t counted_ms; /* up to then */
	int64_t slow_rate;  /* thousandths of a message a second, at slow_ms; 0: not slowed */
	int64_t slow_ms;
	int64_t rested_ms; /* the last rest began */
	int64_t rest_ms;   /* rests until then */
};

/* K3 */
void bucket_init(struct bucket *b, unsigned limit, int64_t now_ms);
/* As new, but for the slowing and the rest: others may have sent. */
void bucket_empty(struct bucket *b, int64_t now_ms);
/* K5 */
void bucket_set_limit(struct bucket *b, unsigned limit, int64_t now_ms);

/* When the next message may go: now_ms, or later; rests: not before its rest is over (K6). */
int64_t bucket_ready_ms(struct bucket *b, bool rests, int64_t now_ms) MUST_CHECK;
/* One goes; bucket_ready_ms() said now. */
void bucket_take(struct bucket *b);
/* It did not go. */
void bucket_give_back(struct bucket *b);

/* K4.  True: it is slower now. */
bool bucket_slow(struct bucket *b, int64_t now_ms);
/* K6; once more only when the rest before is over. */
void bucket_rest(struct bucket *b, int64_t least_ms, int64_t now_ms);
/* K6: what left then went through.  True: it rested, or the next rest would have been longer. */
bool bucket_rested(struct bucket *b, int64_t left_ms);

/* Messages a second it fills at now, in thousandths. */
int64_t bucket_rate(const struct bucket *b, int64_t now_ms);
/* It knows nothing: full, not slowed, no rest.  One that begins a while ago is the same. */
bool bucket_is_idle(struct bucket *b, int64_t now_ms);

#endif
