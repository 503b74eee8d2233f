/*
 * flow - one request on its way through the steps.  Private to pipeline.
 */
#ifndef PIPELINE_FLOW_H
#define PIPELINE_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/log.h"
#include "delivery/job.h"
#include "delivery/result.h"
#include "domain/message.h"
#include "http/prefer.h"
#include "http/response.h"
#include "http/router.h"
#include "pipeline/access.h"
#include "pipeline/pipeline.h"
#include "webhook/gather.h"

#define FLOW_REQUEST_ID_BYTES 132

enum flow_step {
	FLOW_KEY = 0, /* nothing to do without an idempotency key */
	FLOW_ROOM,    /* the backlog has room for one more */
	FLOW_QUOTA,
	FLOW_CREDENTIALS,
	FLOW_COMMIT,
	FLOW_COMMIT_FAILED, /* no credentials: stored as failed, never sent */
	FLOW_DELIVER,
	FLOW_STATUS,    /* a status was asked for, or the wait ran out */
	FLOW_RECORD,    /* so too */
	FLOW_READ,      /* something else was asked for */
	FLOW_SEEN,      /* of who asks to cancel it: theirs? */
	FLOW_CANCEL,    /* it is called off, as far as that can be; then its status is asked for */
	FLOW_BULK_READ, /* a bulk call, portion by portion */
	FLOW_BULK_KEY,
	FLOW_BULK_ROOM,
	FLOW_BULK_QUOTA,
	FLOW_BULK_OPEN, /* its row and its key are durable */
	FLOW_BULK_ADD,  /* its messages are, portion by portion */
	FLOW_BULK_CLOSE,
	FLOW_BATCH_SEEN,
	FLOW_BATCH_CANCEL,  /* page by page */
	FLOW_WEBHOOK_CHECK, /* its signature fits; portion by portion */
	FLOW_WEBHOOK_READ,  /* so too */
	FLOW_WEBHOOK_STORE, /* it is durable, with what it tells */
	FLOW_HOLD,          /* something is held, or goes on */
	FLOW_RESOLVE_SEEN,
	FLOW_RESOLVE,      /* decided, or not; then its status is asked for */
	FLOW_REPLAY_COUNT, /* a dry run */
	FLOW_REPLAY_QUOTA,
	FLOW_REPLAY, /* page by page */
	FLOW_ANSWER,
	FLOW_STEPS,
};

enum flow_result {
	FLOW_OK = 0,
	FLOW_NO,    /* this step decided the answer, or sends it another way */
	FLOW_TAKEN, /* the key is another request's, or has another answer */
	FLOW_LATER, /* it is scheduled, and nobody has to be told */
	FLOW_RESULTS,
	FLOW_PENDING = FLOW_RESULTS,
};

/* What the answer will be, decided on the way. */
enum flow_reply {
	REPLY_PENDING = 0, /* 202 */
	REPLY_SENT,        /* 200 */
	REPLY_FAILED,      /* 500 send_failed */
	REPLY_QUOTA,       /* 429 */
	REPLY_QUEUE_FULL,  /* 429 */
	REPLY_STATUS,      /* 200, the status */
	REPLY_READ,        /* 200, made already */
	REPLY_NOT_FOUND,
	REPLY_OVERLOADED,
	REPLY_STORE_AWAY,
	REPLY_UNCERTAIN,      /* 503, may have been taken */
	REPLY_CANCEL_UNKNOWN, /* 503, may have been cancelled */
	REPLY_AGAIN,          /* as the first request with the key was answered */
	REPLY_KEY_IN_USE,     /* 409 */
	REPLY_KEY_REUSED,     /* 422 */
	REPLY_INVALID,        /* 400 */
	REPLY_FORBIDDEN,      /* 403 */
	REPLY_WEBHOOK,        /* 200 */
	REPLY_BAD_SIGNATURE,  /* 401 */
	REPLY_HOLDS_FULL,     /* 409 */
	REPLY_MANAGE_UNKNOWN, /* 503, may have been done */
	REPLY_INTERNAL,
};

