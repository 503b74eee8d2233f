/*
 * Objects: watches and timers, both known outside by idmap ids only, so that an event or a
 * cancel that comes late finds nothing.  Timers wait in a binary heap ordered by (due, order
 * of setting).
 *
 * Invariants: heap[t->at].timer == t for every timer alive; a new timer is never due before
 * the present round, so it sorts behind every timer already due and cannot starve those.
 */
#include "base/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/die.h"
#include "base/fd.h"
#include "base/idmap.h"

#define EVENTS_MAX 256
#define HOOKS_MAX 16
#define IDS_MAX (1u << 31)
#define WAIT_MAX_MS 60000

struct watch {
	loop_ready_fn *fn;
	void *arg;
	int fd;
	uint32_t events;
};

struct timer {
	loop_timer_fn *fn;
	void *arg;
	uint64_t id;
	size_t at; /* its place in the heap */
};

/* What is compared lies in the heap itself: no look at the timer while sifting. */
struct heap_entry {
	int64_t due;
	uint64_t order;
	struct timer *timer;
};

struct hook {
	loop_hook_fn *fn;
	void *arg;
};

struct loop {
	int epoll_fd;
	bool stopping;
	int64_t now;
	struct idmap *watches;
	struct idmap *timers;
	struct heap_entry *heap;
	size_t heap_count;
	size_t heap_space;
	uint64_t next_order;
	struct hook hooks[HOOKS_MAX];
	size_t hooks_count;
	loop_wait_fn *before_wait; /* may be null */
	void *before_wait_arg;
	struct epoll_event events[EVENTS_MAX];
};

struct loop *loop_new(struct err *ret_err)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (loop == NULL)
		goto no_memory;
	loop->now = clock_boot_ms();
	loop->watches = idmap_new(IDS_MAX);
	loop->timers = idmap_new(IDS_MAX);
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd == -1) {
		err_set(ret_err, ERR_TEMPORARY, errno, "epoll_create1: %s", strerror(errno));
		loop_free(loop);
		return NULL;
	}
	if (loop->watches != NULL && loop->timers != NULL)
		return loop;
no_memory:
	err_set(ret_err, ERR_TEMPORARY, ENOMEM, "event loop: no memory");
	loop_free(loop);
	return NULL;
}

static void free_object(void *arg UNUSED, uint64_t id UNUSED, void *object)
{
	free(object);
}

void loop_free(struct loop *loop)
{
	if (loop == NULL)
		return;
	if (loop->watches != NULL)
		idmap_visit(loop->watches, free_object, NULL);
	if (loop->timers != NULL)
		idmap_visit(loop->timers, free_object, NULL);
	idmap_free(loop->watches);
	idmap_free(loop->timers);
	free(loop->heap);
	fd_close(&loop->epoll_fd);
	free(loop);
}

/* --- descriptors --- */

static int control(struct loop *loop, int op, int fd, uint32_t events, uint64_t id)
{
	struct epoll_event event = { .events = events, .data = { .u64 = id } };

	return epoll_ctl(loop->epoll_fd, op, fd, &event);
}

uint64_t loop_watch(struct loop *loop, int fd, uint32_t events, loop_ready_fn *fn, void *arg,
		    struct err *ret_err)
{
	struct watch *watch = malloc(sizeof(*watch));
	uint64_t id;

	if (watch == NULL)
		goto no_memory;
	*watch = (struct watch){ .fn = fn, .arg = arg, .fd = fd, .events = events };
	id = idmap_add(loop->watches, watch);
	if (id == 0)
		goto no_memory;
	if (control(loop, EPOLL_CTL_ADD, fd, events, id) == 0)
		return id;
	err_set(ret_err, ERR_INTERNAL, errno, "epoll_ctl of descriptor %d: %s", fd,
		strerror(errno));
	idmap_remove(loop->watches, id);
	free(watch);
	return 0;
no_memory:
	err_set(ret_err, ERR_TEMPORARY, ENOMEM, "watching a descriptor: no memory");
	free(watch);
	return 0;
}

void loop_rewatch(struct loop *loop, uint64_t id, uint32_t events)
{
	struct watch *watch = idmap_get(loop->watches, id);

	if (watch == NULL) {
		errno = EBADF;
		die("loop_rewatch");
	}
	if (watch->events == events)
		return;
	/* An exclusive watch cannot be modified (epoll_ctl(2)). */
	if ((watch->events | events) & EPOLLEXCLUSIVE) {
		if (control(loop, EPOLL_CTL_DEL, watch->fd, 0, 0) != 0 ||
		    control(loop, EPOLL_CTL_ADD, watch->fd, events, id) != 0)
			die("loop_rewatch");
	} else if (control(loop, EPOLL_CTL_MOD, watch->fd, events, id) != 0) {
		die("loop_rewatch");
	}
	watch->events = events;
}

void loop_unwatch(struct loop *loop, uint64_t id)
{
	struct watch *watch = idmap_remove(loop->watches, id);

	if (watch == NULL)
		return;
	(void)control(loop, EPOLL_CTL_DEL, watch->fd, 0, 0);
	free(watch);
}

void loop_unwatch_closing(struct loop *loop, uint64_t id)
{
	free(idmap_remove(loop->watches, id));
}

/* --- timers --- */

static bool before(const struct heap_entry *a, const struct heap_entry *b)
{
	return a->due < b->due || (a->due == b->due && a->order < b->order);
}

static void place(struct loop *loop, size_t at, struct heap_entry entry)
{
	loop->heap[at] = entry;
	entry.timer->at = at;
}

