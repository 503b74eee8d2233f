#include "delivery/tokens.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "delivery/item.h"

#define ASKED_KEPT 16
#define ASK_AGAIN_MS 1000
#define RARELY 4 /* doublings */
#define LOG_MS 60000

/* A hold in force, in order of tenants, outlets and numbers. */
struct token {
	struct hold hold;
	int64_t look_ms;  /* its next probe */
	int64_t try_ms;   /* from then on the old token is tried again */
	unsigned refused; /* tries, in a row */
	uint64_t print;   /* of the token refused last; 0: not seen here */
	int64_t logged_ms;
	bool ours;
	bool released; /* asked for */
};

struct tokens {
	struct delivery *delivery;
	struct token *tokens;
	unsigned count;
	int loading; /* a probe of this hold; 0: none */
	/* Asked to be held: many messages find it out at the same time. */
	struct {
		struct hold hold;
		int64_t ms;
	} asked[ASKED_KEPT];
	unsigned asked_next;
};

static int64_t now_ms(const struct tokens *t)
{
	return loop_now_ms(t->delivery->world->loop);
}

struct tokens *tokens_new(struct delivery *d)
{
	struct tokens *t = calloc(1, sizeof(*t));

	if (t)
		t->delivery = d;
	return t;
}

void tokens_free(struct tokens *t)
{
	if (!t)
		return;
	free(t->tokens);
	free(t);
}

static int compare(const struct hold *a, const struct hold *b)
{
	int order = strcmp(a->tenant_id, b->tenant_id);

	if (!order)
		order = strcmp(a->outlet_id, b->outlet_id);
	return order ? order : strcmp(a->number, b->number);
}

static int by_subject(const void *key, const void *element)
{
	const struct token *token = element;

	return compare(key, &token->hold);
}

static struct token *find(const struct tokens *t, const struct hold *hold)
{
	return t->count ? bsearch(hold, t->tokens, t->count, sizeof(*t->tokens), by_subject) : NULL;
}

/* What holds an item for its token, or would. */
static struct hold hold_of(const struct item *item)
{
	struct hold hold = { .scope = HOLD_OUTLET, .reason = HOLD_TOKEN };

	text_copy_cut(hold.tenant_id, sizeof(hold.tenant_id), item->message->tenant_id);
	text_copy_cut(hold.outlet_id, sizeof(hold.outlet_id), item->message->outlet_id);
	memcpy(hold.number, item->number, sizeof(hold.number));
	return hold;
}

static struct token *find_of(const struct item *item)
{
	const struct tokens *t = item->delivery->tokens;
	struct hold hold;

	if (!t->count)
		return NULL; /* as a rule */
	hold = hold_of(item);
	return find(t, &hold);
}

/* One that was set long ago, under another owner of its lanes, is due at once. */
static struct token new_token(const struct tokens *t, const struct hold *hold)
{
	const int64_t period_ms = t->delivery->settings.token_probe_ms;
	int64_t wait_ms = period_ms + (hold->set_wall_us - clock_wall_us()) / 1000;
	struct token token = { .hold = *hold };

	if (wait_ms < 0 || wait_ms > period_ms)
		wait_ms = wait_ms < 0 ? 0 : period_ms;
	token.look_ms = token.try_ms = now_ms(t) + wait_ms;
	return token;
}

/* A probe must not overtake what the owner before us had taken back for one of its own. */
void tokens_taken(struct tokens *t)
{
	const int64_t from_ms = now_ms(t) + t->delivery->settings.token_probe_ms;

	for (unsigned i = 0; i < t->count; i++) {
		if (t->tokens[i].look_ms < from_ms)
			t->tokens[i].look_ms = from_ms;
	}
}

/* The set is in order of these too, as all else is the same. */
bool tokens_learn(struct tokens *t, const struct hold_set *current)
{
	struct token *next = calloc(current->count + 1, sizeof(*next));
	unsigned count = 0;

	if (!next)
		return false;
	for (unsigned i = 0; i < current->count; i++) {
		const struct hold *hold = &current->holds[i];
		const struct token *known = find(t, hold);

		if (hold->reason != HOLD_TOKEN || hold->scope != HOLD_OUTLET)
			continue;
		next[count++] = known && known->hold.id == hold->id ? *known : new_token(t, hold);
	}
	free(t->tokens);
	t->tokens = next;
	t->count = count;
	return true;
}

/* -- an outlet is held ------------------------------------------------------------------ */

static bool asked_just_now(struct tokens *t, const struct hold *hold)
{
	for (unsigned i = 0; i < ASKED_KEPT; i++) {
		if (compare(&t->asked[i].hold, hold) == 0 &&
		    now_ms(t) - t->asked[i].ms < ASK_AGAIN_MS)
			return true;
	}
	t->asked[t->asked_next].hold = *hold;
	t->asked[t->asked_next].ms = now_ms(t);
	t->asked_next = (t->asked_next + 1) % ASKED_KEPT;
	return false;
}

static void log_subject(struct log_line *line, const struct hold *hold)
{
	log_str(line, "tenant_id", hold->tenant_id);
	log_str(line, "outlet_id", hold->outlet_id);
	log_str(line, "number", hold->number);
}

