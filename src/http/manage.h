/*
 * manage - what is asked for with scope manage, pause, resume, resolve, replay: their bodies,
 * checked as the command line checks its options (domain/manage), and their answers.
 */
#ifndef HTTP_MANAGE_H
#define HTTP_MANAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/err.h"
#include "base/str.h"
#include "domain/hold.h"
#include "domain/manage.h"
#include "domain/message.h"
#include "http/request.h"
#include "http/response.h"

/* What is to be held, or to go on. */
struct http_hold {
	enum hold_scope scope;
	char tenant_id[MESSAGE_TOKEN_MAX + 1]; /* "" unless the scope has it; so below */
	char outlet_id[MESSAGE_TOKEN_MAX + 1];
	char number[HOLD_NUMBER_BYTES];
	char why[MANAGE_WHY_MAX + 1];
};

struct http_resolve {
	char as[8]; /* sent, failed, resend */
	char why[MANAGE_WHY_MAX + 1];
	char wamid[MANAGE_WAMID_MAX + 1]; /* "": not known */
};

struct http_replay {
	bool dry_run;
	bool include_unknown;
	unsigned limit;
	unsigned rate;
	char tenant_id[MESSAGE_TOKEN_MAX + 1];
	char outlet_id[MESSAGE_TOKEN_MAX + 1]; /* "": any; so below */
	char number[HOLD_NUMBER_BYTES];
	char code[12];
	char since[CLOCK_RFC3339_BYTES];
	char until[CLOCK_RFC3339_BYTES];
	char why[MANAGE_WHY_MAX + 1];
};

/* tenant_id: the key's, unless the body says another; null: the body has to.  False with ret_err,
 * ERR_INVALID "<member>: ..." or ERR_INTERNAL. */
bool http_hold_read(const struct http_request *request, const char *tenant_id,
		    struct http_hold *ret_hold, struct err *ret_err) MUST_CHECK;
bool http_resolve_read(const struct http_request *request, struct http_resolve *ret_resolve,
		       struct err *ret_err) MUST_CHECK;
bool http_replay_read(const struct http_request *request, const char *tenant_id,
		      int64_t now_wall_us, struct http_replay *ret_replay,
		      struct err *ret_err) MUST_CHECK;

/* The rows of a statement. */
struct http_rows {
	unsigned count;
	const char *(*value)(const void *rows, unsigned row, unsigned column);
	const void *rows;
};

/* Of hold_set, one row; of hold_release. */
void http_held(struct http_response *r, const struct http_hold *hold, const struct http_rows *rows);
void http_released(struct http_response *r, const struct http_rows *rows);
/* Of replay_count. */
void http_replay_counted(struct http_response *r, const struct http_replay *replay,
			 const struct http_rows *rows);
/* Adds those of replay_send to a list, which is "" at first. */
void http_replayed_add(struct str *list, const struct http_rows *rows);
/* left_out: were found, and not replayed after all; more: there may be more of them. */
void http_replayed(struct http_response *r, const struct str *list, uint64_t messages,
		   uint64_t left_out, bool more);

#endif
