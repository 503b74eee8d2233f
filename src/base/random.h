/*
 * random - unpredictable bytes from the kernel (getrandom), buffered per process; safe
 * after fork because the buffer is dropped in the child.
 */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Cannot fail: ends the process if the kernel has no randomness. */
void random_bytes(void *data, size_t len);
uint32_t random_u32(void);

#endif
