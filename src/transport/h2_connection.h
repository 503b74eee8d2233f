/*
 * h2_connection - one TLS connection that speaks HTTP/2, from its first address to its end.
 *
 * The loop's events only record; what happened to a connection puts it in rules->touched, and
 * the owner acts on it from its hook: h2_connection_flush(), which also writes what was added
 * to the session since, in as few system calls as it takes.
 */
#ifndef TRANSPORT_H2_CONNECTION_H
#define TRANSPORT_H2_CONNECTION_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/list.h"
#include "base/str.h"
#include "transport/dial.h"
#include "transport/h2_session.h"
#include "transport/tls.h"

/* Borrowed; outlives the connection. */
struct h2_connection_rules {
	struct h2_rules session;
	struct tls *tls;
	struct dial *dial;
	struct list *touched; /* of h2_connection.touched */
};

enum h2_connection_state {
	H2_CONNECTION_CONNECTING = 0,
	H2_CONNECTION_HANDSHAKING,
	H2_CONNECTION_SETTLING, /* until the server's SETTINGS: it speaks HTTP/2 */
	H2_CONNECTION_OPEN,
	H2_CONNECTION_OVER, /* streams have ended; err says why */
};

struct h2_connection {
	struct list node; /* the owner's, and the list it is in */
	struct list *in;
	struct list touched;
	const struct h2_connection_rules *rules;
	enum h2_connection_state state;
	struct h2_session *session; /* from SETTLING on */
	struct err err;
	bool http1_only; /* over, because the server did not choose HTTP/2 */
	bool untrusted;  /* over, because of its certificate */
	bool carried;    /* the owner's: a call was given to it */
	bool suspect;    /* did not answer a ping: takes no new calls */
	int64_t began_ms;
	int64_t idle_since_ms; /* the owner's */
	/* its own: */
	int fd;
	uint64_t watch;
	uint32_t events;
	SSL *ssl;
	unsigned address; /* being tried */
	uint64_t timer;   /* until it is open */
	int64_t heard_ms; /* when bytes came last */
	int64_t pinged_ms;
	struct str rest; /* packed, not yet taken by the socket */
};

/* Begins to connect; dial_ready() holds.  Null: no memory. */
struct h2_connection *h2_connection_new(const struct h2_connection_rules *rules) MUST_CHECK;
/* Closes it; its streams end. */
void h2_connection_free(struct h2_connection *c);

/* How many calls it can take now. */
unsigned h2_connection_room(const struct h2_connection *c);
unsigned h2_connection_streams(const struct h2_connection *c);
/* It takes no more calls, though those it has go on. */
bool h2_connection_leaving(const struct h2_connection *c);
/* Something is to be written, or has changed: the owner flushes it. */
void h2_connection_touch(struct h2_connection *c);
/* Writes what there is to write, as far as the socket takes it. */
void h2_connection_flush(struct h2_connection *c);
/* Pings when nothing came for long; without an answer in time it is suspect.  Returns when to
 * look again. */
int64_t h2_connection_look(struct h2_connection *c, int64_t now_boot_ms);

#endif
