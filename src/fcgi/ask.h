/*
 * ask - one request as a FastCGI client on a unix socket; waits for the answer.  For commands,
 * never for the loop.
 */
#ifndef FCGI_ASK_H
#define FCGI_ASK_H

#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/str.h"

/* GET path, with its query.  The body of a 200 is appended to ret_body; -1 with ret_err for
 * anything else, and after timeout_ms of silence. */
int fcgi_ask(const char *socket_path, const char *path, int64_t timeout_ms, struct str *ret_body,
	     struct err *ret_err) MUST_CHECK;

#endif
