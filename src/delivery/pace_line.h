/*
 * pace_line - what pace keeps of outlets, numbers and tenants.  Private to pace.
 *
 * A line lives while it has tickets, and some time longer; its number and its tenant live as long
 * as a line of theirs.
 */
#ifndef DELIVERY_PACE_LINE_H
#define DELIVERY_PACE_LINE_H

#include "base/table.h"
#include "delivery/pace.h"
#include "domain/bucket.h"

enum { ALARM_TICKET = 0, ALARM_NUMBER, ALARM_TENANT };

struct pace_number {
	struct alarm alarm; /* set: none of its lines is in turn until then */
	struct bucket bucket;
	struct list lines;
	int64_t departs_us; /* when the call behind the last would leave, at its rate */
	unsigned rate;      /* the least that its outlets say, 0: none does */
	bool spares;        /* asleep as it rests: urgent tickets are in turn */
	bool scarce;        /* what it may send is what its messages wait for */
	char name[];
};

struct pace_tenant {
	struct alarm alarm; /* as a number's */
	struct bucket bucket;
	struct list links[SHARE_CLASSES]; /* in pace.rings */
	struct list rings[SHARE_CLASSES]; /* its lines that are in turn */
	unsigned left[SHARE_CLASSES];     /* of its turn */
	struct share share;
	unsigned weight;
	unsigned lines;
	bool scarce;
	char name[];
};

struct pace_line {
	struct pace_number *number;
	struct pace_tenant *tenant;
	struct list among;                  /* in its number's */
	struct list idle;                   /* in pace.idle while it has no tickets */
	struct list links[SHARE_CLASSES];   /* in its tenant's rings */
	struct list tickets[SHARE_CLASSES]; /* that wait, in order */
	struct list urgent[SHARE_CLASSES];  /* those of them that are */
	struct share share;
	unsigned users; /* tickets */
	unsigned lane;
	int64_t idle_ms; /* since then */
	const char *outlet;
	size_t key_len;
	char key[]; /* tenant, outlet, number, each with its end */
};

struct pace {
	struct pace_settings settings;
	const struct meter *meter;
	struct table *lines;
	struct table *numbers;
	struct table *tenants;
	struct list idle;                 /* lines, the one idle for longest first */
	struct list rings[SHARE_CLASSES]; /* tenants with lines in turn */
	struct share share;
	struct alarms alarms;
	struct pairs *pairs;
	struct limit_set limits;
	int64_t taken_ms[MESSAGE_LANES];
	unsigned takes[MESSAGE_LANES];
	uint64_t seed;  /* of pairs */
	uint64_t order; /* of the last that waits */
	unsigned waiting[SHARE_CLASSES];
};

/* The line of the message, made when there is none; null: no memory, or no room. */
struct pace_line *pace_line_find(struct pace *p, const struct message *message, const char *number,
				 int64_t now_ms) MUST_CHECK;
/* One ticket more, one less. */
void pace_line_use(struct pace_line *line);
void pace_line_leave(struct pace *p, struct pace_line *line, int64_t now_ms);
/* Its outlet's rate counts for its number, whose `rate` was forgotten before. */
void pace_line_rate(const struct pace *p, struct pace_line *line);
/* Its number's rate and its tenant's limits, as they are set now. */
void pace_line_limit(const struct pace *p, struct pace_line *line, int64_t now_ms);
void pace_line_free(struct pace *p, struct pace_line *line);

#endif
