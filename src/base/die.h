/*
 * die - the end of a process that cannot go on: there is no memory for what must not be forgotten,
 * or the system refuses what it never refuses.
 *
 * One line to stderr and DIE_STATUS; the master replaces a worker, and what it had begun is found
 * open by its successor.  No signal and no core file, which would hold tokens and texts.
 */
#ifndef BASE_DIE_H
#define BASE_DIE_H

#include "base/compiler.h"

#define DIE_STATUS 71 /* EX_OSERR of sysexits.h */

/* what: a static text; errno is told with it. */
NORETURN void die(const char *what);

/* From now on abort() is such an end, too: libfcgi and GLib know no other answer to want of
 * memory.  What was wrong they have said to stderr. */
void die_instead_of_abort(void);

#endif
