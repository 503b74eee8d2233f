/*
 * fake_h2 - a scripted HTTP/2 server over TLS in this process, one thread a connection, with
 * a certificate for 127.0.0.1, localhost and two.invalid made at its start.
 */
#ifndef FAKE_H2_H
#define FAKE_H2_H

#include <stdbool.h>
#include <stddef.h>

#include "fake_certificate.h"

enum fake_h2_act {
	FAKE_H2_ANSWER = 0,  /* status (200) and body_bytes of x, or "ok", after delay_ms */
	FAKE_H2_REFUSE,      /* RST_STREAM REFUSED_STREAM */
	FAKE_H2_RESET,       /* RST_STREAM INTERNAL_ERROR */
	FAKE_H2_GOAWAY,      /* GOAWAY that excludes this stream, then the end */
	FAKE_H2_GOAWAY_LAST, /* GOAWAY that this stream is the last of, then its answer */
	FAKE_H2_GOAWAY_CUT,  /* GOAWAY that excludes this stream, and the connection ends */
	FAKE_H2_CLOSE,       /* the connection just ends */
	FAKE_H2_HALF,        /* half the answer, then the connection ends */
	FAKE_H2_HALF_REFUSE, /* half the answer, then RST_STREAM REFUSED_STREAM */
	FAKE_H2_SHORT,       /* an answer shorter than it announces */
	FAKE_H2_HANG,        /* nothing */
	FAKE_H2_STALL,       /* reads nothing more, of the whole connection */
	FAKE_H2_LOWER,       /* SETTINGS with two streams at a time, then the answer */
	FAKE_H2_INTERIM,     /* a 103 before the answer */
};

enum fake_h2_when {
	FAKE_H2_AT_END = 0, /* of the request */
	FAKE_H2_AT_HEADERS, /* before its body */
	FAKE_H2_AT_DATA,    /* with the first piece of its body */
};

struct fake_h2_step {
	enum fake_h2_act act;
	int delay_ms;
	enum fake_h2_when when;
	int status;
	size_t body_bytes;
	size_t header_bytes;     /* of one header more in the answer */
	const char *retry_after; /* header, null none */
	const char *usage;       /* X-Business-Use-Case-Usage, null none */
};

struct fake_h2_options {
	enum fake_certificate certificate;
	unsigned streams; /* at a time, 0: as many as one likes */
	unsigned window;  /* of a stream at its start, 0: as usual */
	bool no_window;   /* none at all: no body can be sent */
	bool wide;        /* a connection's window of 64 MiB */
	unsigned http1;   /* so many first connections have no HTTP/2: one "ok" for each request */
	bool goes;        /* GOAWAY right behind its SETTINGS */
	bool silent;      /* sends nothing, not even SETTINGS */
	bool deaf;        /* does not answer pings */
};

struct fake_h2;

/* Request n (its headers) does step n, further ones the last; borrowed.  Ends the test on
 * failure. */
struct fake_h2 *fake_h2_start(const struct fake_h2_step *steps, size_t count);
struct fake_h2 *fake_h2_start_with(const struct fake_h2_options *options,
				   const struct fake_h2_step *steps, size_t count);
void fake_h2_stop(struct fake_h2 *s);

/* "https://127.0.0.1:PORT/" */
const char *fake_h2_url(const struct fake_h2 *s);
int fake_h2_port(const struct fake_h2 *s);
/* A file with what is to be trusted. */
const char *fake_h2_ca_file(const struct fake_h2 *s);
/* Requests that came to their end. */
unsigned fake_h2_requests(struct fake_h2 *s);
unsigned fake_h2_connections(struct fake_h2 *s);
/* Connections that took up an earlier TLS session. */
unsigned fake_h2_resumed(struct fake_h2 *s);
/* Most requests open at once on one connection so far. */
unsigned fake_h2_most_streams(struct fake_h2 *s);
/* Streams that the client reset. */
unsigned fake_h2_resets(struct fake_h2 *s);
/* DATA frames that came. */
unsigned fake_h2_pieces(struct fake_h2 *s);
/* Bodies of all requests, one after the other, as they came; a copy to be freed. */
char *fake_h2_bodies(struct fake_h2 *s, size_t *ret_len);
/* Headers of the last request, "name: value\n" each, "!" before those never to be indexed;
 * a copy to be freed. */
char *fake_h2_headers(struct fake_h2 *s);

#endif
