/*
 * pick - which messages a command is about: --tenant, --outlet, --number, --code, --since and
 * --until, as the first parameters of its statements, and --limit.  And what a command that
 * decides about them wants to know for the record.
 */
#ifndef CLI_PICK_H
#define CLI_PICK_H

#include <stdint.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "cli/arguments.h"
#include "domain/manage.h"

enum pick_filter {
	PICK_TENANT = 0,
	PICK_OUTLET,
	PICK_NUMBER,
	PICK_CODE,
	PICK_SINCE,
	PICK_UNTIL,
	PICK_FILTERS,
};

struct pick {
	const char *filters[PICK_FILTERS]; /* into the arguments, or into this; null: any */
	uint64_t limit;
	struct arguments_outlet outlet;
	char since[CLOCK_RFC3339_BYTES];
	char until[CLOCK_RFC3339_BYTES];
};

/* Null, or what is wrong. */
const char *pick_read(struct pick *p, const struct arguments *arguments) MUST_CHECK;
/* As if the option said so. */
void pick_since(struct pick *p, int64_t wall_us);
void pick_until(struct pick *p, int64_t wall_us);
/* --by and --why: with --yes both, neither too long.  Null, or what is wrong. */
const char *pick_check_record(const struct arguments *arguments) MUST_CHECK;

#endif
