/*
 * A behaviour: how one service treats one call. Written as a JSON object (README.md), kept in a
 * script, or derived from a recipient's number.
 */
#ifndef SIMULATOR_BEHAVIOUR_H
#define SIMULATOR_BEHAVIOUR_H

#include "simulator/exchange.h"

#include <jansson.h>

enum behaviour_kind {
	BEHAVE_OK,
	BEHAVE_ERROR,
	BEHAVE_DENY,
	BEHAVE_NO_ID,
	BEHAVE_CUT_REPLY,
	/* The kinds from here on look the same at every service. */
	BEHAVE_DROP_REPLY,
	BEHAVE_CUT_BEFORE,
	BEHAVE_HANG,
	BEHAVE_HTML_502,
	BEHAVE_HTML_504,
	BEHAVE_BAD_JSON,
	BEHAVE_HTTP,
	BEHAVE_GOAWAY,
	BEHAVE_REFUSED_STREAM,
};

/* -1 in a number means: not said. */
struct behaviour {
	enum behaviour_kind kind;
	int times; /* how many calls are left; -1 = for ever */
	int latency_ms;
	int status;
	int code, subcode; /* Graph */
	int retry_after;   /* seconds */
	int is_transient;
	int accepted; /* overrides what the kind says */
	bool close;   /* ends the whole connection, not just the stream */
	char *body;   /* each text may be NULL */
	char *reason;
	char *token;
	char *number;
	struct behaviour *next;
};

/* An "ok" for ever, nothing said. */
struct behaviour behaviour_plain(enum behaviour_kind kind);
/*
 * Reads one object, or an array of them (played one after the other). NULL on failure, with
 * `why` (128 bytes) saying what is wrong. Freed with behaviour_free().
 */
struct behaviour *behaviour_read(const json_t *json, char why[128]);
/* The whole list. */
void behaviour_free(struct behaviour *first);

/* Does the service take the request as done? */
bool behaviour_accepts(const struct behaviour *behaviour);
/* Latency of this call, when the service's own is `otherwise`. */
int behaviour_latency(const struct behaviour *behaviour, int otherwise);
/*
 * Fills what the behaviour says about the answer. True: the answer is complete. False: the
 * service makes the body (of an "ok", unless the kind is ERROR, DENY or NO_ID).
 */
bool behaviour_shape(const struct behaviour *behaviour, struct answer *answer);

#endif
