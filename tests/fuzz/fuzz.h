/*
 * fuzz - what every fuzz target is: a function that takes any bytes, and never fails on them.
 *
 * A target calls one reader of foreign bytes by its real interface and asserts what its header
 * promises.  It is linked twice: with libFuzzer (`make fuzz`), and with replay.c (`make check`).
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Kept in a build without assert(), too. */
#define MUST_HOLD(what)                                                                      \
	((what) ? (void)0                                                                    \
		: (fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #what), \
		   abort()))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The bytes as a text: a copy that ends with 0, as readers of headers want it; to be freed. */
char *fuzz_text(const uint8_t *data, size_t size);
/* Takes the first byte; 0 when there is none. */
uint8_t fuzz_take(const uint8_t **data, size_t *size);

#endif
