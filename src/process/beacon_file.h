/*
 * beacon_file - what a node remembers of its database (domain/beacon.h), beside its socket or in
 * STATE_DIR: one line, "<id> <ticks>".
 */
#ifndef PROCESS_BEACON_FILE_H
#define PROCESS_BEACON_FILE_H

#include <stddef.h>

#include "base/compiler.h"
#include "base/err.h"
#include "domain/beacon.h"

#define BEACON_FILE_PATH_BYTES 1200

/* <dir>/<name of the socket>-<hash of its path>.beacon, so that nodes with sockets of one name
 * may share dir; dir "": <socket>.beacon.  path has BEACON_FILE_PATH_BYTES. */
void beacon_file_path(const char *dir, const char *socket, char *path);
/* Nothing known when there is no such file, or it cannot be read. */
struct beacon_known beacon_file_read(const char *path);
/* As a whole, and on the disk, or not at all; waits for the disk.  0 or -1 with ret_err, whose
 * code is the errno. */
int beacon_file_write(const char *path, const struct beacon_known *known,
		      struct err *ret_err) MUST_CHECK;

#endif
