/*
 * problem_private - a problem under construction, for those with members of their own.
 */
#ifndef HTTP_PROBLEM_PRIVATE_H
#define HTTP_PROBLEM_PRIVATE_H

#include "http/problem.h"
#include "json/json_out.h"

/* Initialises r, writes the headers and the three fields every problem has, and leaves the
 * object open; end it with json_out_object_end(). */
void http_problem_begin(struct http_response *r, enum problem problem, const char *message,
			struct json_out *ret_out);

/* The three fields alone, into an object that is open. */
void http_problem_members(struct json_out *out, enum problem problem, const char *message);

#endif
