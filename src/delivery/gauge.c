/*
 * What this worker holds now, for the metrics: told once a round of the loop.
 */
#include "delivery/item.h"

static void count_since(struct delivery *d, enum metric_bound bound, uint64_t now, uint64_t *seen)
{
	meter_add(d->world->meter, METRIC_BOUNDS, bound, 0, now - *seen);
	*seen = now;
}

static void watch_protocol(struct delivery *d)
{
	const struct world *w = d->world;
	const bool fell_back = graph_client_fell_back(w->graph);

	if (fell_back == d->graph_fell_back)
		return;
	d->graph_fell_back = fell_back;
	meter_set(w->meter, METRIC_FALLEN_BACK, 0, 0, fell_back);
	if (fell_back)
		log_text(w->log, LOG_WARNING, "graph_http1",
			 "the server did not choose HTTP/2: calls go over HTTP/1.1; HTTP/2 is "
			 "offered again once a minute");
	else
		log_text(w->log, LOG_INFO, "graph_http2", "calls go over HTTP/2 again");
}

void delivery_gauge(struct delivery *d)
{
	const struct meter *m = d->world->meter;

	meter_set(m, METRIC_LANES, 0, 0, __builtin_popcountll(lanes_ours(d->lanes)));
	meter_set(m, METRIC_ITEMS, 0, 0, (int64_t)table_count(d->items));
	meter_set(m, METRIC_TOKEN_HOLDS, 0, 0, tokens_held(d->tokens));
	for (unsigned i = 0; i < SHARE_CLASSES; i++)
		meter_set(m, METRIC_PACE_WAITING, i, 0, pace_waiting(d->pace, i));
	for (enum message_class c = 0; c < MESSAGE_CLASSES; c++) {
		meter_set(m, METRIC_QUEUE_DEPTH, c, 0, tally_depth(d->world->tally, c));
		meter_set(m, METRIC_QUEUE_LATE, c, 0, tally_late_s(d->world->tally, c));
	}
	watch_protocol(d);
	store_count_orphans(d->world->store, lanes_ours(d->lanes) & 1); /* the owner of lane 0 */
	count_since(d, BOUND_BELLS, bell_lost(d->bell), &d->bells_lost);
	count_since(d, BOUND_FAR_BELLS, far_lost(d->far), &d->far_bells_lost);
}
