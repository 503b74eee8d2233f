#include "tests/bench/request.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS = 10 };
#define RECIPIENTS UINT64_C(10000000000) /* 10^DIGITS */
#define ZEROS "0000000000"

static const char filler[] =
	" It left our warehouse this morning and reaches you within two days. Reply to this message"
	" if the address has changed or if nobody will be at home to take it.";

/* Appends text and returns where it ended. */
__attribute__((format(printf, 4, 5))) static size_t add(char *to, size_t size, size_t at,
							const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(to + at, size - at, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= size - at) {
		fprintf(stderr, "bench-load: a request is longer than %zu bytes\n", size);
		exit(2);
	}
	return at + (size_t)n;
}

/* Appends text that ends in DIGITS digits and returns where those begin. */
static size_t add_digits(char *to, size_t size, size_t *at, const char *text)
{
	*at = add(to, size, *at, "%s" ZEROS, text);
	return *at - DIGITS;
}

/* What follows the text of the message; returns its length. */
static size_t add_tail(char *to, size_t size, const char *priority)
{
	size_t at = add(to, size, 0, "\",\"message_type\":\"text\"");

	if (priority != NULL)
		at = add(to, size, at, ",\"priority\":\"%s\"", priority);
	return add(to, size, at, "}");
}

void request_init(struct request *r, const struct options *o, uint64_t first)
{
	char *b = r->bytes;
	size_t at, body, rest;
	char tail[64];

	memset(r, 0, sizeof(*r));
	r->tenants = (uint64_t)o->tenants;
	r->first_tenant = (uint64_t)o->first_tenant;
	r->first = first;
	at = add(b, REQUEST_MAX, 0,
		 "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
		 "Content-Length: %d\r\n%s\r\n",
		 o->path, REQUEST_BODY, o->async ? "Prefer: respond-async\r\n" : "");
	body = at;
	r->tenant = add_digits(b, REQUEST_MAX, &at, "{\"tenant_id\":\"123e4567-e89b-42d3-a456-42");
	r->outlet =
		add_digits(b, REQUEST_MAX, &at, "\",\"outlet_id\":\"223e4567-e89b-42d3-a456-42");
	r->conversation = add_digits(b, REQUEST_MAX, &at,
				     "\",\"conversation_id\":\"323e4567-e89b-42d3-a456-42");
	r->to = add_digits(b, REQUEST_MAX, &at, "\",\"to\":\"+628");
	r->order = add_digits(b, REQUEST_MAX, &at, "\",\"message\":\"Hello! Your order #");
	at = add(b, REQUEST_MAX, at, " has been shipped.");
	rest = REQUEST_BODY - (at - body) - add_tail(tail, sizeof(tail), o->priority);
	at = add(b, REQUEST_MAX, at, "%.*s%s", (int)rest, filler, tail);
	r->len = at;
}

static void put_digits(char *to, uint64_t value)
{
	for (int i = DIGITS - 1; i >= 0; i--) {
		to[i] = (char)('0' + value % 10);
		value /= 10;
	}
}

void request_number(struct request *r, uint64_t seq)
{
	uint64_t tenant = r->first_tenant + seq % r->tenants;
	uint64_t recipient = (r->first + seq) % RECIPIENTS;

	put_digits(r->bytes + r->tenant, tenant);
	put_digits(r->bytes + r->outlet, tenant);
	put_digits(r->bytes + r->conversation, recipient);
	put_digits(r->bytes + r->order, recipient);
	put_digits(r->bytes + r->to, recipient);
}
