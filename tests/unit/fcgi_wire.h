/*
 * fcgi_wire - FastCGI records as a web server writes and reads them, for tests of src/fcgi.
 * Written from the specification; shares nothing with the code under test.
 */
#ifndef TESTS_UNIT_FCGI_WIRE_H
#define TESTS_UNIT_FCGI_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum wire_type {
	WIRE_BEGIN = 1,
	WIRE_ABORT,
	WIRE_END,
	WIRE_PARAMS,
	WIRE_STDIN,
	WIRE_STDOUT,
	WIRE_STDERR,
	WIRE_DATA,
	WIRE_GET_VALUES,
	WIRE_GET_VALUES_RESULT,
	WIRE_UNKNOWN_TYPE,
};

enum { WIRE_RESPONDER = 1, WIRE_AUTHORIZER = 2, WIRE_KEEP = 1 };

struct wire {
	uint8_t *data;
	size_t len;
	size_t space;
};

void wire_fini(struct wire *w);
void wire_add(struct wire *w, const void *data, size_t len);
void wire_record(struct wire *w, unsigned type, unsigned id, const void *data, size_t len,
		 unsigned padding);
void wire_begin(struct wire *w, unsigned id, unsigned role, unsigned flags);
/* A name-value pair, into a wire that will be the content of a record. */
void wire_pair(struct wire *w, const char *name, const void *value, size_t value_len);
/* The same bytes as a stream: records of at most `chunk` bytes, then the empty one. */
void wire_stream(struct wire *w, unsigned type, unsigned id, const void *data, size_t len,
		 size_t chunk);
/* A whole request: REQUEST_METHOD, REQUEST_URI, CONTENT_LENGTH and body. */
void wire_request(struct wire *w, unsigned id, unsigned flags, const char *method, const char *uri,
		  const void *body, size_t body_len);

/* What came back for one request. */
struct wire_answer {
	bool ended; /* END_REQUEST has come */
	unsigned protocol_status;
	uint32_t app_status;
	struct wire out; /* STDOUT, ends with a 0 that len does not count */
	size_t used;     /* bytes of the input, up to and with END_REQUEST */
	bool bad;        /* not FastCGI, or out of order */
};

/* Reads records of this id up to END_REQUEST; fini with wire_fini(&answer.out). */
struct wire_answer wire_read_answer(const uint8_t *data, size_t len, unsigned id);

#endif
