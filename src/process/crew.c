#include "process/crew.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/random.h"
#include "delivery/bell.h"
#include "process/restart.h"

#define ROLL_RETRY_MS 100

struct child {
	struct crew *crew;
	pid_t pid; /* 0: none */
	unsigned number;
	unsigned slot;
	int64_t ready_ms; /* 0: not yet */
	bool draining;
	int ready_fd;
	uint64_t watch;
};

struct berth { /* a worker number */
	struct crew *crew;
	unsigned number;
	struct restart restart;
	uint64_t timer; /* the next birth */
};

struct crew {
	struct loop *loop;
	const struct log *log;
	struct node *node;
	struct crew_events events;
	struct child children[NODE_SLOTS_MAX]; /* by slot */
	struct berth berths[NODE_WORKERS_MAX];
	int lifeline[2]; /* workers read [0]; only the master holds [1] */
	bool stopping;
	bool told_ready;
	/* reload */
	bool rolling;
	bool roll_again;
	unsigned roll_number;
	uint64_t roll_timer;
};

static void roll_next(struct crew *crew);

static struct message_id new_incarnation(void)
{
	uint8_t random[10];

	random_bytes(random, sizeof(random));
	return message_id_make(clock_wall_us() / 1000, random);
}

/* The process of this number that serves (or is about to); null: none. */
static struct child *serving(struct crew *crew, unsigned number)
{
	const unsigned workers = node_workers(crew->node);

	for (unsigned slot = number; slot < 2 * workers; slot += workers) {
		struct child *c = &crew->children[slot];

		if (c->pid && !c->draining)
			return c;
	}
	return NULL;
}

static struct child *free_slot(struct crew *crew, unsigned number)
{
	const unsigned workers = node_workers(crew->node);

	for (unsigned slot = number; slot < 2 * workers; slot += workers) {
		if (!crew->children[slot].pid)
			return &crew->children[slot];
	}
	return NULL;
}

static void drain(struct child *c)
{
	c->draining = true;
	node_set_life(c->crew->node, c->slot, NODE_DRAINING);
	(void)kill(c->pid, SIGTERM);
}

/* The new process of a number serves from now on; the one before it drains. */
static void take_over(struct child *c)
{
	struct crew *crew = c->crew;
	const unsigned workers = node_workers(crew->node);
	struct child *other =
		&crew->children[c->slot < workers ? c->slot + workers : c->slot - workers];

	node_set_owner(crew->node, c->number, c->slot);
	if (other->pid && !other->draining)
		drain(other);
}

static bool all_ready(struct crew *crew)
{
	for (unsigned n = 0; n < node_workers(crew->node); n++) {
		const struct child *c = serving(crew, n);

		if (!c || !c->ready_ms)
			return false;
	}
	return true;
}

static void on_ready(void *arg, int fd, uint32_t events)
{
	struct child *c = arg;
	struct crew *crew = c->crew;
	char byte;
	const ssize_t n = read(fd, &byte, 1);

	(void)events;
	loop_unwatch(crew->loop, c->watch);
	c->watch = 0;
	fd_close(&c->ready_fd);
	if (n != 1)
		return; /* it died: crew_reap() sees to it */
	c->ready_ms = clock_boot_ms();
	if (c->draining)
		return; /* the other one of its number was ready first: not both may drain */
	node_set_life(crew->node, c->slot, NODE_READY);
	take_over(c);
	if (!crew->stopping && !crew->told_ready && all_ready(crew)) {
		crew->told_ready = true;
		crew->events.ready(crew->events.arg);
	}
	if (crew->rolling && crew->roll_number == c->number) {
		crew->roll_number++;
		roll_next(crew);
	}
}

static void be_worker(struct crew *crew, const struct crew_birth *birth)
{
	struct crew_birth b = *birth;

	/* What only the master holds. */
	fd_close(&crew->lifeline[1]);
	for (unsigned s = 0; s < NODE_SLOTS_MAX; s++)
		fd_close(&crew->children[s].ready_fd);
	b.lifeline_fd = crew->lifeline[0];
	_exit(crew->events.worker(crew->events.arg, &b));
}

