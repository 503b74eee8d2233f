/*
 * zone - time zones of the IANA database, as the system has it, through GLib: the one home of it.
 *
 * What is found is kept, ZONES_MAX at most; of more a file is read each time.  One thread.
 */
#ifndef ZONE_ZONE_H
#define ZONE_ZONE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

#define ZONES_MAX 600 /* the database has fewer */

struct zones;

/* Null: no memory.  zones_free(): null is allowed. */
struct zones *zones_new(void) MUST_CHECK;
void zones_free(struct zones *zones);

/* The database has it: Area/Location, or UTC (domain/window). */
bool zones_has(struct zones *zones, const char *name) MUST_CHECK;
/* Seconds that local time there is ahead of UTC, at this moment (seconds since 1970); 0 when the
 * database does not have it. */
int64_t zones_offset_s(struct zones *zones, const char *name, int64_t at_s);

#endif
