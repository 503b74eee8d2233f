/*
 * clock - time.  Two kinds that are never mixed in one variable:
 *   boot_ms  CLOCK_BOOTTIME, for deadlines and waits: comparable between processes of one
 *            machine, does not jump, counts sleep.
 *   wall_us  CLOCK_REALTIME, microseconds since 1970 UTC, for records only.
 * Domain code gets times as parameters (Law 10).
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

int64_t clock_boot_ms(void);
int64_t clock_wall_us(void);

#define CLOCK_RFC3339_BYTES 32
/* "2025-11-04T10:30:00Z": UTC, whole seconds; text has CLOCK_RFC3339_BYTES bytes. */
void clock_rfc3339(int64_t wall_us, char *text);
/* "2025-11-04T10:30:00.123456Z" */
void clock_rfc3339_us(int64_t wall_us, char *text);

/* The whole text, RFC 3339: years 1970 to 9999, a fraction of up to nine digits (cut to
 * microseconds), "Z" or an offset; T and Z in either case, no leap second.  False: it is not. */
bool clock_rfc3339_parse(const char *text, int64_t *ret_wall_us) MUST_CHECK;

#endif
