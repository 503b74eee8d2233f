/*
 * What a test has ordered: behaviours by service and, where wanted, by one value of one kind
 * (a recipient, a tenant ...).
 */
#ifndef SIMULATOR_SCRIPT_H
#define SIMULATOR_SCRIPT_H

#include "simulator/behaviour.h"

struct script;

struct script *script_new(void);
void script_free(struct script *script);
void script_clear(struct script *script);

/*
 * Takes the list over; it replaces what stood there. NULL just removes. `by` names the kind of
 * value, "" with value "" is every call of the service.
 */
void script_set(struct script *script, const char *service, const char *by, const char *value,
		struct behaviour *first);
/*
 * The behaviour of this call, NULL when none is ordered. Counts it as played. Good until the
 * next call of a script function.
 */
const struct behaviour *script_play(struct script *script, const char *service, const char *by,
				    const char *value);

#endif