static bool birth(struct crew *crew, unsigned number, struct err *ret_err)
{
	struct child *c = free_slot(crew, number);
	struct crew_birth b = { .number = number, .incarnation = new_incarnation() };
	int ready[2];
	pid_t pid;

	if (!c) {
		err_set(ret_err, ERR_LIMIT, 0, "both slots of worker %u are taken", number);
		return false;
	}
	if (pipe2(ready, O_CLOEXEC | O_NONBLOCK)) {
		err_set(ret_err, ERR_TEMPORARY, errno, "pipe: %s", strerror(errno));
		return false;
	}
	b.slot = c->slot;
	b.ready_fd = ready[1];
	node_set(crew->node, c->slot, NODE_STARTING, b.incarnation);
	pid = fork();
	if (!pid) {
		fd_close(&ready[0]);
		be_worker(crew, &b);
	}
	fd_close(&ready[1]);
	if (pid < 0) {
		err_set(ret_err, ERR_TEMPORARY, errno, "fork: %s", strerror(errno));
		fd_close(&ready[0]);
		node_set_dead(crew->node, c->slot);
		return false;
	}
	c->pid = pid;
	c->ready_ms = 0;
	c->draining = false;
	c->ready_fd = ready[0];
	c->watch = loop_watch(crew->loop, ready[0], EPOLLIN, on_ready, c, ret_err);
	if (!c->watch)
		(void)kill(pid, SIGKILL); /* it could never be seen ready */
	return true;
}

static void on_birth(void *arg);

static void birth_later(struct berth *b, int64_t wait_ms)
{
	if (!b->timer)
		b->timer = loop_timer(b->crew->loop, clock_boot_ms() + wait_ms, on_birth, b);
}

static void on_birth(void *arg)
{
	struct berth *b = arg;
	struct err err;

	b->timer = 0;
	if (b->crew->stopping || serving(b->crew, b->number))
		return;
	if (!birth(b->crew, b->number, &err)) {
		log_text(b->crew->log, LOG_ERROR, "worker_birth_failed", "%s", err.text);
		birth_later(b, restart_delay_ms(&b->restart, 0, clock_boot_ms()));
	}
}

struct crew *crew_new(struct loop *loop, const struct log *log, struct node *node,
		      const struct crew_events *events, struct err *ret_err)
{
	struct crew *crew = calloc(1, sizeof(*crew));

	if (!crew || pipe2(crew->lifeline, O_CLOEXEC)) {
		err_set(ret_err, ERR_TEMPORARY, errno, "cannot make the crew: %s", strerror(errno));
		free(crew);
		return NULL;
	}
	crew->loop = loop;
	crew->log = log;
	crew->node = node;
	crew->events = *events;
	for (unsigned s = 0; s < NODE_SLOTS_MAX; s++)
		crew->children[s] = (struct child){
			.crew = crew,
			.number = s % node_workers(node),
			.slot = s,
			.ready_fd = -1,
		};
	for (unsigned n = 0; n < NODE_WORKERS_MAX; n++)
		crew->berths[n] = (struct berth){ .crew = crew, .number = n };
	return crew;
}

void crew_free(struct crew *crew)
{
	if (!crew)
		return;
	loop_cancel(crew->loop, crew->roll_timer);
	for (unsigned n = 0; n < NODE_WORKERS_MAX; n++)
		loop_cancel(crew->loop, crew->berths[n].timer);
	for (unsigned s = 0; s < NODE_SLOTS_MAX; s++) {
		loop_unwatch(crew->loop, crew->children[s].watch);
		fd_close(&crew->children[s].ready_fd);
	}
	fd_close(&crew->lifeline[0]);
	fd_close(&crew->lifeline[1]);
	free(crew);
}

void crew_start(struct crew *crew)
{
	for (unsigned n = 0; n < node_workers(crew->node); n++)
		on_birth(&crew->berths[n]);
}

/* -- reload --------------------------------------------------------------------------- */

static void on_roll_retry(void *arg)
{
	roll_next(arg);
}

/* Gives birth to the next worker's successor; on_ready() lets it take over. */
static void roll_next(struct crew *crew)
{
	struct err err;

	loop_cancel(crew->loop, crew->roll_timer);
	crew->roll_timer = 0;
	if (crew->stopping || !crew->rolling)
		return;
	if (crew->roll_number == node_workers(crew->node)) {
		crew->rolling = false;
		log_text(crew->log, LOG_INFO, "reloaded", "all workers have the new settings");
		if (crew->roll_again) {
			crew->roll_again = false;
			crew_roll(crew);
		} else {
			crew->events.rolled(crew->events.arg);
		}
		return;
	}
	if (birth(crew, crew->roll_number, &err))
		return;
	/* An earlier worker of this number still drains. */
	crew->roll_timer =
		loop_timer(crew->loop, clock_boot_ms() + ROLL_RETRY_MS, on_roll_retry, crew);
}

