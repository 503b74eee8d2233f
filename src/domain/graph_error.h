/*
 * graph_error - the error table: one row per code of Meta's Graph API, per case without a
 * code, with class, whether and when to try again, and what a person should do.
 *
 * Built on the project's fixture table of error codes; a test walks all its rows.  Pure.
 */
#ifndef DOMAIN_GRAPH_ERROR_H
#define DOMAIN_GRAPH_ERROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum graph_class {
	GRAPH_NONE = 0,
	GRAPH_TRANSIENT,
	GRAPH_RATE_LIMITED,
	GRAPH_AMBIGUOUS,
	GRAPH_PERMANENT_REQUEST,
	GRAPH_PERMANENT_RECIPIENT,
	GRAPH_PERMANENT_ACCOUNT,
	GRAPH_AUTH,
};

/* How the waits of an asynchronous message grow. */
enum graph_wait {
	GRAPH_WAIT_NONE = 0, /* not retried */
	GRAPH_WAIT_DOUBLE,   /* first_wait_s, doubled up to last_wait_s */
	GRAPH_WAIT_POWER4,   /* 4^X seconds, X from 0, capped at last_wait_s */
	GRAPH_WAIT_FIXED,    /* first_wait_s each time */
};

struct graph_error {
	int first_code; /* codes first..last; cases without a code are negative */
	int last_code;
	int subcode;      /* 0: any */
	const char *name; /* "130429", "200-299", "100/33", "http:5xx"...: as in the table */
	const char *title;
	enum graph_class class;
	enum graph_wait wait;
	int first_wait_s;
	int last_wait_s;
	const char *action; /* what a person should do: one sentence */
};

/* Cases without a Graph code. */
enum graph_case {
	GRAPH_CASE_ACCEPTED = -1,
	GRAPH_CASE_HTTP_429 = -2,
	GRAPH_CASE_HTTP_500 = -3, /* 500 and 503 */
	GRAPH_CASE_HTTP_5XX = -4, /* other 5xx */
	GRAPH_CASE_HTTP_4XX = -5,
	GRAPH_CASE_HTTP_2XX = -6, /* 2xx without messages[0].id */
	GRAPH_CASE_NET_BEFORE = -7,
	GRAPH_CASE_NET_AFTER = -8,
	GRAPH_CASE_UNKNOWN_4XX = -9, /* a code not in the table, 4xx */
	GRAPH_CASE_UNKNOWN_5XX = -10,
	GRAPH_CASE_CREDENTIALS = -11, /* ours: no credentials to be had for the outlet */
	GRAPH_CASE_BREAKER = -14,     /* ours: put off while a circuit breaker is open */
	GRAPH_CASE_EXPIRED = -12,     /* ours: validity ran out unsent */
	GRAPH_CASE_CANCELLED = -15,   /* ours: its caller called it off */
	GRAPH_CASE_RESTORED = -13,    /* ours: PostgreSQL was restored (migration 0021) */
};

/* Exact code with subcode first, then exact code, then range; null when not in the table. */
const struct graph_error *graph_error_find(int code, int subcode);
/* Never null. */
const struct graph_error *graph_error_case(enum graph_case which);
/* All rows, for reference pages and tests. */
const struct graph_error *graph_error_rows(size_t *ret_count);
const char *graph_class_name(enum graph_class class);

#endif