static void sift_up(struct loop *loop, size_t at, struct heap_entry entry)
{
	while (at > 0) {
		size_t parent = (at - 1) / 2;

		if (!before(&entry, &loop->heap[parent]))
			break;
		place(loop, at, loop->heap[parent]);
		at = parent;
	}
	place(loop, at, entry);
}

static void sift_down(struct loop *loop, size_t at, struct heap_entry entry)
{
	for (;;) {
		size_t child = 2 * at + 1;

		if (child >= loop->heap_count)
			break;
		if (child + 1 < loop->heap_count &&
		    before(&loop->heap[child + 1], &loop->heap[child]))
			child++;
		if (!before(&loop->heap[child], &entry))
			break;
		place(loop, at, loop->heap[child]);
		at = child;
	}
	place(loop, at, entry);
}

/* Takes the timer out of the heap; its place goes to the last one. */
static void heap_remove(struct loop *loop, size_t at)
{
	struct heap_entry last = loop->heap[--loop->heap_count];

	if (at == loop->heap_count)
		return;
	if (at > 0 && before(&last, &loop->heap[(at - 1) / 2]))
		sift_up(loop, at, last);
	else
		sift_down(loop, at, last);
}

static void heap_reserve(struct loop *loop)
{
	size_t space = loop->heap_space == 0 ? 64 : loop->heap_space * 2;

	if (loop->heap_count < loop->heap_space)
		return;
	loop->heap = reallocarray(loop->heap, space, sizeof(*loop->heap));
	if (loop->heap == NULL)
		die("loop_timer");
	loop->heap_space = space;
}

uint64_t loop_timer(struct loop *loop, int64_t boot_ms, loop_timer_fn *fn, void *arg)
{
	struct timer *timer = malloc(sizeof(*timer));
	struct heap_entry entry = { .due = boot_ms > loop->now ? boot_ms : loop->now,
				    .order = loop->next_order++,
				    .timer = timer };

	if (timer == NULL)
		die("loop_timer");
	timer->fn = fn;
	timer->arg = arg;
	timer->id = idmap_add(loop->timers, timer);
	if (timer->id == 0)
		die("loop_timer");
	heap_reserve(loop);
	sift_up(loop, loop->heap_count++, entry);
	return timer->id;
}

void loop_cancel(struct loop *loop, uint64_t id)
{
	struct timer *timer = idmap_remove(loop->timers, id);

	if (timer == NULL)
		return;
	heap_remove(loop, timer->at);
	free(timer);
}

static void fire_timers(struct loop *loop)
{
	uint64_t end = loop->next_order; /* those set while firing wait for the next round */

	while (loop->heap_count > 0 && !loop->stopping) {
		struct heap_entry first = loop->heap[0];
		loop_timer_fn *fn = first.timer->fn;
		void *arg = first.timer->arg;

		if (first.due > loop->now || first.order >= end)
			return;
		loop_cancel(loop, first.timer->id);
		fn(arg);
	}
}

/* --- hooks and rounds --- */

void loop_hook(struct loop *loop, loop_hook_fn *fn, void *arg)
{
	if (loop->hooks_count == HOOKS_MAX) {
		errno = ENOSPC;
		die("loop_hook");
	}
	loop->hooks[loop->hooks_count++] = (struct hook){ .fn = fn, .arg = arg };
}

void loop_before_wait(struct loop *loop, loop_wait_fn *fn, void *arg)
{
	loop->before_wait = fn;
	loop->before_wait_arg = arg;
}

/* True: after the last time allowed there was still something done. */
static bool run_hooks(struct loop *loop)
{
	bool busy = true;

	for (int i = 0; busy && i < LOOP_HOOK_ROUNDS; i++) {
		busy = false;
		for (size_t h = 0; h < loop->hooks_count; h++)
			if (loop->hooks[h].fn(loop->hooks[h].arg))
				busy = true;
	}
	return busy;
}

int64_t loop_now_ms(const struct loop *loop)
{
	return loop->now;
}

/* Whole milliseconds of a clock that is cut down to milliseconds: waking is never early,
 * and less than 1 ms late.  Bounded, because epoll does not count the time a machine
 * sleeps, and the clock does. */
static int wait_ms(const struct loop *loop)
{
	int64_t left;

	if (loop->heap_count == 0)
		return WAIT_MAX_MS;
	left = loop->heap[0].due - clock_boot_ms();
	return left <= 0 ? 0 : left < WAIT_MAX_MS ? (int)left : WAIT_MAX_MS;
}

static void dispatch(struct loop *loop, int count)
{
	for (int i = 0; i < count && !loop->stopping; i++) {
		const struct watch *watch = idmap_get(loop->watches, loop->events[i].data.u64);

		if (watch != NULL)
			watch->fn(watch->arg, watch->fd, loop->events[i].events);
	}
}

int loop_run(struct loop *loop, struct err *ret_err)
{
	loop->now = clock_boot_ms();
	while (!loop->stopping) {
		bool busy;
		int count;

		fire_timers(loop);
		busy = run_hooks(loop);
		if (loop->stopping)
			break;
		if (loop->before_wait != NULL)
			loop->before_wait(loop->before_wait_arg);
		count = epoll_wait(loop->epoll_fd, loop->events, EVENTS_MAX,
				   busy ? 0 : wait_ms(loop));
		if (count == -1 && errno != EINTR) {
			err_set(ret_err, ERR_INTERNAL, errno, "epoll_wait: %s", strerror(errno));
			return -1;
		}
		loop->now = clock_boot_ms();
		dispatch(loop, count);
	}
	loop->stopping = false;
	return 0;
}

void loop_stop(struct loop *loop)
{
	loop->stopping = true;
}
