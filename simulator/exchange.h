/*
 * One request and its answer. A protocol (h1, h2) makes it, fills in the request and hands it to
 * net->on_request; a service fills in the answer and calls exchange_send() exactly once. From
 * then on only the protocol touches it. It belongs to its connection and dies with it, also
 * while the answer waits for its time.
 */
#ifndef SIMULATOR_EXCHANGE_H
#define SIMULATOR_EXCHANGE_H

#include "simulator/buf.h"
#include "simulator/loop.h"

struct conn;

enum {
	REQUEST_SEGMENTS = 8,
	REQUEST_HEADERS_MAX = 64 * 1024, /* bytes of all names and values */
	REQUEST_BODY_MAX = 1024 * 1024,
	ANSWER_FIELDS = 16,
};

struct request {
	char method[16];
	struct buf target;  /* as it came, with the query */
	struct buf path;    /* the segments, decoded */
	struct buf headers; /* name NUL value NUL ..., names in lower case */
	struct buf body;
	const char *segments[REQUEST_SEGMENTS];
	size_t segment_count;
};

enum answer_how {
	ANSWER_WHOLE,
	ANSWER_CUT,     /* the head announces the whole body, half of it follows, then the end */
	ANSWER_NOTHING, /* h2: RST_STREAM, h1: the connection closes */
	ANSWER_REFUSED, /* h2: RST_STREAM REFUSED_STREAM; h1 as ANSWER_NOTHING */
	ANSWER_GOAWAY,  /* h2: GOAWAY that leaves this stream out; h1 as ANSWER_NOTHING */
	ANSWER_NEVER,
};

struct answer {
	int status;
	enum answer_how how;
	bool close; /* the connection ends with this answer */
	struct {
		const char *name; /* lower case */
		const char *value;
		bool is_unique; /* no other answer has this value */
	} fields[ANSWER_FIELDS];
	size_t field_count;
	char text[512]; /* where values made for this answer live */
	size_t text_len;
	struct buf body;
	size_t body_sent; /* h2 only */
};

struct exchange {
	struct conn *conn;
	struct exchange *prev, *next; /* of the same connection */
	int32_t stream_id;            /* h2 only */
	struct timer timer;
	void (*on_end)(struct exchange *exchange); /* NULL, or called once when it is freed */
	struct request request;
	struct answer answer;
};

struct exchange *exchange_new(struct conn *conn, int32_t stream_id);
void exchange_free(struct exchange *exchange);

/* Lowers the name. False: more header bytes than REQUEST_HEADERS_MAX. */
bool request_add_header(struct request *request, const char *name, size_t name_len,
			const char *value, size_t value_len);
/* The first header of this (lower case) name, or NULL. */
const char *request_header(const struct request *request, const char *name);
/* Fills path and segments from target. False: a bad escape or too many segments. */
bool request_split_path(struct request *request);

/* `name` and `value` must outlive the exchange. */
void answer_field(struct answer *answer, const char *name, const char *value);
/* A value made for this answer, kept here; what does not fit into `text` is left out. */
void answer_fieldf(struct answer *answer, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Sends the answer after `latency_ms`. The exchange may be gone on return. */
void exchange_send(struct exchange *exchange, int latency_ms);

#endif
