/*
 * metrics - the shared page with one slot per worker slot of the node (and one for the
 * master), and its sum as Prometheus text.
 *
 * Made by the master before it forks.  A slot has one writer: the process that lives in it;
 * what a life has counted stays when it ends, and its successor goes on from there.  Any
 * process may read: every number is read whole, the sum is of about one moment.
 */
#ifndef METRICS_METRICS_H
#define METRICS_METRICS_H

#include <stdio.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/str.h"
#include "metrics/meter.h"

struct metrics;

/* slots: 1 or more. */
struct metrics *metrics_new(unsigned slots, struct err *ret_err) MUST_CHECK;
void metrics_free(struct metrics *m);

/* The meter of a slot below `slots`; lives as long as m. */
const struct meter *metrics_meter(const struct metrics *m, unsigned slot);
/* The process of this slot has ended: what it had at that moment (gauges) is nothing now. */
void metrics_forget(const struct metrics *m, unsigned slot);

/* The sum over all slots, Prometheus text format 0.0.4.  False: str's bound, or memory. */
bool metrics_text(const struct metrics *m, struct str *out);
/* docs/reference/metrics.md. */
void metrics_print_reference(FILE *out);

#endif
