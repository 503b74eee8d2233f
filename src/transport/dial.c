/*
 * A failure is one of its round of the loop only: who asks later looks up anew, and does not
 * get an answer to a question of long ago.
 */
#include "transport/dial.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "base/resolve.h"
#include "base/text.h"

#define KEEP_MS 60000

struct dial {
	struct loop *loop;
	const struct origin *origin;
	dial_known_fn *known;
	void *arg;
	struct resolve *running;
	struct dial_address addresses[RESOLVE_ADDRESSES_MAX];
	unsigned count;
	unsigned first;           /* to try */
	struct dial_address good; /* that worked last */
	int64_t until_ms;         /* the addresses are looked up anew after it */
	int64_t failed_ms;        /* the round of the loop that err is of */
	struct err err;
};

struct dial *dial_new(struct loop *loop, const struct origin *origin, dial_known_fn *known,
		      void *arg)
{
	struct dial *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->loop = loop;
	d->origin = origin;
	d->known = known;
	d->arg = arg;
	return d;
}

void dial_free(struct dial *d)
{
	if (d == NULL)
		return;
	resolve_forget(d->running);
	free(d);
}

/* Numeric: getaddrinfo() only reads it, the scope of an IPv6 address too. */
static bool read_address(const struct dial *d, const char *text, struct dial_address *ret)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
					.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
	struct addrinfo *list;

	if (getaddrinfo(text, d->origin->port, &hints, &list) != 0)
		return false;
	memcpy(&ret->at, list->ai_addr, list->ai_addrlen);
	ret->len = list->ai_addrlen;
	freeaddrinfo(list);
	return true;
}

static bool is_good(const struct dial *d, const struct dial_address *address)
{
	return address->len == d->good.len && memcmp(&address->at, &d->good.at, address->len) == 0;
}

static void take(struct dial *d, const struct resolve_answer *answer)
{
	d->count = 0;
	d->first = 0;
	for (unsigned i = 0; i < answer->count; i++) {
		if (!read_address(d, answer->addresses[i], &d->addresses[d->count]))
			continue;
		if (is_good(d, &d->addresses[d->count]))
			d->first = d->count;
		d->count++;
	}
}

static void fail(struct dial *d, const char *why)
{
	d->failed_ms = loop_now_ms(d->loop);
	err_set(&d->err, ERR_TEMPORARY, 0, "%s: %s", d->origin->host, why);
}

/* What was known before serves while nothing better is to be had. */
static void on_resolved(void *arg, const struct resolve_answer *answer)
{
	struct dial *d = arg;

	d->running = NULL;
	if (answer->count > 0)
		take(d, answer);
	if (d->count == 0)
		fail(d, answer->count > 0 ? "no usable address" : answer->why);
	d->until_ms = loop_now_ms(d->loop) + KEEP_MS;
	d->known(d->arg);
}

static void look_up(struct dial *d)
{
	struct err err;

	if (d->running != NULL || d->failed_ms == loop_now_ms(d->loop))
		return;
	d->running = resolve_start(d->loop, d->origin->host, on_resolved, d, &err);
	if (d->running == NULL)
		fail(d, err.text);
}

static void take_host(struct dial *d)
{
	struct resolve_answer answer = { .count = 1 };

	text_copy_cut(answer.addresses[0], RESOLVE_ADDRESS_BYTES, d->origin->host);
	take(d, &answer);
	if (d->count == 0)
		fail(d, "no usable address");
}

bool dial_ready(struct dial *d)
{
	if (d->origin->address && d->count == 0)
		take_host(d);
	else if (!d->origin->address && (d->count == 0 || d->until_ms <= loop_now_ms(d->loop)))
		look_up(d);
	return d->count > 0;
}

bool dial_failed(const struct dial *d, struct err *ret_err)
{
	if (d->failed_ms != loop_now_ms(d->loop))
		return false;
	*ret_err = d->err;
	return true;
}

const struct dial_address *dial_address(const struct dial *d, unsigned n)
{
	return n < d->count ? &d->addresses[(d->first + n) % d->count] : NULL;
}

void dial_worked(struct dial *d, unsigned n)
{
	if (d->count == 0)
		return;
	d->first = (d->first + n) % d->count;
	d->good = d->addresses[d->first];
}
