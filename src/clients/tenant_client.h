/*
 * tenant_client - the Tenant Service: may this tenant send, and with which credentials.
 *
 * Answers at hand (cache) are returned at once; otherwise the answer comes by the done
 * function, from a loop hook.  Identical look-ups in flight are one call.
 * Quota: failing check = unchecked (the caller allows it, contract); after 5 failures in a
 * row the check is skipped and probed once a second.  Credentials: fresh for
 * cache_seconds, stale ones serve while the service is down; a definite "unknown outlet"
 * (404) is not cached longer than a second.
 */
#ifndef CLIENTS_TENANT_CLIENT_H
#define CLIENTS_TENANT_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/loop.h"

#define CREDENTIALS_NUMBER_BYTES 32
#define CREDENTIALS_TOKEN_BYTES 1024
#define CREDENTIALS_PROOF_BYTES 65

struct credentials {
	char number[CREDENTIALS_NUMBER_BYTES]; /* Meta's phone_number_id: digits only */
	char token[CREDENTIALS_TOKEN_BYTES];   /* visible ASCII; never logged */
	char proof[CREDENTIALS_PROOF_BYTES];   /* appsecret_proof of it; "": none is wanted */
};

enum quota_verdict {
	QUOTA_ALLOWED = 0,
	QUOTA_EXCEEDED,
	QUOTA_UNCHECKED, /* the check itself failed: warn and allow */
};

struct quota_answer {
	enum quota_verdict verdict;
	bool skipped;     /* unchecked because of failures before: not worth a line each */
	bool charge;      /* the store decides, with the message: it has the quota */
	char reason[256]; /* the service's words when exceeded; UTF-8, cut */
	struct err err;   /* why unchecked */
};

enum credentials_verdict {
	CREDENTIALS_OK = 0,
	CREDENTIALS_UNKNOWN, /* the service says there is no such outlet, or it has none */
	CREDENTIALS_AWAY,    /* the service cannot be asked and nothing is cached */
};

struct credentials_answer {
	enum credentials_verdict verdict;
	bool stale;                            /* served from cache though past its time */
	const struct credentials *credentials; /* borrowed for the call, when OK */
	struct err err;
};

typedef void quota_done_fn(void *arg, uint64_t tag, const struct quota_answer *answer);
typedef void credentials_done_fn(void *arg, uint64_t tag, const struct credentials_answer *answer);

struct tenant_client;

/* Who is asked instead of the service, and answers later by tenant_client_answer() with that tag.
 * 0, or -1 with ret_err. */
typedef int tenant_ask_fn(void *arg, uint64_t tag, const char *tenant_id, const char *outlet_id,
			  struct err *ret_err);

struct tenant_client_settings {
	tenant_ask_fn *ask; /* null: the service; else quotas are the store's, and not asked for */
	void *ask_arg;
	const char *base_url; /* copied */
	const char *ca_file;  /* copied */
	int64_t quota_timeout_ms;
	int64_t quota_cache_ms; /* 0: ask each time (shared while in flight) */
	int64_t credentials_timeout_ms;
	int64_t credentials_cache_ms;
	unsigned max_entries; /* bound of each cache, e.g. 10,000 outlets */
	unsigned max_connections;
};

struct tenant_client *tenant_client_new(struct loop *loop,
					const struct tenant_client_settings *settings,
					quota_done_fn *quota_done,
					credentials_done_fn *credentials_done, void *arg,
					struct err *ret_err) MUST_CHECK;
void tenant_client_free(struct tenant_client *c);

/* traceparent: of the call, if this makes one; "": none.
 * True: *ret_answer is the answer, now.  False: it comes later with this tag. */
bool tenant_client_quota(struct tenant_client *c, const char *tenant_id, const char *traceparent,
			 uint64_t tag, struct quota_answer *ret_answer) MUST_CHECK;

/* refuse_token: null, or a token that was just refused: it is dropped from the cache and the
 * service is asked again.  True: *ret_answer now (its credentials are borrowed until the
 * next call).  False: later. */
bool tenant_client_credentials(struct tenant_client *c, const char *tenant_id,
			       const char *outlet_id, const char *refused_token,
			       const char *traceparent, uint64_t tag,
			       struct credentials_answer *ret_answer) MUST_CHECK;

/* What the cache holds, fresh or stale, without asking the service; false: nothing. */
bool tenant_client_known(struct tenant_client *c, const char *tenant_id, const char *outlet_id,
			 struct credentials *ret_credentials) MUST_CHECK;

/* For an ask function: what the look-up came to. */
void tenant_client_answer(struct tenant_client *c, uint64_t tag,
			  const struct credentials_answer *answer);
/* What is cached may be wrong: all of it is asked for anew when it is needed next. */
void tenant_client_forget(struct tenant_client *c);

/* What a sibling knew (bell): put into the cache as fresh. */
void tenant_client_learn(struct tenant_client *c, const char *tenant_id, const char *outlet_id,
			 const struct credentials *credentials);

#endif
