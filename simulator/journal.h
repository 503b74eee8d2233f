/*
 * The journal: one line for each message a service was asked to take, for tests that compare
 * afterwards what was promised with what happened. Nothing is forgotten, unlike in the tally.
 */
#ifndef SIMULATOR_JOURNAL_H
#define SIMULATOR_JOURNAL_H

#include <stdbool.h>
#include <stdio.h>

/*
 * "<unix ms> <service> <id> taken|refused <wamid or ->" and a newline, written at once.
 * `journal` may be NULL, then nothing is written; so may `wamid`.
 */
void journal_write(FILE *journal, const char *service, const char *id, bool taken,
		   const char *wamid);
/* "<unix ms> receipt <id> <status> <wamid>": a webhook with it was answered 200. */
void journal_receipt(FILE *journal, const char *id, const char *status, const char *wamid);

#endif
