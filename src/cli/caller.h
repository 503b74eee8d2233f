/*
 * caller - who runs a command, for the record of who decided something.
 */
#ifndef CLI_CALLER_H
#define CLI_CALLER_H

#include <stddef.h>

#define CALLER_BYTES 128

/* The user of the system, by name; "user 1234" without one. */
void caller_name(char *ret_name, size_t size);

#endif
