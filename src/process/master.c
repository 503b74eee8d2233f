#include "process/master.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/loop.h"
#include "base/random.h"
#include "delivery/node.h"
#include "delivery/node_file.h"
#include "metrics/metrics.h"
#include "process/crew.h"
#include "process/listener.h"
#include "process/notify.h"
#include "process/signals.h"
#include "process/worker.h"

#define FEEDS 4 /* of the watchdog, in the time in which it wants one */

struct master {
	const struct master_options *options;
	struct settings settings;
	struct log log;
	struct loop *loop;
	struct node *node;
	struct crew *crew;
	struct signals signals;
	struct listener listener;
	struct listener management; /* fd -1: off */
	struct metrics *metrics;    /* a slot for each of the node, and the last one ours */
	int node_fd;                /* locked; workers inherit it and keep it */
	struct notify notify;
	uint64_t watchdog_timer;
	uint64_t stop_timer;
	bool stopping;
	int status;
};

/* Fed only while the workers answer: a master that lives is no service. */
static void on_watchdog(void *arg)
{
	struct master *m = arg;
	const int64_t now_ms = clock_boot_ms();

	if (!m->notify.watchdog_ms)
		return;
	m->watchdog_timer =
		loop_timer(m->loop, now_ms + m->notify.watchdog_ms / FEEDS, on_watchdog, m);
	if (crew_answers(m->crew, now_ms - m->notify.watchdog_ms / 2))
		notify_send(&m->notify, "WATCHDOG=1");
}

static void on_crew_rolled(void *arg)
{
	struct master *m = arg;

	notify_send(&m->notify, "READY=1");
}

static void on_crew_ready(void *arg)
{
	struct master *m = arg;
	struct log_line line;

	log_begin(&line, &m->log, LOG_INFO, "ready");
	log_str(&line, "version", m->options->version);
	log_int(&line, "workers", m->settings.workers);
	log_str(&line, "socket", m->listener.inherited ? "inherited" : m->listener.path);
	log_end(&line);
	notify_send(&m->notify, "READY=1\nSTATUS=%u workers serve", m->settings.workers);
	on_watchdog(m);
}

static void on_crew_buried(void *arg, unsigned slot)
{
	struct master *m = arg;

	metrics_forget(m->metrics, slot);
	meter_count(metrics_meter(m->metrics, node_slots(m->node)), METRIC_WORKERS_ENDED, 0, 0);
}

static void on_crew_empty(void *arg)
{
	struct master *m = arg;

	loop_stop(m->loop);
}

static void on_late(void *arg)
{
	struct master *m = arg;

	m->stop_timer = 0;
	log_text(&m->log, LOG_WARNING, "drain_late",
		 "DRAIN_SECONDS are over: what is left is released and goes on at the next start");
	crew_kill(m->crew);
}

static void stop(struct master *m, const char *why)
{
	if (m->stopping)
		return;
	m->stopping = true;
	log_text(&m->log, LOG_INFO, "stopping", "%s", why);
	notify_send(&m->notify, "STOPPING=1\nSTATUS=drains");
	listener_unlink(&m->listener);
	listener_unlink(&m->management);
	m->stop_timer = loop_timer(
		m->loop, clock_boot_ms() + INT64_C(1000) * m->settings.drain_seconds, on_late, m);
	crew_stop(m->crew);
}

static void on_crew_hopeless(void *arg)
{
	struct master *m = arg;

	m->status = CREW_EXIT_CONFIG;
	stop(m, "a worker cannot work like this; see its last line");
}

static void log_faults(const struct master *m, const struct settings_report *report)
{
	for (unsigned i = 0; i < report->count; i++)
		log_text(&m->log, report->faults[i].error ? LOG_ERROR : LOG_WARNING, "setting",
			 "%s", report->faults[i].text);
}

/* CLOCK_MONOTONIC, which is what the manager compares it with. */
static int64_t monotonic_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void reload(struct master *m)
{
	struct settings_report report;
	struct settings next;
	char names[512];

	notify_send(&m->notify, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, monotonic_us());
	if (m->options->reload(m->options->reload_arg, &next, &report)) {
		log_faults(m, &report);
		log_text(&m->log, LOG_ERROR, "reload_refused",
			 "the settings have faults; the old ones stay in force");
		notify_send(&m->notify, "READY=1");
		return;
	}
	log_faults(m, &report);
	if (settings_keep_fixed(&next, &m->settings, names, sizeof(names)))
		log_text(&m->log, LOG_WARNING, "reload_partial", "needs a restart: %s", names);
	m->settings = next;
	m->log.level = next.log_level;
	log_text(&m->log, LOG_INFO, "reloading", "the workers are replaced one by one");
	crew_roll(m->crew);
}

