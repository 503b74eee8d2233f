/*
 * access - the keys that callers show: looked up once, remembered, and judged.
 *
 * Invariants
 *  A1  A key counts as it stood ACCESS_FRESH_MS ago or later: what was remembered is good for one
 *      version of all keys, which is asked for every second.
 *  A2  A request whose key has to be looked up first waits here, with all it brought, and then
 *      comes again.  So many wait at once, with so many bytes; others are refused.
 *  A3  Keys that do not exist are remembered too, but never push out those that do.
 *
 * One thread: the loop's.
 */
#ifndef PIPELINE_ACCESS_H
#define PIPELINE_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "delivery/world.h"
#include "domain/api_key.h"
#include "http/request.h"

#define ACCESS_FRESH_MS 4000
#define ACCESS_WAITING_MAX 256
#define ACCESS_WAITING_BYTES_MAX ((size_t)32 * 1024 * 1024)

struct access;

/* What a key permits whom; shared by the requests that came with it.  A null grant permits all: no
 * key is asked for. */
struct grant {
	unsigned holders;
	struct api_key key;
	char outlets[]; /* the key's */
};

/* Null stays null. */
struct grant *grant_hold(struct grant *grant);
void grant_drop(struct grant *grant);
/* The one tenant it speaks for; null: any. */
const char *grant_tenant(const struct grant *grant);
/* For the store. */
struct store_asker grant_asker(const struct grant *grant);
/* Null, or what it has not got, "tenant_id: ..."; outlet_id may be null. */
const char *grant_refuses(const struct grant *grant, const char *tenant_id, const char *outlet_id);

/* The same for all outlets when outlet_id is null. */
const char *grant_refuses_whole(const struct grant *grant, const char *tenant_id,
				const char *outlet_id);
/* Reports are of all outlets. */
const char *grant_refuses_report(const struct grant *grant, const char *tenant_id);

enum access_verdict {
	ACCESS_GRANTED = 0,
	ACCESS_NO_KEY,    /* 401: none, or none that is any good */
	ACCESS_NOT_SCOPE, /* 403 */
	ACCESS_LATER,     /* the request comes again; it was copied, its large body taken over */
	ACCESS_AWAY,      /* 503: nobody can tell */
	ACCESS_FULL,      /* 503: too many wait */
};

typedef void access_again_fn(void *arg, uint64_t fcgi_id, const struct http_request *request);

/* keys: they are asked for.  again: what comes again; never called within access_ask(). */
struct access *access_new(struct world *world, bool keys, access_again_fn *again, void *arg,
			  struct err *ret_err) MUST_CHECK;
void access_free(struct access *a);

bool access_asks(const struct access *a);
/* ret_grant, with GRANTED: the caller's to drop. */
enum access_verdict access_ask(struct access *a, uint64_t fcgi_id,
			       const struct http_request *request, enum scope needed,
			       struct grant **ret_grant);
/* Requests that wait. */
unsigned access_waiting(const struct access *a);

#endif
