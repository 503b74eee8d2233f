/*
 * node_file - the proof that a node is gone: a file beside FCGI_SOCKET with its id and the
 * boot id of the host, locked by its master and all its workers as long as one of them lives.
 *
 * Only the lock together with the same boot id and the same id proves anything: a file that
 * is missing may lie in another mount namespace.
 */
#ifndef DELIVERY_NODE_FILE_H
#define DELIVERY_NODE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/err.h"
#include "domain/message_id.h"

#define NODE_FILE_BOOT_BYTES 40
#define NODE_FILE_PATH_BYTES 160

/* The host's boot id; "" when it cannot be known.  text: NODE_FILE_BOOT_BYTES. */
void node_file_boot_id(char *text);

/* Makes and locks the file of node id, "<socket>.node-<id>"; path: NODE_FILE_PATH_BYTES.
 * Returns its descriptor, to be inherited and never closed, or -1. */
int node_file_open(const char *socket, struct message_id id, const char *boot_id, char *path,
		   struct err *ret_err) MUST_CHECK;

/* Are all processes of that node gone?  Does not wait. */
bool node_file_proves_gone(const char *path, struct message_id id, const char *boot_id);

#endif
