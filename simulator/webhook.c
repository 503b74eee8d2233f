#include "simulator/webhook.h"

#include "simulator/journal.h"
#include "simulator/latency.h"
#include "simulator/target.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RETRY_MAX_MS = 3600 * 1000 };

#define MS_NS INT64_C(1000000)

/* A status that is reported when its time comes. */
struct event {
	struct timer timer;
	struct webhooks *webhooks;
	struct notice notice;
	struct event *prev,
		*next; /* of all that are waiting for their time, or of those gathered */
};

/* A body on its way, until it is answered 200. */
struct post {
	struct errand errand;
	struct timer timer; /* until it is sent again */
	struct webhooks *webhooks;
	int64_t due_ns;
	int failures;
	bool forgotten; /* not sent again */
	struct post *prev, *next;
	size_t count;
	struct event *events; /* what it reports, kept for the journal; NULL without one */
};

struct webhooks {
	struct loop *loop;
	FILE *journal;
	struct errands *errands;
	struct webhook_rules rules;
	struct target target;
	uint64_t random;
	struct event *timed;         /* whose time has not come */
	struct event *first, **tail; /* whose time has come: gathered for the next post */
	int gathered;
	int limit; /* of the next post */
	struct timer gather;
	struct post *posts;
	struct order *orders;
	struct webhook_counts counts;
	struct latency *latency;
};

static void send_batch(struct webhooks *w);

static void event_free(struct event *event)
{
	subject_free(event->notice.subject);
	free(event);
}

static void unlink_timed(struct event *event)
{
	if (event->prev)
		event->prev->next = event->next;
	else
		event->webhooks->timed = event->next;
	if (event->next)
		event->next->prev = event->prev;
}

/* Its time has come. */
static void gather(struct timer *timer)
{
	struct event *event = (struct event *)((char *)timer - offsetof(struct event, timer));
	struct webhooks *w = event->webhooks;

	unlink_timed(event);
	event->next = NULL;
	*w->tail = event;
	w->tail = &event->next;
	if (++w->gathered >= w->limit)
		send_batch(w);
	else if (!w->gather.place)
		loop_set_timer(w->loop, &w->gather, loop_now_ns() + w->rules.gather_ms * MS_NS);
}

static void gathered_long_enough(struct timer *timer)
{
	send_batch((struct webhooks *)((char *)timer - offsetof(struct webhooks, gather)));
}

/* --- posts --- */

static void draw_limit(struct webhooks *w)
{
	int spread = w->rules.batch - w->rules.batch_min + 1;

	w->limit = w->rules.batch_min + (int)receipts_dice(&w->random, (uint32_t)spread);
}

static void post_free(struct post *post)
{
	struct webhooks *w = post->webhooks;

	loop_unset_timer(w->loop, &post->timer);
	if (post->prev)
		post->prev->next = post->next;
	else
		w->posts = post->next;
	if (post->next)
		post->next->prev = post->prev;
	while (post->events) {
		struct event *event = post->events;

		post->events = event->next;
		event_free(event);
	}
	buf_free(&post->errand.request);
	buf_free(&post->errand.body);
	free(post);
}

static void run_post(struct post *post)
{
	post->webhooks->counts.tries++;
	errands_run(post->webhooks->errands, &post->errand);
}

static void try_again(struct timer *timer)
{
	run_post((struct post *)((char *)timer - offsetof(struct post, timer)));
}

/* At once, then after growing gaps. */
static void retry(struct post *post)
{
	struct webhooks *w = post->webhooks;
	int64_t gap_ms = post->failures > 1 ? w->rules.retry_ms : 0;

	for (int i = 2; i < post->failures && gap_ms < RETRY_MAX_MS; i++)
		gap_ms *= 2;
	if (gap_ms > RETRY_MAX_MS)
		gap_ms = RETRY_MAX_MS;
	loop_set_timer(w->loop, &post->timer, loop_now_ns() + gap_ms * MS_NS);
}

static bool is_taken(struct webhooks *w, int status)
{
	w->counts.last_status = status;
	if (status == 0)
		w->counts.unanswered++;
	else if (status != 200)
		w->counts.refused++;
	else if (w->rules.deaf && receipts_dice(&w->random, 100) < (uint32_t)w->rules.deaf)
		w->counts.unheard++;
	else
		return true;
	return false;
}

