/*
 * slot - one curl easy handle with all its standing options, used again and again; per call
 * only URL, headers, body and timeout change.
 *
 * A slot also knows how far its call got, which is what "not sent" and "lost" rest on.
 */
#ifndef TRANSPORT_SLOT_H
#define TRANSPORT_SLOT_H

#include <curl/curl.h>
#include <stdbool.h>

#include "base/compiler.h"
#include "base/list.h"
#include "base/str.h"
#include "transport/call.h"
#include "transport/driver.h"

/* Bytes of an answer's headers, those of interim answers included; more is a lost answer. */
#define SLOT_HEADERS_MAX 16384u

/* What all slots of a transport share; borrowed by them. */
struct slot_rules {
	const struct transport_settings *settings;
	transport_gate_fn *gate; /* null: refuses */
	void *arg;
	unsigned *setting_up; /* counts calls begun that have no connection yet */
};

struct slot {
	struct list node; /* in the pool, or among those in use */
	CURL *easy;
	struct driver_user user;
	const struct slot_rules *rules;
	struct call *call; /* owned while in use, else null */
	struct str answer;
	size_t body_at;
	bool ready;      /* it got a connection: its headers leave */
	bool body_begun; /* of a gated call: curl was given the body's first byte */
	bool gate_refused;
	bool rewind_refused;
	bool too_large;
	size_t header_bytes;
	char error[CURL_ERROR_SIZE];
};

/* Null with ret_err. */
struct slot *slot_new(const struct slot_rules *rules, struct driver *driver,
		      struct err *ret_err) MUST_CHECK;
void slot_free(struct slot *s);

/* Takes the call over; the caller then adds s->easy to the multi. */
void slot_begin(struct slot *s, struct call *call);
/* Reads what the call came to; texts are borrowed from the slot until slot_end(). */
void slot_result(struct slot *s, CURLcode code, int64_t now_boot_ms,
		 struct transport_result *ret_result);
/* Drops the call: the slot can be begun again.  s->easy is out of the multi. */
void slot_end(struct slot *s);

#endif
