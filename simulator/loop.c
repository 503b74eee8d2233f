#include "simulator/loop.h"

#include "simulator/buf.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS_PER_ROUND = 256 };

int64_t loop_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

int loop_open(struct loop *loop)
{
	*loop = (struct loop){ .epoll_fd = epoll_create1(EPOLL_CLOEXEC) };
	return loop->epoll_fd < 0 ? -1 : 0;
}

void loop_close(struct loop *loop)
{
	free(loop->heap);
	close(loop->epoll_fd);
}

int loop_watch(struct loop *loop, struct watch *watch, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = watch };

	return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, watch->fd, &event);
}

void loop_rewatch(struct loop *loop, struct watch *watch, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = watch };

	epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event);
}

/* The heap counts from 1: the parent of k is k / 2. heap[0] is not used. */
static void place(struct loop *loop, struct timer *timer, size_t k)
{
	loop->heap[k] = timer;
	timer->place = k;
}

static void sift_up(struct loop *loop, struct timer *timer, size_t k)
{
	while (k > 1 && timer->due_ns < loop->heap[k / 2]->due_ns) {
		place(loop, loop->heap[k / 2], k);
		k /= 2;
	}
	place(loop, timer, k);
}

static void sift_down(struct loop *loop, struct timer *timer, size_t k)
{
	for (;;) {
		size_t child = 2 * k;

		if (child > loop->timers)
			break;
		if (child < loop->timers &&
		    loop->heap[child + 1]->due_ns < loop->heap[child]->due_ns)
			child++;
		if (timer->due_ns <= loop->heap[child]->due_ns)
			break;
		place(loop, loop->heap[child], k);
		k = child;
	}
	place(loop, timer, k);
}

void loop_set_timer(struct loop *loop, struct timer *timer, int64_t due_ns)
{
	if (loop->timers + 2 > loop->heap_cap) {
		loop->heap_cap = loop->heap_cap ? 2 * loop->heap_cap : 1024;
		loop->heap = buf_realloc(loop->heap, loop->heap_cap, sizeof(*loop->heap));
	}
	timer->due_ns = due_ns;
	sift_up(loop, timer, ++loop->timers);
}

void loop_unset_timer(struct loop *loop, struct timer *timer)
{
	size_t k = timer->place;

	if (!k)
		return;
	struct timer *last = loop->heap[loop->timers--];
	timer->place = 0;
	if (last == timer)
		return;
	if (k > 1 && last->due_ns < loop->heap[k / 2]->due_ns)
		sift_up(loop, last, k);
	else
		sift_down(loop, last, k);
}

static void fire_due(struct loop *loop)
{
	int64_t now = loop_now_ns();

	while (loop->timers && loop->heap[1]->due_ns <= now) {
		struct timer *timer = loop->heap[1];

		loop_unset_timer(loop, timer);
		timer->fire(timer);
	}
}

static int wait_ms(const struct loop *loop)
{
	if (!loop->timers)
		return -1;
	int64_t left = loop->heap[1]->due_ns - loop_now_ns();
	if (left <= 0)
		return 0;
	if (left > INT64_C(60000000000))
		return 60000;
	return (int)((left + 999999) / 1000000);
}

int loop_run(struct loop *loop)
{
	struct epoll_event events[EVENTS_PER_ROUND];

	while (!loop->stop) {
		int n = epoll_wait(loop->epoll_fd, events, EVENTS_PER_ROUND, wait_ms(loop));

		if (n < 0 && errno != EINTR)
			return -1;
		for (int i = 0; i < n; i++) {
			struct watch *watch = events[i].data.ptr;

			watch->ready(watch, events[i].events);
		}
		fire_due(loop);
		loop->after_round(loop->ctx);
	}
	return 0;
}