struct flow {
	struct job job;
	struct pipeline *pipeline;
	struct list all;   /* in pipeline.all */
	struct list ready; /* in pipeline.ready while a result waits to be acted on */
	uint64_t fcgi_id;
	enum route route;
	struct grant *grant; /* held; null: no key was asked for */
	enum flow_step step;
	enum flow_result result;
	enum flow_reply reply;
	bool async;                   /* nobody waits for the outcome */
	bool replayed;                /* the answer is an earlier request's */
	bool charge;                  /* the store checks the quota with the commit */
	bool elsewhere;               /* its delivery has left this worker */
	unsigned entered;             /* messages of it that count in the backlog */
	unsigned key_looks;           /* how often the key was looked up */
	struct prefer prefer;         /* what the caller says of waiting */
	struct delivery_place *place; /* owned; for attempt 1 */
	int64_t begun_boot_ms;
	int64_t deadline_boot_ms;        /* SYNC_WAIT, or as the caller prefers */
	uint64_t timer;                  /* fires at the deadline */
	int64_t look_boot_ms;            /* its next look into the store; 0: none */
	int64_t sent_boot_ms;            /* a look has found it sent, being copied; 0: none */
	struct message_id id;            /* of the message asked for, or made */
	const char *tenant_id;           /* of its message, or messages; null for a status */
	struct message *message;         /* owned; null for a status, and of a bulk call */
	struct bulk *bulk;               /* owned; of a bulk call */
	struct webhook *webhook;         /* owned; of a webhook */
	struct manage *manage;           /* owned; of what is decided by key */
	struct credentials *credentials; /* owned, wiped */
	struct store_key *key;           /* owned; null: none */
	int64_t begun_wall_us;           /* of the merged attempt */
	int64_t deadline_wall_us;
	int64_t expires_wall_us;
	struct delivery_result outcome; /* its texts: title here, action and detail below */
	char action[256];
	char detail[32];
	char reason[256]; /* quota's reason, why there are no credentials, or why 400 or 403 */
	struct tally_full full;         /* with QUEUE_FULL */
	struct store_status *status;    /* owned; when the status is the answer */
	struct store_read read;         /* when something else is */
	struct http_response *response; /* owned; its answer */
	int64_t step_boot_ms;           /* when it came to its step */
	char request_id[FLOW_REQUEST_ID_BYTES];
	char traceparent[TRACE_PARENT_BYTES];
};

struct pipeline {
	struct world *world;
	struct pipeline_settings settings;
	struct delivery *delivery;  /* borrowed */
	struct fcgi_server *server; /* borrowed */
	struct access *access;
	struct grant *grant; /* of the request that is being received */
	struct list all;
	struct list ready;
	struct list decided; /* to be answered: in the round of the hooks after the next */
	struct list leaving; /* in the next one */
	struct list bulks;   /* bulk calls, in order of their turns */
	unsigned bulk_count;
	struct list webhooks; /* those with work to do, in order */
	size_t webhook_bytes; /* held of them */
	uint64_t webhook_timer;
	struct webhook_secrets *webhook_secrets;
	struct webhook_numbers webhook_numbers;
	unsigned flows;
	bool draining;
	int64_t drain_until_ms;      /* nobody is kept waiting longer */
	int64_t store_away_since_ms; /* 0: it is there */
	uint64_t look_timer;         /* look.c */
	int64_t look_at_boot_ms;
	int64_t looked_boot_ms;
	struct log_rate quota_log;
	struct log_rate refused_log;
};

/* flow.c */
/* Begins its trace, or continues the caller's. */
void flow_trace(const struct http_request *request, char ret_parent[TRACE_PARENT_BYTES]);
struct flow *flow_new(struct pipeline *p, uint64_t fcgi_id, enum route route,
		      const char *request_id, const struct http_request *request);
