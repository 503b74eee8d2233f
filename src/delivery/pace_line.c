#include "delivery/pace_line.h"

#include <stdlib.h>
#include <string.h>

#include "clients/tenant_client.h"

#define IDLE_MS 60000
#define KEY_BYTES (2 * (MESSAGE_TOKEN_MAX + 1) + CREDENTIALS_NUMBER_BYTES)

static size_t append(char key[KEY_BYTES], size_t at, const char *text, size_t most)
{
	const size_t len = strnlen(text, most);

	memcpy(key + at, text, len);
	key[at + len] = '\0';
	return at + len + 1;
}

static size_t key_of(char key[KEY_BYTES], const struct message *m, const char *number)
{
	size_t len = append(key, 0, m->tenant_id, MESSAGE_TOKEN_MAX);

	len = append(key, len, m->outlet_id, MESSAGE_TOKEN_MAX);
	return append(key, len, number, CREDENTIALS_NUMBER_BYTES - 1);
}

/* -- numbers and tenants ------------------------------------------------------------------ */

static struct pace_number *find_number(struct pace *p, const char *name, int64_t taken_ms)
{
	const size_t len = strlen(name);
	struct pace_number *n = table_find(p->numbers, name, len);

	if (n)
		return n;
	n = calloc(1, sizeof(*n) + len + 1);
	if (!n)
		return NULL;
	n->alarm.kind = ALARM_NUMBER;
	list_init(&n->lines);
	memcpy(n->name, name, len);
	bucket_init(&n->bucket, p->settings.number_rate, taken_ms);
	if (table_insert(p->numbers, n->name, len, n))
		return n;
	free(n);
	return NULL;
}

static void drop_number(struct pace *p, struct pace_number *n)
{
	if (!list_empty(&n->lines))
		return;
	alarms_clear(&p->alarms, &n->alarm);
	(void)table_remove(p->numbers, n->name, strlen(n->name));
	free(n);
}

static struct pace_tenant *find_tenant(struct pace *p, const char *name, int64_t taken_ms)
{
	const size_t len = strlen(name);
	struct pace_tenant *t = table_find(p->tenants, name, len);

	if (t)
		return t;
	t = calloc(1, sizeof(*t) + len + 1);
	if (!t)
		return NULL;
	t->alarm.kind = ALARM_TENANT;
	t->weight = 1;
	for (unsigned i = 0; i < SHARE_CLASSES; i++) {
		list_init(&t->links[i]);
		list_init(&t->rings[i]);
	}
	memcpy(t->name, name, len);
	bucket_init(&t->bucket, p->settings.tenant_rate, taken_ms);
	if (table_insert(p->tenants, t->name, len, t))
		return t;
	free(t);
	return NULL;
}

static void drop_tenant(struct pace *p, struct pace_tenant *t)
{
	if (t->lines > 0)
		return;
	alarms_clear(&p->alarms, &t->alarm);
	for (unsigned i = 0; i < SHARE_CLASSES; i++)
		list_remove(&t->links[i]);
	(void)table_remove(p->tenants, t->name, strlen(t->name));
	free(t);
}

/* -- limits ------------------------------------------------------------------------------- */

/* As a person says, else as Meta has said, else as the settings say. */
static unsigned outlet_rate(const struct pace *p, const struct pace_line *line)
{
	const struct limit *set = limit_find(&p->limits, line->tenant->name, line->outlet);
	const struct limit *told = limit_find(&p->limits, "", line->number->name);

	if (set && set->rate > 0)
		return (unsigned)set->rate;
	return told && p->settings.number_rate ? (unsigned)told->rate : p->settings.number_rate;
}

/* Outlets that share a number may say different things of it: the least counts. */
void pace_line_rate(const struct pace *p, struct pace_line *line)
{
	const unsigned rate = outlet_rate(p, line);
	struct pace_number *n = line->number;

	if (rate && (!n->rate || rate < n->rate))
		n->rate = rate;
}

