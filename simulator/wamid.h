/*
 * Message ids that look like Meta's: base64 of a small frame with the recipient and a number.
 */
#ifndef SIMULATOR_WAMID_H
#define SIMULATOR_WAMID_H

#include <stdint.h>

enum { WAMID_SIZE = 96 };

/* Unique as (run, serial) is, for serial below 2^40. `digits`: at most 15. */
void wamid_make(char to[WAMID_SIZE], const char *digits, uint32_t run, uint64_t serial);

#endif
