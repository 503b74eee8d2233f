/*
 * tenant_zone - the time zone of a tenant's days in reports, set, shown and taken back for
 * `tenant`.  Faults are told on stderr under the command's words.
 */
#ifndef CLI_TENANT_ZONE_H
#define CLI_TENANT_ZONE_H

#include <stdbool.h>

#include "base/compiler.h"
#include "cli/arguments.h"
#include "store/query.h"

/* Sets arguments->time_zone for the operand, and says so. */
bool tenant_zone_set(struct query *q, const char *words, const struct arguments *a) MUST_CHECK;
/* UTC again; says so if it had one. */
bool tenant_zone_unset(struct query *q, const char *words, const struct arguments *a) MUST_CHECK;
bool tenant_zone_show(struct query *q, const char *words, const struct arguments *a) MUST_CHECK;

#endif