void tokens_refused(struct item *item)
{
	struct delivery *d = item->delivery;
	const struct hold hold = hold_of(item);
	struct log_line line;
	char note[320];

	if (asked_just_now(d->tokens, &hold))
		return;
	log_begin(&line, d->world->log, LOG_WARNING, "outlet_held");
	log_subject(&line, &hold);
	log_int(&line, "code", item->failure_code);
	log_str(&line, "cause", item->reason);
	log_end(&line);
	(void)snprintf(note, sizeof(note), "Meta's code %d: %s", item->failure_code, item->reason);
	store_set_hold(d->world->store, &hold, note);
}

void tokens_shelved(const struct item *item)
{
	struct token *token = find_of(item);

	if (token && token->hold.id == item->hold)
		token->ours = true;
}

unsigned tokens_held(const struct tokens *t)
{
	unsigned held = 0;

	for (unsigned i = 0; i < t->count; i++)
		held += t->tokens[i].ours;
	return held;
}

/* -- probes ----------------------------------------------------------------------------- */

static struct token *by_hold(const struct tokens *t, int hold)
{
	for (unsigned i = 0; i < t->count; i++) {
		if (t->tokens[i].hold.id == hold)
			return &t->tokens[i];
	}
	return NULL;
}

/* One at a time; the next follows when its row is here. */
void tokens_tick(struct tokens *t)
{
	const struct delivery *d = t->delivery;
	const uint64_t lanes = lanes_ours(d->lanes);
	struct err err;

	for (unsigned i = 0; i < t->count && !t->loading && lanes && d->looked; i++) {
		struct token *token = &t->tokens[i];

		if (token->look_ms > now_ms(t))
			continue;
		if (store_load_probe(d->world->store, LOAD_PROBE, lanes, token->hold.id, &err))
			return;
		t->loading = token->hold.id;
		token->look_ms = now_ms(t) + d->settings.token_probe_ms;
		token->released = false;
		token->ours = false; /* unless there is a message */
	}
}

void tokens_on_probe(struct tokens *t, struct item *item)
{
	struct token *token = by_hold(t, t->loading);

	if (token)
		token->ours = true;
	if (item)
		item->probe = t->loading;
}

void tokens_on_loaded(struct tokens *t, bool loaded)
{
	(void)loaded; /* if not, the next one is in time */
	t->loading = 0;
	tokens_tick(t);
}

/* FNV-1a; only ever compared. */
static uint64_t print_of(const char *text)
{
	uint64_t print = UINT64_C(0xcbf29ce484222325);

	while (*text)
		print = (print ^ (uint8_t)*text++) * UINT64_C(0x100000001b3);
	return print;
}

static void release(const struct tokens *t, struct token *token, const char *why)
{
	struct log_line line;

	if (token->released)
		return;
	token->released = true;
	log_begin(&line, t->delivery->world->log, LOG_WARNING, "outlet_released");
	log_subject(&line, &token->hold);
	log_str(&line, "cause", why);
	log_end(&line);
	store_release_hold(t->delivery->world->store, token->hold.id, why);
}

void tokens_on_credentials(struct item *item)
{
	const struct tokens *t = item->delivery->tokens;
	struct token *token = item->probe ? by_hold(t, item->probe) : NULL;

	if (!token)
		return;
	if (strcmp(token->hold.number, item->number) != 0)
		release(t, token, "the outlet has another number now");
	else if (token->print == print_of(item->credentials->token) && now_ms(t) < token->try_ms)
		item->probe = 0; /* it goes back */
}

/* Meta looks at the token first: what it says of the message shows that the token works. */
static bool shows_it_works(const struct verdict *verdict)
{
	return verdict->outcome == OUTCOME_ACCEPTED ||
	       (verdict->outcome == OUTCOME_REFUSED &&
		(verdict->error->class == GRAPH_PERMANENT_REQUEST ||
		 verdict->error->class == GRAPH_PERMANENT_RECIPIENT));
}

static void refused_again(const struct tokens *t, struct token *token, const struct item *item,
			  const struct graph_answer *answer)
{
	const unsigned doublings = token->refused < RARELY ? token->refused : RARELY;
	struct log_line line;

	token->refused++;
	token->print = print_of(item->credentials->token);
	token->try_ms = now_ms(t) + (t->delivery->settings.token_probe_ms << doublings);
	if (token->logged_ms && now_ms(t) - token->logged_ms < LOG_MS)
		return;
	token->logged_ms = now_ms(t);
	log_begin(&line, t->delivery->world->log, LOG_WARNING, "token_refused");
	log_subject(&line, &token->hold);
	log_int(&line, "code", answer->facts.error_code);
	log_int(&line, "held_s", (clock_wall_us() - token->hold.set_wall_us) / 1000000);
	log_end(&line);
}

void tokens_on_answer(struct item *item, const struct graph_answer *answer)
{
	const struct tokens *t = item->delivery->tokens;
	struct token *token = find_of(item);
	const bool probe = item->probe != 0;

	item->probe = 0;
	if (!token)
		return;
	if (shows_it_works(&answer->verdict) &&
	    (probe || item->begun_wall_us > token->hold.set_wall_us))
		release(t, token, "Meta takes the token again");
	else if (probe && answer->verdict.error->class == GRAPH_AUTH)
		refused_again(t, token, item, answer);
}
