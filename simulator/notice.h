/*
 * The bodies of webhooks, in the shapes that Meta gives them: compact JSON, everything but ASCII
 * as \uXXXX, slashes as \/, no line end.
 */
#ifndef SIMULATOR_NOTICE_H
#define SIMULATOR_NOTICE_H

#include "simulator/buf.h"
#include "simulator/receipts.h"

enum { USER_ID_SIZE = 160 };

/* A message as its receipts name it. Shared by them: notice_free() counts. */
struct subject {
	int users;
	char *wamid;
	char *callback; /* "" for none */
	char *number;
	char *recipient; /* digits, or a user's or a group's id */
	bool is_user_id;
	bool is_group;
	bool price_on_read; /* no `delivered` comes that would have it */
	struct receipts_style style;
};

/* One status that is to be reported. */
struct notice {
	struct subject *subject;
	char status[24];
	int64_t happened_s; /* Unix time */
};

/* Copies the texts of `from`; has one user. */
struct subject *subject_new(const struct subject *from);
void subject_free(struct subject *subject);

/* A whole body. Neighbours of one number share a change. */
void notice_write(struct buf *to, const struct notice *const notices[], size_t n);
/* One inbound message: `message` has Meta's own form, without sender, id and timestamp. */
void notice_write_inbound(struct buf *to, const struct subject *subject, const char *message,
			  int64_t happened_s);
/* A valid JSON text with the escapes that Meta uses. */
void notice_escape(struct buf *to, const char *json, size_t n);

#endif
