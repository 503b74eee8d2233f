/*
 * log - one event, one line on stderr: `time=… level=… event=… worker=… key=value …`.
 *
 * Values are quoted and escaped when they hold anything but plain visible ASCII, control
 * characters and invalid UTF-8 included, and cut at LOG_VALUE_BYTES, so that a line is
 * always one line and parseable.  Escapes: \" \\ \n \r \t, and \xNN for any other byte.
 * Null is written as an empty value.  Never pass a token, a message text or a full phone
 * number (Law 8): there is log_phone() for the latter.
 *
 * A line is never spread over two write()s.  Without `held` each leaves at once by one of its
 * own.  With it lines of levels debug and info wait, until log_flush() or until one more would
 * not fit, and leave together; a warning or an error takes them along at once, behind them.
 * So the order is kept, and a process that is killed or aborts loses at most what it held:
 * who sets `held` calls log_flush() once a round of its loop, before the process ends, and
 * before it forks.
 *
 * Only pipeline, delivery, process and cli log; lower layers return errors.
 * One struct log per process, passed down; no global state.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

#define LOG_VALUE_BYTES 1024
#define LOG_LINE_BYTES 8192
#define LOG_HELD_BYTES 4096 /* PIPE_BUF: lines of several workers in one pipe do not mix */

enum log_level { LOG_DEBUG = 0, LOG_INFO, LOG_WARNING, LOG_ERROR };

/* Whole lines that have not been written yet. */
struct log_held {
	unsigned len;
	char text[LOG_HELD_BYTES];
};

struct log {
	int fd;                /* where lines go, 2 normally */
	enum log_level level;  /* lines below it are dropped */
	char role[24];         /* "master", "worker-1"... */
	struct log_held *held; /* borrowed; null: no line waits */
};

/* A line under construction; on the stack; cannot fail.  A field that does not fit is left
 * out whole; the line then (as after cutting a value) ends with cut=1.  Nothing is done when
 * the level is below the log's. */
struct log_line {
	const struct log *log;
	enum log_level level;
	unsigned len;
	bool dropped;
	bool cut;
	char text[LOG_LINE_BYTES];
};

void log_begin(struct log_line *line, const struct log *log, enum log_level level,
	       const char *event);
void log_str(struct log_line *line, const char *key, const char *value);
void log_int(struct log_line *line, const char *key, int64_t value);
/* "+62812*****89": the first digits and the last two.  At least five are hidden: of a
 * short number fewer of the first (at most five) are shown. */
void log_phone(struct log_line *line, const char *key, const char *phone);
void log_end(struct log_line *line);

/* Writes the lines that wait. */
void log_flush(const struct log *log);

/* A line with one text field `message`. */
void log_text(const struct log *log, enum log_level level, const char *event, const char *format,
	      ...) PRINTF_LIKE(4, 5);

const char *log_level_name(enum log_level level);

/* At most one line a second for one cause: true if a line may be written now; counts what
 * was held back into *ret_suppressed (to be logged) when it says true. */
struct log_rate {
	int64_t next_boot_ms;
	uint64_t suppressed;
};
bool log_rate_allows(struct log_rate *rate, int64_t boot_ms, uint64_t *ret_suppressed);

#endif
