/*
 * Where webhooks go, and the requests that are made there.
 */
#ifndef SIMULATOR_TARGET_H
#define SIMULATOR_TARGET_H

#include "simulator/buf.h"

#include <stdbool.h>

struct target {
	int port;       /* of 127.0.0.1 */
	char path[256]; /* from its slash on */
	char secret[128];
};

/* From http://127.0.0.1:PORT/PATH, or localhost. The secret stays as it is. */
bool target_read(struct target *target, const char *url);
/* `signature` NULL: the right one, or none without a secret; "": none. */
void target_post(const struct target *target, struct buf *to, const struct buf *body,
		 const char *signature);
void target_get(const struct target *target, struct buf *to, const char *query);

#endif
