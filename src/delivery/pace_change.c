/* What changes what may be sent: Meta's answers, lanes that are taken, rates that are set. */
#include <stdlib.h>
#include <string.h>

#include "delivery/pace.h"
#include "delivery/pace_line.h"
#include "delivery/pace_turn.h"

/* What it may send has changed: whoever sleeps for it looks again. */
static void look_again(struct pace *p, struct pace_line *line)
{
	if (line->number->alarm.set)
		pace_number_wakes(p, line->number);
	if (line->tenant->alarm.set)
		pace_tenant_wakes(p, line->tenant);
}

void pace_tell(struct pace *p, struct pace_ticket *ticket, enum pace_news news, int64_t wait_ms,
	       int64_t now_ms)
{
	struct bucket *bucket;

	if (ticket->state != PACE_BEGUN)
		return;
	bucket = &ticket->line->number->bucket;
	switch (news) {
	case PACE_ACCEPTED:
		if (bucket_rested(bucket, ticket->paid_ms))
			look_again(p, ticket->line);
		break;
	case PACE_TOO_FAST:
		(void)bucket_slow(bucket, now_ms);
		break;
	case PACE_PAIR:
		pairs_refused(p->pairs, ticket->pair, now_ms);
		break;
	case PACE_REST:
		bucket_rest(bucket, wait_ms, now_ms);
		break;
	}
}

struct visit {
	struct pace *p;
	uint64_t lanes;
	int64_t now_ms;
};

static void empty_line(void *arg, void *object)
{
	const struct visit *v = arg;
	struct pace_line *line = object;

	if (!(v->lanes >> line->lane & 1))
		return;
	bucket_empty(&line->number->bucket, v->now_ms);
	bucket_empty(&line->tenant->bucket, v->now_ms);
}

void pace_taken(struct pace *p, uint64_t lanes, int64_t now_ms)
{
	struct visit visit = { p, lanes, now_ms };

	for (unsigned i = 0; i < MESSAGE_LANES; i++)
		if (lanes >> i & 1) {
			p->taken_ms[i] = now_ms;
			p->takes[i]++;
		}
	table_visit(p->lines, empty_line, &visit);
}

static void forget_rate(void *arg, void *object)
{
	struct pace_line *line = object;

	(void)arg;
	line->number->rate = 0;
}

static void rate_line(void *arg, void *object)
{
	const struct visit *v = arg;

	pace_line_rate(v->p, object);
}

static void limit_line(void *arg, void *object)
{
	const struct visit *v = arg;

	pace_line_limit(v->p, object, v->now_ms);
	look_again(v->p, object);
}

bool pace_learn(struct pace *p, const struct limit_set *set, int64_t now_ms)
{
	struct visit visit = { p, 0, now_ms };
	struct limit *limits = NULL;

	if (set->count > 0) {
		limits = malloc(set->count * sizeof(*limits));
		if (!limits)
			return false;
		memcpy(limits, set->limits, set->count * sizeof(*limits));
	}
	free(p->limits.limits);
	p->limits = (struct limit_set){ limits, set->count };
	table_visit(p->lines, forget_rate, &visit);
	table_visit(p->lines, rate_line, &visit);
	table_visit(p->lines, limit_line, &visit);
	return true;
}
