#include "domain/bucket.h"

#define TOKEN INT64_C(1000000) /* one message: so many thousandths a second bring it in a second */
#define SLOWER 7               /* tenths */
#define SLOWEST 1000           /* thousandths of a message a second */
#define SLOW_AGAIN_MS 1000
#define LONG_MS 3600000 /* it is full by then */

static int64_t full_rate(const struct bucket *b)
{
	return (int64_t)b->limit * BUCKET_FILLS;
}

static int64_t capacity(const struct bucket *b)
{
	const int64_t held = full_rate(b) * BUCKET_HOLDS_MS;

	return held > TOKEN ? held : TOKEN;
}

int64_t bucket_rate(const struct bucket *b, int64_t now_ms)
{
	const int64_t full = full_rate(b);
	const int64_t ago_ms = now_ms - b->slow_ms;
	int64_t rate;

	if (!b->slow_rate || ago_ms >= BUCKET_REGAIN_MS)
		return full;
	rate = b->slow_rate + full * (ago_ms > 0 ? ago_ms : 0) / BUCKET_REGAIN_MS;
	return rate < full ? rate : full;
}

static void fill(struct bucket *b, int64_t now_ms)
{
	const int64_t passed_ms = now_ms - b->counted_ms;
	const int64_t most = capacity(b);

	if (passed_ms <= 0)
		return;
	b->tokens += bucket_rate(b, b->counted_ms) * (passed_ms < LONG_MS ? passed_ms : LONG_MS);
	if (b->tokens > most)
		b->tokens = most;
	b->counted_ms = now_ms;
	if (b->slow_rate && bucket_rate(b, now_ms) == full_rate(b))
		b->slow_rate = 0;
}

void bucket_init(struct bucket *b, unsigned limit, int64_t now_ms)
{
	*b = (struct bucket){ .limit = limit, .counted_ms = now_ms };
}

void bucket_empty(struct bucket *b, int64_t now_ms)
{
	b->tokens = 0;
	b->counted_ms = now_ms;
}

void bucket_set_limit(struct bucket *b, unsigned limit, int64_t now_ms)
{
	if (limit == b->limit)
		return;
	fill(b, now_ms);
	b->limit = limit;
	b->slow_rate = 0;
	if (b->tokens > capacity(b))
		b->tokens = capacity(b);
}

int64_t bucket_ready_ms(struct bucket *b, bool rests, int64_t now_ms)
{
	int64_t at_ms = now_ms;

	if (b->limit) {
		fill(b, now_ms);
		if (b->tokens < TOKEN) {
			const int64_t rate = bucket_rate(b, now_ms);

			at_ms += (TOKEN - b->tokens + rate - 1) / rate;
		}
	}
	return rests && b->rest_ms > at_ms ? b->rest_ms : at_ms;
}

void bucket_take(struct bucket *b)
{
	if (b->limit)
		b->tokens -= TOKEN;
}

void bucket_give_back(struct bucket *b)
{
	if (!b->limit)
		return;
	b->tokens += TOKEN;
	if (b->tokens > capacity(b))
		b->tokens = capacity(b);
}

bool bucket_slow(struct bucket *b, int64_t now_ms)
{
	const int64_t slowest = SLOWEST < full_rate(b) ? SLOWEST : full_rate(b);
	const int64_t rate = bucket_rate(b, now_ms) * SLOWER / 10;

	if (!b->limit || (b->slow_rate && now_ms - b->slow_ms < SLOW_AGAIN_MS))
		return false;
	bucket_empty(b, now_ms);
	b->slow_rate = rate > slowest ? rate : slowest;
	b->slow_ms = now_ms;
	return true;
}

void bucket_rest(struct bucket *b, int64_t least_ms, int64_t now_ms)
{
	int64_t rest_ms = BUCKET_REST_MS;

	if (now_ms < b->rest_ms)
		return;
	for (unsigned i = 0; i < b->rests && rest_ms < BUCKET_REST_MAX_MS; i++)
		rest_ms *= 2;
	if (rest_ms > BUCKET_REST_MAX_MS)
		rest_ms = BUCKET_REST_MAX_MS;
	if (rest_ms < least_ms)
		rest_ms = least_ms < BUCKET_REST_TOLD_MS ? least_ms : BUCKET_REST_TOLD_MS;
	b->rests++;
	b->rested_ms = now_ms;
	b->rest_ms = now_ms + rest_ms;
}

bool bucket_rested(struct bucket *b, int64_t left_ms)
{
	if (!b->rests || left_ms < b->rested_ms)
		return false;
	b->rests = 0;
	b->rest_ms = 0;
	return true;
}

bool bucket_is_idle(struct bucket *b, int64_t now_ms)
{
	fill(b, now_ms);
	return !b->slow_rate && !b->rests && (!b->limit || b->tokens >= capacity(b));
}
