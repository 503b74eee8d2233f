/*
 * Connections: accepting, TLS, reading, writing. What the bytes mean is the protocol's business.
 *
 * A connection is freed only at the end of a round of the loop (net_flush), so every pointer to
 * it stays good within the round; conn_doom() asks for that end.
 */
#ifndef SIMULATOR_CONN_H
#define SIMULATOR_CONN_H

#include "simulator/exchange.h"

#include <openssl/ssl.h>

/* What speaks over a connection. */
struct proto {
	const char *name; /* "h2", "http/1.1" */
	void (*open)(struct conn *conn);
	/* Bytes arrived. */
	void (*input)(struct conn *conn, const char *bytes, size_t n);
	/* The round ends: put what there is to say into conn->out. */
	void (*output)(struct conn *conn);
	/* Put the exchange's answer on its way, now. */
	void (*answer)(struct exchange *exchange);
	/* Free what open() made. Exchanges are freed before. */
	void (*close)(struct conn *conn);
};

extern const struct proto h1_proto;
extern const struct proto h2_proto;

struct net {
	struct loop *loop;
	SSL_CTX *tls;
	void (*on_request)(void *ctx, struct exchange *exchange);
	void *ctx;
	uint32_t h2_streams; /* how many streams a client may open at once */
	struct conn *conns;
	struct conn *dirty; /* have something to do when the round ends */
	struct exchange *spare;
	size_t spare_count;
	int64_t tls_total, plain_total, h2_total;
	int64_t tls_open, plain_open;
	char date[40]; /* the Date header of this second */
	int64_t date_second;
	char scratch[64 * 1024];
};

struct conn {
	struct watch watch;
	struct net *net;
	SSL *ssl; /* NULL on the plain port */
	const struct proto *proto;
	void *state; /* the protocol's own */
	struct exchange *exchanges;
	struct conn *prev, *next;
	struct conn *next_dirty;
	bool is_dirty;
	bool doomed;     /* to be closed once `out` is written */
	bool abrupt;     /* and without a TLS close_notify */
	bool broken;     /* the peer is gone: nothing more is written */
	uint32_t events; /* what epoll watches for */
	struct buf out;
};

struct listener {
	struct watch watch;
	struct net *net;
	bool is_tls;
	int port; /* the one that was given, also when 0 was asked for */
};

/* Listens on 127.0.0.1:port (0 = any free one). 0, or -1 with errno. */
int listener_open(struct listener *listener, struct net *net, int port, bool is_tls);
void listener_close(struct listener *listener);

/* Takes over the connected socket `fd`. */
void conn_open(struct net *net, int fd, bool is_tls);
/* It has output, or wants its protocol asked for some. */
void conn_mark(struct conn *conn);
/* Close it when what is in `out` is written. */
void conn_doom(struct conn *conn, bool abrupt);

/* Writes what the round produced and frees what is doomed. */
void net_flush(struct net *net);
/* The value of the Date header now. */
const char *net_date(struct net *net);
/* Frees all connections and spare exchanges. */
void net_close(struct net *net);

#endif
