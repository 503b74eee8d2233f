/*
 * fake_server - a scripted HTTP/1.1 server in this process, one thread a connection, for
 * tests of the transport and of the clients.  It reads whole requests (header and body by
 * Content-Length), keeps them, and does what the script says.
 */
#ifndef FAKE_SERVER_H
#define FAKE_SERVER_H

#include <stddef.h>

enum fake_act {
	FAKE_ANSWER = 0,
	FAKE_CLOSE_UNREAD, /* close right after accept */
	FAKE_CLOSE_READ,   /* read the request, close without a word */
	FAKE_HALF,         /* announce the whole body, send half, close */
	FAKE_TRICKLE,      /* header at once, then one byte a second */
	FAKE_HANG,         /* read the request, keep still */
};

struct fake_step {
	enum fake_act act;
	int status;          /* 0: 200 */
	const char *headers; /* "Name: value\r\n"..., null: none */
	const char *body;    /* null: "" */
};

struct fake_server;

/* Request n does step n, further ones the last; borrowed.  FAKE_CLOSE_UNREAD counts
 * as one request.  Ends the test on failure. */
struct fake_server *fake_server_start(const struct fake_step *steps, size_t count);
void fake_server_stop(struct fake_server *s);

/* "http://127.0.0.1:PORT" */
const char *fake_server_url(const struct fake_server *s);
unsigned fake_server_requests(struct fake_server *s);
unsigned fake_server_connections(struct fake_server *s);
/* Text of request n from 0, header and body; "" when there is none yet. Valid until stop. */
const char *fake_server_request(struct fake_server *s, unsigned n);
/* Its body. */
const char *fake_server_body(struct fake_server *s, unsigned n);

#endif