void flow_free(struct flow *f);

/* steps.c */
extern const struct job_operations flow_operations;
void flow_enter(struct flow *f, enum flow_step step);
/* The step under way has come to this. */
void flow_ready(struct flow *f, enum flow_result result);
/* The reply as the store says the message stands. */
void flow_use_state(struct flow *f, const struct store_status *status);
bool flow_advance_all(struct pipeline *p);

/* lookups.c */
enum flow_result flow_check_quota(struct flow *f);
enum flow_result flow_use_quota(struct flow *f, const struct quota_answer *a);
enum flow_result flow_find_credentials(struct flow *f);
enum flow_result flow_use_credentials(struct flow *f, const struct credentials_answer *a);

/* deliver.c */
enum flow_result flow_deliver(struct flow *f);
void flow_take_result(struct flow *f, const struct delivery_result *result);
/* Waits for its delivery no longer than until_boot_ms. */
void flow_hurry(struct flow *f, int64_t until_boot_ms);

/* status.c */
#define FLOW_STATUS_WAIT_MS 1000 /* for an answer of the reader */
enum flow_result flow_look_up_status(struct flow *f);
void flow_use_status(struct flow *f, enum store_verdict verdict, const struct store_status *status);
/* A timer of a flow: no answer within that time. */
void flow_status_late(void *flow);

/* look.c: a result may have been lost on its way. */
/* When the wait is long the flow looks into the store, now and then, as long as it waits. */
void flow_look_later(struct flow *f);
/* Found sent: the answer waits for the copy, a second at most. */
bool flow_awaits_copy(struct flow *f, const struct store_status *status);
/* Told that the store knows: at once. */
void flow_look_now(struct flow *f);

/* room.c */
enum flow_result flow_find_room(struct flow *f);
/* Its accept has been written, or not. */
void flow_leave_room(struct flow *f, enum store_verdict verdict);

/* commit.c */
enum flow_result flow_commit(struct flow *f);
enum flow_result flow_commit_failed(struct flow *f);
/* Which of the tenant's own limits has been reached; static. */
const char *flow_quota_reason(uint64_t which);
enum flow_result flow_committed(struct flow *f, enum store_verdict verdict, uint64_t seq);

/* key.c */
struct store_key *flow_key_new(const char *key, const uint8_t fingerprint[STORE_FINGERPRINT_BYTES]);
void flow_key_free(struct store_key *key);
enum flow_result flow_look_up_key(struct flow *f);
enum flow_result flow_use_first(struct flow *f, enum store_verdict verdict,
				const struct store_first *first);
/* The answer as it is known now becomes the key's.  NO: no memory. */
enum flow_result flow_key_answer(struct flow *f);
enum flow_result flow_record(struct flow *f);
enum flow_result flow_recorded(struct flow *f, enum store_verdict verdict);
/* read.c */
enum flow_result flow_look_seen(struct flow *f);
enum flow_result flow_seen(struct flow *f, enum store_verdict verdict,
			   const struct store_found *found);
enum flow_result flow_read(struct flow *f);
enum flow_result flow_found(struct flow *f, enum store_verdict verdict,
			    const struct store_found *found);

enum flow_result flow_cancel_batch(struct flow *f);
/* A page of it has come. */
enum flow_result flow_cancelled(struct flow *f, enum store_verdict verdict,
				const struct store_found *found);

/* answer.c */
/* Status, body and headers of the reply; initialises r. */
void flow_build(struct flow *f, struct http_response *r);
void flow_answer(struct flow *f);
/* What to say to who asks for an id that is none: static. */
const char *flow_no_such_id(enum route route);
/* Adds X-Request-Id, sends the answer, counts and finishes it.  Logging is the caller's.
 * route: ROUTE_COUNT: none. */
void pipeline_answer(struct pipeline *p, uint64_t fcgi_id, const char *request_id, enum route route,
		     struct http_response *response);

#endif
