/*
 * fake_h2 - a scripted HTTP/2 server over TLS in this process, one thread a connection, with
 * a certificate for 127.0.0.1 made at its start.
 */
#ifndef FAKE_H2_H
#define FAKE_H2_H

#include <stddef.h>

enum fake_h2_act {
	FAKE_H2_ANSWER = 0, /* 200 "ok", after delay_ms */
	FAKE_H2_REFUSE,     /* RST_STREAM REFUSED_STREAM */
	FAKE_H2_RESET,      /* RST_STREAM INTERNAL_ERROR */
	FAKE_H2_GOAWAY,     /* GOAWAY that excludes this stream, then the end */
	FAKE_H2_CLOSE,      /* the connection just ends */
};

struct fake_h2_step {
	enum fake_h2_act act;
	int delay_ms;
};

struct fake_h2;

/* Request n (its end) does step n, further ones the last; borrowed.  Ends the test on failure. */
struct fake_h2 *fake_h2_start(const struct fake_h2_step *steps, size_t count);
void fake_h2_stop(struct fake_h2 *s);

/* "https://127.0.0.1:PORT/" */
const char *fake_h2_url(const struct fake_h2 *s);
/* A file with the certificate to trust. */
const char *fake_h2_ca_file(const struct fake_h2 *s);
unsigned fake_h2_requests(struct fake_h2 *s);
unsigned fake_h2_connections(struct fake_h2 *s);
/* Most requests open at once on one connection so far. */
unsigned fake_h2_most_streams(struct fake_h2 *s);

#endif
