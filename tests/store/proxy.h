/*
 * proxy - stands between a store and PostgreSQL on a port of 127.0.0.1, in the test's own
 * loop, and does at will what networks do by accident.
 */
#ifndef TESTS_STORE_PROXY_H
#define TESTS_STORE_PROXY_H

#include <stdint.h>

#include "base/loop.h"

enum proxy_mode {
	PROXY_FORWARD = 0,
	PROXY_SWALLOW, /* requests pass, answers are thrown away */
	PROXY_HOLD,    /* nothing passes, everything is kept open and unread */
	PROXY_REFUSE,  /* new connections are closed at once */
};

struct proxy;

/* Forwards to the unix socket directory/.s.PGSQL.port. */
struct proxy *proxy_new(struct loop *loop, const char *directory, int port);
void proxy_free(struct proxy *p); /* null: nothing */
int proxy_port(const struct proxy *p);
void proxy_mode(struct proxy *p, enum proxy_mode mode);
/* Cuts all connections, both sides. */
void proxy_cut(struct proxy *p);

#endif