static void answered(struct errand *errand)
{
	struct post *post = (struct post *)((char *)errand - offsetof(struct post, errand));
	struct webhooks *w = post->webhooks;

	if (post->forgotten) {
		post_free(post);
		return;
	}
	if (!is_taken(w, errand->status)) {
		post->failures++;
		retry(post);
		return;
	}
	w->counts.open--;
	w->counts.taken += (int64_t)post->count;
	latency_add(w->latency, loop_now_ns() - post->due_ns);
	for (const struct event *event = post->events; event; event = event->next)
		journal_receipt(w->journal, event->notice.subject->callback, event->notice.status,
				event->notice.subject->wamid);
	post_free(post);
}

static struct post *post_new(struct webhooks *w)
{
	struct post *post = buf_alloc(1, sizeof(*post));

	post->webhooks = w;
	post->errand.done = answered;
	post->timer.fire = try_again;
	post->due_ns = loop_now_ns();
	post->next = w->posts;
	if (post->next)
		post->next->prev = post;
	w->posts = post;
	w->counts.posts++;
	w->counts.open++;
	return post;
}

static void send_batch(struct webhooks *w)
{
	const struct notice *notices[WEBHOOK_BATCH_MAX];
	struct post *post = post_new(w);
	struct buf body = { 0 };

	loop_unset_timer(w->loop, &w->gather);
	for (struct event *event = w->first; event; event = event->next)
		notices[post->count++] = &event->notice;
	notice_write(&body, notices, post->count);
	target_post(&w->target, &post->errand.request, &body, NULL);
	buf_free(&body);
	post->events = w->first;
	w->first = NULL;
	w->tail = &w->first;
	w->gathered = 0;
	w->counts.statuses += (int64_t)post->count;
	w->counts.waiting -= (int64_t)post->count;
	while (!w->journal && post->events) {
		struct event *event = post->events;

		post->events = event->next;
		event_free(event);
	}
	draw_limit(w);
	run_post(post);
}

/* --- what is followed --- */

static void add_event(struct webhooks *w, struct subject *subject,
		      const struct receipts_report *report, int64_t taken_ns, int64_t taken_s)
{
	struct event *event = buf_alloc(1, sizeof(*event));

	subject->users++;
	event->webhooks = w;
	event->timer.fire = gather;
	event->notice.subject = subject;
	event->notice.happened_s = taken_s;
	snprintf(event->notice.status, sizeof(event->notice.status), "%s", report->status);
	event->next = w->timed;
	if (event->next)
		event->next->prev = event;
	w->timed = event;
	w->counts.waiting++;
	loop_set_timer(w->loop, &event->timer, taken_ns + report->due_ms * MS_NS);
}

void webhooks_follow(struct webhooks *w, const struct subject *subject,
		     const struct receipts *receipts, bool fails, int answer_ms)
{
	struct receipts_planned planned;
	struct timespec wall;

	if (!w->rules.url[0])
		return;
	receipts_plan(receipts, fails, &w->random, &planned);
	w->counts.dropped += planned.dropped;
	w->counts.duplicated += planned.duplicated;
	struct subject *kept = subject_new(subject);
	kept->price_on_read = true;
	for (int i = 0; i < planned.count; i++)
		if (strcmp(planned.reports[i].status, "delivered") == 0)
			kept->price_on_read = false;
	clock_gettime(CLOCK_REALTIME, &wall);
	int64_t wall_ms = (int64_t)wall.tv_sec * 1000 + wall.tv_nsec / MS_NS;
	int64_t taken_ns = loop_now_ns();
	if (!planned.early) {
		taken_ns += answer_ms * MS_NS;
		wall_ms += answer_ms;
	}
	for (int i = 0; i < planned.count; i++) {
		const struct receipts_report *report = &planned.reports[i];

		/* A nanosecond apart keeps the order of those that are due together. */
		add_event(w, kept, report, taken_ns + i, (wall_ms + report->happened_ms) / 1000);
	}
	subject_free(kept);
}

/* --- what a test orders --- */

