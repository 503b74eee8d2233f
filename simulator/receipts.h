/*
 * What Meta reports of a message that it has accepted, and how it goes wrong: a plan, written as
 * a JSON object (README.md), and what it comes to for one message.
 */
#ifndef SIMULATOR_RECEIPTS_H
#define SIMULATOR_RECEIPTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	RECEIPTS_MAX = 8,                          /* statuses of a plan */
	RECEIPTS_PLANNED = 2 * (RECEIPTS_MAX + 1), /* of a message: each may come twice */
};

enum receipts_callback { CALLBACK_ALWAYS, CALLBACK_NOT_FAILED, CALLBACK_NEVER };
enum receipts_identity { IDENTITY_BOTH, IDENTITY_PHONE, IDENTITY_USER };

/* One status, `after_ms` after Meta took the message. */
struct receipts_status {
	char status[24];
	int after_ms;
};

/* How the statuses of a message are written. */
struct receipts_style {
	enum receipts_callback callback;
	enum receipts_identity identity;
	bool legacy; /* as before v24.0: with `conversation`, without user ids */
	int code;    /* of a `failed` */
	char category[32];
};

struct receipts {
	struct receipts_status statuses[RECEIPTS_MAX];
	int count;
	/* Percent: of messages, and (the last three) of statuses. */
	int fail, silent, reorder, early;
	int duplicate, drop, delay;
	int duplicate_ms, delay_ms;
	struct receipts_style style;
	int times; /* messages left; -1 = for ever */
	struct receipts *next;
};

/* One report to be made. */
struct receipts_report {
	const char *status; /* of the plan */
	int happened_ms;    /* after Meta took the message, as its timestamp says */
	int due_ms;         /* when it is reported */
};

/* What one message's plan came to. */
struct receipts_planned {
	struct receipts_report reports[RECEIPTS_PLANNED];
	int count;
	int duplicated, dropped;
	bool early; /* times count from the call, not from its answer */
};

/* sent, delivered and read, each once, in order, of every message. */
struct receipts receipts_plain(void);
/* One object, or a list of them, played one after the other. NULL on failure, with `why`. */
struct receipts *receipts_read(const json_t *json, char why[128]);
/* The one whose turn it is, which counts as a message of it; NULL: all were played. */
const struct receipts *receipts_next(struct receipts *first);
/* The whole list. */
void receipts_free(struct receipts *first);

/* `fail`: whatever the plan says, the message fails. `random` is the state of the dice. */
void receipts_plan(const struct receipts *receipts, bool fail, uint64_t *random,
		   struct receipts_planned *ret_planned);
/* A number below `below` (1 or more). */
uint32_t receipts_dice(uint64_t *random, uint32_t below);

#endif
