/*
 * Webhooks: what is to be reported waits for its time, is gathered into posts, and these are
 * signed, sent, and sent again until they are answered 200.
 */
#ifndef SIMULATOR_WEBHOOK_H
#define SIMULATOR_WEBHOOK_H

#include "simulator/notice.h"
#include "simulator/order.h"

#include <stdio.h>

enum { WEBHOOK_BATCH_MAX = 1000 };

/* Where to, and how. */
struct webhook_rules {
	char url[256];    /* http://127.0.0.1:PORT/PATH, or localhost; "": nothing is sent */
	char secret[128]; /* "": no signature */
	int batch;        /* statuses in a post at most */
	int batch_min;    /* each post's own limit is a number from here to `batch`, by dice */
	int gather_ms;    /* a post waits so long for more, unless it is full */
	int connections;
	int retry_ms; /* the second time it is sent again; the first is at once, then twice, ... */
	int timeout_ms; /* how long an answer may take */
	int deaf;       /* percent of the posts answered 200 that are sent again all the same */
};

struct webhook_counts {
	int64_t statuses;   /* put into posts */
	int64_t taken;      /* of these, in posts that were answered 200 */
	int64_t duplicated; /* of these, by plan */
	int64_t dropped;    /* by plan, never reported */
	int64_t waiting;    /* not in a post yet */
	int64_t posts;
	int64_t open;       /* posts that were not answered 200 yet */
	int64_t tries;      /* how often any was sent */
	int64_t refused;    /* answered with something else than 200 */
	int64_t unanswered; /* no whole answer came */
	int64_t unheard;    /* answered 200, and sent again */
	int last_status;    /* 0: unanswered */
	/* From when a post was due until it was answered 200, since the rules were set. */
	double median_ms, p99_ms, max_ms;
};

struct webhooks;

/* Lines of receipts that were taken go to `journal`, unless that is NULL. */
struct webhooks *webhooks_new(struct loop *loop, FILE *journal);
void webhooks_free(struct webhooks *webhooks);

struct webhook_rules webhooks_rules(const struct webhooks *webhooks);
/* NULL, or what is wrong with them. What waits to be sent again is sent now. Times are measured
 * anew from here on. Without a URL all is forgotten. */
const char *webhooks_set(struct webhooks *webhooks, const struct webhook_rules *rules);
/* Forgets what is to be reported, what waits to be sent again, and all counts. */
void webhooks_reset(struct webhooks *webhooks);
struct webhook_counts webhooks_counts(const struct webhooks *webhooks);

/*
 * Meta has taken a message, and answers in `answer_ms`: what is reported of it is as `receipts`
 * say. `fails`: it fails, whatever they say. Copies `subject`.
 */
void webhooks_follow(struct webhooks *webhooks, const struct subject *subject,
		     const struct receipts *receipts, bool fails, int answer_ms);

/* What a test orders: POSTs `body` once; `signature` NULL: the right one. */
void webhooks_post(struct webhooks *webhooks, const struct buf *body, const char *signature,
		   void *asker, void (*heard)(struct order *order));
/* GETs the URL with `query`, which is encoded. */
void webhooks_get(struct webhooks *webhooks, const char *query, void *asker,
		  void (*heard)(struct order *order));
/* The asker is told nothing any more. */
void webhooks_forget(struct webhooks *webhooks, const void *asker);

#endif
