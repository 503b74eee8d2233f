/*
 * convert - libfcgi as parser and writer: a collected request becomes a struct http_request,
 * a struct http_response becomes FastCGI records.
 *
 * libfcgi only ever reads from and writes to two memory files, so it never waits.  One
 * struct convert serves all connections of a worker; FCGX_Init() must have been called.
 */
#ifndef FCGI_CONVERT_H
#define FCGI_CONVERT_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "fcgi/collect.h"
#include "http/request.h"
#include "http/response.h"

struct convert;

/* The bounds are the ones the collected requests were held to.  Null with ret_err. */
struct convert *convert_new(size_t max_params_bytes, size_t max_body_bytes,
			    struct err *ret_err) MUST_CHECK;
void convert_free(struct convert *c);

/* Reads a complete request; its pointers stay good until convert_request_done(), which must
 * follow a 0; the body of a large one is collected->body itself.  A request that came whole but is
 * wrong is told by `fault`.  Of parameters that come twice the first counts.  -1: no memory, or
 * libfcgi failed. */
int convert_request(struct convert *c, const struct collect *collected,
		    struct http_request *ret_request, struct err *ret_err) MUST_CHECK;
void convert_request_done(struct convert *c);

/* Writes the answer to the request with this id: STDOUT records and END_REQUEST.  The bytes
 * are borrowed until the next convert_answer().  May be called between convert_request() and
 * convert_request_done().  -1: none can be given, also because its body has failed: half an
 * answer is none. */
int convert_answer(struct convert *c, uint16_t id, const struct http_response *response,
		   const uint8_t **ret_data, size_t *ret_len, struct err *ret_err) MUST_CHECK;

#endif