void webhooks_post(struct webhooks *w, const struct buf *body, const char *signature, void *asker,
		   void (*heard)(struct order *order))
{
	struct buf request = { 0 };

	target_post(&w->target, &request, body, signature);
	order_run(&w->orders, w->errands, &request, asker, heard);
}

void webhooks_get(struct webhooks *w, const char *query, void *asker,
		  void (*heard)(struct order *order))
{
	struct buf request = { 0 };

	target_get(&w->target, &request, query);
	order_run(&w->orders, w->errands, &request, asker, heard);
}

void webhooks_forget(struct webhooks *w, const void *asker)
{
	order_forget(w->orders, asker);
}

/* --- settings --- */

static void forget_events(struct webhooks *w)
{
	struct event *event;

	while ((event = w->timed)) {
		w->timed = event->next;
		loop_unset_timer(w->loop, &event->timer);
		event_free(event);
	}
	while ((event = w->first)) {
		w->first = event->next;
		event_free(event);
	}
	w->tail = &w->first;
	w->gathered = 0;
	loop_unset_timer(w->loop, &w->gather);
}

void webhooks_reset(struct webhooks *w)
{
	forget_events(w);
	for (struct post *post = w->posts, *next; post; post = next) {
		next = post->next;
		post->forgotten = true;
		if (post->timer.place)
			post_free(post);
	}
	w->counts = (struct webhook_counts){ 0 };
	latency_clear(w->latency);
}

const char *webhooks_set(struct webhooks *w, const struct webhook_rules *rules)
{
	struct target target = { .path = "/" };

	if (rules->url[0] && !target_read(&target, rules->url))
		return "url: http://127.0.0.1:PORT/PATH is needed, or \"\"";
	if (rules->batch < 1 || rules->batch > WEBHOOK_BATCH_MAX || rules->batch_min < 1 ||
	    rules->batch_min > rules->batch)
		return "batch: 1 to 1000; batch_min: 1 to batch";
	if (rules->connections < 1 || rules->connections > ERRAND_CONNECTIONS_MAX)
		return "connections: 1 to 64";
	if (rules->gather_ms < 0 || rules->retry_ms < 1 || rules->timeout_ms < 1 ||
	    rules->deaf < 0 || rules->deaf > 100)
		return "gather_ms: 0 or more; retry_ms, timeout_ms: 1 or more; deaf: 0 to 100";
	if (!rules->url[0])
		webhooks_reset(w);
	w->rules = *rules;
	w->target = target;
	memcpy(w->target.secret, rules->secret, sizeof(rules->secret));
	errands_set(w->errands, target.port, rules->connections, rules->timeout_ms);
	latency_clear(w->latency);
	draw_limit(w);
	for (struct post *post = w->posts; post; post = post->next) {
		if (!post->timer.place)
			continue;
		loop_unset_timer(w->loop, &post->timer);
		run_post(post);
	}
	return NULL;
}

struct webhook_rules webhooks_rules(const struct webhooks *w)
{
	return w->rules;
}

struct webhook_counts webhooks_counts(const struct webhooks *w)
{
	struct webhook_counts counts = w->counts;

	counts.median_ms = latency_ms(w->latency, 0.5);
	counts.p99_ms = latency_ms(w->latency, 0.99);
	counts.max_ms = latency_ms(w->latency, 1);
	return counts;
}

struct webhooks *webhooks_new(struct loop *loop, FILE *journal)
{
	struct webhooks *w = buf_alloc(1, sizeof(*w));

	w->loop = loop;
	w->journal = journal;
	w->errands = errands_new(loop);
	w->latency = latency_new();
	w->random = 1;
	w->tail = &w->first;
	w->gather.fire = gathered_long_enough;
	w->rules = (struct webhook_rules){ .batch = 100,
					   .batch_min = 100,
					   .gather_ms = 10,
					   .connections = 4,
					   .retry_ms = 1000,
					   .timeout_ms = 20000 };
	draw_limit(w);
	return w;
}

void webhooks_free(struct webhooks *w)
{
	errands_free(w->errands);
	forget_events(w);
	/* post_free() takes it out of the list, which the analyser does not see. */
	while (w->posts)
		post_free(w->posts); // NOLINT(clang-analyzer-unix.Malloc)
	order_free_all(&w->orders);
	latency_free(w->latency);
	free(w);
}
