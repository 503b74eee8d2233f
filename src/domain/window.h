/*
 * window - the part of the day in which messages may be sent (deliver_between).
 *
 * From a minute of the local day up to, and without, another one; over midnight when the second is
 * the lesser.  A moment is inside by what clocks show there: hours that a clock skips are skipped,
 * hours that it shows twice count twice.  Pure: the zone is a function of the caller.
 */
#ifndef DOMAIN_WINDOW_H
#define DOMAIN_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

#define WINDOW_ZONE_BYTES 65
#define WINDOW_TEXT_BYTES 160

struct window {
	unsigned from_min; /* 0 to 1439; never the same as … */
	unsigned to_min;
	char zone[WINDOW_ZONE_BYTES]; /* IANA name: see window_zone_fits() */
};

/* "08:00": hours and minutes, 00:00 to 23:59. */
bool window_minute_parse(const char *text, unsigned *ret_min) MUST_CHECK;
/* Could be a name of the IANA database: Area/Location, or UTC; 1 to 64 characters. */
bool window_zone_fits(const char *name);

/* {"from":"08:00","to":"20:00","time_zone":"Asia/Jakarta"}; and back, this form only. */
void window_write(const struct window *w, char text[WINDOW_TEXT_BYTES]);
bool window_read(const char *text, struct window *ret_window) MUST_CHECK;

/* Seconds that local time is ahead of UTC at this moment (seconds since 1970). */
typedef int64_t window_offset_fn(void *arg, int64_t at_s);

/* The first moment from at_us on that is inside; at_us itself when it is. */
int64_t window_next(const struct window *w, int64_t at_us, window_offset_fn *offset, void *arg);

#endif
