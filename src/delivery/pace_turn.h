/*
 * pace_turn - what of those that wait is in turn, and what sleeps.  Private to pace.
 */
#ifndef DELIVERY_PACE_TURN_H
#define DELIVERY_PACE_TURN_H

#include "delivery/pace_line.h"

/* Its tickets that are in turn when it is, by class. */
const struct list *pace_in_turn(const struct pace_line *line) MUST_CHECK;
/* Into the rings, if it is in turn and not there yet. */
void pace_link_tenant(struct pace *p, struct pace_tenant *t, unsigned class);
void pace_link_line(struct pace *p, struct pace_line *line, unsigned class);
/* A ticket leaves its line, for good or apart. */
void pace_put_out(struct pace_ticket *t);

/* spares: but for what is urgent. */
void pace_number_sleeps(struct pace *p, struct pace_number *n, bool spares, int64_t until_ms);
void pace_number_wakes(struct pace *p, struct pace_number *n);
void pace_tenant_sleeps(struct pace *p, struct pace_tenant *t, int64_t until_ms);
void pace_tenant_wakes(struct pace *p, struct pace_tenant *t);
/* Whoever's time has come. */
void pace_wake(struct pace *p, int64_t now_ms);

#endif