void crew_roll(struct crew *crew)
{
	if (crew->rolling) {
		crew->roll_again = true;
		return;
	}
	crew->rolling = true;
	crew->roll_number = 0;
	roll_next(crew);
}

bool crew_answers(const struct crew *crew, int64_t since_ms)
{
	bool any = false;

	for (unsigned s = 0; s < NODE_SLOTS_MAX; s++) {
		const struct child *c = &crew->children[s];

		if (!c->pid || !c->ready_ms || c->draining)
			continue;
		if (node_beaten_ms(crew->node, s) < since_ms)
			return false;
		any = true;
	}
	return any;
}

/* -- death ---------------------------------------------------------------------------- */

static void log_death(const struct child *c, int status)
{
	const bool asked = c->draining || c->crew->stopping;
	const bool clean = asked && WIFEXITED(status) && !WEXITSTATUS(status);
	struct log_line line;

	log_begin(&line, c->crew->log, clean ? LOG_INFO : LOG_WARNING, "worker_ended");
	log_int(&line, "number", c->number);
	log_int(&line, "pid", c->pid);
	if (WIFSIGNALED(status))
		log_int(&line, "signal", WTERMSIG(status));
	else
		log_int(&line, "exit", WEXITSTATUS(status));
	log_end(&line);
}

/* A successor that died before it was ready leaves the old worker in its place. */
static void roll_failed(struct crew *crew, const struct child *c)
{
	if (!crew->rolling || crew->roll_number != c->number || c->ready_ms)
		return;
	crew->rolling = false;
	crew->roll_again = false;
	log_text(crew->log, LOG_ERROR, "reload_failed",
		 "the new worker %u ended before it was ready; the others go on as they are",
		 c->number);
	crew->events.rolled(crew->events.arg);
}

static void bury(struct crew *crew, struct child *c, int status)
{
	const int64_t now_ms = clock_boot_ms();
	const bool hopeless = WIFEXITED(status) && WEXITSTATUS(status) == CREW_EXIT_CONFIG;
	const bool was_draining = c->draining;
	const int64_t ready_ms = c->ready_ms;

	log_death(c, status);
	loop_unwatch(crew->loop, c->watch);
	c->watch = 0;
	fd_close(&c->ready_fd);
	node_set_dead(crew->node, c->slot);
	crew->events.buried(crew->events.arg, c->slot);
	bell_death(crew->node);
	roll_failed(crew, c);
	c->pid = 0;
	if (crew->stopping || was_draining || serving(crew, c->number))
		return;
	if (hopeless && !ready_ms && !crew->told_ready) {
		crew->events.hopeless(crew->events.arg);
		return;
	}
	birth_later(&crew->berths[c->number],
		    restart_delay_ms(&crew->berths[c->number].restart, ready_ms, now_ms));
}

static bool anybody(const struct crew *crew)
{
	for (unsigned s = 0; s < NODE_SLOTS_MAX; s++) {
		if (crew->children[s].pid)
			return true;
	}
	return false;
}

void crew_reap(struct crew *crew)
{
	bool buried = false;
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (unsigned s = 0; s < NODE_SLOTS_MAX; s++) {
			if (crew->children[s].pid == pid) {
				bury(crew, &crew->children[s], status);
				buried = true;
			}
		}
	}
	/* The signal of one death may come after the look that found it: empty is said once. */
	if (buried && crew->stopping && !anybody(crew))
		crew->events.empty(crew->events.arg);
}

/* -- stop ----------------------------------------------------------------------------- */

static void signal_all(struct crew *crew, int number)
{
	for (unsigned s = 0; s < NODE_SLOTS_MAX; s++) {
		if (crew->children[s].pid)
			(void)kill(crew->children[s].pid, number);
	}
}

void crew_stop(struct crew *crew)
{
	crew->stopping = true;
	for (unsigned s = 0; s < NODE_SLOTS_MAX; s++) {
		if (crew->children[s].pid)
			node_set_life(crew->node, s, NODE_DRAINING);
	}
	signal_all(crew, SIGTERM);
	if (!anybody(crew))
		crew->events.empty(crew->events.arg);
}

void crew_kill(struct crew *crew)
{
	signal_all(crew, SIGKILL);
}
