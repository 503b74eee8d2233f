/*
 * manage - what is decided by key: pause, resume, resolve, replay.  The rules are the statements of
 * the command line (sql/statements); who does it is the key.  Private to pipeline.
 */
#ifndef PIPELINE_MANAGE_H
#define PIPELINE_MANAGE_H

#include "http/manage.h"
#include "http/request.h"
#include "pipeline/flow.h"

struct manage; /* of one request */

void manage_free(struct manage *m);

/* Reads and checks the body, for the key; the step to begin with.  FLOW_ANSWER: f->reply says what
 * is wrong. */
enum flow_step manage_receive(struct flow *f, const struct http_request *request);

/* Steps. */
enum flow_result manage_hold(struct flow *f);
enum flow_result manage_resolve(struct flow *f);
enum flow_result manage_count(struct flow *f);
enum flow_result manage_replay(struct flow *f);
/* A statement has come to its end; what its step has come to. */
enum flow_result manage_done(struct flow *f, enum store_verdict verdict,
			     const struct store_rows *rows);

/* What stood in the way of a decision; "": nothing. */
const char *manage_hindrance(const struct flow *f);
void manage_log(const struct flow *f, struct log_line *line);

#endif