static void on_signal(void *arg, int number)
{
	struct master *m = arg;

	if (number == SIGCHLD)
		crew_reap(m->crew);
	else if (number == SIGHUP && !m->stopping)
		reload(m);
	else if (number == SIGTERM || number == SIGINT)
		stop(m, number == SIGTERM ? "SIGTERM" : "SIGINT");
}

/* In the child. */
static int be_worker(void *arg, const struct crew_birth *birth)
{
	struct master *m = arg;
	const struct worker_options options = {
		.settings = &m->settings,
		.birth = birth,
		.node = m->node,
		.metrics = m->metrics,
		.listen_fd = m->listener.fd,
		.management_fd = m->management.fd,
		.version = m->options->version,
	};

	fd_close(&m->listener.lock_fd);
	fd_close(&m->management.lock_fd);
	fd_close(&m->signals.fd);
	notify_close(&m->notify);
	loop_free(m->loop);
	return worker_run(&options);
}

/* Without the file others wait for our leases to run out when we die; no reason not to serve. */
static void name_node(struct master *m)
{
	char boot_id[NODE_FILE_BOOT_BYTES];
	char path[NODE_FILE_PATH_BYTES] = "";
	struct message_id id;
	uint8_t random[10];
	struct err err;

	random_bytes(random, sizeof(random));
	id = message_id_make(clock_wall_us() / 1000, random);
	node_file_boot_id(boot_id);
	m->node_fd = node_file_open(m->settings.fcgi_socket, id, boot_id, path, &err);
	if (m->node_fd < 0)
		log_text(&m->log, LOG_WARNING, "no_node_file", "%s", err.text);
	node_set_identity(m->node, id, boot_id, path);
}

static int open_listeners(struct master *m, struct err *ret_err)
{
	const struct settings *s = &m->settings;
	struct listener_settings listener = {
		.setting = "FCGI_SOCKET",
		.path = s->fcgi_socket,
		.mode = s->fcgi_socket_mode,
		.group = s->fcgi_socket_group,
	};

	if (listener_open(&m->listener, &listener, ret_err))
		return -1;
	if (!*s->management_socket)
		return 0;
	listener.setting = "MANAGEMENT_SOCKET";
	listener.path = s->management_socket;
	return listener_open_own(&m->management, &listener, ret_err);
}

static int open_all(struct master *m, struct err *ret_err)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGCHLD, 0 };
	const struct settings *s = &m->settings;
	const struct crew_events events = {
		.ready = on_crew_ready,
		.rolled = on_crew_rolled,
		.hopeless = on_crew_hopeless,
		.buried = on_crew_buried,
		.empty = on_crew_empty,
		.worker = be_worker,
		.arg = m,
	};

	(void)fd_raise_limit();
	m->loop = loop_new(ret_err);
	if (!m->loop || signals_open(&m->signals, m->loop, signals, on_signal, m, ret_err) ||
	    open_listeners(m, ret_err))
		return -1;
	m->node = node_new(s->workers, ret_err);
	if (!m->node)
		return -1;
	m->metrics = metrics_new(node_slots(m->node) + 1, ret_err);
	if (!m->metrics)
		return -1;
	name_node(m);
	m->crew = crew_new(m->loop, &m->log, m->node, &events, ret_err);
	return m->crew ? 0 : -1;
}

static void close_all(struct master *m)
{
	crew_free(m->crew);
	if (m->node_fd >= 0)
		(void)unlink(node_file(m->node)); /* nobody is left */
	fd_close(&m->node_fd);
	metrics_free(m->metrics);
	node_free(m->node);
	listener_close(&m->listener);
	listener_close(&m->management);
	notify_close(&m->notify);
	if (m->loop) {
		signals_close(&m->signals, m->loop);
		loop_cancel(m->loop, m->stop_timer);
		loop_cancel(m->loop, m->watchdog_timer);
	}
	loop_free(m->loop);
}

int master_run(const struct master_options *options)
{
	struct master m = {
		.options = options,
		.settings = options->settings,
		.log = { .fd = STDERR_FILENO,
			 .level = options->settings.log_level,
			 .role = "master" },
		.signals = { .fd = -1 },
		.node_fd = -1,
		.listener = { .fd = -1, .lock_fd = -1 },
		.management = { .fd = -1, .lock_fd = -1 },
	};
	struct err err;

	notify_open(&m.notify);
	if (open_all(&m, &err)) {
		log_text(&m.log, LOG_ERROR, "start_failed", "%s", err.text);
		close_all(&m);
		return 1;
	}
	crew_start(m.crew);
	if (loop_run(m.loop, &err)) {
		log_text(&m.log, LOG_ERROR, "loop_failed", "%s", err.text);
		m.status = 1;
	}
	if (!m.status)
		log_text(&m.log, LOG_INFO, "stopped", "all workers have ended");
	close_all(&m);
	return m.status;
}