void pace_line_limit(const struct pace *p, struct pace_line *line, int64_t now_ms)
{
	struct pace_tenant *t = line->tenant;
	const struct limit *limit = limit_find(&p->limits, t->name, "");
	const bool own = limit && limit->rate >= 0;

	bucket_set_limit(&line->number->bucket, line->number->rate, now_ms);
	bucket_set_limit(&t->bucket, own ? (unsigned)limit->rate : p->settings.tenant_rate, now_ms);
	t->weight = limit ? limit->weight : 1;
}

/* -- lines -------------------------------------------------------------------------------- */

void pace_line_free(struct pace *p, struct pace_line *line)
{
	struct pace_number *n = line->number;
	struct pace_tenant *t = line->tenant;

	list_remove(&line->idle);
	list_remove(&line->among);
	for (unsigned i = 0; i < SHARE_CLASSES; i++)
		list_remove(&line->links[i]);
	(void)table_remove(p->lines, line->key, line->key_len);
	free(line);
	t->lines--;
	drop_number(p, n);
	drop_tenant(p, t);
}

/* Those idle for long go, a few at a time; one goes whatever it remembers when there is no room. */
static void drop_idle(struct pace *p, bool full, int64_t now_ms)
{
	for (unsigned i = 0; i < 2 && !list_empty(&p->idle); i++) {
		struct pace_line *line = LIST_OBJECT(p->idle.next, struct pace_line, idle);

		/* The analyser takes the next one for the one that was freed. */
		// NOLINTNEXTLINE(clang-analyzer-unix.Malloc)
		if (!full && now_ms - line->idle_ms < IDLE_MS)
			return;
		if (full || bucket_is_idle(&line->number->bucket, now_ms)) {
			pace_line_free(p, line);
			full = false;
			continue;
		}
		line->idle_ms = now_ms;
		list_remove(&line->idle);
		list_append(&p->idle, &line->idle);
	}
}

static struct pace_line *make(struct pace *p, const char *key, size_t key_len, unsigned lane,
			      int64_t now_ms)
{
	const char *outlet = key + strlen(key) + 1;
	struct pace_line *line = calloc(1, sizeof(*line) + key_len);

	if (!line)
		return NULL;
	line->number = find_number(p, outlet + strlen(outlet) + 1, p->taken_ms[lane]);
	line->tenant = line->number ? find_tenant(p, key, p->taken_ms[lane]) : NULL;
	memcpy(line->key, key, key_len);
	if (!line->tenant || !table_insert(p->lines, line->key, key_len, line)) {
		if (line->number)
			drop_number(p, line->number);
		if (line->tenant)
			drop_tenant(p, line->tenant);
		free(line);
		return NULL;
	}
	line->key_len = key_len;
	line->outlet = line->key + (outlet - key);
	line->lane = lane;
	line->tenant->lines++;
	list_append(&line->number->lines, &line->among);
	list_init(&line->idle);
	list_append(&p->idle, &line->idle);
	line->idle_ms = now_ms;
	for (unsigned i = 0; i < SHARE_CLASSES; i++) {
		list_init(&line->links[i]);
		list_init(&line->tickets[i]);
		list_init(&line->urgent[i]);
	}
	pace_line_rate(p, line);
	pace_line_limit(p, line, now_ms);
	return line;
}

struct pace_line *pace_line_find(struct pace *p, const struct message *message, const char *number,
				 int64_t now_ms)
{
	char key[KEY_BYTES];
	const size_t key_len = key_of(key, message, number);
	struct pace_line *line = table_find(p->lines, key, key_len);

	if (line)
		return line;
	drop_idle(p, table_count(p->lines) >= p->settings.max_lines, now_ms);
	return make(p, key, key_len, message_lane(message->tenant_id), now_ms);
}

void pace_line_use(struct pace_line *line)
{
	line->users++;
	list_remove(&line->idle);
}

void pace_line_leave(struct pace *p, struct pace_line *line, int64_t now_ms)
{
	if (--line->users > 0)
		return;
	line->idle_ms = now_ms;
	list_append(&p->idle, &line->idle);
}
