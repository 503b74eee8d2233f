/*
 * The event loop: file descriptors by epoll (level triggered), timers in a binary heap.
 * One thread. After each round of events and timers `after_round` is called once: it is where
 * connections write what the round gave them to say, so that many answers share one write.
 */
#ifndef SIMULATOR_LOOP_H
#define SIMULATOR_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Embedded in whatever is watched; must stay until the round is over in which it was removed. */
struct watch {
	int fd;
	void (*ready)(struct watch *watch, uint32_t epoll_events);
};

/* Embedded; all zero is a timer that is not set. */
struct timer {
	int64_t due_ns;
	size_t place; /* in the heap, from 1; 0 = not set */
	void (*fire)(struct timer *timer);
};

struct loop {
	int epoll_fd;
	bool stop;
	struct timer **heap;
	size_t timers;
	size_t heap_cap;
	void (*after_round)(void *ctx);
	void *ctx;
};

/* CLOCK_MONOTONIC in nanoseconds. */
int64_t loop_now_ns(void);

/* 0, or -1 with errno. */
int loop_open(struct loop *loop);
void loop_close(struct loop *loop);
/* 0, or -1 with errno. `events` are epoll's. */
int loop_watch(struct loop *loop, struct watch *watch, uint32_t events);
void loop_rewatch(struct loop *loop, struct watch *watch, uint32_t events);
/* The timer must not be set already. It fires at most about 1 ms late, never early. */
void loop_set_timer(struct loop *loop, struct timer *timer, int64_t due_ns);
/* No effect on a timer that is not set. */
void loop_unset_timer(struct loop *loop, struct timer *timer);
/* Until loop->stop is set. 0, or -1 with errno. */
int loop_run(struct loop *loop);

#endif
