/*
 * Recipients whose number itself says what happens, so that curl alone can try it. All begin
 * with +999, a country code nobody has; README.md has the table.
 */
#ifndef SIMULATOR_MAGIC_H
#define SIMULATOR_MAGIC_H

#include "simulator/behaviour.h"

#include <stdint.h>

/*
 * True with `ret_behaviour` when these digits order something. `calls` counts the calls to this
 * recipient, with this one.
 */
bool magic_find(const char *digits, uint32_t calls, struct behaviour *ret_behaviour);

/* The code of the receipt by which a message to +999 0 CCCCCC fails, or 0. */
int magic_failure(const char *digits);

#endif
