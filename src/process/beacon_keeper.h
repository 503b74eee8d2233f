/*
 * beacon_keeper - writes down what is known of the database (beacon_file) while a worker serves,
 * in a thread of its own: a disk may take its time, the loop has none.
 *
 * One write at a time; the loop only looks whether it has ended, so a disk that hangs holds up
 * nothing but the file.  What the thread uses the loop leaves alone until it has joined it.
 */
#ifndef PROCESS_BEACON_KEEPER_H
#define PROCESS_BEACON_KEEPER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "domain/beacon.h"
#include "process/beacon_file.h"

struct beacon_keeper {
	const struct log *log;
	struct beacon_known kept; /* in the file */
	int64_t next_ms;
	bool told; /* that it fails, and with which errno */
	int told_code;
	bool writing; /* what follows is the thread's */
	pthread_t thread;
	char path[BEACON_FILE_PATH_BYTES];
	struct beacon_known known;
	bool failed;
	struct err err;
};

/* Reads the file of this node: kept. */
void beacon_keeper_open(struct beacon_keeper *k, const struct log *log, const char *dir,
			const char *socket);
/* Writes `known` if the file has something else; every 5 s at most, never waiting.  Logs
 * no_beacon_file when it begins to fail or fails otherwise than before, and beacon_file when that
 * is over.  Signals with a handler must be blocked by now. */
void beacon_keeper_keep(struct beacon_keeper *k, const struct beacon_known *known, int64_t now_ms);
/* The same at once, waiting for the disk, and the end. */
void beacon_keeper_close(struct beacon_keeper *k, const struct beacon_known *known);

#endif
